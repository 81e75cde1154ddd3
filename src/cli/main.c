// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "cli/cli.h"

int main(int argc, char **argv) {
    fd_ensure_standard();
    return cli_main(argc, argv);
}
