// SPDX-License-Identifier: Apache-2.0
// What the tables of commands and options say about themselves: --help, in Docker's layout, and hoy(1).
#pragma once

#include "cli/commands.h"

#include <stdio.h>

void help_global(FILE *out);
void help_group(const struct command_group *group, FILE *out);
void help_command(const struct command *command, const char *form, FILE *out);
// "hoy run [OPTIONS] IMAGE [COMMAND] [ARG...]"
void help_usage_line(const struct command *command, const char *form, FILE *out);
// The whole manual page as troff.
void help_manual(FILE *out);
