// SPDX-License-Identifier: Apache-2.0
// The worker's side of the conversation with hoy (registry/channel.h).
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "registry/channel.h"

#include <pthread.h>
#include <stdint.h>

#define WORKER_CHANNEL_FD 3
#define WORKER_STAGING_FD 4
#define WORKER_TAR_FD     5 // extract only

struct worker {
    int channel, staging;
    pthread_mutex_t lock; // of sending
    uint64_t layer_limit; // bytes of an uncompressed layer
    bool any_ratio;       // don't judge how far a layer was compressed
    bool erofs;           // layers are going to be mounted, not extracted
    unsigned stall_s;
};

// Ends the worker: the other side is gone.
void worker_send(struct worker *worker, const struct json_writer *message);
// The next answer; ends the worker when there will be none. *ret_fd is -1 when no descriptor came with it.
struct json *worker_receive(struct worker *worker, int *ret_fd);
// Tells the error and ends the worker, from any thread.
_Noreturn void worker_fail(struct worker *worker, const struct err *err);
void worker_event(struct worker *worker, const char *event); // without more to say

// Makes a file in the staging directory.
int worker_write(struct worker *worker, const char *name, const void *bytes, size_t size, struct err *err);

// The things that it is run for. They end in "done" or worker_fail().
int push_run(struct worker *worker, const struct json *request, struct err *err);
int manifest_run(struct worker *worker, const struct json *request, struct err *err);
int pull_run(struct worker *worker, const struct json *request, struct err *err);
int import_run(struct worker *worker, int tar_fd, struct err *err);
