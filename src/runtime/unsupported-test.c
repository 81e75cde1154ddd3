// SPDX-License-Identifier: Apache-2.0
// What the compiler does not do is refused by its name, and by nothing else.
#include "runtime/unsupported.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int refuse(const char *text, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(json_freep) struct json *json = NULL;
    struct spec spec = {0};
    assert_int_equal(json_parse(text, strlen(text), &json), 0);
    if (spec_parse(&arena, json, &spec, err) < 0) fail_msg("%s\nsays: %s", text, err->text);
    return refuse_unsupported(&spec, err);
}

#define HEAD     "{\"ociVersion\":\"1.3.0\","
#define PROCESS  HEAD "\"process\":{\"cwd\":\"/\","
#define MAPS     "[{\"containerID\":0,\"hostID\":1,\"size\":1}]"
#define RESOURCE HEAD "\"linux\":{\"resources\":{"

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *path;
    } cases[] = {
        {PROCESS "\"apparmorProfile\":\"x\"}}", "process.apparmorProfile"},
        {PROCESS "\"selinuxLabel\":\"x\"}}", "process.selinuxLabel"},
        {PROCESS "\"scheduler\":{\"policy\":\"SCHED_OTHER\"}}}", "process.scheduler"},
        {PROCESS "\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\"}}}", "process.ioPriority"},
        {PROCESS "\"execCPUAffinity\":{\"initial\":\"1\"}}}", "process.execCPUAffinity.initial"},
        {PROCESS "\"execCPUAffinity\":{\"final\":\"1\"}}}", "process.execCPUAffinity.final"},
        {HEAD "\"linux\":{\"mountLabel\":\"x\"}}", "linux.mountLabel"},
        {HEAD "\"linux\":{\"intelRdt\":{}}}", "linux.intelRdt"},
        {HEAD "\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_DEFAULT\"}}}", "linux.memoryPolicy"},
        {HEAD "\"linux\":{\"personality\":{\"domain\":\"LINUX\"}}}", "linux.personality"},
        {HEAD "\"linux\":{\"netDevices\":{\"eth0\":{}}}}", "linux.netDevices"},
        {HEAD
         "\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\",\"syscalls\":"
         "[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}}}",
         "linux.seccomp.listenerPath"},
        {HEAD "\"mounts\":[{\"destination\":\"/a\",\"uidMappings\":" MAPS ",\"gidMappings\":" MAPS "}]}",
         "mounts[0].options: \"idmap\""},
        {HEAD "\"mounts\":[{\"destination\":\"/a\",\"options\":[\"ridmap\"],\"uidMappings\":" MAPS
              ",\"gidMappings\":" MAPS "}]}",
         "mounts[0].options: \"ridmap\""},
        {HEAD "\"mounts\":[{\"destination\":\"/a\",\"options\":[\"copy-symlink\"]}]}",
         "mounts[0].options: \"copy-symlink\""},
        {HEAD "\"mounts\":[{\"destination\":\"/a\",\"options\":[\"src-nofollow\"]}]}",
         "mounts[0].options: \"src-nofollow\""},
        {HEAD
         "\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\",\"options\":[\"dest-nofollow\"]}]}",
         "mounts[1].options: \"dest-nofollow\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        char sentence[160];
        assert_int_equal(refuse(cases[i].text, &err), -1);
        assert_int_equal(err.kind, ERR_INVALID);
        snprintf(sentence, sizeof sentence, "%s is not supported by this version", cases[i].path);
        assert_string_equal(err.text, sentence);
    }
}

// Nothing is asked for.
static void test_taken(void **state) {
    (void)state;
    static const char *const texts[] = {
        HEAD "\"hooks\":{\"prestart\":[]}}",
        PROCESS "\"apparmorProfile\":\"\",\"selinuxLabel\":\"\",\"execCPUAffinity\":{}}}",
        HEAD
        "\"linux\":{\"mountLabel\":\"\",\"netDevices\":{},\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
        "\"listenerPath\":\"/x\"}}}",
        RESOURCE "\"network\":{\"classID\":0},\"memory\":{\"useHierarchy\":false,\"checkBeforeUpdate\":true,"
                 "\"kernel\":1}}}}",
        HEAD "\"mounts\":[{\"destination\":\"/a\",\"options\":[\"rro\",\"tmpcopyup\",\"rnoexec\"]}]}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct err err = {0};
        if (refuse(texts[i], &err) < 0) fail_msg("%s\nsays: %s", texts[i], err.text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused), cmocka_unit_test(test_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
