// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "cli/cli.h"

#include <limits.h>
#include <malloc.h>
#include <signal.h>

int main(int argc, char **argv) {
    fd_ensure_standard();
    signal(SIGXFSZ, SIG_IGN);           // of the caller's limit a write says EFBIG, to the shim as well
    mallopt(M_TRIM_THRESHOLD, INT_MAX); // the end, which is near, gives memory back
    mallopt(M_TOP_PAD, 512 << 10);
    return cli_main(argc, argv);
}
