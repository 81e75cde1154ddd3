// SPDX-License-Identifier: Apache-2.0
// Images in the store: names, documents, layers, and the root filesystem that they make.
#pragma once

#include "oci/image_spec.h"
#include "plan/plan.h"
#include "state/db.h"

#include <stdio.h>

// Where everything is. One a process, opened by the engine.
struct store {
    const char *root, *runroot; // absolute paths
    int root_fd, runroot_fd;
    struct db *db;
    const char *driver; // "erofs" or "dir": what new layers become; probed once a root, or --storage-driver
};

// The file that keeps the probe's answer is <root>/driver. forced may be NULL.
int image_driver_choose(struct store *store, const char *forced, struct err *err);

struct image {
    const char *id; // "sha256:…", of the config
    const char *manifest, *manifest_digest, *media_type, *config_text, *chain_id;
    uint64_t size;
    int64_t pulled;
    struct image_config config;
    struct strings names, digests; // "docker.io/library/debian:12"; "docker.io/library/debian@sha256:…"
};

// By reference (as the user wrote it), by id, or by a prefix of an id of at least 4 digits that is unique.
// ERR_NOT_FOUND: "No such image: NAME".
int image_find(struct store *store, struct arena *arena, const char *name, struct image *ret_image,
               struct err *err);
// The same without its names and digests, for who has no use for them: they are looked for one by one.
int image_find_unnamed(struct store *store, struct arena *arena, const char *name, struct image *ret_image,
                       struct err *err);
// When it was made, as its config says; `otherwise`, where that does not.
int64_t image_created(const struct image *image, int64_t otherwise);
// All images, newest first.
struct images {
    struct image *items;
    size_t count;
};
int image_list(struct store *store, struct arena *arena, struct images *ret_images, struct err *err);

// The digests of its layers' blobs that are kept as they were served.
int image_blobs(struct store *store, struct arena *arena, const struct image *image,
                struct strings *ret_digests, struct err *err);

// How it was made, the first step first (config.md, "history"). The sizes are those of the layers; a layer
// that the config's history does not tell of is a step without words.
struct image_step {
    const char *created_by, *comment; // "" when not said
    int64_t created;                  // CLOCK_NEVER when not said
    uint64_t size;
    bool empty; // it made no layer
};
struct image_history {
    struct image_step *items;
    size_t count;
};
int image_history(struct store *store, struct arena *arena, const struct image *image,
                  struct image_history *ret_history, struct err *err);

// "debian:12" for a full name; NULL for NULL.
const char *image_familiar(struct arena *arena, const char *name);

// Gives an image one more name, which it takes away from another image that has it.
int image_tag(struct store *store, const char *name, const char *target, struct err *err);

// Adds the host-side mount and the overlay (or, read-only, the overlay without an upper directory) of a
// container's root filesystem to the plan. upper and work are absolute paths of directories that exist.
int image_plan_rootfs(struct store *store, const struct image *image, const char *upper, const char *work,
                      bool throw_away, struct plan *plan, struct err *err);

// The image's files as a read-only mount that is attached nowhere: its descriptor.
int image_tree(struct store *store, const struct image *image, struct err *err);

// Mounts the image's files, read-only, at <runroot>/mounts/<id>, until image_unmount(); mounted once is
// enough. An image that is mounted is in use: it is not removed.
int image_mount(struct store *store, struct arena *arena, const struct image *image, const char **ret_path,
                struct err *err);
// ERR_NOT_FOUND when it is not mounted.
int image_unmount(struct store *store, const struct image *image, struct err *err);
// Where it is mounted, or NULL.
const char *image_mount_path(struct store *store, struct arena *arena, const struct image *image);

// Tells of every file in which the second image differs from the first, in the order of their paths: 'A'
// (added), 'D' (deleted), 'C' (changed: content, owner, mode, target, device or extended attributes; of a
// file also its time).
int image_diff(struct store *store, const struct image *first, const struct image *second,
               void (*tell)(char kind, const char *path, void *data), void *data, struct err *err);

// What is wrong with an image in the store: each of its parts against its digest.
struct image_fault {
    const char *part;    // "layer sha256:…"
    const char *diff_id; // of a layer, or NULL
    const char *blob;    // the digest of a kept blob, or NULL
    const char *what;    // "its digest is sha256:…"
};
struct image_faults {
    struct image_fault *items;
    size_t count;
    bool unchecked; // a layer is a directory that an older hoy made: what it should be is not known
};
void image_verify(struct store *store, struct arena *arena, const struct image *image,
                  struct image_faults *ret_faults);
// Fetches what is damaged again, from the registry that the image came from, or out of hoy itself. What runs
// of it goes on with the old files; where these are directories it is a conflict.
int image_repair(struct store *store, struct arena *arena, const struct image *image,
                 const struct image_faults *faults, struct err *err);

// Removes a name; and with the last name the image, its index and every layer that no other image has.
// Calls removed("Untagged: …" or "Deleted: …") for what went. A container that uses the image is a conflict;
// with force the name goes, and the image stays for the container.
int image_remove(struct store *store, const char *name, bool force,
                 void (*removed)(const char *line, void *data), void *data, struct err *err);

// Removes the images that no container has: those without a tag, or all. What went, "untagged: …" or
// "deleted: …", and what their files took on the disk. With plan nothing is removed: it is what a
// removal at this moment would do.
struct image_prune_options {
    bool all, plan;
    struct strings filters; // "until=24h", "label=x", "label!=x"
};
struct image_pruned {
    struct strings lines;
    uint64_t bytes;
};
int image_prune(struct store *store, struct arena *arena, const struct image_prune_options *options,
                struct image_pruned *ret_pruned, struct err *err);

// Finishes the removals that were killed half way. Cheap when there is none.
//
// Files and rows stay together by one rule. What makes a layer or an index renames its file into place inside
// the transaction (db_begin to db_commit) that inserts the row and that looked whether there is one. What
// removes them deletes the rows first, and takes the files away inside a later transaction that sees no row:
// <root>/tmp/remove-*/list says which, written before the rows went.
int image_recover(struct store *store, struct err *err);
// The same by who does something else then: what is in the way of it is not in his, and system check shows
// it.
void image_try_recover(struct store *store);

// Pull: runs the fetch worker, shows progress on out (a bar a layer when tty), and puts the verified image
// into the store. Interruptible: SIGINT and SIGTERM end the worker and leave nothing.
struct pull_options {
    const char *reference; // as the user wrote it
    const char *platform;  // or NULL
    bool quiet;
    FILE *out;
    // Of an image that is there: layers and kept blobs to be fetched again; the index is made anew. Or NULL.
    const struct strings *broken, *broken_blobs;
    bool keep_blobs;  // the layers' blobs as well, as they are served. HOY_KEEP_BLOBS=1: always
    bool *downloaded; // NULL, or one of several pulls: becomes true when it brought something, and the last
                      // lines are the caller's
};
int image_pull(struct store *store, struct arena *arena, const struct pull_options *options,
               struct image *ret_image, struct err *err);

// The line at the end.
void image_pull_status(FILE *out, const char *name, bool downloaded);

// Push: the image of a name (or all tags of a repository) to its registry, by the fetch worker. What was
// pulled arrives byte for byte as it was served, when its blobs were kept, and while the registry that it
// came from can be asked for what was not; when it can't, layers are compressed anew, and a line on stderr
// says so.
struct push_options {
    const char *reference; // as the user wrote it
    const char *platform;  // that the image must have, or NULL
    const char
        *compression; // "gzip", "zstd": layers that are compressed otherwise are compressed so; or NULL
    int level;        // zstd's
    bool force;       // all layers are, even those that are compressed so
    bool all_tags, quiet;
    FILE *out;
};
int image_push(struct store *store, struct arena *arena, const struct push_options *options, struct err *err);

// The image that hoy carries inside itself, "base". Puts it into the store when name means it and the store
// does not have it, or has to get it again: returns 1 when it did, 0 when name is not it.
int image_load_base(struct store *store, const char *name, bool again, struct err *err);
// Puts its files in their place again when the image is it. 1, or 0 when it is another.
int image_repair_base(struct store *store, const char *id, struct err *err);
