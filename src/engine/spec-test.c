// SPDX-License-Identifier: Apache-2.0
#include "engine/config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ID        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CAP(name) ((cap_mask)1 << CAP_##name)

struct fixture {
    struct arena arena;
    struct container_config config;
    struct image_config image;
    struct spec spec;
    struct err err;
};

static void fixture_finish(struct fixture *f) {
    arena_finish(&f->arena);
}

#define FIXTURE                                       \
    _cleanup_(fixture_finish) struct fixture f = {0}; \
    (void)state

static void add(struct fixture *f, struct strings *list, const char *item) {
    strings_add(&f->arena, list, item);
}

// exec reads what start wrote.
static void assert_readable(const struct spec *spec) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(json_writer_finish) struct json_writer writer = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    struct spec again = {0};
    struct err err = {0};
    spec_write(spec, &writer);
    assert_int_equal(json_parse(str_get(&writer.text), writer.text.len, &json), 0);
    if (spec_parse(&arena, json, &again, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(again.warnings.count, 0);
}

static int make(struct fixture *f) {
    if (!f->config.cmd.count && !f->config.has_entrypoint && !f->image.cmd.count)
        add(f, &f->config.cmd, "sh");
    if (!f->config.image) f->config.image = "debian";
    container_config_merge(&f->arena, &f->image, ID, &f->config);
    struct container_spec_input input = {
        .config = &f->config, .image = &f->image, .id = ID, .run_dir = "/run/x", .volumes = "/vols"};
    int r = container_spec(&f->arena, &input, &f->spec, &f->err);
    if (r == 0) assert_readable(&f->spec);
    return r;
}

static void refuse(struct fixture *f, const char *sentence) {
    assert_int_equal(make(f), -1);
    if (!strstr(f->err.text, sentence)) fail_msg("\"%s\" is not in \"%s\"", sentence, f->err.text);
}

static const struct spec_mount *mount_at(const struct spec *spec, const char *destination) {
    for (size_t i = 0; i < spec->mounts.count; i++)
        if (str_eq(spec->mounts.items[i].destination, destination)) return &spec->mounts.items[i];
    return NULL;
}

static void test_defaults(void **state) {
    FIXTURE;
    assert_int_equal(make(&f), 0);
    const struct spec *s = &f.spec;
    assert_int_equal(s->process.caps.bounding, 0xa80425fb);
    assert_int_equal(s->process.caps.effective, 0xa80425fb);
    assert_int_equal(s->process.caps.inheritable, 0);
    assert_int_equal(s->process.caps.ambient, 0);
    assert_non_null(s->seccomp);
    assert_false(s->process.no_new_privileges);
    assert_string_equal(s->hostname, "0123456789ab");
    assert_string_equal(s->process.cwd, "/");
    assert_string_equal(s->process.user_name, "0");
    assert_string_equal(s->cgroups_path, "/hoy-" ID);
    assert_int_equal(s->resources.pids_limit.value, 4096);
    assert_true(strings_have(&s->masked_paths, "/proc/kcore") &&
                strings_have(&s->masked_paths, "/sys/firmware"));
    assert_true(strings_have(&s->readonly_paths, "/proc/sys"));
    assert_true(strings_have(&mount_at(s, "/sys")->options, "ro"));
    assert_true(strings_have(&mount_at(s, "/dev/shm")->options, "size=67108864"));
    assert_string_equal(mount_at(s, "/etc/hosts")->source, "/run/x/hosts");
    assert_string_equal(spec_why(s, "process.capabilities", "?"), "default");
    uint64_t flags = 0;
    for (size_t i = 0; i < s->namespaces.count; i++) flags |= s->namespaces.items[i].flag;
    assert_int_equal(flags & ~0x80ull, CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC |
                                           CLONE_NEWNET | CLONE_NEWCGROUP);
}

static void test_env(void **state) {
    FIXTURE;
    f.config.tty = true;
    add(&f, &f.image.env, "PATH=/image");
    add(&f, &f.image.env, "GONE=1");
    add(&f, &f.config.env, "A=1");
    add(&f, &f.config.env, "GONE");
    assert_int_equal(make(&f), 0);
    static const char *const wanted[] = {"PATH=/image", "HOSTNAME=0123456789ab", "TERM=xterm", "A=1"};
    assert_int_equal(f.spec.process.env.count, ARRAY_SIZE(wanted));
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        assert_string_equal(f.spec.process.env.items[i], wanted[i]);
}

static void test_command(void **state) {
    {
        FIXTURE;
        f.config.has_entrypoint = true;
        add(&f, &f.image.cmd, "bash");
        refuse(&f, "no command specified");
    }
    FIXTURE;
    add(&f, &f.image.entrypoint, "/entry");
    f.image.working_dir = "/srv";
    f.config.user = "app:staff";
    add(&f, &f.config.cmd, "x");
    assert_int_equal(make(&f), 0);
    assert_int_equal(f.spec.process.args.count, 2);
    assert_string_equal(f.spec.process.args.items[0], "/entry");
    assert_string_equal(spec_why(&f.spec, "process.args", "?"), "image Entrypoint, command line");
    assert_string_equal(spec_why(&f.spec, "process.cwd", "?"), "image WorkingDir");
    assert_string_equal(spec_why(&f.spec, "process.user", "?"), "--user app:staff");
}

static void test_caps(void **state) {
    static const struct {
        const char *add, *drop;
        cap_mask caps;
    } rows[] = {
        {NULL, "ALL", 0},
        {"CHOWN", "all", CAP(CHOWN)},
        {NULL, "CAP_KILL", 0xa80425fb & ~CAP(KILL)},
        {"sys_time", NULL, 0xa80425fb | CAP(SYS_TIME)},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        FIXTURE;
        if (rows[i].add) add(&f, &f.config.cap_add, rows[i].add);
        if (rows[i].drop) add(&f, &f.config.cap_drop, rows[i].drop);
        if (rows[i].add && geteuid()) continue; // nothing may be added that one has not
        assert_int_equal(make(&f), 0);
        assert_int_equal(f.spec.process.caps.bounding, rows[i].caps);
    }
    FIXTURE;
    add(&f, &f.config.cap_drop, "FLY");
    refuse(&f, "--cap-drop: unknown capability: \"FLY\"");
}

static void test_privileged(void **state) {
    FIXTURE;
    f.config.privileged = true;
    assert_int_equal(make(&f), 0);
    assert_null(f.spec.seccomp);
    assert_int_equal(f.spec.masked_paths.count + f.spec.readonly_paths.count, 0);
    assert_false(strings_have(&mount_at(&f.spec, "/sys")->options, "ro"));
    assert_int_equal(f.spec.resources.devices.count, 1);
    assert_true(f.spec.resources.devices.items[0].allow);
    for (size_t i = 0; i < f.spec.devices.count; i++)
        assert_string_not_equal(f.spec.devices.items[i].path, "/dev/null");
}

static void test_limits(void **state) {
    FIXTURE;
    f.config.nano_cpus = (struct spec_i64){true, 500000000};
    f.config.memory = (struct spec_i64){true, 64 << 20};
    f.config.pids_limit = (struct spec_i64){true, -1};
    f.config.cpuset_cpus = "0";
    assert_int_equal(make(&f), 0);
    const struct spec_resources *r = &f.spec.resources;
    assert_int_equal(r->cpu_quota.value, 50000);
    assert_int_equal(r->cpu_period.value, 100000);
    assert_int_equal(r->memory_limit.value, 64 << 20);
    assert_int_equal(r->memory_swap.value, 128 << 20);
    assert_int_equal(r->pids_limit.value, -1);
    assert_string_equal(spec_why(&f.spec, "linux.resources.memory.limit", "?"), "--memory 64m");
    assert_string_equal(spec_why(&f.spec, "linux.resources.cpu.quota", "?"), "--cpus 0.5");
}

static void test_bad_limits(void **state) {
    static const struct {
        struct container_config config;
        const char *sentence;
    } rows[] = {
        {{.memory = {true, 1 << 20}}, "Minimum memory limit allowed is 6MB"},
        {{.memory_swap = {true, 64 << 20}}, "You should always set the Memory limit"},
        {{.memory = {true, 64 << 20}, .memory_swap = {true, 1000}}, "should be larger than memory limit"},
        {{.nano_cpus = {true, 1}}, "range of CPUs is from 0.01"},
        {{.nano_cpus = {true, 9000000000000}}, "range of CPUs is from 0.01"},
        {{.cpuset_cpus = "0-"}, "invalid value 0- for cpuset cpus"},
        {{.cpuset_cpus = "1-0"}, "invalid value"},
        {{.cpuset_cpus = "0,"}, "invalid value"},
        {{.cpuset_cpus = "0-4294967295"}, "invalid value"},
        {{.cpuset_cpus = "8191"}, "Requested CPUs are not available"},
        {{.working_dir = "srv"}, "needs to be an absolute path"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        FIXTURE;
        f.config = rows[i].config;
        refuse(&f, rows[i].sentence);
    }
    FIXTURE;
    struct device_rate rate = {"/dev/null", 1};
    f.config.read_bps.items = &rate;
    f.config.read_bps.count = 1;
    refuse(&f, "/dev/null is not a block device");
    struct spec_rlimit limit = {RLIMIT_NOFILE, 1, 2};
    f.config = (struct container_config){.image = "x"};
    f.config.ulimits.items = &limit;
    f.config.ulimits.count = 1;
    refuse(&f, "ulimit soft limit must be less than");
}

static void test_sysctls(void **state) {
    static const struct {
        const char *key, *network, *sentence;
    } rows[] = {
        {"net.core.somaxconn", "bridge", NULL},
        {"kernel.msgmax", "host", NULL},
        {"fs.mqueue.msg_max", "none", NULL},
        {"kernel.core_pattern", "bridge", "is not allowed"},
        {"kernel.shm", "bridge", "is not allowed"},
        {"net.../kernel.x", "bridge", "is not allowed"},
        {"net./../kernel", "bridge", "is not allowed"},
        {"net.core.somaxconn", "host", "not allowed in host network"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        FIXTURE;
        struct spec_key_value sysctl = {rows[i].key, "1"};
        f.config.network_mode = rows[i].network;
        f.config.sysctls.items = &sysctl;
        f.config.sysctls.count = 1;
        if (rows[i].sentence)
            refuse(&f, rows[i].sentence);
        else
            assert_int_equal(make(&f), 0);
    }
}

static void test_security(void **state) {
    static const char *const good[] = {
        "no-new-privileges", "no-new-privileges=true", "apparmor=unconfined",
        "label=disable",     "seccomp=builtin",        "seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}"};
    static const char *const bad[] = {
        "apparmor=docker-default",  "apparmor=",        "no-new-privileges=perhaps",
        "writable-cgroups=perhaps", "seccomp=/nowhere", "x"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        FIXTURE;
        add(&f, &f.config.security_opt, good[i]);
        assert_int_equal(make(&f), 0);
        assert_int_equal(f.spec.process.no_new_privileges, i < 2);
        assert_non_null(f.spec.seccomp);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        FIXTURE;
        add(&f, &f.config.security_opt, bad[i]);
        refuse(&f, "--security-opt");
    }
    FIXTURE;
    add(&f, &f.config.security_opt, "seccomp=unconfined");
    add(&f, &f.config.security_opt, "systempaths=unconfined");
    assert_int_equal(make(&f), 0);
    assert_null(f.spec.seccomp);
    assert_int_equal(f.spec.masked_paths.count, 0);
}

static void test_mounts(void **state) {
    FIXTURE;
    struct container_mount mounts[] = {
        {.type = CONTAINER_MOUNT_BIND,
         .source = "/tmp",
         .target = "/a/./b//c",
         .readonly = true,
         .why = "-v"},
        {.type = CONTAINER_MOUNT_VOLUME, .source = "data", .target = "/a", .why = "-v"},
        {.type = CONTAINER_MOUNT_TMPFS,
         .target = "/dev/shm",
         .tmpfs_options = "size=1m,exec",
         .why = "--tmpfs"},
        {.type = CONTAINER_MOUNT_BIND, .source = "/tmp", .target = "/etc/hosts", .why = "-v"},
    };
    f.config.mounts.items = mounts;
    f.config.mounts.count = ARRAY_SIZE(mounts);
    assert_int_equal(make(&f), 0);
    const struct spec_mount *a = mount_at(&f.spec, "/a"), *c = mount_at(&f.spec, "/a/b/c");
    assert_true(a < c); // the outer one first
    assert_string_equal(a->source, "/vols/data/_data");
    assert_true(strings_have(&a->options, "tmpcopyup"));
    assert_true(strings_have(&c->options, "rro"));
    assert_true(strings_have(&mount_at(&f.spec, "/dev/shm")->options, "exec"));
    assert_string_equal(mount_at(&f.spec, "/etc/hosts")->source, "/tmp");
}

static void test_bad_mounts(void **state) {
    static const struct {
        struct container_mount mount;
        const char *sentence;
    } rows[] = {
        {{.type = CONTAINER_MOUNT_BIND, .source = "/tmp", .target = "/x/../proc/sys"}, "inside /proc"},
        {{.type = CONTAINER_MOUNT_BIND, .source = "/tmp", .target = "/.."}, "destination can't be '/'"},
        {{.type = CONTAINER_MOUNT_BIND, .source = "/tmp", .target = "x"}, "must be absolute"},
        {{.type = CONTAINER_MOUNT_BIND, .source = "/no/such", .target = "/x"}, "does not exist: /no/such"},
        {{.type = CONTAINER_MOUNT_VOLUME, .source = "../x", .target = "/x"}, "no name of a volume"},
        {{.type = CONTAINER_MOUNT_TMPFS, .target = "/x", .tmpfs_options = "upperdir=/"},
         "invalid tmpfs option"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        FIXTURE;
        struct container_mount mount = rows[i].mount;
        f.config.mounts.items = &mount;
        f.config.mounts.count = 1;
        refuse(&f, rows[i].sentence);
    }
    FIXTURE;
    struct container_mount twice[] = {{.type = CONTAINER_MOUNT_TMPFS, .target = "/x"},
                                      {.type = CONTAINER_MOUNT_TMPFS, .target = "/x/"}};
    f.config.mounts.items = twice;
    f.config.mounts.count = 2;
    refuse(&f, "Duplicate mount point: /x");
    f.config = (struct container_config){.image = "x"};
    add(&f, &f.image.volumes, "/proc");
    refuse(&f, "image Volumes: \"/proc\" cannot be mounted");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),   cmocka_unit_test(test_env),        cmocka_unit_test(test_command),
        cmocka_unit_test(test_caps),       cmocka_unit_test(test_privileged), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bad_limits), cmocka_unit_test(test_sysctls),    cmocka_unit_test(test_security),
        cmocka_unit_test(test_mounts),     cmocka_unit_test(test_bad_mounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
