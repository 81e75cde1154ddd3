// SPDX-License-Identifier: Apache-2.0
#include "unpack/tar_write.h"

#include "base/str.h"
#include "base/tar_header.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_MAX_USTAR 100
#define ID_MAX         07777777       // 7 octal digits
#define LONG_MAX_USTAR 077777777777ll // 11

static const char zeros[TAR_HEADER_SIZE];

static int put(struct tar_writer *writer, const void *bytes, size_t size) {
    return size ? writer->write(writer->data, bytes, size) : 0;
}

static int pad(struct tar_writer *writer, uint64_t size) {
    return put(writer, zeros, tar_padding(size));
}

static int put_header(struct tar_writer *writer, const struct tar_header *header) {
    char block[TAR_HEADER_SIZE];
    tar_header_write(header, block);
    return put(writer, block, sizeof block);
}

// What is too large stands in the pax header.
static uint64_t fit(uint64_t value, uint64_t max) {
    return value <= max ? value : 0;
}

// Pax

// "LENGTH KEY=VALUE\n", where the length counts itself.
static void pax_add(struct str *pax, const char *prefix, const char *key, const void *value, size_t size) {
    size_t rest = strlen(prefix) + strlen(key) + size + 3, total = rest;
    for (int i = 0; i < 3; i++) total = rest + (size_t)snprintf(NULL, 0, "%zu", total);
    str_printf(pax, "%zu %s%s=", total, prefix, key);
    str_add_n(pax, value, size);
    str_add_char(pax, '\n');
}

static void pax_text(struct str *pax, const char *key, const char *value) {
    pax_add(pax, "", key, value, strlen(value));
}

static void pax_number(struct str *pax, const char *key, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    pax_text(pax, key, text);
}

// Before 1970 whole seconds: what "-1.5" means is not the same to all who read it.
static void pax_time(struct str *pax, int64_t s, uint32_t ns) {
    char text[48];
    if (s < 0 || !ns)
        snprintf(text, sizeof text, "%lld", (long long)s);
    else
        snprintf(text, sizeof text, "%lld.%09u", (long long)s, ns);
    pax_text(pax, "mtime", text);
}

static void pax_collect(struct str *pax, const char *name, const struct tree_node *node, const char *link) {
    if (strlen(name) > NAME_MAX_USTAR) pax_text(pax, "path", name);
    if (link && strlen(link) > NAME_MAX_USTAR) pax_text(pax, "linkpath", link);
    if (node->uid > ID_MAX) pax_number(pax, "uid", node->uid);
    if (node->gid > ID_MAX) pax_number(pax, "gid", node->gid);
    if (node->size > (uint64_t)LONG_MAX_USTAR) pax_number(pax, "size", node->size);
    if (node->mtime_ns || node->mtime_s < 0 || node->mtime_s > LONG_MAX_USTAR)
        pax_time(pax, node->mtime_s, node->mtime_ns);
    for (const struct tree_xattr *x = node->xattrs; x; x = x->next)
        pax_add(pax, "SCHILY.xattr.", x->name, x->value, x->size);
}

static int put_pax(struct tar_writer *writer, const struct str *pax) {
    const struct tar_header header = {.name = "PaxHeader", .type = 'x', .mode = 0644, .size = pax->len};
    if (!pax->len) return 0;
    int r = put_header(writer, &header);
    if (!r) r = put(writer, pax->data, pax->len);
    return r ? r : pad(writer, pax->len);
}

// Members

static char type_of(uint32_t mode) {
    switch (mode & S_IFMT) {
    case S_IFDIR: return '5';
    case S_IFLNK: return '2';
    case S_IFCHR: return '3';
    case S_IFBLK: return '4';
    case S_IFIFO: return '6';
    default: return '0';
    }
}

static int put_ustar(struct tar_writer *writer, const char *name, const struct tree_node *node, char type,
                     const char *link) {
    const struct tar_header header = {
        .name = name,
        .link = link,
        .type = type,
        .mode = node->mode & 07777,
        .uid = fit(node->uid, ID_MAX),
        .gid = fit(node->gid, ID_MAX),
        .size = fit(node->size, LONG_MAX_USTAR),
        .mtime = node->mtime_s > 0 ? fit((uint64_t)node->mtime_s, LONG_MAX_USTAR) : 0,
        .major = fit(node->rdev_major, ID_MAX),
        .minor = fit(node->rdev_minor, ID_MAX),
    };
    return put_header(writer, &header);
}

int tar_write_header(struct tar_writer *writer, const char *name, const struct tree_node *node,
                     const char *hardlink) {
    _cleanup_(str_finish) struct str pax = {0}, path = {0};
    struct tree_node head = *node;
    bool has_bytes = !hardlink && S_ISREG(node->mode);
    const char *link = hardlink ? hardlink : S_ISLNK(node->mode) ? node->target : NULL;
    if (!has_bytes) head.size = 0;
    if (hardlink) head.xattrs = NULL;
    str_add(&path, name);
    if (!hardlink && S_ISDIR(node->mode)) str_add_char(&path, '/');
    pax_collect(&pax, str_get(&path), &head, link);
    writer->size = writer->left = head.size;
    int r = put_pax(writer, &pax);
    if (!r) r = put_ustar(writer, str_get(&path), &head, hardlink ? '1' : type_of(node->mode), link);
    str_finish(&path);
    return r;
}

int tar_write_bytes(struct tar_writer *writer, const void *bytes, size_t size) {
    int r = put(writer, bytes, size);
    writer->left -= size;
    return r || writer->left ? r : pad(writer, writer->size);
}

int tar_write_end(struct tar_writer *writer) {
    int r = put(writer, zeros, sizeof zeros);
    return r ? r : put(writer, zeros, sizeof zeros);
}
