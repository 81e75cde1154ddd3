// SPDX-License-Identifier: Apache-2.0
// An image is two magic numbers, and messages that have their size in front, as 32 bits. In pstree.img there
// is one for each process (1: its pid). In its pagemap-PID.img the first says which pages-N.img (1: N); each
// further one is a run of pages (2, or 5 in later versions: how many; 3: they are in the parent's images; 4:
// flags). Tables of other processes may be left from an earlier checkpoint into the same folder.
#include "criu/pages.h"

#include "base/fd.h"
#include "base/protobuf.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC_COMMON  0x54564319u
#define MAGIC_PAGEMAP 0x56084025u
#define MAGIC_PSTREE  0x50273030u
#define FLAG_PRESENT  4
#define TABLE_MAX     (64u << 20)

struct table {
    uint64_t pages_id, count; // count: pages that are in that file
};

static bool take_u32(struct protobuf_reader *reader, uint32_t *ret_value) {
    if (reader->left < sizeof *ret_value) return false;
    memcpy(ret_value, reader->at, sizeof *ret_value);
    reader->at += sizeof *ret_value;
    reader->left -= sizeof *ret_value;
    return true;
}

static bool take_message(struct protobuf_reader *reader, struct protobuf_reader *ret_message) {
    uint32_t size;
    if (!take_u32(reader, &size) || size > reader->left) return false;
    *ret_message = (struct protobuf_reader){reader->at, size};
    reader->at += size;
    reader->left -= size;
    return true;
}

// Numbers of a stranger's: what is more than any number is the largest there is.
static uint64_t sum_of(uint64_t a, uint64_t b) {
    return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

static uint64_t product_of(uint64_t a, uint64_t b) {
    return __builtin_mul_overflow(a, b, &a) ? UINT64_MAX : a;
}

// Values by the numbers of their fields, which are small.
static bool read_numbers(struct protobuf_reader message, uint64_t values[static 8], bool given[static 8]) {
    struct protobuf_field field;
    int r;
    while ((r = protobuf_next(&message, &field)) > 0)
        if (field.number < 8 && !field.bytes) values[field.number] = field.value, given[field.number] = true;
    return r == 0;
}

static bool open_image(const struct str *text, uint32_t kind, struct protobuf_reader *ret_reader) {
    uint32_t common, magic;
    *ret_reader = (struct protobuf_reader){str_get(text), text->len};
    return take_u32(ret_reader, &common) && take_u32(ret_reader, &magic) && common == MAGIC_COMMON &&
           magic == kind;
}

static bool read_table(const struct str *text, struct table *ret_table) {
    struct protobuf_reader reader, message;
    struct table table = {0};
    bool first = true;
    if (!open_image(text, MAGIC_PAGEMAP, &reader)) return false;
    while (reader.left) {
        uint64_t values[8] = {0};
        bool given[8] = {0};
        if (!take_message(&reader, &message) || !read_numbers(message, values, given)) return false;
        bool present = given[4] ? values[4] & FLAG_PRESENT : !values[3];
        if (first)
            table.pages_id = values[1];
        else if (present)
            table.count = sum_of(table.count, given[5] ? values[5] : values[2]);
        first = false;
    }
    *ret_table = table;
    return !first;
}

static int check_table(int dir, const char *name, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    struct table table;
    struct stat st;
    char pages[48];
    if (file_read_at(dir, name, TABLE_MAX, &text) || !read_table(&text, &table) || !table.count) return 0;
    snprintf(pages, sizeof pages, "pages-%llu.img", (unsigned long long)table.pages_id);
    uint64_t size = fstatat(dir, pages, &st, 0) ? 0 : (uint64_t)st.st_size;
    uint64_t wanted = product_of(table.count, (uint64_t)sysconf(_SC_PAGESIZE));
    if (size >= wanted) return 0;
    return err_set(err, ERR_INVALID, 0, "the checkpoint is damaged: %s has %llu bytes where %s wants %llu",
                   pages, (unsigned long long)size, name, (unsigned long long)wanted);
}

int criu_check_pages(int dir, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    struct protobuf_reader reader, message;
    if (file_read_at(dir, "pstree.img", TABLE_MAX, &text) || !open_image(&text, MAGIC_PSTREE, &reader))
        return 0;
    while (take_message(&reader, &message)) {
        uint64_t values[8] = {0};
        bool given[8] = {0};
        char name[48];
        if (!read_numbers(message, values, given) || !given[1]) return 0;
        snprintf(name, sizeof name, "pagemap-%llu.img", (unsigned long long)values[1]);
        if (check_table(dir, name, err)) return -1;
    }
    return 0;
}
