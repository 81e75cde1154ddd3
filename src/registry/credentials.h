// SPDX-License-Identifier: Apache-2.0
// Who we are to a registry, as Docker keeps it: $DOCKER_CONFIG/config.json or ~/.docker/config.json, and the
// credential helpers that it names. Credentials belong to one exact host.
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

// What is kept for a reference's domain. No file and no entry are anonymous.
int credentials_load(struct arena *arena, const char *domain, struct credentials *ret_credentials,
                     struct err *err);

// Keeps them: with the credential helper that the file names, or else in the file itself. *ret_file is the
// file's path when they lie there in the open, otherwise NULL.
int credentials_store(struct arena *arena, const char *domain, const struct credentials *credentials,
                      const char **ret_file, struct err *err);
// 1 when there was something to forget, 0 when not.
int credentials_erase(struct arena *arena, const char *domain, struct err *err);

// Another string of that file, "psFormat"; NULL when it is not there or the file can't be read.
const char *credentials_file_string(struct arena *arena, const char *key);

// What config.json's text says about a domain; path is for messages.
struct credentials_entry {
    struct credentials credentials;
    const char *helper; // to be asked; NULL: none
    bool in_helper;     // the file says that the helper has them
};
int credentials_parse(struct arena *arena, const char *text, size_t size, const char *path,
                      const char *domain, struct credentials_entry *ret_entry, struct err *err);
// The text with another entry for the domain: the credentials', Docker's mark that a helper has them (all
// NULL), or none (credentials NULL). Everything else stays.
int credentials_edit(struct arena *arena, const char *text, size_t size, const char *path, const char *domain,
                     const struct credentials *credentials, const char **ret_text, struct err *err);

// The name under which Docker keeps a domain's: "https://index.docker.io/v1/" for docker.io, else itself.
const char *credentials_server(const char *domain);
