// SPDX-License-Identifier: Apache-2.0
// The runtime specification's enumerations as tables of words and numbers.
#pragma once

#include "oci/fields.h"

// Each ends with a NULL word.
extern const struct field_word words_capabilities[], words_rlimits[], words_namespace_types[];
extern const struct field_word words_seccomp_actions[], words_seccomp_operators[], words_seccomp_flags[];
extern const struct field_word words_seccomp_architectures[];
extern const struct field_word words_root_propagation[], words_node_types[], words_device_types[];
extern const struct field_word words_scheduler_policies[];  // SCHED_*
extern const struct field_word words_io_classes[];          // IOPRIO_CLASS_*
extern const struct field_word words_personality_domains[]; // PER_*
extern const struct field_word words_memory_modes[];        // MPOL_*
// The numbers of the bits of SCHED_FLAG_* and MPOL_F_*.
extern const struct field_word words_scheduler_flags[], words_memory_flags[];

// Every mount option that is no file system's own; ends with NULL.
extern const char *const mount_option_words[];
