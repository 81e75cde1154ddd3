// SPDX-License-Identifier: Apache-2.0
// The challenges that a registry answers with, and who may get credentials for it.
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "registry/credentials.h"

#include <stdbool.h>
#include <stddef.h>

// WWW-Authenticate (RFC 9110, 11.6.1).
struct challenge {
    enum { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER } scheme;
    const char *name;                    // of the scheme, as it was said; NULL: there is no challenge
    const char *realm, *service, *scope; // of Bearer; NULL where absent
};
// Takes the strongest challenge of a header's value; what *challenge has already stays when
// that is stronger. So it is called for each such header in turn.
void challenge_parse(struct arena *arena, const char *value, struct challenge *challenge);

// May credentials for a registry at host go to a token server at this URL? Only over TLS and to the same site
// (the last two labels of the name are the same: registry-1.docker.io and auth.docker.io), or between
// loopback addresses.
bool realm_trusted(const char *registry_host, const char *realm_url);

// The host[:port] of an http or https URL, without user information; NULL for what is no such URL.
const char *url_host(struct arena *arena, const char *url);
