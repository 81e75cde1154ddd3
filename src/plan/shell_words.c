// SPDX-License-Identifier: Apache-2.0
// How the script writes words, documents and files.
#include "plan/shell_parts.h"

#include "base/arena.h"
#include "base/id.h"
#include "base/str.h"
#include "plan/words.h"

#include <string.h>

// Words for the shell, freed by the caller's cleanup. The container's id, which is 64 digits long, is written
// as the variable that holds it.
char *shell_quote(const struct shell *shell, const char *word) {
    struct str text = {0};
    const char *id = TEXT(shell->block->id), *at = strlen(id) == ID_SIZE - 1 ? strstr(word, id) : NULL;
    if (!at || strchr(word, '\'')) {
        words_add_quoted(&text, word);
        return str_take(&text);
    }
    _cleanup_(str_finish) struct str before = {0};
    str_add_n(&before, word, (size_t)(at - word));
    if (before.len) words_add_quoted(&text, str_get(&before));
    str_add(&text, "\"$id\"");
    if (at[ID_SIZE - 1]) words_add_quoted(&text, at + ID_SIZE - 1);
    return str_take(&text);
}

void shell_at(struct shell *shell, const char *path) {
    _cleanup_(freep) char *quoted = shell_quote(shell, path);
    fprintf(shell->out, "at %s\n", quoted);
}

void shell_end_word(const char *text, const char *word, char ret_end[static 32]) {
    snprintf(ret_end, 32, "%s", word);
    for (unsigned n = 0; strstr(text, ret_end); n++) snprintf(ret_end, 32, "%s_%u", word, n);
}

void shell_document(struct shell *shell, const char *text) {
    char end[32];
    shell_end_word(text, "END", end);
    size_t length = strlen(text);
    fprintf(shell->out, " <<'%s'\n%s%s%s\n", end, text, length && text[length - 1] == '\n' ? "" : "\n", end);
}

void shell_write(struct shell *shell, const char *value, const char *file) {
    _cleanup_(freep) char *v = shell_quote(shell, value), *f = shell_quote(shell, file);
    bool plain = *value != '-' && !strchr(value, '\\');
    fprintf(shell->out, "%s %s > %s\n", plain ? "echo" : "printf '%s\\n'", v, f);
}
