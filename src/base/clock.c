// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000LL

uint64_t clock_monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

int64_t clock_wall_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

const char *clock_rfc3339(int64_t wall_ns, char buffer[static CLOCK_RFC3339_SIZE]) {
    if (!wall_ns) return strcpy(buffer, "0001-01-01T00:00:00Z");
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    long fraction = (long)(wall_ns % NS_PER_S);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(buffer, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    if (fraction) {
        n += (size_t)snprintf(buffer + n, CLOCK_RFC3339_SIZE - n, ".%09ld", fraction);
        while (buffer[n - 1] == '0') n--;
    }
    return strcpy(buffer + n, "Z"), buffer;
}

int clock_parse_rfc3339(const char *text, int64_t *ret_wall_ns) {
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest) return -EINVAL;
    int64_t fraction = 0;
    if (*rest == '.') {
        int64_t unit = NS_PER_S / 10;
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10) fraction += (*rest - '0') * unit;
    }
    int64_t offset = 0;
    if (*rest == '+' || *rest == '-') {
        int hours, minutes, used = 0;
        if (sscanf(rest + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 || rest[6])
            return -EINVAL;
        offset = (hours * 60 + minutes) * 60 * (*rest == '-' ? -1 : 1);
    } else if (strcmp(rest, "Z")) {
        return -EINVAL;
    }
    if (__builtin_mul_overflow((int64_t)timegm(&tm) - offset, NS_PER_S, ret_wall_ns) ||
        __builtin_add_overflow(*ret_wall_ns, fraction, ret_wall_ns))
        *ret_wall_ns = CLOCK_NEVER;
    return 0;
}

const char *clock_duration_words(int64_t duration_ns, char buffer[static 32]) {
    long s = (long)(duration_ns / NS_PER_S), m = s / 60, h = (m + 30) / 60;
    if (s < 1) return strcpy(buffer, "Less than a second");
    if (s == 1) return strcpy(buffer, "1 second");
    if (s < 60) return snprintf(buffer, 32, "%ld seconds", s), buffer;
    if (m == 1) return strcpy(buffer, "About a minute");
    if (m < 60) return snprintf(buffer, 32, "%ld minutes", m), buffer;
    if (h == 1) return strcpy(buffer, "About an hour");
    if (h < 48) return snprintf(buffer, 32, "%ld hours", h), buffer;
    if (h < 24 * 7 * 2) return snprintf(buffer, 32, "%ld days", h / 24), buffer;
    if (h < 24 * 30 * 2) return snprintf(buffer, 32, "%ld weeks", h / 24 / 7), buffer;
    if (h < 24 * 365 * 2) return snprintf(buffer, 32, "%ld months", h / 24 / 30), buffer;
    return snprintf(buffer, 32, "%ld years", h / 24 / 365), buffer;
}
