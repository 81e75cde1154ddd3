// SPDX-License-Identifier: Apache-2.0
#include "unpack/path.h"

#include <stdio.h>
#include <string.h>

bool path_next(const char **path, struct path_part *ret_part) {
    for (;;) {
        const char *p = *path + strspn(*path, "/");
        size_t length = strcspn(p, "/");
        *path = p + length;
        if (!length) return false;
        if (length == 1 && p[0] == '.') continue;
        *ret_part = (struct path_part){p, length};
        return true;
    }
}

const char *path_show(const char *path, char buffer[static PATH_SHOWN]) {
    size_t length = strlen(path), fits = PATH_SHOWN - 6;
    int n = snprintf(buffer, PATH_SHOWN, "\"%.*s\"%s", (int)fits, path, length > fits ? "..." : "");
    for (int i = 0; i < n && i < PATH_SHOWN - 1; i++)
        if ((unsigned char)buffer[i] < ' ' || buffer[i] == 0x7f) buffer[i] = '?';
    return buffer;
}
