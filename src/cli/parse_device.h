// SPDX-License-Identifier: Apache-2.0
// Options about devices.
#pragma once

#include "args/options.h"

option_store store_device; // a container_config: PATH[:PATH[:rwm]] to devices, a CDI name to device_requests
option_store store_device_rule;   // struct strings: "c 13:* rwm"
option_store store_gpus;          // device_requests of a container_config: all, N, device=A,B
option_store store_bps;           // read_bps or write_bps of a container_config: /dev/PATH:RATE
option_store store_iops;          // read_iops or write_iops of a container_config: /dev/PATH:NUMBER
option_store store_weight_device; // blkio_weights of a container_config: /dev/PATH:WEIGHT
