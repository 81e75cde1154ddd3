// SPDX-License-Identifier: Apache-2.0
#include "shim/detach.h"

#include "base/str.h"

#include <string.h>

// One key's name of n bytes; -1 when it is none.
static int parse_key(const char *name, size_t n) {
    static const char others[] = "@abcdefghijklmnopqrstuvwxyz[\\]^_"; // ctrl- and one of these: 0 to 31
    if (n == 1) return (uint8_t)name[0];
    if (n == 3 && !strncmp(name, "DEL", 3)) return 127;
    if (n != 6 || strncmp(name, "ctrl-", 5)) return -1;
    const char *found = strchr(others, name[5]);
    return found ? (int)(found - others) : -1;
}

int detach_parse(const char *text, struct detach *ret_detach, struct err *err) {
    struct detach detach = {0};
    if (str_empty(text)) text = DETACH_KEYS_DEFAULT;
    for (const char *key = text;; key++) {
        size_t n = strcspn(key, ",");
        int code = parse_key(key, n);
        if (code < 0)
            return err_set(
                err, ERR_INVALID, 0,
                "invalid detach keys (%s): unknown key '%.*s': a key is one character, or ctrl- and one "
                "of a-z, @, [, \\, ], ^, _; keys are separated by commas",
                text, (int)n, key);
        if (detach.count == DETACH_KEYS_MAX)
            return err_set(err, ERR_INVALID, 0, "invalid detach keys: more than %d keys", DETACH_KEYS_MAX);
        detach.keys[detach.count++] = (uint8_t)code;
        key += n;
        if (!*key) break;
    }
    *ret_detach = detach;
    return 0;
}

// The held keys and one more that does not go on with them: sends from the front until what is left is again
// a beginning of the sequence.
static void release(struct detach *detach, uint8_t key, uint8_t *ret_output, size_t *n) {
    uint8_t typed[DETACH_KEYS_MAX + 1];
    size_t count = detach->held + 1, first = 0;
    memcpy(typed, detach->keys, detach->held);
    typed[detach->held] = key;
    do ret_output[(*n)++] = typed[first++];
    while (first < count && memcmp(typed + first, detach->keys, count - first) != 0);
    detach->held = count - first;
}

bool detach_filter(struct detach *detach, const uint8_t *typed, size_t size, uint8_t *ret_output,
                   size_t *ret_size) {
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        if (!detach->count || typed[i] != detach->keys[detach->held]) {
            release(detach, typed[i], ret_output, &n);
            continue;
        }
        if (++detach->held < detach->count) continue;
        detach->held = 0;
        *ret_size = n;
        return true;
    }
    *ret_size = n;
    return false;
}
