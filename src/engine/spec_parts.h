// SPDX-License-Identifier: Apache-2.0
// The parts of container_spec(): each fills in its part of the spec, and says why.
#pragma once

#include "engine/config.h"

struct spec_builder {
    struct arena *arena;
    const struct container_config *config;
    const struct namespace_owners *owners;
    const struct image_config *image;
    const char *id, *run_dir, *volumes;
    const struct image_sources *images;
    struct spec *spec;
    struct err *err;
};

// bind-idmap: whose files those that the container makes are on the host (bind_idmap.c).
int spec_build_idmap(struct spec_builder *b, const struct container_mount *given, struct spec_mount *mount);
int spec_build_mounts(struct spec_builder *b);    // mounts, masked and read-only paths
int spec_build_resources(struct spec_builder *b); // cgroup limits, ulimits, sysctls
int spec_build_limits(struct spec_builder *b);    // those of cgroups alone, none but what is set
int spec_build_devices(struct spec_builder *b);  // --device, --device-cgroup-rule, CDI, those of --privileged
int spec_build_security(struct spec_builder *b); // capabilities, seccomp, --security-opt

// "container:X"
bool spec_joins(const char *mode);
bool spec_host_network(const struct spec_builder *b);
void spec_because(struct spec_builder *b, const char *field, const char *why);
// "64m", "1g", "1000": a size as one would write it after --memory.
const char *spec_size_text(struct arena *arena, int64_t bytes);
// Was --security-opt word given?
bool spec_has_option(const struct spec_builder *b, const char *word);
// The capabilities that this process may give away.
cap_mask spec_own_caps(void);
