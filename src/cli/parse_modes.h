// SPDX-License-Identifier: Apache-2.0
// Options about namespaces, and those that choose between what hoy has and what others have.
#pragma once

#include "args/options.h"
#include "engine/config.h"

option_store store_pid;        // const char *: host, container:X
option_store store_ipc;        // const char *: none, private, shareable, host, container:X
option_store store_uts;        // const char *: host
option_store store_userns;     // const char *: host
option_store store_cgroupns;   // const char *: host, private
option_store store_firewall;   // const char *: respect, bypass
option_store store_runtime;    // const char *: the names by which hoy's own is known
option_store store_isolation;  // const char *: default
option_store store_annotation; // annotations of a struct container_config: KEY=VALUE
option_store store_storage;    // storage_opt of a struct container_config: size=BYTES
option_store store_expose;     // struct strings: PORT[-PORT][/PROTOCOL], each port by itself
option_store store_publish;    // struct port_bindings
option_store store_mac;        // const char *
option_store store_content_trust;
option_store refuse_windows, refuse_kernel_memory, refuse_api_socket;

// What contradicts another container's network, or the host's names.
int modes_check(const struct container_config *config, struct err *err);
