// SPDX-License-Identifier: Apache-2.0
// Paths below the container's own mounts. The root file system may be shared with somebody who exchanges its
// directories all the time, and a mount goes where its directory goes: after /proc is mounted "/proc" may be
// an empty directory, what is to be masked not there, and the procfs at another place with nothing masked
// (CVE-2019-19921 and its kin). So what belongs into a procfs, a sysfs, or a new /dev is reached from that
// mount.
#include "base/arena.h"
#include "base/fd.h"
#include "kernel/path.h"
#include "plan/run.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

// What is left of path behind target, or NULL when it does not begin with it. Only what needs no look at the
// file system: a path with ".." is never below anything.
static const char *rest_of(const char *path, const char *target) {
    if (strstr(path, "..")) return NULL;
    for (;;) {
        path += strspn(path, "/");
        target += strspn(target, "/");
        size_t n = strcspn(target, "/");
        if (!n) return path;
        if (strcspn(path, "/") != n || memcmp(path, target, n)) return NULL;
        path += n;
        target += n;
    }
}

// The last one counts: it may cover those before.
static int find(const struct plan_run *run, const char **path) {
    for (size_t i = run->place_count; i-- > 0;) {
        const char *rest = rest_of(*path, run->places[i].target);
        if (!rest) continue;
        if (run->places[i].mount < 0) break;
        *path = *rest ? rest : ".";
        return run->places[i].mount;
    }
    return run->root;
}

int plan_open_in(struct plan_run *run, const char *path, int flags) {
    int base = find(run, &path);
    return path_open_in(base, path, flags);
}

int plan_make_in(struct plan_run *run, const char *path, bool file) {
    int base = find(run, &path);
    return path_make_in(base, path, file);
}

int plan_make_in_nofollow(struct plan_run *run, const char *path, bool file) {
    int base = find(run, &path);
    return path_make_in_nofollow(base, path, file);
}

int plan_parent_in(struct plan_run *run, const char *path, const char **ret_name) {
    int base = find(run, &path);
    return path_parent_in(base, path, ret_name);
}

static bool is_kernel_made(int mount) {
    struct statfs fs;
    return !fstatfs(mount, &fs) &&
           ((uint32_t)fs.f_type == PROC_SUPER_MAGIC || (uint32_t)fs.f_type == SYSFS_MAGIC);
}

void plan_replace_root(struct plan_run *run, int *mount) {
    fd_closep(&run->root);
    run->root = take_fd(mount);
    while (run->place_count) fd_closep(&run->places[--run->place_count].mount);
}

// One of somebody else's content has links of his, which are the root's: below it a path is the root's again.
void plan_place_add(struct plan_run *run, const char *target, int mount, bool fresh) {
    int fd = fresh || is_kernel_made(mount) ? fcntl(mount, F_DUPFD_CLOEXEC, 0) : -1;
    run->places = xrealloc(run->places, (run->place_count + 1) * sizeof *run->places);
    run->places[run->place_count++] = (struct plan_place){target, fd};
}
