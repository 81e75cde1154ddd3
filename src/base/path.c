// SPDX-License-Identifier: Apache-2.0
#include "base/path.h"

#include <string.h>

const char *path_clean(char *path) {
    char *out = path;
    for (char *in = path; *in;) {
        while (*in == '/') in++;
        size_t n = strcspn(in, "/");
        if (n == 2 && in[0] == '.' && in[1] == '.') {
            while (out > path && *--out != '/') {}
        } else if (n && !(n == 1 && *in == '.')) {
            *out++ = '/';
            memmove(out, in, n);
            out += n;
        }
        in += n;
    }
    if (out == path) *out++ = '/';
    *out = 0;
    return path;
}
