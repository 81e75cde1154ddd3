// SPDX-License-Identifier: Apache-2.0
// events: what happened, and what happens.
#include "engine/events.h"

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/store_filter.h"
#include "engine/why.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct events_flags {
    struct strings filters;
    const char *format, *since, *until;
};

#define AT(member) offsetof(struct events_flags, member)

static const struct option rows[] = {
    {"filter", 'f', "filter", "Filter output based on conditions provided", store_filter, AT(filters),
     "config=|container=|daemon=|event=|image=|label=|network=|node=|plugin=|scope=|secret=|service=|type=|"
     "volume="},
    {"format", 0, "string", FORMAT_HELP, store_string, AT(format)},
    {"since", 0, "string", "Show all events created since timestamp", store_string, AT(since)},
    {"until", 0, "string", "Stream events until this timestamp", store_string, AT(until)},
};
const struct option_table events_options_table = OPTIONS(rows, struct events_flags);

// An event in Docker's order, and its attributes in that of their names. go: with the names that a template
// knows, else with those of the JSON message.

struct attribute {
    const char *key, *value;
};
struct attributes {
    struct attribute *items;
    size_t count;
};
struct collect {
    struct arena *arena;
    struct attributes *list;
};

static int collect(const char *key, const struct json *value, void *data) {
    struct collect *c = data;
    *arena_push(c->arena, c->list) = (struct attribute){key, json_string(value)};
    return 0;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct attribute *)a)->key, ((const struct attribute *)b)->key);
}

// How long a container ran, and why it ended, are in the event as facts.
static void add_cause(struct arena *arena, const struct json *event, struct attributes *list) {
    struct why why;
    int64_t ran_us = 0;
    if (!why_of_event(arena, event, &why)) return;
    (void)json_i64(json_get(json_get(event, "Cause"), "ran_us"), &ran_us);
    *arena_push(arena, list) =
        (struct attribute){"execDuration", arena_printf(arena, "%lld", (long long)(ran_us / 1000000))};
    *arena_push(arena, list) = (struct attribute){"cause", why.cause};
    *arena_push(arena, list) = (struct attribute){"why", strings_join(arena, &why.sentences, " ")};
}

static struct attributes sorted_attributes(struct arena *arena, const struct json *event) {
    struct attributes list = {0};
    struct collect c = {.arena = arena, .list = &list};
    (void)json_each(json_get(json_get(event, "Actor"), "Attributes"), collect, &c);
    add_cause(arena, event, &list);
    if (list.count) qsort(list.items, list.count, sizeof *list.items, by_key);
    return list;
}

// What older clients read, for those types that had it.
static void write_older(const struct json *event, bool go, struct json_writer *w) {
    const struct json *actor = json_get(event, "Actor");
    const char *type = json_get_string(event, "Type"), *id = json_get_string(actor, "ID");
    const char *from = json_get_string(json_get(actor, "Attributes"), "image");
    bool container = str_eq(type, "container"), has = container || str_eq(type, "image");
    if (has || go) json_put_string(w, go ? "Status" : "status", has ? json_get_string(event, "Action") : "");
    if ((has && !str_empty(id)) || go) json_put_string(w, go ? "ID" : "id", has && id ? id : "");
    if ((container && from) || go) json_put_string(w, go ? "From" : "from", container && from ? from : "");
}

static void write_event(struct arena *arena, const struct json *event, bool go, struct json_writer *w) {
    struct attributes list = sorted_attributes(arena, event);
    json_begin_object(w, NULL);
    write_older(event, go, w);
    json_put_string(w, "Type", json_get_string(event, "Type"));
    json_put_string(w, "Action", json_get_string(event, "Action"));
    json_begin_object(w, "Actor");
    json_put_string(w, "ID", json_get_string(json_get(event, "Actor"), "ID"));
    json_begin_object(w, "Attributes");
    for (size_t i = 0; i < list.count; i++) json_put_string(w, list.items[i].key, list.items[i].value);
    json_end_object(w);
    json_end_object(w);
    json_put_value(w, go ? "Scope" : "scope", json_get(event, "scope"));
    json_put_value(w, go ? "Time" : "time", json_get(event, "time"));
    json_put_value(w, go ? "TimeNano" : "timeNano", json_get(event, "timeNano"));
    json_end_object(w);
}

// A line of text: in local time, with all nine digits.

static void print_time(int64_t wall_ns) {
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm tm;
    char text[32], zone[16];
    localtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    strftime(zone, sizeof zone, "%z", &tm);
    printf("%s.%09lld", text, (long long)(wall_ns % 1000000000));
    if (tm.tm_gmtoff)
        printf("%.3s:%s ", zone, zone + 3);
    else
        printf("Z ");
}

static void print_text(struct arena *arena, const struct json *event) {
    struct attributes list = sorted_attributes(arena, event);
    const char *id = json_get_string(json_get(event, "Actor"), "ID");
    int64_t time_ns = 0;
    (void)json_i64(json_get(event, "timeNano"), &time_ns);
    print_time(time_ns);
    printf("%s %s %s", json_get_string(event, "Type"), json_get_string(event, "Action"), id ? id : "");
    for (size_t i = 0; i < list.count; i++)
        printf("%s%s=%s", i ? ", " : " (", list.items[i].key, list.items[i].value);
    puts(list.count ? ")" : "");
}

// What a template finds: Docker's events.Message.
static const struct document_field event_fields[] = {
    {"", NULL, "Actor", "events.Actor", false},
    {"Actor", NULL, "Attributes", "map[string]string", false},
};
static const struct document_type event_type = {"*events.Message", event_fields, ARRAY_SIZE(event_fields)};

// A template is read once, before the first event.
struct printing {
    const char *format;
    const struct template *template;
};

static int print_formatted(struct arena *arena, const struct printing *printing, const struct json *event,
                           struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    _cleanup_(json_freep) struct json *document = NULL;
    _cleanup_(str_finish) struct str text = {0};
    write_event(arena, event, printing->template != NULL, &w);
    if (!printing->template) return puts(str_get(&w.text)), 0;
    if (json_parse(w.text.data, w.text.len, &document))
        return err_set(err, ERR_SYSTEM, 0, "read back our own JSON");
    struct value value = document_typed(arena, document, &event_type);
    if (template_execute(printing->template, &value, NULL, &text, err)) return -1;
    puts(str_get(&text));
    return 0;
}

static int print_event(const struct json *event, void *data, struct err *err) {
    const struct printing *printing = data;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    if (!str_empty(printing->format)) return print_formatted(&arena, printing, event, err);
    print_text(&arena, event);
    return 0;
}

static void flush(void *data) {
    (void)data;
    fflush(stdout);
}

static int parse_times(const struct events_flags *flags, struct event_query *query, struct err *err) {
    int64_t now_ns = clock_wall_ns();
    if (flags->since && clock_parse_time(flags->since, now_ns, &query->since_ns, err)) return -1;
    if (flags->until && clock_parse_time(flags->until, now_ns, &query->until_ns, err)) return -1;
    if (query->until_ns && query->since_ns > query->until_ns)
        return err_set(err, ERR_INVALID, 0, "`since` time (%s) cannot be after `until` time (%s)",
                       flags->since, flags->until);
    return 0;
}

int run_events(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct events_flags *flags = invocation->options;
    struct event_query query = {0};
    if (event_filters_read(&invocation->arena, &flags->filters, &query.filters, err)) return -1;
    struct printing printing = {.format = flags->format};
    bool json = str_eq(flags->format, "json") || str_eq(flags->format, "{{json .}}");
    if (parse_times(flags, &query, err)) return -1;
    // As Docker's: a template that can't be read ends with 64.
    invocation->failure = 64;
    if (!str_empty(flags->format) && !json &&
        template_parse(&invocation->arena, "", flags->format, &printing.template, err))
        return err_wrap(err, "Error parsing format");
    invocation->failure = 0;
    return engine_events(engine, &query, print_event, flush, &printing, err);
}
