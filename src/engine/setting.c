// SPDX-License-Identifier: Apache-2.0
#include "engine/setting.h"

#include "base/json.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

#define FILE_PATH  "/etc/hoy/config.json"
#define FILE_LIMIT (1u << 20)

int setting_read(struct arena *arena, const char *key, const char *variable, const char **ret_text,
                 const char **ret_where, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    const char *text = getenv(variable);
    *ret_text = text;
    *ret_where = variable;
    if (!str_empty(text)) return 0;
    int r = json_read_file(FILE_PATH, FILE_LIMIT, &json);
    if (r == -EINVAL) return err_set(err, ERR_INVALID, 0, "%s is no valid JSON", FILE_PATH);
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "can't read %s", FILE_PATH);
    text = json_get_string(json, key);
    *ret_text = str_empty(text) ? NULL : arena_strdup(arena, text);
    *ret_where = FILE_PATH;
    return 0;
}
