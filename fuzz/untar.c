// SPDX-License-Identifier: Apache-2.0
// An archive into a directory whose files are links out of it: nothing there is touched.
#include "unpack/untar.h"
#include "base/fd.h"
#include "fuzz/tar.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int base = -1;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    base = fuzz_folder();
    must(!mkdirat(base, "outside", 0755));
    must(!file_replace_at(base, "outside/secret", "x", 1, 0600, false));
    return 0;
}

static void check_outside(void) {
    struct stat st;
    must(!fstatat(base, "outside", &st, 0) && st.st_nlink == 2 && (st.st_mode & 07777) == 0755);
    must(!fstatat(base, "outside/secret", &st, 0) && st.st_nlink == 1 && (st.st_mode & 07777) == 0600);
    must(st.st_size == 1 && !fstat(base, &st) && st.st_nlink == 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct err err = {0};
    uint64_t read = 0;
    must(!mkdirat(base, "root", 0755) && !mkdirat(base, "root/c", 0755));
    must(!symlinkat("../outside", base, "root/a") && !symlinkat("../outside/secret", base, "root/b"));
    _cleanup_(fd_closep) int tar = memfd_create("tar", MFD_CLOEXEC);
    _cleanup_(fd_closep) int root = fd_open_at(base, "root", O_RDONLY | O_DIRECTORY, 0);
    must(!fd_write_all(tar, bytes, size) && lseek(tar, 0, SEEK_SET) == 0);
    struct untar how = {.tar = tar,
                        .directory = root,
                        .where = "root",
                        .keep_owner = size & 512,
                        .keep_rights = size & 1024,
                        .keep_kinds = size & 2048};
    if (untar_run(&how, &read, &err)) must(*err.text);
    check_outside();
    must(!dir_remove_all_at(base, "root"));
    return 0;
}
