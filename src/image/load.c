// SPDX-License-Identifier: Apache-2.0
// All images of an archive are staged, and the worker has gone, before the first is taken into the store.
#include "image/archive.h"
#include "image/event.h"
#include "image/intake.h"
#include "image/policy.h"
#include "registry/reference.h"

struct load {
    struct store *store;
    struct arena *arena;
    const struct load_options *options;
    struct intake intake;
    struct {
        struct intake_image **items;
        size_t count;
    } images;
};

static int request_send(struct load *load, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    const char *wanted = load->options->platform;
    struct platform platform;
    platform_host(&platform);
    if (wanted && platform_parse(load->arena, wanted, &platform, err)) return -1;
    json_begin_object(&w, NULL);
    intake_put_platform(&w, &platform);
    json_put_bool(&w, "platform_asked", wanted);
    if (intake_put_settings(&load->intake, &w, err)) return -1;
    json_end_object(&w);
    return fetcher_send(&load->intake.fetcher, &w, load->options->archive, err);
}

static int names_check(struct load *load, struct intake_image *image, struct err *err) {
    for (size_t i = 0; i < image->names.count; i++) {
        struct reference reference;
        if (reference_parse(load->arena, image->names.items[i], &reference, err)) return -1;
        if (reference.digest) return err_set(err, ERR_SYSTEM, 0, "hoy-fetch brought a digest for a name");
        image->names.items[i] = reference_full(load->arena, &reference);
    }
    if (!image->names.count) return 0;
    image->commit.name = image->names.items[0];
    image->commit.more_names = (struct strings){image->names.items + 1, image->names.count - 1};
    return 0;
}

// What is printed when it is in the store under this name.
static int say_name(struct load *load, const struct intake_image *image, const char *name, struct str *lines,
                    struct err *err) {
    struct reference reference;
    const char *other;
    if (reference_parse(load->arena, name, &reference, err)) return -1;
    const char *familiar = reference_familiar(load->arena, &reference);
    int r = db_word(load->store->db, load->arena, &other, err,
                    "SELECT image_id FROM image_name WHERE name = ? AND image_id != ?", "ss", name,
                    image->commit.id);
    if (r > 0)
        str_printf(lines, "The image %s already exists, renaming the old one with ID %s to empty string\n",
                   familiar, other);
    str_printf(lines, "Loaded image: %s\n", familiar);
    return r < 0 ? -1 : 0;
}

static int take(struct load *load, struct intake_image *image, struct err *err) {
    _cleanup_(str_finish) struct str lines = {0};
    for (size_t i = 0; i < image->names.count; i++)
        if (say_name(load, image, image->names.items[i], &lines, err)) return -1;
    if (!image->names.count) str_printf(&lines, "Loaded image ID: %s\n", image->commit.id);
    if (image->configured && intake_look_again(&load->intake, image, err)) return -1;
    if (intake_commit(image, err)) return -1;
    image_event(load->store, "load", image->commit.id, image->commit.id, &image->config);
    fputs(str_get(&lines), load->options->out);
    return 0;
}

static int load_run(struct load *load, struct err *err) {
    struct intake_image *image;
    int r;
    if (policy_check_local("docker-archive", err)) return -1;
    load->intake.loading = true;
    load->intake.keep_blobs = str_eq(load->store->driver, "dir"); // nobody else may have them
    progress_begin_load(&load->intake.progress, load->arena, load->options->progress);
    if (intake_start(&load->intake, "load", err) || request_send(load, err)) return -1;
    while ((r = intake_next(&load->intake, &image, err)) > 0) {
        if (names_check(load, image, err)) return -1;
        *arena_push(load->arena, &load->images) = image;
    }
    for (size_t i = 0; !r && i < load->images.count; i++) r = take(load, load->images.items[i], err);
    fflush(load->options->out);
    return r;
}

int image_load(struct store *store, struct arena *arena, const struct load_options *options,
               struct err *err) {
    struct load load = {
        .store = store, .arena = arena, .options = options, .intake = INTAKE_INIT(store, arena, NULL)};
    int r = load_run(&load, err);
    intake_finish(&load.intake);
    return r;
}
