// SPDX-License-Identifier: Apache-2.0
// Mount options: the words of mount(8) and of the runtime specification, as one table. A word sets or clears
// flags of one mount, or (the r-words) attributes of all mounts below it too. Later words win. What is not in
// the table belongs to the file system.
#include "oci/spec.h"
#include "oci/words.h"

#include <linux/mount.h>
#include <string.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

// Each of the ways to keep access times excludes the others.
#define ATIMES (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

// X(word, flags to set, flags to clear, recursive attributes to set, to clear, propagation, MOUNT_OPTION_*)
#define ONE(X, word, set, clear)                       X(word, set, clear, 0, 0, 0, 0)
#define ALL(X, word, set, clear, attr_set, attr_clear) X(word, set, clear, attr_set, attr_clear, 0, 0)
#define ATIME(X, word, set, attr)                      X(word, set, ATIMES, attr, MOUNT_ATTR__ATIME, 0, 0)
#define SHARE(X, word, flags)                          X(word, 0, 0, 0, 0, flags, 0)
#define PLAN(X, word, bits)                            X(word, 0, 0, 0, 0, 0, bits)

// clang-format off
#define OPTIONS(X)                                                                            \
    ONE(X, "defaults", 0, 0)                                                                  \
    ONE(X, "async", 0, MS_SYNCHRONOUS)                                                        \
    ONE(X, "sync", MS_SYNCHRONOUS, 0)                                                         \
    ONE(X, "atime", 0, MS_NOATIME)                                                            \
    ONE(X, "noatime", MS_NOATIME, ATIMES)                                                     \
    ONE(X, "bind", MS_BIND, 0)                                                                \
    ONE(X, "rbind", MS_BIND | MS_REC, 0)                                                      \
    ONE(X, "dev", 0, MS_NODEV)                                                                \
    ONE(X, "nodev", MS_NODEV, 0)                                                              \
    ONE(X, "diratime", 0, MS_NODIRATIME)                                                      \
    ONE(X, "nodiratime", MS_NODIRATIME, 0)                                                    \
    ONE(X, "dirsync", MS_DIRSYNC, 0)                                                          \
    ONE(X, "exec", 0, MS_NOEXEC)                                                              \
    ONE(X, "noexec", MS_NOEXEC, 0)                                                            \
    ONE(X, "iversion", MS_I_VERSION, 0)                                                       \
    ONE(X, "noiversion", 0, MS_I_VERSION)                                                     \
    ONE(X, "lazytime", MS_LAZYTIME, 0)                                                        \
    ONE(X, "nolazytime", 0, MS_LAZYTIME)                                                      \
    ONE(X, "silent", MS_SILENT, 0)                                                            \
    ONE(X, "loud", 0, MS_SILENT)                                                              \
    ONE(X, "mand", MS_MANDLOCK, 0)                                                            \
    ONE(X, "nomand", 0, MS_MANDLOCK)                                                          \
    ONE(X, "relatime", MS_RELATIME, ATIMES)                                                   \
    ONE(X, "norelatime", 0, MS_RELATIME)                                                      \
    ONE(X, "strictatime", MS_STRICTATIME, ATIMES)                                             \
    ONE(X, "nostrictatime", 0, MS_STRICTATIME)                                                \
    ONE(X, "remount", MS_REMOUNT, 0)                                                          \
    ONE(X, "ro", MS_RDONLY, 0)                                                                \
    ONE(X, "rw", 0, MS_RDONLY)                                                                \
    ONE(X, "suid", 0, MS_NOSUID)                                                              \
    ONE(X, "nosuid", MS_NOSUID, 0)                                                            \
    ONE(X, "symfollow", 0, MS_NOSYMFOLLOW)                                                    \
    ONE(X, "nosymfollow", MS_NOSYMFOLLOW, 0)                                                  \
    X("rro", MS_RDONLY, 0, MOUNT_ATTR_RDONLY, 0, 0, MOUNT_OPTION_RECURSIVE_READONLY)          \
    ALL(X, "rrw", 0, MS_RDONLY, 0, MOUNT_ATTR_RDONLY)                                         \
    ALL(X, "rsuid", 0, MS_NOSUID, 0, MOUNT_ATTR_NOSUID)                                       \
    ALL(X, "rnosuid", MS_NOSUID, 0, MOUNT_ATTR_NOSUID, 0)                                     \
    ALL(X, "rdev", 0, MS_NODEV, 0, MOUNT_ATTR_NODEV)                                          \
    ALL(X, "rnodev", MS_NODEV, 0, MOUNT_ATTR_NODEV, 0)                                        \
    ALL(X, "rexec", 0, MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC)                                       \
    ALL(X, "rnoexec", MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC, 0)                                     \
    ALL(X, "rdiratime", 0, MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME)                           \
    ALL(X, "rnodiratime", MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME, 0)                         \
    ALL(X, "rsymfollow", 0, MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW)                        \
    ALL(X, "rnosymfollow", MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW, 0)                      \
    ATIME(X, "ratime", MS_RELATIME, MOUNT_ATTR_RELATIME)                                      \
    ATIME(X, "rnoatime", MS_NOATIME, MOUNT_ATTR_NOATIME)                                      \
    ATIME(X, "rrelatime", MS_RELATIME, MOUNT_ATTR_RELATIME)                                   \
    ATIME(X, "rnorelatime", MS_STRICTATIME, MOUNT_ATTR_STRICTATIME)                           \
    ATIME(X, "rstrictatime", MS_STRICTATIME, MOUNT_ATTR_STRICTATIME)                          \
    ATIME(X, "rnostrictatime", MS_RELATIME, MOUNT_ATTR_RELATIME)                              \
    SHARE(X, "private", MS_PRIVATE)                                                           \
    SHARE(X, "rprivate", MS_PRIVATE | MS_REC)                                                 \
    SHARE(X, "shared", MS_SHARED)                                                             \
    SHARE(X, "rshared", MS_SHARED | MS_REC)                                                   \
    SHARE(X, "slave", MS_SLAVE)                                                               \
    SHARE(X, "rslave", MS_SLAVE | MS_REC)                                                     \
    SHARE(X, "unbindable", MS_UNBINDABLE)                                                     \
    SHARE(X, "runbindable", MS_UNBINDABLE | MS_REC)                                           \
    PLAN(X, "tmpcopyup", MOUNT_OPTION_COPY_UP)                                                \
    PLAN(X, "idmap", MOUNT_OPTION_IDMAP)                                                      \
    PLAN(X, "ridmap", MOUNT_OPTION_IDMAP | MOUNT_OPTION_IDMAP_RECURSIVE)                      \
    PLAN(X, "copy-symlink", MOUNT_OPTION_COPY_SYMLINK)                                        \
    PLAN(X, "src-nofollow", MOUNT_OPTION_SOURCE_NOFOLLOW)                                     \
    PLAN(X, "dest-nofollow", MOUNT_OPTION_TARGET_NOFOLLOW)
// clang-format on

struct option {
    const char *word;
    uint64_t set, clear;           // MS_*
    uint64_t attr_set, attr_clear; // MOUNT_ATTR_*, recursive
    uint64_t propagation;
    uint32_t plan_options;
};

#define OPTION(word, set, clear, attr_set, attr_clear, propagation, bits) \
    {word, set, clear, attr_set, attr_clear, propagation, bits},
static const struct option options[] = {OPTIONS(OPTION)};

#define WORD_OF(word, ...) word,
const char *const mount_option_words[] = {OPTIONS(WORD_OF) NULL};

static const struct option *option_find(const char *word) {
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        if (*options[i].word == *word && strcmp(options[i].word, word) == 0) return &options[i];
    }
    return NULL;
}

static void option_apply(const struct option *option, struct mount_options *m) {
    m->flags = (m->flags & ~option->clear) | option->set;
    m->unset &= ~option->set;
    if (!option->set) m->unset |= option->clear;
    m->attr_set = (m->attr_set & ~option->attr_clear) | option->attr_set;
    m->attr_clear = (m->attr_clear & ~option->attr_set) | option->attr_clear;
    m->plan_options |= option->plan_options;
    if (option->attr_clear & MOUNT_ATTR_RDONLY) m->plan_options &= ~(uint32_t)MOUNT_OPTION_RECURSIVE_READONLY;
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
