// SPDX-License-Identifier: Apache-2.0
#include "oci/image_write.h"
#include "base/json_strings.h"
#include "oci/key_values.h"

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

// The config, in Docker's order

static void put_text(struct json_writer *w, const char *key, const char *text) {
    if (!str_empty(text)) json_put_string(w, key, text);
}

static void put_list(struct json_writer *w, const char *key, const struct strings *list) {
    if (list->count) json_put_strings(w, key, list);
}

void image_config_write(const struct image_config *config, struct json_writer *w) {
    json_begin_object(w, "config");
    put_text(w, "User", config->user);
    if (config->exposed_ports.count) json_put_keys(w, "ExposedPorts", &config->exposed_ports);
    put_list(w, "Env", &config->env);
    put_list(w, "Entrypoint", &config->entrypoint);
    put_list(w, "Cmd", &config->cmd);
    if (config->healthcheck) json_put_raw(w, "Healthcheck", config->healthcheck);
    if (config->volumes.count) json_put_keys(w, "Volumes", &config->volumes);
    put_text(w, "WorkingDir", config->working_dir);
    if (config->labels.count) key_values_write(w, "Labels", &config->labels);
    put_list(w, "OnBuild", &config->on_build);
    put_text(w, "StopSignal", config->stop_signal);
    put_list(w, "Shell", &config->shell);
    json_end_object(w);
}

// Layers of the parent that its history does not tell of: each wants an entry, or the new one would be taken
// for theirs.
static size_t count_untold(const struct image_document *d, const struct json *before) {
    size_t layers = d->config->diff_ids.count - (d->empty_layer ? 0 : 1), told = 0;
    for (size_t i = 0; i < json_length(before); i++)
        told += !json_boolean(json_get(json_at(before, i), "empty_layer"));
    return layers > told ? layers - told : 0;
}

static void put_history(struct json_writer *w, const struct image_document *d) {
    const struct json *before = json_get(d->parent, "history");
    json_begin_array(w, "history");
    for (size_t i = count_untold(d, before); i > 0; i--) json_put_raw(w, NULL, "{}");
    for (size_t i = 0; i < json_length(before); i++) json_put_value(w, NULL, json_at(before, i));
    json_begin_object(w, NULL);
    json_put_string(w, "created", d->created);
    put_text(w, "created_by", d->created_by);
    put_text(w, "author", d->config->author);
    put_text(w, "comment", d->comment);
    if (d->empty_layer) json_put_bool(w, "empty_layer", true);
    json_end_object(w);
    json_end_array(w);
}

const char *image_document_write(struct arena *arena, const struct image_document *d) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    const struct image_config *c = d->config;
    json_begin_object(&w, NULL);
    json_put_string(&w, "created", d->created);
    put_text(&w, "author", c->author);
    json_put_string(&w, "architecture", c->architecture ? c->architecture : "");
    put_text(&w, "variant", c->variant);
    json_put_string(&w, "os", c->os ? c->os : "linux");
    image_config_write(c, &w);
    json_begin_object(&w, "rootfs");
    json_put_string(&w, "type", "layers");
    json_put_strings(&w, "diff_ids", &c->diff_ids);
    json_end_object(&w);
    put_history(&w, d);
    json_end_object(&w);
    return arena_strdup(arena, str_get(&w.text));
}
