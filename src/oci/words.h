// SPDX-License-Identifier: Apache-2.0
// The runtime specification's enumerations as tables of words and numbers.
#pragma once

#include "oci/fields.h"

extern const struct field_word words_capabilities[], words_rlimits[], words_namespace_types[];
extern const struct field_word words_seccomp_actions[], words_seccomp_operators[], words_seccomp_flags[];
extern const struct field_word words_seccomp_architectures[];
extern const struct field_word words_root_propagation[], words_node_types[], words_device_types[];
