// SPDX-License-Identifier: Apache-2.0
// What hoy and its fetch worker say to each other: JSON messages on a SOCK_SEQPACKET socket, each whole or
// not at all, may be with a descriptor.
#pragma once

#include "base/str.h"

#define CHANNEL_MESSAGE_MAX (128u << 10)

// fd: -1 for none. -errno; never raises SIGPIPE.
int channel_send(int socket, const char *text, size_t size, int fd);
// Waits for a message: 1, 0 when the other side has gone, -errno. *ret_fd is -1 when none came with it.
int channel_receive(int socket, struct str *ret_text, int *ret_fd);
