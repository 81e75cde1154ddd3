// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000LL

// Go's: a sign, then numbers with units. False: it is no duration.
static bool parse_duration(const char *s, int64_t *ret_ns) {
    static const struct {
        const char *name;
        long double ns;
    } units[] = {
        {"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12},
    };
    bool negative = *s == '-';
    long double sum = 0;
    if (*s == '-' || *s == '+') s++;
    if (!*s) return false;
    while (*s) {
        char *end;
        if (!isdigit((unsigned char)*s) && *s != '.') return false;
        size_t digits = strspn(s, "0123456789.");
        long double value = strtold(s, &end);
        if (end != s + digits) return false;
        size_t length = strcspn(end, "0123456789."), i = 0;
        while (i < ARRAY_SIZE(units) &&
               (strlen(units[i].name) != length || strncmp(units[i].name, end, length) != 0))
            i++;
        if (i == ARRAY_SIZE(units)) return false;
        sum += value * units[i].ns;
        s = end + length;
    }
    if (sum > 9.2e18L) return false;
    *ret_ns = (int64_t)(negative ? -sum : sum);
    return true;
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
    if (parse_duration(text, &ns)) {
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
