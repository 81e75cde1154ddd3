// SPDX-License-Identifier: Apache-2.0
#include "state/event.h"

#include "base/arena.h"
#include "base/event_log.h"
#include "base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/hoy-event-XXXXXX";
static int root;

static int setup(void **state) {
    (void)state;
    strcpy(folder, "/tmp/hoy-event-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    root = fd_open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
    return root < 0 ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    fd_closep(&root);
    return dir_remove_all_at(AT_FDCWD, folder);
}

static void test_message(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    struct stat st;
    event_write(root, "volume", "create", "a \"name\"", "driver", "local", "tab", "\t\xff", "none", NULL,
                NULL);
    assert_int_equal(file_read_at(root, EVENT_LOG, 4096, &text), 0);
    assert_int_equal(text.data[text.len - 1], '\n');
    assert_int_equal(json_parse(text.data, text.len, &json), 0);
    const struct json *actor = json_get(json, "Actor"), *attributes = json_get(actor, "Attributes");
    assert_string_equal(json_get_string(json, "Type"), "volume");
    assert_string_equal(json_get_string(json, "Action"), "create");
    assert_string_equal(json_get_string(actor, "ID"), "a \"name\"");
    assert_string_equal(json_get_string(attributes, "driver"), "local");
    assert_string_equal(json_get_string(attributes, "tab"), "\t\xef\xbf\xbd");
    assert_string_equal(json_get_string(attributes, "none"), "");
    // What a container is given may be a secret.
    assert_int_equal(fstatat(root, EVENT_LOG, &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

// A root that can't be written to is no failure, and nothing is followed.
static void test_nowhere(void **state) {
    (void)state;
    event_write(-1, "volume", "create", "x", NULL);
    assert_int_equal(symlinkat("elsewhere", root, EVENT_LOG), 0);
    event_write(root, "volume", "create", "x", NULL);
    assert_int_equal(faccessat(root, "elsewhere", F_OK, 0), -1);
    char *big = malloc(EVENT_LOG_LINE_MAX);
    memset(big, 'x', EVENT_LOG_LINE_MAX);
    struct iovec part = {big, EVENT_LOG_LINE_MAX}, parts[] = {part, part};
    assert_true(event_log_append(root, parts, 2) < 0);
    free(big);
}

#define WRITERS 4
#define LINES   400 // each; together more than one file takes

static void write_many(int writer) {
    static char filler[4000];
    memset(filler, 'x', sizeof filler - 1);
    for (int i = 0; i < LINES; i++) {
        char id[32];
        snprintf(id, sizeof id, "%d-%d", writer, i);
        event_write(root, "volume", "create", id, "filler", filler, NULL);
    }
    _exit(0);
}

// How many whole events there are in a file.
static int count(const char *name) {
    _cleanup_(str_finish) struct str text = {0};
    int n = 0;
    if (file_read_at(root, name, 64 << 20, &text)) return 0;
    char *rest = text.data;
    for (char *line; rest && *rest && (line = strsep(&rest, "\n")); n++) {
        _cleanup_(json_freep) struct json *json = NULL;
        assert_int_equal(json_parse(line, strlen(line), &json), 0);
        assert_string_equal(json_get_string(json, "Action"), "create");
    }
    return n;
}

static void test_many(void **state) {
    (void)state;
    struct stat old, now;
    for (int i = 0; i < WRITERS; i++)
        if (fork() == 0) write_many(i);
    for (int i = 0; i < WRITERS; i++) wait(NULL);
    assert_int_equal(fstatat(root, EVENT_LOG_OLD, &old, 0), 0);
    assert_int_equal(fstatat(root, EVENT_LOG, &now, 0), 0);
    // The others go on while the one that renames it is kept from running.
    assert_in_range(old.st_size, EVENT_LOG_SIZE, 2 * EVENT_LOG_SIZE);
    assert_int_equal(count(EVENT_LOG_OLD) + count(EVENT_LOG), WRITERS * LINES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_message, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nowhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
