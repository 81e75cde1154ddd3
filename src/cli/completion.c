// SPDX-License-Identifier: Apache-2.0
// Shell completion. The scripts only hand the words of the line to `hoy __complete`, which knows the tables:
// it prints what the last word can become, a candidate a line, with a tab and its meaning behind it.
#include "base/str.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/words.h"
#include "engine/networks.h"
#include "engine/volume.h"

#include <stdio.h>
#include <string.h>

// bash cuts words at = and :, and wants what comes behind the last of them.
static const char bash[] = "_hoy() {\n"
                           "    local line word words=() join=\n"
                           "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD}\"; do\n"
                           "        if [[ ${#words[@]} -gt 0 && ($join || $word == [=:]*) ]]; then\n"
                           "            words[-1]+=$word\n"
                           "        else\n"
                           "            words+=(\"$word\")\n"
                           "        fi\n"
                           "        [[ $word == *[=:] ]] && join=1 || join=\n"
                           "    done\n"
                           "    word=${words[-1]}\n"
                           "    [[ $word == *[=:]* ]] && word=${word%\"${word##*[=:]}\"} || word=\n"
                           "    COMPREPLY=()\n"
                           "    while IFS= read -r line; do\n"
                           "        line=${line%%$'\\t'*}\n"
                           "        COMPREPLY+=(\"${line#\"$word\"}\")\n"
                           "    done < <(hoy __complete \"${words[@]}\" 2>/dev/null)\n"
                           "    [[ ${COMPREPLY[*]} != *[=:] ]] || compopt -o nospace 2>/dev/null\n"
                           "}\n"
                           "complete -o default -F _hoy hoy\n";

static const char zsh[] = "#compdef hoy\n"
                          "_hoy() {\n"
                          "    local line\n"
                          "    local -a candidates\n"
                          "    while IFS= read -r line; do\n"
                          "        candidates+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
                          "    done < <(hoy __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
                          "    if (( $#candidates )); then _describe hoy candidates; else _files; fi\n"
                          "}\n"
                          "compdef _hoy hoy\n";

static const char fish[] = "function __hoy_complete\n"
                           "    set -l words (commandline -opc)\n"
                           "    set -l word (commandline -ct)\n"
                           "    set -l found (hoy __complete $words[2..-1] \"$word\" 2>/dev/null)\n"
                           "    if set -q found[1]\n"
                           "        printf '%s\\n' $found\n"
                           "    else\n"
                           "        __fish_complete_path \"$word\"\n"
                           "    end\n"
                           "end\n"
                           "complete -c hoy -f -a '(__hoy_complete)'\n";

int run_completion(struct invocation *invocation, struct err *err) {
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
        if (str_eq(scripts[i].shell, invocation->arguments.items[0]))
            return fputs(scripts[i].script, stdout), 0;
    return err_set(err, ERR_INVALID, 0, "there is no completion for '%s': bash, zsh or fish",
                   invocation->arguments.items[0]);
}

int run_manual(struct invocation *invocation, struct err *err) {
    (void)invocation, (void)err;
    help_manual(stdout);
    return 0;
}

static void offer(const char *prefix, const char *candidate, const char *meaning) {
    if (str_has_prefix(candidate, prefix)) printf("%s\t%s\n", candidate, meaning ? meaning : "");
}

static void offer_commands(const char *group, const char *prefix) {
    for (size_t i = 0; i < command_count; i++) {
        const char *form = command_form_in(&commands[i], group);
        if (form && commands[i].summary) offer(prefix, form, commands[i].summary);
    }
    for (size_t i = 0; i < command_group_count && !group; i++)
        offer(prefix, command_groups[i].name, command_groups[i].summary);
}

static void offer_options(option_tables tables, const char *prefix) {
    for (; *tables; tables++)
        for (size_t i = 0; i < (*tables)->count; i++) {
            char name[64];
            const struct option *option = &(*tables)->rows[i];
            snprintf(name, sizeof name, "--%s", option->name);
            if (option->help) offer(prefix, name, option->help);
        }
    offer(prefix, "--help", "Print usage");
}

// before: what stands before a choice in the same word.
static void offer_choices(const struct option *option, const char *before, const char *prefix) {
    char choices[128], *rest = choices;
    if (!option->choices) return;
    snprintf(choices, sizeof choices, "%s", option->choices);
    for (char *choice; (choice = strsep(&rest, "|"));)
        if (str_has_prefix(choice, prefix)) printf("%s%s\t\n", before, choice);
}

// "--option=" and the beginning of its value.
static bool offer_value(option_tables tables, const char *word) {
    const char *equals = strchr(word, '=');
    char before[64];
    if (!str_has_prefix(word, "--") || !equals) return false;
    const struct option *option = option_find(tables, word + 2, (size_t)(equals - word) - 2);
    snprintf(before, sizeof before, "%.*s", (int)(equals - word) + 1, word);
    if (option) offer_choices(option, before, equals + 1);
    return true;
}

// The option whose value the next word is, or NULL.
static const struct option *awaiting(option_tables tables, const char *word) {
    const struct option *option = NULL;
    size_t length = strlen(word);
    if (str_has_prefix(word, "--"))
        option = option_find(tables, word + 2, length - 2);
    else if (word[0] == '-' && length > 1)
        option = option_find_letter(tables, word[length - 1]); // the last of a bundle
    return option && option->value ? option : NULL;
}

// How many arguments stand before the last word, and whether options have ended.
static size_t count_arguments(option_tables tables, const struct strings *words, size_t from) {
    size_t count = 0;
    for (size_t i = from; i + 1 < words->count; i++) {
        const char *word = words->items[i];
        if (word[0] != '-' || !word[1])
            count++;
        else if (awaiting(tables, word) && !strchr(word, '='))
            i++;
    }
    return count;
}

static int offer_volumes(struct engine *engine, struct arena *arena, const char *prefix, struct err *err) {
    const struct strings all = {0};
    struct volumes volumes;
    if (volume_list(engine, arena, &all, &volumes, err)) return -1;
    for (size_t i = 0; i < volumes.count; i++) offer(prefix, volumes.items[i].name, "volume");
    return 0;
}

static int offer_networks(struct engine *engine, struct arena *arena, const char *prefix, struct err *err) {
    const struct strings all = {0};
    struct networks networks;
    if (networks_list(engine, arena, &all, &networks, err)) return -1;
    for (size_t i = 0; i < networks.count; i++) offer(prefix, networks.items[i].name, "network");
    return 0;
}

static int offer_objects(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct command *command = invocation->command;
    const char *prefix = invocation->arguments.items[invocation->arguments.count - 1];
    struct arena *arena = &invocation->arena;
    if (command->completes == ARGUMENTS_VOLUMES) return offer_volumes(engine, arena, prefix, err);
    if (command->completes == ARGUMENTS_NETWORKS) return offer_networks(engine, arena, prefix, err);
    if (command->completes != ARGUMENTS_IMAGES) {
        struct containers containers;
        if (container_list(engine, arena, true, &containers, err) < 0) return -1;
        for (size_t i = 0; i < containers.count; i++)
            offer(prefix, containers.items[i].name, containers.items[i].image_name);
    }
    if (command->completes != ARGUMENTS_CONTAINERS) {
        struct images images;
        if (image_list(&engine->store, arena, &images, err) < 0) return -1;
        for (size_t i = 0; i < images.count; i++)
            for (size_t j = 0; j < images.items[i].names.count; j++)
                offer(prefix, words_image(arena, images.items[i].names.items[j]), "image");
    }
    return 0;
}

// Words after the command's name.
static int complete_command(struct invocation *invocation, const struct command *command, size_t from,
                            struct err *err) {
    const struct strings *words = &invocation->arguments;
    const char *last = words->items[words->count - 1];
    const char *previous = words->count > from + 1 ? words->items[words->count - 2] : "";
    const struct option *option = awaiting(command->options, previous);
    if (option) return offer_choices(option, "", last), 0;
    size_t count = count_arguments(command->options, words, from);
    bool stopped = command->stops && count;
    if (!stopped && offer_value(command->options, last)) return 0;
    if (*last == '-' && !stopped) return offer_options(command->options, last), 0;
    if (command->run == run_completion)
        return offer(last, "bash", NULL), offer(last, "zsh", NULL), offer(last, "fish", NULL), 0;
    if (command->completes == ARGUMENTS_ANY || stopped || (command->max >= 0 && (int)count >= command->max))
        return 0;
    invocation->command = command;
    return cli_with_engine(invocation, offer_objects, err);
}

int run_complete(struct invocation *invocation, struct err *err) {
    const struct strings *words = &invocation->arguments;
    if (!words->count) return 0;
    const char *last = words->items[words->count - 1];
    size_t first = 0;
    while (first + 1 < words->count && words->items[first][0] == '-')
        first += awaiting(global_options, words->items[first]) && !strchr(words->items[first], '=') ? 2 : 1;
    if (first + 1 >= words->count) {
        const struct option *option =
            words->count > 1 ? awaiting(global_options, words->items[words->count - 2]) : NULL;
        if (option) return offer_choices(option, "", last), 0;
        if (*last == '-') return offer_options(global_options, last), 0;
        return offer_commands(NULL, last), 0;
    }
    const char **argv = arena_array(&invocation->arena, const char *, words->count + 1);
    memcpy(argv, words->items, (words->count - 1) * sizeof *argv);
    const struct command_group *group = NULL;
    const char *form;
    size_t taken;
    const struct command *command = command_find(argv + first, &taken, &form, &group, err);
    if (!command && group) return offer_commands(group->name, last), 0;
    return command ? complete_command(invocation, command, first + taken, err) : 0;
}
