// SPDX-License-Identifier: Apache-2.0
// hoy-seccomp: linux.seccomp as JSON on standard input, the kernel's program on standard output.
#include "base/fd.h"
#include "kernel/seccomp.h"
#include "runtime/seccomp.h"

#include <stdio.h>
#include <unistd.h>

#define RULES_MAX (4u << 20)

static int read_rules(struct str *text, struct err *err) {
    char bytes[65536];
    ssize_t n;
    while ((n = fd_read_full(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
        str_add_n(text, bytes, (size_t)n);
        if (text->len > RULES_MAX) return err_set(err, ERR_INVALID, 0, "linux.seccomp is too long");
    }
    return n < 0 ? err_set(err, ERR_SYSTEM, (int)-n, "cannot read the rules") : 0;
}

static int compile(struct arena *arena, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    _cleanup_(freep) struct seccomp_program *program = NULL;
    struct spec_seccomp *seccomp;
    if (read_rules(&text, err)) return -1;
    if (json_parse(str_get(&text), text.len, &json))
        return err_set(err, ERR_INVALID, 0, "the rules are no JSON");
    if (spec_seccomp_parse(arena, json, &seccomp, err) || seccomp_compile(seccomp, &program, err)) return -1;
    int r = fd_write_all(STDOUT_FILENO, program, seccomp_program_size(program->count));
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot write the program") : 0;
}

int main(void) {
    struct arena arena = ARENA_INIT;
    struct err err = {0};
    fd_ensure_standard();
    int r = compile(&arena, &err);
    if (r) fprintf(stderr, "%s\n", err.text);
    arena_finish(&arena);
    return r ? 1 : 0;
}
