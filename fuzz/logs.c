// SPDX-License-Identifier: Apache-2.0
// A log's file, in both forms, whole and its last lines, which are the end of the whole.
#include "shim/logs.h"
#include "base/fd.h"
#include "fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int folder = -1, out = -1, nowhere = -1;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    folder = fuzz_folder();
    out = memfd_create("out", MFD_CLOEXEC);
    nowhere = fd_open_at(AT_FDCWD, "/dev/null", O_WRONLY, 0);
    must(out >= 0 && nowhere >= 0);
    return 0;
}

static void print(bool local, int64_t tail, bool all, struct str *text) {
    const struct logs_source source = {.folder = folder, .name = "log", .local = local};
    const struct logs_options options = {.tail = tail, .details = all, .timestamps = all, .since_ns = all};
    struct err err = {0};
    must(!ftruncate(out, 0) && lseek(out, 0, SEEK_SET) == 0);
    must(!logs_print(&source, &options, out, nowhere, -1, &err));
    off_t size = lseek(out, 0, SEEK_END);
    if (size) must(pread(out, str_extend(text, (size_t)size), (size_t)size, 0) == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    _cleanup_(str_finish) struct str whole = {0}, all = {0}, tail = {0};
    bool local = size && bytes[0] < 4;
    _cleanup_(fd_closep) int fd = fd_open_at(folder, "log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0 && !fd_write_all(fd, bytes, size));
    print(local, -1, false, &whole);
    print(local, -1, true, &all);
    print(local, 2, false, &tail);
    // Where the lengths of a `local` log lead nowhere, only its end can be read backwards.
    must(local || !tail.len ||
         (tail.len <= whole.len && !memcmp(whole.data + whole.len - tail.len, tail.data, tail.len)));
    return 0;
}
