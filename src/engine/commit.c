// SPDX-License-Identifier: Apache-2.0
// An image out of a container: what changed becomes a layer over the image's own, the container's settings
// become the image's. The container stands still only while the layer is written.
#include "engine/freeze.h"
#include "engine/parts.h"
#include "engine/upkeep.h"
#include "image/compose.h"
#include "image/fetcher.h"
#include "oci/change.h"
#include "oci/image_write.h"
#include "registry/channel.h"

#include <errno.h>
#include <string.h>

struct making {
    struct engine *engine;
    const struct container *container;
    const struct commit_options *options;
    struct compose compose;
    struct image image;
};

// The settings

// A volume without a name is a place that every container of the image gets one for.
static void add_volumes(struct arena *arena, const struct container_config *from, struct image_config *to) {
    for (size_t i = 0; i < from->mounts.count; i++)
        if (from->mounts.items[i].anonymous && !strings_have(&to->volumes, from->mounts.items[i].target))
            strings_add(arena, &to->volumes, from->mounts.items[i].target);
}

// As Docker merges them: the container's settings were merged with the image's when it was made.
static void add_ports(struct arena *arena, const struct container_config *from, struct image_config *to) {
    struct strings ports = {0};
    const struct strings *lists[] = {&to->exposed_ports, &from->exposed_ports};
    for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
        for (size_t i = 0; i < lists[l]->count; i++)
            if (!strings_have(&ports, lists[l]->items[i])) strings_add(arena, &ports, lists[l]->items[i]);
    to->exposed_ports = ports;
}

static void merge_config(struct making *m, struct image_config *config) {
    const struct container_config *from = &m->container->config;
    *config = m->image.config;
    config->author = m->options->author;
    config->env = from->env;
    config->cmd = from->cmd;
    config->entrypoint = from->entrypoint;
    config->user = from->user;
    config->working_dir = from->working_dir;
    config->stop_signal = from->stop_signal;
    config->healthcheck = health_config_text(&m->compose.arena, from->health);
    config->labels.items = from->labels.items;
    config->labels.count = from->labels.count;
    config->on_build = (struct strings){0};
    add_volumes(&m->compose.arena, from, config);
    add_ports(&m->compose.arena, from, config);
}

// The list that the image's documents have stays as it is.
static void copy_diff_ids(struct making *m, struct image_config *config) {
    struct strings ids = {0};
    for (size_t i = 0; i < config->diff_ids.count; i++)
        strings_add(&m->compose.arena, &ids, config->diff_ids.items[i]);
    if (m->compose.diff_id) strings_add(&m->compose.arena, &ids, m->compose.diff_id);
    config->diff_ids = ids;
}

static int set_config(struct making *m, struct image_config *config, struct err *err) {
    struct compose *compose = &m->compose;
    const char *parent_text = m->image.config_text;
    _cleanup_(json_freep) struct json *parent = NULL;
    char now[CLOCK_RFC3339_SIZE];
    if (json_parse(parent_text, strlen(parent_text), &parent))
        return err_set(err, ERR_INVALID, 0, "the config of image %.19s is damaged", m->image.id);
    copy_diff_ids(m, config);
    const struct image_document document = {.config = config,
                                            .parent = parent,
                                            .created = clock_rfc3339(clock_wall_ns(), now),
                                            .created_by =
                                                strings_join(&compose->arena, &m->container->config.cmd, " "),
                                            .comment = m->options->message,
                                            .empty_layer = !compose->diff_id};
    return compose_set_config(compose, image_document_write(&compose->arena, &document), err);
}

// The layer

static int take_layer(struct making *m, const struct json *done, struct err *err) {
    uint64_t size;
    if (!json_boolean(json_get(done, "any"))) return 0; // nothing has changed: the image's layers are all
    if (json_u64(json_get(done, "size"), &size))
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch did not say what it wrote");
    return compose_take_layer(&m->compose, json_get_string(done, "digest"), size, err);
}

static int write_layer(struct making *m, struct err *err) {
    _cleanup_(json_freep) struct json *done = NULL;
    _cleanup_(freeze_end) struct freeze freeze = FREEZE_INIT;
    if (m->options->pause && freeze_begin(m->engine, m->container, &freeze, err)) return -1;
    _cleanup_(fd_closep) int view =
        container_view_open(m->engine, &m->compose.arena, m->container, &m->image, err);
    if (view < 0) return -1;
    _cleanup_(fd_closep) int tar =
        fd_open_at(m->compose.staging.fd, STAGED_TAR, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (tar < 0) return err_set(err, ERR_SYSTEM, -tar, "can't make the layer");
    return fetcher_run("layer", view, tar, &done, err) || take_layer(m, done, err) ? -1 : 0;
}

static int run(struct making *m, struct err *err) {
    struct image_config config;
    struct arena *arena = &m->compose.arena;
    if (image_find(&m->engine->store, arena, m->container->image_id, &m->image, err)) return -1;
    merge_config(m, &config);
    if (image_changes_apply(arena, &m->options->changes, &config, err)) return -1;
    m->compose.parent = &m->image;
    m->compose.name = m->options->name;
    return compose_start(&m->compose, err) || write_layer(m, err) || set_config(m, &config, err) ||
                   compose_commit(&m->compose, err)
               ? -1
               : 0;
}

int container_commit(struct engine *engine, const struct container *container,
                     const struct commit_options *options, char ret_id[static DIGEST_SIZE], struct err *err) {
    _cleanup_(signals_release) _unused_ sigset_t signals = signals_hold();
    struct making m = {.engine = engine,
                       .container = container,
                       .options = options,
                       .compose = COMPOSE_INIT(&engine->store)};
    int r = run(&m, err);
    if (!r) memcpy(ret_id, m.compose.id, DIGEST_SIZE);
    if (!r)
        container_event(engine, container, "commit", "comment", options->message, "imageID", m.compose.id,
                        "imageRef", image_familiar(&m.compose.arena, options->name), NULL);
    compose_finish(&m.compose);
    return r ? err_wrap(err, "commit container %s", container->name) : 0;
}
