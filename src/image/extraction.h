// SPDX-License-Identifier: Apache-2.0
// The `dir` driver: the staged tars of layers become directories beside them, several at once and while they
// grow, by a worker that starts a confined process for each (fetch/extract.c).
#pragma once

#include "image/fetcher.h"
#include "image/staging.h"

struct extraction {
    struct fetcher fetcher; // its worker is started with the first layer
};
#define EXTRACTION_INIT \
    { .fetcher = FETCHER_INIT }

// The tar is staged under its diff id's name. grown: the pipe that tells when it grows and when it is
// complete, or -1. Once more for the same layer: all over again.
int extraction_add(struct extraction *extraction, const struct staging *staging, const char *diff_id,
                   int grown, struct err *err);
// The tar was complete, and is what its name says.
int extraction_verified(struct extraction *extraction, const char *diff_id, struct err *err);
// Waits until all are directories. They are not on the disk yet.
int extraction_wait(struct extraction *extraction, struct err *err);
// Ends all of its processes, and lets signals through again; for _cleanup_.
void extraction_finish(struct extraction *extraction);
