// SPDX-License-Identifier: Apache-2.0
// SHA-256 of bytes that come piece by piece.
#pragma once

#include "base/id.h"

struct hash;
struct hash *hash_new(void);
void hash_add(struct hash *hash, const void *bytes, size_t size);
void hash_end(struct hash *hash, char ret_digest[static DIGEST_SIZE]); // once
void hash_free(struct hash *hash);
