// SPDX-License-Identifier: Apache-2.0
// Can this kernel mount an EROFS image that is a file, with a file as its device, from this storage, and lay
// an overlay over it? Nothing but trying tells: it depends on the kernel's version and configuration, on the
// file system below, and on what that is stacked on. So it is tried once, with an image of two KiB, by a
// child in a mount namespace of its own: the mounts end with it, whatever happens.
//
// The answer is kept in <root>/driver with the kernel's release, and asked again when that changes.
#include "base/fd.h"
#include "image/image.h"
#include "image/probe.h"
#include "image/staging.h"
#include "kernel/erofs.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

// In the child, standing in the probe's directory. 0 or -errno.
static int try_mounts(void) {
    static const char *const device = "device";
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) return -errno;
    int r = erofs_mount("index", &device, 1, "lower");
    if (r) return r;
    if (mount("overlay", "root", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work")) return -errno;
    _cleanup_(str_finish) struct str text = {0};
    r = file_read_at(AT_FDCWD, "root/" PROBE_FILE, 64, &text);
    return r ? r : str_eq(str_get(&text), PROBE_TEXT) ? 0 : -EIO;
}

static int make_probe(int dir) {
    static const char *const folders[] = {"lower", "upper", "work", "root"};
    char device[512] = PROBE_TEXT;
    int r = file_replace_at(dir, "index", probe_image, PROBE_SIZE, 0600, false);
    if (!r) r = file_replace_at(dir, "device", device, sizeof device, 0600, false);
    for (size_t i = 0; !r && i < ARRAY_SIZE(folders); i++) r = dir_make_all_at(dir, folders[i], 0700);
    return r;
}

// What the machine lacks now says nothing of what it can.
static bool passes(int error) {
    static const int lacks[] = {ENOMEM, EMFILE, ENFILE, EAGAIN, ENOSPC, EDQUOT, EINTR};
    for (size_t i = 0; i < ARRAY_SIZE(lacks); i++)
        if (error == lacks[i]) return true;
    return false;
}

// *ret_result: 0, it works, or -errno, it does not.
static int run_probe(int dir, int *ret_result) {
    int r = make_probe(dir), status;
    if (r) return r;
    pid_t pid = fork();
    if (pid == 0) _exit(fchdir(dir) ? errno : -try_mounts());
    if (pid < 0) return -errno;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    r = WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
    if (passes(-r)) return r;
    *ret_result = r;
    return 0;
}

static int probe(struct store *store, int *ret_result, struct err *err) {
    _cleanup_(staging_remove) struct staging staging = {.tmp = -1, .fd = -1};
    if (staging_make(store, &staging, err)) return -1;
    int r = run_probe(staging.fd, ret_result);
    return r ? err_set(err, ERR_SYSTEM, -r, "try the storage driver \"erofs\" in %s", store->root) : 0;
}

// "erofs 6.18.0\n": the answer and the kernel that gave it.
static const char *read_answer(const struct store *store, const char *release) {
    _cleanup_(str_finish) struct str text = {0};
    if (file_read_at(store->root_fd, "driver", 256, &text)) return NULL;
    static const char *const drivers[] = {"erofs", "dir"};
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        char line[256];
        snprintf(line, sizeof line, "%s %s\n", drivers[i], release);
        if (str_eq(line, str_get(&text))) return drivers[i];
    }
    return NULL;
}

int image_driver_choose(struct store *store, const char *forced, struct err *err) {
    bool erofs = str_eq(forced, "erofs");
    if (str_eq(forced, "dir")) {
        store->driver = "dir";
        return 0;
    }
    if (forced && !erofs)
        return err_set(err, ERR_INVALID, 0,
                       "unknown storage driver \"%.60s\": there are \"erofs\" and \"dir\"", forced);
    struct utsname system;
    uname(&system);
    const char *known = read_answer(store, system.release);
    if (known && (!erofs || str_eq(known, forced))) {
        store->driver = known;
        return 0;
    }
    int result = 0;
    if (probe(store, &result, err)) return -1;
    if (erofs && result)
        return err_set(err, ERR_SYSTEM, -result,
                       "the storage driver \"erofs\" does not work in %s on this kernel (%s); leave out "
                       "--storage-driver or use \"dir\"",
                       store->root, system.release);
    store->driver = result ? "dir" : "erofs";
    char line[256];
    int n = snprintf(line, sizeof line, "%s %s\n", store->driver, system.release);
    int r = file_replace_at(store->root_fd, "driver", line, (size_t)n, 0600, false);
    return r ? err_set(err, ERR_SYSTEM, -r, "write %s/driver", store->root) : 0;
}
