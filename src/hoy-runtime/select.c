// SPDX-License-Identifier: Apache-2.0
#include "hoy-runtime/select.h"

#include <regex.h>

int select_matching(struct invocation *invocation, const char *pattern, struct strings *ret_ids,
                    struct err *err) {
    char why[100];
    struct strings all, matching = {0};
    _cleanup_(regfree) regex_t regex;
    int r = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
    if (r) {
        regerror(r, &regex, why, sizeof why);
        return err_set(err, ERR_INVALID, 0, "\"%.100s\" is no regular expression: %s", pattern, why);
    }
    if (container_list(invocation, &all, err)) return -1;
    for (size_t i = 0; i < all.count; i++)
        if (!regexec(&regex, all.items[i], 0, NULL, 0))
            strings_add(&invocation->arena, &matching, all.items[i]);
    *ret_ids = matching;
    return 0;
}
