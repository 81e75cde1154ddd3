// SPDX-License-Identifier: Apache-2.0
#include "engine/networks.h"
#include "engine/parts.h"
#include "engine/resolver.h"

static int name_is_taken(struct engine *engine, struct arena *arena, const char *name, struct err *err) {
    struct container holder;
    if (row_find(engine, arena, name, &holder, err)) return -1;
    return container_name_conflict(name, &holder, err);
}

// Who is on its networks finds it by the new name only.
static int rename_names(struct engine *engine, struct arena *arena, const struct container *container,
                        struct err *err) {
    struct endpoints endpoints;
    bool is_new;
    if (!container_is_live(container)) return 0;
    return networks_endpoints(engine, arena, container, &endpoints, err) ||
                   names_change(engine, arena, container, &endpoints, &is_new, err)
               ? -1
               : 0;
}

int container_rename(struct engine *engine, const struct container *container, const char *name,
                     struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    if (*name == '/') name++;
    if (!*name) return err_set(err, ERR_INVALID, 0, "Neither old nor new names may be empty");
    if (str_eq(name, container->name))
        return err_set(err, ERR_INVALID, 0, "Renaming a container with the same name as its current name");
    if (container_name_check(name, err)) return err_wrap(err, "Error when allocating new name");
    int changed = db_run(engine->store.db, err, "UPDATE container SET name = ? WHERE id = ?", "ss", name,
                         container->id);
    if (changed < 0 && db_is_duplicate(engine->store.db)) {
        (void)name_is_taken(engine, &arena, name, err);
        return err_wrap(err, "Error when allocating new name");
    }
    if (changed < 0) return -1;
    if (!changed) return err_set(err, ERR_NOT_FOUND, 0, "No such container: %s", container->name);
    struct container renamed = *container;
    renamed.name = name;
    if (rename_names(engine, &arena, &renamed, err)) return -1;
    container_event_rename(engine, container->id, name);
    container_event(engine, &renamed, "rename", "oldName", arena_printf(&arena, "/%s", container->name),
                    NULL);
    return 0;
}
