// SPDX-License-Identifier: Apache-2.0
// A pull of one reference: what is asked of the worker, what is shown, and what the image is called then.
#include "image/pull.h"

#include "image/intake.h"
#include "registry/auth.h"
#include "registry/reference.h"

#include <string.h>

struct pull {
    struct store *store;
    struct arena *arena;
    const struct pull_options *options;
    struct reference reference;
    struct intake intake;
    const char *digest, *id; // of what came
    bool up_to_date;
};

static FILE *words(const struct pull *pull) {
    return pull->options->quiet ? NULL : pull->options->out;
}

// The request

static void put_credentials(struct json_writer *w, const struct credentials *c) {
    json_begin_object(w, "credentials");
    if (c->username) json_put_string(w, "username", c->username);
    if (c->password) json_put_string(w, "password", c->password);
    if (c->identity_token) json_put_string(w, "identity_token", c->identity_token);
    json_end_object(w);
}

static void writer_wipe(struct json_writer *w) {
    if (w->text.data) explicit_bzero(w->text.data, w->text.len);
    json_writer_finish(w);
}

static int request_send(struct pull *pull, struct err *err) {
    const struct reference *r = &pull->reference;
    _cleanup_(writer_wipe) struct json_writer w = {0};
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
    put_credentials(&w, &credentials);
    intake_put_platform(&w, &platform);
    if (intake_put_settings(&pull->intake, &w, err)) return -1;
    json_end_object(&w);
    return fetcher_send(&pull->intake.fetcher, &w, -1, err);
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

// 1 when the name has led to this image before.
static int name_is_current(struct pull *pull, const struct commit *c, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (!c->name) return 1;
    if (db_query(pull->store->db, &rows, err, "SELECT image_id FROM image_name WHERE name = ?", "s", c->name))
        return -1;
    int r = db_next(&rows, err);
    return r > 0 ? str_eq(db_text(&rows, 0), c->id) : r;
}

static int pull_commit(struct pull *pull, struct intake_image *image, struct err *err) {
    const struct reference *r = &pull->reference;
    struct commit *c = &image->commit;
    if (r->digest && !str_eq(image->digest, r->digest))
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought another digest than was asked for");
    if (!r->digest) c->name = reference_full(pull->arena, r);
    c->repository = reference_repository(pull->arena, r);
    c->digest = pull->digest = image->digest;
    pull->id = c->id;
    int current = image->configured ? 0 : name_is_current(pull, c, err);
    pull->up_to_date = current;
    return current < 0 ? -1 : intake_commit(image, err);
}

static int pull_run(struct pull *pull, struct err *err) {
    struct intake_image *image, *none;
    if (intake_start(&pull->intake, "pull", err) || request_send(pull, err)) return -1;
    int r = intake_next(&pull->intake, &image, err);
    if (r < 0) return -1;
    int more = r ? intake_next(&pull->intake, &none, err) : 0;
    if (more < 0) return -1;
    if (!r || more) return err_set(err, ERR_SYSTEM, 0, "hoy-fetch did not bring one image");
    return pull_commit(pull, image, err);
}

// The sentence names the image, unless it does so already.
static int wrap(struct pull *pull, struct err *err) {
    const char *name = reference_familiar(pull->arena, &pull->reference);
    return strstr(err->text, name) ? -1 : err_wrap(err, "pull %s", name);
}

int image_pull(struct store *store, struct arena *arena, const struct pull_options *options,
               struct image *ret_image, struct err *err) {
    struct pull pull = {
        .store = store,
        .arena = arena,
        .options = options,
        .intake = INTAKE_INIT(store, arena, options->quiet ? NULL : options->out),
    };
    if (reference_parse(arena, options->reference, &pull.reference, err)) return -1;
    const char *slash = strrchr(options->reference, '/');
    print_begin(&pull, !strpbrk(slash ? slash : options->reference, ":@"));
    int r = pull_run(&pull, err);
    intake_finish(&pull.intake, r);
    if (r) return wrap(&pull, err);
    print_end(&pull);
    return image_find(store, arena, pull.id, ret_image, err);
}
