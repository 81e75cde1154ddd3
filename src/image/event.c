// SPDX-License-Identifier: Apache-2.0
#include "image/event.h"

#include "registry/reference.h"
#include "state/event.h"

void image_event(const struct store *store, const char *action, const char *id, const char *name,
                 const struct image_config *config) {
    struct event event;
    event_begin(&event, "image", id);
    for (size_t i = 0; config && i < config->labels.count; i++)
        event_attribute(&event, config->labels.items[i].key, config->labels.items[i].value);
    event_attribute(&event, "name", name);
    event_end(&event, store->root_fd, action);
}

const char *image_familiar(struct arena *arena, const char *name) {
    struct reference reference;
    struct err ignored;
    if (!name || reference_parse(arena, name, &reference, &ignored)) return name;
    return reference_familiar(arena, &reference);
}

void image_events_removed(const struct store *store, const struct image *image, const char *const *lines,
                          size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (str_after(lines[i], "Untagged: "))
            image_event(store, "untag", image->id, image->id, &image->config);
        if (str_eq(str_after(lines[i], "Deleted: "), image->id))
            image_event(store, "delete", image->id, image->id, NULL);
    }
}
