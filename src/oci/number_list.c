// SPDX-License-Identifier: Apache-2.0
#include "oci/number_list.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static int take_number(const char **text, unsigned limit, unsigned *ret_number) {
    const char *p = *text + strspn(*text, " ");
    unsigned number = 0;
    if (!isdigit((unsigned char)*p)) return -EINVAL;
    for (; isdigit((unsigned char)*p); p++) {
        number = number * 10 + (unsigned)(*p - '0');
        if (number >= limit) return -ERANGE;
    }
    *text = p + strspn(p, " ");
    *ret_number = number;
    return 0;
}

static int take_range(const char **text, unsigned limit, unsigned *ret_first, unsigned *ret_last) {
    unsigned first, last;
    int r = take_number(text, limit, &first);
    if (r < 0) return r;
    last = first;
    if (**text == '-') {
        ++*text;
        r = take_number(text, limit, &last);
        if (r < 0) return r;
    }
    if (last < first || (**text && **text != ',')) return -EINVAL;
    *ret_first = first;
    *ret_last = last;
    return 0;
}

int number_list_parse(const char *text, unsigned limit, uint64_t *bits) {
    int count = 0;
    if (bits) memset(bits, 0, (limit + 63) / 64 * sizeof *bits);
    for (;;) {
        unsigned first, last;
        text += strspn(text, " ,");
        if (!*text) return count;
        int r = take_range(&text, limit, &first, &last);
        if (r < 0) return r;
        count += (int)(last - first + 1);
        for (unsigned n = first; bits && n <= last; n++) bits[n / 64] |= UINT64_C(1) << n % 64;
        if (count > 1 << 24) return -ERANGE; // the same numbers, again and again
    }
}
