// SPDX-License-Identifier: Apache-2.0
// Where a packet from one to another ends, in sentences: the way that it takes, step by step, as the kernel
// and the containers have it now, and at last a real try.
#pragma once

#include "engine/engine.h"

struct network_step {
    enum network_step_state {
        NETWORK_STEP_FINE,
        NETWORK_STEP_NOTE, // worth knowing; it need not be in the way
        NETWORK_STEP_ENDS, // here
    } state;
    const char *topic; // name, network, route, bridge, rules, firewall, port, listener, try, mtu
    const char *text;
};

struct network_why {
    struct network_step *items;
    size_t count;
    struct strings advice; // what to try
    bool tried;            // really, and it worked
    bool through;          // or nothing that could be seen is in the way
};

// from: a container, "host", or an address or name outside; to: the same, and may be ":PORT" and "/udp" or
// "/tcp" behind it ("[fd00::1]:80"); a link-local address has the sender's interface (fe80::1%eth0). Without
// a port it is an echo request that is tried. ERR_INVALID for what is none of these; a container that does
// not run is an answer, not an error.
int network_why(struct engine *engine, struct arena *arena, const char *from, const char *to,
                struct network_why *ret_why, struct err *err);
