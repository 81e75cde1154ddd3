// SPDX-License-Identifier: Apache-2.0
#include "engine/prune.h"

#include "args/filter.h"
#include "base/usage.h"
#include "engine/parts.h"
#include "state/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

uint64_t container_size(struct engine *engine, const struct container *container) {
    char path[CONTAINER_FILE_SIZE];
    struct usage usage = {0};
    (void)usage_add_at(&usage, engine->store.root_fd, container_file(container->id, "upper", path));
    usage_finish(&usage);
    return usage.content;
}

static bool is_wanted(const struct container *container, const struct filters *filters) {
    const struct prunable prunable = {container->created, &container->config.labels};
    return !str_eq(container->state, "running") && filters_match(filters, &prunable);
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
    struct filters wanted;
    struct containers containers;
    struct container_pruned pruned = {0};
    char text[24];
    if (filters_read(arena, &prune_filter_keys, filters, NULL, &wanted, err) ||
        container_list(engine, arena, true, &containers, err))
        return -1;
    for (size_t i = 0; i < containers.count; i++)
        if (is_wanted(&containers.items[i], &wanted) &&
            prune_one(engine, arena, &containers.items[i], &pruned, err))
            return -1;
    snprintf(text, sizeof text, "%" PRIu64, pruned.bytes);
    event_write(engine->store.root_fd, "container", "prune", "", "reclaimed", text, NULL);
    *ret_pruned = pruned;
    return 0;
}
