// SPDX-License-Identifier: Apache-2.0
// One of our own standard streams, written without ever waiting, and without O_NONBLOCK on a description that
// we share with a shell and all it started.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum sink_kind { SINK_NONBLOCKING, SINK_SOCKET, SINK_POLLED, SINK_FILE };

struct sink {
    int fd; // -1: what comes is thrown away
    bool owned;
    enum sink_kind kind;
};

void sink_init(struct sink *sink, int fd);
void sink_finish(struct sink *sink);

// Some of it, or -errno; -EAGAIN: wait for POLLOUT on sink->fd.
ssize_t sink_write(struct sink *sink, const void *bytes, size_t size);
