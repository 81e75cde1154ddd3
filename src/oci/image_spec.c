// SPDX-License-Identifier: Apache-2.0
// Every document here was written by somebody else. So each is checked as a whole before anything of it is
// used: counts and sizes against limits, digests against their grammar, and one document has one meaning (a
// manifest that is an index as well could show one image to a scanner and run another).
#include "oci/image_spec.h"

#include "base/json_strings.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define INDEX_MAX   4096 // manifests in an index
#define URLS_MAX    8
#define STRINGS_MAX 4096 // environment variables, labels, … of a config

#define TYPE_OCI    "application/vnd.oci.image."
#define TYPE_DOCKER "application/vnd.docker."

static const struct {
    const char *type;
    bool is_index;
} manifest_types[] = {
    {OCI_MANIFEST_TYPE, false},
    {DOCKER_MANIFEST_TYPE, false},
    {OCI_INDEX_TYPE, true},
    {DOCKER_LIST_TYPE, true},
};

// What servers say when they don't know: then the document itself tells.
static const char *const neutral_types[] = {"", "application/json", "application/octet-stream", "text/plain"};

static const char *const config_types[] = {OCI_CONFIG_TYPE, TYPE_DOCKER "container.image.v1+json"};

static const struct {
    const char *type;
    enum layer_compression compression;
} layer_types[] = {
    {TYPE_OCI "layer.v1.tar", LAYER_PLAIN},
    {TYPE_OCI "layer.v1.tar+gzip", LAYER_GZIP},
    {TYPE_OCI "layer.v1.tar+zstd", LAYER_ZSTD},
    {TYPE_OCI "layer.nondistributable.v1.tar", LAYER_PLAIN},
    {TYPE_OCI "layer.nondistributable.v1.tar+gzip", LAYER_GZIP},
    {TYPE_OCI "layer.nondistributable.v1.tar+zstd", LAYER_ZSTD},
    {TYPE_DOCKER "image.rootfs.diff.tar", LAYER_PLAIN},
    {TYPE_DOCKER "image.rootfs.diff.tar.gzip", LAYER_GZIP},
    {TYPE_DOCKER "image.rootfs.diff.tar.zstd", LAYER_ZSTD},
    {TYPE_DOCKER "image.rootfs.foreign.diff.tar", LAYER_PLAIN},
    {TYPE_DOCKER "image.rootfs.foreign.diff.tar.gzip", LAYER_GZIP},
};

int layer_compression_of(const char *media_type, enum layer_compression *ret_compression) {
    for (size_t i = 0; i < ARRAY_SIZE(layer_types); i++)
        if (str_eq(media_type, layer_types[i].type)) return *ret_compression = layer_types[i].compression, 0;
    return -EINVAL;
}

static int manifest_type_index(const char *type) {
    for (size_t i = 0; i < ARRAY_SIZE(manifest_types); i++)
        if (str_eq(type, manifest_types[i].type)) return (int)i;
    return -1;
}

static bool is_among(const char *s, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (str_eq(s, list[i])) return true;
    return false;
}

static int invalid(struct err *err, const char *document, const char *what) {
    return err_set(err, ERR_INVALID, 0, "%s is invalid: %s", document, what);
}

static void platform_read(struct arena *arena, const struct json *json, struct platform *ret) {
    *ret = (struct platform){
        .os = arena_strdup(arena, json_get_string(json, "os")),
        .architecture = arena_strdup(arena, json_get_string(json, "architecture")),
        .variant = arena_strdup(arena, json_get_string(json, "variant")),
        .os_version = arena_strdup(arena, json_get_string(json, "os.version")),
    };
}

static void urls_read(struct arena *arena, const struct json *array, struct strings *ret) {
    for (size_t i = 0; i < json_length(array) && i < URLS_MAX; i++)
        if (json_string(json_at(array, i)))
            strings_add(arena, ret, arena_strdup(arena, json_string(json_at(array, i))));
}

static int descriptor_read(struct arena *arena, const struct json *json, struct descriptor *ret,
                           struct err *err) {
    const struct json *annotations = json_get(json, "annotations");
    const char *digest = json_get_string(json, "digest");
    const char *type = json_get_string(json, "mediaType");
    uint64_t size;
    if (!json_is_object(json) || !digest || !type)
        return invalid(err, "the manifest", "a descriptor lacks its digest or media type");
    if (!digest_valid(digest))
        return err_set(err, ERR_INVALID, 0, "the manifest is invalid: \"%.100s\" is no SHA-256 digest",
                       digest);
    if (json_u64(json_get(json, "size"), &size) || size > INT64_MAX)
        return invalid(err, "the manifest", "a descriptor lacks its size");
    *ret = (struct descriptor){
        .media_type = arena_strdup(arena, type),
        .digest = arena_strdup(arena, digest),
        .size = size,
        .artifact_type = arena_strdup(arena, json_get_string(json, "artifactType")),
        .image_name = arena_strdup(arena, json_get_string(annotations, ANNOTATION_IMAGE)),
        .ref_name = arena_strdup(arena, json_get_string(annotations, ANNOTATION_REF_NAME)),
        .attestation =
            str_eq(json_get_string(annotations, "vnd.docker.reference.type"), "attestation-manifest"),
    };
    platform_read(arena, json_get(json, "platform"), &ret->platform);
    urls_read(arena, json_get(json, "urls"), &ret->urls);
    return 0;
}

static int descriptors_read(struct arena *arena, const struct json *array, size_t limit,
                            struct descriptors *ret, struct err *err) {
    if (!json_is_array(array)) return invalid(err, "the manifest", "it has no list of layers or manifests");
    size_t count = json_length(array);
    if (count > limit)
        return err_set(err, ERR_INVALID, 0, "the manifest is invalid: it lists %zu parts, more than %zu",
                       count, limit);
    ret->items = arena_array(arena, struct descriptor, count);
    for (; ret->count < count; ret->count++)
        if (descriptor_read(arena, json_at(array, ret->count), &ret->items[ret->count], err)) return -1;
    return 0;
}

// The media type that the HTTP header and the document agree on, as an index into manifest_types.
static int agree_on_type(const struct json *json, const char *content_type, struct err *err) {
    char header[128];
    size_t n = content_type ? strcspn(content_type, "; ") : 0;
    if (n >= sizeof header) return invalid(err, "the manifest", "its content type is too long");
    memcpy(header, content_type ? content_type : "", n);
    header[n] = 0;

    const char *field = json_get_string(json, "mediaType");
    bool neutral = is_among(header, neutral_types, ARRAY_SIZE(neutral_types));
    if (field && !neutral && !str_eq(field, header))
        return err_set(err, ERR_INVALID, 0,
                       "the manifest is invalid: it calls itself %.100s, but was announced as %s", field,
                       header);
    const char *type = field ? field : header;
    if (!field && neutral) type = json_get(json, "manifests") ? OCI_INDEX_TYPE : OCI_MANIFEST_TYPE;
    int index = manifest_type_index(type);
    if (index < 0)
        return err_set(err, ERR_INVALID, 0, "a manifest of type %.100s is no image that hoy can use", type);
    return index;
}

int manifest_parse(struct arena *arena, const char *text, size_t size, const char *content_type,
                   struct manifest *ret_manifest, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (size > IMAGE_DOCUMENT_MAX) return invalid(err, "the manifest", "it is larger than 4 MiB");
    if (json_parse(text, size, &json) || !json_is_object(json))
        return invalid(err, "the manifest", "it is not a JSON object");
    uint64_t version = 0;
    if (json_u64(json_get(json, "schemaVersion"), &version) == 0 && version == 1)
        return err_set(
            err, ERR_INVALID, 0,
            "the manifest has schema version 1, which is obsolete: push the image again with a newer tool");
    int type = agree_on_type(json, content_type, err);
    if (type < 0) return -1;
    if (version != 2) return invalid(err, "the manifest", "its schemaVersion is not 2");

    const struct json *manifests = json_get(json, "manifests");
    const struct json *layers = json_get(json, "layers"), *config = json_get(json, "config");
    struct manifest m = {.media_type = manifest_types[type].type, .is_index = manifest_types[type].is_index};
    if (manifests && (layers || config))
        return invalid(err, "the manifest", "it is an index and an image at once");
    if (m.is_index) {
        if (descriptors_read(arena, manifests, INDEX_MAX, &m.manifests, err)) return -1;
    } else {
        if (descriptor_read(arena, config, &m.config, err)) return -1;
        if (descriptors_read(arena, layers, IMAGE_LAYERS_MAX, &m.layers, err)) return -1;
        if (!is_among(m.config.media_type, config_types, ARRAY_SIZE(config_types)))
            return err_set(err, ERR_INVALID, 0, "it is no container image: its config is of type %.100s",
                           m.config.media_type);
    }
    *ret_manifest = m;
    return 0;
}

// The config

struct config_reader {
    struct arena *arena;
    struct image_config *config;
    struct err *err;
};

static int wrong_type(struct err *err, const char *field) {
    return err_set(err, ERR_INVALID, 0, "the image's config is invalid: %s has the wrong type or is too long",
                   field);
}

static int read_string(struct config_reader *r, const struct json *json, const char *field,
                       const char **ret) {
    const struct json *value = json_get(json, field);
    if (json_is_null(value)) return 0;
    if (!json_string(value)) return wrong_type(r->err, field);
    *ret = arena_strdup(r->arena, json_string(value));
    return 0;
}

// A list of strings; one string alone counts as a list of one, as Docker reads it.
static int read_strings(struct config_reader *r, const struct json *json, const char *field,
                        struct strings *ret) {
    const struct json *value = json_get(json, field);
    if (json_is_null(value)) return 0;
    if (json_string(value)) return strings_add(r->arena, ret, arena_strdup(r->arena, json_string(value))), 0;
    if (!json_is_array(value) || json_length(value) > STRINGS_MAX) return wrong_type(r->err, field);
    return json_strings(r->arena, value, ret) ? wrong_type(r->err, field) : 0;
}

struct keys_reader {
    struct arena *arena;
    struct strings *list;
};

static int add_key(const char *key, const struct json *value, void *data) {
    struct keys_reader *r = data;
    (void)value;
    if (r->list->count == STRINGS_MAX) return -1;
    strings_add(r->arena, r->list, arena_strdup(r->arena, key));
    return 0;
}

static int read_keys(struct config_reader *r, const struct json *json, const char *field,
                     struct strings *ret) {
    const struct json *value = json_get(json, field);
    struct keys_reader reader = {r->arena, ret};
    if (json_is_null(value)) return 0;
    if (!json_is_object(value) || json_each(value, add_key, &reader)) return wrong_type(r->err, field);
    return 0;
}

static int add_label(const char *key, const struct json *value, void *data) {
    struct config_reader *r = data;
    if (!json_string(value) || r->config->labels.count == STRINGS_MAX) return -1;
    struct spec_key_value *label = arena_push(r->arena, &r->config->labels);
    label->key = arena_strdup(r->arena, key);
    label->value = arena_strdup(r->arena, json_string(value));
    return 0;
}

static int read_labels(struct config_reader *r, const struct json *json) {
    const struct json *labels = json_get(json, "Labels");
    if (json_is_null(labels)) return 0;
    if (!json_is_object(labels) || json_each(labels, add_label, r)) return wrong_type(r->err, "Labels");
    return 0;
}

static int read_diff_ids(struct config_reader *r, const struct json *rootfs) {
    struct strings *ids = &r->config->diff_ids;
    if (!str_eq(json_get_string(rootfs, "type"), "layers"))
        return invalid(r->err, "the image's config", "rootfs.type is not \"layers\"");
    if (read_strings(r, rootfs, "diff_ids", ids)) return -1;
    if (ids->count > IMAGE_LAYERS_MAX) return invalid(r->err, "the image's config", "it has too many layers");
    for (size_t i = 0; i < ids->count; i++)
        if (!digest_valid(ids->items[i]))
            return err_set(r->err, ERR_INVALID, 0,
                           "the image's config is invalid: \"%.100s\" is no SHA-256 digest", ids->items[i]);
    return 0;
}

static int read_config(struct config_reader *r, const struct json *json) {
    const struct json *part = json_get(json, "config");
    struct image_config *c = r->config;
    const struct {
        const struct json *from;
        const char *field;
        const char **ret;
    } texts[] = {
        {json, "architecture", &c->architecture}, {json, "os", &c->os},
        {json, "variant", &c->variant},           {json, "author", &c->author},
        {json, "created", &c->created},           {part, "User", &c->user},
        {part, "WorkingDir", &c->working_dir},    {part, "StopSignal", &c->stop_signal},
    };
    const struct {
        const char *field;
        struct strings *ret;
    } lists[] = {{"Env", &c->env},
                 {"Entrypoint", &c->entrypoint},
                 {"Cmd", &c->cmd},
                 {"Shell", &c->shell},
                 {"OnBuild", &c->on_build}};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (read_string(r, texts[i].from, texts[i].field, texts[i].ret)) return -1;
    if (!json_is_null(part) && !json_is_object(part)) return wrong_type(r->err, "config");
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        if (read_strings(r, part, lists[i].field, lists[i].ret)) return -1;
    c->has_entrypoint = !json_is_null(json_get(part, "Entrypoint"));
    c->has_cmd = !json_is_null(json_get(part, "Cmd"));
    const struct json *healthcheck = json_get(part, "Healthcheck");
    if (json_is_object(healthcheck)) c->healthcheck = arena_strdup(r->arena, json_text(healthcheck));
    if (read_keys(r, part, "Volumes", &c->volumes)) return -1;
    if (read_keys(r, part, "ExposedPorts", &c->exposed_ports)) return -1;
    if (read_labels(r, part)) return -1;
    return read_diff_ids(r, json_get(json, "rootfs"));
}

int image_config_parse(struct arena *arena, const char *text, size_t size, struct image_config *ret_config,
                       struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (size > IMAGE_DOCUMENT_MAX) return invalid(err, "the image's config", "it is larger than 4 MiB");
    if (json_parse(text, size, &json) || !json_is_object(json))
        return invalid(err, "the image's config", "it is not a JSON object");
    struct image_config config = {0};
    struct config_reader reader = {arena, &config, err};
    if (read_config(&reader, json)) return -1;
    *ret_config = config;
    return 0;
}

// Platforms

static const struct {
    const char *name, *architecture, *variant;
} architectures[] = {
    {"amd64", "amd64", NULL}, {"x86_64", "amd64", NULL},    {"x86-64", "amd64", NULL},
    {"386", "386", NULL},     {"i386", "386", NULL},        {"i686", "386", NULL},
    {"arm64", "arm64", NULL}, {"aarch64", "arm64", NULL},   {"arm", "arm", NULL},
    {"armhf", "arm", "v7"},   {"armv7l", "arm", "v7"},      {"armel", "arm", "v6"},
    {"armv6l", "arm", "v6"},  {"ppc64le", "ppc64le", NULL}, {"riscv64", "riscv64", NULL},
    {"s390x", "s390x", NULL}, {"loong64", "loong64", NULL}, {"mips64le", "mips64le", NULL},
};

static const char *const systems[] = {"linux",   "windows", "darwin",  "freebsd", "netbsd",
                                      "openbsd", "solaris", "android", "wasip1"};

static int architecture_index(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
        if (str_eq(name, architectures[i].name)) return (int)i;
    return -1;
}

void platform_host(struct platform *ret_platform) {
    struct utsname names;
    int i = uname(&names) ? -1 : architecture_index(names.machine);
    *ret_platform =
        (struct platform){.os = "linux", .architecture = i < 0 ? "unknown" : architectures[i].architecture};
    if (i >= 0) ret_platform->variant = architectures[i].variant;
}

static bool is_word(const char *s) {
    return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(s);
}

int platform_parse(struct arena *arena, const char *text, struct platform *ret_platform, struct err *err) {
    struct platform p;
    char *copy = arena_strdup(arena, text), *parts[3] = {0}, *rest = copy;
    size_t count = 0;
    for (char *c = copy; *c; c++) *c = (char)tolower((unsigned char)*c); // as Docker takes it
    for (char *part; (part = strsep(&rest, "/")); count++) {
        if (count == ARRAY_SIZE(parts) || !is_word(part))
            return err_set(err, ERR_INVALID, 0,
                           "\"%s\" is an invalid platform: it is written os/architecture/variant", text);
        parts[count] = part;
    }
    platform_host(&p);
    if (count == 1 && is_among(parts[0], systems, ARRAY_SIZE(systems))) {
        p.os = parts[0];
    } else {
        const char *architecture = count == 1 ? parts[0] : parts[1];
        int i = architecture_index(architecture);
        if (i < 0 && count == 1)
            return err_set(err, ERR_INVALID, 0, "\"%s\": unknown operating system or architecture", text);
        if (count > 1) p.os = parts[0];
        p.architecture = i < 0 ? architecture : architectures[i].architecture;
        p.variant = parts[2] ? parts[2] : i < 0 ? NULL : architectures[i].variant;
    }
    *ret_platform = p;
    return 0;
}

// A variant as a number: "v8" is 8. What an absent one means depends on the architecture. -1: another word.
static int variant_level(const char *architecture, const char *variant) {
    if (str_empty(variant)) return str_eq(architecture, "arm64") ? 8 : str_eq(architecture, "arm") ? 7 : 1;
    const char *digits = str_after(variant, "v");
    uint32_t level;
    return digits && parse_u32(digits, &level) == 0 && level < 1000 ? (int)level : -1;
}

// How well an offered platform serves a wanted one; higher is better, 0 is not at all.
static int platform_score(const struct platform *offered, const struct platform *wanted) {
    if (!str_eq(offered->os, wanted->os)) return 0;
    int i = offered->architecture ? architecture_index(offered->architecture) : -1;
    const char *architecture = i < 0 ? offered->architecture : architectures[i].architecture;
    if (!str_eq(architecture, wanted->architecture)) return 0;
    if (str_empty(offered->variant) ? str_empty(wanted->variant) : str_eq(offered->variant, wanted->variant))
        return INT_MAX;
    int has = variant_level(architecture, offered->variant),
        wants = variant_level(architecture, wanted->variant);
    if (has < 0 || wants < 0) return str_empty(offered->variant) ? 2 : 0;
    if (has > wants) return 0;
    if (has == wants) return INT_MAX - 1;
    return str_empty(offered->variant) ? INT_MAX - 2 : has + 2;
}

bool platform_matches(const struct platform *wanted, const struct image_config *config) {
    return (!wanted->os || str_eq(wanted->os, config->os)) &&
           (!wanted->architecture || str_eq(wanted->architecture, config->architecture)) &&
           (!wanted->variant || !config->variant || str_eq(wanted->variant, config->variant));
}

int platform_check(struct arena *arena, const char *wanted, const char *name,
                   const struct image_config *config, struct err *err) {
    struct platform platform;
    if (!wanted) return 0;
    if (platform_parse(arena, wanted, &platform, err)) return -1;
    if (platform_matches(&platform, config)) return 0;
    return err_set(err, ERR_NOT_FOUND, 0,
                   "image with reference %s was found but does not match the specified platform: wanted %s, "
                   "actual: %s/%s",
                   name, wanted, config->os, config->architecture);
}

bool descriptor_is_any_index(const struct descriptor *d) {
    int type = manifest_type_index(d->media_type);
    return type >= 0 && manifest_types[type].is_index && !d->platform.os && !d->attestation;
}

const struct descriptor *index_choose(const struct manifest *index, const struct platform *platform) {
    const struct descriptor *best = NULL;
    int best_score = 0;
    for (size_t i = 0; i < index->manifests.count; i++) {
        const struct descriptor *d = &index->manifests.items[i];
        bool artifact = d->attestation || (d->artifact_type && !is_among(d->artifact_type, config_types,
                                                                         ARRAY_SIZE(config_types)));
        int type = manifest_type_index(d->media_type);
        if (artifact || type < 0) continue;
        // A manifest that says nothing of its platform is better than none: its config tells.
        bool unsaid = !manifest_types[type].is_index && !d->platform.os && !d->platform.architecture;
        int score = unsaid ? 1 : platform_score(&d->platform, platform);
        if (score > best_score) best = d, best_score = score;
    }
    return best;
}

void chain_id(const struct strings *diff_ids, size_t count, char ret_digest[static DIGEST_SIZE]) {
    if (!count) return digest_of("", 0, ret_digest);
    strcpy(ret_digest, diff_ids->items[0]);
    for (size_t i = 1; i < count; i++) {
        char text[2 * DIGEST_SIZE];
        size_t n = (size_t)snprintf(text, sizeof text, "%s %s", ret_digest, diff_ids->items[i]);
        digest_of(text, n, ret_digest);
    }
}
