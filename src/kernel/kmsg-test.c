// SPDX-License-Identifier: Apache-2.0
#include "kernel/kmsg.h"

#include "base/macro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// As Linux 6.18 said it, in the order that it did.
static const char *const records[] = {
    "6,100,5000,-;old[7]: segfault at 8 ip 1 sp 2 error 6 in old[1,2]\n",
    "4,101,2000000,-;Tasks state (memory values in pages):\n",
    "4,102,2000001,-;[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes "
    "swapents "
    "oom_score_adj name\n",
    "4,103,2000002,-;[      5]     0     5     5560     10     3904        0         0    73728        0     "
    "        "
    "0 small\n",
    "4,104,2000003,-;[      6]     0     6     5560     3904     3904        0         0    73728        0   "
    "          "
    "0 big\n",
    "4,105,2000003,-;[      8]     0     8     5560     20     3904        0         0    73728        0     "
    "        "
    "0 middle\n",
    "4,106,2000003,-;[      9]     0     9     5560     1     3904        0         0    73728        0      "
    "       "
    "0 tiny\n",
    "4,107,2000004,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/"
    "up,"
    "task_memcg=/up/hoy-abc,task=big,pid=6,uid=0\n",
    // Who fell while big's memory was not free yet.
    "4,107,2000004,-;Tasks state (memory values in pages):\n",
    "4,107,2000004,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/"
    "up,"
    "task_memcg=/up/hoy-abc,task=tiny,pid=9,uid=0\n",
    // Somebody else's.
    "4,108,2000005,-;Tasks state (memory values in pages):\n",
    "4,109,2000006,-;[     11]     0    11     5560     9999     3904        0         0    73728        0   "
    "          "
    "0 other\n",
    "4,110,2000007,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
    "task_memcg=/hoy-def,task=other,pid=11,uid=0\n",
    "6,111,2000008,-;prog[7]: segfault at 8 ip 000000000040161e sp 00007ffdbad86260 error 6 in "
    "prog[161e,401000]\n",
    "5,112,2000009,-;audit: type=1326 audit(1.2:3): auid=1 uid=0 gid=0 ses=1 pid=7 comm=\"x\" exe=\"/x\" "
    "sig=31 "
    "arch=c000003e syscall=39 compat=0 ip=0x1 code=0x80000000\n SUBSYSTEM=audit\n",
    "5,113,2000010,-;audit: type=1400 audit(1.2:4): apparmor=\"DENIED\" operation=\"open\" profile=\"p\" "
    "pid=77 "
    "comm=\"x\"\n",
    "broken",
    "6,x;y",
};

static void take_all(struct kmsg_answer *answer, int32_t pid, const char *group) {
    struct kmsg_subject subject = {.since_us = 1000000, .pid = pid, .name = "x", .group = group};
    struct kmsg_search search = {.subject = &subject, .answer = answer};
    for (size_t i = 0; i < ARRAY_SIZE(records); i++) kmsg_take(&search, records[i]);
}

static void test_oom(void **state) {
    (void)state;
    struct kmsg_answer answer = {0};
    take_all(&answer, 7, "abc");
    assert_true(answer.oom);
    assert_string_equal(answer.oom_group, "/up");
    assert_string_equal(answer.task_group, "/up/hoy-abc");
    assert_string_equal(answer.killed.name, "big");
    assert_int_equal(answer.killed.pid, 6);
    assert_string_equal(answer.biggest[0].name, "big");
    assert_int_equal(answer.biggest[0].bytes, 3904 * 4096);
    assert_string_equal(answer.biggest[1].name, "middle");
    assert_string_equal(answer.biggest[2].name, "small");
}

static void test_oom_again(void **state) {
    (void)state;
    struct kmsg_subject subject = {.since_us = 1000000, .pid = 7, .name = "x", .group = "abc"};
    struct kmsg_answer answer = {0};
    struct kmsg_search search = {.subject = &subject, .answer = &answer};
    for (size_t i = 0; i < ARRAY_SIZE(records); i++) kmsg_take(&search, records[i]);
    kmsg_take(&search,
              "4,120,3000003,-;oom-kill:oom_memcg=/up,task_memcg=/up/hoy-abc,task=soon,pid=12,uid=0\n");
    assert_string_equal(answer.killed.name, "big");
    kmsg_take(&search,
              "4,121,3000004,-;oom-kill:oom_memcg=/up,task_memcg=/up/hoy-abc,task=later,pid=13,uid=0\n");
    assert_string_equal(answer.killed.name, "later");
}

static void test_machine(void **state) {
    (void)state;
    struct kmsg_answer answer = {0}, none = {0};
    take_all(&answer, 7, "def");
    assert_true(answer.oom);
    assert_string_equal(answer.oom_group, "");
    assert_string_equal(answer.biggest[0].name, "other");
    take_all(&none, 7, "ghi");
    assert_false(none.oom);
}

static void test_lines(void **state) {
    (void)state;
    struct kmsg_answer answer = {0};
    take_all(&answer, 7, "abc");
    assert_non_null(strstr(answer.fault, "prog[7]"));
    assert_non_null(strstr(answer.seccomp, "syscall=39"));
    assert_string_equal(answer.denial, ""); // pid 77 is not pid 7
    answer = (struct kmsg_answer){0};
    take_all(&answer, 0, "abc");
    assert_string_equal(answer.fault, ""); // prog is not x
    assert_non_null(strstr(answer.seccomp, "syscall=39"));
    assert_non_null(strstr(answer.denial, "pid=77"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_oom), cmocka_unit_test(test_oom_again),
                                       cmocka_unit_test(test_machine), cmocka_unit_test(test_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
