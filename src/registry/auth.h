// SPDX-License-Identifier: Apache-2.0
// Who we are to a registry: the credentials in Docker's config.json, and the challenges that a registry
// answers with. Credentials belong to one exact host.
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

// All NULL: anonymous.
struct credentials {
    const char *username, *password;
    const char *identity_token; // an OAuth2 refresh token, instead of the password
};

// What $DOCKER_CONFIG/config.json or ~/.docker/config.json has for a reference's domain. No file and no entry
// are anonymous; an entry that only a credential helper could open is an error that says so.
int credentials_load(struct arena *arena, const char *domain, struct credentials *ret_credentials,
                     struct err *err);
// The same from the file's text; path is for messages.
int credentials_parse(struct arena *arena, const char *text, size_t size, const char *path,
                      const char *domain, struct credentials *ret_credentials, struct err *err);

// WWW-Authenticate (RFC 9110, 11.6.1).
struct challenge {
    enum { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER } scheme;
    const char *realm, *service, *scope; // of Bearer; NULL where absent
};
// Takes the strongest challenge of a header's value that it knows; what *challenge has already stays when
// that is stronger. So it is called for each such header in turn.
void challenge_parse(struct arena *arena, const char *value, struct challenge *challenge);

// May credentials for a registry at host go to a token server at this URL? Only over TLS and to the same site
// (the last two labels of the name are the same: registry-1.docker.io and auth.docker.io), or between
// loopback addresses.
bool realm_trusted(const char *registry_host, const char *realm_url);

// The host[:port] of an http or https URL, without user information; NULL for what is no such URL.
const char *url_host(struct arena *arena, const char *url);
