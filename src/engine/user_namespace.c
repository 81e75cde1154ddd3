// SPDX-License-Identifier: Apache-2.0
// A map of ids may be written by who has power over them, which for more than one's own id is newuidmap and
// newgidmap: they are executed by a child that stays outside, as the user that it is there.
#include "engine/user_namespace.h"

#include "base/arena.h"
#include "base/fd.h"
#include "kernel/id_helper.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_LIMIT (1 << 20)

// Ids

// "name:x:1000:…" of /etc/passwd, read as it stands: libc would load modules for it. A line may stand for the
// same user under another name.
static bool is_name_of(const char *passwd, const char *name, uid_t uid) {
    size_t n = strlen(name);
    for (const char *line = passwd; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        if (strncmp(line, name, n) || line[n] != ':') continue;
        const char *number = strchr(line + n + 1, ':');
        if (number && strtoul(number + 1, NULL, 10) == uid) return true;
    }
    // Of a directory service; newuidmap has the last word.
    return str_eq(name, getenv("USER"));
}

// Adds a line to the map for each range of /etc/subuid or /etc/subgid ("name:100000:65536") that is the
// user's.
static void add_ranges(const char *file, const char *passwd, struct str *map) {
    _cleanup_(str_finish) struct str text = {0};
    char own[16];
    uint32_t inside = 1;
    snprintf(own, sizeof own, "%u", geteuid());
    if (file_read_at(AT_FDCWD, file, FILE_LIMIT, &text) || !text.len) return;
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n"));) {
        uint32_t start, count;
        const char *name = strsep(&line, ":"), *first = strsep(&line, ":");
        if (!first || !line || parse_u32(first, &start) || parse_u32(line, &count) || !count) continue;
        if (!str_eq(name, own) && !is_name_of(passwd, name, geteuid())) continue;
        str_printf(map, "%u %u %u\n", inside, start, count);
        inside += count;
    }
}

struct maps {
    uid_t own_uid;
    gid_t own_gid;
    struct str uid, gid;
    bool many;
};

static void maps_finish(struct maps *maps) {
    str_finish(&maps->uid);
    str_finish(&maps->gid);
}

static void maps_make(struct maps *maps) {
    _cleanup_(str_finish) struct str passwd = {0};
    maps->own_uid = geteuid();
    maps->own_gid = getegid();
    (void)file_read_at(AT_FDCWD, "/etc/passwd", FILE_LIMIT, &passwd);
    str_printf(&maps->uid, "0 %u 1\n", maps->own_uid);
    str_printf(&maps->gid, "0 %u 1\n", maps->own_gid);
    size_t uid_length = maps->uid.len, gid_length = maps->gid.len;
    add_ranges("/etc/subuid", str_get(&passwd), &maps->uid);
    add_ranges("/etc/subgid", str_get(&passwd), &maps->gid);
    maps->many = maps->uid.len > uid_length && maps->gid.len > gid_length;
}

// In the child, which is outside. An exit status: an errno, and 128 for gids.
static int write_many(const struct maps *maps, pid_t pid) {
    int r = id_helper_run("newuidmap", pid, str_get(&maps->uid));
    if (r) return -r;
    r = id_helper_run("newgidmap", pid, str_get(&maps->gid));
    return r ? 128 - r : 0;
}

static int refused(const struct maps *maps, int status, struct err *err) {
    const char *letter = status & 128 ? "g" : "u";
    return err_set(err, ERR_UNAVAILABLE, 0,
                   "new%sidmap did not map the ids that /etc/sub%sid grants to user %u: is it setuid root, "
                   "with nothing in no_new_privs' way? (error %d)",
                   letter, letter, maps->own_uid, status & 127);
}

static int write_one(const struct maps *maps, struct err *err) {
    char map[40];
    snprintf(map, sizeof map, "0 %u 1\n", maps->own_uid);
    int r = file_write_at(AT_FDCWD, "/proc/self/uid_map", map);
    snprintf(map, sizeof map, "0 %u 1\n", maps->own_gid);
    if (!r) r = file_write_at(AT_FDCWD, "/proc/self/setgroups", "deny");
    if (!r) r = file_write_at(AT_FDCWD, "/proc/self/gid_map", map);
    return r ? err_set(err, ERR_SYSTEM, -r, "map user %u to root of a user namespace", maps->own_uid) : 0;
}

// The namespace

static int switched_off(int error, struct err *err) {
    _cleanup_(str_finish) struct str debian = {0};
    (void)file_read_at(AT_FDCWD, "/proc/sys/kernel/unprivileged_userns_clone", 16, &debian);
    const char *why = error == ENOSPC ? "none may be made: raise user.max_user_namespaces (sysctl)"
                      : error == EPERM && *str_get(&debian) == '0'
                          ? "they are switched off: set kernel.unprivileged_userns_clone=1 (sysctl)"
                      : error == EPERM ? "they are not allowed here: a chroot, or a policy, forbids them"
                                       : "this kernel has none";
    return err_set(err, ERR_UNAVAILABLE, error,
                   "hoy needs user namespaces to run as an ordinary user, and %s; or run it with sudo", why);
}

// Ubuntu lets everybody make a user namespace, and gives no power in it.
static int powerless(int error, struct err *err) {
    return err_set(err, ERR_UNAVAILABLE, error,
                   "hoy needs user namespaces to run as an ordinary user, and has no power in its own: set "
                   "kernel.apparmor_restrict_unprivileged_userns=0 (sysctl), or run it with sudo");
}

static int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

// The child waits for a byte: that the namespace is there.
static _Noreturn void be_mapper(const struct maps *maps, pid_t pid, const int ends[static 2]) {
    char byte;
    close(ends[1]);
    _exit(read(ends[0], &byte, 1) == 1 ? write_many(maps, pid) : EIO);
}

// The end that is read stays open here: a child that was killed is heard of by waiting for it, and not by a
// SIGPIPE.
static int make_mapped(const struct maps *maps, struct err *err) {
    int ends[2];
    pid_t self = getpid();
    if (pipe2(ends, O_CLOEXEC)) return err_set(err, ERR_SYSTEM, errno, "make a pipe");
    _cleanup_(fd_closep) int kept = ends[0];
    _cleanup_(fd_closep) int go = ends[1];
    pid_t mapper = fork();
    if (mapper < 0) return err_set(err, ERR_SYSTEM, errno, "make a process");
    if (mapper == 0) be_mapper(maps, self, ends);
    int error = unshare(CLONE_NEWUSER) ? errno : 0;
    if (!error && fd_write_all(go, "g", 1)) error = EIO;
    fd_closep(&go);
    int status = wait_for(mapper);
    if (error) return switched_off(error, err);
    if (status == ENOENT) return write_one(maps, err); // it is not installed
    return status ? refused(maps, status, err) : 0;
}

int user_namespace_make(struct err *err) {
    _cleanup_(maps_finish) struct maps maps = {0};
    maps_make(&maps);
    if (maps.many) {
        if (make_mapped(&maps, err)) return -1;
    } else {
        if (unshare(CLONE_NEWUSER)) return switched_off(errno, err);
        if (write_one(&maps, err)) return -1;
    }
    return unshare(CLONE_NEWNS) ? powerless(errno, err) : 0;
}
