// SPDX-License-Identifier: Apache-2.0
#include "engine/parts.h"

static int name_is_taken(struct engine *engine, struct arena *arena, const char *name, struct err *err) {
    struct container holder;
    if (row_find(engine, arena, name, &holder, err)) return -1;
    return container_name_conflict(name, &holder, err);
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
    container_event_rename(engine, container->id, name);
    container_event(engine, &renamed, "rename", "oldName", arena_printf(&arena, "/%s", container->name),
                    NULL);
    return 0;
}
