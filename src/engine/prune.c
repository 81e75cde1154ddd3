// SPDX-License-Identifier: Apache-2.0
#include "engine/prune.h"

#include "base/clock.h"
#include "base/usage.h"
#include "engine/parts.h"
#include "state/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct prune_filters {
    int64_t until_ns; // INT64_MAX: any time
    struct strings labels, not_labels;
};

bool container_has_label(const struct container *container, const char *wanted) {
    size_t key = strcspn(wanted, "=");
    for (size_t i = 0; i < container->config.labels.count; i++) {
        const struct spec_key_value *label = &container->config.labels.items[i];
        if (strncmp(label->key, wanted, key) != 0 || label->key[key]) continue;
        if (!wanted[key] || str_eq(label->value, wanted + key + 1)) return true;
    }
    return false;
}

uint64_t container_size(struct engine *engine, const struct container *container) {
    char folder[CONTAINER_FOLDER_SIZE], path[CONTAINER_FOLDER_SIZE + 8];
    struct usage usage = {0};
    snprintf(path, sizeof path, "%s/upper", container_folder(container->id, folder));
    (void)usage_add_at(&usage, engine->store.root_fd, path);
    usage_finish(&usage);
    return usage.content;
}

static int filters_read(struct arena *arena, const struct strings *texts, struct prune_filters *ret_filters,
                        struct err *err) {
    struct prune_filters filters = {.until_ns = INT64_MAX};
    for (size_t i = 0; i < texts->count; i++) {
        const char *text = texts->items[i], *value;
        if ((value = str_after(text, "until="))) {
            if (clock_parse_time(value, clock_wall_ns(), &filters.until_ns, err)) return -1;
        } else if ((value = str_after(text, "label!="))) {
            strings_add(arena, &filters.not_labels, value);
        } else if ((value = str_after(text, "label="))) {
            strings_add(arena, &filters.labels, value);
        } else {
            return err_set(err, ERR_INVALID, 0, "Invalid filter '%.*s'", (int)strcspn(text, "="), text);
        }
    }
    *ret_filters = filters;
    return 0;
}

static bool matches(const struct container *container, const struct prune_filters *filters) {
    if (str_eq(container->state, "running") || container->created >= filters->until_ns) return false;
    for (size_t i = 0; i < filters->labels.count; i++)
        if (!container_has_label(container, filters->labels.items[i])) return false;
    for (size_t i = 0; i < filters->not_labels.count; i++)
        if (container_has_label(container, filters->not_labels.items[i])) return false;
    return true;
}

// One that is started, or removed, meanwhile is passed over.
static int prune_one(struct engine *engine, struct arena *arena, const struct container *container,
                     struct container_pruned *pruned, struct err *err) {
    uint64_t bytes = container_size(engine, container);
    if (container_remove(engine, container, false, err)) return err->kind == ERR_CONFLICT ? 0 : -1;
    strings_add(arena, &pruned->ids, container->id);
    pruned->bytes += bytes;
    return 0;
}

int container_prune(struct engine *engine, struct arena *arena, const struct strings *filters,
                    struct container_pruned *ret_pruned, struct err *err) {
    struct prune_filters wanted = {0};
    struct containers containers;
    struct container_pruned pruned = {0};
    char text[24];
    if (filters_read(arena, filters, &wanted, err) || container_list(engine, arena, true, &containers, err))
        return -1;
    for (size_t i = 0; i < containers.count; i++)
        if (matches(&containers.items[i], &wanted) &&
            prune_one(engine, arena, &containers.items[i], &pruned, err))
            return -1;
    snprintf(text, sizeof text, "%" PRIu64, pruned.bytes);
    event_write(engine->store.root_fd, "container", "prune", "", "reclaimed", text, NULL);
    *ret_pruned = pruned;
    return 0;
}
