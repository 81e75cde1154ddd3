// SPDX-License-Identifier: Apache-2.0
// The user's own terminal, put into raw mode and back.
#pragma once

#include "shim/protocol.h"

#include <stdbool.h>
#include <termios.h>

struct terminal {
    int fd; // borrowed; -1: not in raw mode
    struct termios before;
};

// 0, or -errno (-ENOTTY: it is no terminal). Every byte typed is passed on, also ctrl-C and ctrl-Z.
int terminal_make_raw(struct terminal *terminal, int fd);
void terminal_restore(struct terminal *terminal);

// False when fd is no terminal or has no size.
bool terminal_size(int fd, struct shim_size *ret_size);
