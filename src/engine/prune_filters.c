// SPDX-License-Identifier: Apache-2.0
#include "engine/prune_filters.h"

#include "base/clock.h"
#include "oci/key_values.h"

#include <string.h>

int prune_filters_read(struct arena *arena, const struct strings *texts, struct prune_filters *ret_filters,
                       struct err *err) {
    struct prune_filters filters = {.until_ns = INT64_MAX};
    for (size_t i = 0; i < texts->count; i++) {
        const char *text = texts->items[i], *value;
        if ((value = str_after(text, "until="))) {
            if (clock_parse_time(value, clock_wall_ns(), &filters.until_ns, err)) return -1;
        } else if ((value = str_after(text, "label!="))) {
            strings_add(arena, &filters.not_labels, value);
        } else if ((value = str_after(text, "label="))) {
            strings_add(arena, &filters.labels, value);
        } else {
            return err_set(err, ERR_INVALID, 0, "Invalid filter '%.*s'", (int)strcspn(text, "="), text);
        }
    }
    *ret_filters = filters;
    return 0;
}

bool prune_filters_match(const struct prune_filters *filters, int64_t created_ns,
                         const struct spec_key_values *labels) {
    if (created_ns >= filters->until_ns) return false;
    for (size_t i = 0; i < filters->labels.count; i++)
        if (!key_values_have(labels, filters->labels.items[i])) return false;
    for (size_t i = 0; i < filters->not_labels.count; i++)
        if (key_values_have(labels, filters->not_labels.items[i])) return false;
    return true;
}
