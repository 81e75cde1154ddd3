// SPDX-License-Identifier: Apache-2.0
// The order of things: every plugin of an ADD gets what the one before has said (prevResult), every one of a
// DEL, in the opposite order, what the last one of the ADD has said. A plugin that declares a capability gets
// what hoy has for it (runtimeConfig).
//
// cni.json is there before the first plugin is run and goes when the last has taken away its part, so that at
// any moment a crash leaves a record. The mounted namespace is what lets plugins undo all that they did: the
// container's processes are gone by then.
#include "network/cni.h"
#include "network/cni_list.h"
#include "network/cni_record.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/macro.h"
#include "kernel/mount.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

// Running plugins

struct cni {
    const char *dir;
    struct json *record;
    const struct json *list;
    char netns[4200];
};

static void cni_finish(struct cni *cni) {
    json_freep(&cni->record);
}

static int read_file(const char *dir, const char *name, struct json **ret_json) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return json_read_file(path, CNI_FILE_LIMIT, ret_json);
}

// 1, or 0 when there is no record.
static int cni_open(const char *dir, struct cni *ret_cni, struct err *err) {
    *ret_cni = (struct cni){.dir = dir};
    int r = read_file(dir, CNI_RECORD, &ret_cni->record);
    if (r) return err_set(err, ERR_SYSTEM, -r, "read %s/" CNI_RECORD, dir);
    if (!ret_cni->record) return 0;
    ret_cni->list = json_get(ret_cni->record, "list");
    snprintf(ret_cni->netns, sizeof ret_cni->netns, "%s/netns", dir);
    return 1;
}

static int copy_member(const char *key, const struct json *value, void *data) {
    static const char *const ours[] = {"name", "cniVersion", "prevResult", "runtimeConfig"};
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
        if (str_eq(key, ours[i])) return 0;
    json_put_value(data, key, value);
    return 0;
}

struct capabilities {
    struct json_writer *w;
    const struct json *runtime;
};

static int put_capability(const char *key, const struct json *value, void *data) {
    struct capabilities *c = data;
    const struct json *ours = json_get(c->runtime, key);
    if (json_boolean(value) && !json_is_null(ours)) json_put_value(c->w, key, ours);
    return 0;
}

static char *input_make(const struct cni *cni, const struct json *plugin, const char *previous) {
    struct json_writer w = {0};
    struct capabilities capabilities = {&w, json_get(cni->record, "runtime")};
    json_begin_object(&w, NULL);
    json_put_string(&w, "name", json_get_string(cni->list, "name"));
    json_put_string(&w, "cniVersion", json_get_string(cni->list, "cniVersion"));
    (void)json_each(plugin, copy_member, &w);
    json_begin_object(&w, "runtimeConfig");
    (void)json_each(json_get(plugin, "capabilities"), put_capability, &capabilities);
    json_end_object(&w);
    if (!str_empty(previous)) json_put_raw(&w, "prevResult", previous);
    json_end_object(&w);
    return str_take(&w.text);
}

static int run(const struct cni *cni, const char *command, const char *netns, const struct json *plugin,
               const char *previous, struct str *ret_output, struct err *err) {
    _cleanup_(freep) char *input = input_make(cni, plugin, previous);
    struct cni_call call = {
        .command = command,
        .network = json_get_string(cni->list, "name"),
        .type = json_get_string(plugin, "type"),
        .path = json_get_string(cni->record, "path"),
        .container_id = json_get_string(cni->record, "container"),
        .netns = netns,
        .arguments = json_get_string(cni->record, "arguments"),
        .input = input,
        .deadline_s = CNI_TIMEOUT_S,
    };
    int64_t deadline_s;
    if (!json_i64(json_get(cni->record, "deadline"), &deadline_s)) call.deadline_s = (int)deadline_s;
    return cni_plugin_run(&call, ret_output, err);
}

// Results

// "10.1.2.3/24" of the container's, not of the host's side.
static bool is_inside(const struct json *result, const struct json *ip) {
    int64_t index;
    const struct json *interfaces = json_get(result, "interfaces");
    if (json_i64(json_get(ip, "interface"), &index) || index < 0) return true;
    const struct json *interface = json_at(interfaces, (size_t)index);
    return !interface || !str_empty(json_get_string(interface, "sandbox"));
}

static void take_address(struct arena *arena, const struct json *ip, struct cni_result *result) {
    const char *text = json_get_string(ip, "address"), *gateway = json_get_string(ip, "gateway");
    const char *slash = text ? strchr(text, '/') : NULL;
    if (!slash) return;
    bool v6 = strchr(text, ':');
    const char **address = v6 ? &result->address6 : &result->address;
    if (**address) return;
    *address = arena_strndup(arena, text, (size_t)(slash - text));
    *(v6 ? &result->prefix6 : &result->prefix) = strtol(slash + 1, NULL, 10);
    if (gateway) *(v6 ? &result->gateway6 : &result->gateway) = arena_strdup(arena, gateway);
}

static const char *mac_of(const struct json *interfaces) {
    for (size_t i = 0; i < json_length(interfaces); i++) {
        const struct json *interface = json_at(interfaces, i);
        if (str_eq(json_get_string(interface, "name"), "eth0") &&
            !str_empty(json_get_string(interface, "sandbox")))
            return json_get_string(interface, "mac");
    }
    return NULL;
}

static struct cni_result result_take(struct arena *arena, const struct cni *cni,
                                     const struct json *document) {
    const struct json *ips = json_get(document, "ips");
    const char *mac = mac_of(json_get(document, "interfaces"));
    struct cni_result result = {
        .network = arena_strdup(arena, json_get_string(cni->list, "name")),
        .mac = mac ? arena_strdup(arena, mac) : "",
        .address = "",
        .gateway = "",
        .address6 = "",
        .gateway6 = "",
    };
    for (size_t i = 0; i < json_length(ips); i++)
        if (is_inside(document, json_at(ips, i))) take_address(arena, json_at(ips, i), &result);
    return result;
}

// As cni_open(), with what the plugins said when they put it there. Both are the caller's to free whatever
// comes of it.
static int open_with_result(const char *dir, struct cni *cni, struct json **ret_result, struct err *err) {
    int r = cni_open(dir, cni, err);
    if (r <= 0) return r;
    r = read_file(dir, CNI_RESULT, ret_result);
    return r ? err_set(err, ERR_SYSTEM, -r, "read %s/" CNI_RESULT, dir) : 1;
}

int cni_result_read(struct arena *arena, const char *dir, struct cni_result *ret_result, struct err *err) {
    _cleanup_(cni_finish) struct cni cni;
    _cleanup_(json_freep) struct json *document = NULL;
    int r = open_with_result(dir, &cni, &document, err);
    if (r <= 0) return r;
    *ret_result = result_take(arena, &cni, document);
    return 1;
}

// Adding

static int netns_hold(const struct cni *cni, pid_t pid, struct err *err) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    _cleanup_(fd_closep) int target = fd_open_at(AT_FDCWD, cni->netns, O_RDONLY | O_CREAT | O_NOFOLLOW, 0400);
    _cleanup_(fd_closep) int mount = target < 0 ? target : mount_clone(AT_FDCWD, path, false);
    int r = mount < 0 ? mount : mount_attach(mount, target);
    return r ? err_set(err, ERR_SYSTEM, -r, "hold the container's network namespace at %s", cni->netns) : 0;
}

// What a plugin says has to be a document: the next one gets it.
static int check_result(const struct cni *cni, const struct json *plugin, struct str *output,
                        struct err *err) {
    _cleanup_(json_freep) struct json *document = NULL;
    int r = output->len ? json_parse(output->data, output->len, &document) : -EINVAL;
    if (!r && json_is_object(document)) return 0;
    cni_one_line(output);
    return err_set(err, ERR_INVALID, 0, "CNI network %s: what the plugin %s prints is no result: \"%.60s\"",
                   json_get_string(cni->list, "name"), json_get_string(plugin, "type"), str_get(output));
}

static int add_all(const struct cni *cni, struct str *ret_result, struct err *err) {
    const struct json *plugins = json_get(cni->list, "plugins");
    _cleanup_(str_finish) struct str previous = {0};
    for (size_t i = 0; i < json_length(plugins); i++) {
        struct str output = {0};
        const struct json *plugin = json_at(plugins, i);
        if (run(cni, "ADD", cni->netns, plugin, str_get(&previous), &output, err)) return -1;
        str_finish(&previous);
        previous = output;
        if (check_result(cni, plugin, &previous, err)) return -1;
    }
    *ret_result = previous;
    previous = (struct str){0};
    return 0;
}

// The container may have the file open already: it stays the same one.
static int write_in_place(const char *dir, const char *name, int flags, const struct str *text,
                          struct err *err) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_WRONLY | O_NOFOLLOW | flags, 0644);
    int r = fd < 0 ? fd : fd_write_all(fd, str_get(text), text->len);
    return r ? err_set(err, ERR_SYSTEM, -r, "write %s", path) : 0;
}

static bool is_plain_word(const char *word) {
    return !str_empty(word) && !strpbrk(word, " \t\r\n\v\f#;");
}

static void add_words(struct str *text, const char *key, const struct json *list, const char *separator) {
    bool first = true;
    for (size_t i = 0; i < json_length(list); i++) {
        const char *word = json_string(json_at(list, i));
        if (!is_plain_word(word)) continue;
        str_printf(text, "%s%s", first || *separator == '\n' ? key : separator, word);
        if (*separator == '\n') str_add_char(text, '\n');
        first = false;
    }
    if (!first && *separator != '\n') str_add_char(text, '\n');
}

static int write_resolv_conf(const struct cni *cni, const struct json *dns, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    const char *domain = json_get_string(dns, "domain");
    if (!json_boolean(json_get(cni->record, "dns")) || !json_length(json_get(dns, "nameservers"))) return 0;
    add_words(&text, "nameserver ", json_get(dns, "nameservers"), "\n");
    add_words(&text, "search ", json_get(dns, "search"), " ");
    if (!json_length(json_get(dns, "search")) && is_plain_word(domain))
        str_printf(&text, "search %s\n", domain);
    add_words(&text, "options ", json_get(dns, "options"), " ");
    return write_in_place(cni->dir, "resolv.conf", O_TRUNC, &text, err);
}

static int write_hosts(const struct cni *cni, const struct cni_result *result, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    const char *hostname = json_get_string(cni->record, "hostname");
    if (!is_plain_word(hostname)) return 0;
    if (*result->address) str_printf(&text, "%s\t%s\n", result->address, hostname);
    if (*result->address6) str_printf(&text, "%s\t%s\n", result->address6, hostname);
    return text.len ? write_in_place(cni->dir, "hosts", O_APPEND, &text, err) : 0;
}

static int use_result(const struct cni *cni, const struct str *text, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(json_freep) struct json *document = NULL;
    char path[4200];
    snprintf(path, sizeof path, "%s/" CNI_RESULT, cni->dir);
    int r = file_replace_at(AT_FDCWD, path, str_get(text), text->len, CNI_MODE, false);
    if (!r) r = json_parse(str_get(text), text->len, &document);
    if (r) return err_set(err, ERR_SYSTEM, -r, "keep the result in %s", path);
    struct cni_result result = result_take(&arena, cni, document);
    return write_resolv_conf(cni, json_get(document, "dns"), err) || write_hosts(cni, &result, err) ? -1 : 0;
}

int cni_add(const char *dir, pid_t pid, struct err *err) {
    _cleanup_(cni_finish) struct cni cni;
    _cleanup_(str_finish) struct str result = {0};
    int r = cni_open(dir, &cni, err);
    if (r <= 0) return r ? -1 : err_set(err, ERR_NOT_FOUND, 0, "there is no %s/" CNI_RECORD, dir);
    return netns_hold(&cni, pid, err) || add_all(&cni, &result, err) || use_result(&cni, &result, err) ? -1
                                                                                                       : 0;
}

// Deleting

// Every plugin is asked, whatever the others say; the first one's words count.
static int delete_all(const struct cni *cni, const char *netns, const char *result, struct err *err) {
    const struct json *plugins = json_get(cni->list, "plugins");
    int failed = 0;
    for (size_t i = json_length(plugins); i-- > 0;) {
        _cleanup_(str_finish) struct str output = {0};
        struct err other;
        if (run(cni, "DEL", netns, json_at(plugins, i), result, &output, failed ? &other : err)) failed = -1;
    }
    return failed;
}

static int forget(const struct cni *cni, struct err *err) {
    static const char *const names[] = {CNI_RESULT, CNI_RECORD}; // the record last
    char path[4200];
    // The mount keeps nothing: it is only where plugins found it.
    if (umount2(cni->netns, MNT_DETACH | UMOUNT_NOFOLLOW) && errno != EINVAL && errno != ENOENT)
        return err_set(err, ERR_SYSTEM, errno, "unmount %s", cni->netns);
    (void)unlink(cni->netns);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof path, "%s/%s", cni->dir, names[i]);
        if (unlink(path) && errno != ENOENT) return err_set(err, ERR_SYSTEM, errno, "remove %s", path);
    }
    return 0;
}

// After a reboot there is an empty file, or none: the namespace is gone.
static bool is_namespace(const char *path) {
    struct statfs fs;
    return !statfs(path, &fs) && (uint32_t)fs.f_type == NSFS_MAGIC;
}

int cni_delete(const char *dir, struct err *err) {
    _cleanup_(cni_finish) struct cni cni;
    _cleanup_(json_freep) struct json *result = NULL;
    int r = cni_open(dir, &cni, err);
    if (r <= 0) return r;
    (void)read_file(dir, CNI_RESULT, &result); // without one it failed half-way, and plugins do what they can
    const char *text = result ? json_text(result) : NULL;
    if (delete_all(&cni, is_namespace(cni.netns) ? cni.netns : "", text, err))
        return err_wrap(err, "it is still on its CNI network (remove %s/" CNI_RECORD " to leave it so)", dir);
    return forget(&cni, err);
}

// Checking

int cni_check(const char *dir, struct err *err) {
    _cleanup_(cni_finish) struct cni cni;
    _cleanup_(json_freep) struct json *result = NULL;
    int r = open_with_result(dir, &cni, &result, err);
    if (r <= 0) return r;
    if (!result || json_boolean(json_get(cni.list, "disableCheck")) ||
        str_has_prefix(json_get_string(cni.list, "cniVersion"), "0.3"))
        return 0;
    const struct json *plugins = json_get(cni.list, "plugins");
    for (size_t i = 0; i < json_length(plugins); i++) {
        _cleanup_(str_finish) struct str output = {0};
        if (run(&cni, "CHECK", cni.netns, json_at(plugins, i), json_text(result), &output, err)) return -1;
    }
    return 1;
}
