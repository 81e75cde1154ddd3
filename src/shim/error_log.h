// SPDX-License-Identifier: Apache-2.0
// The log that an OCI runtime is told to keep: a line an event, as callers of runc read it.
#pragma once

#include <stdbool.h>

// {"level":"error","msg":"…","time":"2026-11-23T21:44:38Z"} or the same as text. fd -1 is passed over.
void error_log(int fd, bool json, const char *level, const char *message);
