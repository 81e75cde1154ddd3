// SPDX-License-Identifier: Apache-2.0
// explain: the plan of a container that is not made, in words or as a script.
#include "plan/explain.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/ensure.h"
#include "cli/session.h"
#include "cli/settings.h"
#include "engine/volume.h"
#include "plan/shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct explain_options {
    struct settings settings; // first: its own rows count from here
    const char *as;
};

static int store_as(struct parse *parse, const char *text, void *field, struct err *err) {
    if (!str_eq(text, "sh") && !str_eq(text, "text"))
        return err_set(err, ERR_INVALID, 0, "it must be one of sh, text");
    return store_string(parse, text, field, err);
}

static const struct option rows[] = {
    {"as", 0, "string", "What to print: \"text\" (default), or \"sh\" for a script that makes the container",
     store_as, offsetof(struct explain_options, as), "sh|text"},
};
const struct option_table explain_options_table = OPTIONS(rows, struct explain_options);

static int plan_text_of(struct engine *engine, const struct container *container, const char *as,
                        char **ret_text, struct err *err) {
    struct start_options options = {.explain = true};
    struct plan_block *block = NULL;
    size_t size;
    if (container_plan(engine, container, &options, &block, err) < 0) return -1;
    FILE *out = open_memstream(ret_text, &size);
    if (out) {
        (str_eq(as, "sh") ? plan_print_shell : plan_explain)(block, out);
        fclose(out);
    }
    plan_unmap(block);
    return out ? 0 : err_set(err, ERR_SYSTEM, ENOMEM, "print the plan");
}

// The volumes that a container would have made by their names.
static void new_volumes(struct engine *engine, struct arena *arena, const struct container_config *config,
                        struct strings *ret_names) {
    struct volume volume;
    struct err missing;
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        if (mount->type == CONTAINER_MOUNT_VOLUME && mount->source && !mount->anonymous &&
            volume_find(engine, arena, mount->source, &volume, &missing) && missing.kind == ERR_NOT_FOUND)
            strings_add(arena, ret_names, mount->source);
    }
}

static int explain(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct explain_options *options = invocation->options;
    struct container container;
    struct image image;
    struct strings volumes = {0};
    struct err ignored;
    if (image_ensure(engine, &invocation->arena, &options->settings, &image, err) < 0) return -1;
    // A container that is there only as long as its plan is looked at; printing comes after it, since whoever
    // reads may be gone.
    session_hold_signals();
    new_volumes(engine, &invocation->arena, &options->settings.config, &volumes);
    if (container_create(engine, &invocation->arena, &options->settings.config, options->settings.name,
                         &container, err) < 0)
        return -1;
    char *text = NULL;
    int r = plan_text_of(engine, &container, options->as, &text, err);
    container_remove(engine, &container, true, &ignored);
    container_remove_volumes(engine, &container, &ignored);
    for (size_t i = 0; i < volumes.count; i++) volume_remove(engine, volumes.items[i], &ignored);
    session_release_signals();
    if (text) fputs(text, stdout);
    free(text);
    return r;
}

int run_explain(struct invocation *invocation, struct err *err) {
    const struct explain_options *options = invocation->options;
    if (settings_finish(invocation, false, err) < 0) return -1;
    if (options->settings.cidfile)
        return err_set(err, ERR_INVALID, 0, "--cidfile: explain makes no container that would have an id");
    return cli_with_engine(invocation, explain, err);
}
