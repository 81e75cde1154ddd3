// SPDX-License-Identifier: Apache-2.0
// What the targets share. Each has one reader of bytes that a stranger chose, and says what has to hold
// beyond that nothing crashes.
#pragma once

#include "base/fd.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed);

#define must(what)            \
    do {                      \
        if (!(what)) abort(); \
    } while (0)

// A directory of the target's own, which goes with it.
static char fuzz_path[] = "/dev/shm/fuzz-XXXXXX";
static inline void fuzz_folder_remove(void) {
    (void)dir_remove_all_at(AT_FDCWD, fuzz_path);
}
static inline int fuzz_folder(void) {
    must(mkdtemp(fuzz_path) && !atexit(fuzz_folder_remove));
    int fd = fd_open_at(AT_FDCWD, fuzz_path, O_RDONLY | O_DIRECTORY, 0);
    must(fd >= 0);
    return fd;
}
