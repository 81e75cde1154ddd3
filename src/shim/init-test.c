// SPDX-License-Identifier: Apache-2.0
// The shim program as hoy-init.
#include "base/fd.h"
#include "shim/rig.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static pid_t start_init(const char *program, const char *script, int *ret_out) {
    int out[2];
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(out[1], 2);
        execl(SHIM_PROGRAM, "hoy-init", program, "-c", script, NULL);
        _exit(99);
    }
    close(out[1]);
    *ret_out = out[0];
    return pid;
}

static int end_init(pid_t pid, int out, char ret_text[1024]) {
    int status;
    ssize_t n = fd_read_full(out, ret_text, 1023);
    ret_text[n] = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(out);
    return WEXITSTATUS(status);
}

static void test_init(void **state) {
    (void)state;
    char text[1024];
    int out;
    pid_t pid = start_init("sh", "echo hi; exit 5", &out);
    assert_int_equal(end_init(pid, out, text), 5);
    assert_string_equal(text, "hi\n");
    pid = start_init("sh", "kill -9 $$", &out);
    assert_int_equal(end_init(pid, out, text), 137);
    pid = start_init("no-such-command", "", &out);
    assert_int_equal(end_init(pid, out, text), 127);
    assert_non_null(strstr(text, "\"no-such-command\": executable file not found in $PATH"));
    pid = start_init("/etc/passwd", "", &out);
    assert_int_equal(end_init(pid, out, text), 126);
    pid = start_init("sh", "trap 'exit 9' TERM; echo r; while :; do sleep 0.01; done", &out);
    assert_int_equal(read(out, text, 1), 1);
    kill(pid, SIGTERM);
    assert_int_equal(end_init(pid, out, text), 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_init),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
