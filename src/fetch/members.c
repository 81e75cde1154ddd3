// SPDX-License-Identifier: Apache-2.0
#include "fetch/members.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "oci/image_spec.h"
#include "unpack/path.h"
#include "unpack/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMBERS_MAX     65536
#define LINKS_MAX       8
#define WRITEBACK_BYTES (8u << 20)
#define TAIL_MAX        (1u << 20) // what may follow the archive's end
#define PROGRESS_NS     100000000
#define STAGED_MEMBER   "member" // until its digest is known

struct staging_in {
    struct worker *worker;
    struct arena *arena;
    struct tar_stream *stream;
    struct archive_members members;
    uint64_t written, checked; // of all members
    uint64_t told_ns;
};

static void staging_in_finish(struct staging_in *in) {
    tar_stream_freep(&in->stream);
}

const char *blob_name(const char *digest, char buffer[static BLOB_NAME_SIZE]) {
    snprintf(buffer, BLOB_NAME_SIZE, "%s.blob", digest_hex(digest));
    return buffer;
}

static int refuse(const char *name, const char *why, struct err *err) {
    char shown[PATH_SHOWN];
    return err_set(err, ERR_INVALID, 0, "the archive's member %s %s", path_show(name, shown), why);
}

// Files

static int check_growth(struct staging_in *in, size_t size, struct err *err) {
    in->written += size;
    if (!in->worker->any_ratio && in->written > BOMB_SIZE &&
        in->written / BOMB_RATIO_NOW > tar_stream_consumed(in->stream))
        return err_set(err, ERR_INVALID, 0,
                       "the archive unpacks to more than a gigabyte and %d times its size: a decompression "
                       "bomb? (HOY_LAYER_LIMIT=bytes takes it all the same)",
                       BOMB_RATIO_NOW);
    if (in->written - in->checked < DISK_CHECK_BYTES) return 0;
    in->checked = in->written;
    return worker_check_disk(in->worker, "what is in the archive", err);
}

// What is shown meanwhile. A member may be a layer when it is no JSON, and has room for a tar's header.

static bool may_be_layer(const struct stream_member *m, const char *bytes, size_t size) {
    return m->size >= 512 && size && *bytes != '{' && *bytes != '[';
}

// The digest in a name: "blobs/sha256/<hex>", "<hex>/layer.tar", "<hex>.tar"; or what there is instead.
static const char *name_digest(const char *name) {
    for (; *name; name++)
        if (strspn(name, "0123456789abcdef") >= SHORT_ID) return name;
    return "layer";
}

static void tell_begun(struct staging_in *in, const struct stream_member *m) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    char id[SHORT_ID + 1];
    snprintf(id, sizeof id, "%s", name_digest(m->name));
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "member");
    json_put_string(&w, "id", id);
    json_put_u64(&w, "size", m->size);
    json_end_object(&w);
    worker_send(in->worker, &w);
    in->told_ns = clock_monotonic_ns();
}

static void tell_staged(struct staging_in *in, uint64_t size, const char *digest) {
    uint64_t now = clock_monotonic_ns();
    if (!digest && now - in->told_ns < PROGRESS_NS) return;
    in->told_ns = now;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "staged");
    json_put_u64(&w, "current", size);
    if (digest) json_put_string(&w, "digest", digest);
    json_end_object(&w);
    worker_send(in->worker, &w);
}

static int file_copy(struct staging_in *in, const struct stream_member *m, int fd, struct hash *hash,
                     uint64_t *ret_size, bool *ret_told, struct err *err) {
    uint64_t size = 0, flushed = 0;
    bool told = false;
    const void *bytes;
    size_t n;
    int r;
    while ((r = tar_stream_read(in->stream, &bytes, &n, err)) > 0) {
        if (!size && (told = may_be_layer(m, bytes, n))) tell_begun(in, m);
        if (size + n > m->size) return err_set(err, ERR_INVALID, 0, "the archive is damaged");
        int written = fd_write_all(fd, bytes, n);
        if (written) return err_set(err, ERR_SYSTEM, -written, "can't write what is in the archive");
        hash_add(hash, bytes, n);
        size += n;
        if (size - flushed >= WRITEBACK_BYTES) { // the disk may begin
            sync_file_range(fd, (off_t)flushed, (off_t)(size - flushed), SYNC_FILE_RANGE_WRITE);
            flushed = size;
        }
        if (told) tell_staged(in, size, NULL);
        if (check_growth(in, n, err)) return -1;
    }
    *ret_told = told;
    *ret_size = size;
    return r;
}

static int file_stage(struct staging_in *in, const struct stream_member *m, struct archive_member *member,
                      struct err *err) {
    char name[BLOB_NAME_SIZE];
    int staging = in->worker->staging;
    bool told = false;
    if (m->size > in->worker->layer_limit)
        return refuse(m->name, "claims to have more bytes than a layer may have (HOY_LAYER_LIMIT)", err);
    _cleanup_(hash_freep) struct hash *hash = hash_new();
    _cleanup_(fd_closep) int fd =
        fd_open_at(staging, STAGED_MEMBER, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "can't write what is in the archive");
    if (file_copy(in, m, fd, hash, &member->size, &told, err)) return -1;
    if (member->size != m->size) return refuse(m->name, "is cut off", err);
    hash_end(hash, member->digest);
    if (told) tell_staged(in, member->size, member->digest);
    const char *hex = str_after(m->name, "blobs/sha256/");
    if (hex && !str_eq(hex, digest_hex(member->digest)))
        return refuse(m->name, "is not what its name says: its bytes have another digest", err);
    if (renameat(staging, STAGED_MEMBER, staging, blob_name(member->digest, name)))
        return err_set(err, ERR_SYSTEM, errno, "can't write what is in the archive");
    return 0;
}

// Links

// Where a link leads, as a member's name: the parts of its own directory, then those of the target.
static int link_resolve(struct staging_in *in, const struct stream_member *m, const char **ret_name,
                        struct err *err) {
    const char *slash = strrchr(m->name, '/');
    const char *from = m->hard || !slash ? "" : arena_strndup(in->arena, m->name, (size_t)(slash - m->name));
    const char *target = m->target ? m->target : "";
    if (*target == '/' || strlen(target) > sizeof m->name)
        return refuse(m->name, "is a link that leads out of the archive", err);
    const char *path = arena_printf(in->arena, "%s/%s", from, target);
    char *clean = arena_alloc(in->arena, strlen(path) + 1);
    size_t length = 0;
    for (struct path_part part; path_next(&path, &part);) {
        if (part.length == 2 && memcmp(part.name, "..", 2) == 0) {
            if (!length) return refuse(m->name, "is a link that leads out of the archive", err);
            while (length && clean[--length] != '/') {}
            continue;
        }
        if (length) clean[length++] = '/';
        memcpy(clean + length, part.name, part.length);
        length += part.length;
    }
    clean[length] = 0;
    *ret_name = clean;
    return 0;
}

// The list

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct archive_member *)a)->name, ((const struct archive_member *)b)->name);
}

static int members_sort(struct archive_members *members, struct err *err) {
    if (members->count) qsort(members->items, members->count, sizeof *members->items, by_name);
    for (size_t i = 1; i < members->count; i++)
        if (str_eq(members->items[i - 1].name, members->items[i].name))
            return refuse(members->items[i].name, "is there twice", err);
    return 0;
}

static int member_stage(struct staging_in *in, const struct stream_member *m, struct err *err) {
    if (m->type == S_IFDIR) return 0;
    if (in->members.count == MEMBERS_MAX)
        return err_set(err, ERR_INVALID, 0, "the archive has more than %d members", MEMBERS_MAX);
    struct archive_member member = {.name = arena_strdup(in->arena, m->name)};
    int r = m->type == S_IFREG ? file_stage(in, m, &member, err) : link_resolve(in, m, &member.target, err);
    if (r) return -1;
    *arena_push(in->arena, &in->members) = member;
    return 0;
}

// Who writes into a pipe may have more for us, such as tar's zeros, and should not die of our going.
static void drain(int fd) {
    char block[65536];
    for (size_t total = 0; total < TAIL_MAX; total += sizeof block)
        if (fd_read_full(fd, block, sizeof block) < (ssize_t)sizeof block) return;
}

int members_stage(struct worker *worker, struct arena *arena, int archive_fd,
                  struct archive_members *ret_members, struct err *err) {
    _cleanup_(staging_in_finish) struct staging_in in = {.worker = worker, .arena = arena};
    struct stream_member m;
    int r;
    if (tar_stream_new(archive_fd, &in.stream, err)) return -1;
    while ((r = tar_stream_next(in.stream, &m, err)) > 0)
        if (member_stage(&in, &m, err)) return -1;
    if (r || members_sort(&in.members, err)) return -1;
    drain(archive_fd);
    *ret_members = in.members;
    return 0;
}

const struct archive_member *members_find(const struct archive_members *members, const char *name,
                                          struct err *err) {
    char shown[PATH_SHOWN];
    const char *wanted = name;
    for (int i = 0; i <= LINKS_MAX && members->count; i++) {
        const struct archive_member key = {.name = wanted};
        const struct archive_member *found =
            bsearch(&key, members->items, members->count, sizeof key, by_name);
        if (!found || !found->target) {
            if (found) return found;
            break;
        }
        if (i == LINKS_MAX) return refuse(name, "is a link that leads to no file", err), NULL;
        wanted = found->target;
    }
    err_set(err, ERR_NOT_FOUND, 0, "the archive lacks %s", path_show(wanted, shown));
    return NULL;
}

// Blobs

bool blob_exists(const struct worker *worker, const char *digest) {
    char name[BLOB_NAME_SIZE];
    return faccessat(worker->staging, blob_name(digest, name), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int blob_open(const struct worker *worker, const char *digest, const char *what, uint64_t *ret_size,
              struct err *err) {
    char name[BLOB_NAME_SIZE];
    struct stat st;
    _cleanup_(fd_closep) int fd =
        fd_open_at(worker->staging, blob_name(digest, name), O_RDONLY | O_NOFOLLOW, 0);
    if (fd == -ENOENT) return err_set(err, ERR_NOT_FOUND, 0, "the archive lacks %s, %s", what, digest);
    if (fd < 0 || fstat(fd, &st))
        return err_set(err, ERR_SYSTEM, fd < 0 ? -fd : errno, "can't read %s", what);
    *ret_size = (uint64_t)st.st_size;
    return take_fd(&fd);
}

int blob_read(const struct worker *worker, struct arena *arena, const char *digest, const char *what,
              const char **ret_text, size_t *ret_size, struct err *err) {
    uint64_t size;
    _cleanup_(fd_closep) int fd = blob_open(worker, digest, what, &size, err);
    if (fd < 0) return -1;
    if (size > IMAGE_DOCUMENT_MAX)
        return err_set(err, ERR_INVALID, 0, "the archive is invalid: %s is larger than 4 MiB", what);
    char *text = arena_alloc(arena, size + 1);
    ssize_t n = fd_read_full(fd, text, size);
    if (n != (ssize_t)size) return err_set(err, ERR_SYSTEM, n < 0 ? (int)-n : EIO, "can't read %s", what);
    *ret_text = text;
    *ret_size = size;
    return 0;
}
