// SPDX-License-Identifier: Apache-2.0
// hoy's side of a push: what the image's parts are, where else they may be had, and in the end the manifest.
//
// Of a layer the store has the tar, and the blob that was served only when it was kept (blob.h). Then that is
// what is sent. Else the blob is the target's already, or it is mounted from a repository of the same
// registry, or it streams from the registry that it was pulled from to the target; image_digest tells which
// these are. What hoy compresses comes out the same each time, so its digest is kept (made_blob), and nothing
// is compressed twice to find out that it is there.
#include "base/fd.h"
#include "image/blob.h"
#include "image/commit.h"
#include "image/event.h"
#include "image/image.h"
#include "image/progress.h"
#include "image/upload.h"
#include "oci/manifest_edit.h"
#include "registry/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZSTD_LEVEL 3

struct push_layer {
    struct upload_part part;
    const char *diff_id;
    const struct descriptor *blob; // as the manifest has it
    bool repeated;                 // an earlier layer is the same
    size_t line;                   // of the progress
    uint64_t tar_size;             // of the file that it is made of
    const char *key;               // of made_blob
    // How it was
    const char *pushed_digest;
    uint64_t pushed_size;
    bool made;
};

struct push {
    struct store *store;
    struct arena *arena;
    const struct push_options *options;
    struct upload upload;
    struct image image;
    struct manifest manifest;
    struct progress progress;
    struct {
        struct push_layer *items;
        size_t count;
    } layers;
    const char *why; // a layer was compressed anew
    const char *text, *type, *digest;
};

static FILE *words(const struct push *push) {
    return push->options->quiet ? NULL : push->options->out;
}

// The parts

static const char *compression_key(struct push *push, enum layer_compression compression, int level) {
    return compression == LAYER_ZSTD ? arena_printf(push->arena, "zstd:%d", level) : "gzip";
}

// What hoy's compressor made of the layer before. 1, or 0.
static int made_before(struct push *push, struct push_layer *layer, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(push->store->db, &rows, err,
                 "SELECT digest, size FROM made_blob WHERE diff_id = ? AND compression = ?", "ss",
                 layer->diff_id, layer->key))
        return -1;
    int r = db_next(&rows, err);
    if (r <= 0) return r;
    layer->part.made_digest = arena_strdup(push->arena, db_text(&rows, 0));
    layer->part.made_size = (uint64_t)db_i64(&rows, 1);
    return 1;
}

// Was the layer made here? Then hoy has compressed it, when its image has been pushed before.
static int ever_made(struct push *push, const struct push_layer *layer, struct err *err) {
    if (!push->image.digests.count) return 1;
    return db_number(push->store->db, NULL, err, "SELECT 1 FROM made_blob WHERE diff_id = ?", "s",
                     layer->diff_id);
}

// Which blob the layer is to become.
static int layer_decide(struct push *push, struct push_layer *layer, struct err *err) {
    const struct push_options *o = push->options;
    enum layer_compression now, wanted;
    if (layer_compression_of(layer->blob->media_type, &now))
        return err_set(err, ERR_INVALID, 0, "\"%.100s\" is no type of a layer", layer->blob->media_type);
    wanted = !o->compression ? now : str_eq(o->compression, "zstd") ? LAYER_ZSTD : LAYER_GZIP;
    layer->part.compression = wanted == LAYER_PLAIN ? LAYER_GZIP : wanted;
    layer->part.level = o->level ? o->level : ZSTD_LEVEL;
    layer->key = compression_key(push, layer->part.compression, layer->part.level);
    int made = ever_made(push, layer, err);
    if (made < 0 || made_before(push, layer, err) < 0) return -1;
    // A tar that was served as it is stays so; one of an image that was made here becomes smaller.
    bool plain = wanted == LAYER_PLAIN && !o->force && !made;
    bool anew = wanted != now || o->force || (now == LAYER_PLAIN && !plain);
    layer->part.digest = anew ? layer->part.made_digest : layer->blob->digest;
    layer->part.size = anew ? layer->part.made_size : layer->blob->size;
    if (!plain) return 0;
    layer->part.compression = LAYER_PLAIN;
    layer->part.made_digest = layer->part.digest;
    layer->part.made_size = layer->part.size;
    return 0;
}

// Only so many are asked: first those that have the manifest, and so this very blob.
static int sources_find(struct push *push, struct push_layer *layer, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (db_query(push->store->db, &rows, err,
                 "SELECT d.repository FROM image_layer l JOIN image_digest d ON d.image_id = l.image_id "
                 "WHERE l.diff_id = ? GROUP BY d.repository "
                 "ORDER BY max(d.manifest_digest = ?) DESC, max(d.image_id = ?) DESC, d.repository",
                 "sss", layer->diff_id, push->image.manifest_digest, push->image.id))
        return -1;
    while ((r = db_next(&rows, err)) > 0)
        upload_part_from(&push->upload, &layer->part, arena_strdup(push->arena, db_text(&rows, 0)));
    return r;
}

static int layers_prepare(struct push *push, struct strings *ret_lines, struct err *err) {
    const struct descriptors *blobs = &push->manifest.layers;
    if (blobs->count != push->image.config.diff_ids.count)
        return err_set(err, ERR_INVALID, 0, "the image's manifest and its config have different layers");
    for (size_t i = 0; i < blobs->count; i++) {
        struct push_layer *layer = arena_push(push->arena, &push->layers);
        layer->part.number = i;
        layer->diff_id = push->image.config.diff_ids.items[i];
        layer->blob = &blobs->items[i];
        for (size_t j = 0; j < i && !layer->repeated; j++)
            layer->repeated = str_eq(push->layers.items[j].diff_id, layer->diff_id) &&
                              str_eq(push->layers.items[j].blob->digest, layer->blob->digest);
        if (layer->repeated) continue;
        layer->line = ret_lines->count;
        strings_add(push->arena, ret_lines, layer->diff_id);
        if (layer_decide(push, layer, err) || sources_find(push, layer, err)) return -1;
    }
    return 0;
}

// The blob as it was served, when that is what is to be sent and it was kept. 1, or 0.
static int blob_find(struct push *push, struct push_layer *layer, int *ret_fd, struct err *err) {
    struct upload_part *part = &layer->part;
    if (!str_eq(part->digest, layer->blob->digest)) return 0;
    int r = blob_open(push->store, part->digest, ret_fd, err);
    if (r <= 0) return r;
    part->is_blob = true;
    part->compression = LAYER_PLAIN;
    part->made_digest = part->digest;
    layer->tar_size = part->made_size = part->size;
    return 1;
}

// The layer's tar, where it is kept: beside a directory as a blob.
static int layer_open(struct push *push, struct push_layer *layer, int *ret_fd, struct err *err) {
    struct stat st;
    _cleanup_(fd_closep) int fd =
        fd_open_at(push->store->root_fd, arena_printf(push->arena, "layers/%s", digest_hex(layer->diff_id)),
                   O_RDONLY | O_NOFOLLOW, 0);
    if (fd == -ENOENT) return 0;
    if (fd >= 0 && !fstat(fd, &st) && S_ISDIR(st.st_mode)) {
        fd_closep(&fd);
        int r = blob_open(push->store, layer->diff_id, &fd, err);
        if (r <= 0) return r;
    }
    if (fd < 0 || fstat(fd, &st))
        return err_set(err, ERR_SYSTEM, fd < 0 ? -fd : errno, "can't open layer %.19s", layer->diff_id);
    layer->tar_size = (uint64_t)st.st_size;
    *ret_fd = take_fd(&fd);
    return 0;
}

// Nothing can be made of a directory: where nothing else is asked for, it goes as it was served.
static void layer_leave(const struct push *push, struct push_layer *layer) {
    if (push->options->compression || push->options->force) return;
    layer->part.digest = layer->blob->digest;
    layer->part.size = layer->blob->size;
}

// The config goes as a part after the layers.
static int parts_send(struct push *push, struct err *err) {
    for (size_t i = 0; i < push->layers.count; i++) {
        struct push_layer *layer = &push->layers.items[i];
        _cleanup_(fd_closep) int fd = -1;
        if (layer->repeated) continue;
        int found = blob_find(push, layer, &fd, err);
        if (found < 0 || (!found && layer_open(push, layer, &fd, err))) return -1;
        if (fd < 0) layer_leave(push, layer);
        if (upload_part_send(&push->upload, &layer->part, fd, err)) return -1;
    }
    if (upload_document_send(&push->upload, push->layers.count, push->image.id, push->image.config_text, err))
        return -1;
    return upload_end(&push->upload, err);
}

// The manifest

static const struct push_layer *layer_first(const struct push *push, const struct push_layer *layer) {
    const struct push_layer *first = push->layers.items;
    while (!str_eq(first->diff_id, layer->diff_id) || !str_eq(first->blob->digest, layer->blob->digest))
        first++;
    return first;
}

static int manifest_make(struct push *push, struct err *err) {
    struct descriptors layers = {0};
    bool changed = false;
    for (size_t i = 0; i < push->layers.count; i++) {
        const struct push_layer *layer = layer_first(push, &push->layers.items[i]);
        struct descriptor *d = arena_push(push->arena, &layers);
        if (!layer->pushed_digest)
            return err_set(err, ERR_SYSTEM, 0, "hoy-fetch does not say what became of a layer");
        *d = *layer->blob;
        if (str_eq(d->digest, layer->pushed_digest)) continue;
        changed = true;
        d->digest = layer->pushed_digest;
        d->size = layer->pushed_size;
        d->media_type = layer_media_type(push->manifest.media_type, layer->part.compression);
    }
    push->text = push->image.manifest;
    push->type = push->image.media_type;
    if (changed &&
        manifest_with_layers(push->arena, push->image.manifest, &layers, &push->text, &push->type, err))
        return -1;
    char *digest = arena_alloc(push->arena, DIGEST_SIZE);
    digest_of(push->text, strlen(push->text), digest);
    push->digest = digest;
    return 0;
}

static int on_parts(struct push *push, const struct json *event, struct err *err) {
    (void)event;
    if (push->digest || manifest_make(push, err)) return -1;
    if (upload_manifest_send(&push->upload, push->upload.target.tag, push->type, push->text, err)) return -1;
    return upload_end(&push->upload, err);
}

// What the worker says

static struct push_layer *layer_of(struct push *push, const struct json *event) {
    uint64_t number;
    return json_u64(json_get(event, "part"), &number) || number >= push->layers.count
               ? NULL
               : &push->layers.items[number];
}

static int on_progress(struct push *push, const struct json *event, struct err *err) {
    const struct push_layer *layer = layer_of(push, event);
    uint64_t current;
    (void)err;
    if (!layer || json_u64(json_get(event, "current"), &current)) return 0;
    progress_size(&push->progress, layer->line,
                  json_boolean(json_get(event, "file")) ? layer->tar_size : layer->blob->size);
    progress_bytes(&push->progress, layer->line, current);
    return 0;
}

static void layer_say(struct push *push, const struct push_layer *layer, const struct json *event) {
    const char *name = json_get_string(event, "event"), *from = json_get_string(event, "from");
    progress_say(&push->progress, layer->line,
                 str_eq(name, "exists") ? "Layer already exists"
                 : from                 ? arena_printf(push->arena, "Mounted from %.255s", from)
                                        : "Pushed");
}

static int on_part(struct push *push, const struct json *event, struct err *err) {
    struct push_layer *layer = layer_of(push, event);
    const char *digest = json_get_string(event, "digest"), *why = json_get_string(event, "why");
    if (!layer) return 0; // the config
    if (!digest_valid(digest) || json_u64(json_get(event, "size"), &layer->pushed_size)) return -1;
    (void)err;
    layer->pushed_digest = arena_strdup(push->arena, digest);
    layer->made = json_boolean(json_get(event, "made")) && layer->part.compression != LAYER_PLAIN;
    if (layer->part.digest && !str_eq(layer->part.digest, digest))
        push->why = why ? arena_strdup(push->arena, why) : "it can't be had as it was";
    layer_say(push, layer, event);
    return 0;
}

static const struct {
    const char *event;
    int (*handle)(struct push *push, const struct json *event, struct err *err);
} events[] = {
    {"progress", on_progress}, {"exists", on_part}, {"mounted", on_part},
    {"pushed", on_part},       {"parts", on_parts},
};

static int converse(struct push *push, struct err *err) {
    for (;;) {
        _cleanup_(json_freep) struct json *event = NULL;
        if (fetcher_receive(&push->upload.fetcher, &event, err)) return -1;
        const char *name = json_get_string(event, "event");
        if (str_eq(name, "done")) break;
        err_set(err, ERR_SYSTEM, 0, "hoy-fetch speaks out of turn");
        for (size_t i = 0; i < ARRAY_SIZE(events); i++)
            if (str_eq(name, events[i].event) && events[i].handle(push, event, err)) return -1;
    }
    if (!push->digest) return err_set(err, ERR_SYSTEM, 0, "hoy-fetch was done before it began");
    return fetcher_wait(&push->upload.fetcher, err);
}

// The image is in that repository now, under that digest. It may have been removed here meanwhile.
static int digest_record(struct push *push, struct err *err) {
    int has = store_has_image(push->store, push->image.id, err);
    if (has <= 0) return has;
    return store_add_manifest(push->store, push->image.id, push->digest, push->type, push->text, err) ||
                   db_run(push->store->db, err,
                          "INSERT INTO image_digest (repository, digest, image_id, manifest_digest) "
                          "VALUES (?1, ?2, ?3, ?2) ON CONFLICT (repository, digest) DO UPDATE SET "
                          "image_id = excluded.image_id, manifest_digest = excluded.manifest_digest",
                          "sss", reference_repository(push->arena, &push->upload.target), push->digest,
                          push->image.id) < 0
               ? -1
               : 0;
}

// What is remembered.
static int push_record(struct push *push, struct err *err) {
    struct db *db = push->store->db;
    if (db_begin(db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *open = db;
    if (digest_record(push, err)) return -1;
    for (size_t i = 0; i < push->layers.count; i++) {
        const struct push_layer *layer = &push->layers.items[i];
        if (layer->made &&
            db_run(db, err,
                   "INSERT INTO made_blob (diff_id, compression, digest, size) "
                   "SELECT diff_id, ?, ?, ? FROM layer WHERE diff_id = ? "
                   "ON CONFLICT (diff_id, compression) DO UPDATE SET digest = excluded.digest, "
                   "size = excluded.size",
                   "ssis", layer->key, layer->pushed_digest, (int64_t)layer->pushed_size, layer->diff_id) < 0)
            return -1;
    }
    return db_commit(open, err);
}

// One tag

static int image_load(struct push *push, struct err *err) {
    const char *name = reference_familiar(push->arena, &push->upload.target);
    int r = image_find(push->store, push->arena, reference_full(push->arena, &push->upload.target),
                       &push->image, err);
    if (r && err->kind == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, 0, "An image does not exist locally with the tag: %s", name);
    if (r) return -1;
    return manifest_parse(push->arena, push->image.manifest, strlen(push->image.manifest),
                          push->image.media_type, &push->manifest, err);
}

static int push_run(struct push *push, struct err *err) {
    struct strings lines = {0};
    if (layers_prepare(push, &lines, err)) return -1;
    if (upload_begin(&push->upload, err)) return -1;
    progress_begin_push(&push->progress, push->arena, words(push), &lines);
    if (parts_send(push, err) || converse(push, err)) return -1;
    return push_record(push, err);
}

static void print_end(struct push *push) {
    const struct reference *r = &push->upload.target;
    if (push->why) {
        fprintf(stderr, "hoy: %s: compressed anew, the digest changes: %s\n",
                reference_familiar(push->arena, r), push->why);
    }
    if (words(push))
        fprintf(push->options->out, "%s: digest: %s size: %zu\n", r->tag, push->digest, strlen(push->text));
    else
        fprintf(push->options->out, "%s\n", reference_full(push->arena, r));
    fflush(push->options->out);
}

static int push_tag(struct store *store, struct arena *arena, const struct push_options *options,
                    const struct reference *reference, struct err *err) {
    struct push push = {.store = store,
                        .arena = arena,
                        .options = options,
                        .upload = {.arena = arena, .target = *reference, .fetcher = FETCHER_INIT}};
    const char *name = reference_familiar(arena, reference);
    if (image_load(&push, err) ||
        platform_check(push.arena, push.options->platform,
                       reference_familiar(push.arena, &push.upload.target), &push.image.config, err))
        return -1;
    int r = push_run(&push, err);
    fetcher_finish(&push.upload.fetcher);
    if (r) return strstr(err->text, name) ? -1 : err_wrap(err, "push %s", name);
    print_end(&push);
    return 0;
}

// All of it

static int tags_find(struct store *store, struct arena *arena, const struct reference *reference,
                     struct strings *ret_tags, struct err *err) {
    const char *prefix = arena_printf(arena, "%s:", reference_repository(arena, reference));
    if (db_texts(store->db, arena, ret_tags, err,
                 "SELECT substr(name, length(?1) + 1) FROM image_name "
                 "WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name",
                 "s", prefix))
        return -1;
    if (ret_tags->count) return 0;
    return err_set(err, ERR_NOT_FOUND, 0, "An image does not exist locally with the tag: %s",
                   reference_familiar_repository(arena, reference));
}

int image_push(struct store *store, struct arena *arena, const struct push_options *options,
               struct err *err) {
    struct reference reference;
    struct strings tags = {0};
    const char *slash = strrchr(options->reference, '/');
    bool has_tag = strpbrk(slash ? slash : options->reference, ":@");
    if (reference_parse(arena, options->reference, &reference, err)) return -1;
    if (reference.digest) return err_set(err, ERR_INVALID, 0, "cannot push a digest reference");
    if (options->all_tags && has_tag)
        return err_set(err, ERR_INVALID, 0, "tag can't be used with --all-tags/-a");
    if (!options->all_tags)
        strings_add(arena, &tags, reference.tag);
    else if (tags_find(store, arena, &reference, &tags, err))
        return -1;
    if (!options->quiet) {
        if (!options->all_tags && !has_tag) fprintf(options->out, "Using default tag: latest\n");
        fprintf(options->out, "The push refers to repository [%s]\n",
                reference_repository(arena, &reference));
        fflush(options->out);
    }
    for (size_t i = 0; i < tags.count; i++) {
        reference.tag = tags.items[i];
        if (push_tag(store, arena, options, &reference, err)) return -1;
        image_event(store, "push", reference_familiar(arena, &reference),
                    reference_familiar_repository(arena, &reference), NULL);
    }
    return 0;
}
