// SPDX-License-Identifier: Apache-2.0
// The runtime specification's own examples (vectors/, copied from its repository), the reader's sentences,
// and the round trip through the writer.
#include "oci/spec.h"

#include "base/fd.h"

#include <linux/mount.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

static int parse_text(struct arena *arena, const char *text, size_t size, struct spec *spec,
                      struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (json_parse(text, size, &json) < 0) return err_set(err, ERR_INVALID, 0, "not JSON");
    return spec_parse(arena, json, spec, err);
}

static int parse_file(struct arena *arena, const char *name, struct spec *spec, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &text), 0);
    return parse_text(arena, str_get(&text), text.len, spec, err);
}

static void write_text(const struct spec *spec, struct str *ret_text) {
    struct json_writer writer = {0};
    spec_write(spec, &writer);
    *ret_text = writer.text;
}

static void assert_round_trip(const struct spec *spec) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(str_finish) struct str first = {0}, second = {0};
    struct spec again = {0};
    struct err err = {0};
    write_text(spec, &first);
    if (parse_text(&arena, str_get(&first), first.len, &again, &err) < 0) fail_msg("%s", err.text);
    write_text(&again, &second);
    assert_string_equal(str_get(&first), str_get(&second));
}

static void test_good_vectors(void **state) {
    (void)state;
    static const char *const names[] = {
        "good/minimal.json",
        "good/minimal-for-start.json",
        "good/linux-rdma.json",
        "good/zos-minimal.json",
        "good/freebsd-minimal.json",
        "good/freebsd-example.json",
        "bad/freebsd-vnet-disable.json", // what another platform makes of its own part is not looked at
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct spec spec = {0};
        struct err err = {0};
        if (parse_file(&arena, names[i], &spec, &err) < 0) fail_msg("%s: %s", names[i], err.text);
        assert_round_trip(&spec);
    }
}

// Each file, and what the sentence starts with. Good ones that ask for what is not there are refused by name.
static void test_refused_vectors(void **state) {
    (void)state;
    static const struct {
        const char *name, *sentence;
    } cases[] = {
        {"bad/invalid-json.json", "not JSON"},
        {"bad/linux-hugepage.json", "linux.resources.hugepageLimits[0].pageSize must be"},
        {"bad/linux-netdevice.json", "linux.netDevices is not supported"},
        {"bad/linux-rdma.json", "linux.resources.rdma.mlx5_1.hcaHandles must be an integer"},
        {"good/linux-netdevice.json", "linux.netDevices is not supported"},
        {"good/zos-example.json", "hooks is not supported"},
        {"good/spec-example.json", "process.apparmorProfile is not supported"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct spec spec = {0};
        struct err err = {0};
        assert_int_equal(parse_file(&arena, cases[i].name, &spec, &err), -1);
        assert_int_equal(err.kind, ERR_INVALID);
        if (!str_has_prefix(err.text, cases[i].sentence)) fail_msg("%s: %s", cases[i].name, err.text);
    }
}

#define HEAD "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},"

static void test_sentences(void **state) {
    (void)state;
    // clang-format off
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"[]", "the document must be an object"},
        {"{}", "ociVersion is missing"},
        {"{\"ociVersion\":\"2.0.0\"}", "ociVersion \"2.0.0\" is none that is known here"},
        {"{\"ociVersion\":\"1.0.0\",\"root\":{}}", "root.path is missing"},
        {HEAD "\"process\":{}}", "process.cwd is missing"},
        {HEAD "\"process\":{\"cwd\":\"x\"}}", "process.cwd must be an absolute path"},
        {HEAD "\"process\":{\"cwd\":\"/\\u0000\"}}", "process.cwd must be a string"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"terminal\":1}}", "process.terminal must be true or false"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"args\":[\"a\",1]}}", "process.args[1] must be a string"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":-1,\"gid\":0}}}",
         "process.user.uid must be an integer from 0 to 4294967295"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":4294967296,\"gid\":0}}}",
         "process.user.uid must be an integer from 0 to 4294967295"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\"CAP_FLY\"]}}}",
         "process.capabilities.bounding[0] has the unknown value \"CAP_FLY\""},
        {HEAD "\"process\":{\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_X\",\"hard\":1,\"soft\":1}]}}",
         "process.rlimits[0].type has the unknown value \"RLIMIT_X\""},
        {HEAD "\"process\":{\"cwd\":\"/\",\"oomScoreAdj\":1001}}",
         "process.oomScoreAdj must be an integer from -1000 to 1000"},
        {HEAD "\"mounts\":{}}", "mounts must be an array"},
        {HEAD "\"mounts\":[{\"destination\":\"/a\",\"options\":[\"idmap\"]}]}",
         "mounts[0].options: \"idmap\" is not supported"},
        {HEAD "\"mounts\":[{\"destination\":\"/a\",\"uidMappings\":[{}]}]}",
         "mounts[0].uidMappings is not supported"},
        {HEAD "\"hooks\":{\"prestart\":[{\"path\":\"/x\"}]}}", "hooks is not supported"},
        {HEAD "\"linux\":{\"intelRdt\":{\"closID\":\"x\"}}}", "linux.intelRdt is not supported"},
        {HEAD "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]}}",
         "linux.namespaces[1] is there twice"},
        {HEAD "\"linux\":{\"rootfsPropagation\":\"public\"}}",
         "linux.rootfsPropagation has the unknown value \"public\""},
        {HEAD "\"linux\":{\"resources\":{\"pids\":{}}}}", "linux.resources.pids.limit is missing"},
        {HEAD "\"linux\":{\"resources\":{\"unified\":{\"../x\":\"1\"}}}}",
         "linux.resources.unified: \"../x\" is no file of a cgroup"},
        {HEAD "\"linux\":{\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}}}",
         "linux.resources.devices[0].access may have"},
        {HEAD "\"linux\":{\"seccomp\":{}}}", "linux.seccomp.defaultAction is missing"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}}}",
         "linux.seccomp.defaultAction has the unknown value"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],"
              "\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}}}",
         "linux.seccomp.syscalls[0].args[0].index must be an integer from 0 to 5"},
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct spec spec = {0};
        struct err err = {0};
        if (parse_text(&arena, cases[i].text, strlen(cases[i].text), &spec, &err) == 0)
            fail_msg("taken: %s", cases[i].text);
        if (!str_has_prefix(err.text, cases[i].sentence)) fail_msg("%s\nsays: %s", cases[i].text, err.text);
    }
}

// The specification's example without what is refused: every value arrives where it belongs.
static void test_values(void **state) {
    (void)state;
    static const char text[] = HEAD
        "\"hooks\":{\"prestart\":[]},\"windows\":{\"x\":1},\"process\":{\"terminal\":true,\"cwd\":\"/w\","
        "\"consoleSize\":{\"height\":24,\"width\":80},\"user\":{\"uid\":1,\"gid\":2,\"umask\":18,"
        "\"additionalGids\":[5,6]},\"args\":[\"sh\"],\"env\":[],\"capabilities\":{\"bounding\":[\"CAP_KILL\","
        "\"CAP_CHECKPOINT_RESTORE\"]},\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":18446744073709551615,"
        "\"soft\":0}],\"apparmorProfile\":\"\",\"oomScoreAdj\":-5},"
        "\"mounts\":[{\"destination\":\"proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":null}],"
        "\"annotations\":{\"a.b\":\"c\",\"hoy.why.mounts[0]\":\"default\",\"hoy.user\":\"joe\","
        "\"hoy.why.process.cwd\":\"--workdir\",\"hoy.group-add\":\"[\\\"audio\\\"]\",\"hoy.other\":\"1\"},"
        "\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/x\"},{\"type\":\"time\"}],"
        "\"timeOffsets\":{\"monotonic\":{\"secs\":-7,\"nanosecs\":3}},"
        "\"resources\":{\"devices\":[{\"allow\":false}],\"memory\":{\"limit\":-1,\"kernel\":-1},"
        "\"network\":{\"classID\":0},\"rdma\":{\"m\":{\"hcaObjects\":0}}},"
        "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":0,\"syscalls\":[{\"names\":"
        "[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":4294967295,"
        "\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]}}}";
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct spec s = {0};
    struct err err = {0};
    if (parse_text(&arena, text, strlen(text), &s, &err) < 0) {
        fail_msg("%s", err.text);
        return;
    }
    assert_int_equal(s.process.rows, 24);
    assert_int_equal(s.process.gid, 2);
    assert_true(s.process.umask.set && s.process.umask.value == 022);
    assert_int_equal(s.process.additional_gids.count, 2);
    assert_int_equal(s.process.additional_gids.items[1], 6);
    assert_true(s.process.caps.bounding == (UINT64_C(1) << 5 | UINT64_C(1) << 40));
    assert_int_equal(s.process.rlimits.items[0].resource, RLIMIT_NOFILE);
    assert_true(s.process.rlimits.items[0].hard == UINT64_MAX);
    assert_true(s.process.oom_score_adj.set && s.process.oom_score_adj.value == -5);
    assert_string_equal(s.mounts.items[0].destination, "/proc");
    assert_string_equal(s.mounts.items[0].why, "default");
    assert_string_equal(s.process.user_name, "joe");
    assert_string_equal(s.process.group_add.items[0], "audio");
    assert_string_equal(spec_why(&s, "process.cwd", "x"), "--workdir");
    assert_int_equal(s.annotations.count, 2);
    assert_true(s.namespaces.items[0].flag == CLONE_NEWNET);
    assert_true(s.time_offsets.set && s.time_offsets.monotonic_s == -7);
    assert_int_equal(s.resources.devices.items[0].type, 'a');
    assert_true(s.resources.devices.items[0].major == -1);
    assert_string_equal(s.resources.devices.items[0].access, "rwm");
    assert_true(s.resources.memory_limit.set && s.resources.memory_limit.value == -1);
    assert_true(s.resources.rdma.items[0].objects.set && !s.resources.rdma.items[0].handles.set);
    assert_int_equal(s.seccomp->default_errno_ret, 0);
    assert_int_equal(s.seccomp->syscalls.items[0].errno_ret, -1);
    assert_int_equal(s.seccomp->syscalls.items[0].args.items[0].op, 7);
    assert_round_trip(&s);
}

static void test_mount_options(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings words = {0};
    struct mount_options m;
    static const char *const list[] = {"ro",       "nosuid", "rw",      "noatime", "relatime",
                                       "mode=755", "rro",    "rnoexec", "rslave",  "size=64k"};
    for (size_t i = 0; i < ARRAY_SIZE(list); i++) strings_add(&arena, &words, list[i]);
    mount_options_parse(&arena, &words, &m);
    assert_true(m.flags == (MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_RELATIME));
    assert_true(m.propagation == (MS_SLAVE | MS_REC));
    assert_int_equal(m.plan_options, 1);
    assert_true(m.attr_set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC));
    assert_string_equal(m.data, "mode=755,size=64k");
    strings_add(&arena, &words, "rrw");
    mount_options_parse(&arena, &words, &m);
    assert_int_equal(m.plan_options, 0);
    assert_true(m.attr_set == MOUNT_ATTR_NOEXEC && m.attr_clear == MOUNT_ATTR_RDONLY);
}

static void test_words(void **state) {
    (void)state;
    assert_int_equal(cap_number("CAP_SYS_ADMIN"), 21);
    assert_int_equal(cap_number("net_raw"), 13);
    assert_int_equal(cap_number("CAP_"), -22);
    assert_string_equal(cap_name(40), "CAP_CHECKPOINT_RESTORE");
    assert_null(cap_name(41));
    assert_int_equal(rlimit_number("nofile"), RLIMIT_NOFILE);
    assert_int_equal(rlimit_number("files"), -22);
    assert_string_equal(rlimit_name(RLIMIT_CORE), "RLIMIT_CORE");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_vectors),  cmocka_unit_test(test_refused_vectors),
        cmocka_unit_test(test_sentences),     cmocka_unit_test(test_values),
        cmocka_unit_test(test_mount_options), cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
