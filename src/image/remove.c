// SPDX-License-Identifier: Apache-2.0
// `hoy rmi`, with Docker's rules of what is a conflict.
//
// Files are taken away in three steps, so that kill -9 and a pull of the same layer at the same moment harm
// nothing: a list of what will go is written down; the transaction deletes the rows; a second transaction
// moves those files beside the list that still have no row. A list that is left over is finished by the next
// image_recover(); whoever works on one holds a lock on its directory.
#include "base/clock.h"
#include "base/fd.h"
#include "image/image.h"
#include "image/pull.h"
#include "registry/reference.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

struct removal {
    struct store *store;
    struct arena arena;
    struct image image;
    struct strings lines, files; // what to tell; what goes, as paths below <root>
    const char *container;       // one that uses the image, or NULL
    bool container_runs;
    int journal; // the directory <root>/tmp/<journal_name>
    char journal_name[NAME_MAX + 1];
};

static void removal_finish(struct removal *removal) {
    arena_finish(&removal->arena);
    fd_closep(&removal->journal);
}

static int conflict(struct removal *removal, const char *how, const char *why, struct err *err) {
    return err_set(err, ERR_CONFLICT, 0, "conflict: unable to delete %.*s (%s) - %s%s%.*s", SHORT_ID,
                   digest_hex(removal->image.id), how, why, removal->container ? " " : "", SHORT_ID,
                   removal->container ? removal->container : "");
}

static int find_container(struct removal *removal, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(removal->store->db, &rows, err,
                 "SELECT id, state IN ('running', 'starting') AS runs FROM container WHERE image_id = ? "
                 "ORDER BY runs DESC LIMIT 1",
                 "s", removal->image.id))
        return -1;
    int r = db_next(&rows, err);
    if (r > 0) {
        removal->container = arena_strdup(&removal->arena, db_text(&rows, 0));
        removal->container_runs = db_i64(&rows, 1);
    }
    return r < 0 ? -1 : 0;
}

// Names

static const char *repository_of(struct arena *arena, const char *full) {
    const char *end = strchr(full, '@');
    if (!end) end = strrchr(full, ':');
    return arena_strndup(arena, full, (size_t)(end - full));
}

// Docker's isSingleReference: at most one tag, and digests of the same repository only.
static bool is_single(struct removal *removal) {
    const struct strings *names = &removal->image.names, *digests = &removal->image.digests;
    if (names->count + digests->count <= 1) return true;
    if (names->count > 1 || !digests->count) return false;
    const char *only = names->count ? names->items[0] : digests->items[0];
    for (size_t i = 0; i < digests->count; i++)
        if (!str_eq(repository_of(&removal->arena, only), repository_of(&removal->arena, digests->items[i])))
            return false;
    return true;
}

static int remove_name(struct removal *removal, struct strings *list, size_t index, struct err *err) {
    const char *full = list->items[index], *at = strchr(full, '@');
    struct db *db = removal->store->db;
    int r = at ? db_run(db, err, "DELETE FROM image_digest WHERE repository = ? AND digest = ?", "ss",
                        repository_of(&removal->arena, full), at + 1)
               : db_run(db, err, "DELETE FROM image_name WHERE name = ?", "s", full);
    if (r < 0) return -1;
    struct reference reference;
    if (reference_parse(&removal->arena, full, &reference, err)) return -1;
    strings_add(
        &removal->arena, &removal->lines,
        arena_printf(&removal->arena, "Untagged: %s", reference_familiar(&removal->arena, &reference)));
    memmove(list->items + index, list->items + index + 1, (--list->count - index) * sizeof *list->items);
    return 0;
}

static int remove_all_names(struct removal *removal, struct err *err) {
    while (removal->image.names.count)
        if (remove_name(removal, &removal->image.names, 0, err)) return -1;
    while (removal->image.digests.count)
        if (remove_name(removal, &removal->image.digests, 0, err)) return -1;
    return 0;
}

// With the last tag of a repository its digests go, too.
static int remove_digests_of(struct removal *removal, const char *repository, struct err *err) {
    struct image *image = &removal->image;
    for (size_t i = 0; i < image->names.count; i++)
        if (str_eq(repository_of(&removal->arena, image->names.items[i]), repository)) return 0;
    for (size_t i = image->digests.count; i-- > 0;)
        if (str_eq(repository_of(&removal->arena, image->digests.items[i]), repository) &&
            remove_name(removal, &image->digests, i, err))
            return -1;
    return 0;
}

// What name means among the image's own names: the list and the place in it. false: it is an id.
static bool find_name(struct removal *removal, const char *name, struct strings **ret_list,
                      size_t *ret_index) {
    struct reference reference;
    struct err unused;
    if (reference_parse(&removal->arena, name, &reference, &unused)) return false;
    const char *full = reference.digest
                           ? arena_printf(&removal->arena, "%s@%s",
                                          reference_repository(&removal->arena, &reference), reference.digest)
                           : reference_full(&removal->arena, &reference);
    struct strings *list = reference.digest ? &removal->image.digests : &removal->image.names;
    for (size_t i = 0; i < list->count; i++) {
        if (!str_eq(list->items[i], full)) continue;
        *ret_list = list;
        *ret_index = i;
        return true;
    }
    return false;
}

// Returns 1 when the image goes as well, 0 when only the name went, -1.
static int untag(struct removal *removal, const char *name, struct strings *list, size_t index, bool force,
                 struct err *err) {
    if (!force && removal->container && is_single(removal))
        return err_set(err, ERR_CONFLICT, 0,
                       "conflict: unable to remove repository reference \"%s\" (must force) - container %.*s "
                       "is using its referenced image %.*s",
                       name, SHORT_ID, removal->container, SHORT_ID, digest_hex(removal->image.id));
    const char *repository = repository_of(&removal->arena, list->items[index]);
    bool tag = list == &removal->image.names;
    if (remove_name(removal, list, index, err)) return -1;
    if (tag && remove_digests_of(removal, repository, err)) return -1;
    return !removal->image.names.count && !removal->image.digests.count && !removal->container;
}

static int untag_all(struct removal *removal, bool force, struct err *err) {
    if (removal->container && removal->container_runs)
        return conflict(removal, "cannot be forced", "image is being used by running container", err);
    if (!force && removal->container)
        return conflict(removal, "must be forced", "image is being used by stopped container", err);
    if (!force && !is_single(removal))
        return conflict(removal, "must be forced", "image is referenced in multiple repositories", err);
    if (remove_all_names(removal, err)) return -1;
    return !removal->container;
}

// The image

// Rows of its layers that no other image has, uppermost first.
static int remove_layers(struct removal *removal, struct err *err) {
    struct db *db = removal->store->db;
    struct arena *arena = &removal->arena;
    const struct strings *diff_ids = &removal->image.config.diff_ids;
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

static int delete_image(struct removal *removal, struct err *err) {
    static const char *const statements[] = {
        "DELETE FROM image_layer WHERE image_id = ?",
        "DELETE FROM image_digest WHERE image_id = ?",
        "DELETE FROM image_name WHERE image_id = ?",
        "DELETE FROM image WHERE id = ?",
    };
    struct arena *arena = &removal->arena;
    for (size_t i = 0; i < ARRAY_SIZE(statements); i++)
        if (db_run(removal->store->db, err, statements[i], "s", removal->image.id) < 0) return -1;
    strings_add(arena, &removal->lines, arena_printf(arena, "Deleted: %s", removal->image.id));
    strings_add(arena, &removal->files,
                arena_printf(arena, "images/%s", digest_hex(removal->image.chain_id)));
    return remove_layers(removal, err);
}

// Files

// Makes <root>/tmp/remove-*, locked, with the list of files.
static int write_journal(struct removal *removal, struct err *err) {
    char id[ID_SIZE], path[PATH_MAX];
    id_random(id);
    snprintf(removal->journal_name, sizeof removal->journal_name, "remove-%.16s", id);
    snprintf(path, sizeof path, "tmp/%s", removal->journal_name);
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < removal->files.count; i++) str_printf(&text, "%s\n", removal->files.items[i]);
    int r = dir_make_all_at(removal->store->root_fd, path, 0700);
    if (!r) r = removal->journal = fd_open_at(removal->store->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
    if (r >= 0 && flock(removal->journal, LOCK_EX)) r = -errno;
    if (r >= 0) r = file_replace_at(removal->journal, "list", text.data, text.len, 0600, false);
    return r < 0 ? err_set(err, ERR_SYSTEM, -r, "write %s/%s", removal->store->root, path) : 0;
}

// "layers/<hex>" or "images/<hex>": 1 when a row stands for it.
static int is_used(struct store *store, const char *file, struct err *err) {
    static const struct {
        const char *folder, *sql;
    } kinds[] = {
        {"layers/", "SELECT 1 FROM layer WHERE diff_id = ?"},
        {"images/", "SELECT 1 FROM image WHERE chain_id = ?"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        const char *hex = str_after(file, kinds[i].folder);
        char digest[DIGEST_SIZE];
        if (!hex || strlen(hex) != ID_SIZE - 1) continue;
        snprintf(digest, sizeof digest, DIGEST_PREFIX "%s", hex);
        if (!digest_valid(digest)) continue;
        _cleanup_(db_rows_finish) struct db_rows rows = {0};
        return db_query(store->db, &rows, err, kinds[i].sql, "s", digest) ? -1 : db_next(&rows, err);
    }
    return 1; // no name of hoy's: stays
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

static int move_files(struct store *store, int journal, char *list, struct err *err) {
    char *rest = list, *file;
    for (unsigned i = 0; (file = strsep(&rest, "\n"));) {
        if (!*file) continue;
        int used = is_used(store, file, err);
        if (used < 0) return -1;
        if (used) continue;
        if (str_has_prefix(file, "images/")) unmount_index(store, file);
        char name[16];
        snprintf(name, sizeof name, "%u", i++);
        if (renameat(store->root_fd, file, journal, name) && errno != ENOENT)
            return err_set(err, ERR_SYSTEM, errno, "remove %s/%s", store->root, file);
    }
    return 0;
}

// The third step. journal is locked.
static int finish_journal(struct store *store, int journal, const char *name, struct err *err) {
    _cleanup_(str_finish) struct str list = {0};
    int r = file_read_at(journal, "list", 1 << 20, &list);
    if (r && r != -ENOENT) return err_set(err, ERR_SYSTEM, -r, "read %s/tmp/%s/list", store->root, name);
    if (list.len) {
        if (db_begin(store->db, err)) return -1;
        r = move_files(store, journal, list.data, err);
        db_rollback(store->db); // nothing was written
        if (r) return -1;
    }
    char path[PATH_MAX];
    snprintf(path, sizeof path, "tmp/%s", name);
    r = dir_remove_all_at(store->root_fd, path);
    return r ? err_set(err, ERR_SYSTEM, -r, "remove %s/%s", store->root, path) : 0;
}

int image_recover(struct store *store, struct err *err) {
    int fd = fd_open_at(store->root_fd, "tmp", O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT) return 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) return err_set(err, ERR_SYSTEM, fd < 0 ? -fd : errno, "look into %s/tmp", store->root);
    struct dirent *entry;
    int r = 0;
    while (!r && (entry = readdir(dir))) {
        if (!str_has_prefix(entry->d_name, "remove-")) continue;
        _cleanup_(fd_closep) int journal =
            fd_open_at(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (journal < 0 || flock(journal, LOCK_EX | LOCK_NB)) continue; // gone, or somebody is at it
        r = finish_journal(store, journal, entry->d_name, err);
    }
    closedir(dir);
    return r ? r : image_clean_staging(store, err);
}

// One transaction. 1 when the image's files are to go.
static int remove_rows(struct removal *removal, const char *name, bool force, struct err *err) {
    struct strings *list;
    size_t index;
    if (image_find(removal->store, &removal->arena, name, &removal->image, err)) return -1;
    if (find_container(removal, err)) return -1;
    int r = find_name(removal, name, &list, &index) ? untag(removal, name, list, index, force, err)
                                                    : untag_all(removal, force, err);
    if (r <= 0) return r;
    return delete_image(removal, err) || write_journal(removal, err) ? -1 : 1;
}

int image_remove(struct store *store, const char *name, bool force,
                 void (*removed)(const char *line, void *data), void *data, struct err *err) {
    _cleanup_(removal_finish) struct removal removal = {.store = store, .journal = -1};
    if (image_recover(store, err) || db_begin(store->db, err)) return -1;
    int r = remove_rows(&removal, name, force, err);
    if (r < 0 || db_commit(store->db, err)) {
        db_rollback(store->db);
        return -1;
    }
    for (size_t i = 0; i < removal.lines.count; i++) removed(removal.lines.items[i], data);
    return r ? finish_journal(store, removal.journal, removal.journal_name, err) : 0;
}
