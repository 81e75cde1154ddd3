// SPDX-License-Identifier: Apache-2.0
// A volume's directory is made in the transaction that makes its row. Its removal begins with a mark in the
// row, from which on nobody sees it; a second transaction deletes the row and moves the directory to
// <root>/tmp, so that nobody can begin to use one that goes. Whatever of that kill -9 leaves, the next
// volumes_recover() finishes. What the image has at a volume's place is copied into an empty one by the
// container's plan (plan/copy.c).
#include "engine/volume.h"

#include "args/filter.h"
#include "base/clock.h"
#include "base/usage.h"
#include "engine/parts.h"
#include "kernel/quota.h"
#include "oci/key_values.h"
#include "state/event.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COLUMNS "SELECT name, created, anonymous, labels, options FROM volume "

const char *volume_path(struct engine *engine, struct arena *arena, const char *name) {
    return arena_printf(arena, "%s/volumes/%s/_data", engine->store.root, name);
}

static int make_directory(struct engine *engine, const char *name, struct err *err) {
    char path[512];
    if ((size_t)snprintf(path, sizeof path, "volumes/%s/_data", name) >= sizeof path)
        return err_set(err, ERR_INVALID, 0, "the volume's name %.40s… is too long", name);
    int r = dir_make_all_at(engine->store.root_fd, path, 0755);
    return r ? err_set(err, ERR_SYSTEM, -r, "make volume %s", name) : 0;
}

// Rows

static const char *words_write(struct arena *arena, const struct spec_key_values *words) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    key_values_write(&w, NULL, words);
    return arena_strdup(arena, str_get(&w.text));
}

static int words_read(struct arena *arena, const char *text, struct spec_key_values *words) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (json_parse(text, strlen(text), &json) || key_values_read(arena, json, words)) return -1;
    key_values_sort(words);
    return 0;
}

static int row_of_volume(struct arena *arena, const struct db_rows *rows, struct volume *ret_volume,
                         struct err *err) {
    *ret_volume = (struct volume){.name = arena_strdup(arena, db_text(rows, 0)),
                                  .created = db_i64(rows, 1),
                                  .anonymous = db_i64(rows, 2) != 0};
    if (words_read(arena, db_text(rows, 3), &ret_volume->labels) ||
        words_read(arena, db_text(rows, 4), &ret_volume->options))
        return err_set(err, ERR_INVALID, 0, "volume %s: its row in the database is damaged",
                       ret_volume->name);
    return 0;
}

static int find_users(struct engine *engine, struct arena *arena, struct volume *volume, struct err *err) {
    return db_texts(engine->store.db, arena, &volume->users, err,
                    "SELECT container_id FROM volume_use WHERE volume = ? ORDER BY container_id", "s",
                    volume->name);
}

static int load(struct engine *engine, struct arena *arena, const char *name, struct volume *ret_volume,
                struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(engine->store.db, &rows, err, COLUMNS "WHERE name = ? AND NOT removing", "s", name))
        return -1;
    int r = db_next(&rows, err);
    return r > 0 && row_of_volume(arena, &rows, ret_volume, err) ? -1 : r;
}

int volume_find(struct engine *engine, struct arena *arena, const char *name, struct volume *ret_volume,
                struct err *err) {
    struct volume volume;
    int r = load(engine, arena, name, &volume, err);
    if (r == 0) err_set(err, ERR_NOT_FOUND, 0, "get %s: no such volume", name);
    if (r <= 0 || find_users(engine, arena, &volume, err)) return -1;
    *ret_volume = volume;
    return 0;
}

// Create

static int check_name(const char *name, struct err *err) {
    bool good = isalnum((unsigned char)*name);
    for (const char *c = name; *c; c++) good = good && (isalnum((unsigned char)*c) || strchr("_.-", *c));
    if (strlen(name) == 1)
        return err_set(
            err, ERR_INVALID, 0,
            "create %s: volume name is too short, names should be at least two alphanumeric characters",
            name);
    if (strlen(name) > NAME_MAX)
        return err_set(err, ERR_INVALID, 0, "create %.32s…: the volume's name is longer than %d characters",
                       name, NAME_MAX);
    if (good) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "create %.100s: \"%.100s\" includes invalid characters for a local volume name, only "
                   "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
                   "absolute path",
                   name, name);
}

#define FIRST_PROJECT 0x686f0000 // "ho": numbers of projects that nobody gives by hand

// option size=: the quota's project is a number that no other volume has.
static int set_quota(struct engine *engine, const struct volume *volume, struct err *err) {
    struct db *db = engine->store.db;
    const char *size = volume_option(volume, "size");
    char path[NAME_MAX + 32];
    uint64_t bytes;
    int64_t project = FIRST_PROJECT, last = 0;
    if (!size || parse_size(size, &bytes)) return 0;
    if (db_number(db, &last, err, "SELECT max(project) FROM volume", "") < 0) return -1;
    if (last >= project) project = last + 1;
    snprintf(path, sizeof path, "volumes/%s/_data", volume->name);
    _cleanup_(fd_closep) int fd = fd_open_at(engine->store.root_fd, path, O_RDONLY | O_DIRECTORY, 0);
    int r = fd < 0 ? fd : quota_limit_directory(fd, (uint32_t)project, bytes);
    if (r == -ENOTSUP)
        return err_set(err, ERR_INVALID, 0,
                       "create %s: quota size requested but no quota support: the file system of %s has no "
                       "project quotas, or they are not turned on (mount option prjquota)",
                       volume->name, engine->store.root);
    if (r == -EPERM)
        return err_set(
            err, ERR_INVALID, 0,
            "create %s: a quota of a directory is root's to set, and an ordinary user's volumes have "
            "none",
            volume->name);
    if (r) return err_set(err, ERR_SYSTEM, -r, "create %s: set its quota", volume->name);
    return db_do(db, err, "UPDATE volume SET project = ? WHERE name = ?", "is", project, volume->name);
}

static void remove_empty(struct engine *engine, const char *name) {
    char path[NAME_MAX + 32];
    snprintf(path, sizeof path, "volumes/%s/_data", name);
    (void)unlinkat(engine->store.root_fd, path, AT_REMOVEDIR);
    path[strlen(path) - strlen("/_data")] = 0;
    (void)unlinkat(engine->store.root_fd, path, AT_REMOVEDIR);
}

// In the caller's transaction, of a row that is marked: it goes, and the directory to <root>/tmp/<ret_away>.
// 1; 0 when there is none.
static int take_away(struct engine *engine, const char *name, char ret_away[static 32], struct err *err) {
    struct db *db = engine->store.db;
    char id[ID_SIZE], from[NAME_MAX + 16];
    int root = engine->store.root_fd;
    id_random(id);
    snprintf(from, sizeof from, "volumes/%s", name);
    snprintf(ret_away, 32, "tmp/volume-%.16s", id);
    int gone = db_run(db, err, "DELETE FROM volume WHERE name = ? AND removing", "s", name);
    if (gone <= 0) return gone;
    int r = dir_make_all_at(root, "tmp", 0700);
    if (!r && renameat(root, from, root, ret_away) && errno != ENOENT) r = -errno;
    return r ? err_set(err, ERR_SYSTEM, -r, "remove %s", name) : 1;
}

static int insert_row(struct engine *engine, const struct volume *volume, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    return db_run(engine->store.db, err,
                  "INSERT OR IGNORE INTO volume (name, created, anonymous, labels, options) VALUES (?, ?, "
                  "?, ?, ?)",
                  "siiss", volume->name, clock_wall_ns(), (int64_t)volume->anonymous,
                  words_write(&arena, &volume->labels), words_write(&arena, &volume->options));
}

// In the caller's transaction: the row, and after it the directory. One of that name may just be on its way
// out.
static int insert(struct engine *engine, const struct volume *volume, struct err *err) {
    char away[32];
    int added = insert_row(engine, volume, err);
    if (!added && (added = take_away(engine, volume->name, away, err)) > 0)
        added = insert_row(engine, volume, err);
    if (added < 0 || make_directory(engine, volume->name, err)) return -1;
    if (added) event_write(engine->store.root_fd, "volume", "create", volume->name, "driver", "local", NULL);
    if (!added || !set_quota(engine, volume, err)) return 0;
    remove_empty(engine, volume->name);
    return -1;
}

int volume_create(struct engine *engine, struct arena *arena, const struct volume *given,
                  const char **ret_name, struct err *err) {
    struct volume volume = *given;
    if (!volume.name) {
        char *name = arena_alloc(arena, ID_SIZE);
        id_random(name);
        volume.name = name;
        volume.anonymous = true;
        *arena_push(arena, &volume.labels) = (struct spec_key_value){VOLUME_ANONYMOUS_LABEL, ""};
    }
    if (check_name(volume.name, err) || volume_options_check(&volume, err)) return -1;
    struct db *db = engine->store.db;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (db_begin(db, err) || insert(engine, &volume, err) || db_commit(transaction, err)) return -1;
    *ret_name = volume.name;
    return 0;
}

// Of a container

// -v makes a directory that the host does not have, as Docker does.
static int source_make(const char *source, struct err *err) {
    struct stat st;
    if (!stat(source, &st)) return 0;
    int r = dir_make_all_at(AT_FDCWD, source, 0755);
    return r ? err_set(err, ERR_SYSTEM, -r, "make %s for a mount", source) : 0;
}

int volumes_make(struct engine *engine, const struct container_config *config, struct err *err) {
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        int r = mount->type == CONTAINER_MOUNT_VOLUME ? make_directory(engine, mount->source, err)
                : mount->type == CONTAINER_MOUNT_BIND && mount->create_source
                    ? source_make(mount->source, err)
                    : 0;
        if (r) return -1;
    }
    return 0;
}

static int use(struct engine *engine, const char *id, const struct container_mount *mount, struct err *err) {
    struct spec_key_value anonymous = {VOLUME_ANONYMOUS_LABEL, ""};
    struct volume volume = {.name = mount->source, .anonymous = mount->anonymous};
    volume.labels = mount->anonymous ? (struct spec_key_values){&anonymous, 1} : mount->labels;
    volume.options = mount->driver_options;
    if (check_name(volume.name, err) || volume_options_check(&volume, err) || insert(engine, &volume, err))
        return -1;
    return db_do(engine->store.db, err,
                 "INSERT OR IGNORE INTO volume_use (volume, container_id) VALUES (?, ?)", "ss", mount->source,
                 id);
}

bool container_uses_volume(const struct container_config *config, const char *volume) {
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        if (mount->type == CONTAINER_MOUNT_VOLUME && str_eq(mount->source, volume)) return true;
    }
    return false;
}

int volumes_use(struct engine *engine, const struct container *container, struct err *err) {
    struct db *db = engine->store.db;
    _cleanup_(db_rollbackp) struct db *transaction = NULL;
    const struct container_config *config = &container->config;
    for (size_t i = 0; i < config->mounts.count; i++) {
        if (config->mounts.items[i].type != CONTAINER_MOUNT_VOLUME) continue;
        if (!transaction && db_begin(transaction = db, err)) return -1;
        if (use(engine, container->id, &config->mounts.items[i], err)) return -1;
    }
    return transaction ? db_commit(transaction, err) : 0;
}

// Remove

static int remove_away(struct engine *engine, const char *name, const char *away, struct err *err) {
    int r = dir_remove_all_at(engine->store.root_fd, away);
    return r ? err_set(err, ERR_SYSTEM, -r, "remove %s", name) : 0;
}

static int in_use(const struct volume *volume, struct err *err) {
    _cleanup_(str_finish) struct str ids = {0};
    for (size_t i = 0; i < volume->users.count; i++)
        str_printf(&ids, "%s%s", i ? ", " : "", volume->users.items[i]);
    return err_set(err, ERR_CONFLICT, 0, "remove %s: volume is in use - [%s]", volume->name, str_get(&ids));
}

static int mark(struct engine *engine, const char *name, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct db *db = engine->store.db;
    struct volume volume;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (db_begin(db, err) || volume_find(engine, &arena, name, &volume, err)) return -1;
    if (volume.users.count) return in_use(&volume, err);
    if (db_run(db, err, "UPDATE volume SET removing = 1 WHERE name = ?", "s", name) < 0) return -1;
    return db_commit(transaction, err);
}

static int finish_removal(struct engine *engine, const char *name, struct err *err) {
    struct db *db = engine->store.db;
    char away[32];
    {
        _cleanup_(db_rollbackp) struct db *transaction = db;
        if (db_begin(db, err)) return -1;
        int r = take_away(engine, name, away, err);
        if (r <= 0) return r; // somebody else was quicker
        if (db_commit(transaction, err)) return -1;
    }
    if (remove_away(engine, name, away, err)) return -1;
    event_write(engine->store.root_fd, "volume", "destroy", name, "driver", "local", NULL);
    return 0;
}

int volume_remove(struct engine *engine, const char *name, struct err *err) {
    return mark(engine, name, err) ? -1 : finish_removal(engine, name, err);
}

// id NULL: of a container that is gone already.
static int remove_anonymous(struct engine *engine, const char *id, const char *name, struct err *err) {
    struct db *db = engine->store.db;
    if (id &&
        db_run(db, err, "DELETE FROM volume_use WHERE container_id = ? AND volume = ?", "ss", id, name) < 0)
        return -1;
    int r = volume_remove(engine, name, err);
    return r && (err->kind == ERR_NOT_FOUND || err->kind == ERR_CONFLICT) ? 0
                                                                          : r; // it is somebody else's, too
}

int volumes_remove_anonymous(struct engine *engine, const char *id, const struct container_config *config,
                             struct err *err) {
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        if (mount->anonymous && remove_anonymous(engine, id, mount->source, err)) return -1;
    }
    return 0;
}

int container_remove_volumes(struct engine *engine, const struct container *container, struct err *err) {
    return volumes_remove_anonymous(engine, NULL, &container->config, err);
}

// List

FILTER_MATCH(match_dangling) {
    return filter->number == !((const struct volume *)of)->users.count;
}
FILTER_MATCH(match_driver) {
    return str_eq(filter->value, "local");
}
FILTER_MATCH(match_label) {
    return key_values_have(&((const struct volume *)of)->labels, filter->value);
}
FILTER_MATCH(match_no_label) {
    return !match_label(filter, of);
}
FILTER_MATCH(match_name) {
    return strstr(((const struct volume *)of)->name, filter->value);
}

static const struct filter_key filter_rows[] = {
    {"dangling=", false, match_dangling, filter_read_bool},
    {"driver=", false, match_driver},
    {"label=", true, match_label},
    {"label!=", true, match_no_label},
    {"name=", false, match_name},
};
static const struct filter_keys filter_keys = FILTER_KEYS(filter_rows);

int volume_list(struct engine *engine, struct arena *arena, const struct strings *texts,
                struct volumes *ret_volumes, struct err *err) {
    struct volumes all = {0}, list = {0};
    struct filters filters;
    if (filters_read(arena, &filter_keys, texts, NULL, &filters, err)) return -1;
    {
        _cleanup_(db_rows_finish) struct db_rows rows = {0};
        int r;
        if (db_query(engine->store.db, &rows, err, COLUMNS "WHERE NOT removing ORDER BY name", "")) return -1;
        while ((r = db_next(&rows, err)) > 0)
            if (row_of_volume(arena, &rows, arena_push(arena, &all), err)) return -1;
        if (r < 0) return -1;
    }
    for (size_t i = 0; i < all.count; i++) {
        if (find_users(engine, arena, &all.items[i], err)) return -1;
        if (filters_match(&filters, &all.items[i])) *arena_push(arena, &list) = all.items[i];
    }
    *ret_volumes = list;
    return 0;
}

// Prune

static bool is_label_filter(const char *text) {
    return str_has_prefix(text, "label=") || str_has_prefix(text, "label!=");
}

// "all=true" is a filter, too.
static int prune_filters(struct arena *arena, const struct volume_prune_options *options,
                         struct strings *ret_filters, bool *ret_all, struct err *err) {
    *ret_all = options->all;
    for (size_t i = 0; i < options->filters.count; i++) {
        const char *text = options->filters.items[i], *all = str_after(text, "all=");
        if (all && !parse_bool(all, ret_all)) continue;
        if (!is_label_filter(text))
            return err_set(err, ERR_INVALID, 0, "invalid filter '%.*s'", (int)strcspn(text, "="), text);
        strings_add(arena, ret_filters, text);
    }
    return 0;
}

static int prune_one(struct engine *engine, struct arena *arena, const char *name,
                     struct volume_pruned *pruned, struct err *err) {
    _cleanup_(usage_finish) struct usage usage = {0};
    (void)usage_add_at(&usage, engine->store.root_fd, arena_printf(arena, "volumes/%s/_data", name));
    if (volume_remove(engine, name, err))
        return err->kind == ERR_CONFLICT || err->kind == ERR_NOT_FOUND ? 0 : -1; // used since, or gone
    strings_add(arena, &pruned->names, name);
    pruned->bytes += usage.bytes;
    return 0;
}

int volume_prune(struct engine *engine, struct arena *arena, const struct volume_prune_options *options,
                 struct volume_pruned *ret_pruned, struct err *err) {
    struct volume_pruned pruned = {0};
    struct strings filters = {0};
    struct volumes volumes;
    bool all;
    if (prune_filters(arena, options, &filters, &all, err) ||
        volume_list(engine, arena, &filters, &volumes, err))
        return -1;
    for (size_t i = 0; i < volumes.count; i++) {
        const struct volume *volume = &volumes.items[i];
        if (volume->users.count || !(all || volume->anonymous)) continue;
        if (prune_one(engine, arena, volume->name, &pruned, err)) return -1;
    }
    *ret_pruned = pruned;
    return 0;
}

// What a crash left

// Of each name in the folder.
static int each_in(struct engine *engine, const char *folder,
                   int (*each)(struct engine *engine, const char *name, struct err *err), struct err *err) {
    _cleanup_(dir_closep) DIR *dir = NULL;
    int r = dir_open_at(engine->store.root_fd, folder, &dir);
    if (r == -ENOENT) return 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "look into %s/%s", engine->store.root, folder);
    for (struct dirent *entry; !r && (entry = readdir(dir));)
        if (*entry->d_name != '.') r = each(engine, entry->d_name, err);
    return r;
}

static int recover_away(struct engine *engine, const char *name, struct err *err) {
    char path[NAME_MAX + 8];
    if (!str_has_prefix(name, "volume-")) return 0;
    snprintf(path, sizeof path, "tmp/%s", name);
    return remove_away(engine, name, path, err);
}

// A directory without a row is one that was not made to the end, and is empty. If it is not, it stays.
static int recover_made(struct engine *engine, const char *name, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct volume ignored;
    _cleanup_(db_rollbackp) struct db *transaction = engine->store.db;
    int r = load(engine, &arena, name, &ignored, err);
    if (r) return r < 0 ? -1 : 0;
    if (db_begin(transaction, err) || (r = load(engine, &arena, name, &ignored, err)) < 0) return -1;
    if (r) return 0;
    remove_empty(engine, name);
    return 0;
}

static int recover_marked(struct engine *engine, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings names = {0};
    if (db_texts(engine->store.db, &arena, &names, err, "SELECT name FROM volume WHERE removing", ""))
        return -1;
    for (size_t i = 0; i < names.count; i++)
        if (finish_removal(engine, names.items[i], err)) return -1;
    return 0;
}

int volumes_recover(struct engine *engine, struct err *err) {
    return recover_marked(engine, err) || each_in(engine, "tmp", recover_away, err) ||
                   each_in(engine, "volumes", recover_made, err)
               ? -1
               : 0;
}
