// SPDX-License-Identifier: Apache-2.0
// The shim program over an executor without containers: streams, ends, floods, and clients that mean harm.
#include "base/fd.h"
#include "shim/rig.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// All output until SHIM_EXITED.
static struct shim_exit listen_to_end(int socket, char *ret_out, char *ret_err) {
    static char bytes[SHIM_FRAME_MAX];
    uint32_t type, size;
    struct shim_exit exit;
    *ret_out = *ret_err = 0;
    while ((type = frame_next(socket, bytes, &size)) != SHIM_EXITED) {
        assert_int_not_equal(type, 0);
        if (type == SHIM_STDOUT) strncat(ret_out, bytes, size);
        if (type == SHIM_STDERR) strncat(ret_err, bytes, size);
    }
    assert_int_equal(size, sizeof exit);
    memcpy(&exit, bytes, sizeof exit);
    return exit;
}

static void test_streams(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024], *text;
    rig_run(&rig, (struct rig_options){.script = "echo out; echo err >&2; read x || echo eof; exit 3"});
    struct shim_exit exit = listen_to_end(rig.client, out, err);
    assert_string_equal(out, "out\neof\n");
    assert_string_equal(err, "err\n");
    assert_int_equal(exit.status, 3);
    assert_int_equal(rig_wait(&rig), 0);
    text = rig_read(&rig, "exit");
    assert_int_equal(strncmp(text, "{\"status\":3,\"oom\":0,\"exited_ns\":1", 33), 0);
    free(text);
    text = rig_read(&rig, "log");
    assert_non_null(strstr(text, "{\"log\":\"out\\n\",\"stream\":\"stdout\",\"time\":\"2"));
    assert_non_null(strstr(text, "{\"log\":\"err\\n\",\"stream\":\"stderr\",\"time\":\"2"));
    free(text);
    rig_finish(&rig);
}

static void test_not_found(void **state) {
    (void)state;
    struct rig rig;
    struct err err;
    int32_t pid;
    rig_start(&rig, &(struct rig_options){.program = "/no/such/program"});
    assert_int_equal(client_wait_started(rig.client, &pid, &err), -1);
    assert_int_equal(err.kind, ERR_COMMAND_NOT_FOUND);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 127);
    rig_finish(&rig);
}

static void test_signals(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024];
    static const char script[] = "trap 'echo term; kill -USR1 $$' TERM; echo ready; while :; do read x; done";
    for (int by_shim = 0; by_shim < 2; by_shim++) {
        rig_run(&rig, (struct rig_options){.script = script, .keep_stdin = true});
        frame_await(rig.client, "ready");
        uint32_t number = SIGTERM;
        if (by_shim)
            kill(rig.shim, SIGTERM);
        else
            frame_send(rig.client, SHIM_SIGNAL, &number, sizeof number);
        // dash runs the trap when read returns: at once where it was waiting, else after this line. Then the
        // shim may be gone already.
        struct {
            struct shim_frame head;
            char newline;
        } line = {{SHIM_STDIN, 1}, '\n'};
        (void)!send(rig.client, &line, sizeof line.head + 1, MSG_NOSIGNAL);
        struct shim_exit exit = listen_to_end(rig.client, out, err);
        assert_string_equal(out, "term\n");
        assert_int_equal(exit.status, 128 + SIGUSR1);
        rig_finish(&rig);
    }
}

static void test_half_close(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024];
    rig_run(&rig, (struct rig_options){.script = "cat; echo end", .keep_stdin = true});
    int other = rig_connect(&rig);
    frame_send(other, SHIM_STDIN, NULL, 0); // not the first client's: says nothing
    frame_send(other, SHIM_STDIN, "a", 1);
    frame_await(rig.client, "a");
    frame_send(rig.client, SHIM_STDIN, "b\n", 2);
    frame_send(rig.client, SHIM_STDIN, NULL, 0);
    listen_to_end(rig.client, out, err);
    assert_non_null(strstr(out, "b\nend\n"));
    close(other);
    rig_finish(&rig);
}

// `hoy run -i` was killed: what reads its input sees the end of it, after all that was sent.
static void test_owner_gone(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024];
    struct shim_hello hello = {.owns_stdin = 1};
    rig_run(&rig, (struct rig_options){.script = "echo ready; cat; echo end", .keep_stdin = true});
    int other = rig_connect(&rig);
    frame_await(rig.client, "ready");
    frame_send(rig.client, SHIM_HELLO, &hello, sizeof hello);
    frame_send(rig.client, SHIM_STDIN, "last\n", 5);
    close(rig.client);
    rig.client = -1;
    assert_int_equal(listen_to_end(other, out, err).status, 0);
    assert_non_null(strstr(out, "last\nend\n"));
    close(other);
    rig_finish(&rig);
}

static void test_clients_come_and_go(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024], bytes[SHIM_FRAME_MAX];
    uint32_t size;
    struct shim_hello quiet = {0};
    rig_run(&rig, (struct rig_options){.script = "read x; echo got $x; exit 4", .keep_stdin = true});
    int deaf = rig_connect(&rig), late = rig_connect(&rig);
    frame_send(deaf, SHIM_HELLO, &quiet, sizeof quiet);
    assert_int_equal(frame_next(deaf, bytes, &size), SHIM_STARTED);
    assert_int_equal(frame_next(late, bytes, &size), SHIM_STARTED);
    close(rig.client);
    rig.client = -1;
    frame_send(late, SHIM_STDIN, "it\n", 3);
    assert_int_equal(listen_to_end(late, out, err).status, 4);
    assert_string_equal(out, "got it\n");
    assert_int_equal(listen_to_end(deaf, out, err).status, 4);
    assert_string_equal(out, "");
    close(deaf);
    close(late);
    rig_finish(&rig);
}

// Nobody reads for a while: nothing is lost, and everything comes in order. The container waits meanwhile: it
// cannot be ahead by more than the buffers between.
static void test_slow_client(void **state) {
    (void)state;
    struct rig rig;
    char bytes[SHIM_FRAME_MAX] = "";
    uint32_t type, size = 0;
    rig_run(&rig, (struct rig_options){.script = "seq 1000000 & seq 1000000 >&2; wait", .is_exec = true});
    size_t total[2] = {0}, lines[2] = {0};
    while ((type = frame_next(rig.client, bytes, &size)) != SHIM_EXITED) {
        assert_true(type == SHIM_STDOUT || type == SHIM_STDERR);
        total[type - SHIM_STDOUT] += size;
        for (uint32_t i = 0; i < size; i++) lines[type - SHIM_STDOUT] += bytes[i] == '\n';
    }
    assert_int_equal(total[0], 6888896);
    assert_int_equal(total[1], 6888896);
    assert_int_equal(lines[0], 1000000);
    assert_null(rig_read(&rig, "exit"));
    rig_finish(&rig);
}

static void test_client_that_never_reads(void **state) {
    (void)state;
    struct rig rig;
    char out[65536], err[1024];
    // It asks who waits: dd says nothing until all was taken, so the marker cannot come before.
    rig_run(&rig, (struct rig_options){.script = "head -c 2000000 /dev/zero; echo done >&2; echo end"});
    int stuck = rig.client, quiet = rig_connect(&rig);
    struct shim_hello hello = {.want_stderr = 1};
    frame_send(quiet, SHIM_HELLO, &hello, sizeof hello);
    struct pollfd p = {.fd = stuck, .events = POLLIN};
    assert_int_equal(poll(&p, 1, -1), 1);
    close(stuck); // gives up: now everything flows
    rig.client = -1;
    assert_int_equal(listen_to_end(quiet, out, err).status, 0);
    assert_string_equal(err, "done\n");
    char *log = rig_read(&rig, "log");
    assert_non_null(strstr(log, "end\\n\""));
    size_t zeros = 0;
    for (char *s = log; *s; s++) zeros += s[0] == '\\' && s[1] == 'u';
    assert_int_equal(zeros, 2000000);
    free(log);
    close(quiet);
    rig_finish(&rig);
}

// A signal is not stuck behind input that nobody reads, and more input than the window is not taken.
static void test_input_window(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024], block[SHIM_FRAME_MAX] = {0}, bytes[SHIM_FRAME_MAX];
    uint32_t number = SIGKILL, size;
    rig_run(&rig, (struct rig_options){.script = "exec sleep 1000", .keep_stdin = true});
    int other = rig_connect(&rig);
    // What the container's pipe takes is said to be taken; beyond that the window is what the shim holds.
    for (int i = 0; i < SHIM_STDIN_WINDOW / SHIM_FRAME_MAX; i++)
        frame_send(rig.client, SHIM_STDIN, block, sizeof block);
    for (uint32_t taken = 0, n; taken < SHIM_STDIN_WINDOW; taken += n) {
        assert_int_equal(frame_next(rig.client, bytes, &size), SHIM_STDIN_TAKEN);
        memcpy(&n, bytes, sizeof n);
    }
    for (int i = 0; i < SHIM_STDIN_WINDOW / SHIM_FRAME_MAX; i++)
        frame_send(rig.client, SHIM_STDIN, block, sizeof block);
    frame_send(other, SHIM_STDIN, block, 1000);
    frame_send(rig.client, SHIM_SIGNAL, &number, sizeof number);
    assert_int_equal(listen_to_end(rig.client, out, err).status, 137);
    close(other);
    rig_finish(&rig);

    rig_run(&rig, (struct rig_options){.script = "exec sleep 1000", .keep_stdin = true});
    for (int i = 0; i < 100; i++) {
        struct shim_frame head = {SHIM_STDIN, SHIM_FRAME_MAX};
        if (send(rig.client, &head, sizeof head, MSG_NOSIGNAL) < 0) break;
        if (send(rig.client, block, sizeof block, MSG_NOSIGNAL) < 0) break;
    }
    while (frame_next(rig.client, bytes, &size)) continue; // it is disconnected
    kill(rig.shim, SIGTERM);
    rig_finish(&rig);
}

// A client may say what it likes: only its own connection ends.
static void test_garbage(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024], bytes[SHIM_FRAME_MAX];
    uint32_t size;
    rig_run(&rig, (struct rig_options){.script = "read x; echo alive $x", .keep_stdin = true});
    static const struct shim_frame bad[] = {
        {0, 0},
        {99, 0},
        {SHIM_STDIN, ~0u},
        {SHIM_STDIN, 16385},
        {SHIM_SIGNAL, 3},
        {SHIM_RESIZE, 0},
        {SHIM_HELLO, 9},
        {SHIM_EXITED, 16},
        {SHIM_STARTED, 4},
        {SHIM_SIGNAL, 4}, // signal 0
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int fd = rig_connect(&rig);
        char zeros[64] = {0};
        send(fd, &bad[i], sizeof bad[i], MSG_NOSIGNAL);
        send(fd, zeros, sizeof zeros, MSG_NOSIGNAL);
        assert_int_equal(frame_next(fd, bytes, &size), SHIM_STARTED);
        assert_int_equal(frame_next(fd, bytes, &size), 0);
        close(fd);
    }
    srand(4);
    for (int round = 0; round < 2000; round++) {
        int fd = rig_connect(&rig);
        for (int n = rand() % 4; n >= 0; n--) {
            // Everything but input and signals, which do what they say.
            struct shim_frame head = {(uint32_t)(rand() % 5), (uint32_t)(rand() % 3 ? rand() % 16 : rand())};
            if (head.type == SHIM_STDIN || head.type == SHIM_SIGNAL) head.size = 16385;
            for (size_t i = 0; i < 64; i++) bytes[i] = (char)rand();
            send(fd, &head, sizeof head, MSG_NOSIGNAL | MSG_DONTWAIT);
            send(fd, bytes, (size_t)(rand() % 64), MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        close(fd);
    }
    frame_send(rig.client, SHIM_STDIN, "yes\n", 4);
    assert_int_equal(listen_to_end(rig.client, out, err).status, 0);
    assert_string_equal(out, "alive yes\n");
    rig_finish(&rig);
}

// More clients than places: the rest waits until one goes.
static void test_many_clients(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024];
    int fds[20];
    rig_run(&rig, (struct rig_options){.script = "read x; echo $x", .keep_stdin = true});
    for (int i = 0; i < 20; i++) fds[i] = rig_connect(&rig);
    for (int i = 0; i < 10; i++) close(fds[i]);
    frame_send(fds[19], SHIM_STDIN, "x\n", 2);
    for (int i = 10; i < 20; i++) {
        listen_to_end(fds[i], out, err);
        assert_string_equal(out, "x\n");
        close(fds[i]);
    }
    listen_to_end(rig.client, out, err);
    rig_finish(&rig);
}

// An orphan that lives in another pid namespace keeps the pipe; the end does not wait for it.
static void test_orphan_holds_the_pipe(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024];
    rig_run(&rig, (struct rig_options){.script = "sleep 1000 & echo $!; exit 5"});
    assert_int_equal(listen_to_end(rig.client, out, err).status, 5);
    assert_int_equal(rig_wait(&rig), 0);
    assert_int_equal(kill(atoi(out), SIGKILL), 0);
    rig_finish(&rig);
}

static void test_on_exit(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024];
    // /bin/false stands for `hoy after-exit`: its status shows that it ran in the shim's place.
    rig_run(&rig, (struct rig_options){.script = "read x", .on_exit = "/bin/false", .keep_stdin = true});
    close(rig.client);
    rig.client = rig_connect(&rig);
    frame_send(rig.client, SHIM_STDIN, "\n", 1);
    listen_to_end(rig.client, out, err);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 1);
    rig_finish(&rig);
    rig_run(&rig, (struct rig_options){.script = "exit 0", .on_exit = "/bin/false"});
    listen_to_end(rig.client, out, err);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 0);
    rig_finish(&rig);
}

static struct rig_options restarting(const char *script) {
    return (struct rig_options){
        .script = script, .on_exit = "/bin/false", .restart = {.policy = PLAN_RESTART_ALWAYS}};
}

// /bin/false stands for the program that starts the container again.
static void test_restart(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024];
    rig_run(&rig, restarting("exit 3"));
    struct shim_exit exit = listen_to_end(rig.client, out, err);
    assert_int_equal(exit.status, 3);
    assert_true(exit.restarts && !exit.stopped);
    char *text = rig_read(&rig, "exit");
    assert_non_null(strstr(text, "\"restarts\":1,\"stopped\":0"));
    free(text);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 1);
    rig_finish(&rig);
}

static void test_restart_stopped(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024];
    uint32_t number = SIGTERM;
    // While it runs
    rig_run(&rig, restarting("echo ready; exec sleep 1000"));
    frame_await(rig.client, "ready");
    frame_send(rig.client, SHIM_STOP, &number, sizeof number);
    struct shim_exit exit = listen_to_end(rig.client, out, err);
    assert_true(!exit.restarts && exit.stopped);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 0);
    rig_finish(&rig);
    // Before the next run
    struct rig_options options = restarting("exit 3");
    options.restart.delay_ms = 60000;
    rig_run(&rig, options);
    exit = listen_to_end(rig.client, out, err);
    assert_true(exit.restarts);
    int client = rig_connect(&rig);
    frame_send(client, SHIM_STOP, &number, sizeof number);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 0);
    close(client);
    rig_finish(&rig);
}

// A signal that says something else does not keep it from starting again; the end of the shim's own does.
static void test_restart_signals(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024];
    uint32_t number = SIGHUP;
    rig_run(&rig, restarting("echo ready; exec sleep 1000"));
    frame_await(rig.client, "ready");
    frame_send(rig.client, SHIM_SIGNAL, &number, sizeof number);
    assert_true(listen_to_end(rig.client, out, err).restarts);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 1);
    rig_finish(&rig);
    rig_run(&rig, restarting("echo ready; exec sleep 1000"));
    frame_await(rig.client, "ready");
    kill(rig.shim, SIGTERM);
    struct shim_exit exit = listen_to_end(rig.client, out, err);
    assert_true(!exit.restarts && !exit.stopped);
    rig_wait(&rig);
    rig_finish(&rig);
}

static void test_inherit(void **state) {
    (void)state;
    struct rig rig;
    rig_run(&rig, (struct rig_options){.script = "exit 6", .stdio = PLAN_STDIO_INHERIT});
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 6);
    rig_finish(&rig);
    rig_run(&rig, (struct rig_options){.script = "exec sleep 1000", .stdio = PLAN_STDIO_INHERIT});
    kill(rig.shim, SIGINT);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 130);
    rig_finish(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_streams),         TEST(test_not_found),
        TEST(test_signals),         TEST(test_half_close),
        TEST(test_owner_gone),      TEST(test_clients_come_and_go),
        TEST(test_slow_client),     TEST(test_client_that_never_reads),
        TEST(test_input_window),    TEST(test_garbage),
        TEST(test_many_clients),    TEST(test_orphan_holds_the_pipe),
        TEST(test_on_exit),         TEST(test_restart),
        TEST(test_restart_stopped), TEST(test_restart_signals),
        TEST(test_inherit),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
