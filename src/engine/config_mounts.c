// SPDX-License-Identifier: Apache-2.0
// Mounts stand in several of Docker's fields, each as the flag gives it that made them.
#include "engine/config_mounts.h"

#include "engine/volume.h"
#include "oci/key_values.h"

#include <stdlib.h>
#include <string.h>

static enum config_form mount_form(const struct container_mount *mount) {
    if (mount->inherited) return CONFIG_FORM_INHERITED;
    if (mount->anonymous || (mount->why && str_has_prefix(mount->why, "--mount"))) return CONFIG_FORM_MOUNT;
    return mount->type == CONTAINER_MOUNT_TMPFS ? CONFIG_FORM_TMPFS : CONFIG_FORM_BIND;
}

static void bind_write(const struct container_mount *mount, struct json_writer *w) {
    _cleanup_(str_finish) struct str text = {0};
    str_printf(&text, "%s:%s", mount->source ? mount->source : "", mount->target);
    char mark = ':';
    const char *words[] = {mount->readonly ? "ro" : NULL, mount->propagation,
                           mount->volume_nocopy ? "nocopy" : NULL};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!words[i]) continue;
        str_add_char(&text, mark);
        str_add(&text, words[i]);
        mark = ',';
    }
    json_put_string(w, NULL, text.data);
}

static void bind_word(struct container_mount *mount, const char *word) {
    if (str_eq(word, "ro"))
        mount->readonly = true;
    else if (str_eq(word, "nocopy"))
        mount->volume_nocopy = true;
    else if (!str_eq(word, "rw"))
        mount->propagation = word;
}

// "source:target[:words]"; a source that is no path is a volume's name.
static int bind_read(struct arena *arena, const char *text, struct container_mount *mount) {
    char *source = arena_strdup(arena, text), *target = strchr(source, ':');
    if (!target) return -1;
    *target++ = 0;
    char *words = strchr(target, ':');
    if (words) *words++ = 0;
    for (char *word; (word = strsep(&words, ","));) bind_word(mount, word);
    bool is_path = *source == '/';
    *mount = (struct container_mount){
        .type = is_path ? CONTAINER_MOUNT_BIND : CONTAINER_MOUNT_VOLUME,
        .source = source,
        .target = target,
        .readonly = mount->readonly,
        .create_source = is_path,
        .propagation = mount->propagation,
        .volume_nocopy = mount->volume_nocopy,
        .why = arena_printf(arena, "--volume %s", text),
    };
    return *target == '/' ? 0 : -1;
}

static const char *const mount_types[] = {"bind", "volume", "tmpfs", "image"};

static bool is_octal(const char *s) {
    return *s && strlen(s) <= 7 && !s[strspn(s, "01234567")];
}

static void tmpfs_option_write(char *word, struct json_writer *numbers, struct json_writer *pairs) {
    char *value = strchr(word, '=');
    uint64_t size;
    if (value) *value++ = 0;
    if (value && str_eq(word, "size") && !parse_u64(value, &size)) {
        json_put_u64(numbers, "SizeBytes", size);
    } else if (value && str_eq(word, "mode") && is_octal(value)) {
        json_put_u64(numbers, "Mode", strtoul(value, NULL, 8));
    } else {
        json_begin_array(pairs, NULL);
        json_put_string(pairs, NULL, word);
        if (value) json_put_string(pairs, NULL, value);
        json_end_array(pairs);
    }
}

// "size=65536,mode=1777,noexec" as Docker's {"SizeBytes":65536,"Mode":1023,"Options":[["noexec"]]}.
static void tmpfs_options_write(const char *options, struct json_writer *w) {
    _cleanup_(freep) char *copy = xstrdup(options), *rest = copy;
    _cleanup_(json_writer_finish) struct json_writer pairs = {0};
    json_begin_object(w, "TmpfsOptions");
    json_begin_array(&pairs, NULL);
    for (char *word; (word = strsep(&rest, ","));) tmpfs_option_write(word, w, &pairs);
    json_end_array(&pairs);
    if (!str_eq(str_get(&pairs.text), "[]")) json_put_raw(w, "Options", str_get(&pairs.text));
    json_end_object(w);
}

// Before there were numbers, all was in the pairs.
static const char *tmpfs_options_read(struct arena *arena, const struct json *options) {
    _cleanup_(str_finish) struct str text = {0};
    const struct json *pairs = json_get(options, "Options");
    int64_t size, mode;
    if (!json_i64(json_get(options, "SizeBytes"), &size)) str_printf(&text, ",size=%lld", (long long)size);
    if (!json_i64(json_get(options, "Mode"), &mode)) str_printf(&text, ",mode=%lo", (unsigned long)mode);
    for (size_t i = 0; i < json_length(pairs); i++) {
        const struct json *pair = json_at(pairs, i);
        const char *key = json_string(json_at(pair, 0)), *value = json_string(json_at(pair, 1));
        if (key) str_printf(&text, ",%s%s%s", key, value ? "=" : "", value ? value : "");
    }
    return text.len ? arena_strdup(arena, text.data + 1) : NULL;
}

static void bind_options_write(const struct container_mount *mount, struct json_writer *w) {
    if (!mount->propagation && !mount->non_recursive && !mount->create_source && !mount->writable_below &&
        !mount->readonly_below && !mount->idmap)
        return;
    json_begin_object(w, "BindOptions");
    if (mount->propagation) json_put_string(w, "Propagation", mount->propagation);
    if (mount->non_recursive) json_put_bool(w, "NonRecursive", true);
    if (mount->create_source) json_put_bool(w, "CreateMountpoint", true);
    if (mount->writable_below) json_put_bool(w, "ReadOnlyNonRecursive", true);
    if (mount->readonly_below) json_put_bool(w, "ReadOnlyForceRecursive", true);
    if (mount->idmap) json_put_string(w, "IDMap", mount->idmap);
    json_end_object(w);
}

static void volume_options_write(const struct container_mount *mount, struct json_writer *w) {
    if (!mount->volume_nocopy && !mount->anonymous && !mount->labels.count && !mount->driver_options.count &&
        !mount->subpath)
        return;
    json_begin_object(w, "VolumeOptions");
    if (mount->volume_nocopy) json_put_bool(w, "NoCopy", true);
    if (mount->anonymous) json_put_raw(w, "Labels", "{\"" VOLUME_ANONYMOUS_LABEL "\":\"\"}");
    if (!mount->anonymous && mount->labels.count) key_values_write(w, "Labels", &mount->labels);
    if (mount->driver_options.count) {
        json_begin_object(w, "DriverConfig");
        key_values_write(w, "Options", &mount->driver_options);
        json_end_object(w);
    }
    if (mount->subpath) json_put_string(w, "Subpath", mount->subpath);
    json_end_object(w);
}

static void image_options_write(const struct container_mount *mount, struct json_writer *w) {
    if (!mount->subpath) return;
    json_begin_object(w, "ImageOptions");
    json_put_string(w, "Subpath", mount->subpath);
    json_end_object(w);
}

static void mount_write(const struct container_mount *mount, struct json_writer *w) {
    json_begin_object(w, NULL);
    json_put_string(w, "Type", mount_types[mount->type]);
    if (mount->source) json_put_string(w, "Source", mount->source);
    json_put_string(w, "Target", mount->target);
    if (mount->readonly) json_put_bool(w, "ReadOnly", true);
    if (mount->type == CONTAINER_MOUNT_BIND) bind_options_write(mount, w);
    if (mount->type == CONTAINER_MOUNT_VOLUME) volume_options_write(mount, w);
    if (mount->type == CONTAINER_MOUNT_IMAGE) image_options_write(mount, w);
    if (mount->type == CONTAINER_MOUNT_TMPFS && mount->tmpfs_options)
        tmpfs_options_write(mount->tmpfs_options, w);
    json_end_object(w);
}

static int mount_read(struct arena *arena, const struct json *json, struct container_mount *mount) {
    const struct json *bind = json_get(json, "BindOptions"), *volume = json_get(json, "VolumeOptions"),
                      *driver = json_get(json_get(volume, "DriverConfig"), "Options");
    const char *type = json_get_string(json, "Type"),
               *subpath = json_get_string(json_get(json, "ImageOptions"), "Subpath");
    size_t n = 0;
    while (n < ARRAY_SIZE(mount_types) && !str_eq(type, mount_types[n])) n++;
    if (n == ARRAY_SIZE(mount_types) || !json_get_string(json, "Target")) return -1;
    *mount = (struct container_mount){
        .type = (enum container_mount_type)n,
        .source = arena_strdup(arena, json_get_string(json, "Source")),
        .target = arena_strdup(arena, json_get_string(json, "Target")),
        .readonly = json_boolean(json_get(json, "ReadOnly")),
        .propagation = arena_strdup(arena, json_get_string(bind, "Propagation")),
        .non_recursive = json_boolean(json_get(bind, "NonRecursive")),
        .create_source = json_boolean(json_get(bind, "CreateMountpoint")),
        .writable_below = json_boolean(json_get(bind, "ReadOnlyNonRecursive")),
        .readonly_below = json_boolean(json_get(bind, "ReadOnlyForceRecursive")),
        .idmap = arena_strdup(arena, json_get_string(bind, "IDMap")),
        .volume_nocopy = json_boolean(json_get(volume, "NoCopy")),
        .anonymous = json_get(json_get(volume, "Labels"), VOLUME_ANONYMOUS_LABEL) != NULL,
        .subpath = arena_strdup(arena, subpath ? subpath : json_get_string(volume, "Subpath")),
        .tmpfs_options = tmpfs_options_read(arena, json_get(json, "TmpfsOptions")),
    };
    if (!mount->anonymous && json_get(volume, "Labels") &&
        key_values_read(arena, json_get(volume, "Labels"), &mount->labels))
        return -1;
    if (driver && key_values_read(arena, driver, &mount->driver_options)) return -1;
    mount->why =
        mount->anonymous
            ? "image Volumes"
            : arena_printf(arena, "--mount type=%s,%s%s%starget=%s", type, mount->source ? "source=" : "",
                           mount->source ? mount->source : "", mount->source ? "," : "", mount->target);
    return 0;
}

// The fields

// Those of one form, as an array; false, and nothing is written, when there are none.
static bool write_form(const struct container_config *config, enum config_form form, const char *key,
                       void (*write)(const struct container_mount *mount, struct json_writer *w),
                       struct json_writer *w) {
    bool any = false;
    for (size_t i = 0; i < config->mounts.count; i++) {
        if (mount_form(&config->mounts.items[i]) != form) continue;
        if (!any) json_begin_array(w, key);
        any = true;
        write(&config->mounts.items[i], w);
    }
    if (any) json_end_array(w);
    return any;
}

void config_binds_write(const struct container_config *config, const char *key, struct json_writer *w) {
    if (!write_form(config, CONFIG_FORM_BIND, key, bind_write, w)) json_put_null(w, key);
}

void config_tmpfs_write(const struct container_config *config, const char *key, struct json_writer *w) {
    bool any = false;
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        if (mount_form(mount) != CONFIG_FORM_TMPFS) continue;
        if (!any) json_begin_object(w, key);
        any = true;
        json_put_string(w, mount->target, mount->tmpfs_options ? mount->tmpfs_options : "");
    }
    if (any) json_end_object(w);
}

void config_mounts_write(const struct container_config *config, enum config_form form, const char *key,
                         struct json_writer *w) {
    (void)write_form(config, form, key, mount_write, w);
}

void config_volumes_write(const struct container_config *config, const char *key, struct json_writer *w) {
    bool any = false;
    for (size_t i = 0; i < config->mounts.count; i++) {
        if (!config->mounts.items[i].anonymous) continue;
        if (!any) json_begin_object(w, key);
        any = true;
        json_put_raw(w, config->mounts.items[i].target, "{}");
    }
    if (any)
        json_end_object(w);
    else
        json_put_null(w, key);
}

bool config_mounts_have(const struct container_config *config, enum config_form form) {
    for (size_t i = 0; i < config->mounts.count; i++)
        if (mount_form(&config->mounts.items[i]) == form) return true;
    return false;
}

static struct container_mount *mount_new(struct arena *arena, struct container_config *config) {
    return arena_push(arena, &config->mounts);
}

int config_binds_read(struct arena *arena, const struct json *json, struct container_config *config) {
    for (size_t i = 0; i < json_length(json); i++) {
        const char *text = json_string(json_at(json, i));
        if (!text || bind_read(arena, text, mount_new(arena, config))) return -1;
    }
    return json_is_array(json) ? 0 : -1;
}

int config_mounts_read(struct arena *arena, const struct json *json, struct container_config *config) {
    for (size_t i = 0; i < json_length(json); i++)
        if (mount_read(arena, json_at(json, i), mount_new(arena, config))) return -1;
    return json_is_array(json) ? 0 : -1;
}

int config_inherited_read(struct arena *arena, const struct json *json, struct container_config *config) {
    size_t before = config->mounts.count;
    if (config_mounts_read(arena, json, config)) return -1;
    for (size_t i = before; i < config->mounts.count; i++) {
        config->mounts.items[i].inherited = true;
        config->mounts.items[i].why = "--volumes-from";
    }
    return 0;
}

struct reader {
    struct arena *arena;
    struct container_config *config;
};

static int tmpfs_item_read(const char *target, const struct json *options, void *data) {
    struct reader *r = data;
    const char *text = json_string(options);
    if (!text) return -1;
    *mount_new(r->arena, r->config) = (struct container_mount){
        .type = CONTAINER_MOUNT_TMPFS,
        .target = arena_strdup(r->arena, target),
        .tmpfs_options = *text ? arena_strdup(r->arena, text) : NULL,
        .why = arena_printf(r->arena, "--tmpfs %s%s%s", target, *text ? ":" : "", text),
    };
    return 0;
}

int config_tmpfs_read(struct arena *arena, const struct json *json, struct container_config *config) {
    struct reader reader = {arena, config};
    return json_is_object(json) ? json_each(json, tmpfs_item_read, &reader) : -1;
}
