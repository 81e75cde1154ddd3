// SPDX-License-Identifier: Apache-2.0
// Base64 with padding (RFC 4648, section 4).
#pragma once

#include "base/arena.h"

const char *base64_encode(struct arena *arena, const void *bytes, size_t size);
// NULL when it is none. A NUL follows the bytes. ret_size may be NULL.
char *base64_decode(struct arena *arena, const char *text, size_t *ret_size);
