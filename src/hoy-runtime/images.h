// SPDX-License-Identifier: Apache-2.0
// What checkpoint and restore have in common: the folder of a checkpoint's images, and CRIU, which writes and
// reads them.
#pragma once

#include "criu/session.h"
#include "hoy-runtime/container.h"

struct images_options {
    const char *image_path, *work_path, *cgroups_mode;
    struct strings empty_ns;
    bool tcp_established, ext_unix_sk, shell_job, file_locks, auto_dedup, lazy_pages;
};

#define IMAGES_AT(member) offsetof(struct images_options, member)
// The rows for that structure, the first member of a command's own.
#define IMAGES_ROWS                                                                                            \
    {"auto-dedup",         0, NULL, "Free memory images' pages that are there twice", store_flag,              \
     IMAGES_AT(auto_dedup)},                                                                                   \
        {"empty-ns",  0,                                                                                       \
         "namespace", "Make this namespace (network) without what is in it",                                   \
         store_list,  IMAGES_AT(empty_ns)},                                                                    \
        {"ext-unix-sk",         0, NULL, "Allow unix sockets whose other end is outside", store_flag,          \
         IMAGES_AT(ext_unix_sk)},                                                                              \
        {"file-locks", 0, NULL, "Keep file locks", store_flag, IMAGES_AT(file_locks)},                         \
        {"image-path", 0, "dir", "The images (default: checkpoint)", store_string, IMAGES_AT(image_path)},     \
        {"lazy-pages", 0, NULL, "Bring memory only when it is used", store_flag, IMAGES_AT(lazy_pages)},       \
        {"manage-cgroups-mode",                                                                                \
         0,                                                                                                    \
         "mode",                                                                                               \
         "What becomes of cgroups: soft, full, strict or ignore",                                              \
         store_string,                                                                                         \
         IMAGES_AT(cgroups_mode),                                                                              \
         "soft|full|strict|ignore"},                                                                           \
        {"shell-job", 0, NULL, "Allow a terminal that is the caller's own", store_flag, IMAGES_AT(shell_job)}, \
        {"tcp-established",         0, NULL, "Allow TCP connections that are open", store_flag,                \
         IMAGES_AT(tcp_established)},                                                                          \
    {                                                                                                          \
        "work-path", 0, "dir", "CRIU's log and other files (default: the images)", store_string,               \
            IMAGES_AT(work_path)                                                                               \
    }

// The two folders, open.
struct images {
    const char *path, *work_path;
    int dir, work;
};
void images_close(struct images *images);

// With make those that are missing are made; without, the images must be there.
int images_open(struct invocation *invocation, const struct images_options *options, bool make,
                struct images *ret_images, struct err *err);

// As a process sees them that has a mount namespace of its own: CRIU mounts something in the second.
int images_reopen(struct images *images, pid_t pid, struct err *err);
// Where they are, into the message of CRIU's options. They stay open until it has answered.
void images_put_folders(const struct images *images, struct str *message);

// What both commands ask for, into the same; log is the name of CRIU's log. spec says which configuration
// file of its own holds.
int images_put_options(const struct images_options *options, const struct spec *spec, const char *log,
                       struct str *message, struct err *err);

// A message of two fields: text, and text or a number.
void images_put_pair(struct str *message, unsigned field, const char *key, const char *value);
void images_put_numbered(struct str *message, unsigned field, const char *key, int number);

// Where in the container a mount of the plan is, with no more slashes than needed: what a checkpoint calls it
// when it comes from outside. In the arena.
const char *images_mount_name(struct arena *arena, const char *target);
// The key of a namespace that is outside of the container.
const char *images_namespace_key(uint64_t flag);

// The sentence for an answer that is no success: "cannot <verb> container <id>", and the last error of the
// log. A sentence that is in *err already (err->kind is set) stands before that.
int images_fail(const struct images *images, const char *log, const struct criu_answer *answer,
                const char *verb, const char *id, struct err *err);
