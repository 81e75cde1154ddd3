// SPDX-License-Identifier: Apache-2.0
// `hoy manifest`: manifests of registries looked at, and lists of them that are put together here (the table
// list_manifest) and pushed. The images of a list stay where they are until then.
#pragma once

#include "image/image.h"
#include "registry/reference.h"

// A manifest as its registry has it.
struct remote_manifest {
    const char *text, *digest, *media_type;
    bool is_index;
    const char *config; // of a manifest
};
int manifest_fetch(struct store *store, struct arena *arena, const struct reference *reference,
                   struct remote_manifest *ret_manifest, struct err *err);

struct list_platform {
    const char *architecture, *os, *os_version, *variant; // NULL where absent
    struct strings os_features;
};
void list_platform_read(struct arena *arena, const struct json *json, struct list_platform *ret_platform);

struct list_entry {
    const char *image; // the full name by which it was named
    const char *text, *digest, *media_type;
    uint64_t size;
    struct list_platform platform;
};
struct list_entries {
    struct list_entry *items;
    size_t count;
};

// list: a full name. Entries by name; none: there is no such list.
int manifest_list_find(struct store *store, struct arena *arena, const char *list,
                       struct list_entries *ret_entries, struct err *err);
// Adds or replaces, all or none.
int manifest_list_add(struct store *store, const char *list, const struct list_entries *entries,
                      struct err *err);
// How many entries it had.
int manifest_list_remove(struct store *store, const char *list, struct err *err);

// The list as a document: Docker's, or OCI's when its first manifest is.
const char *manifest_list_write(struct arena *arena, const struct list_entries *entries,
                                const char **ret_media_type);
void list_platform_write(struct json_writer *w, const char *key, const struct list_platform *platform);

// Copies the images that are elsewhere into the list's repository, and then puts the list there.
int manifest_list_push(struct arena *arena, const struct reference *list, const struct list_entries *entries,
                       const char **ret_digest, struct err *err);
// Is the image in another repository than the list?
bool list_entry_is_elsewhere(struct arena *arena, const struct reference *list,
                             const struct list_entry *entry);
