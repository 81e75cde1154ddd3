// SPDX-License-Identifier: Apache-2.0
// seccomp_compile() for this program: hoy-seccomp does it, which reads the rules as JSON and writes the
// program. It is asked when the cache has none, and libseccomp is no part of a runtime that starts a thousand
// times.
#include "base/fd.h"
#include "kernel/seccomp.h"
#include "runtime/program.h"
#include "runtime/seccomp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void execute(const char *path, int rules, int result, int said) {
    if (dup2(rules, 0) < 0 || dup2(result, 1) < 0 || dup2(said, 2) < 0) _exit(125);
    execl(path, "hoy-seccomp", (char *)NULL);
    dprintf(2, "cannot execute %s: %s", path, strerror(errno));
    _exit(125);
}

static int read_program(int fd, struct seccomp_program **ret_program) {
    _cleanup_(freep) struct seccomp_program *program = xmalloc(seccomp_program_size(BPF_MAXINSNS) + 1);
    if (lseek(fd, 0, SEEK_SET) < 0) return -errno;
    ssize_t n = fd_read_full(fd, program, seccomp_program_size(BPF_MAXINSNS) + 1);
    if (n < (ssize_t)sizeof *program || program->count > BPF_MAXINSNS ||
        (size_t)n != seccomp_program_size(program->count))
        return -EBADMSG;
    *ret_program = take_ptr(program);
    return 0;
}

static int say(int said, struct err *err) {
    char text[400];
    if (lseek(said, 0, SEEK_SET) < 0) return -1;
    ssize_t n = fd_read_full(said, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return err_set(err, ERR_INVALID, 0, "%s", *text ? text : "hoy-seccomp ended without a word");
}

int seccomp_compile(const struct spec_seccomp *seccomp, struct seccomp_program **ret_program,
                    struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(json_writer_finish) struct json_writer rules = {0};
    int status = 0;
    const char *path = runtime_program_find("hoy-seccomp", "hoy-runtime", &arena, err);
    if (!path) return -1;
    _cleanup_(fd_closep) int input = memfd_create("rules", MFD_CLOEXEC);
    _cleanup_(fd_closep) int result = memfd_create("program", MFD_CLOEXEC);
    _cleanup_(fd_closep) int said = memfd_create("said", MFD_CLOEXEC);
    json_begin_object(&rules, NULL);
    spec_seccomp_write(seccomp, &rules);
    json_end_object(&rules);
    if (input < 0 || result < 0 || said < 0 || fd_write_all(input, str_get(&rules.text), rules.text.len) ||
        lseek(input, 0, SEEK_SET) < 0)
        return err_set(err, ERR_SYSTEM, errno, "cannot hand linux.seccomp to hoy-seccomp");
    pid_t pid = fork();
    if (pid == 0) execute(path, input, result, said);
    if (pid < 0) return err_set(err, ERR_SYSTEM, errno, "cannot start hoy-seccomp");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (status) return say(said, err);
    int r = read_program(result, ret_program);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot read what hoy-seccomp made of linux.seccomp") : 0;
}
