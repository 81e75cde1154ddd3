// SPDX-License-Identifier: Apache-2.0
#include "image/cover.h"

#include "base/fd.h"
#include "image/fetcher.h"
#include "kernel/overlay.h"
#include "unpack/extract.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct layers {
    int fds[IMAGE_LAYERS_MAX]; // uppermost first
    size_t count;
};

static void layers_close(struct layers *layers) {
    for (size_t i = 0; i < layers->count; i++) close(layers->fds[i]);
}

static int layer_open(const struct commit *c, size_t i) {
    const char *hex = digest_hex(c->config->diff_ids.items[i]);
    char path[16 + ID_SIZE];
    snprintf(path, sizeof path, "layers/%s", hex);
    return c->have[i] ? fd_open_at(c->store->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
                      : fd_open_at(c->staging->fd, hex, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

// Of a layer that is there twice the upper one counts, as in an overlay.
static int layers_open(const struct commit *c, struct layers *layers, struct err *err) {
    const struct strings *ids = &c->config->diff_ids;
    for (size_t i = ids->count; i-- > 0;) {
        size_t j = i + 1;
        while (j < ids->count && !str_eq(ids->items[i], ids->items[j])) j++;
        if (j < ids->count) continue;
        int fd = layer_open(c, i);
        if (fd < 0)
            return err_set(err, ERR_UNAVAILABLE, ESTALE, "layer %.19s is not there any more: pull again",
                           ids->items[i]);
        layers->fds[layers->count++] = fd;
    }
    return 0;
}

// Only what lies over something can hide it.
static bool may_hide(const struct layers *layers) {
    bool implied = true;
    for (size_t i = 0; i < layers->count; i++) {
        bool here = overlay_is_marked(layers->fds[i], EXTRACT_IMPLIED);
        if (overlay_is_marked(layers->fds[i], EXTRACT_LINKS)) return true;
        if (overlay_is_marked(layers->fds[i], EXTRACT_HIDES)) return true;
        if (i + 1 < layers->count && overlay_is_marked(layers->fds[i], EXTRACT_IMPLIES)) return true;
        if (i && implied && !here) return true; // the root directory itself
        implied &= here;
    }
    return false;
}

static int layers_send(const struct layers *layers, struct fetcher *fetcher, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer request = {0};
    json_begin_object(&request, NULL);
    json_put_u64(&request, "layers", layers->count);
    json_end_object(&request);
    if (fetcher_send(fetcher, &request, -1, err)) return -1;
    for (size_t i = 0; i < layers->count; i++)
        if (fetcher_say(fetcher, NULL, NULL, layers->fds[i], err)) return -1;
    return 0;
}

static int cover_make(const struct layers *layers, int target, struct err *err) {
    _cleanup_(fetcher_finish) struct fetcher fetcher = FETCHER_INIT;
    _cleanup_(json_freep) struct json *done = NULL;
    if (fetcher_start(&fetcher, "cover", target, -1, err) || layers_send(layers, &fetcher, err) ||
        fetcher_last(&fetcher, &done, err))
        return -1;
    return json_boolean(json_get(done, "any"));
}

int cover_stage(const struct commit *c, struct err *err) {
    _cleanup_(layers_close) struct layers layers = {0};
    int staging = c->staging->fd;
    if (layers_open(c, &layers, err)) return -1;
    if (!may_hide(&layers)) return 0;
    int r = dir_remove_all_at(staging, STAGED_COVER); // of an image before
    if (!r && mkdirat(staging, STAGED_COVER, 0755)) r = -errno;
    _cleanup_(fd_closep) int target =
        r ? r : fd_open_at(staging, STAGED_COVER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (target < 0) return err_set(err, ERR_SYSTEM, -target, "can't make the cover of an image's layers");
    return cover_make(&layers, target, err);
}
