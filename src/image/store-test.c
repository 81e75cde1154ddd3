// SPDX-License-Identifier: Apache-2.0
// Finding, listing and removing, on a real database and real files.
#include "base/fd.h"
#include "image/image.h"
#include "image/staging.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEX(c)    c c c c c c c c c c c c c c c c // of four digits: 64
#define DIGEST(c) "sha256:" HEX(c)

static struct store store;
static char root[64];
static struct str told;

static void tell(const char *line, void *data) {
    (void)data;
    str_printf(&told, "%s\n", line);
}

static void make_file(const char *path) {
    assert_int_equal(file_replace_at(store.root_fd, path, "x", 1, 0600, false), 0);
}

static void make_directory(const char *path) {
    assert_int_equal(dir_remove_all_at(store.root_fd, path), 0);
    assert_int_equal(dir_make_all_at(store.root_fd, path, 0755), 0);
}

static bool exists(const char *path) {
    return !faccessat(store.root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

static void run(const char *sql, const char *a, const char *b, const char *c) {
    struct err err = {0};
    if (db_run(store.db, &err, sql, c ? "sss" : b ? "ss" : "s", a, b, c) < 0) fail_msg("%s", err.text);
}

// An image of the layers, lowest first.
static void add_image(const char *id, const char *chain, int64_t pulled, const char *const *layers) {
    struct err err = {0};
    _cleanup_(str_finish) struct str config = {0}, path = {0};
    str_add(&config, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"sh\"]},"
                     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
    for (size_t i = 0; layers[i]; i++) str_printf(&config, "%s\"%s\"", i ? "," : "", layers[i]);
    str_add(&config, "]}}");
    assert_int_equal(db_run(store.db, &err, "INSERT INTO image VALUES (?, ?, ?, ?, 5, ?)", "ssssi", id, id,
                            str_get(&config), chain, pulled),
                     1);
    run("INSERT INTO image_manifest VALUES (?1, ?1, 'x', '{}')", id, NULL, NULL);
    for (size_t i = 0; layers[i]; i++) {
        run("INSERT OR IGNORE INTO layer VALUES (?1, ?1, 1, 1, 'erofs', '')", layers[i], NULL, NULL);
        assert_int_equal(db_run(store.db, &err, "INSERT INTO image_layer VALUES (?, ?, ?)", "sis", id,
                                (int64_t)i, layers[i]),
                         1);
        char file[128];
        snprintf(file, sizeof file, "layers/%s", digest_hex(layers[i]));
        make_file(file);
    }
    str_printf(&path, "images/%s", digest_hex(chain));
    make_file(path.data);
}

static void add_name(const char *name, const char *id) {
    run("INSERT INTO image_name VALUES (?1, ?2, ?2)", name, id, NULL);
}

static int setup(void **state) {
    (void)state;
    struct err err = {0};
    strcpy(root, "/tmp/hoy-store-test.XXXXXX");
    if (!mkdtemp(root)) return -1;
    store = (struct store){.root = root, .runroot = root, .driver = "erofs"};
    store.root_fd = store.runroot_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dir_make_all_at(store.root_fd, "layers", 0700);
    dir_make_all_at(store.root_fd, "images", 0700);
    if (db_open(root, &store.db, &err)) return -1;
    add_image(DIGEST("aa01"), DIGEST("cc01"), 1, (const char *const[]){DIGEST("1111"), DIGEST("2222"), NULL});
    add_image(DIGEST("aa02"), DIGEST("cc02"), 2, (const char *const[]){DIGEST("1111"), DIGEST("3333"), NULL});
    add_name("docker.io/library/debian:12", DIGEST("aa01"));
    add_name("docker.io/library/debian:latest", DIGEST("aa01"));
    add_name("localhost:5000/x/y:v1", DIGEST("aa02"));
    run("INSERT INTO image_digest VALUES ('docker.io/library/debian', ?1, ?2, ?2)", DIGEST("dd01"),
        DIGEST("aa01"), NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    str_finish(&told);
    told = (struct str){0};
    db_closep(&store.db);
    fd_closep(&store.root_fd);
    return dir_remove_all_at(AT_FDCWD, root);
}

static void check_find(const char *name, const char *id) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct image image;
    struct err err = {0};
    int r = image_find(&store, &arena, name, &image, &err);
    if (id) {
        if (r) fail_msg("%s: %s", name, err.text);
        assert_string_equal(image.id, id);
    } else {
        assert_int_equal(r, -1);
        assert_int_equal(err.kind, ERR_NOT_FOUND);
    }
}

static void test_find(void **state) {
    (void)state;
    check_find("debian:12", DIGEST("aa01"));
    check_find("debian", DIGEST("aa01"));
    check_find("docker.io/library/debian", DIGEST("aa01"));
    check_find("debian@" DIGEST("dd01"), DIGEST("aa01"));
    check_find("localhost:5000/x/y:v1", DIGEST("aa02"));
    check_find(DIGEST("aa02"), DIGEST("aa02"));
    check_find(HEX("aa02"), DIGEST("aa02"));
    check_find("aa02aa02", DIGEST("aa02"));
    check_find("aa02", DIGEST("aa02"));
    check_find("sha256:aa02", DIGEST("aa02"));
    check_find("aa0", NULL);  // too short
    check_find("aa03", NULL); // none
    check_find("debian:13", NULL);
    check_find("localhost:5000/x/y", NULL);
    check_find("debian@" DIGEST("dd02"), NULL);
    check_find(DIGEST("aa03"), NULL);

    // A name is looked up before an id.
    add_name("docker.io/library/aa02:latest", DIGEST("aa01"));
    check_find("aa02", DIGEST("aa01"));

    // A prefix that two have.
    char other[] = DIGEST("aa01");
    memset(other + 20, '9', 10);
    add_image(other, DIGEST("cc03"), 3, (const char *const[]){NULL});
    check_find("aa01", NULL);
    check_find("aa01aa01aa01aa01", DIGEST("aa01"));
}

static void test_find_words(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct image image;
    struct err err = {0};
    assert_int_equal(image_find(&store, &arena, "nothing", &image, &err), -1);
    assert_string_equal(err.text, "No such image: nothing:latest");
    assert_int_equal(image_find(&store, &arena, "NOT A NAME", &image, &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_int_equal(image_find(&store, &arena, "debian", &image, &err), 0);
    assert_int_equal(image.names.count, 2);
    assert_string_equal(image.names.items[0], "docker.io/library/debian:12");
    assert_int_equal(image.digests.count, 1);
    assert_string_equal(image.digests.items[0], "docker.io/library/debian@" DIGEST("dd01"));
    assert_string_equal(image.config.cmd.items[0], "sh");
    assert_int_equal(image.config.diff_ids.count, 2);
}

static void test_list(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct images images;
    struct err err = {0};
    assert_int_equal(image_list(&store, &arena, &images, &err), 0);
    assert_int_equal(images.count, 2);
    assert_string_equal(images.items[0].id, DIGEST("aa02")); // the newest
    assert_string_equal(images.items[1].id, DIGEST("aa01"));
    assert_int_equal(images.items[1].names.count, 2);
}

static void check_remove(const char *name, bool force, const char *lines) {
    struct err err = {0};
    told.len = 0;
    if (image_remove(&store, name, force, tell, NULL, &err)) fail_msg("%s: %s", name, err.text);
    assert_string_equal(told.len ? told.data : "", lines);
    told.len = 0;
}

static void check_refused(const char *name, bool force, enum err_kind kind, const char *text) {
    struct err err = {0};
    told.len = 0;
    assert_int_equal(image_remove(&store, name, force, tell, NULL, &err), -1);
    assert_int_equal(err.kind, kind);
    assert_string_equal(err.text, text);
    assert_int_equal(told.len, 0);
}

static void test_remove(void **state) {
    (void)state;
    char chain[DIGEST_SIZE], lines[512];
    const char *ids[] = {DIGEST("1111"), DIGEST("2222")};
    struct strings diff_ids = {ids, 2};
    check_remove("debian:12", false, "Untagged: debian:12\n");
    assert_true(exists("layers/" HEX("2222")));

    // The last tag: its digests, the image, and the layer that is nobody else's.
    chain_id(&diff_ids, 2, chain);
    snprintf(lines, sizeof lines,
             "Untagged: debian:latest\nUntagged: debian@" DIGEST("dd01") "\nDeleted: " DIGEST(
                 "aa01") "\nDeleted: %s\n",
             chain);
    check_remove("debian", false, lines);
    assert_false(exists("layers/" HEX("2222")));
    assert_false(exists("images/" HEX("cc01")));
    assert_true(exists("layers/" HEX("1111")));
    assert_true(exists("images/" HEX("cc02")));
    check_find("debian", NULL);
    check_refused("debian", false, ERR_NOT_FOUND, "No such image: debian:latest");

    // By id: all of its names, and now both layers.
    struct err err = {0};
    if (image_remove(&store, "aa02", false, tell, NULL, &err)) fail_msg("%s", err.text);
    assert_false(exists("layers/" HEX("1111")));
    assert_false(exists("layers/" HEX("3333")));
    assert_false(exists("images/" HEX("cc02")));
    char path[128]; // nothing is left behind
    snprintf(path, sizeof path, "%s/tmp", root);
    assert_int_equal(rmdir(path), 0);
}

static void add_container(const char *id, const char *image, const char *how) {
    run("INSERT INTO container (id, name, image_id, image_name, created, config, state, auto_remove) "
        "VALUES (?1, ?1, ?2, '', 0, '', ?3, 0)",
        id, image, how);
}

static void test_conflicts(void **state) {
    (void)state;
    check_refused(
        "aa01", false, ERR_CONFLICT,
        "conflict: unable to delete aa01aa01aa01 (must be forced) - image is referenced in multiple "
        "repositories");
    add_container(HEX("beef"), DIGEST("aa02"), "exited");
    check_refused("localhost:5000/x/y:v1", false, ERR_CONFLICT,
                  "conflict: unable to remove repository reference \"localhost:5000/x/y:v1\" (must force) - "
                  "container beefbeefbeef is using its referenced image aa02aa02aa02");
    check_refused("aa02", false, ERR_CONFLICT,
                  "conflict: unable to delete aa02aa02aa02 (must be forced) - image is being used by stopped "
                  "container beefbeefbeef");
    // The name goes, the image stays for its container.
    check_remove("localhost:5000/x/y:v1", true, "Untagged: localhost:5000/x/y:v1\n");
    check_find("aa02", DIGEST("aa02"));
    assert_true(exists("layers/" HEX("3333")));

    add_container(HEX("cafe"), DIGEST("aa02"), "running");
    check_refused(
        "aa02", true, ERR_CONFLICT,
        "conflict: unable to delete aa02aa02aa02 (cannot be forced) - image is being used by running "
        "container cafecafecafe");
    // One of two names is free to go.
    add_container(HEX("dead"), DIGEST("aa01"), "running");
    check_remove("debian:12", false, "Untagged: debian:12\n");
}

static void delete_rows(void) {
    run("DELETE FROM image_layer WHERE image_id = ?", DIGEST("aa01"), NULL, NULL);
    run("DELETE FROM image_digest WHERE image_id = ?", DIGEST("aa01"), NULL, NULL);
    run("DELETE FROM image_name WHERE image_id = ?", DIGEST("aa01"), NULL, NULL);
    run("DELETE FROM image WHERE id = ?", DIGEST("aa01"), NULL, NULL);
    run("DELETE FROM layer WHERE diff_id = ?", DIGEST("2222"), NULL, NULL);
}

// The removal is killed after its commit: what is left is a list.
static void test_recover(void **state) {
    (void)state;
    struct err err = {0};
    delete_rows();
    assert_int_equal(dir_make_all_at(store.root_fd, "tmp/remove-1", 0700), 0);
    static const char list[] = "images/" HEX("cc01") "\nlayers/" HEX("2222") "\nlayers/" HEX(
        "1111") "\n../../etc/passwd\nhoy.db\nlayers/" HEX("..//") "\n";
    assert_int_equal(file_replace_at(store.root_fd, "tmp/remove-1/list", list, sizeof list - 1, 0600, false),
                     0);

    // Somebody is at it.
    _cleanup_(fd_closep) int lock = openat(store.root_fd, "tmp/remove-1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(image_recover(&store, &err), 0);
    assert_true(exists("layers/" HEX("2222")));
    fd_closep(&lock);

    assert_int_equal(image_recover(&store, &err), 0);
    assert_false(exists("images/" HEX("cc01")));
    assert_false(exists("layers/" HEX("2222")));
    assert_true(exists("layers/" HEX("1111"))); // aa02 has it
    assert_true(exists("hoy.db"));
    assert_false(exists("tmp/remove-1"));
}

// Killed in the middle of it; then a pull was, of an image that shares what had gone already.
static void test_recover_again(void **state) {
    (void)state;
    struct err err = {0};
    delete_rows();
    assert_int_equal(dir_remove_all_at(store.root_fd, "images/" HEX("cc01")), 0);
    assert_int_equal(dir_make_all_at(store.root_fd, "images/" HEX("cc01") "/new", 0700), 0);
    assert_int_equal(dir_make_all_at(store.root_fd, "tmp/remove-1/0/old", 0700), 0);
    static const char list[] = "images/" HEX("cc01") "\nlayers/" HEX("2222") "\n";
    assert_int_equal(file_replace_at(store.root_fd, "tmp/remove-1/list", list, sizeof list - 1, 0600, false),
                     0);
    assert_int_equal(image_recover(&store, &err), 0);
    assert_false(exists("images/" HEX("cc01")));
    assert_false(exists("layers/" HEX("2222")));
    assert_false(exists("tmp/remove-1"));
}

// Of the list only the name had reached the disk.
static void test_recover_empty(void **state) {
    (void)state;
    struct err err = {0};
    delete_rows();
    assert_int_equal(dir_make_all_at(store.root_fd, "tmp/remove-1", 0700), 0);
    assert_int_equal(file_replace_at(store.root_fd, "tmp/remove-1/list", "", 0, 0600, false), 0);
    assert_int_equal(image_recover(&store, &err), 0);
    assert_false(exists("images/" HEX("cc01")));
    assert_false(exists("layers/" HEX("2222")));
    assert_true(exists("layers/" HEX("1111")));
    assert_false(exists("tmp/remove-1"));
}

// The same on a full disk: what is left is a mark.
static void test_recover_full(void **state) {
    (void)state;
    struct err err = {0};
    struct staging mark;
    delete_rows();
    assert_int_equal(dir_make_all_at(store.root_fd, "tmp", 0700), 0);
    assert_int_equal(staging_mark(&store, &mark), 0);
    assert_int_equal(image_recover(&store, &err), 0);
    assert_true(exists("layers/" HEX("2222"))); // somebody is at it
    fd_closep(&mark.fd);
    fd_closep(&mark.tmp);
    assert_int_equal(image_recover(&store, &err), 0);
    assert_false(exists("images/" HEX("cc01")));
    assert_false(exists("layers/" HEX("2222")));
    assert_true(exists("layers/" HEX("1111")));
    char path[32];
    snprintf(path, sizeof path, "tmp/%s", mark.name);
    assert_false(exists(path));
}

// A pull that ended between the last byte and the store.
static void test_partial(void **state) {
    (void)state;
    static const mode_t modes[] = {0600, 0400};
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        struct staging staging;
        assert_int_equal(staging_make(&store, &staging, &err), 0);
        _cleanup_(fd_closep) int fd =
            fd_open_at(staging.fd, HEX("1234") ".part", O_WRONLY | O_CREAT, modes[i]);
        assert_int_equal(ftruncate(fd, 2 << 20), 0);
        staging_remove(&staging);
        assert_int_equal(exists("tmp/partial/" HEX("1234")), modes[i] == 0600);
        dir_remove_all_at(store.root_fd, "tmp/partial");
    }
}

static void test_rootfs(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct image image;
    struct err err = {0};
    struct plan plan;
    plan_init(&plan);
    assert_int_equal(image_find(&store, &arena, "debian", &image, &err), 0);
    assert_int_equal(image_plan_rootfs(&store, &image, "/u", "/w", true, &plan, &err), 0);
    assert_int_equal(plan.count, 2);
    assert_int_equal(plan.ops[0].type, PLAN_IMAGE_MOUNT);
    assert_int_equal(plan.ops[0].image_mount.layers.count, 2);
    char path[256];
    snprintf(path, sizeof path, "%s/layers/" HEX("1111"), root);
    assert_string_equal(plan.strings + plan.ops[0].image_mount.layers.at, path);
    snprintf(path, sizeof path, "%s/images/" HEX("cc01"), root);
    assert_string_equal(plan.strings + plan.ops[0].image_mount.index, path);
    assert_string_equal(plan.strings + plan.ops[1].overlay.lower.at, path); // runroot is root here
    assert_string_equal(plan.strings + plan.ops[1].overlay.upper, "/u");
    assert_string_equal(plan.strings + plan.ops[1].overlay.options, "volatile");
    plan_finish(&plan);

    make_directory("layers/" HEX("1111"));
    make_directory("layers/" HEX("2222"));
    plan_init(&plan);
    assert_int_equal(image_plan_rootfs(&store, &image, "/u", "/w", false, &plan, &err), 0);
    assert_int_equal(plan.count, 1);
    assert_int_equal(plan.ops[0].overlay.lower.count, 2);
    snprintf(path, sizeof path, "%s/layers/" HEX("2222"), root); // the uppermost
    assert_string_equal(plan.strings + plan.ops[0].overlay.lower.at, path);
    assert_string_equal(plan.strings + plan.ops[0].overlay.options, "");
    plan_finish(&plan);

    assert_int_equal(image_find(&store, &arena, "aa02", &image, &err), 0);
    plan_init(&plan);
    assert_int_equal(image_plan_rootfs(&store, &image, "/u", "/w", false, &plan, &err), -1);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_int_equal(dir_remove_all_at(store.root_fd, "layers/" HEX("3333")), 0);
    assert_int_equal(image_plan_rootfs(&store, &image, "/u", "/w", false, &plan, &err), -1);
    assert_int_equal(err.code, ENOENT);
    plan_finish(&plan);

    add_image(DIGEST("aa09"), DIGEST("cc09"), 9, (const char *const[]){NULL});
    assert_int_equal(image_find(&store, &arena, "aa09", &image, &err), 0);
    plan_init(&plan);
    assert_int_equal(image_plan_rootfs(&store, &image, "/u", "/w", false, &plan, &err), 0);
    assert_int_equal(plan.count, 2); // an index without devices
    assert_int_equal(plan.ops[0].image_mount.layers.count, 0);
    plan_finish(&plan);
    assert_int_equal(dir_remove_all_at(store.root_fd, "images/" HEX("cc09")), 0);
    plan_init(&plan);
    assert_int_equal(image_plan_rootfs(&store, &image, "/u", "/w", false, &plan, &err), 0);
    assert_int_equal(plan.count, 1);
    assert_true(exists("empty"));
    plan_finish(&plan);
}

static void test_driver(void **state) {
    (void)state;
    struct err err = {0};
    assert_int_equal(image_driver_choose(&store, "zfs", &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_int_equal(image_driver_choose(&store, "dir", &err), 0);
    assert_string_equal(store.driver, "dir");
    assert_false(exists("driver"));
    if (geteuid()) skip(); // the probe mounts
    assert_int_equal(image_driver_choose(&store, NULL, &err), 0);
    assert_true(exists("driver"));
    const char *probed = store.driver;
    assert_int_equal(image_driver_choose(&store, NULL, &err), 0);
    assert_string_equal(store.driver, probed);

    // Another kernel's answer counts for nothing.
    assert_int_equal(file_replace_at(store.root_fd, "driver", "dir 1.2.3\n", 10, 0600, false), 0);
    assert_int_equal(image_driver_choose(&store, NULL, &err), 0);
    assert_string_equal(store.driver, probed);

    // Nor does it say anything of the kernel that there are no descriptors left.
    struct rlimit before, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int last = dup(store.root_fd);
    close(last);
    for (few = before, few.rlim_cur = (rlim_t)last; few.rlim_cur < (rlim_t)last + 10; few.rlim_cur++) {
        assert_int_equal(unlinkat(store.root_fd, "driver", 0), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        int r = image_driver_choose(&store, NULL, &err);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        if (r) assert_int_equal(image_driver_choose(&store, NULL, &err), 0);
        assert_string_equal(store.driver, probed);
    }
    char path[128];
    snprintf(path, sizeof path, "%s/tmp", root);
    assert_int_equal(rmdir(path), 0);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_find),         TEST(test_find_words), TEST(test_list),          TEST(test_remove),
        TEST(test_conflicts),    TEST(test_recover),    TEST(test_recover_again), TEST(test_recover_empty),
        TEST(test_recover_full), TEST(test_partial),    TEST(test_rootfs),        TEST(test_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
