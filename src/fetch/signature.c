// SPDX-License-Identifier: Apache-2.0
#include "fetch/signature.h"

#include "oci/image_spec.h"
#include "registry/base64.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#define SIGNED_TYPE "application/vnd.dev.cosign.simplesigning.v1+json"
#define ANNOTATION  "dev.cosignproject.cosign/signature"
#define PAYLOAD_MAX (32u << 10)
#define COUNT_MAX   64

static void tell(struct worker *worker, const char *payload, const char *signature) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "signature");
    json_put_string(&w, "payload", payload);
    json_put_string(&w, "signature", signature);
    json_end_object(&w);
    worker_send(worker, &w);
}

static int add_to_text(const void *bytes, size_t size, void *data, struct err *err) {
    (void)err; // the blob's size is limited before
    str_add_n(data, bytes, size);
    return 0;
}

static int fetch_one(struct worker *worker, struct registry *registry, struct http *http,
                     const struct json *layer, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    const struct registry_sink sink = {.body = add_to_text, .data = &text};
    const char *digest = json_get_string(layer, "digest");
    const char *signature = json_get_string(json_get(layer, "annotations"), ANNOTATION);
    char actual[DIGEST_SIZE];
    uint64_t size;
    if (!str_eq(json_get_string(layer, "mediaType"), SIGNED_TYPE)) return 0;
    if (!signature || !digest || !digest_valid(digest) || json_u64(json_get(layer, "size"), &size) ||
        size > PAYLOAD_MAX || strlen(signature) > PAYLOAD_MAX)
        return 0; // no signature that could be one
    if (registry_blob(registry, http, digest, size, &sink, err)) return err_wrap(err, "a signature");
    digest_of(str_get(&text), text.len, actual);
    if (str_eq(actual, digest) && strlen(str_get(&text)) == text.len) tell(worker, str_get(&text), signature);
    return 0;
}

int signatures_fetch(struct worker *worker, struct registry *registry, struct http *http,
                     const char *manifest_digest, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    const char *type, *digest, *tag = arena_printf(&arena, "sha256-%s.sig", digest_hex(manifest_digest));
    if (registry_manifest(registry, http, &arena, tag, &text, &type, &digest, err))
        return err->kind == ERR_NOT_FOUND ? (*err = (struct err){0}, 0) : -1;
    if (json_parse(text.data, text.len, &json)) return 0;
    const struct json *layers = json_get(json, "layers");
    for (size_t i = 0; i < json_length(layers) && i < COUNT_MAX; i++)
        if (fetch_one(worker, registry, http, json_at(layers, i), err)) return -1;
    return 0;
}

// Verification

static void keyp(EVP_PKEY **key) {
    EVP_PKEY_free(*key);
}

static EVP_PKEY *read_key(const char *pem) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return key;
}

// SHA-256 is what sigstore signs with; Ed25519 has a hash of its own.
static bool is_by(EVP_PKEY *key, const char *payload, const char *signature, size_t size) {
    const EVP_MD *hash = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestVerifyInit(context, NULL, hash, NULL, key) == 1 &&
                EVP_DigestVerify(context, (const unsigned char *)signature, size,
                                 (const unsigned char *)payload, strlen(payload)) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

int verify_run(struct worker *worker, const struct json *request, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *pem = json_get_string(request, "key"), *payload = json_get_string(request, "payload");
    const char *text = json_get_string(request, "signature");
    size_t size = 0;
    if (!pem || !payload || !text) return err_set(err, ERR_INVALID, 0, "the request is incomplete");
    _cleanup_(keyp) EVP_PKEY *key = read_key(pem);
    if (!key) return err_set(err, ERR_INVALID, 0, "the key in the policy is no public key in PEM form");
    const char *signature = base64_decode(&arena, text, &size);
    if (!signature || !is_by(key, payload, signature, size))
        return err_set(err, ERR_UNAUTHORIZED, 0, "a signature is not by the key of the policy");
    worker_event(worker, "done");
    return 0;
}
