// SPDX-License-Identifier: Apache-2.0
// What the worker's modes have in common: the registry in a request, and an image's config.
#pragma once

#include "fetch/worker.h"
#include "oci/image_spec.h"
#include "registry/client.h"
#include "registry/endpoint.h"

// {"endpoint", "name", "push_scope"}
int request_registry(struct arena *arena, const struct json *json, struct endpoint *ret_endpoint,
                     struct registry *ret_registry, struct err *err);

// Fetches, checks and stages a config.
int config_stage(struct worker *worker, struct registry *registry, struct http *http, struct arena *arena,
                 const struct descriptor *descriptor, struct image_config *ret_config, struct err *err);
