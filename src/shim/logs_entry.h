// SPDX-License-Identifier: Apache-2.0
// One entry of a log's file, taken apart.
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logs_entry {
    char *text; // unescaped, in place: the bytes that it was scanned from were changed
    size_t size;
    bool is_stderr;
    bool ends;        // a line ends here; the newline is not in the text
    const char *time; // with its NUL; NULL: time_ns says it
    int64_t time_ns;
    char *attributes; // as the file has them; NULL: none
    size_t attributes_size;
    bool local;
};

// One line of a json-file without its newline, of size bytes and one more that may be written. False: it is
// none, or not a whole one.
bool logs_scan_json(char *line, size_t size, struct logs_entry *ret_entry);

// What is between the two lengths of a `local` entry.
#define LOGS_LOCAL_LENGTH 4
bool logs_scan_local(char *bytes, size_t size, struct logs_entry *ret_entry);
size_t logs_local_length(const char *bytes); // of four bytes

// As RFC 3339 with nine digits always, so that lines stay in columns.
void logs_entry_time(const struct logs_entry *entry, struct str *out);
int logs_entry_ns(const struct logs_entry *entry, int64_t *ret_ns);
// "key=value,key=value", as a URL's query has them.
void logs_entry_details(const struct logs_entry *entry, struct str *out);
