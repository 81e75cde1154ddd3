// SPDX-License-Identifier: Apache-2.0
#include "oci/change.h"

#include "base/clock.h"
#include "base/json_strings.h"
#include "base/path.h"
#include "base/signal_name.h"
#include "oci/change_words.h"
#include "oci/key_values.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PORTS_MAX 65535

struct change {
    struct arena *arena;
    struct image_config *config;
    const char *word, *rest; // "CMD" as it is in the table, and what comes after it
    bool *cmd_set;
    struct err *err;
};

static int refuse(struct change *c, const char *why) {
    return err_set(c->err, ERR_INVALID, 0, "%s", why);
}

static int expand(struct change *c, const char *word, const char **ret) {
    return change_word_expand(c->arena, word, &c->config->env, ret, c->err);
}

// 1 when it is an array of strings, 0 when it is no JSON array at all, -1 for another array.
static int read_array(struct change *c, const char *text, struct strings *ret) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (*text != '[' || json_parse(text, strlen(text), &json) || !json_is_array(json)) return 0;
    if (json_strings(c->arena, json, ret))
        return refuse(c, "when using JSON array syntax, arrays must be comprised of strings only");
    return 1;
}

// A command in JSON form, or in shell form for the image's shell.
static int read_command(struct change *c, const char *text, struct strings *ret) {
    const struct strings *shell = &c->config->shell;
    int r = read_array(c, text, ret);
    if (r) return r < 0 ? -1 : 0;
    for (size_t i = 0; i < shell->count; i++) strings_add(c->arena, ret, shell->items[i]);
    if (!shell->count) {
        strings_add(c->arena, ret, "/bin/sh");
        strings_add(c->arena, ret, "-c");
    }
    strings_add(c->arena, ret, text);
    return 0;
}

static int change_cmd(struct change *c) {
    struct strings command = {0};
    if (read_command(c, c->rest, &command)) return -1;
    c->config->cmd = command;
    c->config->has_cmd = *c->cmd_set = true;
    return 0;
}

static int change_entrypoint(struct change *c) {
    struct strings command = {0};
    if (read_command(c, c->rest, &command)) return -1;
    c->config->entrypoint = command;
    c->config->has_entrypoint = true;
    if (*c->cmd_set) return 0;
    c->config->cmd = (struct strings){0};
    c->config->has_cmd = false;
    return 0;
}

// Names and values

typedef void put_pair(struct change *c, const char *name, const char *value);

static void put_env(struct change *c, const char *name, const char *value) {
    struct strings *env = &c->config->env;
    const char *entry = arena_printf(c->arena, "%s=%s", name, value);
    size_t length = strlen(name);
    for (size_t i = 0; i < env->count; i++)
        if (!strncmp(env->items[i], name, length) && env->items[i][length] == '=') {
            env->items[i] = entry;
            return;
        }
    strings_add(c->arena, env, entry);
}

static void put_label(struct change *c, const char *name, const char *value) {
    key_values_set(c->arena, &c->config->labels, name, value);
}

// "NAME VALUE": the older form, where all the rest is the value.
static int split_old(struct change *c, struct strings *pairs) {
    const char *space = c->rest + strcspn(c->rest, " \t"), *value = space + strspn(space, " \t");
    if (!*value) return err_set(c->err, ERR_INVALID, 0, "%s must have two arguments", c->word);
    strings_add(c->arena, pairs, arena_strndup(c->arena, c->rest, (size_t)(space - c->rest)));
    strings_add(c->arena, pairs, value);
    return 0;
}

static int split_pairs(struct change *c, struct strings *pairs) {
    struct strings words = {0};
    change_words_split(c->arena, c->rest, &words);
    if (!strchr(words.items[0], '=')) return split_old(c, pairs);
    for (size_t i = 0; i < words.count; i++) {
        const char *equals = strchr(words.items[i], '=');
        if (!equals)
            return err_set(c->err, ERR_INVALID, 0,
                           "can't find = in \"%.100s\". Must be of the form: name=value", words.items[i]);
        strings_add(c->arena, pairs,
                    arena_strndup(c->arena, words.items[i], (size_t)(equals - words.items[i])));
        strings_add(c->arena, pairs, equals + 1);
    }
    return 0;
}

// The values see the environment as it was before the instruction.
static int change_pairs(struct change *c, put_pair *put) {
    struct strings pairs = {0};
    if (split_pairs(c, &pairs)) return -1;
    for (size_t i = 0; i < pairs.count; i++)
        if (expand(c, pairs.items[i], &pairs.items[i])) return -1;
    for (size_t i = 0; i < pairs.count; i += 2) {
        if (!*pairs.items[i]) return err_set(c->err, ERR_INVALID, 0, "%s names can not be blank", c->word);
        put(c, pairs.items[i], pairs.items[i + 1]);
    }
    return 0;
}

static int change_env(struct change *c) {
    return change_pairs(c, put_env);
}

static int change_label(struct change *c) {
    return change_pairs(c, put_label);
}

// Sets

static void add_key(struct change *c, struct strings *keys, const char *key) {
    for (size_t i = 0; i < keys->count; i++)
        if (str_eq(keys->items[i], key)) return;
    strings_add(c->arena, keys, key);
}

static int change_volume(struct change *c) {
    struct strings paths = {0};
    int r = read_array(c, c->rest, &paths);
    if (r < 0) return -1;
    if (!r) change_words_split(c->arena, c->rest, &paths);
    for (size_t i = 0; i < paths.count; i++) {
        const char *path;
        if (expand(c, paths.items[i], &path)) return -1;
        if (!path[strspn(path, " \t")]) return refuse(c, "VOLUME specified can not be an empty string");
        add_key(c, &c->config->volumes, path);
    }
    return 0;
}

// "80", "80/tcp", "8000-8010/udp"
static int expose(struct change *c, char *text) {
    char *protocol = strchr(text, '/'), *end;
    uint32_t first, last;
    if (protocol) *protocol++ = 0;
    if ((end = strchr(text, '-'))) *end++ = 0;
    for (char *p = protocol; p && *p; p++) *p = (char)tolower((unsigned char)*p);
    if (!protocol) protocol = (char *)"tcp";
    if (!str_eq(protocol, "tcp") && !str_eq(protocol, "udp") && !str_eq(protocol, "sctp"))
        return err_set(c->err, ERR_INVALID, 0, "invalid proto: %.20s", protocol);
    if (parse_u32(text, &first) || parse_u32(end ? end : text, &last) || first > last || last > PORTS_MAX)
        return err_set(c->err, ERR_INVALID, 0, "invalid containerPort: %.20s%s%.20s", text, end ? "-" : "",
                       end ? end : "");
    for (; first <= last; first++)
        add_key(c, &c->config->exposed_ports, arena_printf(c->arena, "%u/%s", first, protocol));
    return 0;
}

// A variable may have several ports in it.
static int change_expose(struct change *c) {
    struct strings words = {0}, ports = {0};
    change_words_split(c->arena, c->rest, &words);
    for (size_t i = 0; i < words.count; i++) {
        const char *text;
        if (expand(c, words.items[i], &text)) return -1;
        change_words_split(c->arena, text, &ports);
    }
    for (size_t i = 0; i < ports.count; i++)
        if (expose(c, arena_strdup(c->arena, ports.items[i]))) return -1;
    return 0;
}

// Single texts

static int change_user(struct change *c) {
    return expand(c, c->rest, &c->config->user);
}

static int change_stop_signal(struct change *c) {
    const char *text;
    if (expand(c, c->rest, &text)) return -1;
    if (signal_parse(text) < 0) return err_set(c->err, ERR_INVALID, 0, "invalid signal: %.40s", text);
    c->config->stop_signal = text;
    return 0;
}

static int change_workdir(struct change *c) {
    const char *path, *before = c->config->working_dir;
    if (expand(c, c->rest, &path)) return -1;
    if (*path == '/') before = NULL;
    c->config->working_dir = path_clean(arena_printf(c->arena, "%s/%s", before ? before : "", path));
    return 0;
}

static int change_on_build(struct change *c) {
    static const char *const forbidden[] = {"ONBUILD", "FROM", "MAINTAINER"};
    size_t length = strcspn(c->rest, " \t");
    for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
        if (strlen(forbidden[i]) == length && !strncasecmp(c->rest, forbidden[i], length))
            return err_set(c->err, ERR_INVALID, 0, "%s isn't allowed as an ONBUILD trigger", forbidden[i]);
    strings_add(c->arena, &c->config->on_build, c->rest);
    return 0;
}

// Health checks

struct health {
    int64_t times_ns[4];
    uint32_t retries;
};

static const struct {
    const char *flag, *key;
} health_times[] = {{"--interval=", "Interval"},
                    {"--timeout=", "Timeout"},
                    {"--start-period=", "StartPeriod"},
                    {"--start-interval=", "StartInterval"}};

static int health_flag(struct change *c, const char *word, struct health *health) {
    const char *retries = str_after(word, "--retries=");
    if (retries && !parse_u32(retries, &health->retries) && health->retries <= INT32_MAX) return 0;
    for (size_t i = 0; i < ARRAY_SIZE(health_times); i++) {
        const char *value = str_after(word, health_times[i].flag);
        if (!value) continue;
        if (!clock_parse_duration(value, &health->times_ns[i]) &&
            (!health->times_ns[i] || health->times_ns[i] >= 1000000))
            return 0;
        return err_set(c->err, ERR_INVALID, 0, "%.60s is no duration of a millisecond or more", word);
    }
    return err_set(c->err, ERR_INVALID, 0, "unknown or invalid flag: %.60s", word);
}

static const char *health_text(struct change *c, const struct health *health, const struct strings *test) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_begin_array(&w, "Test");
    for (size_t i = 0; i < test->count; i++) json_put_string(&w, NULL, test->items[i]);
    json_end_array(&w);
    for (size_t i = 0; i < ARRAY_SIZE(health_times); i++)
        if (health->times_ns[i]) json_put_i64(&w, health_times[i].key, health->times_ns[i]);
    if (health->retries) json_put_u64(&w, "Retries", health->retries);
    json_end_object(&w);
    return arena_strdup(c->arena, str_get(&w.text));
}

static int health_test(struct change *c, const char *text, struct strings *ret_test) {
    size_t length = strcspn(text, " \t");
    const char *rest = text + length + strspn(text + length, " \t");
    if (length == 4 && !strncasecmp(text, "NONE", 4) && !*rest)
        return strings_add(c->arena, ret_test, "NONE"), 0;
    if (length != 3 || strncasecmp(text, "CMD", 3) != 0)
        return err_set(c->err, ERR_INVALID, 0, "unknown type \"%.40s\" in HEALTHCHECK (try CMD)", text);
    if (!*rest) return refuse(c, "missing command after HEALTHCHECK CMD");
    strings_add(c->arena, ret_test, *rest == '[' ? "CMD" : "CMD-SHELL");
    int r = read_array(c, rest, ret_test);
    if (r) return r < 0 ? -1 : 0;
    ret_test->items[0] = "CMD-SHELL";
    strings_add(c->arena, ret_test, rest);
    return 0;
}

static int change_healthcheck(struct change *c) {
    struct health health = {0};
    struct strings test = {0};
    const char *text = c->rest;
    while (str_has_prefix(text, "--")) {
        size_t length = strcspn(text, " \t");
        if (health_flag(c, arena_strndup(c->arena, text, length), &health)) return -1;
        text += length + strspn(text + length, " \t");
    }
    if (health_test(c, text, &test)) return -1;
    c->config->healthcheck = health_text(c, &health, &test);
    return 0;
}

// All of them

static const struct {
    const char *word;
    int (*apply)(struct change *change);
} instructions[] = {
    {"CMD", change_cmd},          {"ENTRYPOINT", change_entrypoint},
    {"ENV", change_env},          {"EXPOSE", change_expose},
    {"LABEL", change_label},      {"HEALTHCHECK", change_healthcheck},
    {"ONBUILD", change_on_build}, {"STOPSIGNAL", change_stop_signal},
    {"USER", change_user},        {"VOLUME", change_volume},
    {"WORKDIR", change_workdir},
};

static int apply(struct change *c, const char *text, size_t length) {
    for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
        if (strlen(instructions[i].word) != length || strncasecmp(text, instructions[i].word, length) != 0)
            continue;
        c->word = instructions[i].word;
        if (!*c->rest) return err_set(c->err, ERR_INVALID, 0, "%s requires at least one argument", c->word);
        return instructions[i].apply(c);
    }
    return err_set(c->err, ERR_INVALID, 0, "%.*s is not a valid change command", (int)length, text);
}

#define BLANKS " \t\v\f\r" // what is between words, too: what is left of a line has one

// cmd_set says whether a CMD came before, and learns of this one: ENTRYPOINT takes away a command that did
// not come with it.
static int change_apply(struct arena *arena, const char *text, bool *cmd_set, struct image_config *config,
                        struct err *err) {
    text += strspn(text, BLANKS);
    size_t length = strcspn(text, BLANKS), end = strlen(text);
    while (end > length && strchr(BLANKS, text[end - 1])) end--;
    const char *rest = arena_strndup(arena, text + length, end - length);
    struct change change = {.arena = arena,
                            .config = config,
                            .rest = rest + strspn(rest, BLANKS),
                            .cmd_set = cmd_set,
                            .err = err};
    if (apply(&change, text, length)) return err_wrap(err, "change \"%.100s\"", text);
    return 0;
}

// A line that a backslash takes on becomes one with the next.
static char *join_lines(struct arena *arena, const char *text) {
    char *joined = arena_strdup(arena, text), *out = joined;
    for (const char *p = text; *p; p++) {
        size_t blanks = *p == '\\' ? strspn(p + 1, " \t\r") : 0;
        if (*p == '\\' && p[1 + blanks] == '\n')
            p += 1 + blanks;
        else
            *out++ = *p;
    }
    *out = 0;
    return joined;
}

int image_changes_apply(struct arena *arena, const struct strings *changes, struct image_config *config,
                        struct err *err) {
    bool cmd_set = false;
    for (size_t i = 0; i < changes->count; i++) {
        char *rest = join_lines(arena, changes->items[i]);
        for (char *line; (line = strsep(&rest, "\n"));) {
            line += strspn(line, BLANKS);
            if (*line && *line != '#' && change_apply(arena, line, &cmd_set, config, err)) return -1;
        }
    }
    return 0;
}
