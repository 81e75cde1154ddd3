// SPDX-License-Identifier: Apache-2.0
// libarchive on a tar that is plain or compressed (gzip, zstd, xz, bzip2).
#pragma once

#include "base/err.h"

struct archive;
// The caller frees with archive_read_free(). ERR_INVALID: it is none.
int any_tar_open(int fd, struct archive **ret_archive, struct err *err);
