// SPDX-License-Identifier: Apache-2.0
// A tar that comes as a stream, plain or compressed (gzip, zstd, xz, bzip2): its members one after the other.
// For archives of whole images; a layer's own tar is read into a tree (tree.h).
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct stream_member {
    char name[256]; // without "." and doubled slashes
    mode_t type;    // S_IFREG, S_IFDIR, S_IFLNK
    uint64_t size;
    const char *target; // of a link, as it stands there; good until the next member
    bool hard;          // the link: the target is a member's name
};

struct tar_stream;
int tar_stream_new(int fd, struct tar_stream **ret_stream, struct err *err);
void tar_stream_freep(struct tar_stream **stream);

// 1; 0 at the end; -1. Names that are too long or lead out of the archive are refused, and so is what is
// neither file, directory nor link.
int tar_stream_next(struct tar_stream *stream, struct stream_member *ret_member, struct err *err);
// The next bytes of the member: 1; 0 at its end; -1. A file with holes is refused.
int tar_stream_read(struct tar_stream *stream, const void **ret_bytes, size_t *ret_size, struct err *err);
// How many bytes have been read from fd.
uint64_t tar_stream_consumed(const struct tar_stream *stream);
