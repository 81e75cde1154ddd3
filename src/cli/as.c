// SPDX-License-Identifier: Apache-2.0
// as: what made a container, in other words: the command of hoy's (run), a shell script of every step (sh),
// or the config.json for an OCI runtime (oci).
#include "cli/as.h"
#include "plan/words.h"

#include "cli/cli.h"
#include "cli/session.h"
#include "engine/config_networks.h"
#include "plan/shell.h"

#include <stdio.h>

// run

static int read_documents(struct arena *arena, struct engine *engine, const struct container *container,
                          struct json *ret_documents[static 2], struct err *err) {
    struct image image = {0};
    struct err ignored;
    struct container_config plain = {0};
    const struct container_config *configs[] = {&container->config, &plain};
    // Without its image all that came of it is said, too.
    if (image_find(&engine->store, arena, container->image_id, &image, &ignored)) image = (struct image){0};
    container_config_merge(arena, &image.config, container->id, &plain);
    for (int i = 0; i < 2; i++) {
        _cleanup_(json_writer_finish) struct json_writer w = {0};
        json_begin_object(&w, NULL);
        container_config_write(configs[i], &w);
        config_networks_store(configs[i], &w);
        json_end_object(&w);
        if (json_parse(str_get(&w.text), w.text.len, &ret_documents[i]))
            return err_set(err, ERR_INVALID, 0, "the settings of container %s are no JSON", container->name);
    }
    return 0;
}

int run_as_run(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    struct container container;
    struct json *documents[2] = {NULL, NULL};
    struct strings words = {0};
    if (container_find(engine, &invocation->arena, name, &container, err)) return -1;
    int r = read_documents(&invocation->arena, engine, &container, documents, err);
    if (!r) {
        _cleanup_(str_finish) struct str text = {0};
        struct as_settings settings = {.own = documents[0],
                                       .plain = documents[1],
                                       .id = container.id,
                                       .name = container.name,
                                       .image = container.image_name};
        as_run_words(&invocation->arena, &settings, &words);
        for (size_t i = 0; i < words.count; i++) {
            if (i) str_add_char(&text, ' ');
            words_add_quoted(&text, words.items[i]);
        }
        puts(str_get(&text));
    }
    json_free(documents[0]);
    json_free(documents[1]);
    return r;
}

// sh, oci

// Printed at the end: whoever reads may be gone.
static int print_plan(struct invocation *invocation, struct engine *engine, const char *name,
                      void (*print)(struct plan_block *block, FILE *out), struct err *err) {
    struct container container;
    struct start_options options = {0};
    struct plan_block *block = NULL;
    struct err ignored;
    _cleanup_(freep) char *text = NULL;
    size_t size;
    if (container_find(engine, &invocation->arena, name, &container, err)) return -1;
    session_hold_signals();
    int r = container_plan(engine, &container, &options, &block, err);
    FILE *out = r ? NULL : open_memstream(&text, &size);
    if (out) {
        print(block, out);
        fclose(out);
    }
    if (block) plan_unmap(block);
    if (container_forget_plan(engine, &container, r ? &ignored : err)) r = -1;
    session_release_signals();
    if (!r && text) fputs(text, stdout);
    return r;
}

static void print_config(struct plan_block *block, FILE *out) {
    _cleanup_(json_writer_finish) struct json_writer w = {.indent = 4};
    _cleanup_(json_freep) struct json *config = NULL;
    if (json_parse(plan_data(block, block->config), block->config.size, &config)) return;
    json_put_value(&w, NULL, config);
    fprintf(out, "%s\n", str_get(&w.text));
}

int run_as_sh(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    return print_plan(invocation, engine, name, plan_print_shell, err);
}

int run_as_oci(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    return print_plan(invocation, engine, name, print_config, err);
}
