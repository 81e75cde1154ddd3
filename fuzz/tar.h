// SPDX-License-Identifier: Apache-2.0
// Tars that are changed at random would hardly ever have a right checksum, and from nothing none would come.
#pragma once

#include "base/arena.h"
#include "fuzz/fuzz.h"
#include "unpack/make_tar.h"

#include <stdio.h>
#include <string.h>

#define TAR_BLOCK 512
#define CHECKSUM  148 // where it is in a header, of eight bytes

static inline size_t tar_number(const uint8_t *field, size_t size) {
    size_t n = 0;
    for (size_t i = 0; i < size && field[i] >= '0' && field[i] <= '7'; i++) n = n * 8 + (field[i] - '0');
    return n;
}

static inline void tar_mend_header(uint8_t *header) {
    unsigned sum = 8 * ' ';
    for (size_t i = 0; i < TAR_BLOCK; i++) sum += i < CHECKSUM || i >= CHECKSUM + 8 ? header[i] : 0;
    if (sum != 8 * ' ') // zeros are the end
        snprintf((char *)header + CHECKSUM, 8, "%06o", sum);
}

static inline void tar_mend(uint8_t *bytes, size_t size) {
    for (size_t at = 0, data; at + TAR_BLOCK <= size;
         at += TAR_BLOCK + (data + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK) {
        tar_mend_header(bytes + at);
        data = tar_number(bytes + at + 124, 12);
        if (data > size) return;
    }
}

// One more member at the front.
static inline size_t tar_put_member(uint8_t *bytes, size_t size, size_t max_size, unsigned seed) {
    static const char *const names[] = {
        "a", "b", "a/b", "a/b/c", "./b//", "a/.wh.b", ".wh.a", "a/.wh..wh..opq", "../a", "/c"};
    static const char *const pax[] = {NULL, "SCHILY.xattr.user.a=b\n", "path=a/\xc3\xa9\nmtime=1.5\n",
                                      "GNU.sparse.major=1\nGNU.sparse.minor=0\n", "linkpath=a/b\n"};
    _cleanup_(str_finish) struct str tar = {0};
    const struct member member = {.name = names[seed % ARRAY_SIZE(names)],
                                  .type = (char)('0' + seed / 16 % 7),
                                  .link = names[seed / 128 % ARRAY_SIZE(names)],
                                  .data = seed / 16 % 7 ? NULL : "bytes",
                                  .pax = pax[seed / 2048 % ARRAY_SIZE(pax)]};
    tar_add(&tar, &member);
    if (tar.len > max_size || size > max_size - tar.len) return size;
    memmove(bytes + tar.len, bytes, size);
    memcpy(bytes, tar.data, tar.len);
    return size + tar.len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed) {
    size = size < TAR_BLOCK || seed % 8 == 0 ? tar_put_member(bytes, size, max_size, seed / 8)
                                             : LLVMFuzzerMutate(bytes, size, max_size);
    tar_mend(bytes, size);
    return size;
}
