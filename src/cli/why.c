// SPDX-License-Identifier: Apache-2.0
// why: why a container ended, in plain words.
#include "engine/why.h"

#include "base/json_strings.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/words.h"

#include <stdio.h>

static int print_format(const struct container *container, const struct why *why, const char *format,
                        struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_array(&w, NULL);
    json_begin_object(&w, NULL);
    json_put_string(&w, "Id", container->id);
    json_put_string(&w, "Name", container->name);
    json_put_string(&w, "State", container->state);
    json_put_i64(&w, "ExitCode", container->exit_code);
    json_put_string(&w, "Cause", why->cause);
    json_put_strings(&w, "Sentences", &why->sentences);
    json_put_strings(&w, "Advice", &why->advice);
    json_put_strings(&w, "Output", &why->output);
    json_end_object(&w);
    json_end_array(&w);
    return format_documents(format, str_get(&w.text), stdout, err);
}

static void print_list(const char *heading, const struct strings *list) {
    if (!list->count) return;
    printf("\n%s:\n", heading);
    for (size_t i = 0; i < list->count; i++) printf("  %s\n", list->items[i]);
}

int run_why(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct format_flags *flags = invocation->options;
    struct container container;
    struct why why;
    if (container_find(engine, &invocation->arena, invocation->arguments.items[0], &container, err))
        return -1;
    container_why(engine, &invocation->arena, &container, &why);
    if (flags->format) return print_format(&container, &why, flags->format, err);
    printf("%s: %s\n\n", container.name, words_status(&invocation->arena, &container));
    for (size_t i = 0; i < why.sentences.count; i++) printf("%s\n", why.sentences.items[i]);
    print_list("Its last output", &why.output);
    print_list("Try", &why.advice);
    return 0;
}
