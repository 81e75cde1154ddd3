// SPDX-License-Identifier: Apache-2.0
// manifest: create, annotate, inspect, push, rm. Each image of a list is named by its full name.
#include "base/str.h"
#include "cli/cli.h"
#include "cli/parse_value.h"
#include "image/manifest_list.h"
#include "registry/base64.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

// os/architecture, as Docker takes them.
static const char *const systems[] = {
    "darwin/386",    "darwin/amd64", "darwin/arm",     "darwin/arm64",  "dragonfly/amd64", "freebsd/386",
    "freebsd/amd64", "freebsd/arm",  "linux/386",      "linux/amd64",   "linux/arm",       "linux/arm64",
    "linux/ppc64le", "linux/mips64", "linux/mips64le", "linux/riscv64", "linux/s390x",     "linux/loong64",
    "netbsd/386",    "netbsd/amd64", "netbsd/arm",     "openbsd/386",   "openbsd/amd64",   "openbsd/arm",
    "plan9/386",     "plan9/amd64",  "solaris/amd64",  "windows/386",   "windows/amd64",   "windows/arm",
    "windows/arm64",
};

static int named(struct arena *arena, const char *text, struct reference *ret_reference,
                 const char **ret_full, struct err *err) {
    if (reference_parse(arena, text, ret_reference, err)) return -1;
    *ret_full = reference_full(arena, ret_reference);
    return 0;
}

static int no_such(const char *full, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, 0, "No such manifest: %s", full);
}

// Texts of "platform", and of an image's config, have the same names for the same things.
static void platform_of_text(struct arena *arena, const char *text, struct list_platform *ret) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (json_parse(text, strlen(text), &json) == 0) list_platform_read(arena, json, ret);
}

static int fetch(struct engine *engine, struct arena *arena, const struct reference *reference,
                 struct remote_manifest *ret, struct err *err) {
    int r = manifest_fetch(&engine->store, arena, reference, ret, err);
    if (r && err->kind == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, 0, "no such manifest: %s", reference_full(arena, reference));
    return r;
}

static struct list_entry entry_of(struct arena *arena, const char *image,
                                  const struct remote_manifest *manifest) {
    struct list_entry entry = {.image = image,
                               .text = manifest->text,
                               .size = strlen(manifest->text),
                               .digest = manifest->digest,
                               .media_type = manifest->media_type};
    if (manifest->config) platform_of_text(arena, manifest->config, &entry.platform);
    return entry;
}

static const struct list_entry *entry_named(const struct list_entries *entries, const char *image) {
    for (size_t i = 0; i < entries->count; i++)
        if (str_eq(entries->items[i].image, image)) return &entries->items[i];
    return NULL;
}

// create

struct create_flags {
    bool amend;
};

#define REGISTRY_WITHOUT_TLS "insecure-registries in /etc/docker/daemon.json names such registries"

static const struct option create_rows[] = {
    {"amend", 'a', NULL, "Amend an existing manifest list", store_flag, offsetof(struct create_flags, amend)},
    OPTION_REFUSED("insecure", 0, REGISTRY_WITHOUT_TLS),
};
const struct option_table manifest_create_options_table = OPTIONS(create_rows, struct create_flags);

int run_manifest_create(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct create_flags *flags = invocation->options;
    const struct strings *arguments = &invocation->arguments;
    struct arena *arena = &invocation->arena;
    struct list_entries known = {0}, added = {0};
    struct reference reference;
    const char *list, *image;
    if (named(arena, arguments->items[0], &reference, &list, err)) return -1;
    if (manifest_list_find(&engine->store, arena, list, &known, err)) return -1;
    if (known.count && !flags->amend)
        return err_set(err, ERR_CONFLICT, 0,
                       "refusing to amend an existing manifest list with no --amend flag");
    for (size_t i = 1; i < arguments->count; i++) {
        struct remote_manifest manifest;
        if (named(arena, arguments->items[i], &reference, &image, err)) return -1;
        if (entry_named(&known, image)) continue;
        if (fetch(engine, arena, &reference, &manifest, err)) return -1;
        if (manifest.is_index) return err_set(err, ERR_INVALID, 0, "%s is a manifest list", image);
        *arena_push(arena, &added) = entry_of(arena, image, &manifest);
    }
    if (manifest_list_add(&engine->store, list, &added, err)) return -1;
    printf("Created manifest list %s\n", list);
    return 0;
}

// annotate

struct annotate_flags {
    const char *arch, *os, *os_version, *variant;
    struct strings os_features;
};

#define AT(member) offsetof(struct annotate_flags, member)

static const struct option annotate_rows[] = {
    {"arch", 0, "string", "Set architecture", store_string, AT(arch)},
    {"os", 0, "string", "Set operating system", store_string, AT(os)},
    {"os-features", 0, "strings", "Set operating system feature", store_commas, AT(os_features)},
    {"os-version", 0, "string", "Set operating system version", store_string, AT(os_version)},
    {"variant", 0, "string", "Set architecture variant", store_string, AT(variant)},
};
const struct option_table manifest_annotate_options_table = OPTIONS(annotate_rows, struct annotate_flags);

static int system_check(struct arena *arena, const struct list_platform *p, struct err *err) {
    const char *pair =
        arena_printf(arena, "%s/%s", p->os ? p->os : "", p->architecture ? p->architecture : "");
    for (size_t i = 0; i < ARRAY_SIZE(systems); i++)
        if (str_eq(pair, systems[i])) return 0;
    return err_set(err, ERR_INVALID, 0, "manifest entry for image has unsupported os/arch combination: %s",
                   pair);
}

int run_manifest_annotate(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct annotate_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct list_entries entries = {0};
    struct reference reference;
    const char *list, *image;
    if (named(arena, invocation->arguments.items[0], &reference, &list, err) ||
        named(arena, invocation->arguments.items[1], &reference, &image, err) ||
        manifest_list_find(&engine->store, arena, list, &entries, err))
        return -1;
    const struct list_entry *found = entry_named(&entries, image);
    if (!found)
        return err_set(err, ERR_NOT_FOUND, 0, "manifest for image %s does not exist in %s", image, list);
    struct list_entry entry = *found;
    struct list_platform *p = &entry.platform;
    if (flags->os) p->os = flags->os;
    if (flags->arch) p->architecture = flags->arch;
    if (flags->variant) p->variant = flags->variant;
    if (flags->os_version) p->os_version = flags->os_version;
    for (size_t i = 0; i < flags->os_features.count; i++)
        if (!strings_have(&p->os_features, flags->os_features.items[i]))
            strings_add(arena, &p->os_features, flags->os_features.items[i]);
    if (system_check(arena, p, err)) return -1;
    const struct list_entries one = {&entry, 1};
    return manifest_list_add(&engine->store, list, &one, err);
}

// inspect

struct inspect_flags {
    bool verbose;
};

static const struct option inspect_rows[] = {
    {"verbose", 'v', NULL, "Output additional info including layers and platform", store_flag,
     offsetof(struct inspect_flags, verbose)},
    OPTION_REFUSED("insecure", 0, REGISTRY_WITHOUT_TLS),
};
const struct option_table manifest_inspect_options_table = OPTIONS(inspect_rows, struct inspect_flags);

static void put_line(int depth, FILE *out) {
    putc('\n', out);
    while (depth-- > 0) putc('\t', out);
}

static const char *print_string(const char *p, FILE *out) {
    do {
        putc(*p, out);
        if (*p == '\\' && p[1]) putc(*++p, out);
    } while (*++p && *p != '"');
    putc('"', out);
    return *p ? p : p - 1;
}

// JSON as it stands, only with other white space.
static void print_indented(const char *p, FILE *out) {
    int depth = 0;
    for (bool empty = false; *p; p++) {
        if (strchr(" \t\r\n", *p)) continue;
        bool closes = *p == '}' || *p == ']';
        if (closes) depth--;
        if (empty != closes && (empty || closes)) put_line(depth, out);
        empty = *p == '{' || *p == '[';
        if (empty) depth++;
        if (*p == '"')
            p = print_string(p, out);
        else
            putc(*p, out);
        if (*p == ',') put_line(depth, out);
        if (*p == ':') putc(' ', out);
    }
    putc('\n', out);
}

static void write_verbose(struct arena *arena, struct json_writer *w, const struct list_entry *entry) {
    bool oci = str_eq(entry->media_type, OCI_MANIFEST_TYPE);
    json_begin_object(w, NULL);
    json_put_string(w, "Ref", entry->image);
    json_begin_object(w, "Descriptor");
    json_put_string(w, "mediaType", entry->media_type);
    json_put_string(w, "digest", entry->digest);
    json_put_u64(w, "size", entry->size);
    list_platform_write(w, "platform", &entry->platform);
    json_end_object(w);
    json_put_string(w, "Raw", base64_encode(arena, entry->text, entry->size));
    json_put_raw(w, oci ? "OCIManifest" : "SchemaV2Manifest", entry->text);
    json_end_object(w);
}

static void print_manifest(struct arena *arena, const struct list_entry *entry, bool verbose) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    if (verbose) write_verbose(arena, &w, entry);
    print_indented(verbose ? str_get(&w.text) : entry->text, stdout);
}

static void print_list(struct arena *arena, const struct list_entries *entries, bool verbose) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    const char *type;
    if (!verbose) {
        puts(manifest_list_write(arena, entries, &type));
        return;
    }
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < entries->count; i++) write_verbose(arena, &w, &entries->items[i]);
    json_end_array(&w);
    print_indented(str_get(&w.text), stdout);
}

static int index_entries(struct arena *arena, const struct remote_manifest *index, const char *full,
                         struct list_entries *ret, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    struct manifest manifest;
    if (json_parse(index->text, strlen(index->text), &json) ||
        manifest_parse(arena, index->text, strlen(index->text), index->media_type, &manifest, err))
        return -1;
    for (size_t i = 0; i < manifest.manifests.count; i++) {
        const struct descriptor *d = &manifest.manifests.items[i];
        struct list_entry *entry = arena_push(arena, ret);
        *entry = (struct list_entry){.image = arena_printf(arena, "%s@%s", full, d->digest),
                                     .size = d->size,
                                     .digest = d->digest,
                                     .media_type = d->media_type};
        list_platform_read(arena, json_get(json_at(json_get(json, "manifests"), i), "platform"),
                           &entry->platform);
    }
    return 0;
}

static int inspect_index(struct engine *engine, struct arena *arena, const struct reference *reference,
                         const struct remote_manifest *index, bool verbose, struct err *err) {
    struct list_entries entries = {0};
    if (index_entries(arena, index, reference_full(arena, reference), &entries, err)) return -1;
    for (size_t i = 0; verbose && i < entries.count; i++) {
        struct reference one = *reference;
        struct remote_manifest manifest;
        one.digest = entries.items[i].digest;
        if (fetch(engine, arena, &one, &manifest, err)) return -1;
        entries.items[i].text = manifest.text;
    }
    print_list(arena, &entries, verbose);
    return 0;
}

static int inspect_in_list(struct engine *engine, struct invocation *invocation, const char *list,
                           const char *image, struct err *err) {
    const struct inspect_flags *flags = invocation->options;
    struct list_entries entries = {0};
    if (manifest_list_find(&engine->store, &invocation->arena, list, &entries, err)) return -1;
    const struct list_entry *entry = entry_named(&entries, image);
    if (!entry) return no_such(image, err);
    print_manifest(&invocation->arena, entry, flags->verbose);
    return 0;
}

int run_manifest_inspect(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct inspect_flags *flags = invocation->options;
    const struct strings *arguments = &invocation->arguments;
    struct arena *arena = &invocation->arena;
    struct list_entries entries = {0};
    struct reference reference;
    struct remote_manifest manifest;
    const char *list, *image;
    if (named(arena, arguments->items[0], &reference, &list, err)) return -1;
    if (arguments->count == 2)
        return named(arena, arguments->items[1], &reference, &image, err)
                   ? -1
                   : inspect_in_list(engine, invocation, list, image, err);
    if (manifest_list_find(&engine->store, arena, list, &entries, err)) return -1;
    if (entries.count) return print_list(arena, &entries, flags->verbose), 0;
    if (fetch(engine, arena, &reference, &manifest, err)) return -1;
    if (manifest.is_index) return inspect_index(engine, arena, &reference, &manifest, flags->verbose, err);
    const struct list_entry entry = entry_of(arena, list, &manifest);
    print_manifest(arena, &entry, flags->verbose);
    return 0;
}

// push

struct manifest_push_flags {
    bool purge;
};

static const struct option push_rows[] = {
    {"purge", 'p', NULL, "Remove the local manifest list after push", store_flag,
     offsetof(struct manifest_push_flags, purge)},
    OPTION_REFUSED("insecure", 0, REGISTRY_WITHOUT_TLS),
};
const struct option_table manifest_push_options_table = OPTIONS(push_rows, struct manifest_push_flags);

int run_manifest_push(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct manifest_push_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct list_entries entries = {0};
    struct reference reference;
    const char *list, *digest;
    if (named(arena, invocation->arguments.items[0], &reference, &list, err) ||
        manifest_list_find(&engine->store, arena, list, &entries, err))
        return -1;
    if (!entries.count) return no_such(list, err);
    for (size_t i = 0; i < entries.count; i++)
        if (str_empty(entries.items[i].platform.os) || str_empty(entries.items[i].platform.architecture))
            return err_set(err, ERR_INVALID, 0,
                           "manifest %s must have an OS and Architecture to be pushed to a registry",
                           entries.items[i].image);
    if (manifest_list_push(arena, &reference, &entries, &digest, err)) return -1;
    for (size_t i = 0; i < entries.count; i++)
        if (list_entry_is_elsewhere(arena, &reference, &entries.items[i]))
            printf("Pushed ref %s@%s with digest: %s\n", reference_repository(arena, &reference),
                   entries.items[i].digest, entries.items[i].digest);
    puts(digest);
    return flags->purge && manifest_list_remove(&engine->store, list, err) < 0 ? -1 : 0;
}

// rm

int run_manifest_rm(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    struct reference reference;
    const char *list;
    if (named(&invocation->arena, name, &reference, &list, err)) return -1;
    int r = manifest_list_remove(&engine->store, list, err);
    return r < 0 ? -1 : r == 0 ? no_such(list, err) : 0;
}
