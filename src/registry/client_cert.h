// SPDX-License-Identifier: Apache-2.0
// Several certificates of our own for one registry: libcurl takes one, OpenSSL asks which when the server has
// said whose it takes.
#pragma once

#include "registry/endpoint.h"

#include <curl/curl.h>

// For CURLOPT_SSL_CTX_FUNCTION, with the pairs as its data: of them the first that an authority signed which
// the server names; the very first when it names none, or none of ours. That is how Docker chooses.
CURLcode client_cert_install(CURL *curl, void *ssl_context, void *pairs);
