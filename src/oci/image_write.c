// SPDX-License-Identifier: Apache-2.0
#include "oci/image_write.h"

void descriptor_write(struct json_writer *w, const char *key, const struct descriptor *d) {
    json_begin_object(w, key);
    json_put_string(w, "mediaType", d->media_type);
    json_put_string(w, "digest", d->digest);
    json_put_u64(w, "size", d->size);
    if (d->image_name || d->ref_name) {
        json_begin_object(w, "annotations");
        if (d->image_name) json_put_string(w, ANNOTATION_IMAGE, d->image_name);
        if (d->ref_name) json_put_string(w, ANNOTATION_REF_NAME, d->ref_name);
        json_end_object(w);
    }
    json_end_object(w);
}

const char *manifest_write(struct arena *arena, const struct descriptor *config,
                           const struct descriptors *layers) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_u64(&w, "schemaVersion", 2);
    json_put_string(&w, "mediaType", OCI_MANIFEST_TYPE);
    descriptor_write(&w, "config", config);
    json_begin_array(&w, "layers");
    for (size_t i = 0; i < layers->count; i++) descriptor_write(&w, NULL, &layers->items[i]);
    json_end_array(&w);
    json_end_object(&w);
    return arena_strdup(arena, str_get(&w.text));
}
