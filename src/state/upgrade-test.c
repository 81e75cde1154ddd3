// SPDX-License-Identifier: Apache-2.0
// A database as an earlier hoy made it: what of it differs in schemas 2 to 5 is made here by hand.
#include "state/db.h"

#include "base/clock.h"
#include "base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];

static int make_root(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/upgrade-test.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
    (void)state;
    return dir_remove_all_at(AT_FDCWD, root);
}

#define ANONYMOUS "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void run(struct db *db, const char *sql) {
    struct err err = {0};
    if (db_run(db, &err, sql, "") < 0) fail_msg("%s: %s", sql, err.text);
}

static void add(struct db *db, const char *id, const char *state, int64_t started, const char *config) {
    struct err err = {0};
    if (db_run(db, &err,
               "INSERT INTO container (id, name, image_id, image_name, created, config, state, auto_remove, "
               "started) VALUES (?, ?, 'i', 'i', 0, ?, ?, 0, ?)",
               "ssssi", id, id, config, state, started) != 1)
        fail_msg("%s", err.text);
}

static void become_5(struct db *db) {
    run(db, "ALTER TABLE layer DROP COLUMN made");
    run(db, "INSERT OR IGNORE INTO layer VALUES ('l', 'b', 1, 2, 'dir')");
    run(db, "PRAGMA user_version = 5");
}

static void become_4(struct db *db) {
    become_5(db);
    run(db, "DROP TABLE image_manifest");
    run(db, "ALTER TABLE image ADD COLUMN manifest TEXT NOT NULL DEFAULT '{}'");
    run(db, "ALTER TABLE image ADD COLUMN media_type TEXT NOT NULL DEFAULT 'x'");
    run(db, "ALTER TABLE image_name DROP COLUMN manifest_digest");
    run(db, "ALTER TABLE image_digest DROP COLUMN manifest_digest");
    run(db, "INSERT OR IGNORE INTO image (id, manifest_digest, config, chain_id, size, pulled) "
            "VALUES ('i', 'm', '{}', 'c', 1, 1)");
    run(db, "INSERT OR IGNORE INTO image_name VALUES ('n', 'i')");
    run(db, "INSERT OR IGNORE INTO image_digest VALUES ('r', 'd', 'i')");
    run(db, "PRAGMA user_version = 4");
}

static void become_3(struct db *db) {
    become_4(db);
    run(db, "DROP TABLE port");
    run(db, "DROP TABLE endpoint");
    run(db, "DROP TABLE address");
    run(db, "DROP TABLE subnet");
    run(db, "DROP TABLE network");
    run(db,
        "CREATE TABLE network (name TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, driver TEXT NOT NULL, bridge "
        "TEXT NOT NULL, subnet INTEGER NOT NULL, prefix INTEGER NOT NULL, gateway INTEGER NOT NULL, last "
        "INTEGER NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID");
    run(db, "CREATE TABLE address (network TEXT NOT NULL REFERENCES network(name), address INTEGER NOT NULL, "
            "container_id TEXT NOT NULL, PRIMARY KEY (network, address)) WITHOUT ROWID");
    run(db, "CREATE INDEX address_container ON address(container_id)");
    run(db, "INSERT INTO network VALUES ('bridge', 'abc', 'bridge', 'hoy0', 181403648, 22, 181403649, "
            "181403655, 7)");
    run(db, "INSERT INTO address VALUES ('bridge', 181403650, 'gone')");
    run(db, "PRAGMA user_version = 3");
}

static void become_2(struct db *db) {
    become_3(db);
    run(db, "DROP TABLE volume_use");
    run(db, "DROP TABLE volume");
    run(db, "DROP TABLE kept_blob");
    run(db, "ALTER TABLE container DROP COLUMN restart_count");
    run(db, "ALTER TABLE container DROP COLUMN stopped");
    run(db, "PRAGMA user_version = 2");
}

static void make_old(void) {
    struct err err = {0};
    _cleanup_(db_closep) struct db *db = NULL;
    assert_int_equal(db_open(root, &db, &err), 0);
    become_2(db);
    add(db, "binds", "exited", 5, "{\"HostConfig\":{\"Binds\":[\"data:/d:ro\",\"/host:/h\",\"gone:/g\"]}}");
    add(db, "mounts", "exited", 5,
        "{\"HostConfig\":{\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"" ANONYMOUS "\"},{\"Type\":\"bind\","
        "\"Source\":\"data\"}]}}");
    add(db, "plain", "created", 0, "{}");
    char path[256];
    const char *const names[] = {"volumes/data/_data", "volumes/" ANONYMOUS "/_data", "volumes/unused/_data",
                                 "containers/binds/log"}; // any file will do
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s", names[i]);
        int dir = fd_open_at(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0);
        assert_int_equal(dir_make_all_at(dir, path, 0700), 0);
        close(dir);
    }
}

static void expect_rows(struct db *db, const char *sql, const char *wanted) {
    struct err err = {0};
    struct str text = {0};
    {
        _cleanup_(db_rows_finish) struct db_rows rows = {0};
        assert_int_equal(db_query(db, &rows, &err, sql, ""), 0);
        while (db_next(&rows, &err) > 0) str_printf(&text, "%s ", db_text(&rows, 0));
    }
    assert_string_equal(str_get(&text), wanted);
    str_finish(&text);
}

// The network stays the one that it was, with its bridge and its addresses; nobody has one any more.
static void expect_network(struct db *db) {
    expect_rows(db, "SELECT id || ' ' || name || ' ' || driver || ' ' || link || ' ' || created FROM network",
                "abc bridge bridge hoy0 7 ");
    expect_rows(db,
                "SELECT network || ' ' || family || ' ' || hex(base) || '/' || prefix || ' ' || hex(gateway) "
                "|| ' ' || hex(last) FROM subnet",
                "abc 4 0AD00000/22 0AD00001 0AD00001 ");
    expect_rows(db, "SELECT hex(address) || container_id FROM address", "0AD00001 ");
    expect_rows(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'network_3'", "0 ");
}

// The image's one manifest is what all of its names lead to.
static void expect_manifest(struct db *db) {
    expect_rows(db, "SELECT manifest_digest FROM image", "m ");
    expect_rows(db, "SELECT image_id || digest || media_type || manifest FROM image_manifest", "imx{} ");
    expect_rows(db, "SELECT name || image_id || manifest_digest FROM image_name", "nim ");
    expect_rows(db, "SELECT repository || digest || image_id || manifest_digest FROM image_digest", "rdim ");
}

static void test_upgrade(void **state) {
    (void)state;
    struct err err = {0};
    make_old();
    for (int again = 0; again < 2; again++) {
        _cleanup_(db_closep) struct db *db = NULL;
        if (db_open(root, &db, &err)) fail_msg("%s", err.text);
        expect_rows(db, "SELECT name || ' ' || anonymous FROM volume ORDER BY anonymous, name",
                    "data 0 unused 0 " ANONYMOUS " 1 ");
        expect_rows(db, "SELECT container_id || '=' || substr(volume, 1, 4) FROM volume_use ORDER BY 1",
                    "binds=data mounts=0011 ");
        expect_rows(db, "SELECT restart_count + stopped FROM container", "0 0 0 ");
        expect_rows(db, "SELECT count(*) FROM kept_blob", "0 ");
        expect_network(db);
        expect_manifest(db);
        char path[256];
        snprintf(path, sizeof path, "%s/containers/binds/binds-json.log", root);
        assert_int_equal(access(path, F_OK), 0);
    }
}

// What a new database has and what an upgraded one has is the same, but for the order of columns.
static void test_same_schema(void **state) {
    (void)state;
    static const char sql[] =
        "SELECT group_concat(name || type || \"notnull\" || coalesce(dflt_value, '-') || pk) "
        "FROM (SELECT t.name AS tbl, c.* FROM sqlite_schema t, pragma_table_info(t.name) c "
        "WHERE t.type = 'table' ORDER BY t.name, c.name)";
    struct err err = {0};
    char fresh[8192] = "";
    for (int i = 0; i < 2; i++) {
        _cleanup_(db_closep) struct db *db = NULL;
        assert_int_equal(db_open(root, &db, &err), 0);
        if (i) {
            expect_rows(db, sql, fresh);
            return;
        }
        _cleanup_(db_rows_finish) struct db_rows rows = {0};
        assert_int_equal(db_query(db, &rows, &err, sql, ""), 0);
        assert_int_equal(db_next(&rows, &err), 1);
        snprintf(fresh, sizeof fresh, "%s ", db_text(&rows, 0));
        db_rows_finish(&rows);
        db_closep(&db);
        make_old();
    }
}

static void test_from_3(void **state) {
    (void)state;
    struct err err = {0};
    {
        _cleanup_(db_closep) struct db *db = NULL;
        assert_int_equal(db_open(root, &db, &err), 0);
        run(db,
            "INSERT INTO volume (name, created, anonymous, labels, options) VALUES ('v', 1, 0, '{}', '{}')");
        become_3(db);
        add(db, "plain", "exited", 5, "{}");
    }
    _cleanup_(db_closep) struct db *db = NULL;
    if (db_open(root, &db, &err)) fail_msg("%s", err.text);
    expect_network(db);
    expect_rows(db, "SELECT name FROM volume", "v ");
    expect_rows(db, "SELECT id FROM container", "plain ");
}

static void test_from_4(void **state) {
    (void)state;
    struct err err = {0};
    {
        _cleanup_(db_closep) struct db *db = NULL;
        assert_int_equal(db_open(root, &db, &err), 0);
        become_4(db);
        add(db, "plain", "exited", 5, "{}");
    }
    _cleanup_(db_closep) struct db *db = NULL;
    if (db_open(root, &db, &err)) fail_msg("%s", err.text);
    expect_manifest(db);
    expect_rows(db, "SELECT id FROM container", "plain ");
}

static void test_from_5(void **state) {
    (void)state;
    struct err err = {0};
    {
        _cleanup_(db_closep) struct db *db = NULL;
        assert_int_equal(db_open(root, &db, &err), 0);
        become_5(db);
    }
    _cleanup_(db_closep) struct db *db = NULL;
    if (db_open(root, &db, &err)) fail_msg("%s", err.text);
    expect_rows(db, "SELECT diff_id || blob_digest || blob_size || size || driver || made FROM layer",
                "lb12dir ");
}

static void test_running(void **state) {
    (void)state;
    struct err err = {0};
    make_old();
    {
        _cleanup_(db_closep) struct db *db = NULL;
        // Opened as it is: an old one is only upgraded when it can be.
        assert_int_equal(db_open(root, &db, &err), 0);
        run(db, "PRAGMA user_version = 2");
        add(db, "alive", "running", clock_wall_ns(), "{}");
    }
    struct db *db = NULL;
    assert_int_equal(db_open(root, &db, &err), -1);
    assert_non_null(strstr(err.text, "container alive was started by an older hoy"));
}

static void test_machine_went_down(void **state) {
    (void)state;
    struct err err = {0};
    make_old();
    {
        _cleanup_(db_closep) struct db *old = NULL;
        assert_int_equal(db_open(root, &old, &err), 0);
        become_2(old);
        add(old, "dead", "running", 5, "{}");
    }
    _cleanup_(db_closep) struct db *db = NULL;
    if (db_open(root, &db, &err)) fail_msg("%s", err.text);
    expect_rows(db, "SELECT state || exit_code FROM container WHERE id = 'dead'", "exited255 ");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_root, remove_root)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_upgrade), TEST(test_same_schema), TEST(test_running), TEST(test_machine_went_down),
        TEST(test_from_3),  TEST(test_from_4),      TEST(test_from_5)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
