// SPDX-License-Identifier: Apache-2.0
// What a plan says about the time after the start: health checks, and whether the container is started again
// at its end. The shim reads both, and writes what came of restarts; they lie in the plan's file, so whoever
// maps it can read them, and change the policy of a container that runs. Included by plan/plan.h alone.
#pragma once

// "unless-stopped" is ALWAYS here: who stopped it makes a difference only when the machine starts.
enum plan_restart_policy { PLAN_RESTART_NO, PLAN_RESTART_ON_FAILURE, PLAN_RESTART_ALWAYS };

struct plan_restart {
    uint32_t policy;      // enum plan_restart_policy
    uint32_t max_retries; // of ON_FAILURE; 0: no limit
    uint32_t count;       // restarts since somebody started it
    uint32_t delay_ms;    // the last one's back-off; 0: there was none
};

enum plan_probe { PLAN_PROBE_NONE, PLAN_PROBE_COMMAND, PLAN_PROBE_TCP, PLAN_PROBE_HTTP };
enum plan_unhealthy { PLAN_UNHEALTHY_NONE, PLAN_UNHEALTHY_KILL, PLAN_UNHEALTHY_RESTART, PLAN_UNHEALTHY_STOP };

struct plan_health {
    uint8_t probe;        // enum plan_probe
    uint8_t on_unhealthy; // enum plan_unhealthy
    uint8_t is_ipv6;
    uint8_t reserved;
    uint16_t port;
    uint8_t address[16]; // in network order; IPv4 in the first four
    uint32_t retries;
    uint64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
    struct plan_list command; // COMMAND: what the shim executes; it answers with a struct probe_answer
    plan_str request;         // HTTP: what is sent
    plan_str target;          // "127.0.0.1:80"
    plan_str timeout_text;    // "1m30s"
};
