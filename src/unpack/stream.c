// SPDX-License-Identifier: Apache-2.0
#include "unpack/stream.h"
#include "unpack/any_tar.h"

#include "base/arena.h"
#include "unpack/path.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define READ_BYTES (256u << 10)

struct tar_stream {
    struct archive *archive;
    struct archive_entry *entry;
    uint64_t offset; // in the member
};

int any_tar_open(int fd, struct archive **ret_archive, struct err *err) {
    struct archive *archive = archive_read_new();
    if (!archive) return err_set(err, ERR_SYSTEM, ENOMEM, "can't read the archive");
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_format_tar(archive);
    archive_read_support_format_empty(archive);
    if (archive_read_open_fd(archive, fd, READ_BYTES) != ARCHIVE_OK) {
        archive_read_free(archive);
        return err_set(err, ERR_INVALID, 0, "it is no tar, plain or compressed with gzip, zstd, xz or bzip2");
    }
    *ret_archive = archive;
    return 0;
}

int tar_stream_new(int fd, struct tar_stream **ret_stream, struct err *err) {
    struct archive *archive;
    if (any_tar_open(fd, &archive, err)) return -1;
    *ret_stream = xmalloc(sizeof **ret_stream);
    **ret_stream = (struct tar_stream){.archive = archive};
    return 0;
}

void tar_stream_freep(struct tar_stream **stream) {
    if (!*stream) return;
    archive_read_free((*stream)->archive);
    free(*stream);
    *stream = NULL;
}

static int damaged(struct tar_stream *stream, struct err *err) {
    const char *why = archive_error_string(stream->archive);
    return err_set(err, ERR_INVALID, 0, "the archive is damaged or cut off, before byte %llu: %s",
                   (unsigned long long)tar_stream_consumed(stream), why ? why : "no tar header");
}

static int refuse(const char *name, const char *why, struct err *err) {
    char shown[PATH_SHOWN];
    return err_set(err, ERR_INVALID, 0, "the archive's member %s %s", path_show(name, shown), why);
}

static int name_clean(const char *name, char *buffer, size_t size, struct err *err) {
    const char *rest = name;
    struct path_part part;
    size_t length = 0;
    if (*name == '/') return refuse(name, "has an absolute name", err);
    while (path_next(&rest, &part)) {
        if (part.length == 2 && memcmp(part.name, "..", 2) == 0)
            return refuse(name, "leads out of the archive by \"..\"", err);
        if (length + part.length + 2 > size) return refuse(name, "has too long a name", err);
        if (length) buffer[length++] = '/';
        memcpy(buffer + length, part.name, part.length);
        length += part.length;
    }
    buffer[length] = 0;
    return 0;
}

static int member_read(struct tar_stream *stream, const char *name, struct stream_member *m,
                       struct err *err) {
    struct archive_entry *entry = stream->entry;
    const char *hard = archive_entry_hardlink(entry);
    if (name_clean(name, m->name, sizeof m->name, err)) return -1;
    m->hard = hard;
    m->target = hard ? hard : archive_entry_symlink(entry);
    m->type = hard ? S_IFLNK : archive_entry_filetype(entry);
    m->size = m->type == S_IFREG ? (uint64_t)archive_entry_size(entry) : 0;
    if (m->type != S_IFREG && m->type != S_IFDIR && m->type != S_IFLNK)
        return refuse(name, "is neither a file nor a directory nor a link", err);
    if (archive_entry_sparse_count(entry)) return refuse(name, "is a file with holes", err);
    return 0;
}

int tar_stream_next(struct tar_stream *stream, struct stream_member *ret_member, struct err *err) {
    int r = archive_read_next_header(stream->archive, &stream->entry);
    if (r == ARCHIVE_EOF) return 0;
    if (r != ARCHIVE_OK) return damaged(stream, err);
    const char *name = archive_entry_pathname(stream->entry);
    stream->offset = 0;
    if (!name) return err_set(err, ERR_INVALID, 0, "the archive has a member without a name");
    *ret_member = (struct stream_member){0};
    return member_read(stream, name, ret_member, err) ? -1 : 1;
}

int tar_stream_read(struct tar_stream *stream, const void **ret_bytes, size_t *ret_size, struct err *err) {
    la_int64_t offset;
    int r = archive_read_data_block(stream->archive, ret_bytes, ret_size, &offset);
    if (r == ARCHIVE_EOF) return 0;
    if (r != ARCHIVE_OK) return damaged(stream, err);
    if ((uint64_t)offset != stream->offset)
        return refuse(archive_entry_pathname(stream->entry), "is not one run of bytes", err);
    stream->offset += *ret_size;
    return 1;
}

uint64_t tar_stream_consumed(const struct tar_stream *stream) {
    return (uint64_t)archive_filter_bytes(stream->archive, -1);
}
