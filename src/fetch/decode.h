// SPDX-License-Identifier: Apache-2.0
// A layer's bytes out of what a registry serves: gzip (several members too), zstd (several frames too), or as
// they are. Streaming, one thread.
#pragma once

#include "base/err.h"
#include "oci/image_spec.h"

#include <stddef.h>

struct decoder;

int decoder_new(enum layer_compression compression, struct decoder **ret_decoder, struct err *err);
void decoder_freep(struct decoder **decoder);

// Takes bytes from *in and puts bytes to *out, as many as it can, and moves both on. It has done all it can
// when *in_size is 0 and there is still room in *out.
int decoder_run(struct decoder *decoder, const unsigned char **in, size_t *in_size, unsigned char **out,
                size_t *out_size, struct err *err);
// After the last byte: was that a proper end?
int decoder_end(const struct decoder *decoder, struct err *err);
