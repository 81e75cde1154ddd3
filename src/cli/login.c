// SPDX-License-Identifier: Apache-2.0
// login and logout. Neither needs root: the file is the caller's own.
#include "image/login.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"
#include "registry/credentials.h"
#include "registry/reference.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#define HUB          "docker.io"
#define LINE_MAX_    4096
#define PASSWORD_MAX (64u << 10) // tokens are long

struct login_flags {
    const char *username, *password;
    bool password_stdin;
};

#define AT(member) offsetof(struct login_flags, member)

static const struct option login_rows[] = {
    {"password", 'p', "string", "Password or Personal Access Token (PAT)", store_string, AT(password)},
    {"password-stdin", 0, NULL, "Take the Password or Personal Access Token (PAT) from stdin", store_flag,
     AT(password_stdin)},
    {"username", 'u', "string", "Username", store_string, AT(username)},
};
const struct option_table login_options_table = OPTIONS(login_rows, struct login_flags);

// The server as a reference's domain: "https://index.docker.io/v1/" is docker.io, and so is none.
static int server_domain(struct invocation *invocation, const char **ret_domain, struct err *err) {
    struct arena *arena = &invocation->arena;
    const char *given = invocation->arguments.count ? invocation->arguments.items[0] : HUB;
    const char *host = str_after(given, "https://");
    if (!host) host = str_after(given, "http://");
    if (!host) host = given;
    host = arena_strndup(arena, host, strcspn(host, "/"));
    if (!strcmp(host, "index." HUB) || !strcmp(host, "registry-1." HUB)) host = HUB;
    struct reference reference;
    if (reference_parse(arena, arena_printf(arena, "%s/name", host), &reference, err) ||
        !str_eq(reference.domain, host))
        return err_set(err, ERR_INVALID, 0, "\"%.200s\" is no registry: it is written HOST[:PORT]", given);
    *ret_domain = host;
    return 0;
}

// Asking at the terminal

// The next line, or -1: a signal came, and the terminal is as it was when it takes effect.
static int line_wait(struct err *err) {
    sigset_t ending, before;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT), sigaddset(&ending, SIGTERM), sigaddset(&ending, SIGHUP);
    sigprocmask(SIG_BLOCK, &ending, &before);
    _cleanup_(fd_closep) int signals = signalfd(-1, &ending, SFD_CLOEXEC);
    struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {signals, POLLIN, 0}};
    int r;
    do r = poll(fds, ARRAY_SIZE(fds), -1);
    while (r < 0 && errno == EINTR);
    return fds[1].revents || r < 0 ? err_set(err, ERR_UNAVAILABLE, EINTR, "interrupted")
                                   : sigprocmask(SIG_SETMASK, &before, NULL);
}

static int prompt(struct arena *arena, const char *words, bool echo, const char **ret_line, struct err *err) {
    char line[LINE_MAX_];
    struct termios before, quiet;
    fputs(words, stdout);
    fflush(stdout);
    if (tcgetattr(STDIN_FILENO, &before)) return err_set(err, ERR_SYSTEM, errno, "can't ask at the terminal");
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    if (!echo) tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    int r = line_wait(err);
    ssize_t n = r ? 0 : read(STDIN_FILENO, line, sizeof line - 1);
    if (!echo) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
        puts("");
        fflush(stdout);
    }
    if (r) {
        sigset_t all; // what came while we waited ends us now
        sigfillset(&all);
        sigprocmask(SIG_UNBLOCK, &all, NULL);
        return -1;
    }
    line[n < 0 ? 0 : n] = 0;
    line[strcspn(line, "\r\n")] = 0;
    *ret_line = arena_strdup(arena, line);
    explicit_bzero(line, sizeof line);
    return 0;
}

static int ask_username(struct arena *arena, const char *domain, const char *known, const char **ret,
                        struct err *err) {
    if (str_eq(domain, HUB) && !known)
        puts("Login with your Docker ID to push and pull images from Docker Hub. If you don't have a Docker "
             "ID, head over to https://hub.docker.com to create one.");
    const char *words = known ? arena_printf(arena, "Username (%s): ", known) : "Username: ";
    if (prompt(arena, words, true, ret, err)) return -1;
    if (str_empty(*ret)) *ret = known;
    return str_empty(*ret) ? err_set(err, ERR_INVALID, 0, "Non-null Username Required") : 0;
}

static int password_read(struct arena *arena, const char **ret, struct err *err) {
    char *text = arena_alloc(arena, PASSWORD_MAX + 2);
    ssize_t n = fd_read_full(STDIN_FILENO, text, PASSWORD_MAX + 1);
    if (n < 0) return err_set(err, ERR_SYSTEM, (int)-n, "can't read the password from stdin");
    if (n > (ssize_t)PASSWORD_MAX) return err_set(err, ERR_INVALID, 0, "the password on stdin is too long");
    text[n] = 0;
    if (n && text[n - 1] == '\n') text[--n] = 0;
    if (n && text[n - 1] == '\r') text[--n] = 0;
    *ret = text;
    return 0;
}

// login

static int flags_check(const struct login_flags *flags, struct err *err) {
    if (flags->password) {
        fprintf(stderr, "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
        if (flags->password_stdin)
            return err_set(err, ERR_INVALID, 0, "--password and --password-stdin are mutually exclusive");
    }
    if (flags->password_stdin && str_empty(flags->username))
        return err_set(err, ERR_INVALID, 0, "Must provide --username with --password-stdin");
    return 0;
}

// From the flags, and from the terminal what they lack.
static int credentials_ask(struct arena *arena, const struct login_flags *flags, const char *domain,
                           const char *known, struct credentials *ret, struct err *err) {
    struct credentials c = {.username = flags->username, .password = flags->password};
    if (flags->password_stdin && password_read(arena, &c.password, err)) return -1;
    bool ask = str_empty(c.username) || str_empty(c.password);
    if (ask && !flags->password_stdin && !isatty(STDIN_FILENO))
        return err_set(err, ERR_INVALID, 0, "Cannot perform an interactive login from a non TTY device");
    if (str_empty(c.username) && ask_username(arena, domain, known, &c.username, err)) return -1;
    if (str_empty(c.password) && !flags->password_stdin &&
        prompt(arena, "Password: ", false, &c.password, err))
        return -1;
    if (str_empty(c.password)) return err_set(err, ERR_INVALID, 0, "Password Required");
    *ret = c;
    return 0;
}

static void tell_stored(const char *file) {
    if (!file) return;
    printf("WARNING! Your password will be stored unencrypted in %s.\n"
           "Configure a credential helper to remove this warning. See\n"
           "https://docs.docker.com/engine/reference/commandline/login/#credentials-store\n\n",
           file);
}

static int login_with(struct arena *arena, const char *domain, const struct credentials *c, struct err *err) {
    struct credentials kept;
    const char *file;
    if (image_login(arena, domain, c, &kept, err)) return -1;
    if (credentials_store(arena, domain, &kept, &file, err)) return -1;
    tell_stored(kept.identity_token ? NULL : file);
    puts("Login Succeeded");
    return 0;
}

int run_login(struct invocation *invocation, struct err *err) {
    const struct login_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct credentials stored = {0}, asked, kept;
    const char *domain;
    if (flags_check(flags, err) || server_domain(invocation, &domain, err)) return -1;
    if (credentials_load(arena, domain, &stored, err)) return -1;
    if (!flags->username && !flags->password && !flags->password_stdin && stored.username) {
        puts("Authenticating with existing credentials...");
        fflush(stdout);
        if (image_login(arena, domain, &stored, &kept, err) == 0) return puts("Login Succeeded"), 0;
        if (err->kind != ERR_UNAUTHORIZED) return -1;
        printf("Login did not succeed, error: %s\n", err->text);
    }
    if (credentials_ask(arena, flags, domain, stored.username, &asked, err)) return -1;
    return login_with(arena, domain, &asked, err);
}

// logout

int run_logout(struct invocation *invocation, struct err *err) {
    const char *domain;
    if (server_domain(invocation, &domain, err)) return -1;
    printf("Removing login credentials for %s\n", credentials_server(domain));
    fflush(stdout);
    return credentials_erase(&invocation->arena, domain, err) < 0 ? -1 : 0;
}
