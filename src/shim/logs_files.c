// SPDX-License-Identifier: Apache-2.0
#include "shim/logs_files.h"

#include "base/arena.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NUMBER_MAX 100000

void logs_files_finish(struct logs_files *files) {
    for (size_t i = 0; i < files->count; i++) fd_closep(&files->items[i].fd);
    free(files->items);
    *files = (struct logs_files){0};
}

static const char *base_name(const char *name) {
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

// "<name>.12", "<name>.12.gz": 12; 0 for anything else.
static uint32_t number_of(const char *base, const char *entry) {
    char text[16] = "";
    uint32_t number;
    const char *rest = str_after(entry, base);
    if (!rest || *rest++ != '.') return 0;
    size_t n = strspn(rest, "0123456789");
    if (!n || n >= sizeof text || (rest[n] && !str_eq(rest + n, ".gz"))) return 0;
    memcpy(text, rest, n);
    return parse_u32(text, &number) || number > NUMBER_MAX ? 0 : number;
}

// The largest number that there is; or -errno.
static int last_number(const struct logs_source *source, uint32_t *ret_last) {
    const char *base = base_name(source->name);
    char path[256];
    snprintf(path, sizeof path, "%.*s.", (int)(base - source->name), source->name);
    _cleanup_(dir_closep) DIR *dir = NULL;
    uint32_t last = 0;
    int r = dir_open_at(source->folder, path, &dir);
    if (r) return r;
    for (struct dirent *e; (r = dir_read(dir, &e)) > 0;) {
        uint32_t number = number_of(base, e->d_name);
        if (number > last) last = number;
    }
    if (!r) *ret_last = last;
    return r;
}

// -ENOENT when neither form of it is there.
static int open_number(const struct logs_source *source, uint32_t number, struct logs_file *ret) {
    char name[256];
    struct logs_file file = {.number = number};
    if (number)
        snprintf(name, sizeof name, "%s.%u", source->name, number);
    else
        snprintf(name, sizeof name, "%s", source->name);
    file.fd = fd_open_at(source->folder, name, O_RDONLY | O_NOFOLLOW, 0);
    if (file.fd == -ENOENT && number) {
        snprintf(name, sizeof name, "%s.%u.gz", source->name, number);
        file.fd = fd_open_at(source->folder, name, O_RDONLY | O_NOFOLLOW, 0);
        file.compressed = true;
    }
    if (file.fd < 0) return file.fd;
    *ret = file;
    return 0;
}

static int open_up_to(const struct logs_source *source, uint32_t last, struct logs_files *files,
                      struct err *err) {
    files->items = xmalloc((last + 1) * sizeof *files->items);
    for (uint32_t number = 0; number <= last; number++) {
        int r = open_number(source, number, &files->items[files->count]);
        if (!r) files->count++;
        if (r && r != -ENOENT)
            return err_set(err, ERR_SYSTEM, -r, "cannot open the container's log %s", source->name);
    }
    return 0;
}

// Whoever renames them has the folder's lock.
int logs_files_open(const struct logs_source *source, struct logs_files *ret, struct err *err) {
    _cleanup_(logs_files_finish) struct logs_files files = {0};
    uint32_t last;
    int r = fd_lock(source->folder, LOCK_SH);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot lock the container's folder");
    r = last_number(source, &last);
    if (r) err_set(err, ERR_SYSTEM, -r, "cannot look for the container's logs beside %s", source->name);
    if (!r) r = open_up_to(source, last, &files, err);
    flock(source->folder, LOCK_UN);
    if (r) return -1;
    *ret = files;
    files = (struct logs_files){0};
    return 0;
}

// A compressed file has the time of the one that it was made of, which no other rotated one has.
static bool is_same(const struct logs_file *file, const struct stat *old) {
    struct stat st;
    if (fstat(file->fd, &st)) return false;
    if (!file->compressed) return st.st_ino == old->st_ino && st.st_dev == old->st_dev;
    return st.st_mtim.tv_sec == old->st_mtim.tv_sec && st.st_mtim.tv_nsec == old->st_mtim.tv_nsec;
}

int logs_files_after(const struct logs_source *source, const struct stat *old, struct logs_files *ret,
                     bool *ret_found, struct err *err) {
    _cleanup_(logs_files_finish) struct logs_files files = {0};
    if (logs_files_open(source, &files, err)) return -1;
    size_t at = 0;
    while (at < files.count && !is_same(&files.items[at], old)) at++;
    *ret_found = at < files.count;
    if (!*ret_found) at = files.count ? 1 : 0;
    while (files.count > at) fd_closep(&files.items[--files.count].fd);
    *ret = files;
    files = (struct logs_files){0};
    return 0;
}

// The tail

#define BLOCK 65536
#define LOOK  16640 // how far before its end an entry may say whether its text ends with a newline

static char block[BLOCK + LOOK];

// Whether the entry that ends at position i of the block ends a line of output, and is not a part of one.
static bool ends_line(size_t i) {
    char *before = memrchr(block, '\n', i), *from = before ? before + 1 : block;
    char *stream = memmem(from, (size_t)(block + i - from), "\",\"stream\":\"", 12);
    return stream && stream - from >= 2 && stream[-1] == 'n' && stream[-2] == '\\';
}

static bool tail_json(int fd, bool newest, int64_t lines, off_t *ret_from, int64_t *ret_lines) {
    off_t end = lseek(fd, 0, SEEK_END);
    bool last = newest; // an unfinished last line counts
    int64_t found = 0;
    for (off_t at = end; at > 0;) {
        off_t start = at > BLOCK ? at - BLOCK : 0, from = start > LOOK ? start - LOOK : 0;
        ssize_t n = pread(fd, block, (size_t)(at - from), from);
        if (n != at - from) return false; // it was cut meanwhile
        for (off_t p = at - 1; p >= start; p--) {
            size_t i = (size_t)(p - from);
            if (block[i] != '\n') continue;
            bool ends = ends_line(i);
            found += ends || last;
            if (found > lines && ends) return *ret_from = p + 1, *ret_lines = lines, true;
            last = false;
        }
        at = start;
    }
    *ret_from = 0;
    *ret_lines = found;
    return true;
}

// The lengths lead from each entry to the one before it.
static bool tail_local(int fd, bool newest, int64_t lines, off_t *ret_from, int64_t *ret_lines) {
    off_t end = lseek(fd, 0, SEEK_END);
    bool last = newest;
    int64_t found = 0;
    while (end > 0) {
        struct logs_entry entry;
        char tail[LOGS_LOCAL_LENGTH];
        if (end < 2 * LOGS_LOCAL_LENGTH ||
            pread(fd, tail, sizeof tail, end - LOGS_LOCAL_LENGTH) != sizeof tail)
            return false;
        size_t size = logs_local_length(tail);
        off_t begin = end - (off_t)size - 2 * LOGS_LOCAL_LENGTH;
        if (size > sizeof block - LOGS_LOCAL_LENGTH || begin < 0 ||
            pread(fd, block, size + LOGS_LOCAL_LENGTH, begin) != (ssize_t)size + LOGS_LOCAL_LENGTH ||
            logs_local_length(block) != size || !logs_scan_local(block + LOGS_LOCAL_LENGTH, size, &entry))
            return false;
        found += entry.ends || last;
        if (found > lines && entry.ends) return *ret_from = end, *ret_lines = lines, true;
        last = false;
        end = begin;
    }
    *ret_from = 0;
    *ret_lines = found;
    return true;
}

bool logs_file_tail(int fd, bool local, bool newest, int64_t lines, off_t *ret_from, int64_t *ret_lines) {
    if (lines <= 0) return *ret_from = lseek(fd, 0, SEEK_END), *ret_lines = lines, true;
    return (local ? tail_local : tail_json)(fd, newest, lines, ret_from, ret_lines);
}
