// SPDX-License-Identifier: Apache-2.0
// Overlays of directories (overlayfs). lower ends with NULL and has the uppermost first; upper and work may
// be NULL: read-only. options: further flags, "volatile,userxattr", or NULL. -errno.
#pragma once

#include <stdbool.h>

struct overlay {
    const char *const *lower;
    const char *upper, *work, *options;
};

// Not attached anywhere. Before Linux 6.5 the list must fit into 255 bytes, else -ENAMETOOLONG.
int overlay_new(const struct overlay *overlay);
// The same by mount(2), for long lists, on any kernel. It takes 4095 bytes: a list that is longer still is
// one of numbers of descriptors. target and the paths are absolute: the process changes its directory for a
// moment.
int overlay_attach(const struct overlay *overlay, const char *target);

// Root of a user namespace can't write overlayfs's own attributes, trusted.overlay.*: there they are
// user.overlay.* (from Linux 5.11 on), and every overlay is told so. That option, or NULL.
const char *overlay_own_option(void);
// Attributes of that kind, by the rest of their name ("opaque"). -errno.
int overlay_mark(int fd, const char *name);
bool overlay_is_marked(int fd, const char *name);
