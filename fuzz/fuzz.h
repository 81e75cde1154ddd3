// SPDX-License-Identifier: Apache-2.0
// What the targets share. Each has one reader of bytes that a stranger chose, and says what has to hold
// beyond that nothing crashes.
#pragma once

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
