// SPDX-License-Identifier: Apache-2.0
// isolation: what separates a container from the host, or two from each other.
#include "isolation/isolation.h"

#include "base/fd.h"
#include "cli/cli.h"
#include "cli/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct isolation_flags {
    bool diff;
    const char *assertions, *format;
};

static const struct option rows[] = {
    {"assert", 0, "file",
     "Check each line of the file, such as \"namespaces.pid = own\" or \"capabilities.effective lacks "
     "sys_admin\"",
     store_string, offsetof(struct isolation_flags, assertions)},
    {"diff", 'd', NULL, "Show only what is different from the host, or between the two", store_flag,
     offsetof(struct isolation_flags, diff)},
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, offsetof(struct isolation_flags, format)},
};
const struct option_table isolation_options_table = OPTIONS(rows, struct isolation_flags);

// Two sides: a container, and another or the host.
struct sides {
    const char *names[2];
    struct facts facts[2];
};

static int read_side(struct engine *engine, struct arena *arena, const char *name, struct facts *ret_facts,
                     struct err *err) {
    struct container container;
    uint64_t start_time;
    pid_t pid;
    if (container_find(engine, arena, name, &container, err) ||
        container_process(engine, &container, &pid, &start_time, err))
        return -1;
    if (isolation_read(arena, pid, start_time, ret_facts, err))
        return err_wrap(err, "container %s", container.name);
    return 0;
}

static int read_sides(struct invocation *invocation, struct engine *engine, struct sides *sides,
                      struct err *err) {
    const struct strings *arguments = &invocation->arguments;
    struct arena *arena = &invocation->arena;
    bool two = arguments->count == 2;
    sides->names[0] = arguments->items[0];
    sides->names[1] = two ? arguments->items[1] : "the host";
    if (read_side(engine, arena, arguments->items[0], &sides->facts[0], err) ||
        (two ? read_side(engine, arena, arguments->items[1], &sides->facts[1], err)
             : isolation_read(arena, 0, 0, &sides->facts[1], err)))
        return -1;
    struct facts first = sides->facts[0];
    first.items = arena_memdup(arena, first.items, first.count * sizeof *first.items);
    // What is around an ordinary user's hoy is not all the host's.
    const char *same = two ? "shared" : engine->rootless ? "hoy's (rootless)" : "the host's";
    facts_name_namespaces(&sides->facts[0], &sides->facts[1], same);
    facts_name_namespaces(&sides->facts[1], &first, same);
    return 0;
}

// For people

#define NAME_COLUMNS 20
#define LINE_COLUMNS 100

// Words, over as many lines as they need.
static void print_words(const char *value, size_t indent) {
    size_t column = indent;
    for (const char *at = value; *at;) {
        size_t n = strcspn(at, " ");
        if (column > indent && column + 1 + n > LINE_COLUMNS) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        fwrite(at, 1, n, stdout);
        column += n;
        at += n + (at[n] == ' ');
    }
}

static bool is_size(const struct fact *fact) {
    return str_eq(fact->topic, "limits") &&
           (str_has_prefix(fact->name, "memory") || str_eq(fact->name, "swap"));
}

// The sets of capabilities are mostly the same.
static bool is_effective(const struct facts *facts, const struct fact *fact) {
    const struct fact *effective = facts_find(facts, "capabilities.effective");
    return str_eq(fact->topic, "capabilities") && effective != fact && effective &&
           strchr(fact->value, ' ') && str_eq(fact->value, effective->value);
}

static void print_value(const struct facts *facts, const struct fact *fact, size_t indent) {
    uint64_t bytes;
    if (is_effective(facts, fact))
        printf("as effective");
    else if (is_size(fact) && !parse_u64(fact->value, &bytes))
        printf("%gMiB", (double)bytes / (1 << 20));
    else
        print_words(fact->value, indent);
    if (fact->note && !str_eq(fact->topic, "namespaces")) printf(" (%s)", fact->note);
    putchar('\n');
}

// These say something where they are not the host's.
static bool is_common(const struct fact *fact) {
    return str_eq(fact->topic, "sysctls") || str_eq(fact->topic, "rlimits");
}

static bool is_shown(const struct fact *a, const struct fact *b, bool diff) {
    if (str_eq(a->topic, "namespaces")) return !diff || str_eq(a->value, "own");
    return !str_eq(a->value, b->value) || (!diff && !is_common(a));
}

static void print_fact(const struct sides *sides, size_t at, bool two) {
    const struct fact *facts[2] = {&sides->facts[0].items[at], &sides->facts[1].items[at]};
    size_t widths[2] = {strlen(sides->names[0]), strlen(sides->names[1])};
    int width = (int)(widths[0] > widths[1] ? widths[0] : widths[1]);
    bool same = str_eq(facts[0]->value, facts[1]->value);
    int n = printf("  %-*s", NAME_COLUMNS, facts[0]->name);
    if (n > NAME_COLUMNS + 2) printf("\n%*s", NAME_COLUMNS + 2, "");
    if (same || !two || str_eq(facts[0]->topic, "namespaces")) {
        print_value(&sides->facts[0], facts[0], NAME_COLUMNS + 2);
        return;
    }
    for (int i = 0; i < 2; i++) {
        printf("%*s%-*s  ", i ? NAME_COLUMNS + 2 : 0, "", width, sides->names[i]);
        print_value(&sides->facts[i], facts[i], (size_t)(NAME_COLUMNS + 4 + width));
    }
}

static void print_people(const struct sides *sides, bool two, bool diff) {
    const char *topic = NULL;
    for (size_t i = 0; i < sides->facts[0].count; i++) {
        const struct fact *a = &sides->facts[0].items[i], *b = &sides->facts[1].items[i];
        if (!is_shown(a, b, diff)) continue;
        if (!str_eq(topic, a->topic)) printf("%s%s\n", topic ? "\n" : "", a->topic);
        topic = a->topic;
        print_fact(sides, i, two || diff || is_common(a));
    }
}

// For programs

struct pair {
    const struct fact *fact, *other;
};

FORMAT_COLUMN(pair_topic) {
    return ((const struct pair *)data)->fact->topic;
}
FORMAT_COLUMN(pair_name) {
    return ((const struct pair *)data)->fact->name;
}
FORMAT_COLUMN(pair_value) {
    return ((const struct pair *)data)->fact->value;
}
FORMAT_COLUMN(pair_other) {
    return ((const struct pair *)data)->other->value;
}
FORMAT_COLUMN(pair_note) {
    const char *note = ((const struct pair *)data)->fact->note;
    return note ? note : "";
}

static const struct value_method columns[] = {
    {"Topic", "TOPIC", pair_topic, false}, {"Name", "NAME", pair_name, false},
    {"Value", "VALUE", pair_value, false}, {"Other", "OTHER", pair_other, false},
    {"Note", "NOTE", pair_note, false},
};
static const struct format_listing listing = {
    .rows = {"fact", columns, ARRAY_SIZE(columns)},
    .table = "{{.Topic}}\t{{.Name}}\t{{.Value}}\t{{.Other}}",
};

static int print_format(const struct sides *sides, bool diff, const char *text, struct err *err) {
    _cleanup_(format_finish) struct format format = {0};
    if (format_begin(&format, &listing, text, false, err)) return -1;
    for (size_t i = 0; i < sides->facts[0].count; i++) {
        struct pair pair = {&sides->facts[0].items[i], &sides->facts[1].items[i]};
        if (diff && !is_shown(pair.fact, pair.other, true)) continue;
        if (format_add(&format, &pair, err)) return -1;
    }
    format_print(&format, stdout);
    return 0;
}

// For checks

#define ASSERTIONS_MAX (1 << 20)

static int check_line(const char *name, const struct facts *facts, const char *line, int number,
                      struct err *err) {
    int r = facts_assert(facts, line, err);
    if (r < 0) return err_wrap(err, "line %d", number);
    if (r) return 0;
    char fact_name[128];
    snprintf(fact_name, sizeof fact_name, "%.*s", (int)strcspn(line, " "), line);
    const struct fact *fact = facts_find(facts, fact_name);
    printf("%s: line %d does not hold: %s; it is: %s\n", name, number, line, fact ? fact->value : "");
    return 1;
}

// The number of lines that do not hold.
static int check_lines(const char *name, const struct facts *facts, char *text, struct err *err) {
    int broken = 0, number = 0;
    for (char *line; (line = strsep(&text, "\n"));) {
        number++;
        line += strspn(line, " \t");
        for (size_t n = strlen(line); n && strchr(" \t\r", line[n - 1]);) line[--n] = '\0';
        if (!*line || *line == '#') continue;
        int r = check_line(name, facts, line, number, err);
        if (r < 0) return -1;
        broken += r;
    }
    return broken;
}

static int check(const struct sides *sides, const char *path, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    int r = file_read_any(str_eq(path, "-") ? "/dev/stdin" : path, ASSERTIONS_MAX, &text);
    if (r) return err_set(err, ERR_SYSTEM, -r, "read %s", path);
    int broken = text.len ? check_lines(sides->names[0], &sides->facts[0], text.data, err) : 0;
    if (broken < 0) return err_wrap(err, "%s", path);
    return broken > 0;
}

int run_isolation(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct isolation_flags *flags = invocation->options;
    bool two = invocation->arguments.count == 2;
    struct sides sides = {0};
    // What a check can't read is not the same as what does not hold.
    if (flags->assertions) invocation->failure = CLI_USAGE_FAILURE;
    if (flags->assertions && (flags->diff || flags->format))
        return err_set(err, ERR_INVALID, 0,
                       "--assert prints what does not hold: without --diff and --format");
    if (read_sides(invocation, engine, &sides, err)) return -1;
    if (flags->assertions) return check(&sides, flags->assertions, err);
    if (flags->format) return print_format(&sides, flags->diff, flags->format, err);
    print_people(&sides, two, flags->diff);
    return 0;
}
