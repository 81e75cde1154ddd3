// SPDX-License-Identifier: Apache-2.0
// Times as logs have them. Not by gmtime and strftime: those bring time zones and locales into a program that
// is meant to be small, and this is done for every block of output.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LOG_TIME_SIZE 40

// "2026-11-23T21:44:38", 19 bytes.
void log_time_seconds(int64_t second, char *ret_text);
// "2026-11-23T21:44:38.1234" without the zeros at the end of a fraction of at most so many digits. Returns
// the length.
size_t log_time_fraction(int64_t wall_ns, char *ret_text);
// "Nov 23 21:44:38", 15 bytes.
void log_time_stamp(int64_t second, char *ret_text);

void log_time_digits(char *at, int64_t value, int digits);
