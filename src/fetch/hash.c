// SPDX-License-Identifier: Apache-2.0
#include "fetch/hash.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// struct hash is OpenSSL's context by another name.
static EVP_MD_CTX *in(struct hash *hash) {
    return (EVP_MD_CTX *)hash;
}

struct hash *hash_new(void) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        fprintf(stderr, "hoy-fetch: no SHA-256 in libcrypto\n");
        abort();
    }
    return (struct hash *)context;
}

void hash_add(struct hash *hash, const void *bytes, size_t size) {
    if (EVP_DigestUpdate(in(hash), bytes, size) != 1) abort();
}

void hash_end(struct hash *hash, char ret_digest[static DIGEST_SIZE]) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size;
    if (EVP_DigestFinal_ex(in(hash), bytes, &size) != 1) abort();
    strcpy(ret_digest, DIGEST_PREFIX);
    char *text = ret_digest + strlen(DIGEST_PREFIX);
    for (unsigned i = 0; i < size; i++) {
        *text++ = "0123456789abcdef"[bytes[i] >> 4];
        *text++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *text = 0;
}

void hash_free(struct hash *hash) {
    EVP_MD_CTX_free(in(hash));
}
