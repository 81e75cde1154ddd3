// SPDX-License-Identifier: Apache-2.0
// What a container uses at the moment, as Docker counts it.
#pragma once

#include "engine/engine.h"

struct container_sample {
    bool there;          // it runs, and its groups could be read
    bool uncounted;      // it runs without groups of its own: only the network is known
    uint64_t cpu_ns;     // of CPU so far
    uint64_t machine_ns; // of all of the machine's CPUs so far, idle or not
    unsigned cpus;
    uint64_t memory, memory_limit; // without the cache that can go; the machine's where there is no limit
    uint64_t received, sent;       // by its network interfaces
    uint64_t read, written;        // of block devices
    uint64_t pids;
};

// Never fails: what can't be read is 0.
void container_sample(struct engine *engine, const struct container *container,
                      struct container_sample *ret_sample);
// Of one CPU; a container that keeps two busy has 200.
double container_cpu_percent(const struct container_sample *before, const struct container_sample *now);
