// SPDX-License-Identifier: Apache-2.0
#include "base/pattern.h"

#include <regex.h>
#include <stddef.h>
#include <string.h>

bool pattern_matches(const char *text, const char *pattern) {
    regex_t regex;
    if (strcmp(text, pattern) == 0) return true;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB)) return false;
    bool matches = !regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    return matches;
}
