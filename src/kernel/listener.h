// SPDX-License-Identifier: Apache-2.0
// Who listens on a port in a process's network namespace, as /proc/PID/net has it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum listener_protocol { LISTENER_TCP, LISTENER_UDP };

struct listeners {
    bool any4, any6;  // on every address of that IP version; a socket of :: may take IPv4, too (any6 alone)
    bool loopback;    // on 127.0.0.0/8 or ::1
    bool some;        // on an address of its own
    char address[46]; // that
};
// -ENOENT: there is no such process.
int listeners_find(int pid, enum listener_protocol protocol, uint16_t port, struct listeners *ret_listeners);
