// SPDX-License-Identifier: Apache-2.0
// A bag of descriptors: they lie in the queue of a unix socket, so that a process keeps any number of them
// with one descriptor of its own. Each message has a label and up to BAG_MAX descriptors. What is in the bag
// stays open until the bag's last descriptor is closed.
#pragma once

#include "base/fd.h"

#define BAG_MAX 64

// ret_bag is what is kept; ret_mouth is what is put into, closed when all is in.
int bag_make(int *ret_bag, int *ret_mouth);
// The caller keeps his descriptors, and closes them. size: of the label, at least 1.
int bag_put(int mouth, const void *label, size_t size, const int *fds, size_t count);

// Goes through the messages without taking anything out: *offset is 0 at first. Returns how many descriptors
// the message has, which the caller closes; -ENODATA behind the last; -EBADMSG for a label of another size;
// -EMFILE when the process can't have so many open. Who goes through a bag that others know locks it for the
// time; the lock ends with the process, or when it closes the bag.
int bag_lock(int bag);
void bag_unlock(int bag);
ssize_t bag_look(int bag, size_t *offset, void *label, size_t size, int ret_fds[static BAG_MAX]);
