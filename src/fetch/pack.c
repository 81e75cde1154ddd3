// SPDX-License-Identifier: Apache-2.0
#include "fetch/pack.h"

#include "base/fd.h"
#include "base/id.h"
#include "fetch/confine.h"
#include "unpack/pack.h"

#include <signal.h>
#include <string.h>

struct output {
    struct hash *hash;
    uint64_t size;
};

static int put(void *data, const void *bytes, size_t size) {
    struct output *output = data;
    int r = fd_write_all(WORKER_TAR_FD, bytes, size);
    if (r) return r;
    if (output->hash) hash_add(output->hash, bytes, size);
    output->size += size;
    return 0;
}

static void begin(struct worker *worker) {
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN); // whoever reads may have gone: hoy is to hear of it
    if (confine_to_view(worker->staging, 0, &err)) worker_fail(worker, &err);
}

static int open_folder(struct worker *worker, const char *name) {
    struct err err = {0};
    int fd = fd_open_at(AT_FDCWD, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd >= 0) return fd;
    err_set(&err, ERR_SYSTEM, -fd, "can't open the root file system");
    worker_fail(worker, &err);
}

static struct changes_input open_folders(struct worker *worker) {
    return (struct changes_input){.merged = open_folder(worker, "merged"),
                                  .lower = open_folder(worker, "lower"),
                                  .upper = open_folder(worker, "upper")};
}

int pack_run_export(struct worker *worker) {
    struct err err = {0};
    struct output output = {0};
    struct tar_writer writer = {.write = put, .data = &output};
    begin(worker);
    if (pack_tree(open_folder(worker, "merged"), &writer, &err)) worker_fail(worker, &err);
    worker_event(worker, "done");
    return 0;
}

int pack_run_digest(struct worker *worker) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    struct err err = {0};
    char digest[DIGEST_SIZE];
    begin(worker);
    if (pack_digest(open_folder(worker, "."), digest, &err)) worker_fail(worker, &err);
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "done");
    json_put_string(&w, "digest", digest);
    json_end_object(&w);
    worker_send(worker, &w);
    return 0;
}

static void tell_layer(struct worker *worker, const struct output *output, bool any) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    char digest[DIGEST_SIZE];
    hash_end(output->hash, digest);
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "done");
    json_put_string(&w, "digest", digest);
    json_put_u64(&w, "size", output->size);
    json_put_bool(&w, "any", any);
    json_end_object(&w);
    worker_send(worker, &w);
}

int pack_run_layer(struct worker *worker) {
    struct err err = {0};
    struct changes changes = {0};
    struct output output = {.hash = hash_new()};
    struct tar_writer writer = {.write = put, .data = &output};
    begin(worker);
    struct changes_input input = open_folders(worker);
    if (changes_find(&input, &changes, &err) || pack_layer(input.merged, &changes, &writer, &err))
        worker_fail(worker, &err);
    tell_layer(worker, &output, changes.count > 0);
    changes_finish(&changes);
    hash_freep(&output.hash);
    return 0;
}

int pack_run_changes(struct worker *worker) {
    struct err err = {0};
    struct changes changes = {0};
    _cleanup_(str_finish) struct str text = {0};
    begin(worker);
    struct changes_input input = open_folders(worker);
    if (changes_find(&input, &changes, &err)) worker_fail(worker, &err);
    for (size_t i = 0; i < changes.count; i++) {
        if (changes.items[i].quiet) continue;
        str_add_char(&text, changes.items[i].kind);
        str_add_char(&text, '/');
        str_add_n(&text, changes.items[i].path, strlen(changes.items[i].path) + 1);
    }
    changes_finish(&changes);
    int r = fd_write_all(WORKER_TAR_FD, str_get(&text), text.len);
    if (r) worker_fail(worker, (err_set(&err, ERR_SYSTEM, -r, "can't tell the changes"), &err));
    worker_event(worker, "done");
    return 0;
}
