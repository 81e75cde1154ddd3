// SPDX-License-Identifier: Apache-2.0
#include "unpack/make_tar.h"
#include "base/fd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void pad(struct str *tar) {
    static const char zeros[512];
    if (tar->len % 512) str_add_n(tar, zeros, 512 - tar->len % 512);
}

// Octal, or base 256 where that is too small.
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

static void put_header(struct str *tar, const struct member *m, const char *name, char type, uint64_t size) {
    char h[512] = {0};
    memcpy(h, name, strnlen(name, 100));
    put_number(h + 100, 8, m->mode ? m->mode : 0644);
    put_number(h + 108, 8, m->uid);
    put_number(h + 116, 8, m->gid);
    put_number(h + 124, 12, size);
    put_number(h + 136, 12, m->mtime);
    memset(h + 148, ' ', 8);
    h[156] = type;
    if (m->link) memcpy(h + 157, m->link, strnlen(m->link, 100));
    memcpy(h + 257, "ustar\00000", 8);
    put_number(h + 329, 8, m->major);
    put_number(h + 337, 8, m->minor);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof h; i++) sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    str_add_n(tar, h, sizeof h);
}

// Each record with its length, which counts itself.
static void put_pax(struct str *tar, const struct member *m) {
    _cleanup_(str_finish) struct str body = {0};
    for (const char *line = m->pax; *line;) {
        size_t length = m->pax_value_size ? (size_t)(strchr(line, '=') - line) + 1 + m->pax_value_size
                                          : (size_t)(strchr(line, '\n') - line);
        size_t total = length + 3;
        for (int i = 0; i < 3; i++) total = length + 2 + (size_t)snprintf(NULL, 0, "%zu", total);
        str_printf(&body, "%zu ", total);
        str_add_n(&body, line, length + 1);
        line += length + 1;
        if (m->pax_value_size) break;
    }
    put_header(tar, &(struct member){0}, "pax", 'x', body.len);
    str_add_n(tar, body.data, body.len);
    pad(tar);
}

void tar_add(struct str *tar, const struct member *m) {
    size_t size = m->data ? strlen(m->data) : 0;
    if (m->pax) put_pax(tar, m);
    if (strlen(m->name) > 100) { // GNU's long name
        put_header(tar, &(struct member){0}, "././@LongLink", 'L', strlen(m->name) + 1);
        str_add_n(tar, m->name, strlen(m->name) + 1);
        pad(tar);
    }
    put_header(tar, m, m->name, m->type ? m->type : '0', m->size ? m->size : size);
    if (size) str_add_n(tar, m->data, size);
    pad(tar);
}

void tar_end(struct str *tar) {
    static const char zeros[1024];
    str_add_n(tar, zeros, sizeof zeros);
}

int tar_file(const struct str *tar) {
    int fd = memfd_create("tar", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, tar->data, tar->len)) abort();
    return fd;
}
