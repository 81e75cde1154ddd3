// SPDX-License-Identifier: Apache-2.0
// A name is vendor.com/class=device. Of two directories that have it the later one wins, as the specification
// says; of two files in one directory neither would, so the first is taken and the rest is the vendor's care.
#include "engine/cdi.h"

#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define DOCUMENT_MAX (4u << 20)
#define GPU_KIND     "nvidia.com/gpu"

static const char *const folders[] = {"/var/run/cdi", "/etc/cdi"}; // the first one wins

struct cdi {
    struct spec_builder *b;
    const char *kind;
    const char *yaml;     // a file that could not be read, for the sentence
    bool has_kind;        // some file is about it
    struct strings begun; // files whose general edits are in the spec
};

// Edits

static uint32_t number_of(const struct json *object, const char *key, uint32_t fallback) {
    uint64_t number;
    const struct json *value = json_get(object, key);
    return json_is_null(value) || json_u64(value, &number) || number > UINT32_MAX ? fallback
                                                                                  : (uint32_t)number;
}

// What the document does not say the host's node does.
static int add_node(struct cdi *cdi, const char *name, const struct json *json) {
    struct spec_builder *b = cdi->b;
    const char *path = json_get_string(json, "path"), *host = json_get_string(json, "hostPath");
    const char *type = json_get_string(json, "type"), *access = json_get_string(json, "permissions");
    struct stat st = {0};
    if (!path || *path != '/')
        return err_set(b->err, ERR_INVALID, 0, "CDI device %s: a device node has no path", name);
    if (!host) host = path;
    bool there = !stat(host, &st) && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
    bool said = type && !json_is_null(json_get(json, "major"));
    if (!there && !said)
        return err_set(b->err, ERR_INVALID, 0, "CDI device %s: %s is no device of this host", name, host);
    if (!access) access = "rwm";
    if (!*access || access[strspn(access, "rwm")] || (type && !strchr("bcup", *type)))
        return err_set(b->err, ERR_INVALID, 0, "CDI device %s: the device node %s has no valid type", name,
                       path);
    struct spec_device device = {
        .path = arena_strdup(b->arena, path),
        .type = type                  ? (uint32_t)*type
                : S_ISBLK(st.st_mode) ? 'b'
                                      : 'c',
        .major = number_of(json, "major", major(st.st_rdev)),
        .minor = number_of(json, "minor", minor(st.st_rdev)),
        .file_mode = number_of(json, "fileMode", there ? st.st_mode : 0666) & 07777,
        .uid = number_of(json, "uid", st.st_uid),
        .gid = number_of(json, "gid", st.st_gid),
        .why = arena_printf(b->arena, "--device %s", name),
    };
    *arena_push(b->arena, &b->spec->devices) = device;
    if (device.type != 'p')
        *arena_push(b->arena, &b->spec->resources.devices) = (struct spec_device_rule){
            true, device.type == 'b' ? 'b' : 'c', device.major, device.minor, arena_strdup(b->arena, access)};
    return 0;
}

static void add_words(struct cdi *cdi, const struct json *list, struct strings *words) {
    for (size_t i = 0; i < json_length(list); i++) {
        const char *word = json_string(json_at(list, i));
        if (word) strings_add(cdi->b->arena, words, arena_strdup(cdi->b->arena, word));
    }
}

static int add_mount(struct cdi *cdi, const char *name, const struct json *json) {
    struct spec_builder *b = cdi->b;
    const char *source = json_get_string(json, "hostPath"), *target = json_get_string(json, "containerPath");
    const char *type = json_get_string(json, "type");
    const struct json *options = json_get(json, "options");
    if (!source || !target || *target != '/')
        return err_set(b->err, ERR_INVALID, 0, "CDI device %s: a mount lacks its hostPath or containerPath",
                       name);
    struct spec_mount *mount = arena_push(b->arena, &b->spec->mounts);
    *mount = (struct spec_mount){
        .destination = arena_strdup(b->arena, target),
        .source = arena_strdup(b->arena, source),
        .type = type && !str_eq(type, "none") ? arena_strdup(b->arena, type) : "bind",
        .why = arena_printf(b->arena, "--device %s", name),
    };
    add_words(cdi, options, &mount->options);
    return 0;
}

static void add_env(struct cdi *cdi, const struct json *list) {
    struct spec_builder *b = cdi->b;
    for (size_t i = 0; i < json_length(list); i++) {
        const char *word = json_string(json_at(list, i));
        if (word && strchr(word, '=') && *word != '=')
            spec_env_set(b->arena, &b->spec->process.env, arena_strdup(b->arena, word));
    }
}

static void add_groups(struct cdi *cdi, const struct json *list) {
    struct spec_builder *b = cdi->b;
    uint64_t gid;
    for (size_t i = 0; i < json_length(list); i++)
        if (!json_u64(json_at(list, i), &gid))
            strings_add(b->arena, &b->spec->process.group_add,
                        arena_printf(b->arena, "%llu", (unsigned long long)gid));
}

static struct spec_hook_list *hooks_of(struct spec_hooks *hooks, const char *kind) {
    return str_eq(kind, "prestart")          ? &hooks->prestart
           : str_eq(kind, "createRuntime")   ? &hooks->create_runtime
           : str_eq(kind, "createContainer") ? &hooks->create_container
           : str_eq(kind, "startContainer")  ? &hooks->start_container
           : str_eq(kind, "poststart")       ? &hooks->poststart
           : str_eq(kind, "poststop")        ? &hooks->poststop
                                             : NULL;
}

static int add_hook(struct cdi *cdi, const char *name, const struct json *json) {
    struct spec_builder *b = cdi->b;
    const char *kind = json_get_string(json, "hookName"), *path = json_get_string(json, "path");
    const struct json *timeout = json_get(json, "timeout");
    struct spec_hook_list *list = kind ? hooks_of(&b->spec->hooks, kind) : NULL;
    struct spec_hook hook = {0};
    if (!list || !path || *path != '/')
        return err_set(b->err, ERR_INVALID, 0, "CDI device %s: a hook has no valid hookName or path", name);
    if (!json_is_null(timeout) && (json_i64(timeout, &hook.timeout_s) || hook.timeout_s <= 0))
        return err_set(b->err, ERR_INVALID, 0, "CDI device %s: the hook %s has no valid timeout", name, path);
    hook.path = arena_strdup(b->arena, path);
    add_words(cdi, json_get(json, "args"), &hook.args);
    add_words(cdi, json_get(json, "env"), &hook.env);
    *arena_push(b->arena, list) = hook;
    return 0;
}

static int add_edits(struct cdi *cdi, const char *name, const struct json *edits) {
    static const char *const missing[] = {"intelRdt", "netDevices"};
    const struct json *nodes = json_get(edits, "deviceNodes"), *mounts = json_get(edits, "mounts"),
                      *hooks = json_get(edits, "hooks");
    for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
        const struct json *value = json_get(edits, missing[i]);
        if (json_length(value) || json_is_object(value))
            return err_set(cdi->b->err, ERR_INVALID, 0,
                           "CDI device %s: its specification has %s, which hoy does not support yet", name,
                           missing[i]);
    }
    for (size_t i = 0; i < json_length(nodes); i++)
        if (add_node(cdi, name, json_at(nodes, i))) return -1;
    for (size_t i = 0; i < json_length(mounts); i++)
        if (add_mount(cdi, name, json_at(mounts, i))) return -1;
    for (size_t i = 0; i < json_length(hooks); i++)
        if (add_hook(cdi, name, json_at(hooks, i))) return -1;
    add_env(cdi, json_get(edits, "env"));
    add_groups(cdi, json_get(edits, "additionalGids"));
    return 0;
}

// Files

// 1 when the document has the device.
static int add_from_document(struct cdi *cdi, const char *path, const struct json *json, const char *name) {
    const struct json *devices = json_get(json, "devices");
    const char *device = strchr(name, '=') + 1;
    if (!str_eq(json_get_string(json, "kind"), cdi->kind)) return 0;
    cdi->has_kind = true;
    for (size_t i = 0; i < json_length(devices); i++) {
        if (!str_eq(json_get_string(json_at(devices, i), "name"), device)) continue;
        if (!strings_have(&cdi->begun, path) && add_edits(cdi, name, json_get(json, "containerEdits")))
            return -1;
        strings_add(cdi->b->arena, &cdi->begun, path);
        return add_edits(cdi, name, json_get(json_at(devices, i), "containerEdits")) ? -1 : 1;
    }
    return 0;
}

static int add_from_file(struct cdi *cdi, const char *path, const char *name) {
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    int r = file_read_at(AT_FDCWD, path, DOCUMENT_MAX, &text);
    if (r < 0) return err_set(cdi->b->err, ERR_SYSTEM, -r, "read the CDI specification %s", path);
    if (json_parse(str_get(&text), text.len, &json))
        return err_set(cdi->b->err, ERR_INVALID, 0, "the CDI specification %s is not JSON", path);
    return add_from_document(cdi, path, json, name);
}

static int keep_json(const struct dirent *entry) {
    return str_has_suffix(entry->d_name, ".json") || str_has_suffix(entry->d_name, ".yaml") ||
           str_has_suffix(entry->d_name, ".yml");
}

static int add_from_folder(struct cdi *cdi, const char *folder, const char *name) {
    struct dirent **entries;
    int found = 0, count = scandir(folder, &entries, keep_json, alphasort);
    for (int i = 0; i < count; i++) {
        const char *path = arena_printf(cdi->b->arena, "%s/%s", folder, entries[i]->d_name);
        bool json = str_has_suffix(path, ".json");
        if (!json) cdi->yaml = path;
        if (json && !found) found = add_from_file(cdi, path, name);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    return found;
}

static int add_name(struct cdi *cdi, const char *name) {
    cdi->kind = arena_strndup(cdi->b->arena, name, strcspn(name, "="));
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        int r = add_from_folder(cdi, folders[i], name);
        if (r) return r < 0 ? -1 : 0;
    }
    if (cdi->yaml)
        return err_set(
            cdi->b->err, ERR_NOT_FOUND, 0,
            "unresolvable CDI device %s: it is in no JSON file of /etc/cdi and /var/run/cdi; %s is "
            "YAML, which hoy does not read: have it written as JSON",
            name, cdi->yaml);
    return err_set(cdi->b->err, ERR_NOT_FOUND, 0,
                   "unresolvable CDI device %s: it is in no specification in /etc/cdi and /var/run/cdi",
                   name);
}

// --gpus

static int add_gpu(struct cdi *cdi, const char *id) {
    if (!add_name(cdi, arena_printf(cdi->b->arena, GPU_KIND "=%s", id))) return 0;
    if (cdi->has_kind || cdi->b->err->kind != ERR_NOT_FOUND || cdi->yaml) return -1;
    return err_set(cdi->b->err, ERR_INVALID, 0,
                   "--gpus: could not select device driver \"\" with capabilities: [[gpu]]: there is no CDI "
                   "specification of " GPU_KIND " in /etc/cdi and /var/run/cdi");
}

static int add_gpus(struct cdi *cdi, const struct device_request *request) {
    if (!str_empty(request->driver) && !str_eq(request->driver, "nvidia"))
        return err_set(cdi->b->err, ERR_INVALID, 0,
                       "--gpus: could not select device driver \"%s\" with capabilities: [[gpu]]",
                       request->driver);
    if (request->count < 0) return add_gpu(cdi, "all");
    for (size_t i = 0; i < request->ids.count; i++)
        if (add_gpu(cdi, request->ids.items[i])) return -1;
    for (int64_t i = 0; i < request->count; i++)
        if (add_gpu(cdi, arena_printf(cdi->b->arena, "%lld", (long long)i))) return -1;
    return 0;
}

int cdi_add(struct spec_builder *b, const struct device_request *request) {
    struct cdi cdi = {.b = b};
    if (!str_eq(request->driver, "cdi")) return add_gpus(&cdi, request);
    for (size_t i = 0; i < request->ids.count; i++)
        if (!strchr(request->ids.items[i], '='))
            return err_set(b->err, ERR_INVALID, 0, "%s is no name of a CDI device", request->ids.items[i]);
        else if (add_name(&cdi, request->ids.items[i]))
            return -1;
    return 0;
}
