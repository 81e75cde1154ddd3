// SPDX-License-Identifier: Apache-2.0
// The parts of settings.c: a file of each format.
#pragma once

#include "registry/settings.h"

// A [[registry]] of registries.conf.
struct settings_registry {
    const char *prefix, *location; // location NULL: only with "*." prefixes
    const char *file;
    bool insecure, blocked, by_digest_only;
    struct settings_mirror {
        const char *location;
        bool insecure;
        enum { MIRROR_ALL, MIRROR_DIGEST, MIRROR_TAG } pull;
    } * mirrors;
    size_t mirror_count;
};
struct settings_registries {
    struct settings_registry *items;
    size_t count;
};

// registries.conf and registries.conf.d, the later over the earlier.
int registries_read(struct arena *arena, const char *etc, struct settings_registries *ret, struct err *err);
// The longest prefix that fits, and how much of the reference's text it takes; NULL when there is none.
const struct settings_registry *registries_find(const struct settings_registries *registries,
                                                const char *reference, size_t *ret_length);

// The endpoint's certificates: PEM texts.
int certificates_read(struct arena *arena, const char *etc, struct endpoint *endpoint, struct err *err);

// Names of files in a directory that end so, sorted. A missing directory has none. 0 or -errno.
int names_in(struct arena *arena, const char *directory, const char *suffix, struct strings *ret);
