// SPDX-License-Identifier: Apache-2.0
// A directory tree as a tar.
#pragma once

#include "base/err.h"
#include "base/id.h"
#include "unpack/changes.h"
#include "unpack/tar_write.h"

// All that is below root, but sockets, which a tar has no word for. Sorted; hard links as such. What goes
// away meanwhile is left out; a file that gets shorter is filled up with zeros.
int pack_tree(int root, struct tar_writer *writer, struct err *err);
// The digest of that tar: what tells whether any of it has changed.
int pack_digest(int root, char ret_digest[static DIGEST_SIZE], struct err *err);

// One path below root with all that is below it, called name in the tar ("." or a last part that is no link).
// The bytes are those of the tar without what ustar can't express.
int pack_path(int root, const char *path, const char *name, struct tar_writer *writer, uint64_t *ret_bytes,
              struct err *err);

// Changes as a layer (layer.md of the image specification): whiteouts, opaque directories. ERR_INVALID for a
// file whose own name would be a whiteout.
int pack_layer(int root, const struct changes *changes, struct tar_writer *writer, struct err *err);
