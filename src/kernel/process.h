// SPDX-License-Identifier: Apache-2.0
// Who a process id stands for. A number is given to somebody else once its process is gone; with the time at
// which it began it is nobody else's.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_stat {
    char state;          // 'R', 'S', 'Z' …: proc(5)
    uint64_t start_time; // clock ticks since the boot
};

// -ENOENT or -ESRCH when there is none.
int process_stat(pid_t pid, struct process_stat *ret_stat);

// Whether this process is in another user namespace than the machine's first. Root there is not the machine's
// root.
bool process_in_user_namespace(void);
