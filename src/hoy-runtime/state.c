// SPDX-License-Identifier: Apache-2.0
// state and list: what there is.
#include "base/clock.h"
#include "base/table.h"
#include "hoy-runtime/container.h"

#include <stdio.h>

int run_state(struct invocation *invocation, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer writer = {.indent = 2};
    _cleanup_(container_close) struct container container = {.dir = -1};
    if (container_open(invocation, invocation->arguments.items[0], false, &container, err) ||
        container_write_state(&container, &writer, err))
        return -1;
    puts(str_get(&writer.text));
    return 0;
}

struct list_options {
    const char *format;
    bool quiet;
};

static const struct option list_rows[] = {
    {"format", 'f', "string", "table or json", store_choice, offsetof(struct list_options, format),
     "table|json"},
    {"quiet", 'q', NULL, "Print ids only", store_flag, offsetof(struct list_options, quiet)},
};
const struct option_table list_options_table = OPTIONS(list_rows, struct list_options);

static void add_row(struct text_table *table, const struct container *container) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    char created[CLOCK_RFC3339_SIZE], pid[16];
    enum container_status status = container_status(container);
    const struct plan_block *plan = container->plan;
    snprintf(pid, sizeof pid, "%d", status == CONTAINER_STOPPED || !plan ? 0 : plan->pid);
    text_table_add(table, container->id);
    text_table_add(table, pid);
    text_table_add(table, container_status_word(status));
    text_table_add(table, plan ? plan_text(plan, plan->bundle) : "");
    text_table_add(table, clock_rfc3339(plan ? plan->created_ns : 0, created));
    text_table_add(table, container_owner(container, &arena));
}

static int print_list(struct invocation *invocation, const struct strings *ids, bool as_json,
                      struct err *err) {
    static const char *const heads[] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
    _cleanup_(text_table_finish) struct text_table table = {.columns = ARRAY_SIZE(heads)};
    _cleanup_(json_writer_finish) struct json_writer writer = {0};
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++) text_table_add(&table, heads[i]);
    json_begin_array(&writer, NULL);
    for (size_t i = 0; i < ids->count; i++) {
        _cleanup_(container_close) struct container container = {.dir = -1};
        struct err why;
        if (container_open(invocation, ids->items[i], false, &container, &why)) {
            if (why.kind != ERR_NOT_FOUND) say_warning(invocation, why.text); // else it went meanwhile
            continue;
        }
        if (!as_json)
            add_row(&table, &container);
        else if (container_write_state(&container, &writer, err))
            return -1;
    }
    json_end_array(&writer);
    if (as_json)
        puts(str_get(&writer.text));
    else
        text_table_print(&table, stdout);
    return 0;
}

int run_list(struct invocation *invocation, struct err *err) {
    const struct list_options *options = invocation->options;
    struct strings ids;
    if (container_list(invocation, &ids, err)) return -1;
    if (!options->quiet) return print_list(invocation, &ids, str_eq(options->format, "json"), err);
    for (size_t i = 0; i < ids.count; i++) puts(ids.items[i]);
    return 0;
}
