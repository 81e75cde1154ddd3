// SPDX-License-Identifier: Apache-2.0
// What brings images into the store through the fetch worker. image_pull() itself is in image/image.h.
#pragma once

#include "image/image.h"

// Makes an image of one layer, an uncompressed tar, and gives it a full name
// ("docker.io/library/base:latest"). config_template is an image's config without "rootfs": that is added
// here. The worker reads the tar, no network is touched. tar_fd is read from its beginning and stays the
// caller's. The image is in the store when this returns 0; a name that another image had moves to this one.
// damaged: NULL, or the id of an image of the store whose files are to take their places again: 1 when this
// is not that image.
int image_import_tar(struct store *store, int tar_fd, const char *config_template, const char *name,
                     const char *damaged, struct err *err);

// Removes staging directories (<root>/tmp/pull-*) whose pull was killed. Those of a live one are locked.
// Cheap when there is none.
int image_clean_staging(struct store *store, struct err *err);
