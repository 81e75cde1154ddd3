// SPDX-License-Identifier: Apache-2.0
// The flags that say which networks a container is in, and how.
#pragma once

#include "cli/settings.h"

option_store store_network;          // struct settings: a network, or its long form; may be repeated
option_store store_network_settings; // a list of struct endpoint_settings
option_store store_link;             // struct strings: NAME[:ALIAS]
option_store store_alias;            // struct strings
option_store store_ipv4;             // const char *
option_store store_ipv6;             // const char *
option_store store_link_local_ip;    // struct strings: refused
option_store store_priority;         // int64_t
option_store store_driver_option;    // struct spec_key_values: KEY=VALUE

// What --ip, --network-alias and the others say is the first network's. Checks what does not go together.
int networks_finish(struct arena *arena, struct settings *settings, struct err *err);
