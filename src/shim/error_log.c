// SPDX-License-Identifier: Apache-2.0
#include "shim/error_log.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#include <string.h>
#include <time.h>

static void add_quoted(struct str *line, const char *text) {
    str_add_char(line, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            str_printf(line, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            str_printf(line, "\\u%04x", (unsigned)*text);
        else
            str_add_char(line, *text);
    }
    str_add_char(line, '"');
}

void error_log(int fd, bool json, const char *level, const char *message) {
    char when[32] = "";
    struct tm utc;
    time_t now = (time_t)(clock_wall_ns() / 1000000000);
    _cleanup_(str_finish) struct str line = {0};
    if (fd < 0) return;
    if (gmtime_r(&now, &utc)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    str_printf(&line, json ? "{\"level\":\"%s\",\"msg\":" : "time=\"%s\" level=", json ? level : when);
    if (!json) str_printf(&line, "%s msg=", level);
    add_quoted(&line, message);
    if (json) str_printf(&line, ",\"time\":\"%s\"}", when);
    str_add_char(&line, '\n');
    (void)fd_write_all(fd, str_get(&line), line.len); // in one piece: others write to the same file
}
