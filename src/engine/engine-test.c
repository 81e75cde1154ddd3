// SPDX-License-Identifier: Apache-2.0
// Containers without shims: rows, names, directories, and the ends that are found later. Needs root, as
// engine_open does.
#include "engine/parts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIFF_ID  "sha256:0000000000000000000000000000000000000000000000000000000000000007"
#define IMAGE_ID "sha256:00000000000000000000000000000000000000000000000000000000000000aa"
#define CONFIG                                                                                         \
    "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"sh\"]},\"rootfs\":{\"type\":" \
    "\"layers\",\"diff_ids\":[\"" DIFF_ID "\"]}}"

struct fixture {
    char base[64], root[80], runroot[80];
    struct engine engine;
    struct arena arena;
    struct container_config config;
    struct err err;
};

static int setup(void **state) {
    static struct fixture fixture;
    struct fixture *f = &fixture;
    *f = (struct fixture){.config = {.image = "base", .network_mode = "none"}};
    strcpy(f->base, "/tmp/hoy-engine-test.XXXXXX");
    if (!mkdtemp(f->base)) return -1;
    snprintf(f->root, sizeof f->root, "%s/root", f->base);
    snprintf(f->runroot, sizeof f->runroot, "%s/run", f->base);
    struct engine_options options = {.root = f->root, .runroot = f->runroot, .storage_driver = "dir"};
    if (engine_open(&f->engine, &options, &f->err)) return fprintf(stderr, "%s\n", f->err.text), -1;
    struct db *db = f->engine.store.db;
    *state = f;
    return db_run(db, &f->err, "INSERT INTO layer VALUES (?, ?, 1, 1, 'dir', '')", "ss", DIFF_ID, DIFF_ID) !=
               1 ||
           db_run(db, &f->err, "INSERT INTO image VALUES (?, ?, ?, ?, 1, 1)", "ssss", IMAGE_ID, DIFF_ID,
                  CONFIG, DIFF_ID) != 1 ||
           db_run(db, &f->err, "INSERT INTO image_manifest VALUES (?, ?, 'x', '{}')", "ss", IMAGE_ID,
                  DIFF_ID) != 1 ||
           db_run(db, &f->err, "INSERT INTO image_layer VALUES (?, 0, ?)", "ss", IMAGE_ID, DIFF_ID) != 1 ||
           db_run(db, &f->err, "INSERT INTO image_name VALUES ('docker.io/library/base:latest', ?, ?)", "ss",
                  IMAGE_ID, DIFF_ID) != 1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    engine_close(&f->engine);
    arena_finish(&f->arena);
    return dir_remove_all_at(AT_FDCWD, f->base);
}

static struct container make(struct fixture *f, const char *name) {
    struct container container = {0};
    if (container_create(&f->engine, &f->arena, &f->config, name, &container, &f->err))
        fail_msg("%s", f->err.text);
    return container;
}

static void refuse(struct fixture *f, const char *name, const char *sentence) {
    struct container container;
    assert_int_equal(container_create(&f->engine, &f->arena, &f->config, name, &container, &f->err), -1);
    if (!strstr(f->err.text, sentence)) fail_msg("\"%s\" is not in \"%s\"", sentence, f->err.text);
}

static struct container find(struct fixture *f, const char *name) {
    struct container container = {0};
    if (container_find(&f->engine, &f->arena, name, &container, &f->err)) fail_msg("%s", f->err.text);
    return container;
}

static bool exists(struct fixture *f, const char *root, const char *id, const char *below) {
    return !access(arena_printf(&f->arena, "%s/containers/%s%s", root, id, below), F_OK);
}

static void test_store(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *path;
        mode_t mode;
    } rows[] = {
        {"root", 0711}, {"root/containers", 0700}, {"root/volumes", 0700}, {"root/hoy.db", 0600},
        {"run", 0700},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct stat st;
        assert_int_equal(stat(arena_printf(&f->arena, "%s/%s", f->base, rows[i].path), &st), 0);
        assert_int_equal(st.st_mode & 07777, rows[i].mode);
    }
}

static void test_create(void **state) {
    struct fixture *f = *state;
    struct container a = make(f, "/ship"), b = make(f, NULL);
    assert_string_equal(a.name, "ship");
    assert_non_null(strchr(b.name, '_'));
    assert_true(exists(f, f->root, a.id, "/upper") && exists(f, f->root, a.id, "/work"));
    assert_string_equal(find(f, "ship").id, a.id);
    assert_string_equal(find(f, arena_strndup(&f->arena, b.id, 10)).id, b.id);
    assert_string_equal(find(f, b.id).state, "created");
    assert_string_equal(find(f, "ship").config.cmd.items[0], "sh");

    struct containers list = {0};
    assert_int_equal(container_list(&f->engine, &f->arena, true, &list, &f->err), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].id, b.id); // the newest first
    assert_int_equal(container_list(&f->engine, &f->arena, false, &list, &f->err), 0);
    assert_int_equal(list.count, 0);

    assert_int_equal(container_remove(&f->engine, &a, false, &f->err), 0);
    assert_false(exists(f, f->root, a.id, ""));
    assert_int_equal(container_find(&f->engine, &f->arena, "ship", &a, &f->err), -1);
    assert_int_equal(f->err.kind, ERR_NOT_FOUND);
    assert_string_equal(f->err.text, "No such container: ship");
}

static void test_refused(void **state) {
    struct fixture *f = *state;
    make(f, "ship");
    refuse(f, "ship", "Conflict. The container name \"/ship\" is already in use by container \"");
    refuse(f, "a", "Invalid container name (a)");
    refuse(f, "-x", "Invalid container name");
    refuse(f, "x/y", "Invalid container name");
    f->config.memory = (struct spec_i64){true, 1};
    refuse(f, NULL, "Minimum memory limit");
    f->config.memory.set = false;
    f->config.has_entrypoint = true;
    refuse(f, NULL, "no command specified");
    f->config.image = "nothing";
    refuse(f, NULL, "No such image");
    struct containers list = {0};
    assert_int_equal(container_list(&f->engine, &f->arena, true, &list, &f->err), 0);
    assert_int_equal(list.count, 1); // what was refused left nothing
}

// A run of the container whose shim is gone, with what it left.
static void pretend_run(struct fixture *f, const struct container *container, const char *exit_record) {
    assert_int_equal(db_run(f->engine.store.db, &f->err,
                            "UPDATE container SET state = 'running', pid = 1, started = 1000 WHERE id = ?",
                            "s", container->id),
                     1);
    const char *dir = arena_printf(&f->arena, "%s/containers/%s", f->runroot, container->id);
    assert_int_equal(mkdir(dir, 0700), 0);
    if (!exit_record) return;
    const char *path = arena_printf(&f->arena, "%s/containers/%s/exit", f->root, container->id);
    assert_int_equal(file_replace_at(AT_FDCWD, path, exit_record, strlen(exit_record), 0600, false), 0);
}

static void test_exit_record(void **state) {
    struct fixture *f = *state;
    struct container a = make(f, "ship");
    pretend_run(f, &a, "{\"status\":3,\"oom\":1,\"exited_ns\":2000}\n");
    struct container found = find(f, "ship");
    assert_string_equal(found.state, "exited");
    assert_int_equal(found.exit_code, 3);
    assert_true(found.oom_killed);
    assert_int_equal(found.finished, 2000);
    assert_false(exists(f, f->runroot, a.id, ""));
}

static void test_no_exit_record(void **state) {
    struct fixture *f = *state;
    struct container a = make(f, "ship");
    pretend_run(f, &a, NULL);
    struct container found = find(f, "ship");
    assert_string_equal(found.state, "exited");
    assert_int_equal(found.exit_code, 255);
    assert_true(*found.error != 0);
}

// The clock was set back while it ran.
static void test_early_exit_record(void **state) {
    struct fixture *f = *state;
    struct container a = make(f, "ship");
    pretend_run(f, &a, "{\"status\":3,\"oom\":0,\"exited_ns\":500}\n");
    struct container found = find(f, "ship");
    assert_int_equal(found.exit_code, 3);
    assert_int_equal(found.finished, 1000);
}

static void test_auto_remove(void **state) {
    struct fixture *f = *state;
    f->config.auto_remove = true;
    struct container a = make(f, "ship");
    pretend_run(f, &a, "{\"status\":0,\"oom\":0,\"exited_ns\":2000}\n");
    // The name is free as soon as somebody wants it.
    struct container b = make(f, "ship");
    assert_string_not_equal(a.id, b.id);
    assert_false(exists(f, f->root, a.id, "") || exists(f, f->runroot, a.id, ""));
}

static void test_late_word(void **state) {
    struct fixture *f = *state;
    struct container a = make(f, "ship");
    pretend_run(f, &a, NULL);
    struct shim_exit late = {.status = 9, .exited_ns = 999}, now = {.status = 4, .exited_ns = 3000};
    assert_int_equal(container_exited(&f->engine, a.id, &late, -1, &f->err), 0);
    assert_true(exists(f, f->runroot, a.id, ""));
    assert_int_equal(container_exited(&f->engine, a.id, &now, -1, &f->err), 0);
    assert_int_equal(container_exited(&f->engine, a.id, &late, -1, &f->err), 0); // and again
    assert_int_equal(find(f, "ship").exit_code, 4);
    assert_false(exists(f, f->runroot, a.id, ""));
}

// Who read a run, and looked at what became of it, does not end the one that began meanwhile.
static void test_end_of_earlier_run(void **state) {
    struct fixture *f = *state;
    struct container a = make(f, "ship"), earlier, now;
    struct ending ending = {.state = "exited", .finished = 5000, .error = ""};
    pretend_run(f, &a, NULL);
    assert_int_equal(row_load(&f->engine, &f->arena, a.id, &earlier, &f->err), 1);
    assert_int_equal(
        db_run(f->engine.store.db, &f->err, "UPDATE container SET started = 2000 WHERE id = ?", "s", a.id),
        1);
    assert_int_equal(container_end(&f->engine, &earlier, &ending, &f->err), 0);
    assert_int_equal(row_load(&f->engine, &f->arena, a.id, &now, &f->err), 1);
    assert_string_equal(now.state, "running");
    assert_true(exists(f, f->runroot, a.id, ""));
}

// Somebody begins a container and is killed; before that it is left alone.
static void test_begun(void **state) {
    struct fixture *f = *state;
    int ready[2], end[2];
    assert_int_equal(pipe(ready) | pipe(end), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct engine engine;
        struct container container;
        struct engine_options options = {.root = f->root, .runroot = f->runroot, .storage_driver = "dir"};
        f->config.auto_remove = true;
        char byte;
        close(end[1]);
        if (engine_open(&engine, &options, &f->err) ||
            container_begin(&engine, &f->arena, &f->config, "ship", &container, &f->err))
            _exit(1);
        (void)!write(ready[1], container.id, 64);
        (void)!read(end[0], &byte, 1);
        _exit(0);
    }
    char id[ID_SIZE] = "", byte;
    close(end[0]);
    assert_int_equal(read(ready[0], id, 64), 64);
    assert_int_equal(engine_recover(&f->engine, true, &f->err), 0);
    assert_string_equal(find(f, "ship").state, "created");
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(engine_recover(&f->engine, false, &f->err), 0);
    struct container gone;
    assert_int_equal(container_find(&f->engine, &f->arena, "ship", &gone, &f->err), -1);
    assert_false(exists(f, f->root, id, "") || exists(f, f->runroot, id, ""));
    (void)byte;
    close(end[1]);
}

static void test_orphan(void **state) {
    struct fixture *f = *state;
    char id[ID_SIZE];
    id_random(id);
    assert_int_equal(mkdir(arena_printf(&f->arena, "%s/containers/%s", f->runroot, id), 0700), 0);
    assert_int_equal(engine_recover(&f->engine, true, &f->err), 0);
    assert_false(exists(f, f->runroot, id, ""));
}

static void test_names(void **state) {
    (void)state;
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        char name[64];
        name_make_up(attempt % 10, name);
        assert_int_equal(name[strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789")], 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    if (geteuid()) return 77; // meson: skipped
    const struct CMUnitTest tests[] = {
        TEST(test_store),
        TEST(test_create),
        TEST(test_refused),
        TEST(test_exit_record),
        TEST(test_auto_remove),
        TEST(test_no_exit_record),
        TEST(test_early_exit_record),
        TEST(test_late_word),
        TEST(test_end_of_earlier_run),
        TEST(test_begun),
        TEST(test_orphan),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
