// SPDX-License-Identifier: Apache-2.0
// sd_notify (sd_notify(3)) out of a container: with NOTIFY_SOCKET in the runtime's environment the command
// gets a socket of the container's own, and that it is ready is told to the host's, with the pid that the
// service manager is to watch.
#pragma once

#include "hoy-runtime/container.h"

// Before the plan is made: the mount of the socket's folder, and the variable. Nothing without NOTIFY_SOCKET.
void notify_add(struct invocation *invocation, const char *folder, struct spec *spec);

// The folder that is mounted.
int notify_make_folder(const struct container *container, struct err *err);

// Before the command runs. A socket, or -1 where there is nothing to be told; -2 with *err.
int notify_bind(const struct container *container, struct err *err);

// Waits until somebody in the container says READY=1, and tells the host; or until the process of pidfd ends.
int notify_forward(int socket, pid_t main_pid, int pidfd, struct err *err);

// The same for a runtime that becomes a shim: in a process of its own, whose parent is the main process.
int notify_forward_aside(int socket, struct err *err);
