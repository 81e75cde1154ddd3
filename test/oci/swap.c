// SPDX-License-Identifier: Apache-2.0
// swap A B: exchanges two names in one step, without an end.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    while (!renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE)) {}
    return 1;
}
