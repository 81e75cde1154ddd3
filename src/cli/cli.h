// SPDX-License-Identifier: Apache-2.0
// What the commands share.
#pragma once

#include "cli/commands.h"
#include "engine/engine.h"

// For a command that does something before the engine is opened, or chooses what to do with it.
int cli_with_engine(struct invocation *invocation, command_with *body, struct err *err);
int cli_for_each(struct invocation *invocation, command_each *each, struct err *err);

// Prints "hoy: " and the sentence.
void cli_print_error(const struct invocation *invocation, const struct err *err);
// Where Docker ends with 1 whatever was wrong with the command. Returns -1.
int cli_plain_failure(struct err *err);
#define CLI_USAGE_FAILURE 125 // a wrong option, as Docker's

// The whole program.
int cli_main(int argc, char **argv);
