// SPDX-License-Identifier: Apache-2.0
// Time: a monotonic clock for measuring, the wall clock for records.
#pragma once

#include "base/err.h"

#include <stdint.h>

uint64_t clock_monotonic_ns(void);
int64_t clock_wall_ns(void);  // since 1970, UTC; this is how the database keeps times
#define CLOCK_NEVER INT64_MIN // what such a time can't hold: Docker's zero time, the year 1

// 2026-11-23T21:44:38.123456789Z, as Go's RFC3339Nano (trailing zeros cut); 0 gives Docker's zero time.
#define CLOCK_RFC3339_SIZE 36
const char *clock_rfc3339(int64_t wall_ns, char buffer[static CLOCK_RFC3339_SIZE]);
// The reverse, also for offsets like +02:00; years before 1678 and after 2262 are CLOCK_NEVER; -EINVAL.
int clock_parse_rfc3339(const char *text, int64_t *ret_wall_ns);

// "5 seconds", "About a minute", "3 weeks": a duration in words, as Docker's listings have it.
const char *clock_duration_words(int64_t duration_ns, char buffer[static 32]);

// "1m30s", "500ms", "-1.5h", as Go's time.ParseDuration; -EINVAL.
int clock_parse_duration(const char *text, int64_t *ret_ns);

// Times as people write them, for --since and --until: RFC 3339 (also without its tail: a date, an hour, a
// minute; without a zone it is local time), seconds since 1970, or how long before now_ns as Go writes a
// duration ("10m", "1h30m").
int clock_parse_time(const char *text, int64_t now_ns, int64_t *ret_ns, struct err *err);
