// SPDX-License-Identifier: Apache-2.0
// A pull of one reference: what is asked of the worker, what is shown, and what the image is called then.
#include "image/pull.h"

#include "image/event.h"
#include "image/intake.h"
#include "image/policy.h"
#include "image/request.h"
#include "image/signature.h"
#include "registry/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 3 // while other commands remove what it counts on

struct pull {
    struct store *store;
    struct arena *arena;
    const struct pull_options *options;
    struct reference reference;
    struct intake intake;
    const char *digest; // of what came
    struct image image; // … without its names
    const char *policy; // the file
    struct policy_requirements requirements;
    bool up_to_date;
};

static FILE *words(const struct pull *pull) {
    return pull->options->quiet ? NULL : pull->options->out;
}

// What the administrator lets in (image/policy.h)

static bool wants_signatures(const struct pull *pull) {
    for (size_t i = 0; i < pull->requirements.count; i++)
        if (pull->requirements.items[i].kind == POLICY_SIGSTORE) return true;
    return false;
}

static int policy_begin(struct pull *pull, struct err *err) {
    pull->policy = policy_file(pull->arena);
    if (policy_read(pull->arena, pull->policy, &pull->reference, &pull->requirements, err)) return -1;
    for (size_t i = 0; i < pull->requirements.count; i++)
        if (pull->requirements.items[i].kind == POLICY_REJECT)
            return err_set(err, ERR_UNAUTHORIZED, 0, "%s rejects it (%s)", pull->policy,
                           pull->requirements.scope);
    return 0;
}

static int verify(const struct policy_requirement *requirement, const struct intake_signature *s,
                  struct err *err) {
    for (size_t i = 0; i < requirement->keys.count; i++)
        if (!signature_verify(requirement->keys.items[i], s->payload, s->signature, err)) return 0;
    return -1;
}

// One of the signatures has to be good; else what was wrong with the last is said.
static int find_signature(struct pull *pull, const struct policy_requirement *requirement,
                          const struct intake_image *image, struct err *err) {
    err_set(err, ERR_UNAUTHORIZED, 0, "it has no signature");
    for (size_t i = 0; i < image->signatures.count; i++) {
        const struct intake_signature *s = &image->signatures.items[i];
        if (verify(requirement, s, err)) continue;
        if (!policy_check_payload(requirement, &pull->reference, image->commit.manifest_digest, s->payload,
                                  strlen(s->payload), err))
            return 0;
    }
    return err_wrap(err, "%s wants it signed (%s)", pull->policy, pull->requirements.scope);
}

static int allow(struct intake_image *image, void *data, struct err *err) {
    struct pull *pull = data;
    for (size_t i = 0; i < pull->requirements.count; i++) {
        const struct policy_requirement *requirement = &pull->requirements.items[i];
        if (requirement->kind == POLICY_SIGSTORE && find_signature(pull, requirement, image, err)) return -1;
    }
    return 0;
}

// By the option, or for all pulls by the environment.
static int keep_decide(struct pull *pull, struct err *err) {
    const char *text = getenv("HOY_KEEP_BLOBS");
    bool always = str_eq(text, "1");
    if (text && *text && !always && !str_eq(text, "0"))
        return err_set(err, ERR_INVALID, 0, "HOY_KEEP_BLOBS=%s is neither 0 nor 1", text);
    pull->intake.keep_blobs = pull->options->keep_blobs || always;
    return 0;
}

static int request_make(struct pull *pull, struct json_writer *w, struct err *err) {
    const struct reference *r = &pull->reference;
    struct platform platform;
    platform_host(&platform);
    if (pull->options->platform && platform_parse(pull->arena, pull->options->platform, &platform, err))
        return -1;
    json_begin_object(w, NULL);
    json_put_string(w, "name", reference_familiar(pull->arena, r));
    json_put_string(w, "wanted", r->digest ? r->digest : r->tag);
    if (request_put_endpoints(w, pull->arena, r, err)) return -1;
    json_put_bool(w, "signatures", wants_signatures(pull));
    intake_put_platform(w, &platform);
    json_put_bool(w, "platform_asked", pull->options->platform);
    if (intake_put_settings(&pull->intake, w, err)) return -1;
    json_end_object(w);
    return 0;
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

void image_pull_status(FILE *out, const char *name, bool downloaded) {
    fprintf(out, "Status: %s for %s\n", downloaded ? "Downloaded newer image" : "Image is up to date", name);
}

static void print_end(struct pull *pull) {
    const char *name = reference_familiar(pull->arena, &pull->reference);
    if (words(pull)) fprintf(words(pull), "Digest: %s\n", pull->digest);
    if (pull->options->downloaded)
        *pull->options->downloaded |= !pull->up_to_date;
    else if (words(pull))
        image_pull_status(words(pull), name, !pull->up_to_date);
}

// 1 when the name has led to this image before.
static int name_is_current(struct pull *pull, const struct commit *c, struct err *err) {
    if (!c->name) return 1;
    return db_number(pull->store->db, NULL, err, "SELECT 1 FROM image_name WHERE name = ? AND image_id = ?",
                     "ss", c->name, c->id);
}

// What is new the worker has looked at.
static int check_known(struct pull *pull, const struct intake_image *image, struct err *err) {
    struct arena *arena = pull->arena;
    const struct image_config *config = &pull->image.config;
    struct platform wanted;
    platform_host(&wanted);
    if (pull->options->platform && platform_parse(arena, pull->options->platform, &wanted, err)) return -1;
    if (image_find_unnamed(pull->store, arena, image->commit.id, &pull->image, err)) {
        if (err->kind == ERR_NOT_FOUND) err->code = ESTALE;
        return -1;
    }
    bool as_it_is = !pull->options->platform && str_eq(image->digest, image->commit.manifest_digest);
    if (as_it_is || !config->os || !config->architecture) return 0;
    return platform_check(arena, arena_printf(arena, "%s/%s", wanted.os, wanted.architecture),
                          reference_familiar(arena, &pull->reference), config, err);
}

static struct image image_of(const struct pull *pull, const struct intake_image *image) {
    const struct strings *ids = &image->config.diff_ids;
    char *chain = arena_alloc(pull->arena, DIGEST_SIZE);
    chain_id(ids, ids->count, chain);
    return (struct image){.id = image->commit.id,
                          .manifest = image->commit.manifest_text,
                          .manifest_digest = image->commit.manifest_digest,
                          .media_type = image->manifest.media_type,
                          .config_text = image->commit.config_text,
                          .chain_id = chain,
                          .config = image->config};
}

static int pull_commit(struct pull *pull, struct intake_image *image, struct err *err) {
    const struct reference *r = &pull->reference;
    struct commit *c = &image->commit;
    if (r->digest && !str_eq(image->digest, r->digest))
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought another digest than was asked for");
    if (!r->digest) c->name = reference_full(pull->arena, r);
    c->repository = reference_repository(pull->arena, r);
    c->digest = pull->digest = image->digest;
    if (image->configured)
        pull->image = image_of(pull, image);
    else if (check_known(pull, image, err))
        return -1;
    int current = image->configured ? 0 : name_is_current(pull, c, err);
    pull->up_to_date = current;
    return current < 0 ? -1 : intake_commit(image, err);
}

static int pull_run(struct pull *pull, struct err *err) {
    struct intake_image *image, *none;
    // First, while nothing is there and signals end us: a credential helper may take its time.
    _cleanup_(request_finish) struct json_writer request = {0};
    if (keep_decide(pull, err) || policy_begin(pull, err) || request_make(pull, &request, err)) return -1;
    if (intake_start(&pull->intake, "pull", err) || fetcher_send(&pull->intake.fetcher, &request, -1, err))
        return -1;
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

static int pull_once(struct pull *pull, struct err *err) {
    const struct pull_options *options = pull->options;
    pull->intake = (struct intake)INTAKE_INIT(pull->store, pull->arena, words(pull));
    pull->intake.again = options->broken;
    pull->intake.broken = options->broken;
    pull->intake.broken_blobs = options->broken_blobs;
    pull->intake.allow = allow;
    pull->intake.data = pull;
    int r = pull_run(pull, err);
    intake_finish(&pull->intake);
    return r;
}

int image_pull(struct store *store, struct arena *arena, const struct pull_options *options,
               struct image *ret_image, struct err *err) {
    struct pull pull = {.store = store, .arena = arena, .options = options};
    if (reference_parse(arena, options->reference, &pull.reference, err)) return -1;
    const char *slash = strrchr(options->reference, '/');
    print_begin(&pull, !strpbrk(slash ? slash : options->reference, ":@"));
    int r = pull_once(&pull, err);
    for (int try = 1; r && err->code == ESTALE && try < TRIES_MAX; try++) r = pull_once(&pull, err);
    if (r) return wrap(&pull, err);
    print_end(&pull);
    *ret_image = pull.image; // it may have been removed already
    if (image_find(store, arena, pull.image.id, ret_image, err) && err->kind != ERR_NOT_FOUND) return -1;
    image_event(store, "pull", reference_familiar(arena, &pull.reference),
                reference_familiar_repository(arena, &pull.reference), &ret_image->config);
    return 0;
}
