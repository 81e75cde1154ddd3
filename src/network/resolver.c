// SPDX-License-Identifier: Apache-2.0
// Reaching a network's resolver. Whoever connects holds the network's lock meanwhile, and a resolver that is
// about to end takes it, too (resolver/registrar.c has the whole of it): so a socket that takes a connection
// has somebody who will look at it, and a socket that refuses has nobody any more, and is made anew.
//
// A resolver that was killed has taken the sockets of its containers along. Their shims hear of that and
// execute hoy (shim/names.h), or a command comes first; whoever starts the next one registers them again:
// each names file of the network is a container's, whose run directory has what its resolver was told
// (names_keep), and whose process is the end of it.
#include "network/names.h"

#include "base/fd.h"
#include "base/id.h"
#include "kernel/process.h"
#include "network/helper.h"
#include "plan/plan.h"
#include "plan/resolver.h"
#include "runtime/program.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FOLDER      "networks"
#define SOCKET      "resolver.sock"
#define LOCK        "lock"
#define BACKLOG     4096
#define FIRST_FD    3 // as resolver/main.c has them: the socket, the directory, the lock
#define ANSWER_SIZE 16
#define ANSWER_S    3
#define ATTEMPTS    3

enum { LISTEN, DIRECTORY, LOCK_FILE, FD_COUNT = RESOLVER_START_FDS };

// A network's directory and the lock.
struct place {
    int folder; // of all networks
    int directory;
    int lock;
};

static void place_finish(struct place *place) {
    fd_closep(&place->folder);
    fd_closep(&place->directory);
    fd_closep(&place->lock);
}

// place: finished by the caller, whatever came of it.
static int place_open(int runroot, const char *network_id, struct place *place) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, FOLDER "/%s", network_id);
    int r = dir_make_all_at(runroot, path, 0755);
    if (r) return r;
    if ((place->folder = fd_open_at(runroot, FOLDER, O_RDONLY | O_DIRECTORY, 0)) < 0) return place->folder;
    if ((place->directory = fd_open_at(runroot, path, O_RDONLY | O_DIRECTORY, 0)) < 0)
        return place->directory;
    if ((place->lock = fd_open_at(place->directory, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW, 0600)) < 0)
        return place->lock;
    return fd_lock(place->lock, LOCK_EX);
}

static struct sockaddr_un socket_address(const struct place *place) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET, place->directory);
    return address;
}

// -ECONNREFUSED or -ENOENT when nobody serves.
static int place_connect(const struct place *place) {
    struct sockaddr_un address = socket_address(place);
    _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) return -errno;
    return take_fd(&fd);
}

// Starting

static int place_listen(const struct place *place) {
    struct sockaddr_un address = socket_address(place);
    if (unlinkat(place->directory, SOCKET, 0) && errno != ENOENT) return -errno;
    _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, BACKLOG)) return -errno;
    return take_fd(&fd);
}

void resolver_start_finish(struct resolver_start *start) {
    for (size_t i = 0; i < FD_COUNT; i++) fd_closep(&start->fds[i]);
}

bool resolver_is_to_run(const struct resolver_start *start) {
    return start->fds[LISTEN] >= 0;
}

int resolver_run(struct resolver_start *start, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *const argv[] = {"hoy-resolver", NULL};
    int fds[FIRST_FD + FD_COUNT] = {-1, -1, -1};
    if (!resolver_is_to_run(start)) return 0;
    const char *program = runtime_program_find("hoy-resolver", "resolver", &arena, err);
    if (!program) return -1;
    memcpy(fds + FIRST_FD, start->fds, sizeof start->fds);
    int r = helper_start(program, argv, fds, ARRAY_SIZE(fds));
    resolver_start_finish(start);
    return r ? err_set(err, ERR_SYSTEM, -r, "run %s", program) : 0;
}

// start: finished by the caller, whatever came of it. The lock is one of its own: it belongs to who opened
// the file.
static int place_prepare(const struct place *place, struct resolver_start *start, struct err *err) {
    start->fds[LISTEN] = place_listen(place);
    start->fds[DIRECTORY] = fd_open_at(place->folder, ".", O_RDONLY | O_DIRECTORY, 0);
    start->fds[LOCK_FILE] = fd_open_at(place->directory, LOCK, O_RDWR | O_NOFOLLOW, 0);
    for (size_t i = 0; i < FD_COUNT; i++)
        if (start->fds[i] < 0)
            return err_set(err, ERR_SYSTEM, -start->fds[i], "make the resolver's socket and its lock");
    return 0;
}

// Registering again

// until: -1, or what is to end for the resolver to serve it no more, in place of the process.
static int register_process(const struct plan_block *block, int connection, const char *text, int until) {
    char path[40];
    _cleanup_(fd_closep) int process = process_open(block->pid, block->start_time);
    if (process < 0) return process;
    snprintf(path, sizeof path, "/proc/%d/ns/net", block->pid);
    _cleanup_(fd_closep) int netns = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    return netns < 0 ? netns : resolver_register(connection, text, netns, until < 0 ? process : until);
}

static void register_again(int runroot, const struct place *place, const char *network_id, const char *id) {
    char path[PATH_MAX], at[ID_SIZE];
    _cleanup_(plan_unmapp) struct plan_block *block = NULL;
    _cleanup_(str_finish) struct str text = {0};
    if (names_kept(runroot, id, at, &text) || !str_eq(at, network_id)) return;
    snprintf(path, sizeof path, "containers/%s/plan", id);
    if (plan_map_at(runroot, path, &block)) return;
    _cleanup_(fd_closep) int connection = place_connect(place);
    if (connection >= 0) (void)register_process(block, connection, str_get(&text), -1);
}

// Best effort: a container that is just ending needs no names.
static void register_all_again(int runroot, const struct place *place, const char *network_id,
                               const struct strings *ids) {
    for (size_t i = 0; i < ids->count; i++) register_again(runroot, place, network_id, ids->items[i]);
}

// Whose names there are.
static void list_named(const struct place *place, struct arena *arena, struct strings *ret_ids) {
    _cleanup_(dir_closep) DIR *directory = NULL;
    if (dir_open_at(place->directory, ".", &directory)) return;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strlen(entry->d_name) == ID_SIZE - 1)
            strings_add(arena, ret_ids, arena_strdup(arena, entry->d_name));
}

// With the lock, and nobody who serves. Who is registered again does not fit into the socket's backlog
// without somebody who looks at it.
static int start_and_connect(int runroot, const struct place *place, const char *network_id,
                             struct resolver_start *start, bool later, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings named = {0};
    if (!runtime_program_find("hoy-resolver", "resolver", &arena, err) || place_prepare(place, start, err))
        return -1;
    list_named(place, &arena, &named);
    if ((!later || named.count > 1) && resolver_run(start, err)) return -1;
    int fd = place_connect(place);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "connect to it");
    register_all_again(runroot, place, network_id, &named);
    return fd;
}

int resolver_connect(int runroot, const char *network_id, struct resolver_start *later, int *ret_fd,
                     struct err *err) {
    _cleanup_(place_finish) struct place place = {-1, -1, -1};
    _cleanup_(resolver_start_finish) struct resolver_start start = RESOLVER_START_NONE;
    int r = place_open(runroot, network_id, &place);
    if (r) return err_set(err, ERR_SYSTEM, -r, "lock the resolver of network %.12s", network_id);
    int fd = place_connect(&place);
    if (fd == -ECONNREFUSED || fd == -ENOENT) {
        fd = start_and_connect(runroot, &place, network_id, &start, later, err);
        if (fd < 0) return err_wrap(err, "start the resolver of network %.12s", network_id);
    }
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "connect to the resolver of network %.12s", network_id);
    if (later) {
        *later = start;
        start = RESOLVER_START_NONE;
    }
    *ret_fd = fd;
    return 0;
}

static int serve_until(int runroot, const char *network_id, const char *container_id, const char *text,
                       int until, struct err *err) {
    char path[PATH_MAX];
    _cleanup_(plan_unmapp) struct plan_block *block = NULL;
    _cleanup_(fd_closep) int connection = -1;
    if (resolver_connect(runroot, network_id, NULL, &connection, err)) return -1;
    snprintf(path, sizeof path, "containers/%s/plan", container_id);
    int r = plan_map_at(runroot, path, &block);
    if (!r) r = register_process(block, connection, text, until);
    return r ? err_set(err, ERR_SYSTEM, -r, "join container %.12s to the resolver of network %.12s",
                       container_id, network_id)
             : 0;
}

int resolver_serve_process(int runroot, const char *network_id, const char *container_id, const char *text,
                           struct err *err) {
    return serve_until(runroot, network_id, container_id, text, -1, err);
}

// One message and its answer: 0 when that is "ok", -EAGAIN when there is none.
static int exchange(int connection, const struct str *message, const int *fds, size_t count) {
    static const struct timeval patience = {.tv_sec = ANSWER_S};
    char answer[ANSWER_SIZE];
    (void)setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int r = fd_send(connection, str_get(message), message->len, fds, count);
    ssize_t n = r ? 0 : recv(connection, answer, sizeof answer - 1, 0);
    if (r || n <= 0) return r ? r : n ? -errno : -ECONNRESET;
    answer[n] = '\0';
    return str_eq(answer, "ok") ? 0 : -ENOENT;
}

// Nobody finds the resolver that there is any more: one that hangs. It goes with those that it serves.
static void resolver_hide(int runroot, const char *network_id) {
    _cleanup_(place_finish) struct place place = {-1, -1, -1};
    if (!place_open(runroot, network_id, &place)) (void)unlinkat(place.directory, SOCKET, 0);
}

// With another resolver when the one that was connected has just been killed, or hangs. -ENOENT: it does not
// know the container; -1 for what err has.
static int ask(int runroot, const char *network_id, const struct str *message, const int *fds, size_t count,
               struct err *err) {
    int r = -ECONNRESET;
    for (int i = 0; i < ATTEMPTS && (r == -ECONNRESET || r == -EPIPE || r == -EAGAIN); i++) {
        _cleanup_(fd_closep) int connection = -1;
        if (r == -EAGAIN) resolver_hide(runroot, network_id);
        if (resolver_connect(runroot, network_id, NULL, &connection, err)) return -1;
        r = exchange(connection, message, fds, count);
    }
    return !r || r == -ENOENT
               ? r
               : err_set(err, ERR_SYSTEM, -r, "tell the resolver of network %.12s", network_id);
}

int resolver_update(int runroot, const char *network_id, const char *container_id, const char *text,
                    struct err *err) {
    _cleanup_(str_finish) struct str message = {0};
    str_printf(&message, "update %s\n%s", container_id, text);
    int r = ask(runroot, network_id, &message, NULL, 0, err);
    return r == -ENOENT
               ? err_set(err, ERR_NOT_FOUND, 0, "the resolver of network %.12s does not know container %.12s",
                         network_id, container_id)
               : r;
}

int resolver_hold(int runroot, const char *network_id, const char *container_id, const char *text, int until,
                  struct err *err) {
    _cleanup_(str_finish) struct str message = {0};
    str_printf(&message, "hold %s", container_id);
    int r = ask(runroot, network_id, &message, &until, 1, err);
    return r == -ENOENT ? serve_until(runroot, network_id, container_id, text, until, err) : r;
}

bool resolver_is_there(int runroot, const char *network_id) {
    _cleanup_(place_finish) struct place place = {-1, -1, -1};
    if (place_open(runroot, network_id, &place)) return false;
    _cleanup_(fd_closep) int connection = place_connect(&place);
    return connection >= 0;
}

void resolver_forget(int runroot, const char *network_id, const char *container_id) {
    _cleanup_(place_finish) struct place place = {-1, -1, -1};
    _cleanup_(str_finish) struct str message = {0};
    if (place_open(runroot, network_id, &place)) return;
    _cleanup_(fd_closep) int connection = place_connect(&place);
    if (connection < 0) return; // there is none: nothing is to be forgotten
    str_printf(&message, "forget %s", container_id);
    (void)exchange(connection, &message, NULL, 0);
}
