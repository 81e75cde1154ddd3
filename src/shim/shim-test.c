// SPDX-License-Identifier: Apache-2.0
// The shim program and the client against each other, over an executor without containers: streams, ends,
// floods, terminals, and clients that mean harm. Whoever waits here waits for an event, and an alarm ends a
// test that waits in vain.
#include "base/fd.h"
#include "shim/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <cmocka.h>

#define MB (1 << 20)

// A client by hand

static void send_frame(int socket, uint32_t type, const void *bytes, uint32_t size) {
    struct shim_frame head = {type, size};
    assert_int_equal(send(socket, &head, sizeof head, MSG_NOSIGNAL), sizeof head);
    if (size) assert_int_equal(send(socket, bytes, size, MSG_NOSIGNAL), size);
}

// The next frame; 0 at the end.
static uint32_t next_frame(int socket, char *ret_bytes, uint32_t *ret_size) {
    struct shim_frame head;
    if (fd_read_full(socket, &head, sizeof head) != sizeof head) return 0;
    assert_in_range(head.size, 0, SHIM_FRAME_MAX);
    assert_int_equal(fd_read_full(socket, ret_bytes, head.size), head.size);
    *ret_size = head.size;
    return head.type;
}

// All output until SHIM_EXITED.
static struct shim_exit listen_to_end(int socket, char *ret_out, char *ret_err) {
    static char bytes[SHIM_FRAME_MAX];
    uint32_t type, size;
    struct shim_exit exit;
    *ret_out = *ret_err = 0;
    while ((type = next_frame(socket, bytes, &size)) != SHIM_EXITED) {
        assert_int_not_equal(type, 0);
        if (type == SHIM_STDOUT) strncat(ret_out, bytes, size);
        if (type == SHIM_STDERR) strncat(ret_err, bytes, size);
    }
    assert_int_equal(size, sizeof exit);
    memcpy(&exit, bytes, sizeof exit);
    return exit;
}

// Reads output until the word came.
static void listen_for(int socket, const char *word) {
    char all[65536] = "", bytes[SHIM_FRAME_MAX];
    uint32_t size = 0;
    while (!strstr(all, word)) {
        assert_int_equal(next_frame(socket, bytes, &size), SHIM_STDOUT);
        strncat(all, bytes, size);
    }
}

static void wait_started(struct rig *rig) {
    struct err err;
    int32_t pid;
    if (client_wait_started(rig->client, &pid, &err)) fail_msg("%s", err.text);
    assert_true(pid > 0);
}

static void start(struct rig *rig, struct rig_options options) {
    rig_start(rig, &options);
    if (!options.no_client) wait_started(rig);
}

static void test_streams(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024], *text;
    start(&rig, (struct rig_options){.script = "echo out; echo err >&2; read x || echo eof; exit 3"});
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
        start(&rig, (struct rig_options){.script = script, .keep_stdin = true});
        listen_for(rig.client, "ready");
        uint32_t number = SIGTERM;
        if (by_shim)
            kill(rig.shim, SIGTERM);
        else
            send_frame(rig.client, SHIM_SIGNAL, &number, sizeof number);
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
    start(&rig, (struct rig_options){.script = "cat; echo end", .keep_stdin = true});
    int other = rig_connect(&rig);
    send_frame(other, SHIM_STDIN, NULL, 0); // not the first client's: says nothing
    send_frame(other, SHIM_STDIN, "a", 1);
    listen_for(rig.client, "a");
    send_frame(rig.client, SHIM_STDIN, "b\n", 2);
    send_frame(rig.client, SHIM_STDIN, NULL, 0);
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
    start(&rig, (struct rig_options){.script = "echo ready; cat; echo end", .keep_stdin = true});
    int other = rig_connect(&rig);
    listen_for(rig.client, "ready");
    send_frame(rig.client, SHIM_HELLO, &hello, sizeof hello);
    send_frame(rig.client, SHIM_STDIN, "last\n", 5);
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
    start(&rig, (struct rig_options){.script = "read x; echo got $x; exit 4", .keep_stdin = true});
    int deaf = rig_connect(&rig), late = rig_connect(&rig);
    send_frame(deaf, SHIM_HELLO, &quiet, sizeof quiet);
    assert_int_equal(next_frame(deaf, bytes, &size), SHIM_STARTED);
    assert_int_equal(next_frame(late, bytes, &size), SHIM_STARTED);
    close(rig.client);
    rig.client = -1;
    send_frame(late, SHIM_STDIN, "it\n", 3);
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
    start(&rig, (struct rig_options){.script = "seq 1000000 & seq 1000000 >&2; wait", .is_exec = true});
    size_t total[2] = {0}, lines[2] = {0};
    while ((type = next_frame(rig.client, bytes, &size)) != SHIM_EXITED) {
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
    start(&rig, (struct rig_options){.script = "head -c 2000000 /dev/zero; echo done >&2; echo end"});
    int stuck = rig.client, quiet = rig_connect(&rig);
    struct shim_hello hello = {.want_stderr = 1};
    send_frame(quiet, SHIM_HELLO, &hello, sizeof hello);
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
    start(&rig, (struct rig_options){.script = "exec sleep 1000", .keep_stdin = true});
    int other = rig_connect(&rig);
    // What the container's pipe takes is said to be taken; beyond that the window is what the shim holds.
    for (int i = 0; i < SHIM_STDIN_WINDOW / SHIM_FRAME_MAX; i++)
        send_frame(rig.client, SHIM_STDIN, block, sizeof block);
    for (uint32_t taken = 0, n; taken < SHIM_STDIN_WINDOW; taken += n) {
        assert_int_equal(next_frame(rig.client, bytes, &size), SHIM_STDIN_TAKEN);
        memcpy(&n, bytes, sizeof n);
    }
    for (int i = 0; i < SHIM_STDIN_WINDOW / SHIM_FRAME_MAX; i++)
        send_frame(rig.client, SHIM_STDIN, block, sizeof block);
    send_frame(other, SHIM_STDIN, block, 1000);
    send_frame(rig.client, SHIM_SIGNAL, &number, sizeof number);
    assert_int_equal(listen_to_end(rig.client, out, err).status, 137);
    close(other);
    rig_finish(&rig);

    start(&rig, (struct rig_options){.script = "exec sleep 1000", .keep_stdin = true});
    for (int i = 0; i < 100; i++) {
        struct shim_frame head = {SHIM_STDIN, SHIM_FRAME_MAX};
        if (send(rig.client, &head, sizeof head, MSG_NOSIGNAL) < 0) break;
        if (send(rig.client, block, sizeof block, MSG_NOSIGNAL) < 0) break;
    }
    while (next_frame(rig.client, bytes, &size)) continue; // it is disconnected
    kill(rig.shim, SIGTERM);
    rig_finish(&rig);
}

// A client may say what it likes: only its own connection ends.
static void test_garbage(void **state) {
    (void)state;
    struct rig rig;
    char out[1024], err[1024], bytes[SHIM_FRAME_MAX];
    uint32_t size;
    start(&rig, (struct rig_options){.script = "read x; echo alive $x", .keep_stdin = true});
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
        assert_int_equal(next_frame(fd, bytes, &size), SHIM_STARTED);
        assert_int_equal(next_frame(fd, bytes, &size), 0);
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
    send_frame(rig.client, SHIM_STDIN, "yes\n", 4);
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
    start(&rig, (struct rig_options){.script = "read x; echo $x", .keep_stdin = true});
    for (int i = 0; i < 20; i++) fds[i] = rig_connect(&rig);
    for (int i = 0; i < 10; i++) close(fds[i]);
    send_frame(fds[19], SHIM_STDIN, "x\n", 2);
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
    start(&rig, (struct rig_options){.script = "sleep 1000 & echo $!; exit 5"});
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
    start(&rig, (struct rig_options){.script = "read x", .on_exit = "/bin/false", .keep_stdin = true});
    close(rig.client);
    rig.client = rig_connect(&rig);
    send_frame(rig.client, SHIM_STDIN, "\n", 1);
    listen_to_end(rig.client, out, err);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 1);
    rig_finish(&rig);
    start(&rig, (struct rig_options){.script = "exit 0", .on_exit = "/bin/false"});
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
    start(&rig, restarting("exit 3"));
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
    start(&rig, restarting("echo ready; exec sleep 1000"));
    listen_for(rig.client, "ready");
    send_frame(rig.client, SHIM_STOP, &number, sizeof number);
    struct shim_exit exit = listen_to_end(rig.client, out, err);
    assert_true(!exit.restarts && exit.stopped);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 0);
    rig_finish(&rig);
    // Before the next run
    struct rig_options options = restarting("exit 3");
    options.restart.delay_ms = 60000;
    start(&rig, options);
    exit = listen_to_end(rig.client, out, err);
    assert_true(exit.restarts);
    int client = rig_connect(&rig);
    send_frame(client, SHIM_STOP, &number, sizeof number);
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
    start(&rig, restarting("echo ready; exec sleep 1000"));
    listen_for(rig.client, "ready");
    send_frame(rig.client, SHIM_SIGNAL, &number, sizeof number);
    assert_true(listen_to_end(rig.client, out, err).restarts);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 1);
    rig_finish(&rig);
    start(&rig, restarting("echo ready; exec sleep 1000"));
    listen_for(rig.client, "ready");
    kill(rig.shim, SIGTERM);
    struct shim_exit exit = listen_to_end(rig.client, out, err);
    assert_true(!exit.restarts && !exit.stopped);
    rig_wait(&rig);
    rig_finish(&rig);
}

static void test_inherit(void **state) {
    (void)state;
    struct rig rig;
    start(&rig, (struct rig_options){.script = "exit 6", .stdio = PLAN_STDIO_INHERIT});
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 6);
    rig_finish(&rig);
    start(&rig, (struct rig_options){.script = "exec sleep 1000", .stdio = PLAN_STDIO_INHERIT});
    kill(rig.shim, SIGINT);
    assert_int_equal(WEXITSTATUS(rig_wait(&rig)), 130);
    rig_finish(&rig);
}

// The client, as a process with streams of its own

struct session {
    pid_t pid;
    int in, out; // one terminal, or two pipes
    char seen[16384];
};

static void run_session(struct rig *rig, const struct client_options *options) {
    struct shim_exit exit = {0};
    struct err err = {0};
    int r = client_run(rig->client, options, &exit, &err);
    _exit(r == CLIENT_EXITED ? exit.status : 100 + r);
}

static struct session open_session(struct rig *rig, struct client_options options) {
    struct session s = {0};
    int in[2], out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    s.pid = fork();
    if (s.pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        run_session(rig, &options);
    }
    close(in[0]);
    close(out[1]);
    close(rig->client);
    rig->client = -1;
    s.in = in[1];
    s.out = out[0];
    return s;
}

static int close_session(struct session *s) {
    int status;
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    if (s->in >= 0) close(s->in);
    if (s->out >= 0 && s->out != s->in) close(s->out);
    return status;
}

// Input and output floods at once, from one process that does both as it can.
static void test_both_floods(void **state) {
    (void)state;
    struct rig rig;
    enum { TOTAL = 8 * MB };
    start(&rig, (struct rig_options){.script = "cat", .keep_stdin = true, .is_exec = true});
    struct session s = open_session(&rig, (struct client_options){.send_stdin = true});
    fcntl(s.in, F_SETFL, O_WRONLY | O_NONBLOCK);
    fcntl(s.out, F_SETFL, O_RDONLY | O_NONBLOCK);
    size_t sent = 0, got = 0;
    static uint8_t bytes[65536];
    while (got < TOTAL) {
        struct pollfd p[] = {{.fd = sent < TOTAL ? s.in : -1, .events = POLLOUT},
                             {.fd = s.out, .events = POLLIN}};
        poll(p, 2, -1);
        size_t want = TOTAL - sent < sizeof bytes ? TOTAL - sent : sizeof bytes;
        for (size_t i = 0; i < want; i++) bytes[i] = (uint8_t)((sent + i) % 251);
        ssize_t n = p[0].revents ? write(s.in, bytes, want) : 0;
        if (n > 0) sent += (size_t)n;
        if (sent == TOTAL && n > 0) close(s.in), s.in = -1;
        n = p[1].revents ? read(s.out, bytes, sizeof bytes) : 0;
        for (ssize_t i = 0; i < n; i++)
            if (bytes[i] != (got + (size_t)i) % 251) fail_msg("wrong byte at %zu", got + (size_t)i);
        if (n > 0) got += (size_t)n;
    }
    assert_int_equal(WEXITSTATUS(close_session(&s)), 0);
    rig_finish(&rig);
}

static void test_proxied_signal(void **state) {
    (void)state;
    struct rig rig;
    char text[16];
    start(&rig,
          (struct rig_options){.script = "trap 'exit 9' HUP; echo ready; while :; do sleep 0.01; done"});
    struct session s = open_session(&rig, (struct client_options){.proxy_signals = true});
    assert_int_equal(read(s.out, text, sizeof text), 6);
    kill(s.pid, SIGHUP);
    assert_int_equal(WEXITSTATUS(close_session(&s)), 9);
    rig_finish(&rig);
}

static void test_output_closed(void **state) {
    (void)state;
    struct rig rig;
    char text[1];
    start(&rig, (struct rig_options){.script = "exec yes"});
    struct session s = open_session(&rig, (struct client_options){0});
    assert_int_equal(read(s.out, text, 1), 1);
    close(s.out);
    s.out = -1;
    assert_int_equal(WEXITSTATUS(close_session(&s)), 100 + CLIENT_CLOSED);
    kill(rig.shim, SIGTERM);
    rig_finish(&rig);
}

static void test_shim_lost(void **state) {
    (void)state;
    struct rig rig;
    char text[16];
    start(&rig, (struct rig_options){.script = "echo $$; exec sleep 1000"});
    struct session s = open_session(&rig, (struct client_options){0});
    assert_true(read(s.out, text, sizeof text) > 1);
    kill(rig.shim, SIGKILL);
    assert_int_equal(WEXITSTATUS(close_session(&s)), 100 + CLIENT_LOST);
    kill(atoi(text), SIGKILL);
    rig_finish(&rig);
}

// At a terminal

static struct session open_terminal(struct rig *rig, const struct client_options *more, int *ret_slave) {
    struct session s = {0};
    struct winsize size = {.ws_row = 33, .ws_col = 99};
    int slave;
    struct client_options options = more ? *more : (struct client_options){0};
    options.terminal = options.send_stdin = true;
    assert_int_equal(openpty(&s.in, &slave, NULL, NULL, &size), 0);
    s.out = s.in;
    s.pid = fork();
    if (s.pid == 0) {
        login_tty(dup(slave));
        run_session(rig, &options);
    }
    close(rig->client);
    rig->client = -1;
    *ret_slave = slave;
    return s;
}

// Reads the terminal until the words came. What comes after them is left for the next one who asks.
static void expect(struct session *s, const char *words) {
    char *found;
    while (!(found = strstr(s->seen, words))) {
        size_t n = strlen(s->seen);
        ssize_t r = read(s->out, s->seen + n, sizeof s->seen - n - 1);
        if (r <= 0) fail_msg("'%s' did not come; but: %s", words, s->seen);
        s->seen[n + (size_t)r] = 0;
    }
    found += strlen(words);
    memmove(s->seen, found, strlen(found) + 1);
}

static void type(struct session *s, const char *keys) {
    assert_int_equal(write(s->in, keys, strlen(keys)), strlen(keys));
}

static bool is_cooked(int slave) {
    struct termios mode;
    tcgetattr(slave, &mode);
    return mode.c_lflag & ECHO && mode.c_lflag & ICANON && mode.c_lflag & ISIG && mode.c_oflag & OPOST;
}

// Its status; the terminal is again as it was.
static int close_terminal(struct session *s, int slave) {
    int status;
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_true(is_cooked(slave));
    close(s->in);
    close(slave);
    return status;
}

static void test_terminal(void **state) {
    (void)state;
    struct rig rig;
    int slave;
    struct winsize size = {.ws_row = 44, .ws_col = 88};
    start(&rig, (struct rig_options){
                    .stdio = PLAN_STDIO_TERMINAL, .keep_stdin = true, .script = "exec bash --norc -i"});
    struct session s = open_terminal(&rig, NULL, &slave);
    expect(&s, "$ ");
    assert_false(is_cooked(slave));
    type(&s, "stty size; test -t 0 -a -t 1 -a -t 2 && echo t'ty'\r");
    expect(&s, "33 99\r\ntty\r\n");
    ioctl(slave, TIOCSWINSZ, &size);
    type(&s,
         "while test \"`stty size`\" != '44 88'; do :; done; sh -c 'echo re\"sized\"; exec sleep 1000'\r");
    expect(&s, "resized\r\n");
    type(&s, "\x03"); // ctrl-C reaches the shell's job, not the client
    expect(&s, "^C");
    expect(&s, "$ ");
    type(&s, "sh -c 'echo ag\"ain\"; exec sleep 1000'\r");
    expect(&s, "again\r\n");
    type(&s, "\x1a"); // ctrl-Z, too
    expect(&s, "Stopped");
    type(&s, "p=`jobs -p`; disown; kill -9 $p; exit 7\r");
    assert_int_equal(WEXITSTATUS(close_terminal(&s, slave)), 7);
    rig_finish(&rig);
}

// Who attaches to what draws the whole screen gets it drawn.
static void test_redraw(void **state) {
    (void)state;
    struct rig rig;
    int slave;
    start(&rig, (struct rig_options){.stdio = PLAN_STDIO_TERMINAL,
                                     .keep_stdin = true,
                                     .script = "trap 'echo drawn' WINCH; stty rows 33 cols 99; echo up; "
                                               "while :; do sleep 0.01; done"});
    listen_for(rig.client, "up");
    close(rig.client);
    rig.client = rig_connect(&rig);
    struct session s = open_terminal(&rig, &(struct client_options){.redraw = true}, &slave);
    expect(&s, "drawn");
    type(&s, "\x10\x11");
    assert_int_equal(WEXITSTATUS(close_terminal(&s, slave)), 100 + CLIENT_DETACHED);
    kill(rig.shim, SIGTERM);
    rig_finish(&rig);
}

static void test_detach(void **state) {
    (void)state;
    struct rig rig;
    int slave;
    struct rig_options options = {.stdio = PLAN_STDIO_TERMINAL,
                                  .keep_stdin = true,
                                  .script = "echo up; while read x; do echo got $x; done"};
    start(&rig, options);
    struct session s = open_terminal(&rig, &(struct client_options){.detach_keys = "ctrl-a,b"}, &slave);
    expect(&s, "up");
    type(&s, "\x01x\x01"); // the first ctrl-A comes through when x follows
    type(&s, "b");
    assert_int_equal(WEXITSTATUS(close_terminal(&s, slave)), 100 + CLIENT_DETACHED);
    rig.client = rig_connect(&rig); // it runs on
    s = open_terminal(&rig, NULL, &slave);
    type(&s, "more\r");
    expect(&s, "got \x01xmore\r\n");
    type(&s, "\x04");
    assert_int_equal(WEXITSTATUS(close_terminal(&s, slave)), 0);
    rig_finish(&rig);
}

// However the client ends, the terminal is as it was.
static void test_terminal_restored(void **state) {
    (void)state;
    static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    struct rig rig;
    int slave;
    struct rig_options options = {.stdio = PLAN_STDIO_TERMINAL, .keep_stdin = true, .script = "echo up; cat"};
    for (int i = 0; i < 5; i++) {
        start(&rig, options);
        struct session s = open_terminal(&rig, NULL, &slave);
        expect(&s, "up");
        assert_false(is_cooked(slave));
        if (i < 4) {
            kill(s.pid, signals[i]);
            assert_int_equal(WTERMSIG(close_terminal(&s, slave)), signals[i]);
            kill(rig.shim, SIGTERM);
        } else {
            kill(rig.shim, SIGKILL); // its terminal goes with it, and cat with that
            assert_int_equal(WEXITSTATUS(close_terminal(&s, slave)), 100 + CLIENT_LOST);
        }
        rig_finish(&rig);
    }
}

static void test_bad_detach_keys(void **state) {
    (void)state;
    struct err err;
    struct shim_exit exit;
    struct client_options options = {.terminal = true, .send_stdin = true, .detach_keys = "ctrl-,"};
    assert_int_equal(client_run(-1, &options, &exit, &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_int_equal(client_check_detach_keys("ctrl-p", &err), 0);
}

// hoy-init

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

// The first one makes a read fail, which says where; the second one ends the program.
static void take_alarm(int number) {
    signal(number, SIG_DFL);
    alarm(5);
}

static int begin_test(void **state) {
    (void)state;
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = take_alarm}, NULL);
    alarm(30);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup(f, begin_test)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_streams),
        TEST(test_not_found),
        TEST(test_signals),
        TEST(test_half_close),
        TEST(test_owner_gone),
        TEST(test_clients_come_and_go),
        TEST(test_slow_client),
        TEST(test_client_that_never_reads),
        TEST(test_input_window),
        TEST(test_garbage),
        TEST(test_many_clients),
        TEST(test_orphan_holds_the_pipe),
        TEST(test_on_exit),
        TEST(test_restart),
        TEST(test_restart_stopped),
        TEST(test_restart_signals),
        TEST(test_inherit),
        TEST(test_both_floods),
        TEST(test_proxied_signal),
        TEST(test_output_closed),
        TEST(test_shim_lost),
        TEST(test_terminal),
        TEST(test_redraw),
        TEST(test_detach),
        TEST(test_terminal_restored),
        TEST(test_bad_detach_keys),
        TEST(test_init),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
