// SPDX-License-Identifier: Apache-2.0
// Docker's --filter of ps. Of one key any has to match, of labels, before and since all, of different keys
// all.
#pragma once

#include "engine/engine.h"

struct ps_filters {
    struct ps_filter {
        int key; // what the texts' keys are, by their order in the table
        const char *value;
        int64_t number;    // of before and since, a time; of exited, a code
        struct images set; // of ancestor: the image and those made from it
    } * items;
    size_t count;
    bool all; // containers that don't run are meant, too
};

int ps_filters_read(struct engine *engine, struct arena *arena, const struct strings *texts,
                    struct ps_filters *ret_filters, struct err *err);
bool ps_filters_match(const struct ps_filters *filters, struct arena *arena,
                      const struct container *container);
