// SPDX-License-Identifier: Apache-2.0
// --log-driver and --log-opt: which there are, and what they may say, with Docker's sentences.
#include "engine/log.h"
#include "oci/key_values.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_MAX_BYTES  (20ull * 1000 * 1000)
#define LOCAL_MAX_BYTES (20ull << 20)
#define FILE_MAX_FILES  3
#define LOCAL_MAX_FILES 5
#define FILES_LIMIT     1000
#define DAEMON_MAX      (1u << 20)
#define START           "failed to initialize logging driver: "

static const char *const attribute_keys[] = {"labels", "labels-regex", "env", "env-regex", "tag", NULL};
static const char *const file_keys[] = {"max-size", "max-file", "compress", NULL};
static const char *const syslog_keys[] = {"syslog-address", "syslog-facility", "syslog-format", NULL};
static const char *const tls_keys[] = {"syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key",
                                       "syslog-tls-skip-verify", NULL};
static const char *const common_keys[] = {
    "mode", "max-buffer-size", "cache-disabled", "cache-max-size", "cache-max-file", "cache-compress", NULL};

static const struct driver {
    const char *name;
    const char *const *keys[2];
} drivers[] = {
    {"json-file", {file_keys, attribute_keys}},
    {"local", {file_keys, attribute_keys}},
    {"journald", {attribute_keys, NULL}},
    {"syslog", {syslog_keys, attribute_keys}},
    {"none", {NULL, NULL}},
};
// Docker's others.
static const char *const elsewhere[] = {"gelf", "fluentd", "awslogs", "splunk", "gcplogs", "etwlogs", NULL};

static bool in_list(const char *const *list, const char *word) {
    for (; list && *list; list++)
        if (str_eq(*list, word)) return true;
    return false;
}

static const struct driver *driver_find(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
        if (str_eq(drivers[i].name, name)) return &drivers[i];
    return NULL;
}

bool log_driver_is(const struct container_log *log, const char *name) {
    return str_eq(log->driver ? log->driver : "json-file", name);
}

static int check_driver(const struct container_log *log, struct err *err) {
    if (driver_find(log->driver)) return 0;
    if (in_list(elsewhere, log->driver))
        return err_set(err, ERR_INVALID, 0,
                       "log driver %s is not supported: json-file, local, journald, syslog and none are",
                       log->driver);
    return err_set(err, ERR_INVALID, 0, "error looking up logging plugin %s: plugin \"%s\" not found",
                   log->driver, log->driver);
}

static int check_key(const struct container_log *log, const char *key, struct err *err) {
    const struct driver *driver = driver_find(log->driver);
    if (in_list(common_keys, key) || in_list(driver->keys[0], key) || in_list(driver->keys[1], key)) return 0;
    if (log_driver_is(log, "syslog") && in_list(tls_keys, key))
        return err_set(err, ERR_INVALID, 0, "log opt '%s' is not supported: syslog over TLS is not", key);
    if (log_driver_is(log, "local"))
        return err_set(err, ERR_INVALID, 0, "unknown log opt '%s' for log driver local", key);
    return err_set(err, ERR_INVALID, 0, "unknown log opt '%s' for %s log driver", key, log->driver);
}

static int check_mode(const struct container_log *log, struct err *err) {
    const char *mode = container_log_option(log, "mode"),
               *cache = container_log_option(log, "cache-disabled");
    const char *size = container_log_option(log, "max-buffer-size");
    bool blocking = str_empty(mode) || str_eq(mode, "blocking"), flag;
    uint64_t bytes;
    if (!blocking && !str_eq(mode, "non-blocking"))
        return err_set(err, ERR_INVALID, 0, "logger: logging mode not supported: %s", mode);
    if (size && blocking)
        return err_set(err, ERR_INVALID, 0,
                       "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    if (size && parse_size(size, &bytes))
        return err_set(err, ERR_INVALID, 0, "error parsing option max-buffer-size: invalid size: '%s'", size);
    if (!str_empty(cache) && parse_bool(cache, &flag))
        return err_set(err, ERR_INVALID, 0, "invalid value for option cache-disabled: %s", cache);
    return 0;
}

// The options of a file, or with "cache-" before their names those of the copy that hoy logs reads.

static const char *file_option(const struct container_log *log, const char *prefix, const char *key) {
    char name[32];
    snprintf(name, sizeof name, "%s%s", prefix, key);
    return container_log_option(log, name);
}

static int read_size(const struct container_log *log, const char *prefix, uint64_t *bytes, struct err *err) {
    const char *text = file_option(log, prefix, "max-size");
    if (!text) return 0;
    if (parse_size_decimal(text, bytes))
        return err_set(err, ERR_INVALID, 0, START "%smax-size: invalid size: '%s'", prefix, text);
    if (!*bytes) return err_set(err, ERR_INVALID, 0, START "%smax-size must be a positive number", prefix);
    return 0;
}

static int read_count(const struct container_log *log, const char *prefix, uint32_t *count, struct err *err) {
    const char *text = file_option(log, prefix, "max-file");
    int64_t value;
    if (!text) return 0;
    if (parse_i64(text, &value))
        return err_set(err, ERR_INVALID, 0, START "%smax-file: \"%s\" is no number", prefix, text);
    if (value < 1) return err_set(err, ERR_INVALID, 0, START "%smax-file cannot be less than 1", prefix);
    if (value > FILES_LIMIT)
        return err_set(err, ERR_INVALID, 0, START "%smax-file cannot be more than %d", prefix, FILES_LIMIT);
    *count = (uint32_t)value;
    return 0;
}

static int read_compress(const struct container_log *log, const char *prefix,
                         struct log_file_options *options, struct err *err) {
    const char *text = file_option(log, prefix, "compress");
    if (text && parse_bool(text, &options->compress))
        return err_set(err, ERR_INVALID, 0, START "%scompress: \"%s\" is neither true nor false", prefix,
                       text);
    if (!options->compress || options->max_files > 1) return 0;
    if (options->local)
        return err_set(err, ERR_INVALID, 0, START "compression cannot be enabled when max file count is 1");
    return err_set(err, ERR_INVALID, 0,
                   START "compress cannot be true when max-file is less than 2 or max-size is not set");
}

int log_file_options(const struct container_log *log, struct log_file_options *ret, struct err *err) {
    bool json = log_driver_is(log, "json-file"), disabled = false;
    const char *cache = container_log_option(log, "cache-disabled");
    const char *prefix = json || log_driver_is(log, "local") ? "" : "cache-";
    struct log_file_options options = {.local = !json,
                                       .max_bytes = json ? FILE_MAX_BYTES : LOCAL_MAX_BYTES,
                                       .max_files = json ? FILE_MAX_FILES : LOCAL_MAX_FILES,
                                       .compress = !json};
    options.name = json ? NULL : *prefix ? "container-cached.log" : "local-logs/container.log";
    if (!str_empty(cache)) (void)parse_bool(cache, &disabled);
    options.none = log_driver_is(log, "none") || (*prefix && disabled);
    if (options.none) return *ret = options, 0;
    if (read_size(log, prefix, &options.max_bytes, err) || read_count(log, prefix, &options.max_files, err) ||
        read_compress(log, prefix, &options, err))
        return -1;
    *ret = options;
    return 0;
}

static int check_regex(const struct container_log *log, const char *key, struct err *err) {
    const char *text = container_log_option(log, key);
    regex_t regex;
    if (str_empty(text)) return 0;
    int r = regcomp(&regex, text, REG_EXTENDED | REG_NOSUB);
    if (r) return err_set(err, ERR_INVALID, 0, START "%s: error parsing regexp: `%s`", key, text);
    regfree(&regex);
    return 0;
}

// daemon.json's are for containers whose driver it names, or that name none.

struct log_defaults {
    struct arena *arena;
    struct container_log *log;
    bool same; // the driver is theirs
};

static int default_add(const char *key, const struct json *value, void *data) {
    struct log_defaults *defaults = data;
    const char *text = json_string(value);
    bool for_all = str_has_prefix(key, "cache-");
    if (!text) return -1;
    if (container_log_option(defaults->log, key) || !(defaults->same || for_all)) return 0;
    *arena_push(defaults->arena, &defaults->log->options) = (struct spec_key_value){
        .key = arena_strdup(defaults->arena, key), .value = arena_strdup(defaults->arena, text)};
    return 0;
}

static int defaults_read(struct arena *arena, const char *path, struct container_log *log, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    int r = json_read_file(path, DAEMON_MAX, &json);
    if (r == -EINVAL) return err_set(err, ERR_INVALID, 0, "%s is no valid JSON", path);
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "can't read %s", path);
    if (!json) return 0;
    const char *driver = json_get_string(json, "log-driver");
    if (str_empty(driver)) driver = "json-file";
    if (!log->driver) log->driver = arena_strdup(arena, driver);
    struct log_defaults defaults = {arena, log, log_driver_is(log, driver)};
    const struct json *options = json_get(json, "log-opts");
    if (json_is_null(options)) return 0;
    if (!json_is_object(options) || json_each(options, default_add, &defaults))
        return err_set(err, ERR_INVALID, 0, "%s: log-opts is no object of texts", path);
    return 0;
}

static int check(struct container_log *log, struct err *err) {
    struct log_file_options files;
    if (check_driver(log, err)) return -1;
    key_values_sort(&log->options);
    for (size_t i = 0; i < log->options.count; i++)
        if (check_key(log, log->options.items[i].key, err)) return -1;
    if (check_mode(log, err) || log_file_options(log, &files, err) || check_regex(log, "labels-regex", err) ||
        check_regex(log, "env-regex", err) || log_tag_check(log, err))
        return -1;
    return log_driver_is(log, "syslog") ? log_syslog_check(log, err) : 0;
}

int log_settle(struct arena *arena, struct container_config *config, struct err *err) {
    struct container_log *log = &config->log;
    if (defaults_read(arena, "/etc/docker/daemon.json", log, err)) return -1;
    if (!log->driver) {
        if (!log->options.count) return 0; // nothing was asked for: the row stays as short as it was
        log->driver = "json-file";
    }
    return check(log, err);
}

int log_merge(struct arena *arena, struct container_log *log, const struct container_log *changes,
              struct err *err) {
    struct container_log merged = {.driver = log->driver ? log->driver : "json-file"};
    for (size_t i = 0; i < log->options.count; i++)
        if (!container_log_option(changes, log->options.items[i].key))
            *arena_push(arena, &merged.options) = log->options.items[i];
    for (size_t i = 0; i < changes->options.count; i++)
        *arena_push(arena, &merged.options) = changes->options.items[i];
    if (check(&merged, err)) return -1;
    *log = merged;
    return 0;
}
