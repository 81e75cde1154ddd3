// SPDX-License-Identifier: Apache-2.0
#include "engine/usage.h"

#include "base/event_log.h"
#include "base/fd.h"
#include "base/usage.h"
#include "engine/parts.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

// A layer or an index: how much it is, and how many images have it.
struct part {
    const char *name; // "layers/<hex>"
    uint64_t bytes;
    size_t images;
};

struct count {
    struct engine *engine;
    struct arena *arena;
    struct disk_usage *result;
    struct usage disk; // all that was counted so far
    struct {
        struct part *items;
        size_t count;
    } parts;
    uint64_t database, folders, filters, events, partial;
    struct err *err;
};

// What name below <root> takes, without what was counted before.
static int add(struct count *c, const char *name, uint64_t *ret_bytes) {
    uint64_t before = c->disk.bytes;
    int r = usage_add_at(&c->disk, c->engine->store.root_fd, name);
    if (r) return err_set(c->err, ERR_SYSTEM, -r, "look at %s/%s", c->engine->store.root, name);
    *ret_bytes = c->disk.bytes - before;
    return 0;
}

static void add_row(struct count *c, const char *name, uint64_t bytes, bool orphan) {
    if (bytes || orphan)
        *arena_push(c->arena, &c->result->others) = (struct other_usage){name, bytes, orphan};
}

static int add_other(struct count *c, const char *path, bool orphan) {
    uint64_t bytes;
    if (add(c, path, &bytes)) return -1;
    add_row(c, path, bytes, orphan);
    return 0;
}

static int look_failed(struct count *c, const char *folder, int r) {
    bool top = str_eq(folder, ".");
    return err_set(c->err, ERR_SYSTEM, -r, "look into %s%s%s", c->engine->store.root, top ? "" : "/",
                   top ? "" : folder);
}

// Calls each for every name in the folder, and counts the folder itself.
static int each_in(struct count *c, const char *folder, int (*each)(struct count *c, const char *path)) {
    struct stat st;
    _cleanup_(dir_closep) DIR *dir = NULL;
    int r = dir_open_at(c->engine->store.root_fd, folder, &dir);
    if (r == -ENOENT) return 0;
    if (r) return look_failed(c, folder, r);
    if (!fstat(dirfd(dir), &st))
        c->folders += (uint64_t)st.st_blocks * 512, c->disk.bytes += (uint64_t)st.st_blocks * 512;
    for (struct dirent *entry; (r = dir_read(dir, &entry)) > 0;)
        if (each(c, str_eq(folder, ".") ? arena_strdup(c->arena, entry->d_name)
                                        : arena_printf(c->arena, "%s/%s", folder, entry->d_name)))
            return -1;
    return r ? look_failed(c, folder, r) : 0;
}

// Images

static struct part *part_find(struct count *c, const char *name) {
    for (size_t i = 0; i < c->parts.count; i++)
        if (str_eq(c->parts.items[i].name, name)) return &c->parts.items[i];
    return NULL;
}

static struct part *part_of(struct count *c, const char *folder, const char *digest) {
    const char *name = arena_printf(c->arena, "%s/%s", folder, digest_hex(digest));
    struct part *part = part_find(c, name);
    if (part) return part;
    part = arena_push(c->arena, &c->parts);
    *part = (struct part){.name = name};
    return part;
}

static void each_part(struct count *c, const struct image *image,
                      void (*act)(struct part *part, struct image_usage *usage), struct image_usage *usage) {
    const struct strings *diff_ids = &image->config.diff_ids;
    act(part_of(c, "images", image->chain_id), usage);
    for (size_t i = 0; i < diff_ids->count; i++)
        if (!strings_repeat(diff_ids, i)) act(part_of(c, "layers", diff_ids->items[i]), usage);
}

static void know(struct part *part, struct image_usage *usage) {
    (void)usage;
    part->images++;
}

static void sum_up(struct part *part, struct image_usage *usage) {
    usage->layers += part->bytes;
    if (part->images > 1) usage->shared += part->bytes;
}

static int list_images(struct count *c) {
    struct images images;
    if (image_list(&c->engine->store, c->arena, &images, c->err)) return -1;
    for (size_t i = 0; i < images.count; i++) {
        struct image_usage *usage = arena_push(c->arena, &c->result->images);
        *usage = (struct image_usage){.image = images.items[i]};
        for (size_t k = 0; k < c->result->containers.count; k++)
            usage->containers +=
                str_eq(c->result->containers.items[k].container.image_id, images.items[i].id);
        each_part(c, &images.items[i], know, NULL);
    }
    return 0;
}

static int count_part(struct count *c, const char *path) {
    struct part *part = part_find(c, path);
    if (!part) return add_other(c, path, true);
    if (add(c, path, &part->bytes)) return -1;
    c->result->layers += part->bytes;
    return 0;
}

static void sum_images(struct count *c) {
    for (size_t i = 0; i < c->result->images.count; i++)
        each_part(c, &c->result->images.items[i].image, sum_up, &c->result->images.items[i]);
}

// Blobs

static int list_blobs(struct count *c) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (db_query(c->engine->store.db, &rows, c->err,
                 "SELECT digest, count(*) FROM kept_blob GROUP BY digest ORDER BY digest", ""))
        return -1;
    while ((r = db_next(&rows, c->err)) > 0)
        *arena_push(c->arena, &c->result->blobs) = (struct blob_usage){
            .digest = arena_strdup(c->arena, db_text(&rows, 0)), .images = (size_t)db_i64(&rows, 1)};
    return r;
}

static int count_blob(struct count *c, const char *path) {
    for (size_t i = 0; i < c->result->blobs.count; i++) {
        struct blob_usage *blob = &c->result->blobs.items[i];
        if (!str_eq(digest_hex(blob->digest), strrchr(path, '/') + 1)) continue;
        if (add(c, path, &blob->bytes)) return -1;
        c->result->kept += blob->bytes;
        return 0;
    }
    return add_other(c, path, true);
}

// blobs/sha256
static int count_blobs(struct count *c, const char *path) {
    return each_in(c, path, count_blob);
}

// Containers

static int list_containers(struct count *c) {
    struct containers containers;
    if (container_list(c->engine, c->arena, true, &containers, c->err)) return -1;
    for (size_t i = 0; i < containers.count; i++)
        *arena_push(c->arena, &c->result->containers) =
            (struct container_usage){.container = containers.items[i]};
    return 0;
}

static struct container_usage *container_of(struct count *c, const char *id) {
    for (size_t i = 0; i < c->result->containers.count; i++)
        if (str_eq(c->result->containers.items[i].container.id, id)) return &c->result->containers.items[i];
    return NULL;
}

static int count_container(struct count *c, const char *path) {
    struct container_usage *usage = container_of(c, strchr(path, '/') + 1);
    uint64_t upper = 0, work = 0;
    if (!usage) return add_other(c, path, true);
    if (add(c, arena_printf(c->arena, "%s/upper", path), &upper) ||
        add(c, arena_printf(c->arena, "%s/work", path), &work) ||
        add(c, arena_printf(c->arena, "%s/log", path), &usage->log))
        return -1;
    usage->writable = upper + work;
    // The rest: its parts are counted already, so that they are taken off again.
    struct usage whole = {0};
    int r = usage_add_at(&whole, c->engine->store.root_fd, path);
    usage_finish(&whole);
    if (r) return err_set(c->err, ERR_SYSTEM, -r, "look at %s/%s", c->engine->store.root, path);
    usage->other = whole.bytes - usage->writable - usage->log;
    c->disk.bytes += usage->other;
    c->result->containers_bytes += whole.bytes;
    if (!container_runs(&usage->container)) c->result->stopped += whole.bytes;
    return 0;
}

// Volumes

static size_t volume_users(struct count *c, const char *name) {
    size_t users = 0;
    for (size_t i = 0; i < c->result->containers.count; i++)
        users += container_uses_volume(&c->result->containers.items[i].container.config, name);
    return users;
}

static int count_volume(struct count *c, const char *path) {
    const char *name = strchr(path, '/') + 1;
    int known =
        db_number(c->engine->store.db, NULL, c->err, "SELECT 1 FROM volume WHERE name = ?", "s", name);
    if (known <= 0) return known < 0 ? -1 : add_other(c, path, true);
    struct volume_usage *usage = arena_push(c->arena, &c->result->volumes);
    usage->name = name;
    usage->containers = volume_users(c, usage->name);
    if (add(c, path, &usage->bytes)) return -1;
    c->result->volumes_bytes += usage->bytes;
    if (!usage->containers) c->result->unused += usage->bytes;
    return 0;
}

// The rest

// What a transfer or a removal is at work on is locked; else a crash left it.
static int count_temporary(struct count *c, const char *path) {
    if (str_eq(path, "tmp/partial")) return add(c, path, &c->partial); // image/partial.h
    _cleanup_(fd_closep) int fd = fd_open_at(c->engine->store.root_fd, path, O_RDONLY | O_NOFOLLOW, 0);
    bool orphan = fd >= 0 && !flock(fd, LOCK_SH | LOCK_NB);
    return add_other(c, path, orphan);
}

static int count_top(struct count *c, const char *name) {
    static const struct {
        const char *folder;
        int (*each)(struct count *c, const char *path);
    } folders[] = {
        {"layers", count_part},    {"images", count_part},   {"containers", count_container},
        {"volumes", count_volume}, {"tmp", count_temporary}, {"blobs", count_blobs},
    };
    uint64_t bytes;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        if (str_eq(name, folders[i].folder)) return each_in(c, name, folders[i].each);
    bool database = str_has_prefix(name, "hoy.db"), filters = str_eq(name, "seccomp"),
         events = str_eq(name, EVENT_LOG) || str_eq(name, EVENT_LOG_OLD);
    bool other = str_eq(name, "driver") || str_eq(name, "empty") || str_eq(name, "lost+found"); // mkfs's
    if (!database && !filters && !events) return add_other(c, name, !other);
    if (add(c, name, &bytes)) return -1;
    *(database ? &c->database : filters ? &c->filters : &c->events) += bytes;
    return 0;
}

static int count_all(struct count *c) {
    const struct image_prune_options all = {.all = true, .plan = true};
    struct image_pruned pruned;
    if (list_containers(c) || list_images(c) || list_blobs(c) || each_in(c, ".", count_top) ||
        image_prune(&c->engine->store, c->arena, &all, &pruned, c->err))
        return -1;
    sum_images(c);
    c->result->reclaimable = pruned.bytes;
    add_row(c, "database", c->database, false);
    add_row(c, "compiled filters", c->filters, false);
    add_row(c, "events", c->events, false);
    add_row(c, "interrupted pulls", c->partial, false);
    add_row(c, "folders", c->folders, false);
    c->result->total = c->disk.bytes;
    return 0;
}

int engine_disk_usage(struct engine *engine, struct arena *arena, struct disk_usage *ret_usage,
                      struct err *err) {
    struct disk_usage result = {0};
    struct count count = {.engine = engine, .arena = arena, .result = &result, .err = err};
    int r = count_all(&count);
    usage_finish(&count.disk);
    if (r) return -1;
    *ret_usage = result;
    return 0;
}
