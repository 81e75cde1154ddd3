// SPDX-License-Identifier: Apache-2.0
// The container table, read.
#include "engine/parts.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                                            \
    "SELECT id, name, image_id, image_name, created, config, state, auto_remove, pid, started, finished, " \
    "exit_code, oom_killed, error, restart_count, stopped FROM container "

static int row_read(struct arena *arena, const struct db_rows *rows, struct container *ret_container,
                    struct err *err) {
    *ret_container = (struct container){
        .id = arena_strdup(arena, db_text(rows, 0)),
        .name = arena_strdup(arena, db_text(rows, 1)),
        .image_id = arena_strdup(arena, db_text(rows, 2)),
        .image_name = arena_strdup(arena, db_text(rows, 3)),
        .created = db_i64(rows, 4),
        .state = arena_strdup(arena, db_text(rows, 6)),
        .auto_remove = db_i64(rows, 7) != 0,
        .pid = (int32_t)db_i64(rows, 8),
        .started = db_i64(rows, 9),
        .finished = db_i64(rows, 10),
        .exit_code = (int)db_i64(rows, 11),
        .oom_killed = db_i64(rows, 12) != 0,
        .error = arena_strdup(arena, db_text(rows, 13)),
        .restart_count = db_i64(rows, 14),
        .stopped = db_i64(rows, 15) != 0,
    };
    const char *text = db_text(rows, 5);
    _cleanup_(json_freep) struct json *json = NULL;
    if (json_parse(text, strlen(text), &json))
        return err_set(err, ERR_INVALID, 0, "container %s: its settings in the database are damaged",
                       ret_container->name);
    if (container_config_read(arena, json, &ret_container->config, err))
        return err_wrap(err, "container %s", ret_container->name);
    return 0;
}

#define BY_ID COLUMNS "WHERE id = ?"

void row_expect_load(struct engine *engine) {
    db_compile(engine->store.db, BY_ID);
}

int row_load(struct engine *engine, struct arena *arena, const char *id, struct container *ret_container,
             struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(engine->store.db, &rows, err, BY_ID, "s", id)) return -1;
    int r = db_next(&rows, err);
    return r == 1 && row_read(arena, &rows, ret_container, err) ? -1 : r;
}

int row_settle(struct engine *engine, struct arena *arena, const char *id, struct container *ret_container,
               struct err *err) {
    int r = row_load(engine, arena, id, ret_container, err);
    return r > 0 ? container_settle(engine, arena, ret_container, err) : r;
}

int row_set_running(struct engine *engine, const char *id, int32_t pid, struct err *err) {
    return db_do(engine->store.db, err,
                 "UPDATE container SET state = 'running', pid = ?, exit_code = 0 WHERE id = ? AND state = "
                 "'starting'",
                 "is", (int64_t)pid, id);
}

int row_exists(struct engine *engine, const char *id, struct err *err) {
    return db_number(engine->store.db, NULL, err, "SELECT 1 FROM container WHERE id = ?", "s", id);
}

static int find_exact(struct engine *engine, struct arena *arena, const char *name,
                      struct container *ret_container, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    // An id goes before a name that looks like one.
    if (db_query(engine->store.db, &rows, err, COLUMNS "WHERE id = ?1 OR name = ?1 ORDER BY id <> ?1", "s",
                 name))
        return -1;
    int r = db_next(&rows, err);
    return r == 1 && row_read(arena, &rows, ret_container, err) ? -1 : r;
}

// 'g' comes after every hex digit.
static int find_prefix(struct engine *engine, struct arena *arena, const char *prefix,
                       struct container *ret_container, struct err *err) {
    if (prefix[strspn(prefix, "0123456789abcdef")] || strlen(prefix) >= ID_SIZE) return 0;
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(engine->store.db, &rows, err, COLUMNS "WHERE id > ?1 AND id < ?1 || 'g' LIMIT 2", "s",
                 prefix))
        return -1;
    int r = db_next(&rows, err);
    if (r <= 0) return r;
    if (row_read(arena, &rows, ret_container, err)) return -1;
    r = db_next(&rows, err);
    if (r > 0) return err_set(err, ERR_INVALID, 0, "multiple IDs found with provided prefix: %s", prefix);
    return r < 0 ? -1 : 1;
}

int row_find(struct engine *engine, struct arena *arena, const char *name, struct container *ret_container,
             struct err *err) {
    const char *bare = *name == '/' ? name + 1 : name;
    int r = *bare ? find_exact(engine, arena, bare, ret_container, err) : 0;
    if (r == 0 && *bare) r = find_prefix(engine, arena, bare, ret_container, err);
    if (r == 0) return err_set(err, ERR_NOT_FOUND, 0, "No such container: %s", name);
    return r < 0 ? -1 : 0;
}

int row_store_config(struct engine *engine, const char *id, const struct container_config *config,
                     struct err *err) {
    _cleanup_(freep) char *text = container_config_text(config);
    int changed =
        db_run(engine->store.db, err, "UPDATE container SET config = ? WHERE id = ? AND state <> 'removing'",
               "ss", text, id);
    if (changed == 0) return err_set(err, ERR_CONFLICT, 0, "it is marked for removal and cannot be updated");
    return changed < 0 ? -1 : 0;
}

static int newest_first(const void *a, const void *b) {
    const struct container *x = a, *y = b;
    if (x->created != y->created) return x->created < y->created ? 1 : -1;
    return strcmp(x->id, y->id);
}

// SQLite would copy whole rows to sort them.
int row_list(struct engine *engine, struct arena *arena, bool all, struct containers *ret_containers,
             struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    struct containers list = {0};
    if (all) db_expect_much(engine->store.db);
    if (db_query(engine->store.db, &rows, err,
                 COLUMNS "WHERE ? OR state IN ('starting', 'running', 'restarting')", "i", (int64_t)all))
        return -1;
    int r;
    while ((r = db_next(&rows, err)) > 0)
        if (row_read(arena, &rows, arena_push(arena, &list), err)) return -1;
    if (list.count) qsort(list.items, list.count, sizeof *list.items, newest_first);
    *ret_containers = list;
    return r;
}
