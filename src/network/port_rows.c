// SPDX-License-Identifier: Apache-2.0
// A row is a run of ports, however long. Two indexes answer whether a run meets another: one by the first
// port, and one that has only runs of several, of which there are few.
#include "network/port.h"

#include <stdio.h>
#include <string.h>

static int find(struct db *db, const char *sql, const struct port_run *run, char ret_holder[static ID_SIZE],
                struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    const char *all = run->family == AF_INET ? "0.0.0.0" : "::";
    int64_t first = run->host_port, last = first + run->count - 1;
    if (db_query(db, &rows, err, sql, "iiiiss", (int64_t)run->protocol, (int64_t)run->family, first, last,
                 run->host, all))
        return -1;
    int r = db_next(&rows, err);
    if (r > 0) snprintf(ret_holder, ID_SIZE, "%s", db_text(&rows, 0));
    return r;
}

// Who has a port of the run: 1, 0 when nobody.
static int find_holder(struct db *db, const struct port_run *run, char ret_holder[static ID_SIZE],
                       struct err *err) {
    int r =
        find(db,
             "SELECT container_id FROM port WHERE protocol = ?1 AND family = ?2 AND host_port BETWEEN ?3 AND "
             "?4 AND (host = ?5 OR host = ?6 OR ?5 = ?6) LIMIT 1",
             run, ret_holder, err);
    if (r) return r;
    return find(
        db,
        "SELECT container_id FROM port WHERE count > 1 AND protocol = ?1 AND family = ?2 AND host_port < "
        "?3 AND host_port + count > ?3 AND (host = ?5 OR host = ?6 OR ?5 = ?6) LIMIT 1",
        run, ret_holder, err);
}

int port_row_take(struct db *db, const char *container_id, const struct port_run *run, bool pending,
                  char ret_holder[static ID_SIZE], struct err *err) {
    int r = find_holder(db, run, ret_holder, err);
    if (r) return r < 0 ? -1 : 0;
    return db_run(db, err,
                  "INSERT INTO port (protocol, family, host_port, host, count, port, target, container_id, "
                  "pending) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  "iiisiiisi", (int64_t)run->protocol, (int64_t)run->family, (int64_t)run->host_port,
                  run->host, (int64_t)run->count, (int64_t)run->port, (int64_t)run->target, container_id,
                  (int64_t)pending) < 0
               ? -1
               : 1;
}

int port_rows_load(struct db *db, struct arena *arena, const char *container_id, bool pending,
                   struct port_runs *ret_runs, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    struct port_runs runs = {0};
    int r;
    if (db_query(
            db, &rows, err,
            "SELECT protocol, family, host_port, host, count, port, target FROM port WHERE container_id = ? "
            "AND pending = ? ORDER BY port, protocol, host, host_port",
            "si", container_id, (int64_t)pending))
        return -1;
    while ((r = db_next(&rows, err)) > 0) {
        struct port_run *run = arena_push(arena, &runs);
        *run = (struct port_run){.protocol = (uint8_t)db_i64(&rows, 0),
                                 .family = (uint8_t)db_i64(&rows, 1),
                                 .host_port = (uint16_t)db_i64(&rows, 2),
                                 .count = (uint32_t)db_i64(&rows, 4),
                                 .port = (uint16_t)db_i64(&rows, 5),
                                 .target = (uint8_t)db_i64(&rows, 6)};
        snprintf(run->host, sizeof run->host, "%s", db_text(&rows, 3));
    }
    if (r < 0) return -1;
    *ret_runs = runs;
    return 0;
}

int port_rows_release(struct db *db, const char *container_id, struct err *err) {
    return db_run(db, err, "DELETE FROM port WHERE container_id = ?", "s", container_id) < 0 ? -1 : 0;
}

int port_rows_drop_pending(struct db *db, const char *container_id, struct err *err) {
    return db_run(db, err, "DELETE FROM port WHERE pending AND container_id = ?", "s", container_id) < 0 ? -1
                                                                                                         : 0;
}

int port_row_drop(struct db *db, const char *container_id, const struct port_run *run, struct err *err) {
    return db_run(db, err,
                  "DELETE FROM port WHERE protocol = ? AND family = ? AND host_port = ? AND host = ? AND "
                  "container_id = ?",
                  "iiiss", (int64_t)run->protocol, (int64_t)run->family, (int64_t)run->host_port, run->host,
                  container_id) < 0
               ? -1
               : 0;
}

int port_row_set_pending(struct db *db, const char *container_id, const struct port_run *run, bool pending,
                         struct err *err) {
    return db_run(
               db, err,
               "UPDATE port SET pending = ? WHERE protocol = ? AND family = ? AND host_port = ? AND host = ? "
               "AND container_id = ?",
               "iiiiss", (int64_t)pending, (int64_t)run->protocol, (int64_t)run->family,
               (int64_t)run->host_port, run->host, container_id) < 0
               ? -1
               : 0;
}

int port_rows_list_pending(struct db *db, struct arena *arena, struct strings *ret_ids, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (db_query(db, &rows, err, "SELECT DISTINCT container_id FROM port WHERE pending", "")) return -1;
    while ((r = db_next(&rows, err)) > 0) strings_add(arena, ret_ids, arena_strdup(arena, db_text(&rows, 0)));
    return r < 0 ? -1 : 0;
}
