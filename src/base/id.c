// SPDX-License-Identifier: Apache-2.0
// libcrypto's plain SHA-256 functions. They are the ones that do not bring the whole library along,
// providers, sockets and all, into a static program; OpenSSL calls them deprecated for other reasons.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/id.h"

#include "base/arena.h"
#include "base/str.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static void to_hex(const unsigned char *bytes, size_t size, char *text) {
    for (size_t i = 0; i < size; i++) {
        *text++ = "0123456789abcdef"[bytes[i] >> 4];
        *text++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *text = 0;
}

void id_random(char ret_id[static ID_SIZE]) {
    unsigned char bytes[32];
    while (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {}
    to_hex(bytes, sizeof bytes, ret_id);
}

const char *digest_hex(const char *valid_digest) {
    return valid_digest + strlen(DIGEST_PREFIX);
}

bool digest_valid(const char *digest) {
    const char *hex = digest ? str_after(digest, DIGEST_PREFIX) : NULL;
    return hex && strlen(hex) == ID_SIZE - 1 && strspn(hex, "0123456789abcdef") == ID_SIZE - 1;
}

struct hash {
    SHA256_CTX context;
};

static void hash_begin(struct hash *hash) {
    SHA256_Init(&hash->context);
}

struct hash *hash_new(void) {
    struct hash *hash = xmalloc(sizeof *hash);
    hash_begin(hash);
    return hash;
}

void hash_add(struct hash *hash, const void *bytes, size_t size) {
    SHA256_Update(&hash->context, bytes, size);
}

void hash_end(struct hash *hash, char ret_digest[static DIGEST_SIZE]) {
    unsigned char bytes[SHA256_DIGEST_LENGTH];
    SHA256_Final(bytes, &hash->context);
    strcpy(ret_digest, DIGEST_PREFIX);
    to_hex(bytes, sizeof bytes, ret_digest + strlen(DIGEST_PREFIX));
}

void hash_freep(struct hash **hash) {
    free(*hash);
    *hash = NULL;
}

void digest_of(const void *bytes, size_t size, char ret_digest[static DIGEST_SIZE]) {
    struct hash hash;
    hash_begin(&hash);
    hash_add(&hash, bytes, size);
    hash_end(&hash, ret_digest);
}

int digest_of_file(int fd, char ret_digest[static DIGEST_SIZE]) {
    static unsigned char block[256 << 10];
    struct hash hash;
    hash_begin(&hash);
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (n == 0) break;
        hash_add(&hash, block, (size_t)n);
    }
    hash_end(&hash, ret_digest);
    return 0;
}
