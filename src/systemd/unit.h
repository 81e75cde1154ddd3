// SPDX-License-Identifier: Apache-2.0
// Transient scopes of systemd's, over its bus. All return 0 or -1 with a sentence.
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

struct unit_property {
    const char *name, *value; // value: GVariant's text
};
struct unit_properties {
    const struct unit_property *items;
    size_t count;
};

// The system's bus, or that of a user's own manager, by its address.
int unit_connect(const char *user_bus, sd_bus **ret_bus, struct err *err);

// Makes the scope with this process in it, delegated and with all accounting, and returns when systemd has
// done it. A failed unit of the same name is forgotten first. ret_group is what systemd calls ControlGroup;
// the caller frees it.
int unit_start(sd_bus *bus, const char *unit, const char *slice, unsigned pid,
               const struct unit_properties *properties, char **ret_group, struct err *err);

// Ends the scope and what is in it, and forgets a failure. One that is not there is fine.
int unit_stop(sd_bus *bus, const char *unit, struct err *err);

// Until the machine's next boot.
int unit_set(sd_bus *bus, const char *unit, const struct unit_properties *properties, struct err *err);
