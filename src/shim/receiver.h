// SPDX-License-Identifier: Apache-2.0
// Somebody who is sent each line of a log: journald by its native protocol, or a syslog daemon, over the
// socket that the plan's maker connected. One that takes nothing is waited for a moment, then it loses lines
// until it takes some again, and is told how many. One that was started anew is connected to again.
#pragma once

#include "plan/plan.h"
#include "shim/log_piece.h"

#include <sys/socket.h>

#define RECEIVER_HEAD 1024

struct receiver {
    int fd; // -1: not connected now
    bool present, stream, stuck;
    const struct plan_block *plan;
    struct sockaddr_storage address;
    socklen_t address_size;
    int64_t retry_ns; // not connected to before
    uint64_t lost;
    int lost_error;
    size_t rest; // of a message that a stream took a part of
    char rest_bytes[LOG_LINE + 2 * RECEIVER_HEAD];
};

void receiver_init(struct receiver *receiver, const struct plan_block *plan, int fd);
void receiver_put(struct receiver *receiver, const struct log_piece *piece);
// Nothing more comes.
void receiver_end(struct receiver *receiver);
