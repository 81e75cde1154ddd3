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

// A config, its digest checked; over what the text was before.
int config_fetch(struct registry *registry, struct http *http, const struct descriptor *descriptor,
                 struct str *ret_text, struct err *err);
