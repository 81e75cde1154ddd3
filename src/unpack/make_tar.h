// SPDX-License-Identifier: Apache-2.0
// For tests: writes tars, also such as no tar program would.
#pragma once

#include "base/str.h"

#include <stdint.h>

struct member {
    const char *name;
    char type; // 0: '0'
    const char *link, *data;
    uint32_t mode; // 0: 0644
    uint64_t uid, gid, mtime;
    uint64_t size; // when it lies: what the header claims; else 0
    uint32_t major, minor;
    const char *pax;       // "key=value\n…" without the lengths, or NULL
    size_t pax_value_size; // of the only value, when it has zeros in it
};

void tar_add(struct str *tar, const struct member *member);
void tar_end(struct str *tar);
int tar_file(const struct str *tar); // a memfd; aborts when there is none
