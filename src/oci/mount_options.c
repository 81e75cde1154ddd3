// SPDX-License-Identifier: Apache-2.0
// Mount options: the words of mount(8) and of the runtime specification, as one table. A word sets or clears
// flags of one mount, or (the r-words) attributes of all mounts below it too. Later words win. What is not in
// the table belongs to the file system.
#include "oci/spec.h"

#include <linux/mount.h>
#include <string.h>

// Of sys/mount.h, which can't be included beside linux/mount.h.
enum { RECURSIVE_READONLY = 1, COPY_UP = 4 };

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

struct option {
    const char *word;
    uint64_t set, clear;           // MS_*
    uint64_t attr_set, attr_clear; // MOUNT_ATTR_*, recursive
    uint64_t propagation;
    uint32_t plan_options;
};

// Each of the ways to keep access times excludes the others.
#define ATIMES (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

#define ONE(word, set, clear) \
    { word, set, clear, 0, 0, 0, 0 }
#define ALL(word, set, clear, attr_set, attr_clear) \
    { word, set, clear, attr_set, attr_clear, 0, 0 }
#define ALL_ATIME(word, set, attr) \
    { word, set, ATIMES, attr, MOUNT_ATTR__ATIME, 0, 0 }
#define PROPAGATE(word, flags) \
    { word, 0, 0, 0, 0, flags, 0 }

static const struct option options[] = {
    ONE("defaults", 0, 0),
    ONE("async", 0, MS_SYNCHRONOUS),
    ONE("sync", MS_SYNCHRONOUS, 0),
    ONE("atime", 0, MS_NOATIME),
    ONE("noatime", MS_NOATIME, ATIMES),
    ONE("bind", MS_BIND, 0),
    ONE("rbind", MS_BIND | MS_REC, 0),
    ONE("dev", 0, MS_NODEV),
    ONE("nodev", MS_NODEV, 0),
    ONE("diratime", 0, MS_NODIRATIME),
    ONE("nodiratime", MS_NODIRATIME, 0),
    ONE("dirsync", MS_DIRSYNC, 0),
    ONE("exec", 0, MS_NOEXEC),
    ONE("noexec", MS_NOEXEC, 0),
    ONE("iversion", MS_I_VERSION, 0),
    ONE("noiversion", 0, MS_I_VERSION),
    ONE("lazytime", MS_LAZYTIME, 0),
    ONE("nolazytime", 0, MS_LAZYTIME),
    ONE("silent", MS_SILENT, 0),
    ONE("loud", 0, MS_SILENT),
    ONE("mand", MS_MANDLOCK, 0),
    ONE("nomand", 0, MS_MANDLOCK),
    ONE("relatime", MS_RELATIME, ATIMES),
    ONE("norelatime", 0, MS_RELATIME),
    ONE("strictatime", MS_STRICTATIME, ATIMES),
    ONE("nostrictatime", 0, MS_STRICTATIME),
    ONE("remount", MS_REMOUNT, 0),
    ONE("ro", MS_RDONLY, 0),
    ONE("rw", 0, MS_RDONLY),
    ONE("suid", 0, MS_NOSUID),
    ONE("nosuid", MS_NOSUID, 0),
    ONE("symfollow", 0, MS_NOSYMFOLLOW),
    ONE("nosymfollow", MS_NOSYMFOLLOW, 0),

    {"rro", MS_RDONLY, 0, MOUNT_ATTR_RDONLY, 0, 0, RECURSIVE_READONLY},
    ALL("rrw", 0, MS_RDONLY, 0, MOUNT_ATTR_RDONLY),
    ALL("rsuid", 0, MS_NOSUID, 0, MOUNT_ATTR_NOSUID),
    ALL("rnosuid", MS_NOSUID, 0, MOUNT_ATTR_NOSUID, 0),
    ALL("rdev", 0, MS_NODEV, 0, MOUNT_ATTR_NODEV),
    ALL("rnodev", MS_NODEV, 0, MOUNT_ATTR_NODEV, 0),
    ALL("rexec", 0, MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC),
    ALL("rnoexec", MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC, 0),
    ALL("rdiratime", 0, MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME),
    ALL("rnodiratime", MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME, 0),
    ALL("rsymfollow", 0, MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW),
    ALL("rnosymfollow", MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW, 0),
    ALL_ATIME("ratime", MS_RELATIME, MOUNT_ATTR_RELATIME),
    ALL_ATIME("rnoatime", MS_NOATIME, MOUNT_ATTR_NOATIME),
    ALL_ATIME("rrelatime", MS_RELATIME, MOUNT_ATTR_RELATIME),
    ALL_ATIME("rnorelatime", MS_STRICTATIME, MOUNT_ATTR_STRICTATIME),
    ALL_ATIME("rstrictatime", MS_STRICTATIME, MOUNT_ATTR_STRICTATIME),
    ALL_ATIME("rnostrictatime", MS_RELATIME, MOUNT_ATTR_RELATIME),

    PROPAGATE("private", MS_PRIVATE),
    PROPAGATE("rprivate", MS_PRIVATE | MS_REC),
    PROPAGATE("shared", MS_SHARED),
    PROPAGATE("rshared", MS_SHARED | MS_REC),
    PROPAGATE("slave", MS_SLAVE),
    PROPAGATE("rslave", MS_SLAVE | MS_REC),
    PROPAGATE("unbindable", MS_UNBINDABLE),
    PROPAGATE("runbindable", MS_UNBINDABLE | MS_REC),

    {"tmpcopyup", 0, 0, 0, 0, 0, COPY_UP},
};

static const struct option *option_find(const char *word) {
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        if (strcmp(options[i].word, word) == 0) return &options[i];
    }
    return NULL;
}

static void option_apply(const struct option *option, struct mount_options *m) {
    m->flags = (m->flags & ~option->clear) | option->set;
    m->attr_set = (m->attr_set & ~option->attr_clear) | option->attr_set;
    m->attr_clear = (m->attr_clear & ~option->attr_set) | option->attr_clear;
    m->plan_options |= option->plan_options;
    if (option->attr_clear & MOUNT_ATTR_RDONLY) m->plan_options &= ~(uint32_t)RECURSIVE_READONLY;
    if (option->propagation) m->propagation = option->propagation;
}

void mount_options_parse(struct arena *arena, const struct strings *words,
                         struct mount_options *ret_options) {
    struct mount_options m = {0};
    _cleanup_(str_finish) struct str data = {0};
    for (size_t i = 0; i < words->count; i++) {
        const struct option *option = option_find(words->items[i]);
        if (option) {
            option_apply(option, &m);
        } else if (*words->items[i]) {
            if (data.len) str_add_char(&data, ',');
            str_add(&data, words->items[i]);
        }
    }
    m.data = data.len ? arena_strdup(arena, data.data) : NULL;
    *ret_options = m;
}
