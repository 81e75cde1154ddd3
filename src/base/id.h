// SPDX-License-Identifier: Apache-2.0
// Ids and digests as text.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ID_SIZE       65 // 64 hex digits and NUL: a container's, an image's, a network's id
#define SHORT_ID      12
#define DIGEST_PREFIX "sha256:"
#define DIGEST_SIZE   (7 + ID_SIZE) // "sha256:" and 64 hex digits and NUL

void id_random(char ret_id[static ID_SIZE]);      // 256 random bits
bool digest_valid(const char *digest);            // sha256: and 64 lower-case hex digits, nothing else
const char *digest_hex(const char *valid_digest); // the part after the colon

// The SHA-256 of bytes, as a digest.
void digest_of(const void *bytes, size_t size, char ret_digest[static DIGEST_SIZE]);
// The same of what is left of a file. -errno.
int digest_of_file(int fd, char ret_digest[static DIGEST_SIZE]);

// Of bytes that come piece by piece. On the heap.
struct hash;
struct hash *hash_new(void);
void hash_add(struct hash *hash, const void *bytes, size_t size);
void hash_end(struct hash *hash, char ret_digest[static DIGEST_SIZE]); // once
void hash_freep(struct hash **hash);                                   // for _cleanup_
