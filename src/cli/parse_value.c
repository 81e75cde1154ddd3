// SPDX-License-Identifier: Apache-2.0
#include "cli/parse_value.h"

#include "base/fd.h"
#include "base/signal_name.h"
#include "base/str.h"
#include "base/utf8.h"
#include "engine/upkeep.h"
#include "oci/key_values.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#define FILE_MAX (1u << 20) // of --env-file, --label-file, a seccomp profile

// Environment and labels

// Adds KEY=VALUE, in place of an earlier one of the same key. A KEY alone has the value that it has here;
// where it has none it stays alone, which takes the variable away from what the image or the container has.
static void env_add(struct arena *arena, struct strings *list, const char *text) {
    const char *value = strchr(text, '=') ? NULL : getenv(text);
    if (value) text = arena_printf(arena, "%s=%s", text, value);
    spec_env_put(arena, list, text);
}

int store_env(struct parse *parse, const char *text, void *field, struct err *err) {
    if (!*text || *text == '=') return err_set(err, ERR_INVALID, 0, "the name of the variable is missing");
    env_add(parse->arena, field, text);
    return 0;
}

static void label_add(struct parse *parse, struct container_config *config, const char *text) {
    char *key = arena_strdup(parse->arena, text), *value = strchr(key, '=');
    if (value) *value++ = 0;
    key_values_set(parse->arena, &config->labels, key, value ? value : "");
}

int store_label(struct parse *parse, const char *text, void *field, struct err *err) {
    size_t blanks = strspn(text, " \t");
    if (!text[blanks] || text[blanks] == '=')
        return err_set(err, ERR_INVALID, 0, "the name of the label is missing");
    label_add(parse, field, text);
    return 0;
}

static bool is_utf8(const char *text, size_t size) {
    for (size_t n; size; text += n, size -= n)
        if (!(n = utf8_length(text, size))) return false;
    return true;
}

// Calls store for every line of a file that is neither empty nor a comment.
static int each_line(struct parse *parse, const char *path, option_store *store, void *field,
                     struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    int r = file_read_any(path, FILE_MAX, &text), number = 0;
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "read %s", path);
    if (strlen(str_get(&text)) != text.len)
        return err_set(err, ERR_INVALID, 0, "%s is no text: it has NUL bytes", path);
    char *rest = arena_strdup(parse->arena, str_get(&text)), *line;
    if (!strncmp(rest, "\xef\xbb\xbf", 3)) rest += 3; // what some editors put in front of UTF-8
    while ((line = strsep(&rest, "\n"))) {
        number++;
        size_t length = strlen(line);
        if (!is_utf8(line, length))
            return err_set(err, ERR_INVALID, 0, "env file %s contains invalid utf8 bytes at line %d", path,
                           number);
        if (length && line[length - 1] == '\r') line[length - 1] = 0;
        while (isspace((unsigned char)*line)) line++;
        if (!*line || *line == '#') continue;
        size_t key = strcspn(line, "=");
        if (strcspn(line, " \t\v\f") < key)
            return err_set(err, ERR_INVALID, 0, "%s, line %d: the name '%.*s' has white space in it", path,
                           number, (int)key, line);
        if (store(parse, line, field, err) < 0) return err_wrap(err, "%s, line %d", path, number);
    }
    return 0;
}

// In a file, a name that has no value here says nothing.
static int store_env_line(struct parse *parse, const char *text, void *field, struct err *err) {
    return !*text || strchr(text, '=') || getenv(text) ? store_env(parse, text, field, err) : 0;
}

int store_env_file(struct parse *parse, const char *text, void *field, struct err *err) {
    return each_line(parse, text, store_env_line, field, err);
}

int store_label_file(struct parse *parse, const char *text, void *field, struct err *err) {
    return each_line(parse, text, store_label, field, err);
}

// Limits

// A limit: a number, or -1 for none.
static int limit_value(const char *text, uint64_t *ret_value, struct err *err) {
    if (str_eq(text, "-1") || str_eq(text, "unlimited")) return *ret_value = RLIM_INFINITY, 0;
    if (parse_u64(text, ret_value) < 0)
        return err_set(err, ERR_INVALID, 0, "'%s' is no limit: a number, or -1 for none", text);
    return 0;
}

int store_ulimit(struct parse *parse, const char *text, void *field, struct err *err) {
    struct container_config *config = field;
    char *name = arena_strdup(parse->arena, text), *soft = strchr(name, '=');
    if (!soft) return err_set(err, ERR_INVALID, 0, "it is not of the form NAME=SOFT[:HARD]");
    *soft++ = 0;
    char *hard = strchr(soft, ':');
    if (hard) *hard++ = 0;
    struct spec_rlimit limit = {.resource = rlimit_number(name)};
    if (limit.resource < 0 || isupper((unsigned char)*name))
        return err_set(err, ERR_INVALID, 0, "there is no ulimit called '%s'", name);
    if (limit_value(soft, &limit.soft, err) < 0 || limit_value(hard ? hard : soft, &limit.hard, err) < 0)
        return -1;
    if (limit.soft > limit.hard)
        return err_set(err, ERR_INVALID, 0,
                       "the soft limit must be less than or equal to the hard limit: %s > %s", soft, hard);
    for (size_t i = 0; i < config->ulimits.count; i++)
        if (config->ulimits.items[i].resource == limit.resource) return config->ulimits.items[i] = limit, 0;
    *arena_push(parse->arena, &config->ulimits) = limit;
    return 0;
}

int store_log_option(struct parse *parse, const char *text, void *field, struct err *err) {
    struct container_config *config = field;
    char *key = arena_strdup(parse->arena, text), *value = strchr(key, '=');
    (void)err; // which keys there are is the driver's business
    if (value) *value++ = 0;
    key_values_set(parse->arena, &config->log.options, key, value ? value : "");
    return 0;
}

int store_sysctl(struct parse *parse, const char *text, void *field, struct err *err) {
    struct container_config *config = field;
    char *key = arena_strdup(parse->arena, text), *value = strchr(key, '=');
    if (!value || value == key) return err_set(err, ERR_INVALID, 0, "it is not of the form KEY=VALUE");
    *value++ = 0;
    if (!(str_has_prefix(key, "net.") || container_sysctl_of_ipc(key)) || strchr(key, '/') ||
        strstr(key, ".."))
        return err_set(err, ERR_INVALID, 0, "sysctl '%s' is not allowed: it is not the container's own", key);
    key_values_set(parse->arena, &config->sysctls, key, value);
    return 0;
}

int store_cpus(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    uint64_t whole = 0, fraction = 0;
    size_t digits = strspn(text, "0123456789"), decimals = 0;
    if (text[digits] == '.') decimals = strspn(text + digits + 1, "0123456789");
    if (digits + decimals == 0 || text[digits + (text[digits] == '.') + decimals])
        return err_set(err, ERR_INVALID, 0, "it is no number of CPUs, as in 1.5");
    if (digits > 6) return err_set(err, ERR_INVALID, 0, "so many CPUs there are not");
    for (size_t i = 0; i < digits; i++) whole = whole * 10 + (uint64_t)(text[i] - '0');
    for (size_t i = 0; i < decimals; i++) {
        char c = text[digits + 1 + i];
        if (i >= 9 && c != '0')
            return err_set(err, ERR_INVALID, 0, "it is too precise: nine decimals at most");
        if (i < 9) fraction = fraction * 10 + (uint64_t)(c - '0');
    }
    for (size_t i = decimals; i < 9; i++) fraction *= 10;
    *(struct spec_i64 *)field =
        (struct spec_i64){.set = true, .value = (int64_t)(whole * 1000000000 + fraction)};
    return 0;
}

int store_memory(struct parse *parse, const char *text, void *field, struct err *err) {
    uint64_t bytes;
    if (store_size(parse, text, &bytes, err) < 0) return -1;
    *(struct spec_i64 *)field = (struct spec_i64){.set = true, .value = (int64_t)bytes};
    return 0;
}

int store_memory_swap(struct parse *parse, const char *text, void *field, struct err *err) {
    if (!str_eq(text, "-1")) return store_memory(parse, text, field, err);
    *(struct spec_i64 *)field = (struct spec_i64){.set = true, .value = -1};
    return 0;
}

// Names and addresses

static bool is_address(const char *text) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

int store_address(struct parse *parse, const char *text, void *field, struct err *err) {
    if (!is_address(text)) return err_set(err, ERR_INVALID, 0, "it is no IP address");
    strings_add(parse->arena, field, text);
    return 0;
}

int store_dns_option(struct parse *parse, const char *text, void *field, struct err *err) {
    if (!*text || text[strcspn(text, " \t\r\n")]) return err_set(err, ERR_INVALID, 0, "it is not one word");
    strings_add(parse->arena, field, text);
    return 0;
}

// The end of a label of letters, digits and, inside, hyphens; NULL: it is none.
static const char *label_end(const char *text) {
    const char *end = text;
    while (isalnum((unsigned char)*end) || *end == '-') end++;
    return end > text && *text != '-' && end[-1] != '-' ? end : NULL;
}

// With a letter somewhere, as Docker wants it; a dot at the end may be.
static bool is_domain(const char *text) {
    bool letter = false;
    for (const char *c = text; *c; c++) letter |= isalpha((unsigned char)*c) != 0;
    do text = label_end(text);
    while (text && *text == '.' && *++text);
    return letter && text && !*text;
}

int store_dns_search(struct parse *parse, const char *text, void *field, struct err *err) {
    if (!str_eq(text, ".") && !is_domain(text))
        return err_set(err, ERR_INVALID, 0, "%s is not a valid domain", text);
    strings_add(parse->arena, field, text);
    return 0;
}

// name:address, name=address; an IPv6 address may stand in brackets. Kept as name:address.
int store_add_host(struct parse *parse, const char *text, void *field, struct err *err) {
    char *name = arena_strdup(parse->arena, text);
    size_t length = strcspn(name, "=:");
    if (!length || !name[length]) return err_set(err, ERR_INVALID, 0, "it is not of the form HOST:IP");
    char *address = name + length + 1;
    name[length] = 0;
    size_t end = strlen(address);
    if (end > 2 && address[0] == '[' && address[end - 1] == ']') {
        address[end - 1] = 0;
        address++;
    }
    if (!str_eq(address, "host-gateway") && !is_address(address))
        return err_set(err, ERR_INVALID, 0, "'%s' is no IP address", address);
    // One line of /etc/hosts each: nothing may end it.
    for (const char *p = name; *p; p++)
        if (isspace((unsigned char)*p) || *p == '#')
            return err_set(err, ERR_INVALID, 0, "the host's name has white space in it");
    strings_add(parse->arena, field, arena_printf(parse->arena, "%s:%s", name, address));
    return 0;
}

int store_hostname(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    if (strlen(text) > 64) return err_set(err, ERR_INVALID, 0, "it is longer than 64 characters");
    for (const char *p = text; *p; p++)
        if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
            return err_set(err, ERR_INVALID, 0, "it has white space in it");
    *(const char **)field = text;
    return 0;
}

// Words

// As Docker keeps them, and says them again: each once, by its whole name, in order.
int store_capability(struct parse *parse, const char *text, void *field, struct err *err) {
    struct strings *list = field;
    int number = cap_number(text);
    const char *name = strcasecmp(text, "ALL") == 0 ? "ALL" : number < 0 ? NULL : cap_name((unsigned)number);
    if (!name) return err_set(err, ERR_INVALID, 0, "there is no such capability");
    if (strings_have(list, name)) return 0;
    strings_add(parse->arena, list, name);
    strings_sort(list);
    return 0;
}

// seccomp=FILE becomes seccomp=<the profile itself>: the container keeps what was there when it was made.
static int read_profile(struct parse *parse, const char *path, struct strings *list, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    int r = file_read_any(path, FILE_MAX, &text);
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "opening seccomp profile (%s) failed", path);
    if (json_parse(str_get(&text), text.len, &json) < 0 || !json_is_object(json))
        return err_set(err, ERR_INVALID, 0, "the seccomp profile %s is not JSON", path);
    strings_add(parse->arena, list, arena_printf(parse->arena, "seccomp=%s", json_text(json)));
    return 0;
}

static bool label_valid(const char *value) {
    static const char *const keys[] = {"user:", "role:", "type:", "level:", "filetype:"};
    if (str_eq(value, "disable") || str_eq(value, "nested")) return true;
    for (size_t i = 0; value && i < ARRAY_SIZE(keys); i++)
        if (str_has_prefix(value, keys[i]) && value[strlen(keys[i])]) return true;
    return false;
}

int store_security(struct parse *parse, const char *text, void *field, struct err *err) {
    char *key = arena_strdup(parse->arena, text);
    size_t length = strcspn(key, "=:");
    const char *value = key[length] ? text + length + 1 : NULL;
    key[length] = 0;
    bool flag = true;
    if (str_eq(key, "no-new-privileges") && (!value || parse_bool(value, &flag) == 0)) {
        strings_add(parse->arena, field, flag ? "no-new-privileges" : "no-new-privileges=false");
        return 0;
    }
    if (str_eq(key, "seccomp") && !str_empty(value) && !str_eq(value, "unconfined") &&
        !str_eq(value, "builtin"))
        return read_profile(parse, value, field, err);
    if (str_eq(key, "writable-cgroups") && (!value || parse_bool(value, &flag) == 0))
        value = !value || flag ? "true" : "false";
    else if (str_eq(key, "writable-cgroups"))
        return err_set(err, ERR_INVALID, 0, "it is either true or false");
    static const char *const keys[] = {"apparmor", "seccomp"};
    bool known = (str_eq(key, "systempaths") && str_eq(value, "unconfined")) ||
                 str_eq(key, "writable-cgroups") || (str_eq(key, "label") && label_valid(value));
    for (size_t i = 0; i < ARRAY_SIZE(keys) && !known; i++) known = str_eq(key, keys[i]) && !str_empty(value);
    if (!known && str_eq(key, "label"))
        return err_set(err, ERR_INVALID, 0,
                       "bad label option: valid are disable, user:, role:, type:, level: and filetype:");
    if (!known) return err_set(err, ERR_INVALID, 0, "there is no such security option");
    strings_add(parse->arena, field, arena_printf(parse->arena, "%s=%s", key, value));
    return 0;
}

int store_commas(struct parse *parse, const char *text, void *field, struct err *err) {
    char *rest = arena_strdup(parse->arena, text);
    (void)err;
    while (rest) strings_add(parse->arena, field, strsep(&rest, ","));
    return 0;
}

static int one_of(const char *text, const char *const *words, size_t count, const char **ret_word) {
    for (size_t i = 0; i < count; i++)
        if (!strcasecmp(words[i], text)) return *ret_word = words[i], 0;
    return -EINVAL;
}

int store_pull(struct parse *parse, const char *text, void *field, struct err *err) {
    static const char *const words[] = {"always", "missing", "never"};
    (void)parse;
    if (one_of(text, words, ARRAY_SIZE(words), field) == 0) return 0;
    return err_set(err, ERR_INVALID, 0, "it must be one of always, missing, never");
}

int store_attach(struct parse *parse, const char *text, void *field, struct err *err) {
    static const char *const words[] = {"stdin", "stdout", "stderr"};
    const char *word;
    if (one_of(text, words, ARRAY_SIZE(words), &word) < 0)
        return err_set(err, ERR_INVALID, 0, "valid streams are STDIN, STDOUT and STDERR");
    strings_add(parse->arena, field, word);
    return 0;
}

int store_restart(struct parse *parse, const char *text, void *field, struct err *err) {
    return restart_policy_parse(parse->arena, text, field, err);
}

int store_signal(struct parse *parse, const char *text, void *field, struct err *err) {
    if (signal_parse(text) < 0) return err_set(err, ERR_INVALID, 0, "there is no such signal");
    return store_string(parse, text, field, err);
}

int read_key_values(struct arena *arena, const struct strings *texts, struct spec_key_values *words,
                    struct err *err) {
    for (size_t i = 0; i < texts->count; i++) {
        const char *text = texts->items[i];
        size_t length = strcspn(text, "="), n = 0;
        if (!length) return err_set(err, ERR_INVALID, 0, "'%s' is not of the form KEY=VALUE", text);
        const char *key = arena_strndup(arena, text, length);
        while (n < words->count && !str_eq(words->items[n].key, key)) n++;
        struct spec_key_value *word = n < words->count ? &words->items[n] : arena_push(arena, words);
        *word = (struct spec_key_value){key, text[length] ? text + length + 1 : ""};
    }
    return 0;
}
