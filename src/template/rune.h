// SPDX-License-Identifier: Apache-2.0
// Characters and quoted text as Go has them.
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUNE_ERROR 0xFFFD // what a byte that is no UTF-8 decodes to

// The character at text and how many bytes it has; RUNE_ERROR and 1 for what is no UTF-8. size > 0.
uint32_t rune_decode(const char *text, size_t size, size_t *ret_bytes);
void rune_add(struct str *out, uint32_t rune);
size_t rune_count(const char *text, size_t size);
// How many bytes the first so many characters have.
size_t rune_prefix(const char *text, size_t size, size_t runes);

// Go's unicode.IsPrint, and IsLetter or IsDigit or '_'. Exact for ASCII; of the rest what is sure to be none
// is none.
bool rune_printable(uint32_t rune);
bool rune_in_word(uint32_t rune);
// Of ASCII, Latin-1, Greek and Cyrillic letters.
uint32_t rune_upper(uint32_t rune);
uint32_t rune_lower(uint32_t rune);

// Go's %q: strconv.Quote; with ascii everything else is escaped.
void rune_quote(struct str *out, const char *text, size_t size, char quote, bool ascii);
// One character in single quotes.
void rune_quote_one(struct str *out, uint32_t rune, bool ascii);
// Go's strconv.Unquote of "…" or `…`, the quotes included. -EINVAL.
int rune_unquote(const char *text, size_t size, struct str *out);
// A character constant, 'x'. -EINVAL; -ERANGE when there is more than one character.
int rune_unquote_one(const char *text, size_t size, uint32_t *ret_rune);
