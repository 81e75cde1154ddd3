// SPDX-License-Identifier: Apache-2.0
#include "oci/referrers.h"

#include "base/str.h"

#include <string.h>

const char *manifest_subject(struct arena *arena, const char *text, size_t size) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (json_parse(text, size, &json)) return NULL;
    const char *digest = json_get_string(json_get(json, "subject"), "digest");
    return digest_valid(digest) ? arena_strdup(arena, digest) : NULL;
}

const char *referrers_tag(struct arena *arena, const char *subject) {
    char *tag = arena_strdup(arena, subject);
    *strchr(tag, ':') = '-';
    return tag;
}

// An artifact without a type of its own is what its config says.
static const char *artifact_type(const struct json *manifest) {
    const char *type = json_get_string(manifest, "artifactType");
    return str_empty(type) ? json_get_string(json_get(manifest, "config"), "mediaType") : type;
}

static void put_descriptor(struct json_writer *w, const struct json *manifest, const char *media_type,
                           const char *digest, size_t size) {
    const char *type = artifact_type(manifest);
    const struct json *annotations = json_get(manifest, "annotations");
    json_begin_object(w, NULL);
    json_put_string(w, "mediaType", media_type);
    json_put_string(w, "digest", digest);
    json_put_u64(w, "size", size);
    if (type) json_put_string(w, "artifactType", type);
    if (json_is_object(annotations)) json_put_value(w, "annotations", annotations);
    json_end_object(w);
}

static bool is_in(const struct json *manifests, const char *digest) {
    for (size_t i = 0; i < json_length(manifests); i++)
        if (str_eq(json_get_string(json_at(manifests, i), "digest"), digest)) return true;
    return false;
}

int referrers_add(struct arena *arena, const char *index_text, const char *manifest_text,
                  const char *media_type, const char **ret_text, struct err *err) {
    _cleanup_(json_freep) struct json *index = NULL, *manifest = NULL;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    char digest[DIGEST_SIZE];
    *ret_text = NULL;
    digest_of(manifest_text, strlen(manifest_text), digest);
    if (json_parse(manifest_text, strlen(manifest_text), &manifest))
        return err_set(err, ERR_INVALID, 0, "the manifest is no JSON");
    const char *there = index_text ? index_text : "{\"manifests\":[]}";
    if (json_parse(there, strlen(there), &index) || !json_is_array(json_get(index, "manifests")))
        return err_set(err, ERR_INVALID, 0, "the list of referrers is no index");
    const struct json *manifests = json_get(index, "manifests");
    if (is_in(manifests, digest)) return 0;
    json_begin_object(&w, NULL);
    json_put_u64(&w, "schemaVersion", 2);
    json_put_string(&w, "mediaType", OCI_INDEX_TYPE);
    json_begin_array(&w, "manifests");
    for (size_t i = 0; i < json_length(manifests); i++) json_put_value(&w, NULL, json_at(manifests, i));
    put_descriptor(&w, manifest, media_type, digest, strlen(manifest_text));
    json_end_array(&w);
    json_end_object(&w);
    *ret_text = arena_strdup(arena, str_get(&w.text));
    return 0;
}
