// SPDX-License-Identifier: Apache-2.0
// A file's bytes, compressed as a layer's blob: gzip, zstd, or as they are. The same file gives the same
// bytes, on every machine and however they are read.
#pragma once

#include "base/err.h"
#include "oci/image_spec.h"

#include <stddef.h>

struct encoder;

// fd is borrowed, and read with pread from its beginning. level is zstd's; gzip has one.
int encoder_new(int fd, enum layer_compression compression, int level, struct encoder **ret_encoder,
                struct err *err);
void encoder_freep(struct encoder **encoder);

// Gives the next bytes; fewer than size only at the end.
int encoder_read(struct encoder *encoder, void *buffer, size_t size, size_t *ret_size, struct err *err);
uint64_t encoder_consumed(const struct encoder *encoder); // of the file
