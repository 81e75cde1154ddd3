// SPDX-License-Identifier: Apache-2.0
// The client against the shim program, as a process with streams or a terminal of its own.
#include "shim/rig.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <cmocka.h>

#define MB (1 << 20)

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
    rig_run(&rig, (struct rig_options){.script = "cat", .keep_stdin = true, .is_exec = true});
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
    rig_run(&rig,
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
    rig_run(&rig, (struct rig_options){.script = "exec yes"});
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
    rig_run(&rig, (struct rig_options){.script = "echo $$; exec sleep 1000"});
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
    rig_run(&rig, (struct rig_options){
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
    rig_run(&rig, (struct rig_options){.stdio = PLAN_STDIO_TERMINAL,
                                       .keep_stdin = true,
                                       .script = "trap 'echo drawn' WINCH; stty rows 33 cols 99; echo up; "
                                                 "while :; do sleep 0.01; done"});
    frame_await(rig.client, "up");
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
    rig_run(&rig, options);
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
        rig_run(&rig, options);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_both_floods), TEST(test_proxied_signal),    TEST(test_output_closed),
        TEST(test_shim_lost),   TEST(test_terminal),          TEST(test_redraw),
        TEST(test_detach),      TEST(test_terminal_restored), TEST(test_bad_detach_keys),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
