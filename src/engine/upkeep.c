// SPDX-License-Identifier: Apache-2.0
#include "engine/upkeep.h"

#include "base/json_strings.h"
#include "engine/parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS           1000000000ll
#define INTERVAL_NS         (30 * SECOND_NS) // Docker's defaults
#define TIMEOUT_NS          (30 * SECOND_NS)
#define START_INTERVAL_NS   (5 * SECOND_NS)
#define RETRIES             3
#define SHORTEST_NS         1000000
#define STOP_TIMEOUT_S      10
#define NATIVE_PATH_MAX     1024
#define COMMAND_WORDS_EXTRA 2

// Restart policies

int restart_policy_parse(struct arena *arena, const char *text, struct restart_policy *ret_policy,
                         struct err *err) {
    static const char *const names[] = {"no", "always", "unless-stopped", "on-failure"};
    const char *colon = strchr(text, ':');
    const char *name = colon ? arena_strndup(arena, text, (size_t)(colon - text)) : text;
    char *end = NULL;
    bool on_failure = str_eq(name, "on-failure");
    size_t n = 0;
    if (!*text) return *ret_policy = (struct restart_policy){0}, 0;
    if (!*name)
        return err_set(err, ERR_INVALID, 0, "invalid restart policy format: no policy provided before colon");
    errno = 0;
    long count = colon && colon[1] ? strtol(colon + 1, &end, 10) : 0;
    if (end && (*end || errno || count > INT32_MAX || count < INT32_MIN))
        return err_set(err, ERR_INVALID, 0,
                       "invalid restart policy format: maximum retry count must be an integer");
    while (n < ARRAY_SIZE(names) && !str_eq(names[n], name)) n++;
    if (n == ARRAY_SIZE(names)) return err_set(err, ERR_INVALID, 0, "invalid restart policy '%s'", name);
    if (count && !on_failure)
        return err_set(err, ERR_INVALID, 0, "maximum retry count cannot be used with restart policy '%s'",
                       name);
    if (count < 0) return err_set(err, ERR_INVALID, 0, "maximum retry count cannot be negative");
    *ret_policy = (struct restart_policy){.name = n ? names[n] : NULL, .max_retries = (int32_t)count};
    return 0;
}

void restart_policy_write(const struct restart_policy *policy, const char *key, struct json_writer *w) {
    json_begin_object(w, key);
    json_put_string(w, "Name", policy->name ? policy->name : "no");
    json_put_i64(w, "MaximumRetryCount", policy->max_retries);
    json_end_object(w);
}

int restart_policy_read(struct arena *arena, const struct json *json, struct restart_policy *ret_policy) {
    const char *name = json_get_string(json, "Name");
    int64_t count = 0;
    struct err ignored;
    if (!name) return -1;
    (void)json_i64(json_get(json, "MaximumRetryCount"), &count);
    const char *text = count ? arena_printf(arena, "%s:%" PRId64, name, count) : name;
    return restart_policy_parse(arena, text, ret_policy, &ignored);
}

static void policy_plan(const struct restart_policy *policy, struct plan_restart *restart) {
    restart->policy = !policy->name                        ? PLAN_RESTART_NO
                      : str_eq(policy->name, "on-failure") ? PLAN_RESTART_ON_FAILURE
                                                           : PLAN_RESTART_ALWAYS;
    restart->max_retries = (uint32_t)policy->max_retries;
}

int restart_policy_apply(struct engine *engine, const struct container *container,
                         const struct restart_policy *policy, struct err *err) {
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    int r = container_plan_map(engine, container->id, &plan, err);
    if (r) return r == -ENOENT ? 0 : -1;
    policy_plan(policy, &plan->restart);
    return 0;
}

// Health checks as settings

static const struct {
    const char *key;
    size_t at;
} numbers[] = {
    {"Interval", offsetof(struct health_config, interval_ns)},
    {"Timeout", offsetof(struct health_config, timeout_ns)},
    {"StartPeriod", offsetof(struct health_config, start_period_ns)},
    {"StartInterval", offsetof(struct health_config, start_interval_ns)},
    {"Retries", offsetof(struct health_config, retries)},
};

static int64_t *number(const struct health_config *health, size_t i) {
    return (int64_t *)((char *)health + numbers[i].at);
}

void health_config_write(const struct health_config *health, const char *key, struct json_writer *w) {
    if (!health) return;
    json_begin_object(w, key);
    if (health->test.count) json_put_strings(w, "Test", &health->test);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        if (*number(health, i)) json_put_i64(w, numbers[i].key, *number(health, i));
    json_end_object(w);
}

const char *health_config_text(struct arena *arena, const struct health_config *health) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    if (!health) return NULL;
    health_config_write(health, NULL, &w);
    return arena_strdup(arena, str_get(&w.text));
}

int health_config_read(struct arena *arena, const struct json *json, struct health_config **ret_health) {
    struct health_config *health = arena_new(arena, struct health_config);
    if (!json_is_object(json) || json_strings(arena, json_get(json, "Test"), &health->test)) return -1;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        const struct json *value = json_get(json, numbers[i].key);
        if (!json_is_null(value) && json_i64(value, number(health, i))) return -1;
    }
    *ret_health = health;
    return 0;
}

// What the image says is not its user's fault: what makes no sense of it does not count.
static void make_sensible(struct health_config *health) {
    const char *type = health->test.count ? health->test.items[0] : NULL;
    if (!str_eq(type, "NONE") && !str_eq(type, "CMD") && !str_eq(type, "CMD-SHELL"))
        health->test = (struct strings){0};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        int64_t *value = number(health, i);
        bool is_time = !str_eq(numbers[i].key, "Retries");
        if (*value < 0 || (is_time && *value < SHORTEST_NS) || (!is_time && *value > INT32_MAX)) *value = 0;
    }
}

void health_config_merge(struct arena *arena, const struct image_config *image,
                         struct container_config *config) {
    struct health_config *own = config->health, *theirs = NULL;
    _cleanup_(json_freep) struct json *json = NULL;
    if (!image->healthcheck || json_parse(image->healthcheck, strlen(image->healthcheck), &json) ||
        health_config_read(arena, json, &theirs))
        return;
    make_sensible(theirs);
    if (!own) config->health = own = theirs;
    if (!own->test.count) own->test = theirs->test;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        if (!*number(own, i)) *number(own, i) = *number(theirs, i);
}

bool health_config_checks(const struct health_config *health) {
    return health && health->test.count > 1 && !str_eq(health->test.items[0], "NONE");
}

// Native checks: "tcp://[HOST]:PORT", "http://[HOST][:PORT][/PATH]" in the place of a shell's command

struct native {
    enum plan_probe probe;
    bool is_ipv6;
    uint8_t address[16];
    uint16_t port;
    const char *path;
    char target[80];
};

static int parse_address(const char *host, struct native *native) {
    size_t length = strlen(host);
    char bare[INET6_ADDRSTRLEN] = "";
    if (!*host || str_eq(host, "localhost")) host = "127.0.0.1";
    if (inet_pton(AF_INET, host, native->address) == 1) return 0;
    if (*host != '[' || host[length - 1] != ']' || length - 2 >= sizeof bare) return -1;
    memcpy(bare, host + 1, length - 2);
    native->is_ipv6 = true;
    return inet_pton(AF_INET6, bare, native->address) == 1 ? 0 : -1;
}

static int parse_port(const char *text, uint16_t *ret_port) {
    unsigned port = 0;
    if (!*text || strlen(text) > 5 || text[strspn(text, "0123456789")]) return -1;
    for (; *text; text++) port = port * 10 + (unsigned)(*text - '0');
    if (!port || port > UINT16_MAX) return -1;
    *ret_port = (uint16_t)port;
    return 0;
}

// "[HOST][:PORT]"
static const char *parse_place(const char *place, size_t length, struct native *native) {
    char host[64];
    if (length >= sizeof host) return "the address is too long";
    snprintf(host, sizeof host, "%.*s", (int)length, place);
    char *colon = strrchr(host, ':'), *bracket = strrchr(host, ']');
    if (colon && bracket && colon < bracket) colon = NULL;
    if (colon) *colon = 0;
    if (parse_address(host, native)) return "HOST is an IP address (IPv6 in brackets), localhost, or nothing";
    if (!colon && native->probe == PLAN_PROBE_HTTP)
        native->port = 80;
    else if (!colon || parse_port(colon + 1, &native->port))
        return "it needs a port from 1 to 65535";
    snprintf(native->target, sizeof native->target, "%s:%u", *host ? host : "127.0.0.1", native->port);
    return NULL;
}

static bool path_is_plain(const char *path) {
    for (const char *p = path; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f) return false;
    return strlen(path) <= NATIVE_PATH_MAX;
}

// What is wrong with what stands after "tcp://" or "http://", or NULL.
static const char *parse_rest(const char *rest, struct native *native) {
    size_t length = strcspn(rest, "/");
    native->path = rest[length] ? rest + length : "/";
    if (native->probe == PLAN_PROBE_TCP && rest[length]) return "tcp:// has no path";
    if (!path_is_plain(native->path))
        return "the path is too long, or has spaces or control characters in it";
    return parse_place(rest, length, native);
}

// 1; 0: it is a command; -1.
static int native_parse(const char *text, struct native *ret_native, struct err *err) {
    struct native native = {0};
    const char *tcp = str_after(text, "tcp://"), *http = str_after(text, "http://");
    const char *wrong =
        "it takes TLS, which the small program that looks after a container does not have. tcp:// and "
        "the port asks whether somebody listens; more takes a command of the image's, as 'wget -q -O - "
        "https://127.0.0.1/'";
    if (!tcp && !http && !str_has_prefix(text, "https://")) return 0;
    native.probe = tcp ? PLAN_PROBE_TCP : PLAN_PROBE_HTTP;
    if (tcp || http) wrong = parse_rest(tcp ? tcp : http, &native);
    if (wrong) return err_set(err, ERR_INVALID, 0, "health check '%.100s': %s", text, wrong);
    *ret_native = native;
    return 1;
}

static int native_of(const struct health_config *health, struct native *ret_native, struct err *err) {
    if (!str_eq(health->test.items[0], "CMD-SHELL")) return 0;
    return native_parse(health->test.items[1], ret_native, err);
}

int health_config_check(const struct container_config *config, struct err *err) {
    const struct health_config *health = config->health;
    struct native native;
    if (config->health_on_failure && !health_config_checks(health))
        return err_set(err, ERR_INVALID, 0,
                       "--health-on-failure needs a health check: give one with --health-cmd");
    if (!health) return 0;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        int64_t value = *number(health, i);
        if (str_eq(numbers[i].key, "Retries") ? value < 0 || value > INT32_MAX : value && value < SHORTEST_NS)
            return err_set(err, ERR_INVALID, 0, "%s in Healthcheck cannot be %s", numbers[i].key,
                           str_eq(numbers[i].key, "Retries") ? "negative" : "less than 1ms");
    }
    if (!health_config_checks(health)) return 0;
    if (!str_eq(health->test.items[0], "CMD") && !str_eq(health->test.items[0], "CMD-SHELL"))
        return err_set(err, ERR_INVALID, 0, "Unknown healthcheck type '%.40s' (expected 'CMD')",
                       health->test.items[0]);
    return native_of(health, &native, err) < 0 ? -1 : 0;
}

// Plans

void duration_text(uint64_t ns, char text[static DURATION_TEXT_SIZE]) {
    uint64_t seconds = ns / 1000000000u, rest = ns % 1000000000u;
    if (!seconds) {
        snprintf(text, DURATION_TEXT_SIZE, "%gms", (double)rest / 1e6);
        return;
    }
    int n = 0;
    if (seconds >= 3600) n += snprintf(text, DURATION_TEXT_SIZE, "%" PRIu64 "h", seconds / 3600);
    if (seconds >= 60)
        n += snprintf(text + n, DURATION_TEXT_SIZE - (size_t)n, "%" PRIu64 "m", seconds / 60 % 60);
    snprintf(text + n, DURATION_TEXT_SIZE - (size_t)n, "%gs", (double)(seconds % 60) + (double)rest / 1e9);
}

static void plan_native(const struct native *native, struct plan *plan) {
    struct plan_health *health = &plan->head.health;
    health->probe = (uint8_t)native->probe;
    health->is_ipv6 = native->is_ipv6;
    health->port = native->port;
    memcpy(health->address, native->address, sizeof health->address);
    health->target = plan_string(plan, native->target);
    health->request = plan_printf(
        plan, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: hoy/%s\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        native->path, native->target, HOY_VERSION);
}

static void plan_command(const char *id, const struct strings *hoy, struct plan *plan) {
    const char **argv = xmalloc((hoy->count + COMMAND_WORDS_EXTRA) * sizeof *argv);
    for (size_t i = 0; i < hoy->count; i++) argv[i] = hoy->items[i];
    argv[hoy->count] = "health-probe";
    argv[hoy->count + 1] = id;
    plan->head.health.probe = PLAN_PROBE_COMMAND;
    plan->head.health.command = plan_strings(plan, argv, hoy->count + COMMAND_WORDS_EXTRA);
    free(argv);
}

static enum plan_unhealthy unhealthy_of(const char *word) {
    return str_eq(word, "kill")      ? PLAN_UNHEALTHY_KILL
           : str_eq(word, "restart") ? PLAN_UNHEALTHY_RESTART
           : str_eq(word, "stop")    ? PLAN_UNHEALTHY_STOP
                                     : PLAN_UNHEALTHY_NONE;
}

static uint64_t or_default(int64_t ns, int64_t standard) {
    return (uint64_t)(ns ? ns : standard);
}

static int plan_checks(const struct container *container, const struct strings *hoy, struct plan *plan,
                       struct err *err) {
    const struct health_config *config = container->config.health;
    struct native native;
    char text[DURATION_TEXT_SIZE];
    if (!health_config_checks(config)) return 0;
    int r = native_of(config, &native, err);
    if (r < 0) return -1;
    r ? plan_native(&native, plan) : plan_command(container->id, hoy, plan);
    struct plan_health *health = &plan->head.health;
    health->on_unhealthy = (uint8_t)unhealthy_of(container->config.health_on_failure);
    health->retries = config->retries ? (uint32_t)config->retries : RETRIES;
    health->interval_ns = or_default(config->interval_ns, INTERVAL_NS);
    health->timeout_ns = or_default(config->timeout_ns, TIMEOUT_NS);
    health->start_period_ns = (uint64_t)config->start_period_ns;
    health->start_interval_ns = or_default(config->start_interval_ns, START_INTERVAL_NS);
    duration_text(health->timeout_ns, text);
    health->timeout_text = plan_string(plan, text);
    return 0;
}

int upkeep_plan(const struct container *container, const struct strings *hoy, struct plan *plan,
                struct err *err) {
    const struct container_config *config = &container->config;
    int64_t timeout = config->stop_timeout.set ? config->stop_timeout.value : STOP_TIMEOUT_S;
    plan->head.stop_signal = (uint8_t)container_stop_signal(container);
    plan->head.stop_timeout_s = timeout < 0 ? -1 : timeout > INT32_MAX ? INT32_MAX : (int32_t)timeout;
    policy_plan(&config->restart, &plan->head.restart);
    return plan_checks(container, hoy, plan, err);
}
