// SPDX-License-Identifier: Apache-2.0
// The options of drivers (`network create -o`), by Docker's names, and those of endpoints (--driver-opt).
#pragma once

#include "network/network.h"

// What the driver does not know is refused by name, and so is a value that makes no sense.
int options_check(const struct network *network, struct err *err);
int endpoint_options_check(const struct endpoint_settings *settings, struct err *err);

uint32_t network_mtu(const struct network *network); // 0: the kernel's default
// A switch of the bridge driver, fallback where nobody set it.
bool network_switch(const struct network *network, const char *key, bool fallback);
enum network_gateway_mode network_gateway_mode(const struct network *network, bool ipv6);
// Of macvlan and ipvlan: their mode and flag, with Docker's defaults.
const char *network_mode(const struct network *network);
const char *network_flag(const struct network *network);
// What interfaces in containers are called, before their number.
const char *network_prefix(const struct network *network);

#define OPTION_BRIDGE_NAME "com.docker.network.bridge.name"
#define OPTION_MASQUERADE  "com.docker.network.bridge.enable_ip_masquerade"
#define OPTION_ICC         "com.docker.network.bridge.enable_icc"
#define OPTION_HOST_IPV4   "com.docker.network.bridge.host_binding_ipv4"
#define OPTION_MTU         "com.docker.network.driver.mtu"
#define OPTION_PREFIX      "com.docker.network.container_iface_prefix"
#define OPTION_MODE_IPV4   "com.docker.network.bridge.gateway_mode_ipv4"
#define OPTION_MODE_IPV6   "com.docker.network.bridge.gateway_mode_ipv6"
#define OPTION_INHIBIT     "com.docker.network.bridge.inhibit_ipv4"
#define OPTION_INTERFACE   "com.docker.network.endpoint.ifname"
