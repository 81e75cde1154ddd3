// SPDX-License-Identifier: Apache-2.0
#include "image/extraction.h"

#include <errno.h>
#include <sys/prctl.h>

// Should the worker be killed, its processes become ours, and fetcher_kill() ends and awaits them: so nothing
// is written any more when the staging directory is removed.
static int start(struct extraction *extraction, const struct staging *staging, struct err *err) {
    if (extraction->fetcher.pid) return 0;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    return staging_fetch(staging, &extraction->fetcher, "extract", err);
}

int extraction_add(struct extraction *extraction, const struct staging *staging, const char *diff_id,
                   int grown, struct err *err) {
    return start(extraction, staging, err) ||
                   fetcher_say(&extraction->fetcher, "diff_id", diff_id, grown, err)
               ? -1
               : 0;
}

int extraction_verified(struct extraction *extraction, const char *diff_id, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    if (!extraction->fetcher.pid) return 0;
    json_begin_object(&w, NULL);
    json_put_string(&w, "diff_id", diff_id);
    json_put_bool(&w, "verified", true);
    json_end_object(&w);
    return fetcher_send(&extraction->fetcher, &w, -1, err);
}

int extraction_wait(struct extraction *extraction, struct err *err) {
    struct fetcher *fetcher = &extraction->fetcher;
    if (!fetcher->pid) return 0;
    return fetcher_say(fetcher, NULL, NULL, -1, err) || fetcher_last(fetcher, NULL, err) ? -1 : 0;
}

void extraction_finish(struct extraction *extraction) {
    if (extraction->fetcher.channel < 0) return;
    fetcher_finish(&extraction->fetcher);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}
