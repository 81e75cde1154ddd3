// SPDX-License-Identifier: Apache-2.0
#include "image/removal.h"

#include "base/fd.h"
#include "base/usage.h"
#include "image/blob.h"
#include "image/commit.h"
#include "image/pull.h"
#include "kernel/release.h"
#include "registry/reference.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

void removal_finish(struct removal *removal) {
    arena_finish(&removal->arena);
    fd_closep(&removal->journal);
    fd_closep(&removal->mark.fd);
    fd_closep(&removal->mark.tmp);
}

const char *removal_repository(struct removal *removal, const char *full) {
    const char *end = strchr(full, '@');
    if (!end) end = strrchr(full, ':');
    return arena_strndup(&removal->arena, full, (size_t)(end - full));
}

int removal_untag(struct removal *removal, struct strings *names, size_t index, struct err *err) {
    const char *full = names->items[index], *at = strchr(full, '@');
    struct db *db = removal->store->db;
    int r = at ? db_run(db, err, "DELETE FROM image_digest WHERE repository = ? AND digest = ?", "ss",
                        removal_repository(removal, full), at + 1)
               : db_run(db, err, "DELETE FROM image_name WHERE name = ?", "s", full);
    if (r < 0) return -1;
    struct reference reference;
    if (reference_parse(&removal->arena, full, &reference, err)) return -1;
    strings_add(
        &removal->arena, &removal->lines,
        arena_printf(&removal->arena, "Untagged: %s", reference_familiar(&removal->arena, &reference)));
    memmove(names->items + index, names->items + index + 1, (--names->count - index) * sizeof *names->items);
    return 0;
}

int removal_untag_all(struct removal *removal, struct image *image, struct err *err) {
    while (image->names.count)
        if (removal_untag(removal, &image->names, 0, err)) return -1;
    while (image->digests.count)
        if (removal_untag(removal, &image->digests, 0, err)) return -1;
    return 0;
}

// "layers/<hex>", "images/<hex>" or "blobs/sha256/<hex>": 1 when a row stands for it.
static int is_used(struct store *store, const char *file, struct err *err) {
    static const struct {
        const char *folder, *sql;
    } kinds[] = {
        {"layers/", "SELECT 1 FROM layer WHERE diff_id = ?"},
        {"images/", "SELECT 1 FROM image WHERE chain_id = ?"},
        {BLOB_FOLDER "/", "SELECT 1 FROM kept_blob WHERE digest = ?"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        const char *hex = str_after(file, kinds[i].folder);
        char digest[DIGEST_SIZE];
        if (!hex || strlen(hex) != ID_SIZE - 1) continue;
        snprintf(digest, sizeof digest, DIGEST_PREFIX "%s", hex);
        if (!digest_valid(digest)) continue;
        return db_number(store->db, NULL, err, kinds[i].sql, "s", digest);
    }
    return 1; // no name of hoy's: stays
}

// The image

// Rows of its layers that no other image has, uppermost first.
static int remove_layers(struct removal *removal, const struct image *image, struct err *err) {
    struct db *db = removal->store->db;
    struct arena *arena = &removal->arena;
    const struct strings *diff_ids = &image->config.diff_ids;
    for (size_t i = diff_ids->count; i-- > 0;) {
        int r = db_run(db, err,
                       "DELETE FROM layer WHERE diff_id = ?1 AND "
                       "NOT EXISTS (SELECT 1 FROM image_layer WHERE diff_id = ?1)",
                       "s", diff_ids->items[i]);
        if (r < 0) return -1;
        if (!r) continue;
        if (db_run(db, err, "DELETE FROM made_blob WHERE diff_id = ?", "s", diff_ids->items[i]) < 0)
            return -1;
        char chain[DIGEST_SIZE];
        chain_id(diff_ids, i + 1, chain);
        strings_add(arena, &removal->lines, arena_printf(arena, "Deleted: %s", chain));
        strings_add(arena, &removal->files, arena_printf(arena, "layers/%s", digest_hex(diff_ids->items[i])));
    }
    return 0;
}

// What images share goes with the last of them.
static int add_unused(struct removal *removal, const char *file, struct err *err) {
    int used = is_used(removal->store, file, err);
    if (!used) strings_add(&removal->arena, &removal->files, file);
    return used < 0 ? -1 : 0;
}

// Its shares in blobs that are kept.
static int remove_blobs(struct removal *removal, const struct image *image, struct err *err) {
    struct db *db = removal->store->db;
    struct arena *arena = &removal->arena;
    struct strings digests;
    if (image_blobs(removal->store, arena, image, &digests, err) ||
        db_run(db, err, "DELETE FROM kept_blob WHERE image_id = ?", "s", image->id) < 0)
        return -1;
    for (size_t i = 0; i < digests.count; i++)
        if (add_unused(removal, blob_path(arena, digests.items[i]), err)) return -1;
    return 0;
}

int removal_delete(struct removal *removal, const struct image *image, struct err *err) {
    static const char *const statements[] = {
        "DELETE FROM image_layer WHERE image_id = ?",
        "DELETE FROM image_digest WHERE image_id = ?",
        "DELETE FROM image_name WHERE image_id = ?",
        "DELETE FROM image WHERE id = ?",
    };
    struct arena *arena = &removal->arena;
    if (remove_blobs(removal, image, err)) return -1;
    for (size_t i = 0; i < ARRAY_SIZE(statements); i++)
        if (db_run(removal->store->db, err, statements[i], "s", image->id) < 0) return -1;
    strings_add(arena, &removal->lines, arena_printf(arena, "Deleted: %s", image->id));
    if (add_unused(removal, arena_printf(arena, "images/%s", digest_hex(image->chain_id)), err)) return -1;
    return remove_layers(removal, image, err);
}

// Files

static int write_list(struct removal *removal, const char *path) {
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < removal->files.count; i++) str_printf(&text, "%s\n", removal->files.items[i]);
    int r = dir_make_all_at(removal->store->root_fd, path, 0700);
    if (!r) r = removal->journal = fd_open_at(removal->store->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
    // Whoever has it waits for the database, which is ours: not for each other.
    if (r >= 0 && flock(removal->journal, LOCK_EX | LOCK_NB)) r = errno == EWOULDBLOCK ? -ENOENT : -errno;
    if (r >= 0) r = file_replace_at(removal->journal, "list", text.data, text.len, 0600, false);
    if (r < 0) (void)dir_remove_all_at(removal->store->root_fd, path);
    return r;
}

// Before the directory is locked another command may take it for one that a crash left behind: then by
// another name.
int removal_write(struct removal *removal, struct err *err) {
    char id[ID_SIZE], path[PATH_MAX];
    int r = -ENOENT;
    for (int try = 0; r == -ENOENT && try < 100; try++) {
        fd_closep(&removal->journal);
        id_random(id);
        snprintf(removal->journal_name, sizeof removal->journal_name, "remove-%.16s", id);
        snprintf(path, sizeof path, "tmp/%s", removal->journal_name);
        r = write_list(removal, path);
    }
    if (r == -ENOSPC || r == -EDQUOT) r = staging_mark(removal->store, &removal->mark);
    return r < 0 ? err_set(err, ERR_SYSTEM, -r, "write %s/%s", removal->store->root, path) : 0;
}

int removal_count(struct removal *removal, uint64_t *ret_bytes, struct err *err) {
    _cleanup_(usage_finish) struct usage usage = {0};
    struct store *store = removal->store;
    for (size_t i = 0; i < removal->files.count; i++) {
        const char *file = removal->files.items[i];
        int used = is_used(store, file, err);
        if (used < 0) return -1;
        int r = used ? 0 : usage_add_at(&usage, store->root_fd, file);
        if (r) return err_set(err, ERR_SYSTEM, -r, "look at %s/%s", store->root, file);
    }
    *ret_bytes = usage.bytes;
    return 0;
}

// A mount of the index that a crash left behind. The lock's file stays: another process may just be opening
// it.
static void unmount_index(struct store *store, const char *file) {
    char lock[PATH_MAX];
    snprintf(lock, sizeof lock, "%s.lock", file);
    _cleanup_(fd_closep) int fd = fd_open_at(store->runroot_fd, lock, O_RDWR, 0);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) return;
    char target[PATH_MAX];
    snprintf(target, sizeof target, "%s/%s", store->runroot, file);
    umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
    unlinkat(store->runroot_fd, file, AT_REMOVEDIR);
}

// Under a number that is free: a directory of that name may have gone there before a crash, and come again.
static int move_away(struct store *store, const char *file, int journal, unsigned *number) {
    char name[16];
    int r;
    do {
        snprintf(name, sizeof name, "%u", (*number)++);
        r = renameat(store->root_fd, file, journal, name) ? -errno : 0;
    } while (r && r != -ENOENT && !faccessat(journal, name, F_OK, AT_SYMLINK_NOFOLLOW));
    return r;
}

static int move_files(struct store *store, int journal, char *list, struct err *err) {
    char *rest = list, *file;
    for (unsigned number = 0; (file = strsep(&rest, "\n"));) {
        if (!*file) continue;
        int used = is_used(store, file, err);
        if (used < 0) return -1;
        if (used) continue;
        if (str_has_prefix(file, "images/")) unmount_index(store, file);
        int r = move_away(store, file, journal, &number);
        if (r && r != -ENOENT) return err_set(err, ERR_SYSTEM, -r, "remove %s/%s", store->root, file);
    }
    return 0;
}

// Large files are kept open until they have no name: they are freed while we are gone already.

#define HELD_MIN  (1 << 20)
#define WORTH_MIN (16u << 20) // of all of them: what takes longer than to make a process

struct held {
    int fds[RELEASE_MAX];
    size_t count;
    uint64_t bytes;
};

static void held_finish(struct held *held) {
    if (held->bytes >= WORTH_MIN) {
        release_files(held->fds, held->count);
        return;
    }
    for (size_t i = 0; i < held->count; i++) close(held->fds[i]);
}

static void hold_large(int journal, struct held *held) {
    _cleanup_(dir_closep) DIR *dir = NULL;
    (void)dir_open_at(journal, ".", &dir);
    for (struct dirent *entry; dir && held->count < RELEASE_MAX && (entry = readdir(dir));) {
        struct stat st;
        if (fstatat(journal, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
            st.st_size < HELD_MIN)
            continue;
        int file = fd_open_at(journal, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
        if (file < 0) continue;
        held->fds[held->count++] = file;
        held->bytes += (uint64_t)st.st_size;
    }
}

// The third step. journal is locked.
static int finish_journal(struct store *store, int journal, const char *name, struct err *err) {
    _cleanup_(str_finish) struct str list = {0};
    int r = file_read_at(journal, "list", SIZE_MAX / 2, &list); // our own, however much is pruned
    if (r && r != -ENOENT) return err_set(err, ERR_SYSTEM, -r, "read %s/tmp/%s/list", store->root, name);
    // A power cut can take the list and leave what came after it, the rows' end.
    if (!list.len && store_sweep(store, err)) return -1;
    if (list.len) {
        if (db_begin(store->db, err)) return -1;
        r = move_files(store, journal, list.data, err);
        db_rollback(store->db); // nothing was written
        if (r) return -1;
    }
    char path[PATH_MAX];
    snprintf(path, sizeof path, "tmp/%s", name);
    _cleanup_(held_finish) struct held held = {0};
    hold_large(journal, &held);
    r = dir_remove_all_at(store->root_fd, path);
    return r ? err_set(err, ERR_SYSTEM, -r, "remove %s/%s", store->root, path) : 0;
}

int image_recover(struct store *store, struct err *err) {
    _cleanup_(dir_closep) DIR *dir = NULL;
    int r = dir_open_at(store->root_fd, "tmp", &dir);
    if (r == -ENOENT) return 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "look into %s/tmp", store->root);
    for (struct dirent *entry; !r && (entry = readdir(dir));) {
        if (!str_has_prefix(entry->d_name, "remove-")) continue;
        _cleanup_(fd_closep) int journal =
            fd_open_at(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (journal < 0 || flock(journal, LOCK_EX | LOCK_NB)) continue; // gone, or somebody is at it
        r = finish_journal(store, journal, entry->d_name, err);
    }
    return r ? r : image_clean_staging(store, err);
}

void image_try_recover(struct store *store) {
    struct err ignored;
    (void)image_recover(store, &ignored);
}

int removal_apply(struct removal *removal, struct err *err) {
    if (removal->mark.fd < 0)
        return finish_journal(removal->store, removal->journal, removal->journal_name, err);
    if (store_sweep(removal->store, err)) return -1;
    staging_remove(&removal->mark);
    return 0;
}
