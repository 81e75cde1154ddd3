// SPDX-License-Identifier: Apache-2.0
#include "cli/invocation.h"

int options_check_count(const struct invocation *invocation, struct err *err) {
    const struct command *command = invocation->command;
    int count = (int)invocation->arguments.count;
    if (count >= command->min && (command->max < 0 || count <= command->max)) return 0;
    const char *bound = command->min == command->max ? "" : count < command->min ? "at least " : "at most ";
    int wanted = count < command->min ? command->min : command->max;
    if (command->max == 0)
        return err_set(err, ERR_INVALID, 0, "'hoy %s' accepts no arguments", invocation->form);
    return err_set(err, ERR_INVALID, 0, "'hoy %s' requires %s%d argument%s", invocation->form, bound, wanted,
                   wanted == 1 ? "" : "s");
}

int options_parse(struct invocation *invocation, const char *const *argv, struct err *err) {
    const struct command *command = invocation->command;
    size_t size = 1;
    for (size_t i = 0; command->options[i]; i++)
        if (command->options[i]->size > size) size = command->options[i]->size;
    invocation->options = arena_alloc(&invocation->arena, size);
    struct options_reader reader = {
        .tables = command->options, .values = invocation->options, .stops = command->stops};
    if (!command->verbatim && options_read(&invocation->arena, &reader, argv, err) < 0) return -1;
    if (reader.help) {
        invocation->help = true;
        return 0;
    }
    for (size_t i = reader.taken; argv[i]; i++) strings_add(&invocation->arena, &reader.arguments, argv[i]);
    invocation->arguments = reader.arguments;
    return 0;
}
