// SPDX-License-Identifier: Apache-2.0
// Images whose documents hoy writes itself: the index over tars that it has, or one tar from outside.
#include "base/fd.h"
#include "fetch/image.h"
#include "registry/http.h"

#include <errno.h>
#include <unistd.h>

#define TRIES      3
#define READ_BYTES (256u << 10)

// The tars come one after the other, lowest first.
int import_run(struct worker *worker, const struct json *request, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct layers layers = {0};
    uint64_t count;
    if (json_u64(json_get(request, "layers"), &count) || count > IMAGE_LAYERS_MAX)
        return err_set(err, ERR_INVALID, 0, "the request is incomplete");
    for (uint64_t i = 0; i < count; i++) {
        struct layer *layer = arena_push(&arena, &layers);
        _cleanup_(json_freep) struct json *message = worker_receive(worker, &layer->have_fd);
        layer->diff_id = arena_strdup(&arena, json_get_string(message, "diff_id"));
        if (!layer->diff_id || layer->have_fd < 0)
            return err_set(err, ERR_INVALID, 0, "the request is incomplete");
    }
    if (layers_index(worker, &layers, STAGED_EROFS, err)) return -1;
    worker_event(worker, "done");
    return 0;
}

// A tar

struct tar_source {
    int fd;
    const char *url;
    unsigned stall_s;
    bool any; // some bytes have come
    const struct registry_sink *sink;
};

static int read_fd(struct tar_source *source, struct err *err) {
    _cleanup_(freep) char *buffer = xmalloc(READ_BYTES);
    for (;;) {
        ssize_t n = read(source->fd, buffer, READ_BYTES);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(err, ERR_SYSTEM, errno, "can't read the tar");
        if (n == 0) return 0;
        if (source->sink->body(buffer, (size_t)n, source->sink->data, err)) return -1;
    }
}

static int url_body(const void *bytes, size_t size, void *data, struct err *err) {
    struct tar_source *source = data;
    source->any = true;
    return source->sink->body(bytes, size, source->sink->data, err);
}

// Nothing says that another try would bring the same bytes: only what has not begun is tried again.
static int read_url(struct tar_source *source, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(http_freep) struct http *http = NULL;
    const struct http_options options = {.stall_s = source->stall_s};
    const struct http_request request = {.url = source->url, .body = url_body, .data = source};
    struct http_response response = {0};
    if (http_new(&options, &http, err)) return -1;
    bool again = false;
    for (int try = 1; http_exchange(http, &arena, &request, &response, &again, err); try++)
        if (source->any || !again || try == TRIES) return -1;
    if (response.status == 200) return 0;
    return err_set(err, response.status == 404 ? ERR_NOT_FOUND : ERR_UNAVAILABLE, 0,
                   "%s answers with status %d", url_host(&arena, source->url), response.status);
}

static int read_source(void *data, const struct descriptor *blob, const struct registry_sink *sink,
                       struct err *err) {
    struct tar_source *source = data;
    (void)blob;
    source->sink = sink;
    return source->url ? read_url(source, err) : read_fd(source, err);
}

static void tell_tar(struct worker *worker, const struct layer *layer, uint64_t size) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "done");
    json_put_string(&w, "digest", layer->found);
    json_put_u64(&w, "size", size);
    json_end_object(&w);
    worker_send(worker, &w);
}

int import_tar_run(struct worker *worker, const struct json *request, int fd, struct err *err) {
    struct tar_source from = {.fd = fd, .url = json_get_string(request, "url"), .stall_s = worker->stall_s};
    const struct layer_source source = {.read = read_source, .data = &from, .name = "the tar"};
    const struct descriptor nothing = {0};
    struct layer layer = {.blob = &nothing, .have_fd = -1};
    struct layers layers = {&layer, 1};
    if (layer_fetch(worker, &source, &layer, err)) return -1;
    if (!layer.size) return err_set(err, ERR_INVALID, 0, "the tar is empty");
    uint64_t size = layer.size;
    if (worker->erofs && layers_index(worker, &layers, STAGED_EROFS, err)) return -1;
    tell_tar(worker, &layer, size);
    return 0;
}
