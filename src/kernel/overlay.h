// SPDX-License-Identifier: Apache-2.0
// Overlays of directories (overlayfs). lower ends with NULL and has the uppermost first; upper and work may
// be NULL: read-only. option is a further flag, or NULL. -errno.
#pragma once

struct overlay {
    const char *const *lower;
    const char *upper, *work, *option;
};

// Not attached anywhere. Before Linux 6.5 the list must fit into 255 bytes, else -ENAMETOOLONG.
int overlay_new(const struct overlay *overlay);
// The same by mount(2), for long lists: it takes 4095 bytes on any kernel (else -E2BIG).
int overlay_attach(const struct overlay *overlay, const char *target);
