// SPDX-License-Identifier: Apache-2.0
#include "base/tar_header.h"

#include <stdio.h>
#include <string.h>

static void put_number(char *field, size_t size, uint64_t value) {
    if (value < (uint64_t)1 << (3 * (size - 1))) {
        char text[32];
        snprintf(text, sizeof text, "%0*lo", (int)size - 1, (unsigned long)value);
        memcpy(field, text, size - 1);
        return;
    }
    for (size_t i = size; i-- > 1; value >>= 8) field[i] = (char)value;
    field[0] = (char)0x80;
}

void tar_header_write(const struct tar_header *header, char block[static TAR_HEADER_SIZE]) {
    memset(block, 0, TAR_HEADER_SIZE);
    memcpy(block, header->name, strnlen(header->name, 100));
    put_number(block + 100, 8, header->mode);
    put_number(block + 108, 8, header->uid);
    put_number(block + 116, 8, header->gid);
    put_number(block + 124, 12, header->size);
    put_number(block + 136, 12, header->mtime);
    memset(block + 148, ' ', 8);
    block[156] = header->type;
    if (header->link) memcpy(block + 157, header->link, strnlen(header->link, 100));
    memcpy(block + 257, "ustar\00000", 8);
    put_number(block + 329, 8, header->major);
    put_number(block + 337, 8, header->minor);
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_HEADER_SIZE; i++) sum += (unsigned char)block[i];
    snprintf(block + 148, 8, "%06o", sum);
}
