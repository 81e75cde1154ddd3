// SPDX-License-Identifier: Apache-2.0
// json-c's static library is built for glibc, with its checked forms of a few functions of the C standard.
// musl has the functions, and here they get those names; the checks stay.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

int __vfprintf_chk(FILE *file, int flag, const char *format, va_list args);
int __fprintf_chk(FILE *file, int flag, const char *format, ...);
int __vsnprintf_chk(char *s, size_t size, int flag, size_t room, const char *format, va_list args);
int __snprintf_chk(char *s, size_t size, int flag, size_t room, const char *format, ...);
int __vasprintf_chk(char **ret_s, int flag, const char *format, va_list args);
char *__strcat_chk(char *to, const char *from, size_t room);
void __vsyslog_chk(int priority, int flag, const char *format, va_list args);

int __vfprintf_chk(FILE *file, int flag, const char *format, va_list args) {
    (void)flag;
    return vfprintf(file, format, args);
}

int __fprintf_chk(FILE *file, int flag, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = __vfprintf_chk(file, flag, format, args);
    va_end(args);
    return n;
}

int __vsnprintf_chk(char *s, size_t size, int flag, size_t room, const char *format, va_list args) {
    (void)flag;
    if (size > room) abort();
    return vsnprintf(s, size, format, args);
}

int __snprintf_chk(char *s, size_t size, int flag, size_t room, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = __vsnprintf_chk(s, size, flag, room, format, args);
    va_end(args);
    return n;
}

int __vasprintf_chk(char **ret_s, int flag, const char *format, va_list args) {
    (void)flag;
    return vasprintf(ret_s, format, args);
}

char *__strcat_chk(char *to, const char *from, size_t room) {
    size_t length = strlen(to), more = strlen(from) + 1;
    if (length + more > room) abort();
    memcpy(to + length, from, more);
    return to;
}

void __vsyslog_chk(int priority, int flag, const char *format, va_list args) {
    (void)flag;
    vsyslog(priority, format, args);
}
