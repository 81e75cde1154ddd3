// SPDX-License-Identifier: Apache-2.0
// Asks a registry, through the worker, whether it takes credentials.
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "registry/credentials.h"

// domain as in struct reference. ERR_UNAUTHORIZED: "unauthorized: …". ret_kept is what to keep: the
// credentials, or an identity token that the registry gave in their place. Needs no root.
int image_login(struct arena *arena, const char *domain, const struct credentials *credentials,
                struct credentials *ret_kept, struct err *err);
