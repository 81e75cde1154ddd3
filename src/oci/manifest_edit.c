// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest_edit.h"

#include "base/str.h"

#include <string.h>

static const char *const oci_layers[] = {
    [LAYER_PLAIN] = OCI_LAYER_TYPE,
    [LAYER_GZIP] = OCI_LAYER_TYPE "+gzip",
    [LAYER_ZSTD] = OCI_LAYER_TYPE "+zstd",
};
static const char *const docker_layers[] = {
    [LAYER_PLAIN] = "application/vnd.docker.image.rootfs.diff.tar",
    [LAYER_GZIP] = "application/vnd.docker.image.rootfs.diff.tar.gzip",
    [LAYER_ZSTD] = NULL,
};

static bool is_docker(const char *type) {
    return str_has_prefix(type, "application/vnd.docker.");
}

const char *layer_media_type(const char *manifest_type, enum layer_compression compression) {
    const char *docker = is_docker(manifest_type) ? docker_layers[compression] : NULL;
    return docker ? docker : oci_layers[compression];
}

struct edit {
    struct json_writer w;
    const struct descriptors *layers;
    size_t layer; // being written
    bool to_oci;
    const char *media_type; // of the descriptor that is written; NULL: as it was
};

static int put_descriptor_member(const char *key, const struct json *value, void *data) {
    struct edit *e = data;
    const struct descriptor *d = e->layer < e->layers->count ? &e->layers->items[e->layer] : NULL;
    if (str_eq(key, "mediaType") && e->media_type)
        json_put_string(&e->w, key, e->media_type);
    else if (str_eq(key, "digest") && d)
        json_put_string(&e->w, key, d->digest);
    else if (str_eq(key, "size") && d)
        json_put_u64(&e->w, key, d->size);
    else
        json_put_value(&e->w, key, value);
    return 0;
}

// The type of a layer as it will be: nothing of Docker's stays in a manifest that becomes OCI's.
static const char *layer_type(const struct edit *e) {
    const char *type = e->layers->items[e->layer].media_type;
    enum layer_compression compression;
    if (!e->to_oci || !is_docker(type) || layer_compression_of(type, &compression)) return type;
    return oci_layers[compression];
}

static void put_layers(struct edit *e, const struct json *layers) {
    json_begin_array(&e->w, "layers");
    for (e->layer = 0; e->layer < e->layers->count; e->layer++) {
        e->media_type = layer_type(e);
        json_begin_object(&e->w, NULL);
        json_each(json_at(layers, e->layer), put_descriptor_member, e);
        json_end_object(&e->w);
    }
    json_end_array(&e->w);
}

static void put_config(struct edit *e, const struct json *config) {
    e->layer = SIZE_MAX;
    e->media_type = e->to_oci ? OCI_CONFIG_TYPE : NULL;
    json_begin_object(&e->w, "config");
    json_each(config, put_descriptor_member, e);
    json_end_object(&e->w);
}

static int put_member(const char *key, const struct json *value, void *data) {
    struct edit *e = data;
    if (str_eq(key, "layers"))
        put_layers(e, value);
    else if (str_eq(key, "config"))
        put_config(e, value);
    else if (str_eq(key, "mediaType") && e->to_oci)
        json_put_string(&e->w, key, OCI_MANIFEST_TYPE);
    else
        json_put_value(&e->w, key, value);
    return 0;
}

int manifest_with_layers(struct arena *arena, const char *text, const struct descriptors *layers,
                         const char **ret_text, const char **ret_type, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    struct edit e = {.layers = layers};
    if (json_parse(text, strlen(text), &json) || json_length(json_get(json, "layers")) != layers->count)
        return err_set(err, ERR_INVALID, 0, "the manifest has other layers than the image");
    const char *type = json_get_string(json, "mediaType");
    for (size_t i = 0; is_docker(type ? type : "") && i < layers->count; i++)
        if (!is_docker(layers->items[i].media_type)) e.to_oci = true;
    e.w.indent = strstr(text, "\n ") ? 3 : 0; // as Docker writes them, or compact
    json_begin_object(&e.w, NULL);
    json_each(json, put_member, &e);
    json_end_object(&e.w);
    *ret_text = arena_strdup(arena, str_get(&e.w.text));
    *ret_type = e.to_oci || !is_docker(type ? type : "") ? OCI_MANIFEST_TYPE : DOCKER_MANIFEST_TYPE;
    json_writer_finish(&e.w);
    return 0;
}
