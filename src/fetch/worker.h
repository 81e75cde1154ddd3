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
#define WORKER_TAR_FD     5 // to write to, where the other is a root file system

struct worker {
    int channel, staging;
    pthread_mutex_t lock; // of sending
    uint64_t layer_limit; // bytes of an uncompressed layer
    bool any_ratio;       // don't judge how far a layer was compressed
    bool erofs;           // layers are going to be mounted, not extracted
    bool keep_blobs;      // as they come, beside the layers made of them
    unsigned stall_s;
};

// Ends the worker: the other side is gone.
void worker_send(struct worker *worker, const struct json_writer *message);
void worker_send_with(struct worker *worker, const struct json_writer *message, int fd);
// The next answer; ends the worker when there will be none. *ret_fd is -1 when no descriptor came with it.
struct json *worker_receive(struct worker *worker, int *ret_fd);
// Tells the error and ends the worker, from any thread.
_Noreturn void worker_fail(struct worker *worker, const struct err *err);
void worker_event(struct worker *worker, const char *event); // without more to say

// Makes a file in the staging directory, over one that is there.
int worker_write(struct worker *worker, const char *name, const void *bytes, size_t size, struct err *err);

// What unpacks to much is asked every so many bytes whether the disk has room still: a reserve is left alone.
// "can't write WHAT: No space left on device".
#define DISK_CHECK_BYTES (32u << 20)
int worker_check_disk(struct worker *worker, const char *what, struct err *err);
// Something is taken for a bomb when it is large, many times what it came from, and so far came out of next
// to nothing.
#define BOMB_SIZE      (1ull << 30)
#define BOMB_RATIO     20
#define BOMB_RATIO_NOW 100

// The things that it is run for. Each says "done" at its end; a failure is -1 with *err, or worker_fail().
int push_run(struct worker *worker, const struct json *request, struct err *err);
int manifest_run(struct worker *worker, const struct json *request, struct err *err);
int pull_run(struct worker *worker, const struct json *request, struct err *err);
int load_run(struct worker *worker, const struct json *request, int archive_fd, struct err *err);
int import_run(struct worker *worker, const struct json *request, struct err *err);
// Not confined themselves.
int extract_run(struct worker *worker);
int cover_run(struct worker *worker);
// A tar of which nothing is known, from a descriptor or a URL.
int import_tar_run(struct worker *worker, const struct json *request, int fd, struct err *err);
// A rotated log (gzip.c).
int gzip_run(struct worker *worker, const struct json *request, int fd, struct err *err);
int gunzip_run(struct worker *worker, const struct json *request, int fd, struct err *err);
