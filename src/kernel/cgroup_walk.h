// SPDX-License-Identifier: Apache-2.0
// What the files about cgroups share. Private to src/kernel.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Calls each(descriptor of the group, data) for all groups below and then for this one; what it returns other
// than 0 ends the walk and is returned. Groups that go away meanwhile are passed over.
int cgroup_walk(int group, int (*each)(int group, void *data), void *data);

// A small file's text, cut at the buffer's end. The length or -errno.
ssize_t cgroup_read(int dir, const char *path, char *buffer, size_t size);

// Milliseconds until the deadline, for poll.
int cgroup_remaining_ms(uint64_t deadline_ns);

// Waits until the events of a v2 group have a line, like "populated 0". -ETIMEDOUT; -ENODEV when the group is
// removed meanwhile.
int cgroup_wait_event(int group, const char *line, uint64_t deadline_ns);
