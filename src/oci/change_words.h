// SPDX-License-Identifier: Apache-2.0
// The words of a Dockerfile's instructions: quotes, backslashes, variables.
#pragma once

#include "base/arena.h"
#include "base/err.h"

// At white space that is neither in quotes nor after a backslash; both stay in the words.
void change_words_split(struct arena *arena, const char *text, struct strings *ret_words);

// Takes quotes and backslashes away and puts in values of env ("KEY=VALUE"): $NAME, ${NAME}, and
// ${NAME:-WORD}
// (+ and ? too, and each without the colon). A name that env does not have is empty.
int change_word_expand(struct arena *arena, const char *word, const struct strings *env,
                       const char **ret_text, struct err *err);
