// SPDX-License-Identifier: Apache-2.0
#include "fetch/early.h"

#include <errno.h>
#include <pthread.h>

static bool wait_for_sink(struct early *early) {
    pthread_mutex_lock(&early->lock);
    while (!early->sink && !early->unwanted) pthread_cond_wait(&early->changed, &early->lock);
    pthread_mutex_unlock(&early->lock);
    return early->sink;
}

static int on_body(const void *bytes, size_t size, void *data, struct err *err) {
    struct early *early = data;
    if (!wait_for_sink(early)) return err_set(err, ERR_UNAVAILABLE, ECANCELED, "nobody wants it");
    early->through.ahead = early->sink->ahead;
    return early->sink->body(bytes, size, early->sink->data, err);
}

static void *early_main(void *data) {
    struct early *early = data;
    early->result = early->source.read(early->source.data, early->blob, &early->through, &early->err);
    return NULL;
}

int early_begin(struct early *early, const struct layer_source *source, const struct descriptor *blob) {
    *early = (struct early){.source = *source, .blob = blob, .through = {on_body, early}};
    pthread_mutex_init(&early->lock, NULL);
    pthread_cond_init(&early->changed, NULL);
    int r = pthread_create(&early->thread, NULL, early_main, early);
    early->over = r;
    return r;
}

static void finish(struct early *early, const struct registry_sink *sink) {
    pthread_mutex_lock(&early->lock);
    early->sink = sink;
    early->unwanted = !sink;
    pthread_cond_signal(&early->changed);
    pthread_mutex_unlock(&early->lock);
    pthread_join(early->thread, NULL);
    early->over = true;
}

int early_read(struct early *early, const struct registry_sink *sink, struct err *err) {
    finish(early, sink);
    if (early->result < 0) *err = early->err;
    return early->result;
}

void early_end(struct early *early) {
    if (!early->over) finish(early, NULL);
}
