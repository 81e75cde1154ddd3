// SPDX-License-Identifier: Apache-2.0
// Lists of plugins, as files have them, and one plugin's run. For cni.c.
#pragma once

#include "base/err.h"
#include "base/json.h"

// The list of that name, as one document with "name", "cniVersion" and "plugins": a file with a single plugin
// becomes a list of one. The caller frees the text.
int cni_list_find(const char *folder, const char *name, char **ret_text, struct err *err);

// Where a plugin's program is. path: directories, as in CNI_PATH. The text is the caller's.
int cni_plugin_find(const char *path, const char *type, char **ret_program, struct err *err);

struct cni_call {
    const char *command; // "ADD", "DEL", "CHECK"
    const char *network, *type, *path, *container_id, *netns, *arguments;
    const char *input; // its configuration
    int deadline_s;    // then it is killed, with what it started
};
// Runs one. What it prints is the result, *ret_output, which the caller frees; when it fails, what it says of
// it is the sentence.
int cni_plugin_run(const struct cni_call *call, struct str *ret_output, struct err *err);

// A plugin's words for a sentence of ours: the first line, and nothing that a terminal would obey.
void cni_one_line(struct str *text);
