// SPDX-License-Identifier: Apache-2.0
#include "state/upgrade.h"

#include "base/fd.h"
#include "base/id.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char to_3[] =
#include "upgrade-3.inc"
    ;
static const char to_4[] =
#include "upgrade-4.inc"
    ;
static const char to_5[] =
#include "upgrade-5.inc"
    ;
static const char to_6[] =
#include "upgrade-6.inc"
    ;

// When the machine started, in the wall clock's nanoseconds.
static int64_t boot_time_ns(void) {
    char line[256];
    long long seconds = 0;
    FILE *file = fopen("/proc/stat", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "btime %lld", &seconds) == 1) break;
    if (file) fclose(file);
    return (int64_t)seconds * 1000000000;
}

// What ran before the machine started does not run any more, whatever its row says.
static int check_running(struct db *db, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_run(db, err,
               "UPDATE container SET state = 'exited', pid = 0, exit_code = 255, finished = started, error = "
               "'the machine went down' WHERE state IN ('starting', 'running') AND started < ?",
               "i", boot_time_ns()) < 0 ||
        db_query(db, &rows, err, "SELECT name FROM container WHERE state IN ('starting', 'running') LIMIT 1",
                 ""))
        return -1;
    int r = db_next(&rows, err);
    if (r > 0)
        return err_set(err, ERR_CONFLICT, 0,
                       "container %s was started by an older hoy and runs: stop it with that one, or restart "
                       "the machine",
                       db_text(&rows, 0));
    return r;
}

// Names that were made up are 64 digits.
static int adopt_volume(struct db *db, int folder, const char *name, struct err *err) {
    struct stat st;
    bool anonymous = strlen(name) == ID_SIZE - 1 && strspn(name, "0123456789abcdef") == ID_SIZE - 1;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode)) return 0;
    return db_do(db, err,
                 "INSERT INTO volume (name, created, anonymous, labels, options) VALUES (?, ?, ?, ?, '{}')",
                 "siis", name, (int64_t)st.st_mtim.tv_sec * 1000000000, (int64_t)anonymous,
                 anonymous ? "{\"com.docker.volume.anonymous\":\"\"}" : "{}");
}

static int adopt_volumes(struct db *db, const char *root, struct err *err) {
    char path[4096];
    snprintf(path, sizeof path, "%s/volumes", root);
    _cleanup_(dir_closep) DIR *stream = NULL;
    int r = dir_open_at(AT_FDCWD, path, &stream);
    if (r == -ENOENT) return 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "read %s", path);
    for (struct dirent *entry; !r && (entry = readdir(stream));)
        if (entry->d_name[0] != '.') r = adopt_volume(db, dirfd(stream), entry->d_name, err);
    return r;
}

// Which containers use them stands in their settings.
static int adopt_uses(struct db *db, struct err *err) {
    return db_exec(
        db,
        "INSERT OR IGNORE INTO volume_use SELECT json_extract(m.value, '$.Source'), c.id FROM container "
        "c, json_each(c.config, '$.HostConfig.Mounts') m WHERE json_extract(m.value, '$.Type') = "
        "'volume' AND json_extract(m.value, '$.Source') IN (SELECT name FROM volume); "
        "INSERT OR IGNORE INTO volume_use SELECT substr(b.value, 1, instr(b.value, ':') - 1), c.id FROM "
        "container c, json_each(c.config, '$.HostConfig.Binds') b WHERE substr(b.value, 1, "
        "instr(b.value, ':') - 1) IN (SELECT name FROM volume)",
        err, "upgrade");
}

// Logs have got a longer name. One that stays behind is only not shown any more.
static void rename_logs(struct db *db, const char *root) {
    struct err ignored;
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(db, &rows, &ignored, "SELECT id FROM container", "")) return;
    while (db_next(&rows, &ignored) > 0) {
        char from[4096], to[4096];
        const char *id = db_text(&rows, 0);
        snprintf(from, sizeof from, "%s/containers/%s/log", root, id);
        snprintf(to, sizeof to, "%s/containers/%s/%s-json.log", root, id, id);
        (void)rename(from, to);
    }
}

static int upgrade_to_3(struct db *db, const char *root, struct err *err) {
    return db_exec(db, to_3, err, "upgrade") || adopt_volumes(db, root, err) || adopt_uses(db, err) ? -1 : 0;
}

// Numbers in the host's byte order become bytes in the network's.
static void address_bytes(int64_t address, uint8_t ret_bytes[static 4]) {
    for (int i = 0; i < 4; i++) ret_bytes[i] = (uint8_t)(address >> (24 - 8 * i));
}

// There was one network, the default one; IPv6 it gets when it is next looked at.
static int adopt_network(struct db *db, struct err *err) {
    char id[ID_SIZE];
    uint8_t base[4], gateway[4];
    int64_t prefix;
    {
        _cleanup_(db_rows_finish) struct db_rows rows = {0};
        if (db_query(db, &rows, err,
                     "SELECT id, subnet, prefix, gateway FROM network_3 WHERE name = 'bridge'", ""))
            return -1;
        int r = db_next(&rows, err);
        if (r <= 0) return r;
        snprintf(id, sizeof id, "%s", db_text(&rows, 0));
        address_bytes(db_i64(&rows, 1), base);
        prefix = db_i64(&rows, 2);
        address_bytes(db_i64(&rows, 3), gateway);
    }
    return db_run(db, err,
                  "INSERT INTO network (id, name, driver, link, created, config) SELECT id, name, driver, "
                  "bridge, created, '{}' FROM network_3 WHERE id = ?",
                  "s", id) < 0 ||
                   db_run(
                       db, err,
                       "INSERT INTO subnet (network, family, base, prefix, gateway, last) VALUES (?, 4, ?, "
                       "?, ?, ?)",
                       "sbibb", id, base, sizeof base, prefix, gateway, sizeof gateway, gateway,
                       sizeof gateway) < 0 ||
                   db_run(db, err,
                          "INSERT INTO address (network, family, address, container_id) VALUES (?, 4, ?, '')",
                          "sb", id, gateway, sizeof gateway) < 0
               ? -1
               : 0;
}

static int upgrade_to_4(struct db *db, struct err *err) {
    return db_exec(db, to_4, err, "upgrade") || adopt_network(db, err) ||
                   db_exec(db, "DROP TABLE network_3", err, "upgrade")
               ? -1
               : 0;
}

int db_upgrade(struct db *db, const char *root, struct err *err) {
    _cleanup_(db_rollbackp) struct db *transaction = db;
    int64_t version = 0;
    if (db_begin(db, err) || db_pragma(db, "PRAGMA user_version", &version, err)) return -1;
    if (version < UPGRADE_FROM || version >= SCHEMA_VERSION) return 0; // somebody else was quicker
    if (check_running(db, err)) return -1;
    if (version == 2 && upgrade_to_3(db, root, err)) return -1;
    if (version < 4 && upgrade_to_4(db, err)) return -1;
    if (version < 5 && db_exec(db, to_5, err, "upgrade")) return -1;
    if (db_exec(db, to_6, err, "upgrade") || db_exec(db, SCHEMA_SET_VERSION, err, "upgrade")) return -1;
    if (db_commit_durable(db, err)) return -1;
    if (version == 2) rename_logs(db, root);
    return 0;
}
