// SPDX-License-Identifier: Apache-2.0
// libcrypto's plain SHA-256 functions. They are the ones that do not bring the whole library along,
// providers, sockets and all, into a static program; OpenSSL calls them deprecated for other reasons.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/id.h"

#include "base/str.h"

#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>

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

void digest_of(const void *bytes, size_t size, char ret_digest[static DIGEST_SIZE]) {
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes, size);
    SHA256_Final(hash, &context);
    strcpy(ret_digest, DIGEST_PREFIX);
    to_hex(hash, sizeof hash, ret_digest + strlen(DIGEST_PREFIX));
}
