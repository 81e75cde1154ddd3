// SPDX-License-Identifier: Apache-2.0
// A container's plan from its bundle: for create, run and restore.
#pragma once

#include "hoy-runtime/bundle.h"
#include "hoy-runtime/container.h"
#include "hoy-runtime/launch.h"

struct create_settings {
    const struct launch_options *launch;
    bool waits; // at START
    bool no_pivot, no_new_keyring, keep, no_subreaper;
};

int create_compile(struct invocation *invocation, struct bundle *bundle,
                   const struct create_settings *settings, struct plan *plan, struct err *err);

// Writes the plan into the container's folder. The caller unmaps the block and closes the descriptor.
int create_save(struct plan *plan, const struct container *container, int *ret_fd,
                struct plan_block **ret_block, struct err *err);
