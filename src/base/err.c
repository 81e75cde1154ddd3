// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set_at(const char *file, int line, struct err *err, enum err_kind kind, int code, const char *format,
               ...) {
    const char *slash = strrchr(file, '/');
    *err = (struct err){.kind = kind, .code = code, .line = line};
    snprintf(err->file, sizeof err->file, "%s", slash ? slash + 1 : file);

    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (kind == ERR_SYSTEM && code && n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", strerror(code));
    str_make_plain(err->text); // names in it may be a stranger's
    return -1;
}

int err_wrap(struct err *err, const char *format, ...) {
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof text) {
        snprintf(text + n, sizeof text - (size_t)n, ": %s", err->text);
        memcpy(err->text, str_make_plain(text), sizeof text);
    }
    return -1;
}
