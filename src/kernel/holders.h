// SPDX-License-Identifier: Apache-2.0
// A file that processes hold, of whom the kernel can name one. What they have in common (namespaces) lives as
// long as one of them does, and no record of it can be wrong: it is fcntl's locks, which end with their
// process. As with all of these, whoever closes any descriptor of the file lets go.
#pragma once

#include <sys/types.h>

int holders_join(int fd); // this process holds it, too; -errno
// One of the others, or 0 in *ret_pid; -ESRCH: there is one, which is in no pid namespace that we see.
int holders_find(int fd, pid_t *ret_pid);
// Only one process is between the two. -errno.
int holders_exclude(int fd);
int holders_admit(int fd);
