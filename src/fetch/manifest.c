// SPDX-License-Identifier: Apache-2.0
// One manifest or index, and with a manifest its config, into the staging directory.
#include "fetch/documents.h"

#include "base/str.h"

static int tell(struct worker *worker, const struct manifest *manifest, const char *digest) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "manifest");
    json_put_string(&w, "digest", digest);
    json_put_string(&w, "type", manifest->media_type);
    json_end_object(&w);
    worker_send(worker, &w);
    worker_event(worker, "done");
    return 0;
}

static int config_stage(struct worker *worker, struct registry *registry, struct http *http,
                        struct arena *arena, const struct descriptor *descriptor, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    struct image_config config;
    if (config_fetch(registry, http, descriptor, &text, err)) return -1;
    if (image_config_parse(arena, str_get(&text), text.len, &config, err)) return -1;
    return worker_write(worker, STAGED_CONFIG, text.data, text.len, err);
}

int manifest_run(struct worker *worker, const struct json *request, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(http_freep) struct http *http = NULL;
    struct endpoint endpoint;
    const struct endpoints known = {&endpoint, 1};
    const struct http_options options = {.stall_s = worker->stall_s, .known = &known};
    const char *wanted = json_get_string(request, "wanted"), *type, *digest;
    struct registry registry;
    struct manifest manifest;
    if (!wanted) return err_set(err, ERR_INVALID, 0, "the request is incomplete");
    if (request_registry(&arena, request, &endpoint, &registry, err) || http_new(&options, &http, err))
        return -1;
    if (registry_manifest(&registry, http, &arena, wanted, &text, &type, &digest, err)) return -1;
    if (manifest_parse(&arena, text.data, text.len, type, &manifest, err)) return -1;
    if (worker_write(worker, STAGED_MANIFEST, text.data, text.len, err)) return -1;
    if (!manifest.is_index && config_stage(worker, &registry, http, &arena, &manifest.config, err)) return -1;
    return tell(worker, &manifest, digest);
}
