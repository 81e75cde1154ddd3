// SPDX-License-Identifier: Apache-2.0
// The cache of compiled filters. One file holds one: a head with its key and a sum over everything, the rules
// that it was made from unless the key stands for them, and the program as a plan carries it. It is written
// beside its name and renamed, so that any number of processes may use it at once. A file's name may be a
// hash, which two sets of rules can share: what counts is that the rules in it are the same.
#include "runtime/seccomp.h"

#include "base/fd.h"
#include "kernel/seccomp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Goes up when the compiler below this file makes another program out of the same rules.
#define COMPILER_VERSION 3

#define KEY_SIZE 128
#define FILE_MAX (8u << 20)
#define MAGIC    UINT64_C(0x32636573796f68) // "hoysec2"

struct head {
    uint64_t magic, sum;     // sum: over the key and what follows
    uint32_t rules, program; // sizes of what follows
    char key[KEY_SIZE];
};

// FNV-1a, eight bytes at a time where there are eight: for names, and a guard against torn files.
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

static uint64_t head_sum(const struct head *head, const void *rest) {
    size_t size = (size_t)head->rules + head->program;
    return sum_of(rest, size, sum_of(head->key, sizeof head->key, size));
}

// The rules as text: all that has an influence on the program.
static void write_rules(const struct spec_seccomp *seccomp, struct json_writer *writer) {
    json_begin_object(writer, NULL);
    spec_seccomp_write(seccomp, writer);
    json_end_object(writer);
}

static void make_key(const char *name, char key[static KEY_SIZE]) {
    memset(key, 0, KEY_SIZE);
    snprintf(key, KEY_SIZE, "%.90s-%.16s-%d", name, SECCOMP_LIBRARY, COMPILER_VERSION);
}

static bool is_sound(const struct str *file, const char *key, const struct str *rules) {
    const struct head *head = (const void *)file->data;
    const char *rest = (const char *)(head + 1);
    if (file->len < sizeof *head || head->magic != MAGIC || memcmp(head->key, key, KEY_SIZE) != 0 ||
        file->len != sizeof *head + (uint64_t)head->rules + head->program || head->rules != rules->len ||
        memcmp(rest, str_get(rules), rules->len) != 0 || head->sum != head_sum(head, rest))
        return false;
    struct seccomp_program program;
    if (head->program < sizeof program) return false;
    memcpy(&program, rest + head->rules, sizeof program);
    return program.count <= BPF_MAXINSNS && head->program == seccomp_program_size(program.count);
}

static int cache_read(const char *cache_dir, const char *key, const struct str *rules, struct plan *plan,
                      struct plan_blob *ret_program) {
    char path[4096];
    _cleanup_(str_finish) struct str file = {0};
    snprintf(path, sizeof path, "%s/%s", cache_dir, key);
    int r = file_read_at(AT_FDCWD, path, FILE_MAX, &file);
    if (r) return r;
    if (!is_sound(&file, key, rules)) return -EBADMSG;
    const struct head *head = (const void *)file.data;
    *ret_program = plan_bytes(plan, (const char *)(head + 1) + head->rules, head->program);
    return 0;
}

static void cache_write(const char *cache_dir, const char *key, const struct str *rules,
                        const struct seccomp_program *program) {
    struct head head = {.magic = MAGIC,
                        .rules = (uint32_t)rules->len,
                        .program = (uint32_t)seccomp_program_size(program->count)};
    _cleanup_(str_finish) struct str rest = {0}, bytes = {0};
    memcpy(head.key, key, KEY_SIZE);
    str_add_n(&rest, str_get(rules), rules->len);
    str_add_n(&rest, program, head.program);
    head.sum = head_sum(&head, rest.data);
    str_add_n(&bytes, &head, sizeof head);
    str_add_n(&bytes, rest.data, rest.len);
    (void)dir_make_all_at(AT_FDCWD, cache_dir, 0700);
    _cleanup_(fd_closep) int dir = fd_open_at(AT_FDCWD, cache_dir, O_PATH | O_DIRECTORY, 0);
    if (dir >= 0) (void)file_replace_at(dir, key, bytes.data, bytes.len, 0600, false);
}

int runtime_seccomp(const struct spec_seccomp *seccomp, const char *cache_dir, struct plan *plan,
                    struct plan_blob *ret_program, struct err *err) {
    _cleanup_(freep) struct seccomp_program *program = NULL;
    _cleanup_(json_writer_finish) struct json_writer rules = {0};
    char name[24], key[KEY_SIZE];
    if (cache_dir) {
        if (!seccomp->cache_key) write_rules(seccomp, &rules);
        snprintf(name, sizeof name, "%016llx",
                 (unsigned long long)sum_of(str_get(&rules.text), rules.text.len, 0));
        make_key(seccomp->cache_key ? seccomp->cache_key : name, key);
        if (cache_read(cache_dir, key, &rules.text, plan, ret_program) == 0) return 0;
    }
    if (seccomp_compile(seccomp, &program, err) < 0) return -1;
    if (cache_dir) cache_write(cache_dir, key, &rules.text, program);
    *ret_program = plan_bytes(plan, program, seccomp_program_size(program->count));
    return 0;
}

const char *runtime_seccomp_version(void) {
    return SECCOMP_LIBRARY;
}
