// SPDX-License-Identifier: Apache-2.0
// What the commands share.
#pragma once

#include "cli/commands.h"
#include "engine/engine.h"

// Runs a command's function between the engine's opening, with the global options, and its closing.
typedef int cli_body(struct invocation *invocation, struct engine *engine, struct err *err);
int cli_with_engine(struct invocation *invocation, cli_body *body, struct err *err);

// Prints "hoy: " and the sentence.
void cli_print_error(const struct invocation *invocation, const struct err *err);
// Where Docker ends with 1 whatever was wrong with the command. Returns -1.
int cli_plain_failure(struct err *err);
#define CLI_USAGE_FAILURE 125 // a wrong option, as Docker's

// Calls each for every argument, prints what fails and goes on. The exit code of the whole.
int cli_for_each(struct invocation *invocation, cli_each *each, struct err *err);

// The whole program.
int cli_main(int argc, char **argv);
