// SPDX-License-Identifier: Apache-2.0
// What `hoy run`, `hoy create` and `hoy explain` have in common: the flags that describe a container.
#pragma once

#include "cli/invocation.h"
#include "engine/config.h"

struct settings {
    struct container_config config;
    const char *name, *cidfile, *pull; // pull NULL: missing
    bool quiet;
    struct strings env, file_env; // -e goes over --env-file, wherever each stands
    struct strings attach;
    struct strings entrypoint;
    const char *volume_driver;         // "local"
    struct endpoint_settings endpoint; // of the first network; of mac only the config's counts
};

// What --platform is where it is not given: DOCKER_DEFAULT_PLATFORM, which has to be a platform.
int platform_default(struct arena *arena, const char **platform, struct err *err);

// Takes the image and its command from the arguments, and checks what only all flags together show. detached:
// -d was given. Fills in the config of the invocation's settings, which are its options' first member.
int settings_finish(struct invocation *invocation, bool detached, struct err *err);
