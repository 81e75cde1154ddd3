// SPDX-License-Identifier: Apache-2.0
// A row is a run of ports, however long. Two indexes answer whether a run meets another: one by the first
// port, and one that has only runs of several, of which there are few.
#include "network/port.h"

#include "network/rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int find(struct db *db, const char *sql, const struct port_run *run, struct port_holder *ret_holder,
                struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    const char *all = run->family == AF_INET ? "0.0.0.0" : "::";
    int64_t first = run->host_port, last = first + run->count - 1;
    if (db_query(db, &rows, err, sql, "iiiiss", (int64_t)run->protocol, (int64_t)run->family, first, last,
                 run->host, all))
        return -1;
    int r = db_next(&rows, err);
    if (r <= 0) return r;
    snprintf(ret_holder->id, ID_SIZE, "%s", db_text(&rows, 0));
    ret_holder->host_port = (uint16_t)(db_i64(&rows, 1) > first ? db_i64(&rows, 1) : first);
    return r;
}

// Who has a port of the run: 1, 0 when nobody.
static int find_holder(struct db *db, const struct port_run *run, struct port_holder *ret_holder,
                       struct err *err) {
    int r = find(
        db,
        "SELECT container_id, host_port FROM port WHERE protocol = ?1 AND family = ?2 AND host_port BETWEEN "
        "?3 AND ?4 AND (host = ?5 OR host = ?6 OR ?5 = ?6) ORDER BY host_port LIMIT 1",
        run, ret_holder, err);
    if (r) return r;
    return find(db,
                "SELECT container_id, host_port FROM port WHERE count > 1 AND protocol = ?1 AND family = ?2 "
                "AND host_port < ?3 AND host_port + count > ?3 AND (host = ?5 OR host = ?6 OR ?5 = ?6) "
                "LIMIT 1",
                run, ret_holder, err);
}

int port_row_take(struct db *db, const char *container_id, const struct port_run *run, bool pending,
                  struct port_holder *ret_holder, struct err *err) {
    int r = find_holder(db, run, ret_holder, err);
    if (r) return r < 0 ? -1 : 0;
    return db_run(db, err,
                  "INSERT INTO port (protocol, family, host_port, host, count, port, address, container_id, "
                  "pending, respect) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  "iiisiissii", (int64_t)run->protocol, (int64_t)run->family, (int64_t)run->host_port,
                  run->host, (int64_t)run->count, (int64_t)run->port, run->address, container_id,
                  (int64_t)pending, (int64_t)run->respect) < 0
               ? -1
               : 1;
}

#define COLUMNS "protocol, family, host_port, host, count, port, address, respect"

static struct port_run run_read(const struct db_rows *rows) {
    struct port_run run = {.protocol = (uint8_t)db_i64(rows, 0),
                           .family = (uint8_t)db_i64(rows, 1),
                           .host_port = (uint16_t)db_i64(rows, 2),
                           .count = (uint32_t)db_i64(rows, 4),
                           .port = (uint16_t)db_i64(rows, 5),
                           .respect = db_i64(rows, 7)};
    snprintf(run.host, sizeof run.host, "%s", db_text(rows, 3));
    snprintf(run.address, sizeof run.address, "%s", db_text(rows, 6));
    return run;
}

int port_row_find(struct db *db, const struct port_address *address, char ret_holder[static ID_SIZE],
                  struct port_run *ret_run, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    char host[INET6_ADDRSTRLEN] = "";
    inet_ntop(address->family, address->bytes, host, sizeof host);
    if (db_query(db, &rows, err,
                 "SELECT " COLUMNS
                 ", container_id FROM port WHERE protocol = ? AND family = ? AND host_port <= ?3 "
                 "AND ?3 < host_port + count AND host IN (?4, ?5) AND pending <> 1 ORDER BY host = ?4 DESC",
                 "iiiss", (int64_t)address->protocol, (int64_t)address->family, (int64_t)address->port, host,
                 address->family == AF_INET ? "0.0.0.0" : "::"))
        return -1;
    int r = db_next(&rows, err);
    if (r <= 0) return r;
    *ret_run = run_read(&rows);
    snprintf(ret_holder, ID_SIZE, "%s", db_text(&rows, 8));
    return 1;
}

static int runs_read(struct db_rows *rows, struct arena *arena, struct port_runs *ret_runs, struct err *err) {
    struct port_runs runs = {0};
    int r;
    while ((r = db_next(rows, err)) > 0) *arena_push(arena, &runs) = run_read(rows);
    if (r < 0) return -1;
    *ret_runs = runs;
    return 0;
}

int port_rows_load(struct db *db, struct arena *arena, const char *container_id, bool pending,
                   struct port_runs *ret_runs, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    return db_query(db, &rows, err,
                    "SELECT " COLUMNS " FROM port WHERE container_id = ? AND (pending = 1) = ? "
                    "ORDER BY port, protocol, host, host_port",
                    "si", container_id, (int64_t)pending) ||
                   runs_read(&rows, arena, ret_runs, err)
               ? -1
               : 0;
}

int port_rows_load_switching(struct db *db, struct arena *arena, const char *container_id,
                             struct port_runs *ret_runs, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    return db_query(db, &rows, err,
                    "SELECT " COLUMNS " FROM port WHERE container_id = ? AND pending AND pending = 2", "s",
                    container_id) ||
                   runs_read(&rows, arena, ret_runs, err)
               ? -1
               : 0;
}

// In the kernel

static void ports_add(struct arena *arena, const struct port_run *run, struct nft_ports *ports) {
    struct plan_port first = port_run_plan(run);
    for (uint32_t i = 0; i < first.count; i++) {
        struct nft_port port = {.family = first.family,
                                .protocol = first.protocol,
                                .host_port = (uint16_t)(first.host_port + i),
                                .port = (uint16_t)(first.port + i),
                                .respect = first.respect};
        memcpy(port.host, first.host, sizeof port.host);
        memcpy(port.address, first.address, sizeof port.address);
        *arena_push(arena, ports) = port;
    }
}

int port_rows_rules(struct db *db, struct arena *arena, struct nft_ports *ret_ports, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    struct nft_ports ports = {0};
    struct port_runs runs;
    if (db_query(db, &rows, err, "SELECT " COLUMNS " FROM port WHERE pending <> 1", "") ||
        runs_read(&rows, arena, &runs, err))
        return -1;
    for (size_t i = 0; i < runs.count; i++) ports_add(arena, &runs.items[i], &ports);
    *ret_ports = ports;
    return 0;
}

static bool is_led(const struct nft_table *table, const struct port_run *run) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct nft_ports ports = {0};
    ports_add(&arena, run, &ports);
    return !ports.count || nft_ports_any(table, ports.items, 1);
}

bool port_run_is_led(struct db *db, const struct port_run *run, uint16_t host_port) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct nft_table table;
    struct err ignored;
    struct port_run one = *run;
    one.host_port = host_port;
    one.count = 1;
    return rules_table(db, &arena, &table, &ignored) || is_led(&table, &one);
}

// Those that hoy-proxy hands on are in no map.
int port_rows_absent(struct db *db, char ret_holder[static ID_SIZE], struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    struct nft_table table;
    int r;
    if (rules_table(db, &arena, &table, err) ||
        db_query(db, &rows, err,
                 "SELECT " COLUMNS ", container_id, min(host_port) FROM port WHERE NOT pending AND host <> "
                 "'::1' AND address <> '' AND (instr(address, ':') > 0) = (family <> ?) GROUP BY family, "
                 "respect, host IN ('0.0.0.0', '::')",
                 "i", (int64_t)AF_INET))
        return -1;
    while ((r = db_next(&rows, err)) > 0) {
        struct port_run run = run_read(&rows);
        run.count = 1; // its first one tells of the others
        if (is_led(&table, &run)) continue;
        snprintf(ret_holder, ID_SIZE, "%s", db_text(&rows, 8));
        return 1;
    }
    return r;
}

// Adding what is there is fine, unless it leads somewhere else.
int port_rows_assert(struct db *db, const struct port_runs *there, const struct port_runs *gone,
                     struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct nft_ports add = {0}, remove = {0};
    struct nft_table table;
    for (size_t i = 0; i < there->count; i++) ports_add(&arena, &there->items[i], &add);
    for (size_t i = 0; i < gone->count; i++) ports_add(&arena, &gone->items[i], &remove);
    if (!add.count && !remove.count) return 0;
    if (rules_table(db, &arena, &table, err)) return -1;
    int r = nft_ports_add(&table, add.items, add.count);
    if (r == -EEXIST || r == -ENOENT) return rules_rebuild(db, err);
    if (!r && remove.count) r = nft_ports_remove(&table, remove.items, remove.count);
    return r ? err_set(err, ERR_SYSTEM, -r, "make the rules of published ports") : 0;
}

#define ALL_OF "SELECT " COLUMNS " FROM port WHERE container_id = ?"

// As a rule the shim has done it. This is for one that could not, and for rules that somebody made anew while
// the row was still there: they have all of a run, so its first port tells of the others. What leads to
// another container by now stays.
static int remove_rules(struct db *db, struct arena *arena, const char *container_id,
                        const struct port_runs *runs, struct err *err) {
    struct nft_ports ports = {0}, first = {0};
    struct nft_table table;
    for (size_t i = 0; i < runs->count; i++) {
        struct port_run one = runs->items[i];
        one.count = 1;
        ports_add(arena, &one, &first);
        ports_add(arena, &runs->items[i], &ports);
    }
    if (!ports.count) return 0;
    if (rules_table(db, arena, &table, err)) return -1;
    if (!nft_ports_any(&table, first.items, first.count)) return 0;
    int r = nft_ports_remove(&table, ports.items, ports.count);
    return r ? err_set(err, ERR_SYSTEM, -r, "take the ports of container %s back", container_id) : 0;
}

int port_rows_release(struct db *db, const char *container_id, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    struct port_runs runs;
    if (db_query(db, &rows, err, ALL_OF, "s", container_id) || runs_read(&rows, &arena, &runs, err))
        return -1;
    if (!runs.count) return 0;
    return remove_rules(db, &arena, container_id, &runs, err) ||
                   db_run(db, err, "DELETE FROM port WHERE container_id = ?", "s", container_id) < 0
               ? -1
               : 0;
}

void port_rows_expect_release(struct db *db) {
    db_compile(db, ALL_OF);
}

int port_rows_respect(struct db *db, struct err *err) {
    return db_number(db, NULL, err, "SELECT 1 FROM port WHERE respect LIMIT 1", "");
}

int port_rows_drop_pending(struct db *db, const char *container_id, struct err *err) {
    return db_do(db, err, "DELETE FROM port WHERE pending AND pending = 1 AND container_id = ?", "s",
                 container_id);
}

int port_row_set_address(struct db *db, const char *container_id, const struct port_run *run,
                         struct err *err) {
    return db_do(
        db, err,
        "UPDATE port SET address = ? WHERE protocol = ? AND family = ? AND host_port = ? AND host = ? "
        "AND container_id = ?",
        "siiiss", run->address, (int64_t)run->protocol, (int64_t)run->family, (int64_t)run->host_port,
        run->host, container_id);
}

int port_row_set_pending(struct db *db, const char *container_id, const struct port_run *run, bool pending,
                         struct err *err) {
    return db_do(
        db, err,
        "UPDATE port SET pending = ? WHERE protocol = ? AND family = ? AND host_port = ? AND host = ? "
        "AND container_id = ?",
        "iiiiss", (int64_t)pending, (int64_t)run->protocol, (int64_t)run->family, (int64_t)run->host_port,
        run->host, container_id);
}

int port_row_set_respect(struct db *db, const char *container_id, const struct port_run *run,
                         enum port_state state, struct err *err) {
    return db_do(
        db, err,
        "UPDATE port SET respect = ?, pending = ? WHERE protocol = ? AND family = ? AND host_port = ? "
        "AND host = ? AND container_id = ?",
        "iiiiiss", (int64_t)run->respect, (int64_t)state, (int64_t)run->protocol, (int64_t)run->family,
        (int64_t)run->host_port, run->host, container_id);
}

int port_rows_list_pending(struct db *db, struct arena *arena, struct strings *ret_ids, struct err *err) {
    return db_texts(db, arena, ret_ids, err, "SELECT DISTINCT container_id FROM port WHERE pending", "");
}
