// SPDX-License-Identifier: Apache-2.0
// Why the kernel does not execute a file: its own words name neither what a script asks for nor the loader of
// a program.
#pragma once

#include <stddef.h>

// What the file needs besides itself, as a sentence's end: "its interpreter /bin/zsh is not in the image".
// The file is somebody else's; at most its first 4 KiB are read. Returns buffer, or NULL when there is
// nothing to say.
const char *loader_missing(const char *path, char *buffer, size_t size);
// For ENOEXEC: "it is a program for aarch64". Returns buffer, other words, or NULL.
const char *loader_mismatch(const char *path, char *buffer, size_t size);
