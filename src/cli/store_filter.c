// SPDX-License-Identifier: Apache-2.0
#include "cli/store_filter.h"

#include <string.h>

// An empty one is none, as for Docker.
int store_filter(struct parse *parse, const char *text, void *field, struct err *err) {
    if (!*text) return 0;
    if (!strchr(text, '=')) return err_set(err, ERR_INVALID, 0, "bad format of filter (expected name=value)");
    return store_list(parse, text, field, err);
}
