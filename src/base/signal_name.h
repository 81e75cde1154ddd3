// SPDX-License-Identifier: Apache-2.0
// Signals by the names that people give them. (Not signal.h: that would hide the C library's.)
#pragma once

// "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3" to its number; -EINVAL for anything else (0 as well).
int signal_parse(const char *text);
