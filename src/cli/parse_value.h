// SPDX-License-Identifier: Apache-2.0
// The smaller grammars inside options. What each field is stands at its name.
#pragma once

#include "args/options.h"
#include "oci/spec.h"

option_store store_env;      // struct strings: KEY=VALUE; KEY with its value from here, or, with none, alone
option_store store_env_file; // struct strings: a file of such lines
option_store store_label;    // config.labels of a struct container_config: KEY[=VALUE]
option_store store_label_file;  // the same, a file of such lines
option_store store_ulimit;      // config.ulimits of a struct container_config: NAME=SOFT[:HARD]
option_store store_log_option;  // config.log of a struct container_config: KEY=VALUE
option_store store_sysctl;      // config.sysctls of a struct container_config: KEY=VALUE
option_store store_add_host;    // struct strings: "name:address"
option_store store_address;     // struct strings: an IP address
option_store store_dns_option;  // struct strings: one word
option_store store_dns_search;  // struct strings: a domain, or "." for none
option_store store_capability;  // struct strings
option_store store_security;    // struct strings
option_store store_cpus;        // struct spec_i64, in 10^-9 of a CPU: "0.5"
option_store store_memory;      // struct spec_i64: bytes
option_store store_memory_swap; // struct spec_i64: bytes, or -1
option_store store_net_rate;    // struct net_rate: in=10mbit,out=1mbit,class=0x10001,priority=eth0:5
option_store store_restart;     // struct restart_policy
option_store store_pull;        // const char *
option_store store_signal;      // const char *
option_store store_attach;      // struct strings: stdin, stdout, stderr in lower case
option_store store_commas;      // struct strings: a,b
option_store store_hostname;    // const char *

// Texts "KEY[=VALUE]", in the arena; the last one of a key counts.
int read_key_values(struct arena *arena, const struct strings *texts, struct spec_key_values *words,
                    struct err *err);
