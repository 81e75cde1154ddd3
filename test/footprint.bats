#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# How little memory there may be: in a container's cgroup while it starts, and what hoy-runtime itself takes.

load lib
load bundle

file_setup() { bundle_setup; }
test_teardown() { bundle_teardown; }

# Everything that costs memory to set up: a filter, many mounts, groups, an environment, a long passwd file.
heavy() {
  bundle "$1"
  seq 2000 | sed 's/.*/user&:x:&:&::\/home\/&:\/bin\/sh/' >"$bundle/rootfs/etc/passwd"
  config '.process.user = {uid: 1000, gid: 1000, additionalGids: [range(2000; 2100)]}
    | .process.env += [range(100) | "NAME_\(.)=\("x" * 100)"]
    | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1024, hard: 1024}]
    | .mounts += [range(30) | {destination: "/m/\(.)", type: "tmpfs", source: "tmpfs", options: ["size=64k"]}]
    | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: [$names | splits("\\s+") | select(. != "")], action: "SCMP_ACT_ERRNO"}]}' \
    --arg names "acct add_key bpf clock_adjtime clock_settime create_module delete_module finit_module get_mempolicy init_module ioperm iopl
      kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind migrate_pages move_pages name_to_handle_at open_by_handle_at perf_event_open
      pivot_root process_vm_readv process_vm_writev quotactl reboot request_key set_mempolicy setns settimeofday swapon swapoff sysfs umount2
      unshare uselib userfaultfd vhangup"
}

limit_is() { config ".linux.resources.memory = {limit: $1}"; }

@test "a container starts within 512 KiB, and a process comes into it" {
  [[ -d /sys/fs/cgroup/memory ]] || skip "v2 counts other things: see vm.bats"
  heavy a
  limit_is $((512 << 10))
  expect 0 rt run -b "$bundle" c
  is "$output" hello
  # What runs in it already counts as well.
  bundle b
  limit_is $((512 << 10))
  command_is sleep 600
  start c
  expect 0 rt exec c true
  expect 0 rt exec --user 1000 c true
  is "$(<"/sys/fs/cgroup/memory/c/memory.limit_in_bytes")" $((512 << 10))
  rt delete -f c
}

@test "the same with a terminal and a user namespace" {
  [[ -d /sys/fs/cgroup/memory ]] || skip "v2 counts other things: see vm.bats"
  heavy a
  limit_is $((512 << 10))
  chown -R 100000:100000 "$bundle/rootfs"
  local folder=$bundle
  while [[ $folder != / && -n $folder ]]; do chmod o+x "$folder" && folder=${folder%/*}; done
  config '.process.terminal = true | .linux.namespaces += [{type: "user"}]
    | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
  # The kernel hands each CPU 256 KiB at a time: where both are busy with others, that can be all there is for a moment.
  local try
  for try in 1 2 3; do
    run script -qec "$HOY_RUNTIME --root $RUNTIME_ROOT run -b $bundle c" /dev/null </dev/null
    [[ $output != *hello* ]] || break
    echo "try $try: $output"
  done
  contains "$output" hello
}

@test "too little is said so" {
  [[ -d /sys/fs/cgroup/memory ]] || skip "v2 counts other things: see vm.bats"
  heavy a
  limit_is 4096
  expect 1 rt run -b "$bundle" c
  one_line "$output"
  contains "$output" memory
}

# peak COMMAND...: its largest resident size in KiB.
peak() {
  command time -o "$BATS_TEST_TMPDIR/time" -f %M "$@" >/dev/null 2>&1 </dev/null
  tail -n 1 "$BATS_TEST_TMPDIR/time"
}
takes_less() {
  local most=$1 kib
  shift
  kib=$(peak "$@")
  echo "$kib KiB: ${*:4}"
  ((kib > 100 && kib <= most))
}

@test "hoy-runtime takes 3 MiB at most" {
  local most=3072 runtime=("$HOY_RUNTIME" --root "$RUNTIME_ROOT")
  heavy a
  takes_less $most "${runtime[@]}" run -b "$bundle" c
  command_is sleep 600
  takes_less $most "${runtime[@]}" create -b "$bundle" c
  takes_less $most "${runtime[@]}" start c
  takes_less $most "${runtime[@]}" exec c true
  takes_less $most "${runtime[@]}" state c
  takes_less $most "${runtime[@]}" list
  takes_less $most "${runtime[@]}" ps -f json c
  takes_less $most "${runtime[@]}" events --stats c
  takes_less $most "${runtime[@]}" features
  takes_less $most "${runtime[@]}" kill c KILL
  takes_less $most "${runtime[@]}" delete -f c
}
