// SPDX-License-Identifier: Apache-2.0
#include "shim/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>

static int set_raw(int fd, const struct termios *before) {
    struct termios raw = *before;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    return tcsetattr(fd, TCSANOW, &raw) ? -errno : 0;
}

int terminal_make_raw(struct terminal *terminal, int fd) {
    // Again, after somebody stopped us with a signal and a shell put its own mode on: the first one counts.
    if (terminal->fd < 0 && tcgetattr(fd, &terminal->before)) return -errno;
    int r = set_raw(fd, &terminal->before);
    if (!r) terminal->fd = fd;
    return r;
}

void terminal_restore(struct terminal *terminal) {
    sigset_t stop, old;
    if (terminal->fd < 0) return;
    // Also from the background, where setting a terminal stops whoever does it; and at once, since a terminal
    // whose output is held up (ctrl-S) would never be drained.
    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU);
    sigprocmask(SIG_BLOCK, &stop, &old);
    tcsetattr(terminal->fd, TCSANOW, &terminal->before);
    sigprocmask(SIG_SETMASK, &old, NULL);
    terminal->fd = -1;
}

bool terminal_size(int fd, struct shim_size *ret_size) {
    struct winsize window;
    if (ioctl(fd, TIOCGWINSZ, &window) || !window.ws_row || !window.ws_col) return false;
    *ret_size = (struct shim_size){.rows = window.ws_row, .columns = window.ws_col};
    return true;
}
