// SPDX-License-Identifier: Apache-2.0
// All that the archive is going to say is known before it begins: the documents come first, then each blob
// once. The bytes of layers go from the store's files to the output inside the kernel.
//
// An image whose blobs were all kept as they were served (blob.h) goes out with these and with the manifest
// that it came with: its digest stays, wherever it is loaded. Any other goes with its tars and a manifest
// that lists them.
#include "base/fd.h"
#include "base/tar_header.h"
#include "image/archive.h"
#include "image/blob.h"
#include "image/event.h"
#include "oci/image_write.h"
#include "registry/reference.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define OCI_LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define BLOBS      "blobs/sha256/"

struct saved_image {
    struct image image;
    struct strings names; // full; those that it was asked for by
    const char *manifest, *manifest_digest, *media_type;
    struct descriptors layers;
    bool kept; // they are blobs as they were served
};

struct save {
    struct store *store;
    struct arena *arena;
    int out;
    struct {
        struct saved_image *items;
        size_t count;
    } images;
    struct strings written; // digests of blobs
};

// What is asked for

static void names_add(struct arena *arena, struct strings *list, const char *name) {
    if (!strings_have(list, name)) strings_add(arena, list, name);
}

// name is full, or NULL.
static void image_add(struct save *save, const struct image *image, const char *name) {
    struct saved_image *saved = NULL;
    for (size_t i = 0; i < save->images.count && !saved; i++)
        if (str_eq(save->images.items[i].image.id, image->id)) saved = &save->images.items[i];
    if (!saved) {
        saved = arena_push(save->arena, &save->images);
        saved->image = *image;
    }
    if (name) names_add(save->arena, &saved->names, name);
}

// How many tags the repository has.
static int repository_add(struct save *save, const char *repository, size_t *ret_count, struct err *err) {
    const char *low = arena_printf(save->arena, "%s:", repository);
    const char *high = arena_printf(save->arena, "%s;", repository); // the character after the colon
    struct strings names = {0};
    int r =
        db_texts(save->store->db, save->arena, &names, err,
                 "SELECT name FROM image_name WHERE name > ? AND name < ? ORDER BY name", "ss", low, high);
    for (size_t i = 0; !r && i < names.count; i++) {
        struct image image;
        r = image_find(save->store, save->arena, names.items[i], &image, err);
        if (!r) image_add(save, &image, names.items[i]);
    }
    *ret_count = names.count;
    return r;
}

static int name_add(struct save *save, const char *name, struct err *err) {
    struct reference reference;
    struct image image;
    struct err ignored;
    size_t count = 0;
    const char *slash = strrchr(name, '/'), *full = NULL;
    bool is_name = !reference_parse(save->arena, name, &reference, &ignored);
    bool has_version = strpbrk(slash ? slash : name, ":@");
    if (is_name && !has_version &&
        repository_add(save, reference_repository(save->arena, &reference), &count, err))
        return -1;
    if (count) return 0;
    if (image_find(save->store, save->arena, name, &image, err)) return -1;
    if (is_name && !reference.digest) full = reference_full(save->arena, &reference);
    image_add(save, &image, full && strings_have(&image.names, full) ? full : NULL);
    return 0;
}

static int platforms_check(const struct save_options *options, const char *name, struct save *save,
                           struct err *err) {
    for (size_t i = 0; i < save->images.count; i++)
        if (platform_check(save->arena, options->platform, name, &save->images.items[i].image.config, err))
            return -1;
    return 0;
}

// Its layers and its manifest

static int layer_open(const struct save *save, const char *diff_id, struct stat *ret_stat, struct err *err) {
    const char *path = arena_printf(save->arena, "layers/%s", digest_hex(diff_id));
    _cleanup_(fd_closep) int fd = fd_open_at(save->store->root_fd, path, O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0 || fstat(fd, ret_stat))
        return err_set(err, ERR_SYSTEM, fd < 0 ? -fd : errno, "can't read %s/%s", save->store->root, path);
    if (S_ISREG(ret_stat->st_mode)) return take_fd(&fd);
    fd_closep(&fd);
    int r = blob_open(save->store, diff_id, &fd, err);
    if (!r)
        err_set(err, ERR_CONFLICT, 0,
                "the storage driver \"dir\" keeps layers as directories, from which their tars can't be made "
                "again byte for byte, and no blob of layer %.19s was kept: pull the image that it is of with "
                "hoy pull --keep-blobs, or use the driver \"erofs\", which keeps tars",
                diff_id);
    if (r <= 0) return -1;
    return fstat(fd, ret_stat) ? err_set(err, ERR_SYSTEM, errno, "can't look at layer %.19s", diff_id)
                               : take_fd(&fd);
}

static int tars_prepare(struct save *save, struct saved_image *saved, struct err *err) {
    const struct strings *ids = &saved->image.config.diff_ids;
    const char *text = saved->image.config_text;
    char digest[DIGEST_SIZE];
    for (size_t i = 0; i < ids->count; i++) {
        struct stat st;
        _cleanup_(fd_closep) int fd = layer_open(save, ids->items[i], &st, err);
        if (fd < 0) return -1;
        *arena_push(save->arena, &saved->layers) = (struct descriptor){
            .media_type = OCI_LAYER_TYPE, .digest = ids->items[i], .size = (uint64_t)st.st_size};
    }
    const struct descriptor config = {
        .media_type = OCI_CONFIG_TYPE, .digest = saved->image.id, .size = strlen(text)};
    saved->media_type = OCI_MANIFEST_TYPE;
    saved->manifest = manifest_write(save->arena, &config, &saved->layers);
    digest_of(saved->manifest, strlen(saved->manifest), digest);
    saved->manifest_digest = arena_strdup(save->arena, digest);
    return 0;
}

// 1; 0 when not all of them are kept.
static int kept_find(struct save *save, struct saved_image *saved, struct err *err) {
    const struct image *image = &saved->image;
    struct manifest manifest;
    if (manifest_parse(save->arena, image->manifest, strlen(image->manifest), image->media_type, &manifest,
                       err))
        return -1;
    for (size_t i = 0; i < manifest.layers.count; i++) {
        _cleanup_(fd_closep) int fd = -1;
        int r = blob_open(save->store, manifest.layers.items[i].digest, &fd, err);
        if (r <= 0) return r;
    }
    if (!manifest.layers.count) return 0;
    saved->manifest = image->manifest;
    saved->manifest_digest = image->manifest_digest;
    saved->media_type = image->media_type;
    saved->layers = manifest.layers;
    saved->kept = true;
    return 1;
}

static int image_prepare(struct save *save, struct saved_image *saved, struct err *err) {
    int kept = kept_find(save, saved, err);
    return kept ? (kept < 0 ? -1 : 0) : tars_prepare(save, saved, err);
}

// The documents that list everything

static void put_manifest(struct save *save, struct json_writer *w, const struct saved_image *saved,
                         const char *name) {
    struct descriptor d = {
        .media_type = saved->media_type, .digest = saved->manifest_digest, .size = strlen(saved->manifest)};
    struct reference reference;
    struct err ignored;
    if (name && !reference_parse(save->arena, name, &reference, &ignored)) {
        d.image_name = name;
        d.ref_name = reference.tag;
    }
    descriptor_write(w, NULL, &d);
}

static void write_index(struct save *save, struct json_writer *w) {
    json_begin_object(w, NULL);
    json_put_u64(w, "schemaVersion", 2);
    json_put_string(w, "mediaType", OCI_INDEX_TYPE);
    json_begin_array(w, "manifests");
    for (size_t i = 0; i < save->images.count; i++) {
        const struct saved_image *saved = &save->images.items[i];
        for (size_t j = 0; j < saved->names.count; j++) put_manifest(save, w, saved, saved->names.items[j]);
        if (!saved->names.count) put_manifest(save, w, saved, NULL);
    }
    json_end_array(w);
    json_end_object(w);
}

static const char *member_path(struct save *save, const char *digest) {
    return arena_printf(save->arena, BLOBS "%s", digest_hex(digest));
}

static void write_tags(struct save *save, struct json_writer *w, const struct strings *names) {
    if (!names->count) return json_put_null(w, "RepoTags");
    json_begin_array(w, "RepoTags");
    for (size_t i = 0; i < names->count; i++) {
        struct reference reference;
        struct err ignored;
        if (!reference_parse(save->arena, names->items[i], &reference, &ignored))
            json_put_string(w, NULL, reference_familiar(save->arena, &reference));
    }
    json_end_array(w);
}

static void write_docker(struct save *save, struct json_writer *w) {
    json_begin_array(w, NULL);
    for (size_t i = 0; i < save->images.count; i++) {
        const struct saved_image *saved = &save->images.items[i];
        json_begin_object(w, NULL);
        json_put_string(w, "Config", member_path(save, saved->image.id));
        write_tags(save, w, &saved->names);
        json_begin_array(w, "Layers");
        for (size_t j = 0; j < saved->layers.count; j++)
            json_put_string(w, NULL, member_path(save, saved->layers.items[j].digest));
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
}

// The tar

static int write_all(const struct save *save, const void *bytes, size_t size, struct err *err) {
    int r = fd_write_all(save->out, bytes, size);
    return r ? err_set(err, ERR_SYSTEM, -r, "can't write the archive") : 0;
}

static int put_header(const struct save *save, const char *name, char type, uint64_t size, struct err *err) {
    char block[TAR_HEADER_SIZE];
    const struct tar_header header = {
        .name = name, .type = type, .mode = type == '5' ? 0755 : 0644, .size = size};
    tar_header_write(&header, block);
    return write_all(save, block, sizeof block, err);
}

static int put_padding(const struct save *save, uint64_t size, struct err *err) {
    static const char zeros[TAR_HEADER_SIZE];
    return write_all(save, zeros, tar_padding(size), err);
}

static int put_text(const struct save *save, const char *name, const char *text, struct err *err) {
    size_t size = strlen(text);
    return put_header(save, name, '0', size, err) || write_all(save, text, size, err) ||
                   put_padding(save, size, err)
               ? -1
               : 0;
}

// sendfile() does not take every output: none that is open for appending.
static ssize_t copy_some(int out, int in, size_t size) {
    char block[65536];
    ssize_t n = sendfile(out, in, NULL, size);
    if (n >= 0 || (errno != EINVAL && errno != ENOSYS)) return n;
    n = read(in, block, size < sizeof block ? size : sizeof block);
    int r = n > 0 ? fd_write_all(out, block, (size_t)n) : 0;
    if (r) errno = -r;
    return r ? -1 : n;
}

static int bytes_open(const struct save *save, const struct saved_image *saved, const char *digest,
                      struct err *err) {
    struct stat st;
    int fd = -1;
    if (!saved->kept) return layer_open(save, digest, &st, err);
    int r = blob_open(save->store, digest, &fd, err);
    return r ? (r < 0 ? -1 : fd)
             : err_set(err, ERR_CONFLICT, 0, "blob %.19s was just removed: try again", digest);
}

static int put_layer(struct save *save, const struct saved_image *saved, const struct descriptor *layer,
                     struct err *err) {
    _cleanup_(fd_closep) int fd = bytes_open(save, saved, layer->digest, err);
    if (fd < 0 || put_header(save, member_path(save, layer->digest), '0', layer->size, err)) return -1;
    for (uint64_t left = layer->size; left;) {
        ssize_t n = copy_some(save->out, fd, left < (1u << 30) ? (size_t)left : 1u << 30);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(err, ERR_SYSTEM, errno, "can't write the archive");
        if (n == 0)
            return err_set(err, ERR_SYSTEM, 0, "layer %.19s is shorter than it was when it came",
                           layer->digest);
        left -= (uint64_t)n;
    }
    return put_padding(save, layer->size, err);
}

static bool is_written(struct save *save, const char *digest) {
    size_t before = save->written.count;
    names_add(save->arena, &save->written, digest);
    return save->written.count == before;
}

static int put_image(struct save *save, const struct saved_image *saved, struct err *err) {
    if (put_text(save, member_path(save, saved->manifest_digest), saved->manifest, err) ||
        put_text(save, member_path(save, saved->image.id), saved->image.config_text, err))
        return -1;
    for (size_t i = 0; i < saved->layers.count; i++) {
        const struct descriptor *layer = &saved->layers.items[i];
        if (!is_written(save, layer->digest) && put_layer(save, saved, layer, err)) return -1;
    }
    return 0;
}

static int archive_write(struct save *save, struct err *err) {
    static const char end[2 * TAR_HEADER_SIZE];
    _cleanup_(json_writer_finish) struct json_writer index = {0};
    _cleanup_(json_writer_finish) struct json_writer docker = {0};
    write_index(save, &index);
    write_docker(save, &docker);
    if (put_text(save, "oci-layout", OCI_LAYOUT, err) ||
        put_text(save, "index.json", str_get(&index.text), err) ||
        put_text(save, "manifest.json", str_get(&docker.text), err) ||
        put_header(save, "blobs/", '5', 0, err) || put_header(save, BLOBS, '5', 0, err))
        return -1;
    for (size_t i = 0; i < save->images.count; i++)
        if (put_image(save, &save->images.items[i], err)) return -1;
    return write_all(save, end, sizeof end, err);
}

int image_save(struct store *store, struct arena *arena, const struct save_options *options,
               struct err *err) {
    struct save save = {.store = store, .arena = arena, .out = options->out};
    for (size_t i = 0; i < options->names.count; i++) {
        const char *name = options->names.items[i];
        if (name_add(&save, name, err) || platforms_check(options, name, &save, err)) return -1;
    }
    for (size_t i = 0; i < save.images.count; i++)
        if (image_prepare(&save, &save.images.items[i], err)) {
            const struct saved_image *saved = &save.images.items[i];
            return err_wrap(err, "save %s", saved->names.count ? saved->names.items[0] : saved->image.id);
        }
    if (archive_write(&save, err)) return -1;
    for (size_t i = 0; i < save.images.count; i++) {
        const struct image *image = &save.images.items[i].image;
        image_event(store, "save", image->id, image->id, &image->config);
    }
    return 0;
}
