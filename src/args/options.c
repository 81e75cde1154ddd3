// SPDX-License-Identifier: Apache-2.0
// The reader of command lines, as Docker's (pflag's): --name value, --name=value, -n value, -nvalue, bundled
// flags -itd, flags with =false, "--" as the end of the options.
#include "args/options.h"

#include "base/str.h"
#include "oci/spec.h"

#include <errno.h>
#include <string.h>

const struct option *option_find(option_tables tables, const char *name, size_t length) {
    for (; *tables; tables++)
        for (size_t i = 0; i < (*tables)->count; i++) {
            const struct option *option = &(*tables)->rows[i];
            if (strncmp(option->name, name, length) == 0 && !option->name[length]) return option;
        }
    return NULL;
}

const struct option *option_find_letter(option_tables tables, char letter) {
    for (; *tables; tables++)
        for (size_t i = 0; i < (*tables)->count; i++)
            if (letter && (*tables)->rows[i].letter == letter) return &(*tables)->rows[i];
    return NULL;
}

static const char *both_names(struct arena *arena, const struct option *option) {
    return option->letter ? arena_printf(arena, "-%c, --%s", option->letter, option->name)
                          : arena_printf(arena, "--%s", option->name);
}

static int store(struct arena *arena, struct options_reader *reader, const struct option *option,
                 const char *spelled, const char *text, struct err *err) {
    if (!option->store)
        return err_set(err, ERR_INVALID, 0, "--%s is not supported: %s", option->name, option->refused);
    if (!*text && option->empty_is_unset) return 0;
    struct parse parse = {.arena = arena, .option = option, .spelled = spelled};
    if (option->store(&parse, text, (char *)reader->values + option->at, err) < 0)
        return err_wrap(err, "invalid argument \"%s\" for \"%s\" flag", text, both_names(arena, option));
    return 0;
}

// argv[*i] is "--name" or "--name=value".
static int read_long(struct arena *arena, struct options_reader *reader, const char *const *argv, size_t *i,
                     struct err *err) {
    const char *word = argv[*i];
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const struct option *option = option_find(reader->tables, name, length);
    if (!option && length == 4 && !strncmp(name, "help", 4)) {
        reader->help = true;
        return !equals || !parse_bool(equals + 1, &reader->help)
                   ? 0
                   : err_set(err, ERR_INVALID, 0, "invalid argument \"%s\" for \"--help\" flag", equals + 1);
    }
    if (!option) {
        if (!length) return err_set(err, ERR_INVALID, 0, "bad flag syntax: %s", word);
        return err_set(err, ERR_INVALID, 0, "unknown flag: --%.*s", (int)length, name);
    }
    const char *spelled = arena_printf(arena, "--%s", option->name);
    if (equals) return store(arena, reader, option, spelled, equals + 1, err);
    if (!option->value) return store(arena, reader, option, spelled, "true", err);
    if (!argv[*i + 1]) return err_set(err, ERR_INVALID, 0, "flag needs an argument: --%s", option->name);
    return store(arena, reader, option, spelled, argv[++*i], err);
}

// argv[*i] is "-abc".
static int read_short(struct arena *arena, struct options_reader *reader, const char *const *argv, size_t *i,
                      struct err *err) {
    const char *word = argv[*i];
    for (const char *p = word + 1; *p; p++) {
        const struct option *option = option_find_letter(reader->tables, *p);
        if (!option && *p == 'h') {
            reader->help = true;
            return 0;
        }
        if (!option) return err_set(err, ERR_INVALID, 0, "unknown shorthand flag: '%c' in %s", *p, word);
        const char *spelled = arena_printf(arena, "-%c", *p);
        if (p[1] == '=') return store(arena, reader, option, spelled, p + 2, err);
        if (!option->value) {
            if (store(arena, reader, option, spelled, "true", err) < 0) return -1;
            continue;
        }
        if (p[1]) return store(arena, reader, option, spelled, p + 1, err);
        if (!argv[*i + 1])
            return err_set(err, ERR_INVALID, 0, "flag needs an argument: '%c' in %s", *p, word);
        return store(arena, reader, option, spelled, argv[++*i], err);
    }
    return 0;
}

int options_read(struct arena *arena, struct options_reader *reader, const char *const *argv,
                 struct err *err) {
    size_t i = 0;
    for (; argv[i] && !reader->help; i++) {
        if (argv[i][0] != '-' || !argv[i][1]) {
            if (reader->stops) break;
            strings_add(arena, &reader->arguments, argv[i]);
        } else if (str_eq(argv[i], "--")) {
            i++;
            break;
        } else if ((argv[i][1] == '-' ? read_long : read_short)(arena, reader, argv, &i, err) < 0) {
            return -1;
        }
    }
    reader->taken = i;
    return 0;
}

// Plain types

int store_flag(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    if (parse_bool(text, field) < 0) return err_set(err, ERR_INVALID, 0, "it is either true or false");
    return 0;
}

int store_off(struct parse *parse, const char *text, void *field, struct err *err) {
    bool on;
    if (store_flag(parse, text, &on, err) < 0) return -1;
    *(bool *)field = !on;
    return 0;
}

int store_string(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse, (void)err;
    *(const char **)field = text;
    return 0;
}

int store_choice(struct parse *parse, const char *text, void *field, struct err *err) {
    const char *choices = parse->option->choices;
    size_t length = strlen(text);
    for (const char *at = choices; *at; at += strcspn(at, "|"), at += *at == '|') {
        if (strcspn(at, "|") != length || strncmp(at, text, length) != 0) continue;
        *(const char **)field = text;
        return 0;
    }
    char *words = arena_strdup(parse->arena, choices), *last = strrchr(words, '|');
    _cleanup_(str_finish) struct str list = {0};
    for (char *at = words; *at; at++) {
        if (*at != '|')
            str_add_char(&list, *at);
        else
            str_add(&list, at == last ? " or " : ", ");
    }
    return err_set(err, ERR_INVALID, 0, "it is %s", str_get(&list));
}

int store_list(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)err;
    strings_add(parse->arena, field, text);
    return 0;
}

static int not_a_number(int r, struct err *err) {
    return err_set(err, ERR_INVALID, 0,
                   r == -ERANGE ? "the number is out of range" : "it is no whole number");
}

int store_i64(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    struct spec_i64 number = {.set = true};
    int r = parse_i64(text, &number.value);
    if (r < 0) return not_a_number(r, err);
    *(struct spec_i64 *)field = number;
    return 0;
}

int store_u64(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    struct spec_u64 number = {.set = true};
    int r = parse_u64(text, &number.value);
    if (r < 0) return not_a_number(r, err);
    *(struct spec_u64 *)field = number;
    return 0;
}

int store_size(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    int r = parse_size(text, field);
    if (r < 0)
        return err_set(err, ERR_INVALID, 0,
                       r == -ERANGE ? "the size is out of range" : "it is no size, as in 64m or 1.5g");
    return 0;
}
