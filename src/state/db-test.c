// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "state/db.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];

static int root_make(void **state) {
    (void)state;
    strcpy(root, "/tmp/hoy-db-test.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int root_remove(void **state) {
    (void)state;
    return dir_remove_all_at(AT_FDCWD, root);
}

#define INSERT_CONTAINER                                                                           \
    "INSERT INTO container (id, name, image_id, image_name, created, config, state, auto_remove) " \
    "VALUES (?, ?, '', '', ?, '{}', 'created', 0)"

static int64_t count_of(struct db *db, const char *sql) {
    struct err err;
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    assert_int_equal(db_query(db, &rows, &err, sql, ""), 0);
    assert_int_equal(db_next(&rows, &err), 1);
    return db_i64(&rows, 0);
}

static void test_texts_and_numbers(void **state) {
    (void)state;
    struct err err = {0};
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(db_closep) struct db *db = NULL;
    struct strings texts = {0};
    int64_t number = 5;
    assert_int_equal(db_open(root, &db, &err), 0);
    assert_int_equal(db_number(db, &number, &err, "SELECT 7 WHERE ? = 'a'", "s", "b"), 0);
    assert_int_equal(number, 5);
    assert_int_equal(db_number(db, &number, &err, "SELECT 7 WHERE ? = 'a'", "s", "a"), 1);
    assert_int_equal(number, 7);
    assert_int_equal(db_number(db, NULL, &err, "SELECT 1", ""), 1);
    assert_int_equal(db_number(db, NULL, &err, "no statement", ""), -1);
    const char *word = NULL;
    assert_int_equal(db_word(db, &arena, &word, &err, "SELECT 'w' WHERE ? = 'a'", "s", "b"), 0);
    assert_null(word);
    assert_int_equal(db_word(db, &arena, &word, &err, "SELECT 'w' WHERE ? = 'a'", "s", "a"), 1);
    assert_string_equal(word, "w");
    assert_int_equal(db_texts(db, &arena, &texts, &err, "SELECT 'x' UNION SELECT ?", "s", "y"), 0);
    assert_int_equal(db_texts(db, &arena, &texts, &err, "SELECT 'z'", ""), 0); // after those that are there
    assert_int_equal(texts.count, 3);
    assert_string_equal(texts.items[1], "y");
    assert_string_equal(texts.items[2], "z");
    assert_int_equal(db_texts(db, &arena, &texts, &err, "no statement", ""), -1);
}

static void test_rows(void **state) {
    (void)state;
    struct err err = {0};
    _cleanup_(db_closep) struct db *db = NULL;
    assert_int_equal(db_open(root, &db, &err), 0);
    db_compile(db, INSERT_CONTAINER);
    db_compile(db, "no statement"); // whoever runs it hears of it
    assert_int_equal(db_run(db, &err, "no statement", ""), -1);
    assert_int_equal(db_run(db, &err, INSERT_CONTAINER, "ssi", "a", "one", (int64_t)1 << 62), 1);
    assert_int_equal(db_run(db, &err, INSERT_CONTAINER, "ssi", "b", "two", (int64_t)2), 1);

    assert_int_equal(db_run(db, &err, INSERT_CONTAINER, "ssi", "c", "two", (int64_t)2), -1);
    assert_true(db_is_duplicate(db));
    assert_int_equal(err.kind, ERR_CONFLICT);

    // The same text twice at once: two statements.
    _cleanup_(db_rows_finish) struct db_rows outer = {0};
    assert_int_equal(db_query(db, &outer, &err, "SELECT name, created FROM container ORDER BY name", ""), 0);
    assert_int_equal(db_next(&outer, &err), 1);
    _cleanup_(db_rows_finish) struct db_rows inner = {0};
    assert_int_equal(db_query(db, &inner, &err, "SELECT name, created FROM container ORDER BY name", ""), 0);
    assert_int_equal(db_next(&inner, &err), 1);
    assert_string_equal(db_text(&outer, 0), "one");
    assert_int_equal(db_i64(&outer, 1), (int64_t)1 << 62);
    assert_int_equal(db_next(&outer, &err), 1);
    assert_string_equal(db_text(&outer, 0), "two");
    assert_int_equal(db_next(&outer, &err), 0);
    assert_string_equal(db_text(&inner, 0), "one");
}

static void test_transactions(void **state) {
    (void)state;
    struct err err = {0};
    _cleanup_(db_closep) struct db *db = NULL;
    assert_int_equal(db_open(root, &db, &err), 0);
    {
        _cleanup_(db_rollbackp) struct db *transaction = db;
        assert_int_equal(db_begin(db, &err), 0);
        assert_int_equal(db_run(transaction, &err, INSERT_CONTAINER, "ssi", "a", "one", (int64_t)1), 1);
    }
    assert_int_equal(count_of(db, "SELECT count(*) FROM container"), 0);
    assert_int_equal(db_begin(db, &err), 0);
    assert_int_equal(db_run(db, &err, INSERT_CONTAINER, "ssi", "a", "one", (int64_t)1), 1);
    assert_int_equal(db_commit_durable(db, &err), 0);
    db_closep(&db);
    assert_int_equal(db_open(root, &db, &err), 0);
    assert_int_equal(count_of(db, "SELECT count(*) FROM container"), 1);
    // Foreign keys hold.
    assert_int_equal(db_run(db, &err, "INSERT INTO image_name VALUES ('x', 'none', 'none')", ""), -1);
    assert_false(db_is_duplicate(db));
}

static void test_private(void **state) {
    (void)state;
    struct err err = {0};
    _cleanup_(db_closep) struct db *db = NULL;
    assert_int_equal(db_open(root, &db, &err), 0);
    assert_int_equal(db_run(db, &err, INSERT_CONTAINER, "ssi", "a", "one", (int64_t)1), 1);
    const char *names[] = {"hoy.db", "hoy.db-wal", "hoy.db-shm"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char path[128];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", root, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    char path[128];
    snprintf(path, sizeof path, "%s/hoy.db.new", root);
    assert_int_equal(access(path, F_OK), -1);
}

static void write_db_file(const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/hoy.db", root);
    assert_int_equal(file_replace_at(AT_FDCWD, path, text, strlen(text), 0600, false), 0);
}

static void test_foreign_files(void **state) {
    (void)state;
    struct err err = {0};
    struct db *db = NULL;
    write_db_file("this is a letter to my aunt, which is longer than the head of a database file is, so that "
                  "there can be no doubt about what it is");
    assert_int_equal(db_open(root, &db, &err), -1);
    assert_non_null(strstr(err.text, "hoy.db is no database"));
    write_db_file("");
    assert_int_equal(db_open(root, &db, &err), -1);
    assert_non_null(strstr(err.text, "is no database of hoy"));
    assert_null(db);

    assert_int_equal(dir_remove_all_at(AT_FDCWD, root), 0);
    assert_int_equal(db_open(root, &db, &err), -1);
    assert_int_equal(err.code, ENOENT);
}

static void test_another_schema(void **state) {
    (void)state;
    struct err err = {0};
    _cleanup_(db_closep) struct db *db = NULL;
    assert_int_equal(db_open(root, &db, &err), 0);
    assert_true(db_run(db, &err, "PRAGMA user_version = 99", "") >= 0);
    db_closep(&db);
    assert_int_equal(db_open(root, &db, &err), -1);
    assert_non_null(strstr(err.text, "another hoy"));
}

// A file size limit is what a full disk looks like from inside; what was there stays, and it works again
// after.
static void test_full(void **state) {
    (void)state;
    struct err err = {0};
    _cleanup_(db_closep) struct db *db = NULL;
    assert_int_equal(db_open(root, &db, &err), 0);
    assert_int_equal(db_run(db, &err, INSERT_CONTAINER, "ssi", "a", "one", (int64_t)1), 1);
    pid_t pid = fork();
    if (pid == 0) {
        struct db *mine = NULL;
        signal(SIGXFSZ, SIG_IGN);
        if (db_open(root, &mine, &err)) _exit(1);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){48 * 1024, 48 * 1024});
        char big[100000];
        memset(big, 'x', sizeof big - 1);
        big[sizeof big - 1] = 0;
        if (db_run(mine, &err, INSERT_CONTAINER, "ssi", "b", big, (int64_t)1) != -1) _exit(2);
        if (!strstr(err.text, "hoy.db: ")) _exit(3);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(db_run(db, &err, INSERT_CONTAINER, "ssi", "c", "three", (int64_t)1), 1);
    assert_int_equal(count_of(db, "SELECT count(*) FROM container"), 2);
}

// A hundred processes at once, from the making of the file on: none is told that the database is locked.
static int writer(int n) {
    struct err err = {0};
    _cleanup_(db_closep) struct db *db = NULL;
    if (db_open(root, &db, &err)) return fprintf(stderr, "%s\n", err.text), 1;
    for (int i = 0; i < 5; i++) {
        char id[32];
        snprintf(id, sizeof id, "%d-%d", n, i);
        if (db_begin(db, &err) || db_run(db, &err, INSERT_CONTAINER, "ssi", id, id, (int64_t)i) != 1 ||
            db_commit(db, &err))
            return fprintf(stderr, "%s\n", err.text), 1;
        if (db_run(db, &err, "UPDATE container SET pid = ? WHERE id = ?", "is", (int64_t)n, id) != 1)
            return fprintf(stderr, "%s\n", err.text), 1;
    }
    return 0;
}

static void test_many_writers(void **state) {
    (void)state;
    enum { WRITERS = 100 };
    for (int i = 0; i < WRITERS; i++)
        if (fork() == 0) _exit(writer(i));
    int failed = 0, status;
    while (wait(&status) > 0) failed += status != 0;
    assert_int_equal(failed, 0);
    struct err err = {0};
    _cleanup_(db_closep) struct db *db = NULL;
    assert_int_equal(db_open(root, &db, &err), 0);
    assert_int_equal(count_of(db, "SELECT count(*) FROM container"), WRITERS * 5);
    assert_int_equal(count_of(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
                     1);
}

// How many pages of it are valid: those with the salt of its header.
static size_t log_pages(void) {
    enum { HEADER = 32, FRAME = 24 + 1024 };
    static unsigned char log[4 << 20];
    char path[128];
    snprintf(path, sizeof path, "%s/hoy.db-wal", root);
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    ssize_t size = fd_read_full(fd, log, sizeof log);
    size_t pages = 0;
    assert_in_range(size, HEADER, sizeof log - 1);
    for (size_t at = HEADER; at + FRAME <= (size_t)size; at += FRAME, pages++)
        if (!log[0] || memcmp(log + 16, log + at + 8, 8) != 0) break;
    return pages;
}

// Processes that write once each, one after the other, do not make the log longer and longer; nor do they
// while somebody reads, for longer than that takes.
static void write_once(int i) {
    struct err err = {0};
    _cleanup_(db_closep) struct db *db = NULL;
    char id[32];
    snprintf(id, sizeof id, "once-%d", i);
    assert_int_equal(db_open(root, &db, &err), 0);
    assert_int_equal(db_run(db, &err, INSERT_CONTAINER, "ssi", id, id, (int64_t)i), 1);
}

// As far as SQLite has written it; the room beyond is not of that.
static int64_t database_pages(struct db *db) {
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/hoy.db", root);
    assert_int_equal(stat(path, &st), 0);
    assert_in_range(st.st_blocks * 512, st.st_size, st.st_size + (1 << 20));
    assert_true(st.st_size / 1024 <= count_of(db, "PRAGMA page_count"));
    return count_of(db, "PRAGMA page_count");
}

static void test_short_log(void **state) {
    (void)state;
    enum { MOST = 250, ONCE = 200 };
    struct err err = {0};
    size_t longest = 0;
    for (int i = 0; i < ONCE; i++) {
        write_once(i);
        if (log_pages() > longest) longest = log_pages();
    }
    assert_in_range(longest, 100, MOST);
    {
        _cleanup_(db_closep) struct db *reader = NULL;
        _cleanup_(db_rows_finish) struct db_rows rows = {0};
        assert_int_equal(db_open(root, &reader, &err), 0);
        assert_int_equal(db_query(reader, &rows, &err, "SELECT id FROM container", ""), 0);
        assert_int_equal(db_next(&rows, &err), 1);
        for (int i = ONCE; i < 2 * ONCE; i++) write_once(i);
        assert_true(log_pages() > MOST);
    }
    write_once(2 * ONCE);
    assert_in_range(log_pages(), 0, MOST);
    _cleanup_(db_closep) struct db *db = NULL;
    assert_int_equal(db_open(root, &db, &err), 0);
    assert_int_equal(count_of(db, "SELECT count(*) FROM container"), 2 * ONCE + 1);
    assert_in_range(database_pages(db), 50, 400);
    assert_int_equal(count_of(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
                     1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, root_make, root_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_rows),    TEST(test_texts_and_numbers), TEST(test_transactions),
        TEST(test_private), TEST(test_foreign_files),     TEST(test_another_schema),
        TEST(test_full),    TEST(test_many_writers),      TEST(test_short_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
