// SPDX-License-Identifier: Apache-2.0
// Why a container ended: what can only be asked when it happens, written into its directory as "exit", for
// `hoy why` and for whoever takes over the end; and a part of the event of its end. On a full disk it goes
// into the run directory instead, which is in memory. JSON:
//
//   status oom exited_ns restarts stopped    as in struct shim_exit
//   ran_us                   how long it ran
//   signal core              the signal that ended it, and whether it left a core dump
//   asked asked_last         the first and last signal that came through the shim
//   asked_by                 its sender's name, where that was none of hoy's commands
//   handled                  whether the process had a handler for the first of them
//   init                     the process is hoy's init: a signal that ended the command is its exit code
//   unhealthy health_code health_output    how many health checks had failed, and how the last did
//   unhealthy_got            what it got for that: kill, stop, restart
//   pids_refused             how often a limit of processes refused one
//   throttled_us             how long its processes waited for their share of the CPUs
//   oom_group oom_limit oom_swap_limit killed killed_pid biggest    the killing for want of memory
//   fault seccomp denial     lines of the kernel's log
//   kernel_log               errno, when that log could not be read
#pragma once

#include "base/str.h"
#include "plan/plan.h"
#include "shim/loop.h"

// Before anything of the plan is undone. ret_text gets the JSON, and is the caller's to finish.
void cause_record(const struct plan_block *plan, const struct shim *shim, int dir, struct str *ret_text);
