// SPDX-License-Identifier: Apache-2.0
// stats: what containers use, once a second. Which ones there are is looked at each time anew, with one
// query, so that those that begin and end meanwhile come and go.
#include "engine/stats.h"

#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct stats_flags {
    bool all, no_stream, no_trunc;
    const char *format;
};

#define AT(member) offsetof(struct stats_flags, member)

static const struct option rows[] = {
    {"all", 'a', NULL, "Show all containers (default shows just running)", store_flag, AT(all)},
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, AT(format)},
    {"no-stream", 0, NULL, "Disable streaming stats and only pull the first result", store_flag,
     AT(no_stream)},
    {"no-trunc", 0, NULL, "Do not truncate output", store_flag, AT(no_trunc)},
};
const struct option_table stats_options_table = OPTIONS(rows, struct stats_flags);

// A container at one moment, as the user called it.
struct entry {
    const char *called;
    struct container container;
    struct container_sample sample;
};
struct entries {
    struct entry *items;
    size_t count;
};

struct moment {
    struct arena arena;
    struct entries entries;
};

static void moment_finish(struct moment *moment) {
    arena_finish(&moment->arena);
}

static const char *pair(struct arena *arena, uint64_t a, uint64_t b, bool binary) {
    return arena_printf(arena, "%s / %s", words_size(arena, a, binary), words_size(arena, b, binary));
}

static const struct container_sample *sample_of(const struct moment *moment, const struct entry *entry) {
    static const struct container_sample none;
    for (size_t i = 0; i < moment->entries.count; i++)
        if (str_eq(moment->entries.items[i].container.id, entry->container.id))
            return &moment->entries.items[i].sample;
    return &none;
}

// Docker's word for what nobody knows.
static void put(struct json_writer *w, const char *key, bool known, const char *text) {
    json_put_string(w, key, known ? text : "--");
}

static void write_row(struct arena *arena, const struct moment *before, const struct entry *entry,
                      const struct stats_flags *flags, struct json_writer *w) {
    const struct container *container = &entry->container;
    const struct container_sample *now = &entry->sample;
    double cpu = container_cpu_percent(sample_of(before, entry), now);
    double memory = now->memory_limit ? (double)now->memory / (double)now->memory_limit * 100 : 0;
    bool known = !now->uncounted;
    json_begin_object(w, NULL);
    put(w, "BlockIO", known, pair(arena, now->read, now->written, false));
    put(w, "CPUPerc", known, arena_printf(arena, "%.2f%%", cpu));
    json_put_string(w, "Container", entry->called);
    json_put_string(w, "ID", flags->no_trunc ? container->id : arena_strndup(arena, container->id, SHORT_ID));
    put(w, "MemPerc", known, arena_printf(arena, "%.2f%%", memory));
    put(w, "MemUsage", known, pair(arena, now->memory, now->memory_limit, true));
    json_put_string(w, "Name", container->name);
    json_put_string(w, "NetIO", pair(arena, now->received, now->sent, false));
    put(w, "PIDs", known, arena_printf(arena, "%llu", (unsigned long long)now->pids));
    json_end_object(w);
}

static const struct format_column columns[] = {
    {"CONTAINER ID", "ID"},
    {"NAME", "Name"},
    {"CPU %", "CPUPerc"},
    {"MEM USAGE / LIMIT", "MemUsage"},
    {"MEM %", "MemPerc"},
    {"NET I/O", "NetIO"},
    {"BLOCK I/O", "BlockIO"},
    {"PIDS", "PIDs"},
    {NULL, NULL},
    {"CONTAINER", "Container"},
    {NULL, NULL},
};

// A screen is drawn over the one before, and what of that was longer or lower is erased.
static void draw(const char *text) {
    printf("\033[H");
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        printf("%.*s \033[K\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    printf("\033[J");
}

static int print(const struct moment *before, struct moment *now, const struct stats_flags *flags,
                 struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    _cleanup_(freep) char *text = NULL;
    size_t size;
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < now->entries.count; i++)
        write_row(&now->arena, before, &now->entries.items[i], flags, &w);
    json_end_array(&w);
    FILE *out = open_memstream(&text, &size);
    if (!out) return err_set(err, ERR_SYSTEM, errno, "make the table");
    int r = format_rows(flags->format, "*container.statsContext", columns, str_get(&w.text), out, err);
    fclose(out);
    if (r) return -1;
    if (flags->no_stream)
        fputs(text, stdout);
    else
        draw(text);
    return fflush(stdout) ? err_set(err, ERR_SYSTEM, errno, "write to standard output") : 0;
}

// Looking

static void add_entry(struct engine *engine, struct moment *moment, const char *called,
                      const struct container *container) {
    struct entry *entry = arena_push(&moment->arena, &moment->entries);
    *entry = (struct entry){.called = called, .container = *container};
    container_sample(engine, container, &entry->sample);
}

static int look_all(struct engine *engine, const struct stats_flags *flags, struct moment *moment,
                    struct err *err) {
    struct containers containers;
    if (container_list(engine, &moment->arena, flags->all, &containers, err)) return -1;
    for (size_t i = 0; i < containers.count; i++)
        add_entry(engine, moment, containers.items[i].id, &containers.items[i]);
    return 0;
}

// One that is named must be there at first; later it may go.
static int look_named(struct engine *engine, const struct strings *names, bool first, struct moment *moment,
                      struct err *err) {
    for (size_t i = 0; i < names->count; i++) {
        struct container container;
        if (!container_find(engine, &moment->arena, names->items[i], &container, err))
            add_entry(engine, moment, names->items[i], &container);
        else if (first || err->kind != ERR_NOT_FOUND)
            return -1;
    }
    return 0;
}

static int look(struct invocation *invocation, struct engine *engine, bool first, struct moment *ret_moment,
                struct err *err) {
    const struct strings *names = &invocation->arguments;
    *ret_moment = (struct moment){.arena = ARENA_INIT};
    return names->count ? look_named(engine, names, first, ret_moment, err)
                        : look_all(engine, invocation->options, ret_moment, err);
}

static int wait_second(int timer, struct err *err) {
    uint64_t ticks;
    if (fd_read_full(timer, &ticks, sizeof ticks) == sizeof ticks) return 0;
    return err_set(err, ERR_SYSTEM, errno, "wait for the timer");
}

static int stats_loop(struct invocation *invocation, struct engine *engine, int timer, struct err *err) {
    const struct stats_flags *flags = invocation->options;
    _cleanup_(moment_finish) struct moment before = {.arena = ARENA_INIT};
    if (look(invocation, engine, true, &before, err)) return -1;
    // At once, without what only two looks can tell.
    if (!flags->no_stream && print(&before, &before, flags, err)) return -1;
    do {
        _cleanup_(moment_finish) struct moment now = {.arena = ARENA_INIT};
        if ((before.entries.count || !flags->no_stream) && wait_second(timer, err)) return -1;
        if (look(invocation, engine, false, &now, err) || print(&before, &now, flags, err)) return -1;
        if (invocation->arguments.count && !now.entries.count) return 0;
        moment_finish(&before);
        before = now;
        now = (struct moment){.arena = ARENA_INIT};
    } while (!flags->no_stream);
    return 0;
}

int run_stats(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct itimerspec second = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
    _cleanup_(fd_closep) int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer < 0 || timerfd_settime(timer, 0, &second, NULL))
        return err_set(err, ERR_SYSTEM, errno, "make a timer");
    return stats_loop(invocation, engine, timer, err);
}
