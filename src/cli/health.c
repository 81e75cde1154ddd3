// SPDX-License-Identifier: Apache-2.0
#include "cli/health.h"

#include "base/clock.h"
#include "base/str.h"
#include "cli/inspect.h"
#include "shim/health_record.h"

#include <stdio.h>
#include <stdlib.h>

// Options

static struct health_config *health_of(struct parse *parse, struct container_config *config) {
    if (!config->health) config->health = arena_new(parse->arena, struct health_config);
    return config->health;
}

// --no-healthcheck is the test NONE, and nothing else besides.
static int conflict(const struct health_config *health, bool none, struct err *err) {
    bool has_none = health->test.count && str_eq(health->test.items[0], "NONE");
    bool has_others = health->interval_ns || health->timeout_ns || health->start_period_ns ||
                      health->start_interval_ns || health->retries || (health->test.count && !has_none);
    if (none ? !has_others : !has_none) return 0;
    return err_set(err, ERR_INVALID, 0, "--no-healthcheck conflicts with --health-* options");
}

int store_health_cmd(struct parse *parse, const char *text, void *field, struct err *err) {
    if (!*text) return 0;
    struct health_config *health = health_of(parse, field);
    if (conflict(health, false, err)) return -1;
    health->test = (struct strings){0};
    strings_add(parse->arena, &health->test, "CMD-SHELL");
    strings_add(parse->arena, &health->test, text);
    return 0;
}

int store_no_healthcheck(struct parse *parse, const char *text, void *field, struct err *err) {
    bool none = false;
    if (store_flag(parse, text, &none, err)) return -1;
    if (!none) return 0;
    struct health_config *health = health_of(parse, field);
    if (conflict(health, true, err)) return -1;
    health->test = (struct strings){0};
    strings_add(parse->arena, &health->test, "NONE");
    return 0;
}

static int store_number(struct parse *parse, int64_t value, size_t at, void *field, struct err *err) {
    if (value < 0) return err_set(err, ERR_INVALID, 0, "%s cannot be negative", parse->spelled);
    if (!value) return 0;
    struct health_config *health = health_of(parse, field);
    if (conflict(health, false, err)) return -1;
    *(int64_t *)((char *)health + at) = value;
    return 0;
}

static int store_duration(struct parse *parse, const char *text, size_t at, void *field, struct err *err) {
    int64_t ns;
    if (clock_parse_duration(text, &ns))
        return err_set(err, ERR_INVALID, 0, "it is no duration like 30s, 1m30s or 500ms");
    return store_number(parse, ns, at, field, err);
}

#define STORE_DURATION(function, member)                                                        \
    int function(struct parse *parse, const char *text, void *field, struct err *err) {         \
        return store_duration(parse, text, offsetof(struct health_config, member), field, err); \
    }
STORE_DURATION(store_health_interval, interval_ns)
STORE_DURATION(store_health_timeout, timeout_ns)
STORE_DURATION(store_health_start_period, start_period_ns)
STORE_DURATION(store_health_start_interval, start_interval_ns)

int store_health_retries(struct parse *parse, const char *text, void *field, struct err *err) {
    struct spec_i64 number = {0};
    if (store_i64(parse, text, &number, err)) return -1;
    if (number.value > INT32_MAX) return err_set(err, ERR_INVALID, 0, "that is too many");
    return store_number(parse, number.value, offsetof(struct health_config, retries), field, err);
}

int store_health_on_failure(struct parse *parse, const char *text, void *field, struct err *err) {
    if (store_choice(parse, text, field, err)) return -1;
    if (str_eq(text, "none")) *(const char **)field = NULL;
    return 0;
}

// Words

const char *health_words(const struct container *container) {
    switch (container->health) {
    case CONTAINER_HEALTH_STARTING: return " (health: starting)";
    case CONTAINER_HEALTH_HEALTHY: return " (healthy)";
    case CONTAINER_HEALTH_UNHEALTHY: return " (unhealthy)";
    case CONTAINER_HEALTH_NONE: break;
    }
    return "";
}

static void write_entry(const struct health_entry *entry, struct json_writer *w) {
    _cleanup_(str_finish) struct str output = {0}, quoted = {0};
    str_add_n(&output, entry->output, entry->size);
    if (entry->truncated) str_add(&output, "...");
    json_quote(&quoted, str_get(&output), output.len);
    json_begin_object(w, NULL);
    inspect_time(w, "Start", entry->start_ns);
    inspect_time(w, "End", entry->end_ns);
    json_put_i64(w, "ExitCode", entry->exit_code);
    json_put_raw(w, "Output", str_get(&quoted));
    json_end_object(w);
}

void health_write(struct engine *engine, const struct container *container, struct json_writer *w) {
    static const char *const words[] = {
        [HEALTH_STARTING] = "starting", [HEALTH_HEALTHY] = "healthy", [HEALTH_UNHEALTHY] = "unhealthy"};
    _cleanup_(freep) struct health_record *record = xmalloc(sizeof *record);
    if (container_health_read(engine, container, record) <= 0) return;
    uint32_t kept = record->checks < HEALTH_LOG_MAX ? record->checks : HEALTH_LOG_MAX;
    json_begin_object(w, "Health");
    json_put_string(w, "Status",
                    words[record->status <= HEALTH_UNHEALTHY ? record->status : HEALTH_STARTING]);
    json_put_u64(w, "FailingStreak", record->failing_streak);
    json_begin_array(w, "Log");
    for (uint32_t i = record->checks - kept; i != record->checks; i++)
        write_entry(&record->entries[i % HEALTH_LOG_MAX], w);
    json_end_array(w);
    json_end_object(w);
}
