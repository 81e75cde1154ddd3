// SPDX-License-Identifier: Apache-2.0
// What the host's administrator sets for all of hoy: an object of strings, /etc/hoy/config.json. A variable
// of the environment goes before it.
#pragma once

#include "base/arena.h"
#include "base/err.h"

// The text, in the arena, or NULL where there is none; and where it stands, for a sentence about it.
int setting_read(struct arena *arena, const char *key, const char *variable, const char **ret_text,
                 const char **ret_where, struct err *err);
