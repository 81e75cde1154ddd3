// SPDX-License-Identifier: Apache-2.0
#include "cli/parse_device.h"

#include "base/str.h"
#include "engine/config.h"

#include <string.h>

#define GPUS_MAX 1024

// Rates and weights

// "/dev/PATH:NUMBER", or a size.
static int read_rate(struct parse *parse, const char *text, int (*read)(const char *, uint64_t *),
                     struct device_rate *ret_rate, struct err *err) {
    char *path = arena_strdup(parse->arena, text), *number = strrchr(path, ':');
    bool size = read == parse_size;
    if (!number || !str_has_prefix(path, "/dev/"))
        return err_set(err, ERR_INVALID, 0, "it is not of the form /dev/PATH:%s", size ? "RATE" : "NUMBER");
    *number++ = 0;
    struct device_rate rate = {.path = path};
    if (read(number, &rate.rate) < 0)
        return size ? err_set(err, ERR_INVALID, 0,
                              "the rate '%s' is no size: a number, then maybe kb, mb or gb", number)
                    : err_set(err, ERR_INVALID, 0, "'%s' is no number", number);
    *ret_rate = rate;
    return 0;
}

int store_bps(struct parse *parse, const char *text, void *field, struct err *err) {
    struct device_rate rate;
    if (read_rate(parse, text, parse_size, &rate, err) < 0) return -1;
    *arena_push(parse->arena, (struct device_rates *)field) = rate;
    return 0;
}

int store_iops(struct parse *parse, const char *text, void *field, struct err *err) {
    struct device_rate rate;
    if (read_rate(parse, text, parse_u64, &rate, err) < 0) return -1;
    *arena_push(parse->arena, (struct device_rates *)field) = rate;
    return 0;
}

int store_weight_device(struct parse *parse, const char *text, void *field, struct err *err) {
    struct device_rate rate;
    if (read_rate(parse, text, parse_u64, &rate, err) < 0) return -1;
    if (rate.rate < 10 || rate.rate > 1000)
        return err_set(err, ERR_INVALID, 0, "the weight is not between 10 and 1000");
    *arena_push(parse->arena, (struct device_rates *)field) = rate;
    return 0;
}

// Devices

static bool is_mode(const char *text) {
    return *text && strlen(text) <= 3 && !text[strspn(text, "rwm")];
}

// vendor.com/class=name
static bool is_cdi_name(const char *text) {
    const char *slash = strchr(text, '/'), *equals = strchr(text, '=');
    return *text != '/' && slash && equals && slash > text && equals > slash + 1 && equals[1];
}

static struct device_request *request_new(struct parse *parse, struct container_config *config,
                                          const char *driver) {
    struct device_request *request = arena_push(parse->arena, &config->device_requests);
    *request = (struct device_request){.driver = driver};
    return request;
}

// All CDI names go into one request, as with Docker.
static void add_cdi(struct parse *parse, struct container_config *config, const char *name) {
    struct device_request *request = NULL;
    for (size_t i = 0; i < config->device_requests.count && !request; i++)
        if (str_eq(config->device_requests.items[i].driver, "cdi"))
            request = &config->device_requests.items[i];
    if (!request) request = request_new(parse, config, "cdi");
    strings_add(parse->arena, &request->ids, name);
}

int store_device(struct parse *parse, const char *text, void *field, struct err *err) {
    struct container_config *config = field;
    if (is_cdi_name(text)) return add_cdi(parse, config, text), 0;
    char *source = arena_strdup(parse->arena, text), *target = strchr(source, ':'), *mode = NULL;
    if (target) *target++ = 0;
    if (target && (mode = strchr(target, ':'))) *mode++ = 0;
    if (mode && strchr(mode, ':')) return err_set(err, ERR_INVALID, 0, "bad format for path");
    if (target && !mode && is_mode(target)) mode = target, target = NULL;
    if (mode && !is_mode(mode)) return err_set(err, ERR_INVALID, 0, "bad mode specified: %s", mode);
    if (!target) target = source;
    if (*source != '/' || *target != '/')
        return err_set(err, ERR_INVALID, 0, "'%s' is not an absolute path", *source == '/' ? target : source);
    *arena_push(parse->arena, &config->devices) =
        (struct container_device){.source = source, .target = target, .permissions = mode ? mode : "rwm"};
    return 0;
}

// "*", or a number, before the character.
static bool skip_number(const char **at, char end) {
    size_t n = **at == '*' ? 1 : strspn(*at, "0123456789");
    if (!n || n > 10 || (*at)[n] != end) return false;
    *at += n + 1;
    return true;
}

int store_device_rule(struct parse *parse, const char *text, void *field, struct err *err) {
    const char *at = text + 2;
    if (!*text || !strchr("acb", *text) || text[1] != ' ' || !skip_number(&at, ':') ||
        !skip_number(&at, ' ') || !is_mode(at))
        return err_set(err, ERR_INVALID, 0,
                       "invalid device cgroup format '%s': it is TYPE MAJOR:MINOR MODE, as in 'c 13:* rwm'",
                       text);
    strings_add(parse->arena, field, text);
    return 0;
}

// --gpus

static int set_count(const char *text, struct device_request *request, struct err *err) {
    uint64_t count;
    if (str_eq(text, "all") || str_eq(text, "-1")) return request->count = -1, 0;
    if (parse_u64(text, &count) < 0 || count > GPUS_MAX)
        return err_set(err, ERR_INVALID, 0, "invalid count (%s): value must be either \"all\" or an integer",
                       text);
    request->count = (int64_t)count;
    return 0;
}

// Docker's is a line of CSV: "device=0,1" has to come in quotes to be one field.
static char *next_field(char **rest) {
    char *at = *rest;
    if (!at || !*at) return NULL;
    char *end = *at == '"' ? strchr(++at, '"') : at + strcspn(at, ",");
    if (!end) return *rest = NULL, at;
    bool quoted = *end == '"';
    if (*end) *end++ = 0;
    if (quoted && *end == ',') end++;
    *rest = end;
    return at;
}

static int set_field(struct parse *parse, char *text, struct device_request *request, struct err *err) {
    char *value = strchr(text, '=');
    if (!value) return set_count(text, request, err);
    *value++ = 0;
    if (str_eq(text, "count")) return set_count(value, request, err);
    if (str_eq(text, "driver")) return request->driver = value, 0;
    struct strings *list = str_eq(text, "device")         ? &request->ids
                           : str_eq(text, "capabilities") ? &request->capabilities
                                                          : NULL;
    if (!list && str_eq(text, "options"))
        return err_set(err, ERR_INVALID, 0,
                       "options=%s is not supported: the CDI specification has no say "
                       "for it",
                       value);
    if (!list) return err_set(err, ERR_INVALID, 0, "unexpected key '%s' in '%s=%s'", text, text, value);
    for (char *word; (word = strsep(&value, ","));)
        if (*word) strings_add(parse->arena, list, word);
    return 0;
}

int store_gpus(struct parse *parse, const char *text, void *field, struct err *err) {
    struct container_config *config = field;
    struct device_request request = {.driver = ""};
    char *rest = arena_strdup(parse->arena, text);
    if (!*text) return err_set(err, ERR_INVALID, 0, "it says no GPU: 'all', a number, or device=ID");
    for (char *word; (word = next_field(&rest));)
        if (set_field(parse, word, &request, err) < 0) return -1;
    if (request.count && request.ids.count)
        return err_set(err, ERR_INVALID, 0, "cannot set both Count and DeviceIDs on device request");
    if (!request.count && !request.ids.count) request.count = 1;
    bool has_gpu = false;
    for (size_t i = 0; i < request.capabilities.count; i++)
        has_gpu = has_gpu || str_eq(request.capabilities.items[i], "gpu");
    if (!has_gpu) strings_add(parse->arena, &request.capabilities, "gpu");
    *request_new(parse, config, request.driver) = request;
    return 0;
}
