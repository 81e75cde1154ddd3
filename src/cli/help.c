// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include "args/help.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void help_usage_line(const struct command *command, const char *form, FILE *out) {
    fprintf(out, "hoy %s%s%s%s\n", form, options_any(command->options) ? " [OPTIONS]" : "",
            *command->arguments ? " " : "", command->arguments);
}

void help_command(const struct command *command, const char *form, FILE *out) {
    fputs("Usage:  ", out);
    help_usage_line(command, form, out);
    fprintf(out, "\n%s\n", command->summary ? command->summary : "");
    if (command->forms[1]) {
        fputs("\nAliases:\n  ", out);
        for (size_t i = 1; i < ARRAY_SIZE(command->forms) && command->forms[i]; i++)
            fprintf(out, "hoy %s, ", command->forms[i]);
        fprintf(out, "hoy %s\n", command->forms[0]);
    }
    options_print("Options", command->options, out);
}

// The commands with a form in the group (NULL: top level), by that form.
struct row {
    const char *name, *summary;
};

static int by_row_name(const void *a, const void *b) {
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static void print_rows(const char *title, struct row *rows, size_t count, bool sorted, FILE *out) {
    if (sorted) qsort(rows, count, sizeof *rows, by_row_name);
    fprintf(out, "\n%s:\n", title);
    for (size_t i = 0; i < count; i++) fprintf(out, "  %-11s %s\n", rows[i].name, rows[i].summary);
}

static void print_commands(const char *title, const char *group, bool common, FILE *out) {
    struct row *rows = xmalloc(command_count * sizeof *rows);
    size_t count = 0;
    for (size_t i = 0; i < command_count; i++) {
        const char *form = command_form_in(&commands[i], group);
        if (form && commands[i].summary && (group || commands[i].common == common))
            rows[count++] = (struct row){form, commands[i].summary};
    }
    print_rows(title, rows, count, !common, out);
    free(rows);
}

void help_group(const struct command_group *group, FILE *out) {
    fprintf(out, "Usage:  hoy %s COMMAND\n\n%s\n", group->name, group->summary);
    print_commands("Commands", group->name, false, out);
    fprintf(out, "\nRun 'hoy %s COMMAND --help' for more information on a command.\n", group->name);
}

void help_global(FILE *out) {
    fputs(
        "Usage:  hoy [OPTIONS] COMMAND\n\nRuns containers: an image, namespaces, cgroups, and nothing else\n",
        out);
    print_commands("Common Commands", NULL, true, out);
    struct row *groups = xmalloc(command_group_count * sizeof *groups);
    for (size_t i = 0; i < command_group_count; i++)
        groups[i] = (struct row){command_groups[i].name, command_groups[i].summary};
    print_rows("Management Commands", groups, command_group_count, true, out);
    free(groups);
    print_commands("Commands", NULL, false, out);
    options_print("Global Options", global_options, out);
    fputs("\nRun 'hoy COMMAND --help' for more information on a command.\n", out);
}

// The manual page

// Text with what troff would take for its own made harmless.
static void put_troff(const char *text, FILE *out) {
    if (*text == '.' || *text == '\'') fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            fputs(*text == '-' ? "\\-" : "\\e", out);
        else
            fputc(*text, out);
    }
}

static void manual_options(option_tables tables, FILE *out) {
    struct options_shown shown = {0};
    options_shown_add(&shown, tables);
    for (size_t i = 0; i < shown.count; i++) {
        const struct option *option = shown.rows[i];
        fputs(".TP\n", out);
        if (option->letter) fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
        fputs("\\fB\\-\\-", out);
        put_troff(option->name, out);
        fputs("\\fR", out);
        if (option->value) fprintf(out, " \\fI%s\\fR", option->value);
        fputc('\n', out);
        put_troff(option->help, out);
        fputc('\n', out);
    }
}

static void manual_command(const struct command *command, FILE *out) {
    fprintf(out, ".SS \"hoy %s", command->forms[0]);
    if (options_any(command->options)) fputs(" [OPTIONS]", out);
    fprintf(out, "%s%s\"\n", *command->arguments ? " " : "", command->arguments);
    put_troff(command->summary, out);
    fputs(".\n", out);
    if (command->forms[1]) {
        fputs(".PP\nAlso called ", out);
        for (size_t i = 1; i < ARRAY_SIZE(command->forms) && command->forms[i]; i++)
            fprintf(out, "%s\\fBhoy %s\\fR", i > 1 ? ", " : "", command->forms[i]);
        fputs(".\n", out);
    }
    manual_options(command->options, out);
}

struct entry {
    const char *name, *help;
};

static const struct entry environment[] = {
    {"HOY_ROOT", "where images and containers are kept, as --root"},
    {"HOY_RUNROOT", "where the state of running containers is kept, as --runroot"},
    {"HOY_KEEP_BLOBS", "1: every pull keeps the blobs of layers, as with hoy pull --keep-blobs"},
    {"HOY_LAYER_LIMIT",
     "how large a layer may be, in bytes or with k, m or g (64g). With it, what grows as a "
     "bomb does is taken, too."},
    {"HOY_STALL_TIMEOUT", "for how many seconds a registry may send nothing (30)"},
    {"HOY_FIREWALL", "what --firewall is where it is not given: bypass or respect"},
    {"HOY_LOG_BUDGET", "what all logs together may take of the disk, as 10g"},
    {"NETCONFPATH, CNI_PATH", "where the configurations of CNI networks are (/etc/cni/net.d), and their "
                              "plugins (/opt/cni/bin:/usr/lib/cni)"},
    {"HOY_CNI_TIMEOUT", "how many seconds a CNI plugin may take"},
    {"DOCKER_CONFIG", "the directory of config.json (~/.docker), as --config"},
    {"DOCKER_DEFAULT_PLATFORM", "what --platform of pull, run and create is where it is not given"},
    {"HTTP_PROXY, HTTPS_PROXY, NO_PROXY", "the way to registries; in small letters, too"},
    {"SSL_CERT_FILE, SSL_CERT_DIR", "the authorities that are trusted, in the system's place"},
};
static const struct entry files[] = {
    {"/var/lib/hoy", "images, containers and their logs; without root ~/.local/share/hoy"},
    {"/run/hoy", "what is gone after a reboot; without root $XDG_RUNTIME_DIR/hoy"},
    {"/etc/hoy/config.json",
     "an object with firewall, log-budget, cni-networks, cni-plugins, cni-timeout: texts "
     "that mean what the variables above do, which go before them"},
    {"/etc/docker/daemon.json",
     "of this: registry-mirrors, insecure-registries, proxies, log-driver, log-opts"},
    {"/etc/containers/registries.conf, registries.conf.d",
     "registries by prefix: mirrors, other places, blocks"},
    {"/etc/docker/certs.d, /etc/containers/certs.d",
     "authorities and client certificates of a registry, in a "
     "directory HOST:PORT"},
    {"/etc/containers/policy.json",
     "which images are let in; ~/.config/containers/policy.json goes before it"},
    {"~/.docker/config.json", "credentials of registries"},
};

static void manual_list(const char *title, char font, const struct entry *entries, size_t count, FILE *out) {
    fprintf(out, ".SH %s\n", title);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, ".TP\n\\f%c", font);
        put_troff(entries[i].name, out);
        fputs("\\fR\n", out);
        put_troff(entries[i].help, out);
        fputc('\n', out);
    }
}

void help_manual(FILE *out) {
    fputs(
        ".TH HOY 1 \"\" \"hoy " HOY_VERSION "\" \"User Commands\"\n"
        ".SH NAME\nhoy \\- run containers\n"
        ".SH SYNOPSIS\n\\fBhoy\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR\n"
        ".SH DESCRIPTION\n"
        "hoy pulls images, runs them as containers, and looks into both. It needs no daemon. A container is\n"
        "an image, namespaces, cgroups and the host's own kernel, and nothing else;\n"
        "\\fBhoy run \\-\\-explain\\fR shows each step of it.\n"
        ".SH \"GLOBAL OPTIONS\"\n",
        out);
    manual_options(global_options, out);
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; i < command_count; i++)
        if (commands[i].summary) manual_command(&commands[i], out);
    fputs(
        ".SH \"EXIT STATUS\"\n"
        "\\fBhoy run\\fR ends with the exit status of the container's command, or 128+n when signal n ended\n"
        "it; 127 when the command is not there, 126 when it can't be executed, 125 when hoy itself failed "
        "or\n"
        "an option is wrong. Other commands end with 0, or with 1 when something failed.\n",
        out);
    manual_list("ENVIRONMENT", 'B', environment, ARRAY_SIZE(environment), out);
    manual_list("FILES", 'I', files, ARRAY_SIZE(files), out);
}
