// SPDX-License-Identifier: Apache-2.0
// network why: where a packet from one to another ends.
#include "engine/network_why.h"

#include "base/json_strings.h"
#include "base/macro.h"
#include "cli/cli.h"
#include "cli/format.h"

#include <stdio.h>

static const struct {
    const char *mark, *word;
} states[] = {
    [NETWORK_STEP_FINE] = {"ok", "fine"},
    [NETWORK_STEP_NOTE] = {" !", "note"},
    [NETWORK_STEP_ENDS] = {"✗ ", "ends"},
};

static void print_lines(const struct network_why *why) {
    for (size_t i = 0; i < why->count; i++)
        printf("%s  %-9s %s\n", states[why->items[i].state].mark, why->items[i].topic, why->items[i].text);
    printf("\n%s\n", !why->through ? "It does not get through."
                     : why->tried  ? "It gets through."
                                   : "Nothing that can be seen from here is in the way.");
    if (!why->advice.count || why->through) return;
    printf("\nTry:\n");
    for (size_t i = 0; i < why->advice.count; i++) printf("  %s\n", why->advice.items[i]);
}

static int print_format(const struct network_why *why, const char *format, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_array(&w, NULL);
    json_begin_object(&w, NULL);
    json_put_bool(&w, "Through", why->through);
    json_put_bool(&w, "Tried", why->tried);
    json_begin_array(&w, "Steps");
    for (size_t i = 0; i < why->count; i++) {
        json_begin_object(&w, NULL);
        json_put_string(&w, "Topic", why->items[i].topic);
        json_put_string(&w, "State", states[why->items[i].state].word);
        json_put_string(&w, "Text", why->items[i].text);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_put_strings(&w, "Advice", &why->advice);
    json_end_object(&w);
    json_end_array(&w);
    return format_documents(format, str_get(&w.text), stdout, err);
}

int run_network_why(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct format_flags *flags = invocation->options;
    const char *const *words = invocation->arguments.items;
    struct network_why why;
    if (network_why(engine, &invocation->arena, words[0], words[1], &why, err)) return -1;
    if (!flags->format)
        print_lines(&why);
    else if (print_format(&why, flags->format, err))
        return -1;
    return why.through ? 0 : 1;
}
