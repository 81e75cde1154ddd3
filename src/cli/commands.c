// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include "base/str.h"

#include <string.h>

#define CONTAINER(command) \
    { command, "container " command }

const struct command commands[] = {
    {.forms = CONTAINER("run"),
     .arguments = "IMAGE [COMMAND] [ARG...]",
     .summary = "Create and run a new container from an image",
     .options = {&run_options_table, &settings_options},
     .min = 1,
     .max = -1,
     .stops = true,
     .common = true,
     .failure = 125,
     .completes = ARGUMENTS_IMAGES,
     .run = run_run},
    {.forms = CONTAINER("exec"),
     .arguments = "CONTAINER COMMAND [ARG...]",
     .summary = "Execute a command in a running container",
     .options = {&exec_options_table},
     .min = 2,
     .max = -1,
     .stops = true,
     .common = true,
     .completes = ARGUMENTS_CONTAINERS,
     .run = run_exec},
    {.forms = {"ps", "container ls", "container list", "container ps"},
     .arguments = "",
     .summary = "List containers",
     .options = {&ps_options_table},
     .common = true,
     .run = run_ps},
    {.forms = {"pull", "image pull"},
     .arguments = "NAME[:TAG|@DIGEST]",
     .summary = "Download an image from a registry",
     .options = {&pull_options_table},
     .min = 1,
     .max = 1,
     .common = true,
     .completes = ARGUMENTS_IMAGES,
     .run = run_pull},
    {.forms = {"images", "image ls", "image list"},
     .arguments = "[REPOSITORY[:TAG]]",
     .summary = "List images",
     .options = {&images_options_table},
     .max = 1,
     .common = true,
     .completes = ARGUMENTS_IMAGES,
     .run = run_images},
    {.forms = {"explain"},
     .arguments = "IMAGE [COMMAND] [ARG...]",
     .summary = "Show every step that makes a container, without making it",
     .options = {&explain_options_table, &settings_options},
     .min = 1,
     .max = -1,
     .stops = true,
     .common = true,
     .failure = 125,
     .completes = ARGUMENTS_IMAGES,
     .run = run_explain},
    {.forms = {"version"},
     .arguments = "",
     .summary = "Show the version of hoy",
     .options = {&format_options_table},
     .common = true,
     .run = run_version},
    {.forms = {"info", "system info"},
     .arguments = "",
     .summary = "Display what this system has for containers, and what it misses",
     .options = {&format_options_table},
     .common = true,
     .run = run_info},

    {.forms = CONTAINER("attach"),
     .arguments = "CONTAINER",
     .summary = "Attach local standard input, output, and error streams to a running container",
     .options = {&attach_options_table},
     .min = 1,
     .max = 1,
     .completes = ARGUMENTS_CONTAINERS,
     .run = run_attach},
    {.forms = {"completion"},
     .arguments = "bash|zsh|fish",
     .summary = "Print a script that completes hoy's command lines in a shell",
     .min = 1,
     .max = 1,
     .run = run_completion},
    {.forms = CONTAINER("create"),
     .arguments = "IMAGE [COMMAND] [ARG...]",
     .summary = "Create a new container",
     .options = {&settings_options},
     .min = 1,
     .max = -1,
     .stops = true,
     .completes = ARGUMENTS_IMAGES,
     .run = run_create},
    {.forms = {"help"},
     .arguments = "[COMMAND]",
     .summary = "Help about a command",
     .max = 2,
     .run = run_help},
    {.forms = {"inspect"},
     .arguments = "NAME|ID [NAME|ID...]",
     .summary = "Return low-level information on containers and images",
     .options = {&inspect_options_table, &format_options_table, &size_options_table},
     .min = 1,
     .max = -1,
     .completes = ARGUMENTS_BOTH,
     .run = run_inspect},
    {.forms = {"container inspect"},
     .arguments = "CONTAINER [CONTAINER...]",
     .summary = "Display detailed information on one or more containers",
     .options = {&format_options_table, &size_options_table},
     .min = 1,
     .max = -1,
     .completes = ARGUMENTS_CONTAINERS,
     .run = run_container_inspect},
    {.forms = {"image inspect"},
     .arguments = "IMAGE [IMAGE...]",
     .summary = "Display detailed information on one or more images",
     .options = {&format_options_table},
     .min = 1,
     .max = -1,
     .completes = ARGUMENTS_IMAGES,
     .run = run_image_inspect},
    {.forms = CONTAINER("kill"),
     .arguments = "CONTAINER [CONTAINER...]",
     .summary = "Kill one or more running containers",
     .options = {&kill_options_table},
     .min = 1,
     .max = -1,
     .completes = ARGUMENTS_CONTAINERS,
     .run = run_kill},
    {.forms = CONTAINER("logs"),
     .arguments = "CONTAINER",
     .summary = "Fetch the logs of a container",
     .options = {&logs_options_table},
     .min = 1,
     .max = 1,
     .completes = ARGUMENTS_CONTAINERS,
     .run = run_logs},
    {.forms = {"manifest annotate"},
     .arguments = "MANIFEST_LIST MANIFEST",
     .summary = "Add additional information to a local image manifest",
     .options = {&manifest_annotate_options_table},
     .min = 2,
     .max = 2,
     .run = run_manifest_annotate},
    {.forms = {"manifest create"},
     .arguments = "MANIFEST_LIST MANIFEST [MANIFEST...]",
     .summary = "Create a local manifest list for annotating and pushing to a registry",
     .options = {&manifest_create_options_table},
     .min = 2,
     .max = -1,
     .run = run_manifest_create},
    {.forms = {"manifest inspect"},
     .arguments = "[MANIFEST_LIST] MANIFEST",
     .summary = "Display an image manifest, or manifest list",
     .options = {&manifest_inspect_options_table},
     .min = 1,
     .max = 2,
     .run = run_manifest_inspect},
    {.forms = {"manifest push"},
     .arguments = "MANIFEST_LIST",
     .summary = "Push a manifest list to a repository",
     .options = {&manifest_push_options_table},
     .min = 1,
     .max = 1,
     .run = run_manifest_push},
    {.forms = {"manifest rm"},
     .arguments = "MANIFEST_LIST [MANIFEST_LIST...]",
     .summary = "Delete one or more manifest lists from local storage",
     .min = 1,
     .max = -1,
     .run = run_manifest_rm},
    {.forms = {"push", "image push"},
     .arguments = "NAME[:TAG]",
     .summary = "Upload an image to a registry",
     .options = {&push_options_table},
     .min = 1,
     .max = 1,
     .completes = ARGUMENTS_IMAGES,
     .run = run_push},
    {.forms = {"rm", "container rm", "container remove"},
     .arguments = "CONTAINER [CONTAINER...]",
     .summary = "Remove one or more containers",
     .options = {&rm_options_table},
     .min = 1,
     .max = -1,
     .completes = ARGUMENTS_CONTAINERS,
     .run = run_rm},
    {.forms = {"rmi", "image rm", "image remove"},
     .arguments = "IMAGE [IMAGE...]",
     .summary = "Remove one or more images",
     .options = {&rmi_options_table},
     .min = 1,
     .max = -1,
     .completes = ARGUMENTS_IMAGES,
     .run = run_rmi},
    {.forms = CONTAINER("start"),
     .arguments = "CONTAINER [CONTAINER...]",
     .summary = "Start one or more stopped containers",
     .options = {&start_options_table},
     .min = 1,
     .max = -1,
     .completes = ARGUMENTS_CONTAINERS,
     .run = run_start},
    {.forms = CONTAINER("stop"),
     .arguments = "CONTAINER [CONTAINER...]",
     .summary = "Stop one or more running containers",
     .options = {&stop_options_table},
     .min = 1,
     .max = -1,
     .completes = ARGUMENTS_CONTAINERS,
     .run = run_stop},
    {.forms = CONTAINER("wait"),
     .arguments = "CONTAINER [CONTAINER...]",
     .summary = "Block until one or more containers stop, then print their exit codes",
     .min = 1,
     .max = -1,
     .completes = ARGUMENTS_CONTAINERS,
     .run = run_wait},

    // Hidden: for the shim of a detached --rm container, for the shell, for `make install`.
    {.forms = {"rm-exited"}, .arguments = "ID", .min = 1, .max = 1, .run = run_rm_exited},
    {.forms = {"__complete"}, .arguments = "[WORD...]", .max = -1, .verbatim = true, .run = run_complete},
    {.forms = {"__manual"}, .arguments = "", .run = run_manual},
};
const size_t command_count = ARRAY_SIZE(commands);

const struct command_group command_groups[] = {
    {"container", "Manage containers"},
    {"image", "Manage images"},
    {"manifest", "Manage image manifests and manifest lists"},
    {"system", "Look at the system"},
};
const size_t command_group_count = ARRAY_SIZE(command_groups);

// What Docker has and hoy does not have yet.
static const char *const later[] = {
    "build",
    "builder",
    "buildx",
    "checkpoint",
    "commit",
    "compose",
    "config",
    "context",
    "cp",
    "diff",
    "events",
    "export",
    "history",
    "import",
    "load",
    "login",
    "logout",
    "network",
    "node",
    "pause",
    "plugin",
    "port",
    "rename",
    "restart",
    "save",
    "search",
    "secret",
    "service",
    "stack",
    "stats",
    "swarm",
    "tag",
    "top",
    "trust",
    "unpause",
    "update",
    "volume",
    "container commit",
    "container cp",
    "container diff",
    "container export",
    "container pause",
    "container port",
    "container prune",
    "container rename",
    "container restart",
    "container stats",
    "container top",
    "container unpause",
    "container update",
    "image build",
    "image history",
    "image import",
    "image load",
    "image prune",
    "image save",
    "image tag",
    "system df",
    "system events",
    "system prune",
};

// How many words of argv the form is: 1 or 2, or 0 when it is another.
static size_t form_match(const char *form, const char *const *argv) {
    size_t first = strcspn(form, " ");
    if (strncmp(form, argv[0], first) != 0 || argv[0][first]) return 0;
    if (!form[first]) return 1;
    return argv[1] && str_eq(form + first + 1, argv[1]) ? 2 : 0;
}

static const struct command_group *group_find(const char *name) {
    for (size_t i = 0; i < command_group_count; i++)
        if (str_eq(command_groups[i].name, name)) return &command_groups[i];
    return NULL;
}

static int refuse(const char *const *argv, const struct command_group *group, struct err *err) {
    for (size_t i = 0; i < ARRAY_SIZE(later); i++)
        if (form_match(later[i], argv))
            return err_set(err, ERR_INVALID, 0, "hoy %s is not supported yet", later[i]);
    return err_set(err, ERR_INVALID, 0, "unknown command: hoy %s%s%s", argv[0], group ? " " : "",
                   group ? argv[1] : "");
}

const struct command *command_find(const char *const *argv, size_t *ret_words, const char **ret_form,
                                   const struct command_group **ret_group, struct err *err) {
    for (size_t i = 0; i < command_count; i++)
        for (size_t f = 0; f < ARRAY_SIZE(commands[i].forms) && commands[i].forms[f]; f++) {
            size_t words = form_match(commands[i].forms[f], argv);
            if (!words) continue;
            *ret_words = words;
            *ret_form = commands[i].forms[f];
            return &commands[i];
        }
    const struct command_group *group = group_find(argv[0]);
    if (group &&
        (!argv[1] || str_eq(argv[1], "--help") || str_eq(argv[1], "-h") || str_eq(argv[1], "help"))) {
        *ret_group = group;
        return NULL;
    }
    refuse(argv, group, err);
    return NULL;
}

const char *command_form_in(const struct command *command, const char *group) {
    size_t length = group ? strlen(group) : 0;
    for (size_t f = 0; f < ARRAY_SIZE(command->forms) && command->forms[f]; f++) {
        const char *form = command->forms[f];
        if (!group && !strchr(form, ' ')) return form;
        if (group && !strncmp(form, group, length) && form[length] == ' ') return form + length + 1;
    }
    return NULL;
}
