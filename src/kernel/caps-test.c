// SPDX-License-Identifier: Apache-2.0
// The sets as /proc/self/status shows them, each time in a child of its own. As another user than root the
// sets are empty, and the functions must do nothing, without an error.
#include "kernel/caps.h"

#include "base/fd.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CHOWN  (UINT64_C(1) << 0)
#define KILL   (UINT64_C(1) << 5)
#define SETUID (UINT64_C(1) << 7)

// One of the masks of /proc/self/status: "CapPrm".
static uint64_t status_mask(const char *name) {
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    uint64_t mask = UINT64_MAX;
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, name, strlen(name)) == 0) mask = strtoull(line + strlen(name) + 1, NULL, 16);
    }
    if (file) fclose(file);
    return mask;
}

static int run(int (*check)(void)) {
    int status;
    pid_t pid = fork();
    if (pid == 0) _exit(check());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define NEED(condition) \
    if (!(condition)) return __LINE__ % 255 + 1

static int check_sets(void) {
    uint64_t had = status_mask("CapPrm"), bounding = status_mask("CapBnd");
    NEED(caps_missing(UINT64_MAX, false) == ~bounding && caps_missing(bounding, false) == 0);
    NEED(caps_set_bounding(UINT64_MAX) == 0 && status_mask("CapBnd") == bounding);
    if (had >> 8 & 1) { // CAP_SETPCAP
        NEED(caps_set_bounding(CHOWN | KILL) == 0);
        NEED(status_mask("CapBnd") == ((CHOWN | KILL) & bounding));
    } else {
        NEED(caps_set_bounding(0) < 0 || bounding == 0);
    }
    NEED(caps_set(KILL, CHOWN | KILL, KILL) == 0);
    NEED(status_mask("CapPrm") == ((CHOWN | KILL) & had));
    NEED(status_mask("CapEff") == (KILL & had));
    NEED(status_mask("CapInh") == (KILL & had));
    NEED(caps_set_ambient(CHOWN | KILL | SETUID) == 0);
    NEED(status_mask("CapAmb") == (KILL & had));
    NEED(caps_set_ambient(0) == 0 && status_mask("CapAmb") == 0);
    NEED(caps_set(0, 0, 0) == 0 && status_mask("CapPrm") == 0);
    // What is gone does not come back, and to ask for it is no failure.
    NEED(caps_set(UINT64_MAX, UINT64_MAX, 0) == 0 && status_mask("CapPrm") == 0);
    return 0;
}

static void test_sets(void **state) {
    (void)state;
    assert_int_equal(run(check_sets), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
