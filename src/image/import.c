// SPDX-License-Identifier: Apache-2.0
// An image out of one tar that is here already. Its documents are written by hoy, so only the tar itself goes
// to the worker.
#include "image/pull.h"

#include "base/fd.h"
#include "image/commit.h"
#include "image/fetcher.h"
#include "image/staging.h"
#include "oci/image_write.h"
#include "registry/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct import {
    struct store *store;
    struct arena arena;
    struct staging staging;
    struct manifest manifest;
    struct image_config config;
    struct commit commit;
    char diff_id[DIGEST_SIZE], config_digest[DIGEST_SIZE], manifest_digest[DIGEST_SIZE];
    uint64_t size;
    bool have[1];
};

static void import_finish(struct import *import) {
    staging_remove(&import->staging);
    arena_finish(&import->arena);
}

// Copies the tar into the staging directory, and knows its digest after.
static int tar_stage(struct import *import, int tar_fd, struct err *err) {
    struct stat st;
    if (fstat(tar_fd, &st) || st.st_size <= 0) return err_set(err, ERR_INVALID, 0, "the tar is empty");
    import->size = (uint64_t)st.st_size;
    void *bytes = mmap(NULL, import->size, PROT_READ, MAP_PRIVATE, tar_fd, 0);
    if (bytes == MAP_FAILED) return err_set(err, ERR_SYSTEM, errno, "can't read the tar");
    digest_of(bytes, import->size, import->diff_id);
    const char *name = arena_printf(&import->arena, "%s.tar", digest_hex(import->diff_id));
    _cleanup_(fd_closep) int fd =
        fd_open_at(import->staging.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    int r = fd < 0 ? fd : fd_write_all(fd, bytes, import->size);
    munmap(bytes, import->size);
    return r < 0 ? err_set(err, ERR_SYSTEM, -r, "can't copy the tar") : 0;
}

static int put_member(const char *key, const struct json *value, void *data) {
    json_put_value(data, key, value);
    return 0;
}

static int config_make(struct import *import, const char *template, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    if (json_parse(template, strlen(template), &json) || !json_is_object(json))
        return err_set(err, ERR_INVALID, 0, "the config's template is no JSON object");
    json_begin_object(&w, NULL);
    json_each(json, put_member, &w);
    json_begin_object(&w, "rootfs");
    json_put_string(&w, "type", "layers");
    json_begin_array(&w, "diff_ids");
    json_put_string(&w, NULL, import->diff_id);
    json_end_array(&w);
    json_end_object(&w);
    json_end_object(&w);
    import->commit.config_text = arena_strdup(&import->arena, str_get(&w.text));
    digest_of(w.text.data, w.text.len, import->config_digest);
    return image_config_parse(&import->arena, import->commit.config_text, w.text.len, &import->config, err);
}

static int manifest_make(struct import *import, struct err *err) {
    const char *text = import->commit.config_text;
    struct descriptor layer = {.media_type = OCI_LAYER_TYPE, .digest = import->diff_id, .size = import->size};
    const struct descriptor config = {
        .media_type = OCI_CONFIG_TYPE, .digest = import->config_digest, .size = strlen(text)};
    text = manifest_write(&import->arena, &config, &(struct descriptors){&layer, 1});
    import->commit.manifest_text = text;
    digest_of(text, strlen(text), import->manifest_digest);
    return manifest_parse(&import->arena, text, strlen(text), OCI_MANIFEST_TYPE, &import->manifest, err);
}

static int index_make(struct import *import, int tar_fd, struct err *err) {
    _cleanup_(fetcher_finish) struct fetcher fetcher = FETCHER_INIT;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    _cleanup_(json_freep) struct json *event = NULL;
    _cleanup_(fd_closep) int directory = fd_open_at(import->staging.fd, ".", O_RDONLY | O_DIRECTORY, 0);
    if (directory < 0) return err_set(err, ERR_SYSTEM, -directory, "can't open the staging directory");
    json_begin_object(&w, NULL);
    json_put_string(&w, "driver", import->store->driver);
    json_end_object(&w);
    if (fetcher_start(&fetcher, "import", directory, -1, err) || fetcher_send(&fetcher, &w, tar_fd, err))
        return -1;
    return fetcher_receive(&fetcher, &event, err) || fetcher_wait(&fetcher, err) ? -1 : 0;
}

// One import at a time, and only the first of many does the work: the others find the image. 1 when it is
// there.
static int wait_for_others(struct import *import, struct err *err) {
    while (flock(import->staging.tmp, LOCK_EX))
        if (errno != EINTR) return err_set(err, ERR_SYSTEM, errno, "can't lock %s/tmp", import->store->root);
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(import->store->db, &rows, err, "SELECT 1 FROM image WHERE id = ?", "s",
                 import->config_digest))
        return -1;
    return db_next(&rows, err);
}

int image_import_tar(struct store *store, int tar_fd, const char *config_template, const char *name,
                     struct err *err) {
    _cleanup_(import_finish) struct import import = {.store = store, .staging = {.tmp = -1, .fd = -1}};
    struct commit *c = &import.commit;
    if (image_clean_staging(store, err) || staging_make(store, &import.staging, err)) return -1;
    if (tar_stage(&import, tar_fd, err) || config_make(&import, config_template, err)) return -1;
    c->store = store;
    c->id = import.config_digest;
    c->name = name;
    int known = wait_for_others(&import, err);
    if (known) return known == 1 ? commit_names(c, err) : known < 0 ? -1 : 0;
    if (manifest_make(&import, err)) return -1;
    c->index = str_eq(store->driver, "erofs") ? STAGED_EROFS : NULL;
    if (c->index && index_make(&import, tar_fd, err)) return -1;
    c->staging = &import.staging;
    c->manifest_digest = import.manifest_digest;
    c->manifest = &import.manifest;
    c->config = &import.config;
    c->have = import.have;
    return commit_image(c, err);
}
