// SPDX-License-Identifier: Apache-2.0
#include "engine/firewall.h"

#include "engine/setting.h"

#include "base/str.h"

int firewall_respects(const struct container_config *config, bool *ret_respects, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *word = config->firewall, *where = "--firewall";
    if (!word && setting_read(&arena, "firewall", "HOY_FIREWALL", &word, &where, err)) return -1;
    if (!str_empty(word) && !str_eq(word, "respect") && !str_eq(word, "bypass"))
        return err_set(err, ERR_INVALID, 0, "%s: '%s' is neither respect nor bypass", where, word);
    *ret_respects = str_eq(word, "respect");
    return 0;
}
