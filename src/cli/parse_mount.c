// SPDX-License-Identifier: Apache-2.0
#include "cli/parse_mount.h"

#include "base/str.h"
#include "engine/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int check_target(const char *target, struct err *err) {
    if (*target != '/')
        return err_set(err, ERR_INVALID, 0, "the path in the container, '%s', must be absolute", target);
    if (target[strspn(target, "/")] == 0)
        return err_set(err, ERR_INVALID, 0, "the path in the container can't be '/'");
    return 0;
}

// "." and "./x" and "../x" are taken from where the user stands; everything else stays.
static const char *host_path(struct arena *arena, const char *path) {
    char cwd[4096];
    bool relative =
        *path == '.' && (!path[1] || path[1] == '/' || (path[1] == '.' && (!path[2] || path[2] == '/')));
    if (!relative || !getcwd(cwd, sizeof cwd)) return path;
    while (path[0] == '.' && path[1] == '/') path += 2;
    return *path && !str_eq(path, ".") ? arena_printf(arena, "%s/%s", cwd, path) : arena_strdup(arena, cwd);
}

static bool is_volume_name(const char *name) {
    if (!isalnum((unsigned char)name[0]) || !name[1]) return false;
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_.-", *p)) return false;
    return true;
}

static int check_volume_name(const char *name, struct err *err) {
    if (is_volume_name(name)) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "'%s' is no name of a volume (letters, digits and _.-, at least two); a host directory is "
                   "given by an absolute path",
                   name);
}

static int check_volume_driver(const char *driver, struct err *err) {
    if (str_eq(driver, "local")) return 0;
    return err_set(err, ERR_INVALID, 0, "error looking up volume plugin %s: plugin \"%s\" not found", driver,
                   driver);
}

int store_volume_driver(struct parse *parse, const char *text, void *field, struct err *err) {
    return check_volume_driver(text, err) ? -1 : store_string(parse, text, field, err);
}

static void add(struct parse *parse, struct container_config *config, const struct container_mount *mount,
                const char *text) {
    struct container_mount *added = arena_push(parse->arena, &config->mounts);
    *added = *mount;
    added->why = arena_printf(parse->arena, "%s %s", parse->spelled, text);
}

// Of two --tmpfs for one path the later counts, and the same -v again says nothing more. With --mount both
// are a mistake, which is found later.
static void add_or_replace(struct parse *parse, struct container_config *config,
                           const struct container_mount *mount, const char *text) {
    for (size_t i = 0; i < config->mounts.count; i++) {
        struct container_mount *other = &config->mounts.items[i];
        if (other->type != mount->type || str_has_prefix(other->why, "--mount ")) continue;
        if (mount->type != CONTAINER_MOUNT_TMPFS && !str_eq(strchr(other->why, ' ') + 1, text)) continue;
        if (!str_eq(other->target, mount->target)) continue;
        *other = *mount;
        other->why = arena_printf(parse->arena, "%s %s", parse->spelled, text);
        return;
    }
    add(parse, config, mount, text);
}

static const char *const propagations[] = {"private", "rprivate", "shared", "rshared", "slave", "rslave"};

static const char *propagation_find(const char *word) {
    for (size_t i = 0; i < ARRAY_SIZE(propagations); i++)
        if (str_eq(word, propagations[i])) return propagations[i];
    return NULL;
}

// -v

// What an option is about, of which there is one at most; NULL: it is none.
static const char *volume_option_topic(const char *word) {
    static const char *const topics[][2] = {{"ro", "access"},
                                            {"rw", "access"},
                                            {"nocopy", "copy"},
                                            {"z", "label"},
                                            {"Z", "label"},
                                            {"consistent", "consistency"},
                                            {"cached", "consistency"},
                                            {"delegated", "consistency"}};
    for (size_t i = 0; i < ARRAY_SIZE(topics); i++)
        if (str_eq(word, topics[i][0])) return topics[i][1];
    return propagation_find(word) ? "propagation" : NULL;
}

static int volume_option(const char *word, struct container_mount *mount, struct err *err) {
    if (str_eq(word, "ro") || str_eq(word, "rw")) {
        mount->readonly = *word == 'r' && word[1] == 'o';
    } else if (str_eq(word, "nocopy")) {
        if (mount->type != CONTAINER_MOUNT_VOLUME)
            return err_set(err, ERR_INVALID, 0, "nocopy is for volumes, and this is a host directory");
        mount->volume_nocopy = true;
    } else if (str_eq(word, "z") || str_eq(word, "Z")) {
        // Labels are there only under SELinux; without it there is nothing to relabel.
        if (access("/sys/fs/selinux/enforce", F_OK) == 0)
            return err_set(err, ERR_INVALID, 0, "relabelling for SELinux (%s) is not supported yet", word);
    } else if (propagation_find(word)) {
        if (mount->type != CONTAINER_MOUNT_BIND)
            return err_set(err, ERR_INVALID, 0, "%s is for host directories, and this is a volume", word);
        mount->propagation = propagation_find(word);
    } else if (!str_eq(volume_option_topic(word), "consistency")) { // all of these are true of a Linux host
        return err_set(err, ERR_INVALID, 0, "'%s' is no option of a volume", word);
    }
    return 0;
}

static int volume_options(struct parse *parse, char *text, struct container_mount *mount, struct err *err) {
    struct strings topics = {0};
    const char *whole = arena_strdup(parse->arena, text);
    for (char *word; (word = strsep(&text, ","));) {
        const char *topic = volume_option_topic(word);
        if (topic && strings_have(&topics, topic))
            return err_set(err, ERR_INVALID, 0, "invalid mode: %s: two of its words are about the same",
                           whole);
        if (volume_option(word, mount, err) < 0) return -1;
        strings_add(parse->arena, &topics, topic);
    }
    return 0;
}

int store_volume(struct parse *parse, const char *text, void *field, struct err *err) {
    char *rest = arena_strdup(parse->arena, text), *parts[4];
    size_t count = 0;
    do parts[count++] = strsep(&rest, ":");
    while (rest && count < ARRAY_SIZE(parts));
    if (count > 3) return err_set(err, ERR_INVALID, 0, "it has too many colons: SOURCE:TARGET[:OPTIONS]");
    for (size_t i = 0; i < count; i++)
        if (!*parts[i]) return err_set(err, ERR_INVALID, 0, "a part of it is empty: SOURCE:TARGET[:OPTIONS]");

    struct container_mount mount = {.type = CONTAINER_MOUNT_VOLUME, .source = "", .target = parts[0]};
    if (count > 1) {
        mount.source = host_path(parse->arena, parts[0]);
        mount.target = parts[1];
        if (*mount.source == '/') {
            mount.type = CONTAINER_MOUNT_BIND;
            mount.create_source = true;
        } else if (check_volume_name(mount.source, err) < 0) {
            return -1;
        }
    }
    if (check_target(mount.target, err) < 0) return -1;
    if (count == 3 && volume_options(parse, parts[2], &mount, err)) return -1;
    add_or_replace(parse, field, &mount, text);
    return 0;
}

// --tmpfs

int store_tmpfs(struct parse *parse, const char *text, void *field, struct err *err) {
    char *target = arena_strdup(parse->arena, text), *options = strchr(target, ':');
    if (options) *options++ = 0;
    struct container_mount mount = {
        .type = CONTAINER_MOUNT_TMPFS, .target = target, .tmpfs_options = options};
    if (check_target(target, err) < 0) return -1;
    add_or_replace(parse, field, &mount, text);
    return 0;
}

// --mount

struct mount_spec {
    struct arena *arena;
    struct container_mount mount;
    const char *type;
    const char *given[CONTAINER_MOUNT_IMAGE + 1]; // of each type, a key that was given and is only for it
    uint64_t size;
    const char *mode;
};

static int flag_value(const char *key, const char *value, bool *ret_flag, struct err *err) {
    if (!value) return *ret_flag = true, 0;
    if (parse_bool(value, ret_flag) < 0)
        return err_set(err, ERR_INVALID, 0, "invalid value for %s: %s", key, value);
    return 0;
}

static int key_type(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    (void)key, (void)err;
    spec->type = value;
    return 0;
}

static int key_source(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    (void)key, (void)err;
    spec->mount.source = host_path(spec->arena, value);
    return 0;
}

static int key_target(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    (void)key, (void)err;
    spec->mount.target = value;
    return 0;
}

static int key_readonly(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    return flag_value(key, value, &spec->mount.readonly, err);
}

static int key_propagation(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    (void)key;
    spec->mount.propagation = propagation_find(value);
    return spec->mount.propagation ? 0 : err_set(err, ERR_INVALID, 0, "invalid propagation: %s", value);
}

static int key_non_recursive(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    return flag_value(key, value, &spec->mount.non_recursive, err);
}

static int key_recursive(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    spec->mount.non_recursive = str_eq(value, "disabled");
    spec->mount.writable_below = str_eq(value, "writable");
    spec->mount.readonly_below = str_eq(value, "readonly");
    if (spec->mount.non_recursive || spec->mount.writable_below || spec->mount.readonly_below ||
        str_eq(value, "enabled"))
        return 0;
    return err_set(
        err, ERR_INVALID, 0,
        "invalid value for %s: %s (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")", key,
        value);
}

// Who may have come by sudo.
static const char *caller(struct arena *arena) {
    const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
    uint32_t u, g;
    if (getuid() || !uid || !gid || parse_u32(uid, &u) || parse_u32(gid, &g)) u = getuid(), g = getgid();
    return arena_printf(arena, "match-user:%u:%u", u, g);
}

static int key_idmap(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    const char *user = str_after(value ? value : "match-user", "match-user");
    spec->mount.idmap = !value || str_eq(value, "match-user") ? caller(spec->arena) : value;
    if (str_eq(value, "userns") || (user && !*user) || (user && *user == ':' && user[1])) return 0;
    return err_set(err, ERR_INVALID, 0, "invalid value for %s: %s (match-user, match-user:USER or userns)",
                   key, value);
}

static int key_create_source(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    return flag_value(key, value, &spec->mount.create_source, err);
}

static int key_no_copy(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    return flag_value(key, value, &spec->mount.volume_nocopy, err);
}

static int key_size(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    if (parse_size(value, &spec->size) < 0)
        return err_set(err, ERR_INVALID, 0, "invalid value for %s: %s", key, value);
    return 0;
}

static int key_mode(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    spec->mode = value;
    if (*value && strlen(value) <= 5 && !value[strspn(value, "01234567")]) return 0;
    return err_set(err, ERR_INVALID, 0, "invalid value for %s: %s (octal digits)", key, value);
}

// Is one of its parts ".."?
static bool goes_up(const char *path) {
    for (;;) {
        size_t length = strcspn(path, "/");
        if (length == 2 && !strncmp(path, "..", 2)) return true;
        if (!path[length]) return false;
        path += length + 1;
    }
}

static int key_subpath(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    if (goes_up(value))
        return err_set(err, ERR_INVALID, 0, "invalid value for %s: %s leads out of it by \"..\"", key, value);
    if (*value == '/' || !*value)
        return err_set(err, ERR_INVALID, 0, "invalid value for %s: it must be a relative path", key);
    spec->mount.subpath = value;
    return 0;
}

static int key_label(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    const char *equals = strchr(value, '=');
    (void)err;
    size_t length = equals ? (size_t)(equals - value) : strlen(value);
    struct spec_key_value word = {arena_strndup(spec->arena, value, length), equals ? equals + 1 : ""};
    if (str_eq(key, "volume-label"))
        *arena_push(spec->arena, &spec->mount.labels) = word;
    else
        *arena_push(spec->arena, &spec->mount.driver_options) = word;
    return 0;
}

static int key_driver(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    (void)spec, (void)key;
    return check_volume_driver(value, err);
}

// Of file systems shared with a virtual machine; Docker passes it over on Linux.
static int key_consistency(struct mount_spec *spec, const char *key, const char *value, struct err *err) {
    static const char *const words[] = {"consistent", "cached", "delegated", "default"};
    (void)spec;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_eq(value, words[i])) return 0;
    return err_set(err, ERR_INVALID, 0, "invalid value for %s: %s", key, value);
}

static const struct {
    const char *name;
    bool flag; // may stand without a value
    int (*read)(struct mount_spec *spec, const char *key, const char *value, struct err *err);
} keys[] = {
    {"type", false, key_type},
    {"source", false, key_source},
    {"src", false, key_source},
    {"target", false, key_target},
    {"dst", false, key_target},
    {"destination", false, key_target},
    {"readonly", true, key_readonly},
    {"ro", true, key_readonly},
    {"bind-propagation", false, key_propagation},
    {"bind-nonrecursive", true, key_non_recursive},
    {"bind-recursive", false, key_recursive},
    {"bind-create-src", true, key_create_source},
    {"volume-nocopy", true, key_no_copy},
    {"tmpfs-size", false, key_size},
    {"tmpfs-mode", false, key_mode},
    {"bind-idmap", true, key_idmap},
    {"consistency", false, key_consistency},
    {"volume-subpath", false, key_subpath},
    {"volume-label", false, key_label},
    {"volume-driver", false, key_driver},
    {"volume-opt", false, key_label},
    {"image-subpath", false, key_subpath},
};

static int read_key(struct mount_spec *spec, char *field, struct err *err) {
    char *value = strchr(field, '=');
    if (value) *value++ = 0;
    for (char *p = field; *p; p++) *p = (char)tolower((unsigned char)*p);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (!str_eq(keys[i].name, field)) continue;
        if (!value && !keys[i].flag)
            return err_set(err, ERR_INVALID, 0, "invalid field '%s' must be a key=value pair", field);
        return keys[i].read(spec, field, value, err);
    }
    return err_set(err, ERR_INVALID, 0, "unexpected key '%s'", field);
}

int parse_field(char **rest, char **ret_field, struct err *err) {
    char *in = *rest, *out = *rest;
    if (*in != '"') {
        *ret_field = strsep(rest, ",");
        if (strchr(*ret_field, '"'))
            return err_set(err, ERR_INVALID, 0, "a quote inside of an unquoted field");
        return 0;
    }
    for (in++;; in++) {
        if (!*in) return err_set(err, ERR_INVALID, 0, "a quote is not closed");
        if (*in == '"' && *++in != '"') break;
        *out++ = *in;
    }
    if (*in && *in != ',') return err_set(err, ERR_INVALID, 0, "text follows a closing quote");
    *ret_field = *rest;
    *rest = *in ? in + 1 : NULL;
    *out = 0;
    return 0;
}

static int check_bind(const struct mount_spec *spec, struct err *err) {
    const struct container_mount *mount = &spec->mount;
    const char *how = mount->propagation;
    if (!mount->readonly_below && !mount->writable_below) return 0;
    const char *word = mount->readonly_below ? "readonly" : "writable";
    if (!mount->readonly)
        return err_set(err, ERR_INVALID, 0, "option 'bind-recursive=%s' requires 'readonly' to be specified",
                       word);
    if (mount->readonly_below && !str_eq(how, "rprivate"))
        return err_set(
            err, ERR_INVALID, 0,
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified");
    return 0;
}

static int finish_bind(struct mount_spec *spec, struct err *err) {
    if (check_bind(spec, err)) return -1;
    if (str_empty(spec->mount.source)) return err_set(err, ERR_INVALID, 0, "source is required");
    if (*spec->mount.source != '/')
        return err_set(err, ERR_INVALID, 0, "the path on the host, '%s', must be absolute",
                       spec->mount.source);
    return 0;
}

static int finish_volume(struct mount_spec *spec, struct err *err) {
    if (!spec->mount.source) spec->mount.source = "";
    return *spec->mount.source ? check_volume_name(spec->mount.source, err) : 0;
}

static int finish_tmpfs(struct mount_spec *spec, struct err *err) {
    if (!str_empty(spec->mount.source)) return err_set(err, ERR_INVALID, 0, "a tmpfs has no source");
    const char *size =
        spec->size ? arena_printf(spec->arena, "size=%llu", (unsigned long long)spec->size) : "";
    const char *mode = spec->mode ? arena_printf(spec->arena, "mode=%s", spec->mode) : "";
    if (*size || *mode)
        spec->mount.tmpfs_options =
            arena_printf(spec->arena, "%s%s%s", size, *size && *mode ? "," : "", mode);
    return 0;
}

static int finish_image(struct mount_spec *spec, struct err *err) {
    if (str_empty(spec->mount.source)) return err_set(err, ERR_INVALID, 0, "source is required");
    spec->mount.readonly = true;
    return 0;
}

static const struct {
    const char *name;
    int (*finish)(struct mount_spec *spec, struct err *err); // NULL: not there yet
} types[] = {
    [CONTAINER_MOUNT_BIND] = {"bind", finish_bind},
    [CONTAINER_MOUNT_VOLUME] = {"volume", finish_volume},
    [CONTAINER_MOUNT_TMPFS] = {"tmpfs", finish_tmpfs},
    [CONTAINER_MOUNT_IMAGE] = {"image", finish_image},
    {"cluster", NULL},
    {"npipe", NULL},
};

// A key that begins with a type's name is only for that type.
static void note_key(struct mount_spec *spec, const char *key) {
    for (size_t i = 0; i < ARRAY_SIZE(spec->given); i++) {
        const char *rest = str_after(key, types[i].name);
        if (rest && *rest == '-') spec->given[i] = key;
    }
}

static int check_keys(const struct mount_spec *spec, struct err *err) {
    for (size_t i = 0; i < ARRAY_SIZE(spec->given); i++)
        if (spec->given[i] && i != spec->mount.type)
            return err_set(err, ERR_INVALID, 0, "cannot mix '%s' with mount type '%s'", spec->given[i],
                           spec->type);
    return 0;
}

static int finish(struct mount_spec *spec, struct err *err) {
    if (!spec->type) spec->type = "volume"; // as Docker
    if (str_empty(spec->mount.target)) return err_set(err, ERR_INVALID, 0, "target is required");
    if (check_target(spec->mount.target, err) < 0) return -1;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (!str_eq(types[i].name, spec->type)) continue;
        if (!types[i].finish) return err_set(err, ERR_INVALID, 0, "type=%s is not supported yet", spec->type);
        spec->mount.type = i;
        return check_keys(spec, err) ? -1 : types[i].finish(spec, err);
    }
    return err_set(err, ERR_INVALID, 0, "'%s' is no mount type: bind, volume, tmpfs or image", spec->type);
}

int store_mount(struct parse *parse, const char *text, void *field, struct err *err) {
    struct mount_spec spec = {.arena = parse->arena};
    char *rest = arena_strdup(parse->arena, text), *word = NULL;
    while (rest) {
        if (parse_field(&rest, &word, err) < 0 || read_key(&spec, word, err) < 0) return -1;
        note_key(&spec, word);
    }
    if (finish(&spec, err) < 0) return -1;
    add(parse, field, &spec.mount, text);
    return 0;
}
