// SPDX-License-Identifier: Apache-2.0
// --init: the container's pid 1 when it is not the user's command. argv is the command. Returns an exit code.
#pragma once

int init_main(char **argv);
