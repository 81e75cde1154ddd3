// SPDX-License-Identifier: Apache-2.0
// An image out of one tar. Its documents are written by hoy, so only the tar itself goes to the worker.
#include "image/import.h"

#include "base/clock.h"
#include "base/fd.h"
#include "image/compose.h"
#include "image/event.h"
#include "image/fetcher.h"
#include "image/intake.h"
#include "image/policy.h"
#include "image/pull.h"
#include "oci/change.h"
#include "oci/image_write.h"
#include "registry/challenge.h"
#include "registry/channel.h"
#include "registry/reference.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// One that hoy has itself

// Copies the tar into the staging directory, and knows its digest after.
static int tar_stage(struct compose *compose, int tar_fd, struct err *err) {
    struct stat st;
    char diff_id[DIGEST_SIZE];
    if (fstat(tar_fd, &st) || st.st_size <= 0) return err_set(err, ERR_INVALID, 0, "the tar is empty");
    size_t size = (size_t)st.st_size;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, tar_fd, 0);
    if (bytes == MAP_FAILED) return err_set(err, ERR_SYSTEM, errno, "can't read the tar");
    digest_of(bytes, size, diff_id);
    _cleanup_(fd_closep) int fd =
        fd_open_at(compose->staging.fd, STAGED_TAR, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    int r = fd < 0 ? fd : fd_write_all(fd, bytes, size);
    munmap(bytes, size);
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "can't copy the tar");
    return compose_take_layer(compose, diff_id, size, err);
}

static int put_member(const char *key, const struct json *value, void *data) {
    json_put_value(data, key, value);
    return 0;
}

static int config_make(struct compose *compose, const char *template, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    if (json_parse(template, strlen(template), &json) || !json_is_object(json))
        return err_set(err, ERR_INVALID, 0, "the config's template is no JSON object");
    json_begin_object(&w, NULL);
    json_each(json, put_member, &w);
    json_begin_object(&w, "rootfs");
    json_put_string(&w, "type", "layers");
    json_begin_array(&w, "diff_ids");
    json_put_string(&w, NULL, compose->diff_id);
    json_end_array(&w);
    json_end_object(&w);
    json_end_object(&w);
    return compose_set_config(compose, arena_strdup(&compose->arena, str_get(&w.text)), err);
}

// One import at a time, and only the first of many does the work: the others find the image. 1 when it is
// there.
static int wait_for_others(struct compose *compose, struct err *err) {
    int r = fd_lock(compose->staging.tmp, LOCK_EX);
    if (r) return err_set(err, ERR_SYSTEM, -r, "can't lock %s/tmp", compose->store->root);
    return store_has_image(compose->store, compose->id, err);
}

int image_import_tar(struct store *store, int tar_fd, const char *config_template, const char *name,
                     const char *damaged, struct err *err) {
    _cleanup_(signals_release) _unused_ sigset_t signals = signals_hold();
    _cleanup_(compose_finish) struct compose compose = COMPOSE_INIT(store);
    if (compose_start(&compose, err) || tar_stage(&compose, tar_fd, err) ||
        config_make(&compose, config_template, err))
        return -1;
    if (damaged && !str_eq(damaged, compose.id)) return 1;
    compose.name = name;
    compose.again = damaged;
    return wait_for_others(&compose, err) < 0 ? -1 : compose_commit(&compose, err);
}

// One from outside

struct import {
    struct compose compose;
    const struct import_options *options;
    struct fetcher fetcher;
};

static void import_finish(struct import *import) {
    fetcher_kill(&import->fetcher);
    compose_finish(&import->compose);
    fetcher_finish(&import->fetcher);
}

// Checked before a byte is read.
static int make_config(struct import *import, struct image_config *config, struct err *err) {
    const struct import_options *options = import->options;
    struct arena *arena = &import->compose.arena;
    struct platform platform;
    platform_host(&platform);
    if (options->platform && platform_parse(arena, options->platform, &platform, err)) return -1;
    if (!str_eq(platform.os, "linux"))
        return err_set(err, ERR_INVALID, 0, "operating system is not supported: \"%s\"", platform.os);
    *config = (struct image_config){
        .os = platform.os, .architecture = platform.architecture, .variant = platform.variant};
    return image_changes_apply(arena, &options->changes, config, err);
}

static int check_url(struct arena *arena, const char *url, struct err *err) {
    const char *host = url_host(arena, url);
    if (!host) return err_set(err, ERR_INVALID, 0, "\"%.200s\" is no URL", url);
    if (!str_has_prefix(url, "http://") || host_is_loopback(host)) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "hoy takes no image from %s without TLS, where anybody on the way could change it: use "
                   "https, or download the file and check it",
                   host);
}

static int send_request(struct import *import, struct err *err) {
    const struct intake settings = {.store = import->compose.store};
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    if (import->options->url) json_put_string(&w, "url", import->options->url);
    if (intake_put_settings(&settings, &w, err)) return -1;
    json_end_object(&w);
    return fetcher_send(&import->fetcher, &w, import->options->url ? -1 : import->options->tar, err);
}

static int take_tar(struct import *import, const struct json *done, struct err *err) {
    uint64_t size = 0;
    json_u64(json_get(done, "size"), &size);
    import->compose.indexed = str_eq(import->compose.store->driver, "erofs");
    return compose_take_layer(&import->compose, json_get_string(done, "digest"), size, err);
}

static int fetch_tar(struct import *import, struct err *err) {
    const char *mode = import->options->url ? "download" : "tar";
    if (staging_fetch(&import->compose.staging, &import->fetcher, mode, err) || send_request(import, err))
        return -1;
    for (;;) {
        _cleanup_(json_freep) struct json *event = NULL;
        if (fetcher_receive(&import->fetcher, &event, err)) return -1;
        if (str_eq(json_get_string(event, "event"), "done"))
            return fetcher_wait(&import->fetcher, err) || take_tar(import, event, err) ? -1 : 0;
    }
}

static int set_config(struct import *import, struct image_config *config, struct err *err) {
    struct compose *compose = &import->compose;
    const struct import_options *options = import->options;
    char now[CLOCK_RFC3339_SIZE];
    strings_add(&compose->arena, &config->diff_ids, compose->diff_id);
    const struct image_document document = {.config = config,
                                            .created = clock_rfc3339(clock_wall_ns(), now),
                                            .comment = options->message
                                                           ? options->message
                                                           : arena_printf(&compose->arena, "Imported from %s",
                                                                          options->url ? options->url : "-")};
    return compose_set_config(compose, image_document_write(&compose->arena, &document), err);
}

static int run(struct import *import, struct err *err) {
    struct image_config config;
    if (import->options->url && check_url(&import->compose.arena, import->options->url, err)) return -1;
    return make_config(import, &config, err) || compose_start(&import->compose, err) ||
                   fetch_tar(import, err) || set_config(import, &config, err) ||
                   compose_commit(&import->compose, err)
               ? -1
               : 0;
}

int image_import(struct store *store, const struct import_options *options, char ret_id[static DIGEST_SIZE],
                 struct err *err) {
    if (policy_check_local("tarball", err))
        return err_wrap(err, "import %s", options->url ? options->url : options->source);
    struct import import = {.compose = COMPOSE_INIT(store), .options = options, .fetcher = FETCHER_INIT};
    import.compose.name = options->name;
    sigset_t signals = signals_hold();
    int r = run(&import, err);
    if (!r) memcpy(ret_id, import.compose.id, DIGEST_SIZE);
    if (!r) image_event(store, "import", import.compose.id, import.compose.id, &import.compose.config);
    import_finish(&import);
    signals_release(&signals);
    return r ? err_wrap(err, "import %s", options->url ? options->url : options->source) : 0;
}
