// SPDX-License-Identifier: Apache-2.0
#include "image/partial.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "registry/channel.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DIRECTORY  "partial"
#define KEPT_MIN   (1 << 20) // less than that comes again in no time
#define FREE_MIN   (256u << 20)
#define AGE_MAX_S  (7 * 24 * 3600)
#define TOTAL_MAX  ((int64_t)8 << 30)
#define NAME_SIZE_ (ID_SIZE + sizeof STAGED_PART)
#define KEPT_SIZE  (sizeof DIRECTORY + ID_SIZE + 1)

static bool is_file(int dir, const char *name, struct stat *st) {
    return fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode);
}

// The hex of "<hex>.part"; false for every other name.
static bool name_read(const char *name, char hex[static ID_SIZE]) {
    char digest[DIGEST_SIZE];
    if (!str_has_suffix(name, STAGED_PART) || strlen(name) != ID_SIZE - 1 + strlen(STAGED_PART)) return false;
    snprintf(hex, ID_SIZE, "%.*s", ID_SIZE - 1, name);
    snprintf(digest, sizeof digest, DIGEST_PREFIX "%s", hex);
    return digest_valid(digest);
}

// Of a blob in the directory of those that are kept.
static const char *kept_name(const char *hex, char name[static KEPT_SIZE]) {
    snprintf(name, KEPT_SIZE, DIRECTORY "/%s", hex);
    return name;
}

// Of two the longer one stays. What was about to go into the store (commit.c) is no worker's any more: none
// could go on with it.
static void keep_one(int tmp, int staging, const char *name, const char *hex) {
    char to[KEPT_SIZE];
    struct stat st, before;
    if (!is_file(staging, name, &st) || st.st_size < KEPT_MIN || !(st.st_mode & S_IWUSR)) return;
    kept_name(hex, to);
    if (is_file(tmp, to, &before) && before.st_size >= st.st_size) return;
    if (mkdirat(tmp, DIRECTORY, 0700) == 0 || faccessat(tmp, DIRECTORY, F_OK, 0) == 0)
        renameat(staging, name, tmp, to);
}

void partial_keep(int tmp, int staging) {
    struct statvfs disk;
    // A pull that ended because the disk was full leaves nothing there.
    if (fstatvfs(tmp, &disk) || (uint64_t)disk.f_bavail * disk.f_frsize < FREE_MIN) return;
    _cleanup_(dir_closep) DIR *dir = NULL;
    char hex[ID_SIZE];
    if (dir_open_at(staging, ".", &dir)) return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (name_read(entry->d_name, hex)) keep_one(tmp, staging, entry->d_name, hex);
}

bool partial_have(const struct staging *staging, const char *digest) {
    char name[KEPT_SIZE];
    return !faccessat(staging->tmp, kept_name(digest_hex(digest), name), F_OK, AT_SYMLINK_NOFOLLOW);
}

void partial_give(const struct staging *staging, const char *digest) {
    char from[KEPT_SIZE], to[NAME_SIZE_];
    kept_name(digest_hex(digest), from);
    snprintf(to, sizeof to, "%s" STAGED_PART, digest_hex(digest));
    if (renameat(staging->tmp, from, staging->fd, to) == 0) unlinkat(staging->tmp, DIRECTORY, AT_REMOVEDIR);
}

// One round: what is too old goes; the sum of the rest, and the oldest of them.
static int64_t sweep_old(DIR *dir, int64_t now_s, char oldest[static NAME_SIZE_]) {
    int64_t total = 0, oldest_s = INT64_MAX;
    rewinddir(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        if (!is_file(dirfd(dir), entry->d_name, &st)) continue;
        if (st.st_mtime < now_s - AGE_MAX_S || st.st_mtime > now_s + AGE_MAX_S) {
            unlinkat(dirfd(dir), entry->d_name, 0);
            continue;
        }
        total += st.st_size;
        if (st.st_mtime >= oldest_s) continue;
        oldest_s = st.st_mtime;
        snprintf(oldest, NAME_SIZE_, "%s", entry->d_name);
    }
    return total;
}

void partial_sweep(int tmp) {
    char oldest[NAME_SIZE_];
    _cleanup_(dir_closep) DIR *dir = NULL;
    if (dir_open_at(tmp, DIRECTORY, &dir)) return;
    while (sweep_old(dir, clock_wall_ns() / 1000000000, oldest) > TOTAL_MAX)
        if (unlinkat(dirfd(dir), oldest, 0)) break;
    unlinkat(tmp, DIRECTORY, AT_REMOVEDIR); // when it is empty
}
