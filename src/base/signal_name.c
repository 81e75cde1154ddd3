// SPDX-License-Identifier: Apache-2.0
#include "base/signal_name.h"

#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#define LAST 64 // SIGRTMAX of the kernel

static int real_time(const char *name) {
    uint32_t n = 0;
    char sign = name[5];
    if (sign && ((sign != '+' && sign != '-') || parse_u32(name + 6, &n))) return -EINVAL;
    // Past the end of the range in either direction there is nothing.
    if (n > (uint32_t)(SIGRTMAX - SIGRTMIN)) return -EINVAL;
    if (!strncasecmp(name, "RTMIN", 5) && sign != '-') return SIGRTMIN + (int)n;
    if (!strncasecmp(name, "RTMAX", 5) && sign != '+') return SIGRTMAX - (int)n;
    return -EINVAL;
}

int signal_parse(const char *text) {
    uint32_t number;
    if (parse_u32(text, &number) == 0) return number >= 1 && number <= LAST ? (int)number : -EINVAL;
    const char *name = !strncasecmp(text, "SIG", 3) ? text + 3 : text;
    if (!strncasecmp(name, "RTM", 3) && strlen(name) >= 5) return real_time(name);
    for (int i = 1; i < SIGRTMIN; i++) {
        const char *known = sigabbrev_np(i);
        if (known && !strcasecmp(known, name)) return i;
    }
    return -EINVAL;
}
