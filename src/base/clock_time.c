// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000LL

static const struct {
    const char *name;
    int64_t ns;
} units[] = {{"ns", 1},         {"us", 1000},         {"µs", 1000},          {"ms", 1000000},
             {"s", 1000000000}, {"m", 60000000000ll}, {"h", 3600000000000ll}};

static int unit_find(const char *p, size_t length, int64_t *ret_ns) {
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (strlen(units[i].name) == length && !strncmp(p, units[i].name, length))
            return *ret_ns = units[i].ns, 0;
    return -EINVAL;
}

// "1.5h" of a longer text.
static int duration_part(const char **at, int64_t *total) {
    int64_t whole = 0, fraction = 0, scale = 1, unit;
    const char *p = *at, *begin = p;
    for (; isdigit((unsigned char)*p); p++)
        if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, *p - '0', &whole))
            return -EINVAL;
    size_t digits = (size_t)(p - begin);
    if (*p == '.')
        for (p++; isdigit((unsigned char)*p); p++, digits++)
            if (scale < 1000000000) fraction = fraction * 10 + (*p - '0'), scale *= 10;
    size_t length = 0;
    while (p[length] && p[length] != '.' && !isdigit((unsigned char)p[length])) length++;
    if (!digits || unit_find(p, length, &unit)) return -EINVAL;
    if (__builtin_mul_overflow(whole, unit, &whole) || __builtin_add_overflow(*total, whole, total))
        return -EINVAL;
    int64_t rest = (int64_t)((double)fraction * (double)unit / (double)scale);
    if (__builtin_add_overflow(*total, rest, total)) return -EINVAL;
    *at = p + length;
    return 0;
}

int clock_parse_duration(const char *text, int64_t *ret_ns) {
    bool negative = *text == '-';
    const char *p = text + (*text == '-' || *text == '+');
    int64_t total = 0;
    if (str_eq(p, "0")) return *ret_ns = 0, 0;
    if (!*p) return -EINVAL;
    while (*p)
        if (duration_part(&p, &total)) return -EINVAL;
    *ret_ns = negative ? -total : total;
    return 0;
}

// Up to nine digits of a fraction of a second.
static const char *parse_fraction(const char *s, int64_t *ret_ns) {
    int64_t unit = NS_PER_S / 10;
    for (*ret_ns = 0; isdigit((unsigned char)*s); s++, unit /= 10) *ret_ns += (*s - '0') * unit;
    return s;
}

static bool parse_unix(const char *s, int64_t *ret_ns) {
    char *end;
    int64_t fraction = 0;
    if (!isdigit((unsigned char)*s) || strspn(s, "0123456789") > 10) return false;
    long long seconds = strtoll(s, &end, 10);
    if (*end == '.') end = (char *)parse_fraction(end + 1, &fraction);
    *ret_ns = seconds > INT64_MAX / NS_PER_S - 1 ? INT64_MAX : seconds * NS_PER_S + fraction;
    return !*end;
}

// "Z", "+02:00" or nothing: seconds that the text is ahead of UTC.
static bool parse_zone(const char *s, struct tm *tm, int64_t *ret_seconds) {
    int hours, minutes, used = 0;
    if (!*s) {
        tm->tm_isdst = -1;
        return *ret_seconds = mktime(tm), true;
    }
    *ret_seconds = timegm(tm);
    if (!strcmp(s, "Z")) return true;
    if (*s != '+' && *s != '-') return false;
    if (sscanf(s + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 || s[6]) return false;
    *ret_seconds -= (hours * 60 + minutes) * 60 * (*s == '-' ? -1 : 1);
    return true;
}

static bool parse_date(const char *s, int64_t *ret_ns) {
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d"};
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        struct tm tm = {0};
        int64_t fraction = 0, seconds;
        const char *rest = strptime(s, formats[i], &tm);
        if (!rest) continue;
        if (i == 0 && *rest == '.') rest = parse_fraction(rest + 1, &fraction);
        if (!parse_zone(rest, &tm, &seconds)) continue;
        if (seconds > INT64_MAX / NS_PER_S - 1 || seconds < 0) return false;
        *ret_ns = seconds * NS_PER_S + fraction;
        return true;
    }
    return false;
}

int clock_parse_time(const char *text, int64_t now_ns, int64_t *ret_ns, struct err *err) {
    int64_t ns;
    if (!str_eq(text, "0") && !clock_parse_duration(text, &ns)) {
        if (__builtin_sub_overflow(now_ns, ns, &ns) || ns < 1) ns = 1;
    } else if (!parse_unix(text, &ns) && !parse_date(text, &ns)) {
        return err_set(err, ERR_INVALID, 0,
                       "invalid time '%s': say a date such as 2026-11-23T21:44:38Z, seconds since 1970, or a "
                       "duration such as 10m or 1h30m",
                       text);
    }
    *ret_ns = ns;
    return 0;
}
