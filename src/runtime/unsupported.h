// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "oci/spec.h"

// An error for the first field of the spec that is asked for and that the compiler makes nothing of.
int refuse_unsupported(const struct spec *spec, struct err *err);
