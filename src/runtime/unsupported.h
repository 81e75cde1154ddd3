// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "oci/spec.h"

// An error for the first field that is asked for and that the compiler makes nothing of; of a process alone
// (exec), or of the whole.
int refuse_unsupported_process(const struct spec_process *process, struct err *err);
int refuse_unsupported(const struct spec *spec, struct err *err);
