// SPDX-License-Identifier: Apache-2.0
// The file that events are written to: <root>/events, a JSON document a line. Anybody appends, each line with
// one write at the file's end, so that no two mix and nobody waits. A file that has become long is renamed to
// EVENT_LOG_OLD, in the place of the one before. What is written last may be lost when the machine crashes.
#pragma once

#include <sys/uio.h>

#define EVENT_LOG          "events"
#define EVENT_LOG_OLD      "events.1"
#define EVENT_LOG_SIZE     (4 << 20)
#define EVENT_LOG_LINE_MAX (1 << 20)

// A line in parts, the newline with them. 0 or -errno; a line that the disk has no room for is not there.
int event_log_append(int root, const struct iovec *parts, int count);
