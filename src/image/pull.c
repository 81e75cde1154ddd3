// SPDX-License-Identifier: Apache-2.0
// hoy's side of a pull. The worker does everything with bytes from outside; here its claims are checked as
// far as they can be without doing so: the manifest and the config are read once more from what it staged,
// and their digests have to lead from the reference to the layers without a gap.
#include "image/pull.h"

#include "base/fd.h"
#include "image/commit.h"
#include "image/fetcher.h"
#include "image/progress.h"
#include "image/request.h"
#include "image/staging.h"
#include "registry/auth.h"
#include "registry/channel.h"
#include "registry/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct pull {
    struct store *store;
    struct arena *arena;
    const struct pull_options *options;
    struct reference reference;
    struct staging staging;
    struct fetcher fetcher;
    struct progress progress;
    struct commit commit;
    struct manifest manifest;
    struct image_config config;
    const char *digest; // of what the reference names: an index or a manifest
    bool *have;
    bool resolved, configured, up_to_date;
};

static void pull_finish(struct pull *pull) {
    fetcher_kill(&pull->fetcher);
    staging_remove(&pull->staging);
    fetcher_finish(&pull->fetcher); // a signal that waited may end us now
}

static FILE *words(const struct pull *pull) {
    return pull->options->quiet ? NULL : pull->options->out;
}

// The request

static void put_platform(struct json_writer *w, const struct platform *p) {
    json_begin_object(w, "platform");
    json_put_string(w, "os", p->os);
    json_put_string(w, "architecture", p->architecture);
    if (p->variant) json_put_string(w, "variant", p->variant);
    json_end_object(w);
}

static int request_send(struct pull *pull, struct err *err) {
    const struct reference *r = &pull->reference;
    _cleanup_(request_finish) struct json_writer w = {0};
    struct credentials credentials;
    struct platform platform;
    platform_host(&platform);
    if (pull->options->platform && platform_parse(pull->arena, pull->options->platform, &platform, err))
        return -1;
    if (credentials_load(pull->arena, r->domain, &credentials, err)) return -1;
    json_begin_object(&w, NULL);
    json_put_string(&w, "host", reference_host(r));
    json_put_string(&w, "repository", r->path);
    json_put_string(&w, "name", reference_familiar(pull->arena, r));
    json_put_string(&w, "wanted", r->digest ? r->digest : r->tag);
    json_put_string(&w, "driver", pull->store->driver);
    request_put_credentials(&w, &credentials);
    put_platform(&w, &platform);
    if (request_put_limits(&w, err)) return -1;
    json_end_object(&w);
    return fetcher_send(&pull->fetcher, &w, -1, err);
}

// The documents, as they were staged

static bool index_lists(const struct manifest *index, const char *digest) {
    for (size_t i = 0; i < index->manifests.count; i++)
        if (str_eq(index->manifests.items[i].digest, digest)) return true;
    return false;
}

// From the reference's digest through an index, if there is one, to the manifest and the config's digest.
static int manifest_check(struct pull *pull, const struct json *event, struct err *err) {
    const char *text, *manifest = arena_strdup(pull->arena, json_get_string(event, "manifest"));
    size_t size;
    pull->digest = arena_strdup(pull->arena, json_get_string(event, "digest"));
    if (pull->reference.digest && !str_eq(pull->digest, pull->reference.digest))
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought another digest than was asked for");
    if (!str_eq(manifest, pull->digest)) {
        struct manifest index;
        if (staging_document(&pull->staging, pull->arena, STAGED_INDEX_DOCUMENT, pull->digest, &text, &size,
                             err))
            return -1;
        if (manifest_parse(pull->arena, text, size, NULL, &index, err)) return -1;
        if (!manifest || !index_lists(&index, manifest))
            return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought a manifest that the index does not list");
    }
    if (staging_document(&pull->staging, pull->arena, STAGED_MANIFEST, manifest, &text, &size, err))
        return -1;
    if (manifest_parse(pull->arena, text, size, NULL, &pull->manifest, err)) return -1;
    if (pull->manifest.is_index)
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought an index for a manifest");
    pull->commit.manifest_digest = manifest;
    pull->commit.manifest_text = text;
    pull->commit.id = pull->manifest.config.digest;
    return 0;
}

static int config_check(struct pull *pull, struct err *err) {
    const char *text;
    size_t size;
    if (staging_document(&pull->staging, pull->arena, STAGED_CONFIG, pull->commit.id, &text, &size, err))
        return -1;
    if (image_config_parse(pull->arena, text, size, &pull->config, err)) return -1;
    if (pull->config.diff_ids.count != pull->manifest.layers.count)
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought a config that is not the manifest's");
    pull->commit.config_text = text;
    return 0;
}

// Answers

static int answer(struct pull *pull, const char *word, const char *diff_id, bool index, int fd,
                  struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "answer", word);
    if (diff_id) json_put_string(&w, "diff_id", diff_id);
    json_put_bool(&w, "index", index);
    json_end_object(&w);
    return fetcher_send(&pull->fetcher, &w, fd, err);
}

static int has_row(struct pull *pull, const char *query, const char *key, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(pull->store->db, &rows, err, query, "s", key)) return -1;
    return db_next(&rows, err);
}

// 1 when the name has led to this image before.
static int name_is_current(struct pull *pull, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (!pull->commit.name) return 1;
    if (db_query(pull->store->db, &rows, err, "SELECT image_id FROM image_name WHERE name = ?", "s",
                 pull->commit.name))
        return -1;
    int r = db_next(&rows, err);
    return r > 0 ? str_eq(db_text(&rows, 0), pull->commit.id) : r;
}

static int on_resolved(struct pull *pull, const struct json *event, struct err *err) {
    if (pull->resolved || manifest_check(pull, event, err)) return -1;
    pull->resolved = true;
    int known = has_row(pull, "SELECT 1 FROM image WHERE id = ?", pull->commit.id, err);
    if (known < 0) return -1;
    if (known) {
        int current = name_is_current(pull, err);
        if (current < 0) return -1;
        pull->up_to_date = current;
    }
    return answer(pull, known ? "stop" : "go", NULL, false, -1, err);
}

// A layer that the store has: its row, by the same driver, and its file. 1, with a descriptor of it.
static int layer_find(struct pull *pull, const char *diff_id, int *ret_fd, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(pull->store->db, &rows, err, "SELECT driver FROM layer WHERE diff_id = ?", "s", diff_id))
        return -1;
    int r = db_next(&rows, err);
    if (r <= 0) return r;
    if (!str_eq(db_text(&rows, 0), pull->store->driver))
        return err_set(err, ERR_CONFLICT, 0,
                       "the store has layer %.19s for --storage-driver %s: remove its images first, or "
                       "use that driver",
                       diff_id, db_text(&rows, 0));
    int fd = fd_open_at(pull->store->root_fd, arena_printf(pull->arena, "layers/%s", digest_hex(diff_id)),
                        O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0) return 0; // somebody removed it by hand: it comes again
    *ret_fd = fd;
    return 1;
}

static int layers_offer(struct pull *pull, struct err *err) {
    const struct strings *ids = &pull->config.diff_ids;
    for (size_t i = 0; i < ids->count; i++) {
        _cleanup_(fd_closep) int fd = -1;
        int r = layer_find(pull, ids->items[i], &fd, err);
        if (r < 0 || (r > 0 && answer(pull, "have", ids->items[i], false, fd, err))) return -1;
        pull->have[i] = r;
    }
    return 0;
}

static int on_layers(struct pull *pull, const struct json *event, struct err *err) {
    const struct strings *ids = &pull->config.diff_ids;
    char chain[DIGEST_SIZE];
    (void)event;
    if (!pull->resolved || pull->configured || config_check(pull, err)) return -1;
    pull->configured = true;
    pull->have = arena_array(pull->arena, bool, ids->count + 1);
    if (layers_offer(pull, err)) return -1;
    progress_begin(&pull->progress, pull->arena, words(pull), &pull->manifest.layers, pull->have);
    chain_id(ids, ids->count, chain);
    bool erofs = str_eq(pull->store->driver, "erofs");
    pull->commit.index =
        erofs && faccessat(pull->store->root_fd, arena_printf(pull->arena, "images/%s", digest_hex(chain)),
                           F_OK, AT_SYMLINK_NOFOLLOW);
    return answer(pull, "go", NULL, pull->commit.index, -1, err);
}

static int on_progress(struct pull *pull, const struct json *event, struct err *err) {
    uint64_t layer, current;
    (void)err;
    if (json_u64(json_get(event, "layer"), &layer) || json_u64(json_get(event, "current"), &current))
        return 0;
    progress_bytes(&pull->progress, layer, current);
    return 0;
}

static int on_complete(struct pull *pull, const struct json *event, struct err *err) {
    uint64_t layer;
    (void)err;
    if (json_u64(json_get(event, "layer"), &layer)) return 0;
    progress_complete(&pull->progress, layer);
    return 0;
}

static const struct {
    const char *event;
    int (*handle)(struct pull *pull, const struct json *event, struct err *err);
} events[] = {
    {"resolved", on_resolved},
    {"layers", on_layers},
    {"progress", on_progress},
    {"complete", on_complete},
};

// Until the worker is done.
static int converse(struct pull *pull, struct err *err) {
    for (;;) {
        _cleanup_(json_freep) struct json *event = NULL;
        if (fetcher_receive(&pull->fetcher, &event, err)) return -1;
        const char *name = json_get_string(event, "event");
        if (str_eq(name, "done")) break;
        err_set(err, ERR_SYSTEM, 0, "hoy-fetch speaks out of turn");
        for (size_t i = 0; i < ARRAY_SIZE(events); i++)
            if (str_eq(name, events[i].event) && events[i].handle(pull, event, err)) return -1;
    }
    if (!pull->resolved) return err_set(err, ERR_SYSTEM, 0, "hoy-fetch was done before it began");
    return fetcher_wait(&pull->fetcher, err);
}

// All of it

static void print_begin(struct pull *pull, bool default_tag) {
    const struct reference *r = &pull->reference;
    if (!words(pull)) return;
    if (default_tag) fprintf(words(pull), "Using default tag: latest\n");
    fprintf(words(pull), "%s: Pulling from %s\n", r->digest ? reference_full(pull->arena, r) : r->tag,
            r->path);
    fflush(words(pull));
}

static void print_end(struct pull *pull) {
    if (words(pull))
        fprintf(words(pull), "Digest: %s\nStatus: %s for %s\n", pull->digest,
                pull->up_to_date ? "Image is up to date" : "Downloaded newer image",
                reference_familiar(pull->arena, &pull->reference));
    if (pull->options->out) {
        fprintf(pull->options->out, "%s\n", reference_full(pull->arena, &pull->reference));
        fflush(pull->options->out);
    }
}

static int pull_commit(struct pull *pull, struct err *err) {
    struct commit *c = &pull->commit;
    c->store = pull->store;
    c->staging = &pull->staging;
    c->manifest = &pull->manifest;
    c->config = &pull->config;
    c->have = pull->have;
    c->repository = reference_repository(pull->arena, &pull->reference);
    c->digest = pull->digest;
    return pull->configured ? commit_image(c, err) : commit_names(c, err);
}

static int pull_run(struct pull *pull, struct err *err) {
    if (image_clean_staging(pull->store, err) || staging_make(pull->store, &pull->staging, err)) return -1;
    // Opened once more, so that the lock is ours alone.
    _cleanup_(fd_closep) int directory = fd_open_at(pull->staging.fd, ".", O_RDONLY | O_DIRECTORY, 0);
    if (directory < 0) return err_set(err, ERR_SYSTEM, -directory, "can't open the staging directory");
    if (fetcher_start(&pull->fetcher, "pull", directory, -1, err) || request_send(pull, err)) return -1;
    return converse(pull, err) || pull_commit(pull, err) ? -1 : 0;
}

// The sentence names the image, unless it does so already.
static int wrap(struct pull *pull, struct err *err) {
    const char *name = reference_familiar(pull->arena, &pull->reference);
    return strstr(err->text, name) ? -1 : err_wrap(err, "pull %s", name);
}

int image_pull(struct store *store, struct arena *arena, const struct pull_options *options,
               struct image *ret_image, struct err *err) {
    struct pull pull = {.store = store,
                        .arena = arena,
                        .options = options,
                        .staging = {.tmp = -1, .fd = -1},
                        .fetcher = FETCHER_INIT};
    if (reference_parse(arena, options->reference, &pull.reference, err)) return -1;
    if (!pull.reference.digest) pull.commit.name = reference_full(arena, &pull.reference);
    const char *slash = strrchr(options->reference, '/');
    print_begin(&pull, !strpbrk(slash ? slash : options->reference, ":@"));
    int r = pull_run(&pull, err), signal_number = pull.fetcher.signal;
    pull_finish(&pull);
    if (r && signal_number) fetcher_raise(signal_number); // now that nothing is left of it
    if (r) return wrap(&pull, err);
    print_end(&pull);
    return image_find(store, arena, pull.commit.id, ret_image, err);
}
