// SPDX-License-Identifier: Apache-2.0
#include "fetch/partial.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "fetch/pace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOB_MIN (8u << 20)

void partial_open(struct partial *partial, struct worker *worker, const char *digest, uint64_t blob_size) {
    char name[ID_SIZE + sizeof STAGED_PART];
    struct stat st;
    *partial = (struct partial){.fd = -1};
    if (blob_size < BLOB_MIN && !worker->keep_blobs) return;
    snprintf(name, sizeof name, "%s" STAGED_PART, digest_hex(digest));
    int fd = fd_open_at(worker->staging, name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    partial->error = fd < 0 ? -fd : 0;
    if (fd < 0) return;
    *partial = (struct partial){.fd = fd, .blob_size = blob_size, .keep = worker->keep_blobs};
    if (fstat(fd, &st) || (uint64_t)st.st_size > blob_size)
        partial_drop(partial);
    else
        partial->size = (uint64_t)st.st_size;
}

static void write_out(struct partial *partial, uint64_t at, const void *bytes, size_t size) {
    ssize_t n = pwrite(partial->fd, bytes, size, (off_t)at);
    if (n == (ssize_t)size) return;
    partial->error = n < 0 ? errno : ENOSPC;
    partial_drop(partial);
    partial_close(partial);
}

// While the first bytes come. Is it going to take long, at this pace? Then they are written.
static void add_early(struct partial *partial, const void *bytes, size_t size) {
    uint64_t now = clock_monotonic_ns();
    if (!partial->early) partial->early = xmalloc(PACE_BYTES), partial->began_ns = now;
    const struct pace pace = {now - partial->began_ns, partial->size + size};
    if (!pace_tells(&pace)) {
        memcpy(partial->early + partial->size, bytes, size);
        partial->size += size;
        return;
    }
    if (!pace_is_long(&pace, partial->blob_size)) {
        partial_close(partial);
        return;
    }
    write_out(partial, 0, partial->early, partial->size);
    if (partial->fd < 0) return;
    free(take_ptr(partial->early));
    partial_add(partial, bytes, size);
}

void partial_add(struct partial *partial, const void *bytes, size_t size) {
    if (partial->fd < 0) return;
    if (!partial->keep && (!partial->size || partial->early)) {
        add_early(partial, bytes, size);
        return;
    }
    write_out(partial, partial->size, bytes, size);
    partial->size += size;
}

// The worker can't remove files: an empty one goes with the directory.
void partial_drop(struct partial *partial) {
    partial->size = 0;
    if (partial->fd >= 0 && ftruncate(partial->fd, 0)) partial_close(partial);
}

void partial_close(struct partial *partial) {
    fd_closep(&partial->fd);
    free(take_ptr(partial->early));
}
