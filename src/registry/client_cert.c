// SPDX-License-Identifier: Apache-2.0
#include "registry/client_cert.h"

#include "base/macro.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

struct identity {
    X509 *cert;
    STACK_OF(X509) * chain; // what follows it in its file
    EVP_PKEY *key;
};

static void identity_finish(struct identity *identity) {
    X509_free(identity->cert);
    sk_X509_pop_free(identity->chain, X509_free);
    EVP_PKEY_free(identity->key);
    ERR_clear_error(); // the end of a file is one
}

// Nobody is asked.
static int no_password(char *buffer, int size, int writes, void *data) {
    (void)buffer, (void)size, (void)writes, (void)data;
    return -1;
}

static BIO *text_open(const char *text) {
    return BIO_new_mem_buf(text, (int)strlen(text));
}

static bool identity_read(const struct client_pair *pair, struct identity *ret) {
    BIO *certs = text_open(pair->cert), *key = text_open(pair->key);
    ret->cert = certs ? PEM_read_bio_X509(certs, NULL, no_password, NULL) : NULL;
    ret->key = key ? PEM_read_bio_PrivateKey(key, NULL, no_password, NULL) : NULL;
    ret->chain = sk_X509_new_null();
    for (X509 *more; ret->cert && ret->chain && (more = PEM_read_bio_X509(certs, NULL, no_password, NULL));)
        if (!sk_X509_push(ret->chain, more)) X509_free(more);
    BIO_free(certs);
    BIO_free(key);
    return ret->cert && ret->key && ret->chain && X509_check_private_key(ret->cert, ret->key) == 1;
}

static bool is_named(const STACK_OF(X509_NAME) * names, const X509 *cert) {
    for (int i = 0; i < sk_X509_NAME_num(names); i++)
        if (X509_NAME_cmp(sk_X509_NAME_value(names, i), X509_get_issuer_name(cert)) == 0) return true;
    return false;
}

static bool is_wanted(const STACK_OF(X509_NAME) * names, const struct identity *identity) {
    bool wanted = is_named(names, identity->cert);
    for (int i = 0; !wanted && i < sk_X509_num(identity->chain); i++)
        wanted = is_named(names, sk_X509_value(identity->chain, i));
    return wanted;
}

static size_t choose(const struct client_pairs *pairs, const STACK_OF(X509_NAME) * names) {
    for (size_t i = 0; sk_X509_NAME_num(names) > 0 && i < pairs->count; i++) {
        _cleanup_(identity_finish) struct identity identity = {0};
        if (identity_read(&pairs->items[i], &identity) && is_wanted(names, &identity)) return i;
    }
    return 0;
}

static int on_request(SSL *ssl, void *data) {
    const struct client_pairs *pairs = data;
    _cleanup_(identity_finish) struct identity identity = {0};
    const struct client_pair *pair = &pairs->items[choose(pairs, SSL_get0_peer_CA_list(ssl))];
    return identity_read(pair, &identity) &&
           SSL_use_cert_and_key(ssl, identity.cert, identity.key, identity.chain, 1) == 1;
}

CURLcode client_cert_install(CURL *curl, void *ssl_context, void *data) {
    const struct client_pairs *pairs = data;
    (void)curl;
    for (size_t i = 0; i < pairs->count; i++) {
        _cleanup_(identity_finish) struct identity identity = {0};
        if (!identity_read(&pairs->items[i], &identity)) return CURLE_SSL_CERTPROBLEM;
    }
    SSL_CTX_set_cert_cb(ssl_context, on_request, data);
    return CURLE_OK;
}
