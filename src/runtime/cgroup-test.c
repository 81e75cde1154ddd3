// SPDX-License-Identifier: Apache-2.0
// Plans for hosts of every kind, by layouts that are made up. A v2 tree whose files are looked at is a folder
// below /tmp.
#include "runtime/cgroup_plan.h"

#include "base/fd.h"
#include "kernel/bpf_device.h"

#include <linux/sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NONE "/nonexistent"
#define V1(name, bits) \
    { .mount = NONE "/" name, .controllers = bits }

static const struct cgroup_layout v1 = {
    .items = {V1("cpu,cpuacct", CGROUP_CPU | CGROUP_CPUACCT), V1("cpuset", CGROUP_CPUSET),
              V1("memory", CGROUP_MEMORY), V1("devices", CGROUP_DEVICES), V1("freezer", CGROUP_FREEZER),
              V1("blkio", CGROUP_IO), V1("pids", CGROUP_PIDS), V1("systemd", CGROUP_SYSTEMD),
              V1("perf_event", CGROUP_PERF_EVENT)},
    .count = 9,
};

static struct cgroup_layout hybrid(void) {
    struct cgroup_layout layout = v1;
    layout.items[layout.count++] =
        (struct cgroup_hierarchy){.mount = NONE "/unified", .v2 = true, .controllers = CGROUP_HUGETLB};
    return layout;
}

#define V2_ALL \
    (CGROUP_CPU | CGROUP_CPUSET | CGROUP_IO | CGROUP_MEMORY | CGROUP_PIDS | CGROUP_HUGETLB | CGROUP_RDMA)

static struct cgroup_layout v2(const char *mount, uint32_t controllers) {
    struct cgroup_layout layout = {.count = 1};
    snprintf(layout.items[0].mount, sizeof layout.items[0].mount, "%s", mount);
    layout.items[0].v2 = true;
    layout.items[0].controllers = controllers;
    return layout;
}

struct fixture {
    struct arena arena;
    struct spec spec;
    struct plan plan;
    struct err err;
    struct str text; // the plan: an operation a line
    const char *v2;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    plan_init(&f->plan);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    plan_finish(&f->plan);
    arena_finish(&f->arena);
    str_finish(&f->text);
    free(f);
    return 0;
}

static const char *string(const struct fixture *f, plan_str s) {
    return s ? f->plan.strings + s : "";
}

static void print(struct fixture *f) {
    for (size_t i = 0; i < f->plan.count; i++) {
        const struct plan_op *op = &f->plan.ops[i];
        if (op->type == PLAN_CGROUP_CREATE)
            str_printf(&f->text, "create %s\n", string(f, op->path));
        else if (op->type == PLAN_CGROUP_OWNER)
            str_printf(&f->text, "owner %u %s\n", op->owner.uid, string(f, op->owner.path));
        else if (op->type == PLAN_CGROUP_JOIN)
            str_printf(&f->text, "join %s\n", string(f, op->path));
        else if (op->type == PLAN_CGROUP_DEVICES)
            str_printf(&f->text, "devices %s\n", string(f, op->bpf.path));
        else
            str_printf(&f->text, "write %s > %s%s\n", string(f, op->write.value), string(f, op->write.file),
                       op->write.optional  ? " ?"
                       : op->write.instead ? " |"
                                           : "");
    }
}

static int plan_on(struct fixture *f, const struct cgroup_layout *layout) {
    const struct cgroup_plan c = {&f->spec, layout, "/hoy/1", &f->plan, &f->arena, &f->err};
    if (cgroup_plan_host(&c, &f->v2) < 0) return -1;
    print(f);
    return 0;
}

static void assert_has(const struct fixture *f, const char *line) {
    if (!strstr(str_get(&f->text), line)) fail_msg("no \"%s\" in\n%s", line, str_get(&f->text));
}

static void assert_lacks(const struct fixture *f, const char *line) {
    if (strstr(str_get(&f->text), line)) fail_msg("\"%s\" in\n%s", line, str_get(&f->text));
}

static void set_limits(struct spec *spec) {
    struct spec_resources *r = &spec->resources;
    r->memory_limit = (struct spec_i64){true, 64 << 20};
    r->memory_swap = (struct spec_i64){true, 128 << 20};
    r->cpu_quota = (struct spec_i64){true, 50000};
    r->cpu_period = (struct spec_u64){true, 100000};
    r->cpu_shares = (struct spec_u64){true, 1024};
    r->pids_limit = (struct spec_i64){true, 20};
    r->cpuset_cpus = "0-1";
    static struct spec_throttle throttle = {8, 16, 1048576};
    r->read_bps.items = &throttle;
    r->read_bps.count = 1;
}

static void test_v1(void **state) {
    struct fixture *f = *state;
    set_limits(&f->spec);
    assert_int_equal(plan_on(f, &v1), 0);
    assert_null(f->v2);
    assert_has(f, "create " NONE "/cpu,cpuacct/hoy/1\n");
    assert_has(f, "create " NONE "/freezer/hoy/1\n");
    assert_has(f, "create " NONE "/blkio/hoy/1\n");
    assert_lacks(f, "perf_event");
    assert_has(f, "write 67108864 > " NONE "/memory/hoy/1/memory.limit_in_bytes\n"
                  "write 134217728 > " NONE "/memory/hoy/1/memory.memsw.limit_in_bytes\n");
    assert_has(f, "write 1024 > " NONE "/cpu,cpuacct/hoy/1/cpu.shares\n"
                  "write 100000 > " NONE "/cpu,cpuacct/hoy/1/cpu.cfs_period_us\n"
                  "write 50000 > " NONE "/cpu,cpuacct/hoy/1/cpu.cfs_quota_us\n");
    assert_has(f, "write 20 > " NONE "/pids/hoy/1/pids.max\n");
    assert_has(f, "write 0-1 > " NONE "/cpuset/hoy/1/cpuset.cpus\n");
    assert_has(f, "write 8:16 1048576 > " NONE "/blkio/hoy/1/blkio.throttle.read_bps_device\n");
    assert_has(f, "write a > " NONE "/devices/hoy/1/devices.deny\n"
                  "write c *:* m > " NONE "/devices/hoy/1/devices.allow\n");
    assert_lacks(f, "?");
    assert_string_equal(string(f, f->plan.head.oom_file), NONE "/memory/hoy/1/memory.oom_control");
}

static void test_hybrid_without_limits(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = hybrid();
    assert_int_equal(plan_on(f, &layout), 0);
    assert_string_equal(f->v2, NONE "/unified/hoy/1");
    assert_lacks(f, "cpuset");
    assert_lacks(f, "freezer");
    assert_lacks(f, "blkio");
    assert_lacks(f, "subtree_control");
    // The last that is made is the first that is undone.
    assert_has(f, "create " NONE "/systemd/hoy/1\ncreate " NONE "/unified/hoy/1\nwrite");
    assert_has(f, "write a > " NONE "/devices/hoy/1/devices.deny\n");
}

static void test_hybrid_huge_pages(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = hybrid();
    static struct spec_huge_page page = {"2MB", 4194304};
    f->spec.resources.huge_pages.items = &page;
    f->spec.resources.huge_pages.count = 1;
    assert_int_equal(plan_on(f, &layout), 0);
    assert_has(f, "write +hugetlb > " NONE "/unified/cgroup.subtree_control\n"
                  "write +hugetlb > " NONE "/unified/hoy/cgroup.subtree_control\n");
    assert_has(f, "write 4194304 > " NONE "/unified/hoy/1/hugetlb.2MB.max\n"
                  "write 4194304 > " NONE "/unified/hoy/1/hugetlb.2MB.rsvd.max ?\n");
}

// v1's freezer is the first that is undone where there is no v2.
static void test_order(void **state) {
    struct fixture *f = *state;
    assert_int_equal(plan_on(f, &v1), 0);
    assert_has(f, "create " NONE "/systemd/hoy/1\ncreate " NONE "/freezer/hoy/1\nwrite");
}

static void test_network(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = v1, other = v2(NONE, V2_ALL);
    layout.items[layout.count++] =
        (struct cgroup_hierarchy)V1("net_cls,net_prio", CGROUP_NET_CLS | CGROUP_NET_PRIO);
    struct spec_network_priority priorities[] = {{"lo", 3}, {"eth0", 5}};
    f->spec.resources.network_class_id = (struct spec_u64){true, 1048577};
    f->spec.resources.network_priorities.items = priorities;
    f->spec.resources.network_priorities.count = 2;
    assert_int_equal(plan_on(f, &layout), 0);
    assert_has(f, "write 1048577 > " NONE "/net_cls,net_prio/hoy/1/net_cls.classid\n"
                  "write lo 3 > " NONE "/net_cls,net_prio/hoy/1/net_prio.ifpriomap\n"
                  "write eth0 5 > " NONE "/net_cls,net_prio/hoy/1/net_prio.ifpriomap\n");
    assert_int_equal(plan_on(f, &other), -1);
    assert_true(str_has_prefix(f->err.text, "linux.resources.network.classID: this host has no cgroup"));
}

// The kernel takes no weight for an idle group; and zeros are how some callers leave a field out.
static void test_idle(void **state) {
    struct fixture *f = *state;
    struct spec_resources *r = &f->spec.resources;
    r->cpu_idle = (struct spec_i64){true, 1};
    r->cpu_shares = (struct spec_u64){true, 512};
    r->cpu_rt_runtime.set = r->cpu_rt_period.set = true;
    assert_int_equal(plan_on(f, &v1), 0);
    assert_has(f, "write 1 > " NONE "/cpu,cpuacct/hoy/1/cpu.idle\n");
    assert_lacks(f, "cpu.shares");
    assert_lacks(f, "cpu.rt_");
}

// To the container's user, when it can see and write its cgroup.
static void test_owner(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = v2(NONE, V2_ALL);
    struct spec_id_map map = {0, 100000, 65536};
    struct spec_namespace ns = {CLONE_NEWCGROUP, NULL};
    const char *option = "ro";
    struct spec_mount mount = {.type = "cgroup", .options = {&option, 1}};
    f->spec.uid_maps.items = &map;
    f->spec.namespaces.items = &ns;
    f->spec.mounts.items = &mount;
    f->spec.uid_maps.count = f->spec.namespaces.count = f->spec.mounts.count = 1;
    f->spec.process.uid = 7;
    assert_int_equal(plan_on(f, &layout), 0);
    assert_lacks(f, "owner");
    option = "nosuid";
    assert_int_equal(plan_on(f, &layout), 0);
    assert_has(f, "owner 100007 " NONE "/hoy/1\n");
}

static void test_delegate(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = v2(NONE, V2_ALL), mixed = hybrid();
    struct spec_key_value annotation = {"run.oci.delegate-cgroup", "init/one"};
    f->spec.annotations.items = &annotation;
    f->spec.annotations.count = 1;
    assert_int_equal(plan_on(f, &layout), 0);
    assert_string_equal(f->v2, NONE "/hoy/1");
    assert_has(f, "create " NONE "/hoy/1/init/one\n");
    assert_lacks(f, "owner");
    const struct cgroup_plan c = {&f->spec, &layout, "/hoy/1", &f->plan, &f->arena, &f->err};
    assert_int_equal(cgroup_plan_delegate(&c), 0);
    print(f);
    assert_has(f, "join " NONE "/hoy/1/init/one/cgroup.procs\n");
    assert_int_equal(plan_on(f, &mixed), -1);
    static const char *const bad[] = {"..", "a/..", "/a", "a//b", "./a"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        annotation.value = bad[i];
        assert_int_equal(plan_on(f, &layout), -1);
        assert_true(str_has_suffix(f->err.text, "is no path below a cgroup"));
    }
}

static void test_relative(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout real;
    char own[1024];
    if (cgroup_layout_read(&real) < 0) skip();
    f->spec.cgroups_path = "hoy/1";
    const struct cgroup_plan c = {&f->spec, &real, "hoy/1", &f->plan, &f->arena, &f->err};
    for (size_t i = 0; i < real.count; i++) {
        assert_int_equal(cgroup_own(&real.items[i], own, sizeof own), 0);
        if (real.items[i].v2) *strrchr(own, '/') = '\0';
        const char *folder = cgroup_folder(&c, &real.items[i]),
                   *rest = str_after(folder, real.items[i].mount);
        assert_string_equal(rest, arena_printf(&f->arena, "%s/hoy/1", strcmp(own, "/") ? own : ""));
    }
}

// From a plan alone: where its groups are, and where one would be that it did not make.
static void test_groups(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = hybrid();
    struct cgroup_groups groups;
    struct plan_block *block;
    assert_int_equal(plan_on(f, &layout), 0);
    int fd, r = plan_save(&f->plan, AT_FDCWD, "/tmp/hoy-plan-test", &fd, &block);
    assert_int_equal(r, 0);
    unlink("/tmp/hoy-plan-test");
    assert_int_equal(cgroup_places_of(block, &layout, &f->arena, &groups), 0);
    plan_unmap(block);
    close(fd);
    assert_int_equal(groups.count, layout.count);
    assert_string_equal(cgroup_groups_with(&groups, CGROUP_MEMORY)->path, NONE "/memory/hoy/1");
    assert_string_equal(cgroup_groups_with(&groups, CGROUP_CPUSET)->path, NONE "/cpuset/hoy/1");
    assert_string_equal(cgroup_groups_v2(&groups)->path, NONE "/unified/hoy/1");
}

static void test_child_and_mounts(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = hybrid();
    struct runtime_cgroup_mounts mounts;
    const struct cgroup_plan c = {&f->spec, &layout, "/hoy/1", &f->plan, &f->arena, &f->err};
    assert_int_equal(cgroup_plan_child(&c), 0);
    print(f);
    assert_has(f, "join " NONE "/memory/hoy/1/tasks\n");
    assert_lacks(f, "unified");
    assert_lacks(f, "cpuset");
    assert_int_equal(cgroup_plan_mounts(&c, &mounts), 0);
    assert_false(mounts.unified);
    assert_int_equal(mounts.count, 6);
    assert_string_equal(mounts.items[0].name, "cpu,cpuacct");
    assert_string_equal(mounts.items[0].source, NONE "/cpu,cpuacct/hoy/1");
    assert_int_equal(mounts.link_count, 2);
    assert_string_equal(mounts.links[1].name, "cpuacct");
    assert_string_equal(mounts.links[1].target, "cpu,cpuacct");
}

static void test_v2(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = v2(NONE, V2_ALL);
    static struct spec_key_value unified = {"memory.high", "1000"};
    set_limits(&f->spec);
    f->spec.resources.blkio_weight = (struct spec_u64){true, 1000};
    f->spec.resources.unified.items = &unified;
    f->spec.resources.unified.count = 1;
    assert_int_equal(plan_on(f, &layout), 0);
    assert_string_equal(f->v2, NONE "/hoy/1");
    assert_has(f, "create " NONE "/hoy/1\nwrite +cpu +cpuset +memory +io +pids +hugetlb +rdma > " NONE
                  "/cgroup.subtree_control\n");
    assert_has(f, "> " NONE "/hoy/cgroup.subtree_control\n");
    assert_lacks(f, NONE "/hoy/1/cgroup.subtree_control");
    assert_has(f, "write 67108864 > " NONE "/hoy/1/memory.max\nwrite 67108864 > " NONE
                  "/hoy/1/memory.swap.max\n");
    assert_has(f, "write 39 > " NONE "/hoy/1/cpu.weight\nwrite 50000 100000 > " NONE "/hoy/1/cpu.max\n");
    assert_has(f, "write 20 > " NONE "/hoy/1/pids.max\n");
    assert_has(f, "write 8:16 rbps=1048576 > " NONE "/hoy/1/io.max\n");
    assert_has(f, "write 10000 > " NONE "/hoy/1/io.weight |\nwrite 1000 > " NONE "/hoy/1/io.bfq.weight ?\n");
    assert_has(f, "write 1000 > " NONE "/hoy/1/memory.high\n");
    assert_has(f, "devices " NONE "/hoy/1\n");
    assert_string_equal(string(f, f->plan.head.oom_file), NONE "/hoy/1/memory.events");
    const struct cgroup_plan c = {&f->spec, &layout, "/hoy/1", &f->plan, &f->arena, &f->err};
    size_t before = f->plan.count;
    assert_int_equal(cgroup_plan_child(&c), 0);
    assert_int_equal(f->plan.count, before);
}

// The values at the ends, and what is "no limit".
static void test_v2_values(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = v2(NONE, V2_ALL);
    struct spec_resources *r = &f->spec.resources;
    r->memory_limit = (struct spec_i64){true, -1};
    r->memory_swap = (struct spec_i64){true, -1};
    r->cpu_shares = (struct spec_u64){true, 262144};
    r->cpu_quota = (struct spec_i64){true, -1};
    r->pids_limit = (struct spec_i64){true, -1};
    assert_int_equal(plan_on(f, &layout), 0);
    assert_has(f, "write max > " NONE "/hoy/1/memory.max\nwrite max > " NONE "/hoy/1/memory.swap.max\n");
    assert_has(f, "write 10000 > " NONE "/hoy/1/cpu.weight\nwrite max 100000 > " NONE "/hoy/1/cpu.max\n");
    assert_lacks(f, "pids.max");
}

static void test_v2_refusals(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = v2(NONE, V2_ALL);
    f->spec.resources.memory_swappiness = (struct spec_u64){true, 10};
    assert_int_equal(plan_on(f, &layout), -1);
    assert_string_equal(f->err.text, "linux.resources.memory.swappiness: cgroup v2 has nothing like it");
}

static void test_missing_controller(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = v2(NONE, CGROUP_CPU);
    f->spec.resources.pids_limit = (struct spec_i64){true, 4096};
    spec_set_why(&f->arena, &f->spec, "linux.resources.pids.limit", "default");
    assert_int_equal(plan_on(f, &layout), 0); // nobody asked for it
    f->spec.resources.memory_limit = (struct spec_i64){true, 1 << 30};
    spec_set_why(&f->arena, &f->spec, "linux.resources.memory.limit", "--memory 1g");
    assert_int_equal(plan_on(f, &layout), -1);
    assert_string_equal(f->err.text, "--memory 1g: this host has no cgroup controller \"memory\"");
    assert_int_equal(f->err.kind, ERR_INVALID);
}

static void test_swap(void **state) {
    struct fixture *f = *state;
    f->spec.resources.memory_limit = (struct spec_i64){true, 64 << 20};
    f->spec.resources.memory_swap = (struct spec_i64){true, 128 << 20};
    spec_set_why(&f->arena, &f->spec, "linux.resources.memory.swap", "--memory 64m");
    assert_int_equal(plan_on(f, &v1), 0);
    assert_has(f, "memory.memsw.limit_in_bytes ?\n"); // a kernel without swap accounting will do
    f->spec.resources.memory_swap.value = 1;
    assert_int_equal(plan_on(f, &v1), -1);
    assert_true(str_has_prefix(f->err.text, "linux.resources.memory.swap counts memory and swap"));
}

static void test_unified_refusals(void **state) {
    struct fixture *f = *state;
    struct cgroup_layout layout = hybrid();
    struct spec_key_value unified = {"memory.high", "1"};
    f->spec.resources.unified.items = &unified;
    f->spec.resources.unified.count = 1;
    assert_int_equal(plan_on(f, &layout), -1);
    assert_true(str_has_prefix(f->err.text, "linux.resources.unified: \"memory.high\" is of a controller"));
    unified.key = "../cgroup.procs";
    assert_int_equal(plan_on(f, &layout), -1);
    assert_string_equal(f->err.text, "linux.resources.unified: \"../cgroup.procs\" is no file of a cgroup");
}

static void test_device_rules(void **state) {
    struct fixture *f = *state;
    struct spec_device_rule rules[] = {{true, 'b', 8, 0, "r"},
                                       {false, 'a', -1, -1, "rwm"},
                                       {true, 'c', 1, 3, "rwm"},
                                       {true, 'a', 10, -1, "r"}};
    f->spec.resources.devices.items = rules;
    f->spec.resources.devices.count = ARRAY_SIZE(rules);
    assert_int_equal(plan_on(f, &v1), 0);
    assert_lacks(f, "b 8:0"); // before the rule for everything
    assert_has(f, "write a > " NONE "/devices/hoy/1/devices.deny\nwrite c 1:3 rwm > " NONE
                  "/devices/hoy/1/devices.allow\nwrite c 10:* r > " NONE "/devices/hoy/1/devices.allow\n"
                  "write b 10:* r > " NONE "/devices/hoy/1/devices.allow\nwrite c *:* m > ");
    char *first = strstr(str_get(&f->text), "c 1:3");
    assert_null(strstr(first + 1, "c 1:3"));
}

static void test_device_privileged(void **state) {
    struct fixture *f = *state;
    struct spec_device_rule rule = {true, 'a', -1, -1, "rwm"};
    f->spec.resources.devices.items = &rule;
    f->spec.resources.devices.count = 1;
    struct cgroup_layout layout = v2(NONE, V2_ALL);
    assert_int_equal(plan_on(f, &v1), 0);
    assert_int_equal(plan_on(f, &layout), 0);
    assert_lacks(f, "devices.");
    assert_lacks(f, "devices " NONE);
}

// A v2 tree as a container sees it: its root is no root.
struct tree {
    char top[32];
    struct cgroup_layout layout;
};

static void tree_write(const struct tree *tree, const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", tree->top, name);
    assert_int_equal(file_replace_at(AT_FDCWD, path, text, strlen(text), 0600, false), 0);
}

static void tree_make(struct tree *tree) {
    strcpy(tree->top, "/tmp/hoy-cgroup-XXXXXX");
    assert_non_null(mkdtemp(tree->top));
    tree->layout = v2(tree->top, V2_ALL);
}

static void test_inhabited_root(void **state) {
    struct fixture *f = *state;
    struct tree tree;
    tree_make(&tree);
    tree_write(&tree, "cgroup.type", "domain\n");
    tree_write(&tree, "cgroup.procs", "1\n");
    tree_write(&tree, "cgroup.subtree_control", "cpu\n");
    f->spec.resources.pids_limit = (struct spec_i64){true, 4096};
    spec_set_why(&f->arena, &f->spec, "linux.resources.pids.limit", "default");
    assert_int_equal(plan_on(f, &tree.layout), 0); // no limit: goes without
    assert_lacks(f, "memory");
    assert_has(f, "write 4096 > ");
    assert_has(f, "/pids.max ?\n");
    assert_has(f, "/hoy/cgroup.subtree_control");
    f->spec.resources.memory_limit = (struct spec_i64){true, 1 << 30};
    int r = plan_on(f, &tree.layout);
    dir_remove_all_at(AT_FDCWD, tree.top);
    assert_int_equal(r, -1);
    assert_true(
        str_has_prefix(f->err.text, "a limit needs the memory controller, which can't be switched on"));
}

static void test_enabled_already(void **state) {
    struct fixture *f = *state;
    struct tree tree;
    char hoy[64];
    tree_make(&tree);
    snprintf(hoy, sizeof hoy, "%s/hoy", tree.top);
    assert_int_equal(mkdir(hoy, 0700), 0);
    tree_write(&tree, "cgroup.procs", "1\n");
    tree_write(&tree, "cgroup.subtree_control", "cpuset cpu io memory hugetlb pids rdma misc\n");
    tree_write(&tree, "hoy/cgroup.subtree_control", "cpu memory\n");
    int r = plan_on(f, &tree.layout);
    dir_remove_all_at(AT_FDCWD, tree.top);
    assert_int_equal(r, 0);
    assert_has(f, "write +cpuset +io +pids +hugetlb +rdma > ");
    assert_null(strstr(strstr(str_get(&f->text), "subtree_control") + 1, "subtree_control"));
}

static void test_paths(void **state) {
    struct fixture *f = *state;
    static const char *const bad[] = {"..", "../x", "/a/../../b", "/a/..",
                                      "/",  "",     "/./x",       "system.slice:x:y"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        f->spec.cgroups_path = *bad[i] ? bad[i] : NULL;
        assert_int_equal(runtime_cgroup_plan_child(&f->spec, bad[i], &f->plan, &f->err), -1);
        assert_true(str_has_prefix(f->err.text, "linux.cgroupsPath "));
    }
}

// A host of which nothing may be used.
static void test_none_to_use(void **state) {
    struct fixture *f = *state;
    const struct cgroup_layout none = {.count = 0};
    struct cgroup_plan c = {&f->spec, &none, "/hoy/1", &f->plan, &f->arena, &f->err};
    c.whole = &v1;
    f->spec.resources.pids_limit = (struct spec_i64){true, -1};
    assert_int_equal(cgroup_plan_host(&c, &f->v2), 0);
    assert_int_equal(f->plan.count, 0);
    assert_null(f->v2);
    f->spec.resources.memory_limit = (struct spec_i64){true, 64 << 20};
    assert_int_equal(cgroup_plan_host(&c, &f->v2), -1);
    assert_string_equal(f->err.text, "linux.resources: cannot set memory limit: "
                                     "container could not join or create cgroup");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_v1),
        TEST(test_hybrid_without_limits),
        TEST(test_hybrid_huge_pages),
        TEST(test_order),
        TEST(test_network),
        TEST(test_idle),
        TEST(test_relative),
        TEST(test_owner),
        TEST(test_delegate),
        TEST(test_groups),
        TEST(test_child_and_mounts),
        TEST(test_v2),
        TEST(test_v2_values),
        TEST(test_v2_refusals),
        TEST(test_missing_controller),
        TEST(test_swap),
        TEST(test_unified_refusals),
        TEST(test_device_rules),
        TEST(test_device_privileged),
        TEST(test_inhabited_root),
        TEST(test_enabled_already),
        TEST(test_paths),
        TEST(test_none_to_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
