// SPDX-License-Identifier: Apache-2.0
#include "image/intake.h"

#include "base/fd.h"
#include "image/blob.h"
#include "image/partial.h"
#include "image/pull.h"
#include "image/request.h"
#include "registry/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIGNATURES_MAX 64
// Of all the documents of one intake: their size is a stranger's.
#define DOCUMENTS_MAX (64u << 20)

// The request

int intake_put_settings(const struct intake *intake, struct json_writer *w, struct err *err) {
    json_put_string(w, "driver", intake->store->driver);
    json_put_bool(w, "keep_blobs", intake->keep_blobs);
    return request_put_limits(w, err);
}

void intake_put_platform(struct json_writer *w, const struct platform *p) {
    json_begin_object(w, "platform");
    json_put_string(w, "os", p->os);
    json_put_string(w, "architecture", p->architecture);
    if (p->variant) json_put_string(w, "variant", p->variant);
    json_end_object(w);
}

int intake_start(struct intake *intake, const char *mode, struct err *err) {
    return image_clean_staging(intake->store, err) || staging_make(intake->store, &intake->staging, err) ||
                   staging_fetch(&intake->staging, &intake->fetcher, mode, err)
               ? -1
               : 0;
}

// The documents, as they were staged

static int document_read(struct intake *intake, const char *name, const char *digest, const char **ret_text,
                         size_t *ret_size, struct err *err) {
    if (staging_document(&intake->staging, intake->arena, name, digest, ret_text, ret_size, err)) return -1;
    intake->document_bytes += *ret_size;
    if (intake->document_bytes > DOCUMENTS_MAX)
        return err_set(err, ERR_INVALID, 0, "manifests and configs have more than %u MiB",
                       DOCUMENTS_MAX >> 20);
    return 0;
}

static bool index_lists(const struct manifest *index, const char *digest) {
    for (size_t i = 0; i < index->manifests.count; i++)
        if (str_eq(index->manifests.items[i].digest, digest)) return true;
    return false;
}

// An index that leads on to `next`.
static int index_check(struct intake *intake, const char *file, const char *digest, const char *next,
                       struct err *err) {
    const char *text;
    size_t size;
    struct manifest index;
    if (document_read(intake, file, digest, &text, &size, err) ||
        manifest_parse(intake->arena, text, size, NULL, &index, err))
        return -1;
    if (index_lists(&index, next)) return 0;
    return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought a manifest that the index does not list");
}

// From the digest of what was named, through the indexes on the way, to the manifest.
static int indexes_check(struct intake *intake, const char *digest, const struct json *between,
                         const char *manifest, struct err *err) {
    const char *file = STAGED_INDEX_DOCUMENT;
    if (json_length(between) > INDEX_DEPTH_MAX)
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought too many indexes");
    if (str_eq(manifest, digest)) return 0;
    for (size_t i = 0; i <= json_length(between); i++) {
        const char *next = i < json_length(between) ? json_string(json_at(between, i)) : manifest;
        if (!next || index_check(intake, file, digest, next, err))
            return next ? -1 : err_set(err, ERR_SYSTEM, 0, "hoy-fetch names no index");
        digest = next;
        file = arena_printf(intake->arena, STAGED_INDEX_FORMAT, i + 1);
    }
    return 0;
}

// … and the config's digest.
static int manifest_check(struct intake *intake, struct intake_image *image, const struct json *event,
                          struct err *err) {
    const char *text, *manifest = arena_strdup(intake->arena, json_get_string(event, "manifest"));
    size_t size;
    image->digest = arena_strdup(intake->arena, json_get_string(event, "digest"));
    if (!manifest || !image->digest) return err_set(err, ERR_SYSTEM, 0, "hoy-fetch names no digest");
    if (indexes_check(intake, image->digest, json_get(event, "indexes"), manifest, err)) return -1;
    if (document_read(intake, STAGED_MANIFEST, manifest, &text, &size, err)) return -1;
    if (manifest_parse(intake->arena, text, size, NULL, &image->manifest, err)) return -1;
    if (image->manifest.is_index)
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought an index for a manifest");
    image->commit.manifest_digest = manifest;
    image->commit.manifest_text = text;
    image->commit.id = image->manifest.config.digest;
    return 0;
}

// What the store knows of a blob must not be said otherwise: what is let in must not depend on what is here.
static int sizes_check(struct intake *intake, const struct intake_image *image, const struct strings *ids,
                       struct err *err) {
    for (size_t i = 0; i < ids->count; i++) {
        const struct descriptor *blob = &image->manifest.layers.items[i];
        int64_t known;
        int r =
            db_number(intake->store->db, &known, err,
                      "SELECT blob_size FROM layer WHERE diff_id = ? AND blob_digest = ? AND blob_size != ?",
                      "ssi", ids->items[i], blob->digest, (int64_t)blob->size);
        if (r < 0) return -1;
        if (r)
            return err_set(err, ERR_INVALID, 0, "layer %.19s: the manifest gives it %llu bytes, it has %lld",
                           blob->digest, (unsigned long long)blob->size, (long long)known);
    }
    return 0;
}

// 1 of an image that the store has: the manifest is new all the same. Or 0.
static int known_check(struct intake *intake, const struct intake_image *image, struct err *err) {
    struct image known;
    const struct strings *ids = &known.config.diff_ids;
    if (image_find_unnamed(intake->store, intake->arena, image->commit.id, &known, err))
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    if (ids->count != image->manifest.layers.count)
        return err_set(err, ERR_INVALID, 0, "the image's manifest has %zu layers, its config %zu",
                       image->manifest.layers.count, ids->count);
    return sizes_check(intake, image, ids, err) ? -1 : 1;
}

static int config_check(struct intake *intake, struct intake_image *image, struct err *err) {
    const char *text;
    size_t size;
    if (document_read(intake, STAGED_CONFIG, image->commit.id, &text, &size, err)) return -1;
    if (image_config_parse(intake->arena, text, size, &image->config, err)) return -1;
    if (image->config.diff_ids.count != image->manifest.layers.count)
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought a config that is not the manifest's");
    image->commit.config_text = text;
    return sizes_check(intake, image, &image->config.diff_ids, err);
}

// Answers

struct answer {
    const char *word, *diff_id, *index;
    const bool *missing;
    size_t count;
};

static int answer(struct intake *intake, const struct answer *answer, int fd, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "answer", answer->word);
    if (answer->diff_id) json_put_string(&w, "diff_id", answer->diff_id);
    json_put_string(&w, "index", answer->index);
    json_begin_array(&w, "missing");
    for (size_t i = 0; i < answer->count; i++) json_put_bool(&w, NULL, answer->missing[i]);
    json_end_array(&w);
    json_end_object(&w);
    return fetcher_send(&intake->fetcher, &w, fd, err);
}

static void names_read(struct intake *intake, struct intake_image *image, const struct json *names) {
    for (size_t i = 0; i < json_length(names); i++)
        if (json_string(json_at(names, i)))
            strings_add(intake->arena, &image->names,
                        arena_strdup(intake->arena, json_string(json_at(names, i))));
}

// Progress of an archive

static const char member_known[] = "Already exists", member_complete[] = "Load complete";

// The line of a layer; none: out of range.
static size_t member_of(const struct intake *intake, const struct intake_image *image, uint64_t layer) {
    const struct descriptors *layers = &image->manifest.layers;
    for (size_t i = 0; layer < layers->count && i < intake->members.count; i++)
        if (str_eq(intake->members.items[i], layers->items[layer].digest)) return i;
    return SIZE_MAX;
}

// Of an image that the store has: all layers.
static void show_known(struct intake *intake, const struct intake_image *image) {
    for (size_t i = 0; i < image->manifest.layers.count; i++)
        if (!image->have || image->have[i])
            progress_say(&intake->progress, member_of(intake, image, i), member_known);
}

static int on_member(struct intake *intake, struct intake_image *image, const struct json *event,
                     struct err *err) {
    const char *id = json_get_string(event, "id");
    uint64_t size;
    (void)image;
    (void)err;
    if (!intake->loading || !id || json_u64(json_get(event, "size"), &size)) return -1;
    if (id[strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz")]) return -1; // it is printed
    intake->shown = progress_add(&intake->progress, id, size);
    if (intake->shown == intake->members.count) strings_add(intake->arena, &intake->members, NULL);
    return 0;
}

static int on_staged(struct intake *intake, struct intake_image *image, const struct json *event,
                     struct err *err) {
    const char *digest = json_get_string(event, "digest");
    uint64_t current;
    (void)image;
    (void)err;
    if (!intake->loading || json_u64(json_get(event, "current"), &current)) return -1;
    progress_bytes(&intake->progress, intake->shown, current);
    if (digest && intake->shown < intake->members.count)
        intake->members.items[intake->shown] = arena_strdup(intake->arena, digest);
    return 0;
}

static int on_signature(struct intake *intake, struct intake_image *image, const struct json *event,
                        struct err *err) {
    const char *payload = json_get_string(event, "payload"), *signature = json_get_string(event, "signature");
    if (image->resolved || !payload || !signature || image->signatures.count == SIGNATURES_MAX)
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought a signature that is none");
    *arena_push(intake->arena, &image->signatures) = (struct intake_signature){
        arena_strdup(intake->arena, payload), arena_strdup(intake->arena, signature)};
    return 0;
}

// Has the image all its blobs, where they are to be kept?
static int has_blobs(const struct intake *intake, const struct intake_image *image, struct err *err) {
    const struct descriptors *layers = &image->manifest.layers;
    for (size_t i = 0; intake->keep_blobs && i < layers->count; i++) {
        _cleanup_(fd_closep) int fd = -1;
        int r = db_number(intake->store->db, NULL, err,
                          "SELECT 1 FROM kept_blob WHERE image_id = ? AND digest = ?", "ss", image->commit.id,
                          layers->items[i].digest);
        if (r > 0) r = blob_open(intake->store, layers->items[i].digest, &fd, err);
        if (r <= 0) return r;
    }
    return 1;
}

static bool is_listed_before(const struct descriptors *layers, size_t i) {
    for (size_t j = 0; j < i; j++)
        if (str_eq(layers->items[j].digest, layers->items[i].digest)) return true;
    return false;
}

// Before the config says which layers they are: those whose blob was never here, nor a part of it.
static int missing_find(struct intake *intake, const struct intake_image *image, bool *missing,
                        struct err *err) {
    const struct descriptors *layers = &image->manifest.layers;
    for (size_t i = 0; i < layers->count; i++) {
        const char *digest = layers->items[i].digest;
        int r =
            db_number(intake->store->db, NULL, err, "SELECT 1 FROM layer WHERE blob_digest = ?", "s", digest);
        if (r < 0) return -1;
        missing[i] = !r && !is_listed_before(layers, i) && !partial_have(&intake->staging, digest);
    }
    return 0;
}

static int on_resolved(struct intake *intake, struct intake_image *image, const struct json *event,
                       struct err *err) {
    if (image->resolved || manifest_check(intake, image, event, err)) return -1;
    image->resolved = true;
    if (intake->allow && intake->allow(image, intake->data, err)) return -1;
    names_read(intake, image, json_get(event, "names"));
    int known = intake->again ? 0 : known_check(intake, image, err);
    if (known > 0 && !intake->loading) known = has_blobs(intake, image, err);
    if (known < 0) return -1;
    if (known && intake->loading) show_known(intake, image);
    struct answer a = {.word = known ? "stop" : "go"};
    if (!known && !intake->loading) {
        bool *missing = arena_array(intake->arena, bool, image->manifest.layers.count + 1);
        if (missing_find(intake, image, missing, err)) return -1;
        a.missing = missing, a.count = image->manifest.layers.count;
    }
    return answer(intake, &a, -1, err);
}

static bool is_in(const struct strings *list, const char *digest) {
    return list && strings_have(list, digest);
}

// What the store has of a layer. With its blob missing all of it comes again.
static int layer_look(struct intake *intake, struct intake_image *image, size_t i, int *ret_fd,
                      struct err *err) {
    const char *diff_id = image->config.diff_ids.items[i], *blob = image->manifest.layers.items[i].digest;
    _cleanup_(fd_closep) int blob_fd = -1;
    int have = is_in(intake->broken, diff_id) ? 0 : store_layer_open(intake->store, diff_id, ret_fd, err);
    int kept = !intake->keep_blobs || is_in(intake->broken_blobs, blob)
                   ? 0
                   : blob_open(intake->store, blob, &blob_fd, err);
    if (have < 0 || kept < 0) return -1;
    image->have[i] = have;
    image->blobs[i] = kept && have ? BLOB_IN_STORE : BLOB_STAGED; // what comes brings both
    return have && (kept || !intake->keep_blobs);
}

static int layers_offer(struct intake *intake, struct intake_image *image, bool *offered, struct err *err) {
    const struct strings *ids = &image->config.diff_ids;
    for (size_t i = 0; i < ids->count; i++) {
        const struct answer have = {.word = "have", .diff_id = ids->items[i]};
        _cleanup_(fd_closep) int fd = -1;
        int r = layer_look(intake, image, i, &fd, err);
        if (r < 0 || (r > 0 && answer(intake, &have, fd, err))) return -1;
        offered[i] = r;
        if (!r) partial_give(&intake->staging, image->manifest.layers.items[i].digest);
    }
    return 0;
}

static int on_layers(struct intake *intake, struct intake_image *image, const struct json *event,
                     struct err *err) {
    const struct strings *ids = &image->config.diff_ids;
    char chain[DIGEST_SIZE];
    (void)event;
    if (!image->resolved || image->configured || config_check(intake, image, err)) return -1;
    image->configured = true;
    image->have = arena_array(intake->arena, bool, ids->count + 1);
    image->blobs = arena_array(intake->arena, enum commit_blob, ids->count + 1);
    bool *offered = arena_array(intake->arena, bool, ids->count + 1);
    if (layers_offer(intake, image, offered, err)) return -1;
    if (intake->loading)
        show_known(intake, image);
    else
        progress_begin(&intake->progress, intake->arena, intake->out, &image->manifest.layers, offered);
    chain_id(ids, ids->count, chain);
    if (str_eq(intake->store->driver, "erofs") &&
        (intake->again ||
         faccessat(intake->store->root_fd, arena_printf(intake->arena, "images/%s", digest_hex(chain)), F_OK,
                   AT_SYMLINK_NOFOLLOW)))
        image->commit.index = arena_printf(intake->arena, "index-%zu.erofs", intake->images);
    return answer(intake, &(struct answer){.word = "go", .index = image->commit.index}, -1, err);
}

static int on_layer(struct intake *intake, struct intake_image *image, const struct json *event,
                    struct err *err) {
    const struct strings *ids = &image->config.diff_ids;
    uint64_t layer;
    if (!image->configured || str_eq(intake->store->driver, "erofs") ||
        json_u64(json_get(event, "layer"), &layer) || layer >= ids->count)
        return -1;
    if (extraction_add(&intake->extraction, &intake->staging, ids->items[layer], intake->received, err))
        return -1;
    intake->fetcher.beside = &intake->extraction.fetcher;
    return 0;
}

static int on_progress(struct intake *intake, struct intake_image *image, const struct json *event,
                       struct err *err) {
    uint64_t layer, current;
    (void)err;
    if (json_u64(json_get(event, "layer"), &layer) || json_u64(json_get(event, "current"), &current))
        return 0;
    if (!intake->loading)
        progress_bytes(&intake->progress, layer, current);
    else if (layer < image->manifest.layers.count)
        progress_extracting(&intake->progress, member_of(intake, image, layer), current,
                            image->manifest.layers.items[layer].size);
    return 0;
}

static int on_complete(struct intake *intake, struct intake_image *image, const struct json *event,
                       struct err *err) {
    const struct strings *ids = &image->config.diff_ids;
    uint64_t layer;
    if (json_u64(json_get(event, "layer"), &layer) || layer >= ids->count) return 0;
    if (intake->loading)
        progress_say(&intake->progress, member_of(intake, image, layer), member_complete);
    else
        progress_complete(&intake->progress, layer);
    return extraction_verified(&intake->extraction, ids->items[layer], err);
}

static const struct {
    const char *event;
    int (*handle)(struct intake *intake, struct intake_image *image, const struct json *event,
                  struct err *err);
} events[] = {
    {"signature", on_signature}, {"resolved", on_resolved}, {"layers", on_layers}, {"layer", on_layer},
    {"progress", on_progress},   {"complete", on_complete}, {"member", on_member}, {"staged", on_staged},
};

static int image_end(struct intake *intake, struct intake_image *image, struct err *err) {
    struct commit *c = &image->commit;
    if (!image->resolved) return err_set(err, ERR_SYSTEM, 0, "hoy-fetch was done before it began");
    c->store = intake->store;
    c->staging = &intake->staging;
    c->manifest = &image->manifest;
    c->config = &image->config;
    c->have = image->have;
    c->blobs = intake->keep_blobs ? image->blobs : NULL;
    intake->images++;
    return 1;
}

int intake_next(struct intake *intake, struct intake_image **ret_image, struct err *err) {
    struct intake_image *image = arena_new(intake->arena, struct intake_image);
    for (;;) {
        _cleanup_(json_freep) struct json *event = NULL;
        fd_closep(&intake->received);
        if (fetcher_receive_with(&intake->fetcher, &event, &intake->received, err)) return -1;
        const char *name = json_get_string(event, "event");
        if (str_eq(name, "done") && !image->resolved)
            return fetcher_wait(&intake->fetcher, err) || extraction_wait(&intake->extraction, err) ? -1 : 0;
        *ret_image = image;
        if (str_eq(name, "image")) return image_end(intake, image, err);
        err_set(err, ERR_SYSTEM, 0, "hoy-fetch speaks out of turn");
        for (size_t i = 0; i < ARRAY_SIZE(events); i++)
            if (str_eq(name, events[i].event) && events[i].handle(intake, image, event, err)) return -1;
    }
}

int intake_commit(const struct intake_image *image, struct err *err) {
    return image->configured ? commit_image(&image->commit, err) : commit_names(&image->commit, err);
}

int intake_look_again(struct intake *intake, struct intake_image *image, struct err *err) {
    for (size_t i = 0; i < image->config.diff_ids.count; i++) {
        _cleanup_(fd_closep) int fd = -1, blob_fd = -1;
        int r =
            image->have[i] ? 1 : store_layer_open(intake->store, image->config.diff_ids.items[i], &fd, err);
        int kept = blob_open(intake->store, image->manifest.layers.items[i].digest, &blob_fd, err);
        if (r < 0 || kept < 0) return -1;
        image->have[i] = r;
        image->blobs[i] = kept ? BLOB_IN_STORE : BLOB_STAGED;
    }
    return 0;
}

void intake_finish(struct intake *intake) {
    fd_closep(&intake->received);
    fetcher_kill(&intake->fetcher);
    fetcher_kill(&intake->extraction.fetcher);
    staging_remove(&intake->staging);
    extraction_finish(&intake->extraction);
    fetcher_finish(&intake->fetcher); // now that nothing is left of it, a signal may end us
}
