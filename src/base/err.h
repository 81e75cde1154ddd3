// SPDX-License-Identifier: Apache-2.0
// What went wrong, as a plain value: no pointer in it, so that it can be copied, kept in shared memory and
// written down a pipe from one process to another.
//
// Functions of base and kernel return 0 or a descriptor, or -errno, and never explain. Every layer above
// takes a last parameter `struct err *err` and returns 0 (or something useful) or -1 with *err filled in.
// The sentence names the thing, the cause and, where there is one, the way out; it has no trailing full
// stop and no newline, since callers put their own words before it with err_wrap().
#pragma once

#include "base/macro.h"

enum err_kind {
    ERR_NONE = 0,
    ERR_NOT_FOUND,              // the named container, image, … does not exist
    ERR_CONFLICT,               // it exists already, is in use, or is in the wrong state
    ERR_INVALID,                // the request itself is wrong: a flag, a reference, a document
    ERR_UNAUTHORIZED,           // a registry wants other credentials
    ERR_UNAVAILABLE,            // a registry or a service can't be reached, or not now
    ERR_COMMAND_NOT_FOUND,      // the container's command does not exist (exit code 127)
    ERR_COMMAND_NOT_EXECUTABLE, // it exists but can't be executed (exit code 126)
    ERR_SYSTEM,                 // the kernel refused; code says with what
};

struct err {
    enum err_kind kind;
    int code; // errno as a positive number, 0 where there is none
    int line;
    char file[32]; // where it was set, for --debug
    char text[512];
};

// Sets *err and returns -1, so that a function can end with `return err_set(err, …)`. With ERR_SYSTEM and
// code != 0 the text gets ": <strerror(code)>" appended.
#define err_set(err, kind, code, ...) err_set_at(__FILE__, __LINE__, err, kind, code, __VA_ARGS__)
int err_set_at(const char *file, int line, struct err *err, enum err_kind kind, int code, const char *format,
               ...) _printf_(6, 7);

// Puts words and ": " before what is there already. Returns -1.
int err_wrap(struct err *err, const char *format, ...) _printf_(2, 3);
