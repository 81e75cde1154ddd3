// SPDX-License-Identifier: Apache-2.0
#include "unpack/make_tar.h"
#include "base/fd.h"
#include "base/tar_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void pad(struct str *tar) {
    static const char zeros[512];
    if (tar->len % 512) str_add_n(tar, zeros, 512 - tar->len % 512);
}

static void put_header(struct str *tar, const struct member *m, const char *name, char type, uint64_t size) {
    char block[TAR_HEADER_SIZE];
    tar_header_write(&(struct tar_header){.name = name,
                                          .link = m->link,
                                          .type = type,
                                          .mode = m->mode ? m->mode : 0644,
                                          .uid = m->uid,
                                          .gid = m->gid,
                                          .size = size,
                                          .mtime = m->mtime,
                                          .major = m->major,
                                          .minor = m->minor},
                     block);
    str_add_n(tar, block, sizeof block);
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
