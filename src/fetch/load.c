// SPDX-License-Identifier: Apache-2.0
// An archive of images: first all of it goes into the staging directory (members.h), then its documents say
// what it is. An OCI layout has index.json, with a name and a manifest (or an index over several platforms)
// for each image; docker save's form has manifest.json, with paths of a config and layers, and no manifest:
// that is made here. Where both are there, as docker save and hoy save write them, the first says more.
//
// Then image by image as in a pull, but for where the bytes are.
#include "base/fd.h"
#include "fetch/image.h"
#include "fetch/members.h"
#include "oci/image_write.h"
#include "registry/reference.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IMAGES_MAX    1024
#define NAMES_MAX     128         // of an image
#define MANIFESTS_MAX (64u << 20) // bytes of all of them
#define DEPTH_MAX     4           // of indexes in indexes
#define MAGIC_SIZE    6

struct found_image {
    const char *text; // its manifest
    size_t size;
    char digest[DIGEST_SIZE];
    struct strings names; // full
};

struct load {
    struct worker *worker;
    struct arena arena;
    struct archive_members members;
    struct platform platform;
    bool platform_asked; // else it is the host's
    struct {
        struct found_image *items;
        size_t count;
    } images;
    size_t manifest_bytes;
};

static int invalid(struct err *err, const char *what) {
    return err_set(err, ERR_INVALID, 0, "the archive is invalid: %s", what);
}

static int no_platform(const struct load *load, struct err *err) {
    const struct platform *p = &load->platform;
    return err_set(err, ERR_NOT_FOUND, 0, "the archive has no image for %s/%s%s%s", p->os, p->architecture,
                   p->variant ? "/" : "", p->variant ? p->variant : "");
}

// The list of images

// What stays in memory.
static int manifest_count(struct load *load, size_t size, struct err *err) {
    load->manifest_bytes += size;
    if (load->manifest_bytes <= MANIFESTS_MAX) return 0;
    return err_set(err, ERR_INVALID, 0, "the archive has more than %u MiB of manifests", MANIFESTS_MAX >> 20);
}

// text is in the arena. The same manifest twice is one image.
static int found_add(struct load *load, const char *text, size_t size, struct found_image **ret_image,
                     struct err *err) {
    char digest[DIGEST_SIZE];
    digest_of(text, size, digest);
    for (size_t i = 0; i < load->images.count; i++)
        if (str_eq(load->images.items[i].digest, digest)) return *ret_image = &load->images.items[i], 0;
    if (load->images.count == IMAGES_MAX)
        return err_set(err, ERR_INVALID, 0, "the archive has more than %d images", IMAGES_MAX);
    struct found_image *image = *ret_image = arena_push(&load->arena, &load->images);
    *image = (struct found_image){.text = text, .size = size};
    memcpy(image->digest, digest, sizeof digest);
    return 0;
}

// A name that is a digest's says nothing that the digest does not.
static int name_add(struct load *load, struct found_image *image, const char *name, struct err *err) {
    struct reference reference;
    if (reference_parse(&load->arena, name, &reference, err))
        return err_wrap(err, "the archive calls an image \"%.200s\"", name);
    if (reference.digest) return 0;
    if (image->names.count == NAMES_MAX) return invalid(err, "an image has too many names");
    strings_add(&load->arena, &image->names, reference_full(&load->arena, &reference));
    return 0;
}

// OCI layout

static int document_read(struct load *load, const struct descriptor *d, struct manifest *ret_manifest,
                         const char **ret_text, struct err *err) {
    size_t size;
    if (blob_read(load->worker, &load->arena, d->digest, "a manifest", ret_text, &size, err)) return -1;
    if (size != d->size) return invalid(err, "a manifest has another size than the index says");
    if (manifest_count(load, size, err)) return -1;
    return manifest_parse(&load->arena, *ret_text, size, d->media_type, ret_manifest, err);
}

// Of what an index lists the archive may have a part.
static const struct descriptor *choose(struct load *load, const struct manifest *index, struct err *err) {
    struct manifest there = {
        .manifests = {.items = arena_array(&load->arena, struct descriptor, index->manifests.count + 1)}};
    for (size_t i = 0; i < index->manifests.count; i++) {
        const struct descriptor *d = &index->manifests.items[i];
        if (!d->attestation && blob_exists(load->worker, d->digest))
            there.manifests.items[there.manifests.count++] = *d;
    }
    const struct descriptor *only = there.manifests.items, *chosen = index_choose(&there, &load->platform);
    if (!there.manifests.count) return invalid(err, "an index leads to nothing that is in it"), NULL;
    if (!chosen && there.manifests.count == 1 && (!load->platform_asked || !only->platform.os)) chosen = only;
    if (!chosen) no_platform(load, err);
    return chosen;
}

// Through indexes to a manifest.
static int entry_follow(struct load *load, const struct descriptor *d, const char **ret_text,
                        size_t *ret_size, struct err *err) {
    struct manifest manifest;
    for (int depth = 0; depth <= DEPTH_MAX; depth++) {
        if (document_read(load, d, &manifest, ret_text, err)) return -1;
        *ret_size = d->size;
        if (!manifest.is_index) return 0;
        d = choose(load, &manifest, err);
        if (!d) return -1;
    }
    return err_set(err, ERR_INVALID, 0, "the archive is invalid: it has indexes nested more than %d deep",
                   DEPTH_MAX);
}

// What an entry of index.json is called: its full name, or what has a tag at least. A tag alone names
// nothing.
static const char *entry_name(const struct descriptor *d) {
    if (d->image_name) return d->image_name;
    return d->ref_name && strchr(d->ref_name, ':') ? d->ref_name : NULL;
}

static bool entry_fits(const struct load *load, const struct descriptor *d) {
    const struct manifest alone = {.manifests = {(struct descriptor *)d, 1}};
    return !d->platform.os || index_choose(&alone, &load->platform);
}

// Is it one of several platforms' manifests by one name, and the others' turn?
static bool entry_is_passed_over(const struct load *load, const struct manifest *index, size_t i) {
    const struct descriptor *d = &index->manifests.items[i];
    const char *name = entry_name(d);
    if (d->attestation) return true;
    for (size_t j = 0; j < index->manifests.count && !entry_fits(load, d); j++) {
        const struct descriptor *other = &index->manifests.items[j];
        const char *other_name = entry_name(other);
        bool same = name ? str_eq(name, other_name) : !other_name;
        if (j != i && same && entry_fits(load, other)) return true;
    }
    return false;
}

static int entry_add(struct load *load, const struct descriptor *d, struct err *err) {
    const char *text, *name = entry_name(d);
    struct found_image *image;
    size_t size;
    if (entry_follow(load, d, &text, &size, err) || found_add(load, text, size, &image, err)) return -1;
    if (d->image_name) return name_add(load, image, name, err);
    struct err ignored; // the other annotation may be anything
    if (name) name_add(load, image, name, &ignored);
    return 0;
}

static int list_oci(struct load *load, const struct archive_member *member, struct err *err) {
    const char *text;
    size_t size;
    struct manifest index;
    if (blob_read(load->worker, &load->arena, member->digest, "index.json", &text, &size, err)) return -1;
    if (manifest_parse(&load->arena, text, size, NULL, &index, err)) return err_wrap(err, "index.json");
    if (!index.is_index) return invalid(err, "index.json is no index");
    for (size_t i = 0; i < index.manifests.count; i++)
        if (!entry_is_passed_over(load, &index, i) && entry_add(load, &index.manifests.items[i], err))
            return -1;
    return 0;
}

// docker save

static int compression_look(struct load *load, const struct archive_member *member, const char **ret_type,
                            struct err *err) {
    static const struct {
        const char *magic, *type;
        size_t size;
    } types[] = {{"\x1f\x8b", OCI_LAYER_TYPE "+gzip", 2}, {"\x28\xb5\x2f\xfd", OCI_LAYER_TYPE "+zstd", 4}};
    uint64_t size;
    char magic[MAGIC_SIZE] = {0};
    _cleanup_(fd_closep) int fd = blob_open(load->worker, member->digest, "a layer", &size, err);
    if (fd < 0) return -1;
    ssize_t n = fd_read_full(fd, magic, sizeof magic);
    if (n < 0) return err_set(err, ERR_SYSTEM, (int)-n, "can't read a layer");
    *ret_type = OCI_LAYER_TYPE;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (memcmp(magic, types[i].magic, types[i].size) == 0) *ret_type = types[i].type;
    return 0;
}

static int layers_read(struct load *load, const struct json *list, struct descriptors *layers,
                       struct err *err) {
    if (json_length(list) > IMAGE_LAYERS_MAX) return invalid(err, "an image has too many layers");
    for (size_t i = 0; i < json_length(list); i++) {
        const char *path = json_string(json_at(list, i)), *type;
        if (!path) return invalid(err, "manifest.json names a layer by what is no string");
        const struct archive_member *member = members_find(&load->members, path, err);
        if (!member || compression_look(load, member, &type, err)) return -1;
        *arena_push(&load->arena, layers) =
            (struct descriptor){.media_type = type, .digest = member->digest, .size = member->size};
    }
    return 0;
}

static int tags_read(struct load *load, const struct json *tags, struct found_image *image, struct err *err) {
    for (size_t i = 0; i < json_length(tags); i++) {
        const char *tag = json_string(json_at(tags, i));
        if (!tag) return invalid(err, "manifest.json has a tag that is no string");
        if (!str_eq(tag, "<none>:<none>") && name_add(load, image, tag, err)) return -1;
    }
    return 0;
}

static int docker_entry_add(struct load *load, const struct json *entry, struct err *err) {
    const char *path = json_get_string(entry, "Config");
    const struct json *list = json_get(entry, "Layers");
    struct descriptors layers = {0};
    struct found_image *image;
    if (!path || (!json_is_array(list) && !json_is_null(list)))
        return invalid(err, "manifest.json has an image without config or layers");
    const struct archive_member *config = members_find(&load->members, path, err);
    if (!config || layers_read(load, list, &layers, err)) return -1;
    const struct descriptor d = {
        .media_type = OCI_CONFIG_TYPE, .digest = config->digest, .size = config->size};
    const char *text = manifest_write(&load->arena, &d, &layers);
    if (manifest_count(load, strlen(text), err) || found_add(load, text, strlen(text), &image, err))
        return -1;
    return tags_read(load, json_get(entry, "RepoTags"), image, err);
}

static int list_docker(struct load *load, const struct archive_member *member, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    const char *text;
    size_t size;
    if (blob_read(load->worker, &load->arena, member->digest, "manifest.json", &text, &size, err)) return -1;
    if (json_parse(text, size, &json) || !json_is_array(json))
        return invalid(err, "manifest.json is no JSON array");
    for (size_t i = 0; i < json_length(json); i++)
        if (docker_entry_add(load, json_at(json, i), err)) return -1;
    return 0;
}

static int list(struct load *load, struct err *err) {
    const struct archive_member *member;
    struct err ignored;
    int r;
    if (!load->members.count) return err_set(err, ERR_INVALID, 0, "the archive is empty");
    if ((member = members_find(&load->members, "index.json", &ignored)))
        r = list_oci(load, member, err);
    else if ((member = members_find(&load->members, "manifest.json", &ignored)))
        r = list_docker(load, member, err);
    else
        return err_set(err, ERR_INVALID, 0,
                       "the archive is of no images: it has neither index.json (an OCI layout) nor "
                       "manifest.json (docker save)");
    if (!r && !load->images.count) return invalid(err, "it lists no image");
    return r;
}

// An image

struct delivery {
    struct load *load;
    struct arena arena;
    const struct found_image *found;
    struct manifest manifest;
    struct image_config config;
    struct layers layers;
};

static void delivery_finish(struct delivery *delivery) {
    for (size_t i = 0; i < delivery->layers.count; i++) fd_closep(&delivery->layers.items[i].have_fd);
    arena_finish(&delivery->arena);
}

// Instead of the one of the image before.
static int document_write(struct load *load, const char *name, const char *text, size_t size,
                          struct err *err) {
    if (unlinkat(load->worker->staging, name, 0) && errno != ENOENT)
        return err_set(err, ERR_SYSTEM, errno, "can't write %s", name);
    return worker_write(load->worker, name, text, size, err);
}

static int config_get(struct delivery *delivery, struct err *err) {
    struct load *load = delivery->load;
    const char *text;
    size_t size;
    if (blob_read(load->worker, &delivery->arena, delivery->manifest.config.digest, "the image's config",
                  &text, &size, err) ||
        image_config_parse(&delivery->arena, text, size, &delivery->config, err))
        return -1;
    if (size != delivery->manifest.config.size)
        return invalid(err, "a config has another size than the manifest says");
    if (delivery->config.diff_ids.count != delivery->manifest.layers.count)
        return err_set(err, ERR_INVALID, 0, "the image's manifest has %zu layers, its config %zu",
                       delivery->manifest.layers.count, delivery->config.diff_ids.count);
    if (load->platform_asked && !platform_matches(&load->platform, &delivery->config))
        return no_platform(load, err);
    return document_write(load, STAGED_CONFIG, text, size, err);
}

static int read_blob(void *data, const struct descriptor *blob, const struct registry_sink *sink,
                     struct err *err) {
    const struct load *load = data;
    char block[65536];
    uint64_t size;
    _cleanup_(fd_closep) int fd = blob_open(load->worker, blob->digest, "a layer", &size, err);
    if (fd < 0) return -1;
    if (size != blob->size) return invalid(err, "a layer has another size than the manifest says");
    if (lseek(fd, (off_t)sink->have, SEEK_SET) < 0)
        return err_set(err, ERR_SYSTEM, errno, "can't read a layer");
    for (ssize_t n; (n = fd_read_full(fd, block, sizeof block));) {
        if (n < 0) return err_set(err, ERR_SYSTEM, (int)-n, "can't read a layer");
        if (sink->body(block, (size_t)n, sink->data, err)) return -1;
    }
    return 0;
}

// A plain tar is what it is to become, and only gets the name of it; where an image before had the layer
// compressed, that of a blob that is kept.
static int layer_plain(const struct load *load, const struct layer *layer, bool had, struct err *err) {
    char blob[BLOB_NAME_SIZE], to[ID_SIZE + sizeof STAGED_PART];
    int staging = load->worker->staging;
    if (!str_eq(layer->blob->digest, layer->diff_id))
        return err_set(err, ERR_INVALID, 0, "its diff id is %s, the image's config says %s",
                       layer->blob->digest, layer->diff_id);
    snprintf(to, sizeof to, "%s%s", digest_hex(layer->diff_id), had ? STAGED_PART : ".tar");
    if (renameat(staging, blob_name(layer->blob->digest, blob), staging, to))
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, 0, "the archive lacks it")
                               : err_set(err, ERR_SYSTEM, errno, "can't name it");
    if (!load->worker->erofs && !had) layer_tell_staged(load->worker, layer, -1);
    return 0;
}

static int layer_get(struct load *load, struct layer *layer, struct err *err) {
    const struct layer_source source = {read_blob, load, "the archive"};
    enum layer_compression compression;
    char name[LAYER_NAME_SIZE], blob[BLOB_NAME_SIZE];
    // An image before had it, and this very blob where blobs are kept.
    bool had = !faccessat(load->worker->staging, layer_name(layer->diff_id, name), F_OK, AT_SYMLINK_NOFOLLOW);
    if (had && (!load->worker->keep_blobs || !blob_exists(load->worker, layer->blob->digest))) return 0;
    if (!layer_compression_of(layer->blob->media_type, &compression) && compression == LAYER_PLAIN)
        return layer_plain(load, layer, had, err) ? err_wrap(err, "layer %.19s", layer->diff_id) : 0;
    layer->staged = had;
    if (layer_fetch(load->worker, &source, 1, layer, err)) return -1;
    unlinkat(load->worker->staging, blob_name(layer->blob->digest, blob), 0);
    return 0;
}

static int layers_get(struct delivery *delivery, struct err *err) {
    struct layers *layers = &delivery->layers;
    struct worker *worker = delivery->load->worker;
    layers_list(&delivery->arena, &delivery->manifest, &delivery->config, layers);
    const char *index = layers_ask(worker, &delivery->arena, layers);
    for (size_t i = 0; i < layers->count; i++) {
        struct layer *layer = &layers->items[i];
        if (layer->have_fd >= 0 || layer->repeated) continue;
        if (layer_get(delivery->load, layer, err)) return -1;
        layer_tell_complete(worker, layer);
    }
    return index ? layers_index(worker, layers, index, err) : 0;
}

static int deliver(struct load *load, const struct found_image *found, struct err *err) {
    _cleanup_(delivery_finish) struct delivery delivery = {.load = load, .arena = ARENA_INIT, .found = found};
    struct manifest *manifest = &delivery.manifest;
    if (manifest_parse(&delivery.arena, found->text, found->size, NULL, manifest, err) ||
        layers_check(load->worker, manifest, err) || config_get(&delivery, err) ||
        document_write(load, STAGED_MANIFEST, found->text, found->size, err))
        return -1;
    const struct image_claim claim = {.digest = found->digest,
                                      .manifest_digest = found->digest,
                                      .id = manifest->config.digest,
                                      .names = &found->names};
    if (image_tell_resolved(load->worker, &claim, 0, NULL) && layers_get(&delivery, err)) return -1;
    worker_event(load->worker, "image");
    return 0;
}

int load_run(struct worker *worker, const struct json *request, int archive_fd, struct err *err) {
    struct load load = {.worker = worker, .arena = ARENA_INIT};
    const struct json *p = json_get(request, "platform");
    load.platform = (struct platform){.os = json_get_string(p, "os"),
                                      .architecture = json_get_string(p, "architecture"),
                                      .variant = json_get_string(p, "variant")};
    load.platform_asked = json_boolean(json_get(request, "platform_asked"));
    if (!load.platform.os || !load.platform.architecture || archive_fd < 0)
        return err_set(err, ERR_INVALID, 0, "the request is incomplete");
    if (members_stage(worker, &load.arena, archive_fd, &load.members, err) || list(&load, err)) return -1;
    for (size_t i = 0; i < load.images.count; i++)
        if (deliver(&load, &load.images.items[i], err)) return -1;
    worker_event(worker, "done");
    return 0;
}
