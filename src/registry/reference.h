// SPDX-License-Identifier: Apache-2.0
// The names of images as Docker has them: the grammar of the distribution project's reference package, and
// Docker Hub's shorthand. "debian" means docker.io/library/debian:latest.
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

struct reference {
    const char *domain; // "docker.io", "localhost:5000"
    const char *path;   // "library/debian"
    const char *tag;    // "12"; "latest" when nothing was said; NULL beside a digest alone
    const char *digest; // "sha256:…" or NULL. With a digest the tag says nothing about what is meant
};

// Complete and checked, or ERR_INVALID in Docker's words ("invalid reference format", …).
int reference_parse(struct arena *arena, const char *text, struct reference *ret_reference, struct err *err);

bool reference_tag_valid(const char *tag);

// "docker.io/library/debian", "docker.io/library/debian:12" (with "@sha256:…" in the tag's place if there is
// one).
const char *reference_repository(struct arena *arena, const struct reference *reference);
const char *reference_full(struct arena *arena, const struct reference *reference);
// The short forms that Docker prints: "debian", "debian:12", "localhost:5000/x@sha256:…". Each of them, read
// again, is the same image.
const char *reference_familiar_repository(struct arena *arena, const struct reference *reference);
const char *reference_familiar(struct arena *arena, const struct reference *reference);

// The host[:port] to talk to: docker.io's registry is registry-1.docker.io.
const char *reference_host(const struct reference *reference);
// Is it this machine (127.0.0.0/8, ::1, localhost), where plain HTTP is allowed? host may have a port.
bool host_is_loopback(const char *host);
