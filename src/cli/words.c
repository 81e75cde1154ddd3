// SPDX-License-Identifier: Apache-2.0
#include "cli/words.h"

#include "base/clock.h"
#include "base/str.h"
#include "cli/health.h"
#include "engine/pasta.h"
#include "registry/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *words_ago(struct arena *arena, int64_t wall_ns) {
    char words[32];
    if (wall_ns == CLOCK_NEVER) return "N/A";
    int64_t ago;
    if (__builtin_sub_overflow(clock_wall_ns(), wall_ns, &ago)) ago = INT64_MAX;
    return arena_printf(arena, "%s ago", clock_duration_words(ago < 0 ? 0 : ago, words));
}

const char *words_time(int64_t wall_ns, char buffer[static 64]) {
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    // strftime() would look at /etc/localtime, each time.
    snprintf(buffer, 64, "%04d-%02d-%02d %02d:%02d:%02d +0000 UTC", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return buffer;
}

const char *words_status(struct arena *arena, const struct container *container) {
    char words[32];
    if (str_eq(container->state, "running")) {
        int64_t up = clock_wall_ns() - container->started;
        return arena_printf(arena, "Up %s%s", clock_duration_words(up < 0 ? 0 : up, words),
                            container->paused ? " (Paused)" : health_words(container));
    }
    if (str_eq(container->state, "restarting"))
        return arena_printf(arena, "Restarting (%d) %s", container->exit_code,
                            words_ago(arena, container->finished));
    if (str_eq(container->state, "exited"))
        return arena_printf(arena, "Exited (%d) %s", container->exit_code,
                            words_ago(arena, container->finished));
    if (str_eq(container->state, "removing")) return "Removal In Progress";
    return "Created";
}

const char *words_cut(struct arena *arena, const char *text, size_t characters) {
    size_t seen = 0, cut = 0;
    for (const char *p = text; *p; p++) {
        if (((unsigned char)*p & 0xc0) == 0x80) continue;
        if (seen == characters - 1) cut = (size_t)(p - text);
        if (seen++ == characters) return arena_printf(arena, "%.*s…", (int)cut, text);
    }
    return text;
}

const char *words_line(struct arena *arena, const char *text) {
    return str_make_line(arena_strdup(arena, text ? text : ""));
}

const char *words_id(struct arena *arena, const char *digest, bool whole) {
    return whole ? digest : arena_strndup(arena, digest_hex(digest), SHORT_ID);
}

const char *words_image(struct arena *arena, const char *name) {
    struct reference reference;
    struct err ignored;
    if (reference_parse(arena, name, &reference, &ignored) < 0) return name;
    return reference_familiar(arena, &reference);
}

const char *words_networks(struct arena *arena, const struct container_config *config) {
    const char *mode = config->network_mode;
    if (str_eq(mode, "host") || str_eq(mode, "none") || container_uses_pasta(config)) return mode;
    struct strings names = {0};
    for (size_t i = 0; i < config->networks.count; i++)
        strings_add(arena, &names, config->networks.items[i].network);
    strings_sort(&names);
    return strings_join(arena, &names, ",");
}

const char *words_size(struct arena *arena, uint64_t bytes, bool binary) {
    static const char *const units[][6] = {{"B", "kB", "MB", "GB", "TB", "PB"},
                                           {"B", "KiB", "MiB", "GiB", "TiB", "PiB"}};
    double value = (double)bytes, base = binary ? 1024 : 1000;
    size_t unit = 0;
    for (; value >= base && unit < ARRAY_SIZE(units[0]) - 1; unit++) value /= base;
    return arena_printf(arena, binary ? "%.4g%s" : "%.3g%s", value, units[binary][unit]);
}
