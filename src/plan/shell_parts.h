// SPDX-License-Identifier: Apache-2.0
// What the files of the shell emitter have in common. shell.c is the frame of the script and the table of
// emitters; each of those writes one operation.
#pragma once

#include "plan/shell.h"

#include <stdbool.h>

struct shell {
    struct plan_block *block;
    FILE *out;
    const char *image; // where the plan mounts the image's index, or NULL
    int files;         // embedded so far
    bool has_netns;    // "$dir"/net is there
    int heading;       // type of the last operation that had one
};

#define TEXT(s) plan_text(shell->block, s)

// shell_words.c

// Words for the shell, freed by the caller's cleanup. The container's id, which is 64 digits long, is written
// as the variable that holds it.
char *shell_quote(const struct shell *shell, const char *word);
// "$at" is path in the root from here on.
void shell_at(struct shell *shell, const char *path);
// The word, or one made of it, that does not occur in text: the end of a here-document of it.
void shell_end_word(const char *text, const char *word, char ret_end[static 32]);
// Text as it is, in a here-document.
void shell_document(struct shell *shell, const char *text);
void shell_write(struct shell *shell, const char *value, const char *file);

// shell.c: the comment before a run of operations of a type.
void shell_heading(struct shell *shell, const struct plan_op *op);

// shell_network.c

void shell_net_device(struct shell *shell, const struct plan_op *op);
// Each port that the operation has; the word is "add" or "delete".
void shell_ports(struct shell *shell, const char *word, const struct plan_op *op);
void shell_publish(struct shell *shell, const struct plan_op *op);
void shell_veth_add(struct shell *shell, const struct plan_op *op);
void shell_bridge_port(struct shell *shell, const struct plan_op *op);
void shell_pasta(struct shell *shell, const struct plan_op *op);
void shell_link_add(struct shell *shell, const struct plan_op *op);
void shell_net_rate(struct shell *shell, const struct plan_op *op);
void shell_link_ipv6(struct shell *shell, const struct plan_op *op);
void shell_enter_netns(struct shell *shell, const struct plan_op *op);
void shell_link_up(struct shell *shell, const struct plan_op *op);
void shell_address_add(struct shell *shell, const struct plan_op *op);
void shell_route_add(struct shell *shell, const struct plan_op *op);

// shell_mounts.c

void shell_image_mount(struct shell *shell, const struct plan_op *op);
void shell_volume_mount(struct shell *shell, const struct plan_op *op);
void shell_propagation(struct shell *shell, const struct plan_op *op);
void shell_root_overlay(struct shell *shell, const struct plan_op *op);
void shell_root_attach(struct shell *shell, const struct plan_op *op);
void shell_root_bind(struct shell *shell, const struct plan_op *op);
void shell_mount(struct shell *shell, const struct plan_op *op);
void shell_remount(struct shell *shell, const struct plan_op *op);
void shell_directory(struct shell *shell, const struct plan_op *op);
void shell_device(struct shell *shell, const struct plan_op *op);
void shell_symlink(struct shell *shell, const struct plan_op *op);
void shell_console(struct shell *shell, const struct plan_op *op);
void shell_readonly_path(struct shell *shell, const struct plan_op *op);
void shell_mask_path(struct shell *shell, const struct plan_op *op);
void shell_root_readonly(struct shell *shell, const struct plan_op *op);

// shell_settings.c

void shell_cgroup_create(struct shell *shell, const struct plan_op *op);
void shell_cgroup_write(struct shell *shell, const struct plan_op *op);
void shell_cgroup_owner(struct shell *shell, const struct plan_op *op);
void shell_cgroup_join(struct shell *shell, const struct plan_op *op);
void shell_resctrl(struct shell *shell, const struct plan_op *op);
void shell_cpu_affinity(struct shell *shell, const struct plan_op *op);
void shell_label(struct shell *shell, const struct plan_op *op);
void shell_hostname(struct shell *shell, const struct plan_op *op);
void shell_domainname(struct shell *shell, const struct plan_op *op);
void shell_sysctl(struct shell *shell, const struct plan_op *op);
void shell_oom_score_adj(struct shell *shell, const struct plan_op *op);

// shell_command.c: everything from the user's name to the command itself.
void shell_command(struct shell *shell);
