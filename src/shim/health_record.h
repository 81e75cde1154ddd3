// SPDX-License-Identifier: Apache-2.0
// The results of a container's health checks: a file of fixed size in its run directory ("health"), which the
// shim has mapped and keeps up to date. Whoever reads it needs no shim: the kernel has what was written.
#pragma once

#include <stdint.h>

#define HEALTH_MAGIC       0x68796f68u
#define HEALTH_LOG_MAX     5    // Docker keeps as many
#define HEALTH_OUTPUT_MAX  4096 // bytes of what a check printed
#define HEALTH_NOT_STARTED (-1) // the exit code of a check that could not be made, or was not in time

enum health_status { HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };

struct health_entry {
    int64_t start_ns, end_ns; // wall clock
    int32_t exit_code;
    uint16_t size;
    uint16_t truncated;
    char output[HEALTH_OUTPUT_MAX];
};

struct health_record {
    uint32_t magic;
    uint32_t version; // odd while it is being changed
    uint32_t status;  // enum health_status
    uint32_t failing_streak;
    uint32_t checks; // so many were made; the last ones are entries[(checks - 1) % HEALTH_LOG_MAX] and before
    uint32_t reserved;
    struct health_entry entries[HEALTH_LOG_MAX];
};

// What the program that makes a command check writes to its standard output, followed by what the check
// printed.
struct probe_answer {
    int32_t exit_code; // or HEALTH_NOT_STARTED
};
