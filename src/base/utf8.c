// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

size_t utf8_length(const void *bytes, size_t left) {
    const unsigned char *p = bytes;
    size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    if (!n || n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

size_t utf8_put(char *to, uint32_t rune) {
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) rune = 0xfffd;
    size_t n = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; rune >>= 6) to[i] = (char)(0x80 | (rune & 0x3f));
    to[0] = (char)(first[n] | rune);
    return n;
}
