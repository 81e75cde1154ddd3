// SPDX-License-Identifier: Apache-2.0
#include "image/commit.h"

#include "base/clock.h"
#include "base/fd.h"
#include "image/blob.h"
#include "image/cover.h"
#include "image/extraction.h"
#include "image/pull.h"
#include "registry/channel.h"

#include <dirent.h>
#include <errno.h>
#include <linux/fsverity.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERITY_BLOCK 4096

// Staged files

#define NAME_SIZE      (ID_SIZE + 4)
#define BLOB_NAME_SIZE (ID_SIZE + sizeof STAGED_PART)

static void staged_name(const char *diff_id, char name[static NAME_SIZE]) {
    snprintf(name, NAME_SIZE, "%s.tar", digest_hex(diff_id));
}

// fs-verity, where the file system has it: from now on the kernel checks every block that is read of the file
// against a hash, and nobody can write it. Where it has not, the file is what it was.
static void seal(int fd) {
    struct fsverity_enable_arg how = {
        .version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = VERITY_BLOCK};
    (void)!ioctl(fd, FS_IOC_ENABLE_VERITY, &how);
}

// The worker made it, under its own user: now it is ours.
static int file_take(const struct commit *c, const char *name, struct err *err) {
    struct stat st;
    _cleanup_(fd_closep) int fd = fd_open_at(c->staging->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "can't open %s", name);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink != 1)
        return err_set(err, ERR_SYSTEM, 0, "%s in the staging directory is no plain file", name);
    if (fchown(fd, 0, 0) || fchmod(fd, 0400))
        return err_set(err, ERR_SYSTEM, errno, "can't take %s over", name);
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return 0;
}

static int file_open(const struct commit *c, const char *name, int *ret_fd, struct err *err) {
    int fd = fd_open_at(c->staging->fd, name, O_RDONLY | O_NOFOLLOW, 0);
    return fd < 0 ? err_set(err, ERR_SYSTEM, -fd, "can't open %s", name) : (*ret_fd = fd, 0);
}

static int not_written(const char *name, struct err *err) {
    return err_set(err, ERR_SYSTEM, errno, "can't write %s to the disk", name);
}

// The kernel tells a failure once: here or to fsync.
static int file_wait(const struct commit *c, const char *name, struct err *err) {
    _cleanup_(fd_closep) int fd = -1;
    if (file_open(c, name, &fd, err)) return -1;
    return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) ? not_written(name, err) : 0;
}

static int file_settle(const struct commit *c, const char *name, struct err *err) {
    _cleanup_(fd_closep) int fd = -1;
    if (file_open(c, name, &fd, err)) return -1;
    if (fsync(fd)) return not_written(name, err);
    seal(fd);
    return 0;
}

static bool is_first(const struct commit *c, size_t i) {
    return !strings_repeat(&c->config->diff_ids, i);
}

static bool is_staged(const struct commit *c, size_t i) {
    return !c->have[i] && is_first(c, i);
}

static bool blob_is_staged(const struct commit *c, size_t i) {
    return c->blobs && c->blobs[i] == BLOB_STAGED && is_first(c, i);
}

static void staged_blob(const struct commit *c, size_t i, char name[static BLOB_NAME_SIZE]) {
    const char *digest = c->manifest->layers.items[i].digest;
    snprintf(name, BLOB_NAME_SIZE, "%s" STAGED_PART, digest_hex(digest));
    if (str_eq(digest, c->config->diff_ids.items[i]) &&
        faccessat(c->staging->fd, name, F_OK, AT_SYMLINK_NOFOLLOW))
        staged_name(digest, name);
}

static bool is_extracted(const struct commit *c, const char *diff_id) {
    struct stat st;
    return !fstatat(c->staging->fd, digest_hex(diff_id), &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

// The `dir` driver: of what comes from outside the tars are directories by now, of what hoy made they become
// so here. The tars that are no blobs to be kept go first: they need not reach the disk.
static int layers_extract(const struct commit *c, struct err *err) {
    _cleanup_(extraction_finish) struct extraction extraction = EXTRACTION_INIT;
    const struct strings *ids = &c->config->diff_ids;
    char name[NAME_SIZE], blob[BLOB_NAME_SIZE];
    int r = 0;
    for (size_t i = 0; !r && i < ids->count; i++)
        if (is_staged(c, i) && !is_extracted(c, ids->items[i]))
            r = extraction_add(&extraction, c->staging, ids->items[i], -1, err);
    if (!r) r = extraction_wait(&extraction, err);
    for (size_t i = 0; !r && i < ids->count; i++) {
        staged_name(ids->items[i], name);
        staged_blob(c, i, blob);
        bool keep = blob_is_staged(c, i) && str_eq(blob, name);
        if (is_staged(c, i) && !keep) unlinkat(c->staging->fd, name, 0);
    }
    return r;
}

static int directories_take(struct commit *c, struct err *err) {
    if (layers_extract(c, err)) return -1;
    int r = cover_stage(c, err);
    if (r > 0) c->index = STAGED_COVER;
    if (r < 0) return -1;
    return syncfs(c->staging->fd) ? err_set(err, ERR_SYSTEM, errno, "can't write the layers to the disk") : 0;
}

// Tars, blobs and the index.
static int files_each(const struct commit *c,
                      int (*each)(const struct commit *c, const char *name, struct err *err),
                      struct err *err) {
    bool erofs = str_eq(c->store->driver, "erofs");
    char name[BLOB_NAME_SIZE];
    for (size_t i = 0; i < c->config->diff_ids.count; i++) {
        staged_name(c->config->diff_ids.items[i], name);
        if (erofs && is_staged(c, i) && each(c, name, err)) return -1;
        staged_blob(c, i, name);
        if (blob_is_staged(c, i) && each(c, name, err)) return -1;
    }
    return erofs && c->index ? each(c, c->index, err) : 0;
}

static int blobs_check(const struct commit *c, struct err *err) {
    char name[BLOB_NAME_SIZE];
    for (size_t i = 0; i < c->config->diff_ids.count; i++) {
        const struct descriptor *blob = &c->manifest->layers.items[i];
        struct stat st;
        if (!blob_is_staged(c, i)) continue;
        staged_blob(c, i, name);
        if (fstatat(c->staging->fd, name, &st, AT_SYMLINK_NOFOLLOW) || (uint64_t)st.st_size != blob->size)
            return err_set(err, ERR_SYSTEM, 0, "hoy-fetch did not keep all of %s", blob->digest);
    }
    return 0;
}

// The disk gets all of them to do before any is waited for, and the first fsync finds all of their metadata
// ready for the file system's journal: it takes a millisecond, those after it a tenth.
static int files_take(const struct commit *c, struct err *err) {
    if (files_each(c, file_take, err) || blobs_check(c, err)) return -1;
    return files_each(c, file_wait, err) || files_each(c, file_settle, err) ? -1 : 0;
}

// Into place. An older one of the same name has the same content, or lost its row in a crash.

static int move(const struct commit *c, const char *from, const char *directory, const char *hex,
                struct err *err) {
    char to[16 + ID_SIZE];
    snprintf(to, sizeof to, "%s/%s", directory, hex);
    int r = renameat(c->staging->fd, from, c->store->root_fd, to) ? errno : 0;
    if (r == ENOTEMPTY || r == EEXIST || r == EISDIR || r == ENOTDIR) {
        _cleanup_(fd_closep) int dir =
            fd_open_at(c->store->root_fd, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (dir >= 0) dir_remove_all_at(dir, hex);
        r = renameat(c->staging->fd, from, c->store->root_fd, to) ? errno : 0;
    }
    return r ? err_set(err, ERR_SYSTEM, r, "can't put %s into %s/%s", hex, c->store->root, directory) : 0;
}

static int directory_sync(const struct commit *c, const char *name, struct err *err) {
    _cleanup_(fd_closep) int fd = fd_open_at(c->store->root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0 || fsync(fd))
        return err_set(err, ERR_SYSTEM, fd < 0 ? -fd : errno, "can't write %s/%s to the disk", c->store->root,
                       name);
    return 0;
}

static int move_blobs(const struct commit *c, struct err *err) {
    char name[BLOB_NAME_SIZE];
    for (size_t i = 0; i < c->config->diff_ids.count; i++) {
        const char *digest = c->manifest->layers.items[i].digest;
        if (!blob_is_staged(c, i)) continue;
        staged_blob(c, i, name);
        if (move(c, name, BLOB_FOLDER, digest_hex(digest), err)) return -1;
    }
    return c->blobs ? directory_sync(c, BLOB_FOLDER, err) : 0;
}

// What nobody staged was there when it was looked for, and may have gone with another image since.
static int index_check(const struct commit *c, const char *hex, struct err *err) {
    char path[16 + ID_SIZE];
    snprintf(path, sizeof path, "images/%s", hex);
    if (c->index || !c->config->diff_ids.count || !str_eq(c->store->driver, "erofs") ||
        !faccessat(c->store->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW))
        return 0;
    return err_set(err, ERR_UNAVAILABLE, ESTALE,
                   "the image's index was removed meanwhile by another command: pull again");
}

// One that is there is the same, and may be in use; unless a layer came anew, whose files it may have.
static bool has_cover(const struct commit *c, const char *hex) {
    char path[16 + ID_SIZE];
    struct stat st;
    for (size_t i = 0; i < c->config->diff_ids.count; i++)
        if (is_staged(c, i)) return false;
    snprintf(path, sizeof path, "images/%s", hex);
    return str_eq(c->index, STAGED_COVER) && !fstatat(c->store->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) &&
           S_ISDIR(st.st_mode);
}

static int move_all(const struct commit *c, struct err *err) {
    const struct strings *ids = &c->config->diff_ids;
    bool erofs = str_eq(c->store->driver, "erofs");
    char name[NAME_SIZE], chain[DIGEST_SIZE];
    for (size_t i = 0; i < ids->count; i++) {
        if (!is_staged(c, i)) continue;
        staged_name(ids->items[i], name);
        if (move(c, erofs ? name : digest_hex(ids->items[i]), "layers", digest_hex(ids->items[i]), err))
            return -1;
    }
    chain_id(ids, ids->count, chain);
    if (c->index && !has_cover(c, digest_hex(chain)) && move(c, c->index, "images", digest_hex(chain), err))
        return -1;
    if (index_check(c, digest_hex(chain), err) || move_blobs(c, err)) return -1;
    return directory_sync(c, "layers", err) || directory_sync(c, "images", err) ? -1 : 0;
}

// Rows

int store_has_image(struct store *store, const char *id, struct err *err) {
    return db_number(store->db, NULL, err, "SELECT 1 FROM image WHERE id = ?", "s", id);
}

int store_layer_open(struct store *store, const char *diff_id, int *ret_fd, struct err *err) {
    char path[16 + ID_SIZE];
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(store->db, &rows, err, "SELECT driver FROM layer WHERE diff_id = ?", "s", diff_id))
        return -1;
    int r = db_next(&rows, err);
    if (r <= 0) return r;
    if (!str_eq(db_text(&rows, 0), store->driver))
        return err_set(err, ERR_CONFLICT, 0,
                       "the store has layer %.19s for --storage-driver %s: remove its images first, or "
                       "use that driver",
                       diff_id, db_text(&rows, 0));
    snprintf(path, sizeof path, "layers/%s", digest_hex(diff_id));
    int fd = fd_open_at(store->root_fd, path, O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0) return 0; // somebody removed it by hand: it comes again
    *ret_fd = fd;
    return 1;
}

// What a layer has on the disk, uncompressed; of one that is not staged the row says it.
static int layer_size(const struct commit *c, size_t i, int64_t *ret_size, struct err *err) {
    const char *diff_id = c->config->diff_ids.items[i];
    int r = db_number(c->store->db, ret_size, err, "SELECT size FROM layer WHERE diff_id = ?", "s", diff_id);
    if (r == 0)
        return err_set(err, ERR_UNAVAILABLE, ESTALE,
                       "layer %.19s was removed meanwhile by another command: pull again", diff_id);
    return r > 0 ? 0 : -1;
}

// What an extracted layer's directory is. One that nobody looked at is not known.
static void layer_made(const struct commit *c, const char *diff_id, struct str *ret_digest) {
    char name[ID_SIZE + sizeof STAGED_MADE];
    snprintf(name, sizeof name, "%s" STAGED_MADE, digest_hex(diff_id));
    if (file_read_at(c->staging->fd, name, DIGEST_SIZE, ret_digest) || !digest_valid(str_get(ret_digest)))
        str_finish(ret_digest);
}

static int layer_row(const struct commit *c, size_t i, int64_t size, struct err *err) {
    const struct descriptor *blob = &c->manifest->layers.items[i];
    const char *diff_id = c->config->diff_ids.items[i];
    _cleanup_(str_finish) struct str made = {0};
    layer_made(c, diff_id, &made);
    return db_do(c->store->db, err,
                 "INSERT INTO layer (diff_id, blob_digest, blob_size, size, driver, made) "
                 "VALUES (?, ?, ?, ?, ?, ?) "
                 "ON CONFLICT (diff_id) DO UPDATE SET driver = excluded.driver, made = excluded.made",
                 "ssiiss", diff_id, blob->digest, (int64_t)blob->size, size, c->store->driver,
                 str_get(&made));
}

static int layer_rows(const struct commit *c, const int64_t *sizes, int64_t *ret_total, struct err *err) {
    int64_t total = 0;
    for (size_t i = 0; i < c->config->diff_ids.count; i++) {
        int64_t size;
        if ((is_staged(c, i) && layer_row(c, i, sizes[i], err)) || layer_size(c, i, &size, err)) return -1;
        total += size;
    }
    *ret_total = total;
    return 0;
}

static int image_row(const struct commit *c, int64_t size, struct err *err) {
    struct db *db = c->store->db;
    char chain[DIGEST_SIZE];
    chain_id(&c->config->diff_ids, c->config->diff_ids.count, chain);
    int added = db_run(db, err,
                       "INSERT INTO image (id, manifest_digest, config, chain_id, size, pulled) "
                       "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                       "ssssii", c->id, c->manifest_digest, c->config_text, chain, size, clock_wall_ns());
    for (size_t i = 0; added > 0 && i < c->config->diff_ids.count; i++)
        if (db_run(db, err, "INSERT INTO image_layer (image_id, position, diff_id) VALUES (?, ?, ?)", "sis",
                   c->id, (int64_t)i, c->config->diff_ids.items[i]) < 0)
            return -1;
    return added < 0 ? -1 : 0;
}

// An image's share in a blob: of one that came now, or of one that another image has kept.
static int blob_row(const struct commit *c, const struct descriptor *blob, bool staged, struct err *err) {
    int added = db_run(c->store->db, err,
                       "INSERT INTO kept_blob (image_id, digest, size) SELECT ?1, ?2, ?3 "
                       "WHERE ?4 OR EXISTS (SELECT 1 FROM kept_blob WHERE digest = ?2) "
                       "ON CONFLICT (image_id, digest) DO UPDATE SET size = excluded.size",
                       "ssii", c->id, blob->digest, (int64_t)blob->size, (int64_t)staged);
    if (added) return added < 0 ? -1 : 0;
    return err_set(err, ERR_UNAVAILABLE, ESTALE,
                   "blob %.19s was removed meanwhile by another command: pull again", blob->digest);
}

// Of an image that was there with another manifest the one with the blobs is its own now: it can be pushed as
// it is.
static int blob_rows(const struct commit *c, struct err *err) {
    if (c->blobs && db_run(c->store->db, err, "UPDATE image SET manifest_digest = ? WHERE id = ?", "ss",
                           c->manifest_digest, c->id) < 0)
        return -1;
    for (size_t i = 0; c->blobs && i < c->config->diff_ids.count; i++)
        if (c->blobs[i] && is_first(c, i) &&
            blob_row(c, &c->manifest->layers.items[i], blob_is_staged(c, i), err))
            return -1;
    return 0;
}

int store_add_manifest(struct store *store, const char *id, const char *digest, const char *media_type,
                       const char *text, struct err *err) {
    return db_do(store->db, err,
                 "INSERT INTO image_manifest (image_id, digest, media_type, manifest) VALUES (?, ?, ?, ?) "
                 "ON CONFLICT (image_id, digest) DO NOTHING",
                 "ssss", id, digest, media_type, text);
}

// A name such as sha256:8ac47dec5cad would come before the image with this id, also out of a stranger's
// archive.
static int name_row(const struct commit *c, const char *name, struct err *err) {
    const char *tag = str_after(name, "docker.io/library/" DIGEST_PREFIX);
    if (tag)
        return err_set(err, ERR_INVALID, 0,
                       "refusing the name " DIGEST_PREFIX "%s, which would be taken for an image's id", tag);
    return db_do(c->store->db, err,
                 "INSERT INTO image_name (name, image_id, manifest_digest) VALUES (?, ?, ?) "
                 "ON CONFLICT (name) DO UPDATE SET image_id = excluded.image_id, "
                 "manifest_digest = excluded.manifest_digest",
                 "sss", name, c->id, c->manifest_digest);
}

static int name_rows(const struct commit *c, struct err *err) {
    struct db *db = c->store->db;
    if (store_add_manifest(c->store, c->id, c->manifest_digest, c->manifest->media_type, c->manifest_text,
                           err))
        return -1;
    if (c->name && name_row(c, c->name, err)) return -1;
    for (size_t i = 0; i < c->more_names.count; i++)
        if (name_row(c, c->more_names.items[i], err)) return -1;
    if (c->digest && db_run(db, err,
                            "INSERT INTO image_digest (repository, digest, image_id, manifest_digest) "
                            "VALUES (?, ?, ?, ?) ON CONFLICT (repository, digest) DO UPDATE SET "
                            "image_id = excluded.image_id, manifest_digest = excluded.manifest_digest",
                            "ssss", c->repository, c->digest, c->id, c->manifest_digest) < 0)
        return -1;
    return 0;
}

// Files and rows together, as image_remove() has it too: whoever moves files into the store or out of it
// holds the database's write lock, and goes by the rows. The names are on the disk before the rows are.
static int publish(const struct commit *c, const int64_t *sizes, struct err *err) {
    int64_t total;
    if (db_begin(c->store->db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *open = c->store->db;
    if (move_all(c, err) || layer_rows(c, sizes, &total, err) || image_row(c, total, err) ||
        blob_rows(c, err) || name_rows(c, err))
        return -1;
    return db_commit_durable(open, err);
}

// What lies in the store without a row, after a crash or a failure between the two.

static int sweep(struct store *store, const char *directory, const char *query, struct err *err) {
    _cleanup_(dir_closep) DIR *dir = NULL;
    int r = dir_open_at(store->root_fd, directory, &dir);
    if (r) return err_set(err, ERR_SYSTEM, -r, "can't read %s/%s", store->root, directory);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char digest[sizeof DIGEST_PREFIX + sizeof entry->d_name];
        snprintf(digest, sizeof digest, DIGEST_PREFIX "%s", entry->d_name);
        if (!digest_valid(digest)) continue;
        r = db_number(store->db, NULL, err, query, "s", digest);
        if (r < 0) return -1;
        if (r == 0) dir_remove_all_at(dirfd(dir), entry->d_name);
    }
    return 0;
}

int store_sweep(struct store *store, struct err *err) {
    if (faccessat(store->root_fd, "layers", F_OK, 0) || faccessat(store->root_fd, "images", F_OK, 0))
        return 0;
    if (db_begin(store->db, err)) return -1; // nothing will be written: it keeps others out
    int r = sweep(store, "layers", "SELECT 1 FROM layer WHERE diff_id = ?", err);
    if (!r && !faccessat(store->root_fd, BLOB_FOLDER, F_OK, 0))
        r = sweep(store, BLOB_FOLDER, "SELECT 1 FROM kept_blob WHERE digest = ?", err);
    if (!r) r = sweep(store, "images", "SELECT 1 FROM image WHERE chain_id = ?", err);
    db_rollback(store->db);
    return r;
}

// All of it

static int sizes_read(const struct commit *c, int64_t *sizes, struct err *err) {
    for (size_t i = 0; i < c->config->diff_ids.count; i++) {
        char name[NAME_SIZE];
        struct stat st;
        staged_name(c->config->diff_ids.items[i], name);
        if (!is_staged(c, i)) continue;
        if (fstatat(c->staging->fd, name, &st, AT_SYMLINK_NOFOLLOW))
            return err_set(err, ERR_SYSTEM, errno, "can't look at %s", name);
        sizes[i] = st.st_size;
    }
    return 0;
}

int commit_image(const struct commit *commit, struct err *err) {
    struct commit with_cover = *commit, *c = &with_cover;
    int64_t sizes[IMAGE_LAYERS_MAX] = {0};
    int r = dir_make_all_at(c->store->root_fd, "layers", 0700);
    if (!r) r = dir_make_all_at(c->store->root_fd, "images", 0700);
    if (!r && c->blobs) r = dir_make_all_at(c->store->root_fd, BLOB_FOLDER, 0700);
    if (r) return err_set(err, ERR_SYSTEM, -r, "can't make directories in %s", c->store->root);
    if (sizes_read(c, sizes, err)) return -1;
    if (!str_eq(c->store->driver, "erofs") && directories_take(c, err)) return -1;
    if (files_take(c, err)) return -1;
    if (publish(c, sizes, err) == 0) return 0;
    struct err ignored;
    store_sweep(c->store, &ignored);
    return -1;
}

int commit_names(const struct commit *c, struct err *err) {
    if (db_begin(c->store->db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *open = c->store->db;
    int r = store_has_image(c->store, c->id, err);
    if (r == 0)
        return err_set(err, ERR_UNAVAILABLE, ESTALE,
                       "the image was removed meanwhile by another command: pull again");
    if (r < 0 || name_rows(c, err)) return -1;
    return db_commit_durable(open, err);
}
