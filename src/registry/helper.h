// SPDX-License-Identifier: Apache-2.0
// Credential helpers: programs docker-credential-NAME on the caller's PATH that keep passwords (protocol:
// github.com/docker/docker-credential-helpers). They are run as the caller and with what is the caller's;
// what they say is limited in time and size.
#pragma once

#include "base/err.h"
#include "registry/credentials.h"

// 1 when it has credentials for the server, 0 when it has none, -1 with *err; err->kind is ERR_NOT_FOUND when
// there is no such program.
int helper_get(struct arena *arena, const char *name, const char *server, struct credentials *ret,
               struct err *err);
int helper_store(const char *name, const char *server, const struct credentials *credentials,
                 struct err *err);
// 1 when it was there, 0 when not.
int helper_erase(const char *name, const char *server, struct err *err);
