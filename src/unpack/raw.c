// SPDX-License-Identifier: Apache-2.0
#include "unpack/raw.h"

#include "base/macro.h"

#include <archive.h>
#include <archive_entry.h>

#define BLOCK 65536

static la_ssize_t read_bytes(struct archive *archive, void *data, const void **ret_bytes) {
    const struct raw_io *io = data;
    (void)archive;
    return io->read(io->data, ret_bytes);
}

static void archive_freep(struct archive **archive) {
    if (*archive) archive_read_free(*archive);
}

static int fail(struct archive *archive, struct err *err) {
    const char *why = archive_error_string(archive);
    return err_set(err, ERR_INVALID, 0, "its compressed data is corrupt or cut off: %s",
                   why ? why : "no reason known");
}

int raw_decode(const struct raw_io *io, struct err *err) {
    char block[BLOCK];
    struct archive_entry *entry;
    _cleanup_(archive_freep) struct archive *archive = archive_read_new();
    if (!archive) return err_set(err, ERR_SYSTEM, 0, "can't start libarchive");
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_format_raw(archive);
    if (archive_read_open(archive, (void *)io, NULL, read_bytes, NULL) != ARCHIVE_OK ||
        archive_read_next_header(archive, &entry) != ARCHIVE_OK)
        return fail(archive, err);
    la_ssize_t n;
    while ((n = archive_read_data(archive, block, sizeof block)) > 0)
        if (io->write(io->data, block, (size_t)n)) return -1;
    return n < 0 ? fail(archive, err) : 0;
}
