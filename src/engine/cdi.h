// SPDX-License-Identifier: Apache-2.0
// The Container Device Interface: what a vendor's specification in /etc/cdi or /var/run/cdi says that a
// container needs for a device. These files are the host's own, as a plan's hooks would be.
#pragma once

#include "engine/spec_parts.h"

// Adds nodes, mounts, environment, groups and hooks to the spec.
int cdi_add(struct spec_builder *b, const struct device_request *request);
