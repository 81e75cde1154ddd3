// SPDX-License-Identifier: Apache-2.0
// Waiting for many descriptors at once: epoll, and objects that may go while events for them are in
// hand.
#pragma once

#include "base/macro.h"

#include <stdbool.h>
#include <stdint.h>

struct epoll_event;

// A descriptor and who is told of it. Stands in what it belongs to.
struct watch {
    int fd; // owned once it is watched; -1: none
    void (*ready)(struct watch *watch, uint32_t events);
    void *owner;
};

#define WATCH_NONE   \
    (struct watch) { \
        .fd = -1     \
    }

struct loop {
    int epoll;
    struct epoll_event *events; // those that are being handed out
    int count;
};

int loop_init(struct loop *loop);

// events: EPOLLIN, EPOLLOUT. 0 or -errno; the watch takes the descriptor only when it goes well.
int watch_add(struct loop *loop, struct watch *watch, int fd, uint32_t events);
int watch_change(struct loop *loop, struct watch *watch, uint32_t events);
// Closes the descriptor. No event for it is handed out any more, not even one that is there already.
void watch_remove(struct loop *loop, struct watch *watch);
// The same, and gives the descriptor to the caller; -1: none.
int watch_take(struct loop *loop, struct watch *watch);

// Hands out the next events; timeout_ms -1: waits as long as it takes.
int loop_once(struct loop *loop, int timeout_ms);
