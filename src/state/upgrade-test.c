// SPDX-License-Identifier: Apache-2.0
// A database as the hoy before made it: what of it differs in schema 2 is made here by hand.
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

static void make_old(void) {
    struct err err = {0};
    _cleanup_(db_closep) struct db *db = NULL;
    assert_int_equal(db_open(root, &db, &err), 0);
    run(db, "DROP TABLE volume_use");
    run(db, "DROP TABLE volume");
    run(db, "DROP TABLE kept_blob");
    run(db, "ALTER TABLE container DROP COLUMN restart_count");
    run(db, "ALTER TABLE container DROP COLUMN stopped");
    run(db, "PRAGMA user_version = 2");
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
        run(old, "DROP TABLE volume_use");
        run(old, "DROP TABLE volume");
        run(old, "DROP TABLE kept_blob");
        run(old, "ALTER TABLE container DROP COLUMN restart_count");
        run(old, "ALTER TABLE container DROP COLUMN stopped");
        run(old, "PRAGMA user_version = 2");
        add(old, "dead", "running", 5, "{}");
    }
    _cleanup_(db_closep) struct db *db = NULL;
    if (db_open(root, &db, &err)) fail_msg("%s", err.text);
    expect_rows(db, "SELECT state || exit_code FROM container WHERE id = 'dead'", "exited255 ");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_root, remove_root)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_upgrade), TEST(test_same_schema), TEST(test_running),
                                       TEST(test_machine_went_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
