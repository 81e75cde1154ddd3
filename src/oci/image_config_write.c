// SPDX-License-Identifier: Apache-2.0
// In Docker's order; what says nothing is left out.
#include "oci/image_spec.h"

static void put_text(struct json_writer *w, const char *key, const char *text) {
    if (!str_empty(text)) json_put_string(w, key, text);
}

static void put_list(struct json_writer *w, const char *key, const struct strings *list) {
    if (!list->count) return;
    json_begin_array(w, key);
    for (size_t i = 0; i < list->count; i++) json_put_string(w, NULL, list->items[i]);
    json_end_array(w);
}

static void put_keys(struct json_writer *w, const char *key, const struct strings *keys) {
    if (!keys->count) return;
    json_begin_object(w, key);
    for (size_t i = 0; i < keys->count; i++) json_put_raw(w, keys->items[i], "{}");
    json_end_object(w);
}

static void put_labels(struct json_writer *w, const struct image_config *config) {
    if (!config->labels.count) return;
    json_begin_object(w, "Labels");
    for (size_t i = 0; i < config->labels.count; i++)
        json_put_string(w, config->labels.items[i].key, config->labels.items[i].value);
    json_end_object(w);
}

void image_config_write(const struct image_config *config, struct json_writer *w) {
    json_begin_object(w, "config");
    put_text(w, "User", config->user);
    put_keys(w, "ExposedPorts", &config->exposed_ports);
    put_list(w, "Env", &config->env);
    put_list(w, "Entrypoint", &config->entrypoint);
    put_list(w, "Cmd", &config->cmd);
    if (config->healthcheck) json_put_raw(w, "Healthcheck", config->healthcheck);
    put_keys(w, "Volumes", &config->volumes);
    put_text(w, "WorkingDir", config->working_dir);
    put_labels(w, config);
    put_list(w, "OnBuild", &config->on_build);
    put_text(w, "StopSignal", config->stop_signal);
    put_list(w, "Shell", &config->shell);
    json_end_object(w);
}
