// SPDX-License-Identifier: Apache-2.0
#include "image/fetcher.h"
#include "image/manifest_list.h"
#include "image/pull.h"
#include "image/request.h"
#include "image/staging.h"
#include "registry/channel.h"
#include "registry/endpoint.h"

#include <string.h>

static int answer_read(struct fetcher *fetcher, const struct staging *staging, struct arena *arena,
                       const struct reference *r, struct remote_manifest *ret, struct err *err) {
    _cleanup_(json_freep) struct json *event = NULL;
    struct manifest manifest;
    size_t size;
    if (fetcher_receive(fetcher, &event, err)) return -1;
    ret->digest = arena_strdup(arena, json_get_string(event, "digest"));
    ret->media_type = arena_strdup(arena, json_get_string(event, "type"));
    if (r->digest && !str_eq(r->digest, ret->digest))
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought another digest than was asked for");
    if (staging_document(staging, arena, STAGED_MANIFEST, ret->digest, &ret->text, &size, err)) return -1;
    if (manifest_parse(arena, ret->text, size, ret->media_type, &manifest, err)) return -1;
    ret->is_index = manifest.is_index;
    if (!manifest.is_index &&
        staging_document(staging, arena, STAGED_CONFIG, manifest.config.digest, &ret->config, &size, err))
        return -1;
    return fetcher_last(fetcher, NULL, err);
}

static int fetch(struct store *store, struct fetcher *fetcher, struct staging *staging, struct arena *arena,
                 const struct reference *r, struct remote_manifest *ret, struct err *err) {
    return image_clean_staging(store, err) || staging_make(store, staging, err) ||
                   staging_fetch(staging, fetcher, "manifest", err) ||
                   request_send_image(fetcher, arena, r, err) ||
                   answer_read(fetcher, staging, arena, r, ret, err)
               ? -1
               : 0;
}

int manifest_fetch(struct store *store, struct arena *arena, const struct reference *reference,
                   struct remote_manifest *ret_manifest, struct err *err) {
    _cleanup_(fetcher_finish) struct fetcher fetcher = FETCHER_INIT;
    struct staging staging = {.tmp = -1, .fd = -1};
    struct remote_manifest manifest = {0};
    int r = fetch(store, &fetcher, &staging, arena, reference, &manifest, err);
    fetcher_kill(&fetcher);
    staging_remove(&staging);
    if (r) return -1;
    *ret_manifest = manifest;
    return 0;
}
