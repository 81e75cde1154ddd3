// SPDX-License-Identifier: Apache-2.0
// The grammars of -v, --mount and --tmpfs. Each adds one mount to the struct container_config that field
// points to.
#pragma once

#include "args/options.h"

option_store store_volume;        // src:dst[:options], dst
option_store store_mount;         // type=bind|volume|tmpfs|image,source=…,target=…,…
option_store store_tmpfs;         // path[:options]
option_store store_volume_driver; // const char *
