// SPDX-License-Identifier: Apache-2.0
// The runtime specification's own examples (vectors/, copied from its repository), the reader's sentences,
// and the round trip through the writer.
#include "oci/spec.h"

#include "base/fd.h"
#include "oci/number_list.h"
#include "oci/words.h"

#include <errno.h>
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

static void parse_good(struct arena *arena, const char *text, struct spec *spec) {
    struct err err = {0};
    if (parse_text(arena, text, strlen(text), spec, &err) < 0) fail_msg("%s", err.text);
}

static void read_vector(const char *name, struct str *ret_text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, ret_text), 0);
}

static int parse_file(struct arena *arena, const char *name, struct spec *spec, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    read_vector(name, &text);
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
        "good/linux-netdevice.json",
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

// Two examples still carry a version from before 1.0, which is no promise of anything. The rest of them
// holds.
static void test_old_vectors(void **state) {
    (void)state;
    static const char *const names[] = {"good/spec-example.json", "good/zos-example.json"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        _cleanup_(str_finish) struct str text = {0};
        struct spec spec = {0};
        struct err err = {0};
        assert_int_equal(parse_file(&arena, names[i], &spec, &err), -1);
        assert_true(str_has_prefix(err.text, "ociVersion \"0.5.0-dev\" is none that is known here"));
        read_vector(names[i], &text);
        char *version = strstr(text.data, "0.5.0-dev");
        assert_non_null(version);
        if (version) *version = '1';
        if (parse_text(&arena, str_get(&text), text.len, &spec, &err) < 0) {
            fail_msg("%s: %s", names[i], err.text);
            return;
        }
        assert_int_equal(spec.hooks.prestart.count, 2);
        assert_int_equal(spec.hooks.poststart.items[0].timeout_s, 5);
        assert_int_equal(spec.warnings.count, i == 0 ? 2 : 0);
        assert_round_trip(&spec);
    }
}

// Each file, and what the sentence starts with.
static void test_refused_vectors(void **state) {
    (void)state;
    static const struct {
        const char *name, *sentence;
    } cases[] = {
        {"bad/invalid-json.json", "not JSON"},
        {"bad/linux-hugepage.json", "linux.resources.hugepageLimits[0].pageSize must be"},
        {"bad/linux-netdevice.json", "linux.netDevices.eth0.name must be a string"},
        {"bad/linux-rdma.json", "linux.resources.rdma.mlx5_1.hcaHandles must be an integer"},
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
        {"{\"ociVersion\":\"\"}", "ociVersion \"\" is none that is known here"},
        {"{\"ociVersion\":\"1\"}", "ociVersion \"1\" is none that is known here"},
        {"{\"ociVersion\":\"1.\"}", "ociVersion \"1.\" is none that is known here"},
        {"{\"ociVersion\":\"1.x\"}", "ociVersion \"1.x\" is none that is known here"},
        {"{\"ociVersion\":\"1.0.\"}", "ociVersion \"1.0.\" is none that is known here"},
        {"{\"ociVersion\":\"1.0.0-\"}", "ociVersion \"1.0.0-\" is none that is known here"},
        {"{\"ociVersion\":\"1.0.0.0\"}", "ociVersion \"1.0.0.0\" is none that is known here"},
        {"{\"ociVersion\":\"0.5.0-dev\"}", "ociVersion \"0.5.0-dev\" is none that is known here"},
        {"{\"ociVersion\":\"10.0\"}", "ociVersion \"10.0\" is none that is known here"},
        {"{\"ociVersion\":\" 1.0\"}", "ociVersion \" 1.0\" is none that is known here"},
        {"{\"ociVersion\":\"1.0.0\",\"root\":{}}", "root.path is missing"},
        {HEAD "\"process\":{}}", "process.cwd is missing"},
        {HEAD "\"process\":{\"cwd\":\"x\"}}", "process.cwd must be an absolute path"},
        {HEAD "\"process\":{\"cwd\":\"/\\u0000\"}}", "process.cwd must be a string"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"terminal\":1}}", "process.terminal must be true or false"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"args\":[\"a\",1]}}", "process.args[1] must be a string"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":-1,\"gid\":0}}}",
         "process.user.uid must be an integer from 0 to 4294967294"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":4294967296,\"gid\":0}}}",
         "process.user.uid must be an integer from 0 to 4294967294"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"capabilities\":{\"bounding\":[1]}}}",
         "process.capabilities.bounding[0] must be a string"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_X\",\"hard\":1,\"soft\":1}]}}",
         "process.rlimits[0].type has the unknown value \"RLIMIT_X\""},
        {HEAD "\"process\":{\"cwd\":\"/\",\"oomScoreAdj\":1001}}",
         "process.oomScoreAdj must be an integer from -1000 to 1000"},
        {HEAD "\"mounts\":{}}", "mounts must be an array"},
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
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_MAYBE\"}}}",
         "linux.seccomp.defaultAction has the unknown value"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],"
              "\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}}}",
         "linux.seccomp.syscalls[0].args[0].index must be an integer from 0 to 5"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"consoleSize\":{\"height\":1}}}",
         "process.consoleSize.width is missing"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"user\":{\"umask\":512}}}",
         "process.user.umask must be an integer from 0 to 511"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":1,\"soft\":1},{\"type\":\"RLIMIT_CPU\",\"hard\":1,\"soft\":1}]}}",
         "process.rlimits[1].type: RLIMIT_CPU is there twice"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":1,\"soft\":2}]}}",
         "process.rlimits[0].soft is more than hard"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{}}}",
         "process.scheduler.policy is missing"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_SOON\"}}}",
         "process.scheduler.policy has the unknown value \"SCHED_SOON\""},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":20}}}",
         "process.scheduler.nice must be an integer from -20 to 19"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"flags\":[\"X\"]}}}",
         "process.scheduler.flags[0] has the unknown value"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"priority\":1}}}",
         "process.scheduler.priority is for SCHED_FIFO"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_FIFO\"}}}",
         "process.scheduler.priority must be from 1 to 99"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_RR\",\"priority\":100}}}",
         "process.scheduler.priority must be an integer from 0 to 99"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_RR\",\"priority\":1,\"nice\":1}}}",
         "process.scheduler.nice means nothing"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"runtime\":1}}}",
         "process.scheduler.runtime is for SCHED_DEADLINE only"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"deadline\":1}}}",
         "process.scheduler.deadline is for SCHED_DEADLINE only"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"period\":1}}}",
         "process.scheduler.period is for SCHED_DEADLINE only"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"deadline\":1}}}",
         "process.scheduler.runtime is missing"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":1}}}",
         "process.scheduler.deadline is missing"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":2,\"deadline\":1}}}",
         "process.scheduler.runtime is more than"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":1,\"deadline\":3,\"period\":2}}}",
         "process.scheduler.deadline is more than"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"ioPriority\":{}}}",
         "process.ioPriority.class is missing"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_NONE\"}}}",
         "process.ioPriority.class has the unknown value"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_RT\",\"priority\":8}}}",
         "process.ioPriority.priority must be an integer from 0 to 7"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"execCPUAffinity\":{\"initial\":\"3-1\"}}}",
         "process.execCPUAffinity.initial must be a list of CPUs"},
        {HEAD "\"process\":{\"cwd\":\"/\",\"execCPUAffinity\":{\"final\":\"a\"}}}",
         "process.execCPUAffinity.final must be a list of CPUs"},
        {HEAD "\"mounts\":[{}]}",
         "mounts[0].destination is missing"},
        {HEAD "\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\",\"options\":[\"idmap\"]}]}",
         "mounts[1].options: an id-mapped mount needs"},
        {HEAD "\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\",\"options\":[\"ridmap\"]}]}",
         "mounts[1].options: an id-mapped mount needs"},
        {HEAD "\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\",\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}]}",
         "mounts[1].gidMappings is missing"},
        {HEAD "\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\",\"gidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}]}",
         "mounts[1].uidMappings is missing"},
        {HEAD "\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\",\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1},{\"containerID\":0,\"hostID\":1,\"size\":0}],\"gidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}]}",
         "mounts[1].uidMappings[1].size must be an integer from 1"},
        {HEAD "\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\",\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}],\"gidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":4294967295}]}]}",
         "mounts[1].gidMappings[0].size goes past the last id"},
        {HEAD "\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\",\"uidMappings\":[{\"hostID\":1,\"size\":1}]}]}",
         "mounts[1].uidMappings[0].containerID is missing"},
        {HEAD "\"hooks\":{\"prestart\":[{\"path\":\"/x\"},{\"path\":\"x\"}]}}",
         "hooks.prestart[1].path must be an absolute path"},
        {HEAD "\"hooks\":{\"createRuntime\":[{\"path\":\"/x\"},{\"path\":\"x\"}]}}",
         "hooks.createRuntime[1].path must be an absolute path"},
        {HEAD "\"hooks\":{\"createContainer\":[{\"path\":\"/x\"},{\"path\":\"x\"}]}}",
         "hooks.createContainer[1].path must be an absolute path"},
        {HEAD "\"hooks\":{\"startContainer\":[{\"path\":\"/x\"},{\"path\":\"x\"}]}}",
         "hooks.startContainer[1].path must be an absolute path"},
        {HEAD "\"hooks\":{\"poststart\":[{\"path\":\"/x\"},{\"path\":\"x\"}]}}",
         "hooks.poststart[1].path must be an absolute path"},
        {HEAD "\"hooks\":{\"poststop\":[{\"path\":\"/x\"},{\"path\":\"x\"}]}}",
         "hooks.poststop[1].path must be an absolute path"},
        {HEAD "\"hooks\":{\"poststop\":[{}]}}",
         "hooks.poststop[0].path is missing"},
        {HEAD "\"hooks\":{\"poststop\":[{\"path\":\"/x\",\"timeout\":0}]}}",
         "hooks.poststop[0].timeout must be an integer from 1"},
        {HEAD "\"linux\":{\"namespaces\":[{\"type\":\"mind\"}]}}",
         "linux.namespaces[0].type has the unknown value"},
        {HEAD "\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]}}",
         "linux.namespaces[0].path must be absolute"},
        {HEAD "\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":0}]}}",
         "linux.uidMappings[0].size must be an integer from 1"},
        {HEAD "\"linux\":{\"gidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":4294967295}]}}",
         "linux.gidMappings[0].size goes past the last id"},
        {HEAD "\"linux\":{\"timeOffsets\":{\"monotonic\":{\"secs\":1}}}}",
         "linux.timeOffsets needs a time namespace"},
        {HEAD "\"linux\":{\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}}}",
         "linux.timeOffsets.boottime.nanosecs must be an integer"},
        {HEAD "\"linux\":{\"devices\":[{\"path\":\"x\",\"type\":\"p\"}]}}",
         "linux.devices[0].path must be absolute"},
        {HEAD "\"linux\":{\"devices\":[{\"path\":\"/x\",\"type\":\"a\"}]}}",
         "linux.devices[0].type has the unknown value"},
        {HEAD "\"linux\":{\"devices\":[{\"path\":\"/x\",\"type\":\"c\",\"minor\":1}]}}",
         "linux.devices[0].major is missing"},
        {HEAD "\"linux\":{\"devices\":[{\"path\":\"/x\",\"type\":\"b\",\"major\":1}]}}",
         "linux.devices[0].minor is missing"},
        {HEAD "\"linux\":{\"devices\":[{\"path\":\"/x\",\"type\":\"u\",\"major\":4096,\"minor\":1}]}}",
         "linux.devices[0].major must be an integer from 0 to 4095"},
        {HEAD "\"linux\":{\"devices\":[{\"path\":\"/x\",\"type\":\"u\",\"major\":1,\"minor\":1048576}]}}",
         "linux.devices[0].minor must be an integer from 0 to 1048575"},
        {HEAD "\"linux\":{\"devices\":[{\"path\":\"/x\",\"type\":\"p\",\"fileMode\":65536}]}}",
         "linux.devices[0].fileMode must be an integer from 0 to 65535"},
        {HEAD "\"linux\":{\"netDevices\":{\"a/b\":{}}}}",
         "linux.netDevices: \"a/b\" is no name of an interface"},
        {HEAD "\"linux\":{\"netDevices\":{\"eth0\":{\"name\":\"sixteen-letters-\"}}}}",
         "linux.netDevices.eth0.name: \"sixteen-letters-\" is no name"},
        {HEAD "\"linux\":{\"netDevices\":{\"eth0\":{\"name\":\"..\"}}}}",
         "linux.netDevices.eth0.name: \"..\" is no name"},
        {HEAD "\"linux\":{\"netDevices\":{\"eth0\":{\"name\":\"eth1\"},\"eth1\":{}}}}",
         "linux.netDevices.eth1.name: eth0 has the same name"},
        {HEAD "\"linux\":{\"maskedPaths\":[\"/a\",\"b\"]}}",
         "linux.maskedPaths[1] must be an absolute path"},
        {HEAD "\"linux\":{\"readonlyPaths\":[\"b\"]}}",
         "linux.readonlyPaths[0] must be an absolute path"},
        {HEAD "\"linux\":{\"intelRdt\":{\"closID\":\"a/b\"}}}",
         "linux.intelRdt.closID must be a name"},
        {HEAD "\"linux\":{\"intelRdt\":{\"closID\":\"..\"}}}",
         "linux.intelRdt.closID must be a name"},
        {HEAD "\"linux\":{\"intelRdt\":{\"memBwSchema\":\"L3:1\"}}}",
         "linux.intelRdt.memBwSchema must be one line"},
        {HEAD "\"linux\":{\"intelRdt\":{\"memBwSchema\":\"MB:1\\n\"}}}",
         "linux.intelRdt.memBwSchema must be one line"},
        {HEAD "\"linux\":{\"intelRdt\":{\"schemata\":[\"a\",\"b\\nc\"]}}}",
         "linux.intelRdt.schemata[1] must be one line"},
        {HEAD "\"linux\":{\"memoryPolicy\":{}}}",
         "linux.memoryPolicy.mode is missing"},
        {HEAD "\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_MAX\"}}}",
         "linux.memoryPolicy.mode has the unknown value"},
        {HEAD "\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_BIND\"}}}",
         "linux.memoryPolicy.nodes is missing"},
        {HEAD "\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-1024\"}}}",
         "linux.memoryPolicy.nodes must be a list of memory nodes"},
        {HEAD "\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_LOCAL\",\"nodes\":\"0\"}}}",
         "linux.memoryPolicy.nodes: MPOL_DEFAULT and MPOL_LOCAL take no nodes"},
        {HEAD "\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_PREFERRED\",\"flags\":[\"MPOL_F_STATIC_NODES\"]}}}",
         "linux.memoryPolicy.flags say how to read nodes"},
        {HEAD "\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_STATIC_NODES\",\"MPOL_F_RELATIVE_NODES\"]}}}",
         "linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and"},
        {HEAD "\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_INTERLEAVE\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_NUMA_BALANCING\"]}}}",
         "linux.memoryPolicy.flags: MPOL_F_NUMA_BALANCING goes"},
        {HEAD "\"linux\":{\"personality\":{}}}",
         "linux.personality.domain is missing"},
        {HEAD "\"linux\":{\"personality\":{\"domain\":\"BSD\"}}}",
         "linux.personality.domain has the unknown value"},
        {HEAD "\"linux\":{\"sysctl\":{\"\":\"1\"}}}",
         "linux.sysctl has an empty key"},
        {HEAD "\"linux\":{\"resources\":{\"memory\":{\"swappiness\":101}}}}",
         "linux.resources.memory.swappiness must be an integer from 0 to 100"},
        {HEAD "\"linux\":{\"resources\":{\"cpu\":{\"idle\":2}}}}",
         "linux.resources.cpu.idle must be an integer from -1 to 1"},
        {HEAD "\"linux\":{\"resources\":{\"blockIO\":{\"weight\":9}}}}",
         "linux.resources.blockIO.weight must be from 10 to 1000"},
        {HEAD "\"linux\":{\"resources\":{\"blockIO\":{\"leafWeight\":9}}}}",
         "linux.resources.blockIO.leafWeight must be from 10 to 1000"},
        {HEAD "\"linux\":{\"resources\":{\"blockIO\":{\"weightDevice\":[{\"major\":1,\"minor\":1,\"leafWeight\":1}]}}}}",
         "linux.resources.blockIO.weightDevice[0].leafWeight must"},
        {HEAD "\"linux\":{\"resources\":{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":1,\"rate\":1}]}}}}",
         "linux.resources.blockIO.throttleReadBpsDevice[0].minor is missing"},
        {HEAD "\"linux\":{\"resources\":{\"hugepageLimits\":[{\"pageSize\":\"2MB\"}]}}}",
         "linux.resources.hugepageLimits[0].limit is missing"},
        {HEAD "\"linux\":{\"resources\":{\"network\":{\"classID\":4294967296}}}}",
         "linux.resources.network.classID must be an integer from 0 to 4294967295"},
        {HEAD "\"linux\":{\"resources\":{\"network\":{\"priorities\":[{\"name\":\"eth0\"}]}}}}",
         "linux.resources.network.priorities[0].priority is missing"},
        {HEAD "\"linux\":{\"resources\":{\"network\":{\"priorities\":[{\"name\":\"a b\",\"priority\":1}]}}}}",
         "linux.resources.network.priorities[0].name is no name"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}}}",
         "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerMetadata\":\"x\"}}}",
         "linux.seccomp.listenerMetadata needs linux.seccomp.listenerPath"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}}}",
         "linux.seccomp.defaultErrnoRet: the action SCMP_ACT_ALLOW has no number"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}}}",
         "linux.seccomp.defaultErrnoRet must be at most 4095"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_TRACE\",\"defaultErrnoRet\":65536}}}",
         "linux.seccomp.defaultErrnoRet must be an integer"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"X\"]}}}",
         "linux.seccomp.flags[0] has the unknown value"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"X\"]}}}",
         "linux.seccomp.architectures[0] has the unknown value"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_KILL\"}]}}}",
         "linux.seccomp.syscalls[0].names is empty"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}}}",
         "linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY needs"},
        {HEAD "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\",\"errnoRet\":1}]}}}",
         "linux.seccomp.syscalls[0].errnoRet: the action SCMP_ACT_KILL has no number"},
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
    parse_good(&arena, text, &s);
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

static void test_warnings(void **state) {
    (void)state;
    static const char text[] = HEAD
        "\"process\":{\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_FLY\",\"kill\"]}},"
        "\"linux\":{\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"X\"]},"
        "\"resources\":{\"memory\":{\"kernel\":1,\"kernelTCP\":2}}}}";
    static const char *const sentences[] = {
        "process.capabilities.bounding[1]: \"CAP_FLY\" is unknown here and passed over",
        "process.capabilities.bounding[2]: \"kill\" is unknown here and passed over",
        "linux.resources.memory.kernel: no kernel has this limit any more, and it is passed over",
        "linux.resources.memory.kernelTCP: no kernel has this limit any more, and it is passed over",
        "linux.personality.flags: no flag is known, and they are passed over",
    };
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct spec spec = {0};
    parse_good(&arena, text, &spec);
    assert_true(spec.process.caps.bounding == UINT64_C(1) << 5);
    assert_int_equal(spec.warnings.count, ARRAY_SIZE(sentences));
    for (size_t i = 0; i < ARRAY_SIZE(sentences); i++)
        assert_string_equal(spec.warnings.items[i], sentences[i]);
    assert_int_equal(spec.process.warnings.count + spec.resources.warnings.count, 0);
}

static struct json *json_of(const char *text) {
    struct json *json = NULL;
    assert_int_equal(json_parse(text, strlen(text), &json), 0);
    return json;
}

static void test_parts(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(json_freep) struct json *good_process =
        json_of("{\"cwd\":\"/"
                "srv\",\"args\":[\"id\"],\"user\":{\"uid\":7},\"capabilities\":{\"ambient\":[\"CAP_FLY\"]}}");
    _cleanup_(json_freep) struct json *bad_process = json_of("{\"cwd\":\"/\",\"user\":{\"uid\":\"joe\"}}");
    _cleanup_(json_freep) struct json *good_resources =
        json_of("{\"memory\":{\"limit\":7,\"kernel\":1},\"devices\":[{\"allow\":true,\"access\":\"\"}]}");
    _cleanup_(json_freep) struct json *bad_resources = json_of("{\"unified\":{\"a/b\":\"1\"}}");
    struct spec_process process = {.cwd = "untouched"};
    struct spec_resources resources = {.cpu_idle.value = 42};
    struct err err = {0};
    assert_int_equal(spec_process_parse(&arena, bad_process, &process, &err), -1);
    assert_true(str_has_prefix(err.text, "process.user.uid must be an integer"));
    assert_string_equal(process.cwd, "untouched");
    assert_int_equal(spec_process_parse(&arena, good_process, &process, &err), 0);
    assert_int_equal(process.uid, 7);
    assert_string_equal(process.args.items[0], "id");
    assert_string_equal(process.warnings.items[0],
                        "process.capabilities.ambient[0]: \"CAP_FLY\" is unknown here and passed over");
    assert_int_equal(spec_resources_parse(&arena, bad_resources, &resources, &err), -1);
    assert_string_equal(err.text, "linux.resources.unified: \"a/b\" is no file of a cgroup");
    assert_int_equal(resources.cpu_idle.value, 42);
    assert_int_equal(spec_resources_parse(&arena, good_resources, &resources, &err), 0);
    assert_int_equal(resources.memory_limit.value, 7);
    assert_string_equal(resources.devices.items[0].access, "rwm");
    assert_int_equal(resources.warnings.count, 1);
    assert_int_equal(spec_resources_parse(&arena, json_at(NULL, 0), &resources, &err), -1);
    assert_string_equal(err.text, "linux.resources must be an object");
}

// Mappings alone are a wish for an id-mapped mount; options alone take those of the user namespace.
static void test_id_mapped_mounts(void **state) {
    (void)state;
#define ONE_ID "[{\"containerID\":0,\"hostID\":4294967294,\"size\":1}]"
    static const char text[] =
        HEAD "\"linux\":{\"namespaces\":[{\"type\":\"user\"}]},\"mounts\":[{\"destination\":\"/"
             "a\",\"options\":[\"idmap\"]},"
             "{\"destination\":\"/b\",\"uidMappings\":" ONE_ID ",\"gidMappings\":" ONE_ID "},"
             "{\"destination\":\"/c\",\"options\":[\"ridmap\"],\"uidMappings\":" ONE_ID
             ",\"gidMappings\":" ONE_ID "}]}";
    static const uint32_t expected[] = {MOUNT_OPTION_IDMAP, MOUNT_OPTION_IDMAP,
                                        MOUNT_OPTION_IDMAP | MOUNT_OPTION_IDMAP_RECURSIVE};
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct spec spec = {0};
    parse_good(&arena, text, &spec);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        struct mount_options options = {0};
        mount_options_parse(&arena, &spec.mounts.items[i].options, &options);
        assert_int_equal(options.plan_options, expected[i]);
        assert_int_equal(spec.mounts.items[i].uid_maps.count, i > 0);
    }
    assert_int_equal(spec.mounts.items[1].gid_maps.items[0].host_id, 4294967294);
    assert_round_trip(&spec);
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

// None of the specification's words may end up as data for a file system.
static void test_mount_option_words(void **state) {
    (void)state;
    static const char all[] =
        "async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev "
        "nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private "
        "ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodiratime rnoexec rnorelatime "
        "rnostrictatime rnosuid rnosymfollow ro rprivate rro rrw rshared rslave rstrictatime rsuid "
        "rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable "
        "idmap ridmap rnodev rrelatime copy-symlink src-nofollow dest-nofollow ";
    size_t count = 0;
    for (; mount_option_words[count]; count++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct strings words = {0};
        struct mount_options m = {0};
        char word[32];
        snprintf(word, sizeof word, "%s ", mount_option_words[count]);
        if (!strstr(all, word)) fail_msg("%s is new", word);
        strings_add(&arena, &words, mount_option_words[count]);
        mount_options_parse(&arena, &words, &m);
        assert_null(m.data);
    }
    assert_int_equal(count, 65);
}

static size_t count_words(const struct field_word *words) {
    size_t count = 0;
    while (words[count].word) count++;
    return count;
}

static void test_number_list(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int result;
        uint64_t bits[2];
    } cases[] = {
        {"", 0, {0}},
        {"0", 1, {1}},
        {"0-3,8", 5, {0x10f}},
        {" 1 , 3 - 4 ,, 64 ", 4, {0x1a, 1}},
        {"0-127", 128, {UINT64_MAX, UINT64_MAX}},
        {"1,1", 2, {2}},
        {"128", -ERANGE, {0}},
        {"99999999999999999999", -ERANGE, {0}},
        {"3-1", -EINVAL, {0}},
        {"1-", -EINVAL, {0}},
        {"-1", -EINVAL, {0}},
        {"1 2", -EINVAL, {0}},
        {"1-2-3", -EINVAL, {0}},
        {"a", -EINVAL, {0}},
        {"0\n", -EINVAL, {0}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t bits[2] = {7, 7};
        assert_int_equal(number_list_parse(cases[i].text, 128, bits), cases[i].result);
        assert_int_equal(number_list_parse(cases[i].text, 128, NULL), cases[i].result);
        if (cases[i].result >= 0) assert_memory_equal(bits, cases[i].bits, sizeof bits);
    }
}

static void test_words(void **state) {
    (void)state;
    assert_int_equal(count_words(words_namespace_types), 8);
    assert_int_equal(count_words(words_seccomp_actions), 9);
    assert_int_equal(count_words(words_seccomp_operators), 7);
    assert_int_equal(count_words(words_seccomp_flags), 4);
    assert_int_equal(count_words(words_seccomp_architectures), 23);
    assert_int_equal(count_words(words_memory_modes), 7);
    assert_int_equal(count_words(words_memory_flags), 3);
    assert_int_equal(count_words(words_scheduler_policies), 7);
    assert_int_equal(count_words(words_scheduler_flags), 7);
    assert_int_equal(count_words(words_io_classes), 3);
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
        cmocka_unit_test(test_good_vectors),    cmocka_unit_test(test_old_vectors),
        cmocka_unit_test(test_refused_vectors), cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_values),          cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_parts),           cmocka_unit_test(test_id_mapped_mounts),
        cmocka_unit_test(test_mount_options),   cmocka_unit_test(test_mount_option_words),
        cmocka_unit_test(test_number_list),     cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
