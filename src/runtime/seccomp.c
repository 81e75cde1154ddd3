// SPDX-License-Identifier: Apache-2.0
// The cache of compiled filters. One file holds one: a head with its full key and a sum over everything, then
// the program as a plan carries it. It is written beside its name and renamed, so that any number of
// processes may use it at once.
#include "runtime/seccomp.h"

#include "base/fd.h"
#include "base/id.h"
#include "kernel/seccomp.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Goes up when the compiler below this file makes another program out of the same rules.
#define COMPILER_VERSION 2

#define KEY_SIZE 128
#define MAGIC    UINT64_C(0x31636573796f68) // "hoysec1"

struct head {
    uint64_t magic, sum; // sum: over the key and what follows
    uint32_t size;       // of what follows
    uint32_t reserved;
    char key[KEY_SIZE];
};

// FNV-1a, eight bytes at a time where there are eight: a guard against torn files, not against people, who
// can't write there.
static uint64_t sum_of(const void *bytes, size_t size, uint64_t sum) {
    const char *at = bytes;
    for (; size; size -= size < 8 ? size : 8, at += 8) {
        uint64_t word = 0;
        memcpy(&word, at, size < 8 ? size : 8);
        sum = (sum ^ word) * UINT64_C(0x100000001b3);
        sum ^= sum >> 29;
    }
    return sum;
}

static uint64_t head_sum(const struct head *head, const void *program) {
    return sum_of(program, head->size, sum_of(head->key, sizeof head->key, head->size));
}

// The rules as text: all that has an influence on the program.
static void digest_rules(const struct spec_seccomp *seccomp, char digest[static DIGEST_SIZE]) {
    _cleanup_(json_writer_finish) struct json_writer writer = {0};
    json_begin_object(&writer, NULL);
    spec_seccomp_write(seccomp, &writer);
    json_end_object(&writer);
    digest_of(writer.text.data, writer.text.len, digest);
}

static void make_key(const struct spec_seccomp *seccomp, char key[static KEY_SIZE]) {
    char digest[DIGEST_SIZE];
    const struct scmp_version *library = seccomp_version();
    const char *name = seccomp->cache_key;
    if (!name) {
        digest_rules(seccomp, digest);
        name = digest_hex(digest);
    }
    memset(key, 0, KEY_SIZE);
    snprintf(key, KEY_SIZE, "%.90s-%u.%u.%u-%d", name, library->major, library->minor, library->micro,
             COMPILER_VERSION);
}

static bool is_sound(const struct head *head, const struct seccomp_program *program, size_t size,
                     const char *key) {
    return size > sizeof *head && head->magic == MAGIC && head->size == size - sizeof *head &&
           memcmp(head->key, key, KEY_SIZE) == 0 && head->size >= sizeof *program &&
           program->count <= BPF_MAXINSNS && head->size == seccomp_program_size(program->count) &&
           head->sum == head_sum(head, program);
}

static int cache_read(const char *cache_dir, const char *key, struct plan *plan,
                      struct plan_blob *ret_program) {
    char path[4096];
    _Alignas(struct head) char bytes[sizeof(struct head) + 32768];
    const struct head *head = (void *)bytes;
    const struct seccomp_program *program = (void *)(head + 1);
    snprintf(path, sizeof path, "%s/%s", cache_dir, key);
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0) return fd;
    ssize_t size = read(fd, bytes, sizeof bytes);
    if (size <= 0 || !is_sound(head, program, (size_t)size, key)) return -EBADMSG;
    *ret_program = plan_bytes(plan, program, head->size);
    return 0;
}

static void cache_write(const char *cache_dir, const char *key, const struct seccomp_program *program) {
    struct head head = {.magic = MAGIC, .size = (uint32_t)seccomp_program_size(program->count)};
    _cleanup_(str_finish) struct str bytes = {0};
    memcpy(head.key, key, KEY_SIZE);
    head.sum = head_sum(&head, program);
    str_add_n(&bytes, &head, sizeof head);
    str_add_n(&bytes, program, head.size);
    (void)dir_make_all_at(AT_FDCWD, cache_dir, 0700);
    _cleanup_(fd_closep) int dir = fd_open_at(AT_FDCWD, cache_dir, O_PATH | O_DIRECTORY, 0);
    if (dir >= 0) (void)file_replace_at(dir, key, bytes.data, bytes.len, 0600, false);
}

int runtime_seccomp(const struct spec_seccomp *seccomp, const char *cache_dir, struct plan *plan,
                    struct plan_blob *ret_program, struct err *err) {
    _cleanup_(freep) struct seccomp_program *program = NULL;
    char key[KEY_SIZE];
    if (cache_dir) {
        make_key(seccomp, key);
        if (cache_read(cache_dir, key, plan, ret_program) == 0) return 0;
    }
    if (seccomp_compile(seccomp, &program, err) < 0) return -1;
    if (cache_dir) cache_write(cache_dir, key, program);
    *ret_program = plan_bytes(plan, program, seccomp_program_size(program->count));
    return 0;
}
