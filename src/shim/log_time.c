// SPDX-License-Identifier: Apache-2.0
#include "shim/log_time.h"

#include <string.h>

#define NS_PER_S 1000000000LL

void log_time_digits(char *at, int64_t value, int digits) {
    for (int i = digits - 1; i >= 0; i--, value /= 10) at[i] = (char)('0' + value % 10);
}

struct date {
    int64_t year, month, day;
};

static struct date date_of(int64_t days) {
    // Days since 0000-03-01, in eras of 400 years: leap days then come last in a year.
    int64_t z = days + 719468, era = z / 146097, day = z % 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    int64_t month = (5 * day + 2) / 153;
    return (struct date){.year = year + era * 400 + (month >= 10),
                         .month = month < 10 ? month + 3 : month - 9,
                         .day = day - (153 * month + 2) / 5 + 1};
}

static void put_clock(int64_t rest, char *at) {
    log_time_digits(at, rest / 3600, 2);
    log_time_digits(at + 3, rest / 60 % 60, 2);
    log_time_digits(at + 6, rest % 60, 2);
}

void log_time_seconds(int64_t second, char *text) {
    struct date date = date_of(second / 86400);
    memcpy(text, "0000-00-00T00:00:00", 19);
    log_time_digits(text, date.year, 4);
    log_time_digits(text + 5, date.month, 2);
    log_time_digits(text + 8, date.day, 2);
    put_clock(second % 86400, text + 11);
}

size_t log_time_fraction(int64_t wall_ns, char *text) {
    log_time_seconds(wall_ns / NS_PER_S, text);
    text[19] = '.';
    log_time_digits(text + 20, wall_ns % NS_PER_S, 9);
    size_t n = 29;
    while (text[n - 1] == '0' && n > 20) n--;
    return n == 20 ? 19 : n;
}

void log_time_stamp(int64_t second, char *text) {
    struct date date = date_of(second / 86400);
    memcpy(text, "Jan 00 00:00:00", 15);
    memcpy(text, &"JanFebMarAprMayJunJulAugSepOctNovDec"[(date.month - 1) * 3], 3);
    log_time_digits(text + 4, date.day, 2);
    if (text[4] == '0') text[4] = ' ';
    put_clock(second % 86400, text + 7);
}
