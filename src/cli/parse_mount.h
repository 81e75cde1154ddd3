// SPDX-License-Identifier: Apache-2.0
// The grammars of -v, --mount and --tmpfs. Each adds one mount to the struct container_config that field
// points to.
#pragma once

#include "args/options.h"

option_store store_volume;        // src:dst[:options], dst
option_store store_mount;         // type=bind|volume|tmpfs|image,source=…,target=…,…
option_store store_tmpfs;         // path[:options]
option_store store_volume_driver; // const char *

// The next field of a line of comma-separated values: plain, or in quotes with "" for one quote. *rest is
// NULL after the last. The line is changed.
int parse_field(char **rest, char **ret_field, struct err *err);
