// SPDX-License-Identifier: Apache-2.0
// libcrypto's plain SHA-256 functions. They are the ones that do not bring the whole library along,
// providers, sockets and all, into a static program; OpenSSL calls them deprecated for other reasons.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/id.h"

#include "base/str.h"

#include <errno.h>
#include <openssl/sha.h>
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

static void finish(SHA256_CTX *context, char ret_digest[static DIGEST_SIZE]) {
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256_Final(hash, context);
    strcpy(ret_digest, DIGEST_PREFIX);
    to_hex(hash, sizeof hash, ret_digest + strlen(DIGEST_PREFIX));
}

void digest_of(const void *bytes, size_t size, char ret_digest[static DIGEST_SIZE]) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes, size);
    finish(&context, ret_digest);
}

int digest_of_file(int fd, char ret_digest[static DIGEST_SIZE]) {
    static unsigned char block[256 << 10];
    SHA256_CTX context;
    SHA256_Init(&context);
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (n == 0) break;
        SHA256_Update(&context, block, (size_t)n);
    }
    finish(&context, ret_digest);
    return 0;
}
