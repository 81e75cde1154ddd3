// SPDX-License-Identifier: Apache-2.0
// What a shim is told about its container's log: everything in words that it only copies.
#include "base/protobuf.h"
#include "engine/log.h"
#include "engine/setting.h"
#include "oci/key_values.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FIXED_MAX    16384 // as the shim takes it
#define BUFFER_BYTES (1 << 20)

// The tag

static const char *short_id(struct arena *arena, const char *id) {
    const char *hex = str_after(id, "sha256:");
    return arena_strndup(arena, hex ? hex : id, 12);
}

static const char *tag_word(struct arena *arena, const struct container *c, const char *word) {
    if (str_eq(word, "ID")) return short_id(arena, c->id);
    if (str_eq(word, "FullID") || str_eq(word, "ContainerID")) return c->id;
    if (str_eq(word, "Name")) return c->name;
    if (str_eq(word, "ContainerName")) return arena_printf(arena, "/%s", c->name);
    if (str_eq(word, "ImageID"))
        return arena_strndup(arena, c->image_id, 12); // "sha256:01234", as Docker cuts it
    if (str_eq(word, "ImageFullID") || str_eq(word, "ContainerImageID")) return c->image_id;
    if (str_eq(word, "ImageName") || str_eq(word, "ContainerImageName")) return c->config.image;
    if (str_eq(word, "DaemonName")) return "hoy";
    return NULL;
}

// One {{.Word}}; what comes after it, or NULL.
static const char *tag_take(struct arena *arena, const char *s, const char **ret_word) {
    const char *end = strstr(s, "}}");
    if (!end) return NULL;
    const char *begin = s + 2;
    while (begin < end && *begin == ' ') begin++;
    const char *last = end;
    while (last > begin && last[-1] == ' ') last--;
    *ret_word = *begin == '.' ? arena_strndup(arena, begin + 1, (size_t)(last - begin - 1)) : "";
    return end + 2;
}

int log_tag_check(const struct container_log *log, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const struct container none = {.id = "", .name = "", .image_id = "", .config.image = ""};
    const char *tag = container_log_option(log, "tag"), *word;
    for (const char *s = tag ? strstr(tag, "{{") : NULL; s && *s; s = strstr(s, "{{")) {
        s = tag_take(&arena, s, &word);
        if (!s)
            return err_set(err, ERR_INVALID, 0,
                           "failed to initialize logging driver: template: log-tag: unclosed action in %s",
                           tag);
        if (!tag_word(&arena, &none, word))
            return err_set(
                err, ERR_INVALID, 0,
                "failed to initialize logging driver: template: log-tag: %s: a tag can have {{.ID}}, "
                "{{.FullID}}, {{.Name}}, {{.ImageID}}, {{.ImageFullID}}, {{.ImageName}} and "
                "{{.DaemonName}}",
                tag);
    }
    return 0;
}

static const char *log_tag(struct arena *arena, const struct container *container, const char *standard) {
    _cleanup_(str_finish) struct str text = {0};
    const char *tag = container_log_option(&container->config.log, "tag"), *word, *s, *next;
    if (str_empty(tag)) tag = standard;
    for (s = tag; (next = strstr(s, "{{")); s = tag_take(arena, next, &word)) {
        str_add_n(&text, s, (size_t)(next - s));
        const char *rest = tag_take(arena, next, &word),
                   *value = rest ? tag_word(arena, container, word) : NULL;
        if (!value) break;
        str_add(&text, value);
    }
    str_add(&text, s);
    return arena_strdup(arena, str_get(&text));
}

// Attributes

// Those that a list of names, or an expression, asks for.
static void attributes_choose(struct arena *arena, const struct container_log *log, const char *option,
                              const struct spec_key_values *all, struct spec_key_values *chosen) {
    char name[32];
    const char *list = container_log_option(log, option);
    snprintf(name, sizeof name, "%s-regex", option);
    const char *expression = container_log_option(log, name);
    char *names = arena_strdup(arena, list ? list : "");
    for (char *one; (one = strsep(&names, ","));)
        for (size_t i = 0; i < all->count; i++)
            if (str_eq(all->items[i].key, one)) key_values_set(arena, chosen, one, all->items[i].value);
    regex_t regex;
    if (str_empty(expression) || regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB)) return;
    for (size_t i = 0; i < all->count; i++)
        if (!regexec(&regex, all->items[i].key, 0, NULL, 0))
            key_values_set(arena, chosen, all->items[i].key, all->items[i].value);
    regfree(&regex);
}

static void attributes_collect(struct arena *arena, const struct container *container,
                               struct spec_key_values *ret) {
    const struct container_config *config = &container->config;
    struct spec_key_values env = {0};
    for (size_t i = 0; i < config->env.count; i++) {
        const char *equals = strchr(config->env.items[i], '=');
        if (equals)
            key_values_set(
                arena, &env,
                arena_strndup(arena, config->env.items[i], (size_t)(equals - config->env.items[i])),
                equals + 1);
    }
    attributes_choose(arena, &config->log, "labels", &config->labels, ret);
    attributes_choose(arena, &config->log, "env", &env, ret);
}

// A journal's names have capitals, digits and underscores, and begin with none of these.
static const char *journal_name(struct arena *arena, const char *key) {
    char *name = arena_strdup(arena, key);
    for (char *c = name; *c; c++) *c = (char)(isalnum((unsigned char)*c) ? toupper((unsigned char)*c) : '_');
    return name + strspn(name, "_");
}

// Go's JSON is meant to stand in HTML, too.
static void add_go_json(struct str *out, const char *json) {
    for (const char *c = json; *c; c++) {
        if (*c == '<' || *c == '>' || *c == '&')
            str_printf(out, "\\u%04x", *c);
        else if (!strncmp(c, "\xe2\x80\xa8", 3) || !strncmp(c, "\xe2\x80\xa9", 3))
            str_printf(out, "\\u%04x", 0x2000 | ((unsigned char)c[2] & 0x3f)), c += 2;
        else
            str_add_char(out, *c);
    }
}

static void json_attributes(const struct spec_key_values *list, struct str *out) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    if (!list->count) return;
    json_begin_object(&w, NULL);
    for (size_t i = 0; i < list->count; i++) json_put_string(&w, list->items[i].key, list->items[i].value);
    json_end_object(&w);
    str_add(out, ",\"attrs\":");
    add_go_json(out, str_get(&w.text));
}

static void local_attributes(const struct spec_key_values *list, struct str *out) {
    for (size_t i = 0; i < list->count; i++) {
        _cleanup_(str_finish) struct str pair = {0};
        protobuf_put_text(&pair, 1, list->items[i].key);
        protobuf_put_text(&pair, 2, list->items[i].value);
        protobuf_put_message(out, 6, &pair);
    }
}

// A value of several lines has its length before it.
static void add_journal(struct str *out, const char *key, const char *value) {
    uint64_t size = strlen(value);
    if (!*key) return;
    str_add(out, key);
    if (strchr(value, '\n')) {
        str_add_char(out, '\n');
        for (int i = 0; i < 64; i += 8) str_add_char(out, (char)(size >> i));
    } else {
        str_add_char(out, '=');
    }
    str_add(out, value);
    str_add_char(out, '\n');
}

static void journal_fields(struct arena *arena, const struct container *c, const struct spec_key_values *list,
                           struct str *out) {
    const char *tag = log_tag(arena, c, "{{.ID}}");
    add_journal(out, "CONTAINER_ID", short_id(arena, c->id));
    add_journal(out, "CONTAINER_ID_FULL", c->id);
    add_journal(out, "CONTAINER_NAME", c->name);
    add_journal(out, "CONTAINER_TAG", tag);
    add_journal(out, "IMAGE_NAME", c->config.image);
    add_journal(out, "SYSLOG_IDENTIFIER", tag);
    for (size_t i = 0; i < list->count; i++)
        add_journal(out, journal_name(arena, list->items[i].key), list->items[i].value);
}

// The plan

static struct plan_blob blob_of(struct plan *plan, const struct str *text) {
    return plan_bytes(plan, str_get(text), text->len);
}

static int plan_file(struct engine *engine, struct arena *arena, const struct container *container,
                     const struct log_file_options *files, struct plan *plan, struct err *err) {
    uint64_t budget;
    if (log_budget(&budget, err)) return -1;
    const struct store *store = &engine->store;
    const char *const argv[] = {engine->hoy,    "--root",
                                store->root,    "--runroot",
                                store->runroot, "log-rotated",
                                container->id,  arena_printf(arena, "%llu", (unsigned long long)budget)};
    struct plan_log *log = &plan->head.log;
    log->file = files->local ? PLAN_LOG_LOCAL : PLAN_LOG_JSON;
    log->max_files = files->max_files;
    log->max_bytes = files->max_bytes;
    log->name = plan_string(plan, log_file_name(arena, container->id, files));
    log->rotated = plan_strings(plan, argv, ARRAY_SIZE(argv));
    log->tells = budget || files->compress;
    return 0;
}

static void plan_syslog(struct arena *arena, const struct container *container, struct plan *plan) {
    struct log_syslog syslog;
    struct err ignored;
    char host[256] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (log_syslog_read(&container->config.log, &syslog, &ignored)) return;
    if (syslog.with_host && gethostname(host, sizeof host - 1)) *host = 0;
    struct plan_log *log = &plan->head.log;
    log->socket = PLAN_LOG_SYSLOG;
    log->stamp = (uint8_t)syslog.stamp;
    log->facility = syslog.facility;
    log->utc_offset_s = localtime_r(&now, &tm) ? (int32_t)tm.tm_gmtoff : 0;
    log->host = plan_string(plan, host);
    log->tag = plan_printf(plan, "%.256s", log_tag(arena, container, "{{.ID}}"));
}

static int plan_attributes(struct arena *arena, const struct container *container,
                           const struct log_file_options *files, struct plan *plan, struct err *err) {
    const struct container_log *log = &container->config.log;
    _cleanup_(str_finish) struct str fixed = {0}, fields = {0};
    struct spec_key_values list = {0};
    attributes_collect(arena, container, &list);
    key_values_sort(&list);
    if (log_driver_is(log, "journald")) {
        journal_fields(arena, container, &list, &fields);
        plan->head.log.socket = PLAN_LOG_JOURNAL;
        plan->head.log.fields = blob_of(plan, &fields);
    }
    // A journal and syslog have it in a place of its own.
    bool is_file = log_driver_is(log, "json-file") || log_driver_is(log, "local");
    if (is_file && !str_empty(container_log_option(log, "tag"))) {
        key_values_set(arena, &list, "tag", log_tag(arena, container, ""));
        key_values_sort(&list);
    }
    (files->local ? local_attributes : json_attributes)(&list, &fixed);
    if (fixed.len > FIXED_MAX || fields.len > FIXED_MAX)
        return err_set(
            err, ERR_INVALID, 0,
            "the labels, variables and tag that are to be in each entry of the log have %zu bytes: %d "
            "is the most",
            fixed.len > fields.len ? fixed.len : fields.len, FIXED_MAX);
    plan->head.log.fixed = blob_of(plan, &fixed);
    return 0;
}

int log_plan(struct engine *engine, struct arena *arena, const struct container *container, struct plan *plan,
             struct err *err) {
    const struct container_log *log = &container->config.log;
    struct log_file_options files;
    if (log_file_options(log, &files, err)) return -1;
    if (log_driver_is(log, "none")) return 0;
    plan->head.log.drops = str_eq(container_log_option(log, "mode"), "non-blocking");
    if (!files.none && plan_file(engine, arena, container, &files, plan, err)) return -1;
    if (log->options.count || log->driver) {
        if (plan_attributes(arena, container, &files, plan, err)) return -1;
        if (log_driver_is(log, "syslog")) plan_syslog(arena, container, plan);
    }
    return 0;
}

// The descriptors

const char *log_file_name(struct arena *arena, const char *id, const struct log_file_options *files) {
    return files->name ? files->name : arena_printf(arena, "%s-json.log", id);
}

static int open_file(const struct container *container, int folder, int *ret_file, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct log_file_options files;
    if (log_file_options(&container->config.log, &files, err)) return -1;
    if (files.none) return 0;
    const char *name = log_file_name(&arena, container->id, &files), *slash = strchr(name, '/');
    if (slash && mkdirat(folder, arena_strndup(&arena, name, (size_t)(slash - name)), 0700) &&
        errno != EEXIST)
        return err_set(err, ERR_SYSTEM, errno, "make the folder of log %s", name);
    int fd = fd_open_at(folder, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0640);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "open log %s", name);
    *ret_file = fd;
    return 0;
}

// What a receiver has not read yet waits in the kernel.
static int connect_receiver(const struct container_log *log, struct err *err) {
    struct log_syslog syslog;
    if (log_driver_is(log, "journald")) return log_journal_connect(err);
    return log_syslog_read(log, &syslog, err) ? -1 : log_syslog_connect(&syslog, err);
}

static int open_receiver(const struct container_log *log, int *ret_receiver, struct err *err) {
    if (!log_driver_is(log, "journald") && !log_driver_is(log, "syslog")) return 0;
    const char *text = container_log_option(log, "max-buffer-size");
    uint64_t bytes = BUFFER_BYTES;
    if (text) (void)parse_size(text, &bytes);
    int size = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes, fd = connect_receiver(log, err);
    if (fd < 0) return err_wrap(err, "failed to initialize logging driver");
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    *ret_receiver = fd;
    return 0;
}

int log_open(const struct container *container, int folder, int *ret_file, int *ret_receiver,
             struct err *err) {
    return open_receiver(&container->config.log, ret_receiver, err) ||
                   open_file(container, folder, ret_file, err)
               ? -1
               : 0;
}

// The budget

int log_budget(uint64_t *ret_bytes, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *text, *where;
    *ret_bytes = 0;
    if (setting_read(&arena, "log-budget", "HOY_LOG_BUDGET", &text, &where, err)) return -1;
    if (str_empty(text)) return 0;
    if (parse_size_decimal(text, ret_bytes))
        return err_set(err, ERR_INVALID, 0, "%s: log-budget '%s' is no size such as 10g", where, text);
    return 0;
}
