// SPDX-License-Identifier: Apache-2.0
// The table of all commands.
#pragma once

#include "cli/invocation.h"

struct command_group {
    const char *name, *summary; // "container", "Manage containers"
};

extern const struct command commands[];
extern const size_t command_count;
extern const struct command_group command_groups[];
extern const size_t command_group_count;
extern const struct option_table *const global_options[]; // struct globals

// The command that argv begins with, how many words its name took, and the form it was called by. NULL with
// *err: an unknown command, or one of Docker's that is not there yet. A group alone ("hoy container") is NULL
// without an error, with *ret_group.
const struct command *command_find(const char *const *argv, size_t *ret_words, const char **ret_form,
                                   const struct command_group **ret_group, struct err *err);
// The form of a command inside a group ("ls" of "container ls"), or NULL; group NULL: the top level.
const char *command_form_in(const struct command *command, const char *group);

// What each command does, as its row says it: by itself, with the store open, or so for each argument.
command_run run_run, run_create, run_start, run_exec, run_cni_add, run_cni_delete, run_update, run_pull,
    run_image_referrers, run_search, run_login, run_logout, run_save, run_load, run_volume_update,
    run_version, run_explain, run_help, run_completion, run_complete, run_manual;
command_with run_inspect, run_image_mounts, run_image_verify_all, run_attach, run_stop, run_health_probe,
    run_system_restore, run_logs, run_log_rotated, run_ps, run_images, run_tag, run_image_prune,
    run_image_diff, run_system_df, run_system_check, run_history, run_export, run_diff, run_commit,
    run_import, run_push, run_volume_create, run_volume_ls, run_volume_inspect, run_volume_prune,
    run_network_create, run_network_ls, run_network_inspect, run_network_prune, run_network_connect,
    run_network_disconnect, run_cp, run_manifest_create, run_manifest_annotate, run_manifest_inspect,
    run_manifest_push, run_container_inspect, run_image_inspect, run_info, run_why, run_network_why,
    run_isolation, run_rename, run_port, run_events, run_top, run_stats, run_container_prune,
    run_system_prune;
command_each run_rm, run_image_mount, run_image_verify, run_kill, run_wait, run_after_exit, run_hold_names,
    run_rmi, run_image_unmount, run_volume_rm, run_network_rm, run_manifest_rm, run_as_run, run_as_sh,
    run_as_oci, run_pause, run_unpause, run_restart;

// The options of each, beside the code that uses them.
extern const struct option_table referrers_options_table, platform_options_table;
extern const struct option_table events_options_table, stats_options_table, container_prune_options_table,
    system_prune_options_table;
extern const struct option_table limits_options, update_options_table;
extern const struct option_table cp_options_table;
extern const struct option_table volume_create_options_table, volume_ls_options_table,
    volume_rm_options_table, volume_prune_options_table;
extern const struct option_table network_create_options_table, network_ls_options_table,
    network_inspect_options_table, network_rm_options_table, network_prune_options_table,
    network_connect_options_table, network_disconnect_options_table;
extern const struct option_table settings_options, search_options_table, verify_options_table,
    run_options_table, create_options_table, explain_options_table, start_options_table, attach_options_table,
    exec_options_table, stop_options_table, kill_options_table, rm_options_table, logs_options_table,
    ps_options_table, pull_options_table, push_options_table, manifest_create_options_table,
    manifest_annotate_options_table, manifest_inspect_options_table, manifest_push_options_table,
    usage_options_table, images_options_table, image_prune_options_table, history_options_table,
    rmi_options_table, inspect_options_table, size_options_table, format_options_table, login_options_table,
    save_options_table, load_options_table, export_options_table, import_options_table, commit_options_table,
    isolation_options_table;
