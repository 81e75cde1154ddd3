#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a process in a container sees and may do, and what limits hold.

load lib

inside() { hoy run --rm base "$@"; }

@test "pid 1, and no process of the host" {
  is "$(inside sh -c 'echo $$')" 1
  is "$(inside sh -c 'echo /proc/[0-9]*')" /proc/1
}

@test "own namespaces: pid, net, mnt, uts, ipc, cgroup" {
  for name in pid net mnt uts ipc cgroup; do
    [[ $(inside readlink /proc/self/ns/$name) != "$(readlink /proc/self/ns/$name)" ]]
  done
}

@test "own hostname: the id's first twelve digits" {
  matches "$(inside hostname)" '^[0-9a-f]{12}$'
  [[ $(inside hostname) != "$(hostname)" ]]
}

@test "own interfaces" {
  is "$(hoy run --rm --network none base ls /sys/class/net)" lo
  is "$(inside ls /sys/class/net)" $'eth0\nlo'
  is "$(hoy run --rm --network host base readlink /proc/self/ns/net)" "$(readlink /proc/self/ns/net)"
}

@test "own mounts: nothing of the host's in the table" {
  expect 0 inside cat /proc/self/mountinfo
  lacks "$output" "$HOY_ROOT/containers/../"
  ((${#lines[@]} < 40))
  for target in / /proc /dev /dev/pts /sys /dev/shm /dev/mqueue /sys/fs/cgroup /etc/hosts /etc/resolv.conf /etc/hostname; do
    matches "$output" " $target (ro|rw)"
  done
}

@test "a mount of the host made later does not show up" {
  hoy run -d --name early base sleep 600 >/dev/null
  mkdir "$BATS_TEST_TMPDIR/late"
  mount -t tmpfs none "$BATS_TEST_TMPDIR/late"
  run hoy exec early cat /proc/self/mountinfo
  umount "$BATS_TEST_TMPDIR/late"
  lacks "$output" late
  hoy rm -f early >/dev/null
}

@test "capabilities: Docker's fourteen, nothing inheritable or ambient" {
  expect 0 inside cat /proc/self/status
  contains "$output" $'CapPrm:\t00000000a80425fb'
  contains "$output" $'CapEff:\t00000000a80425fb'
  contains "$output" $'CapBnd:\t00000000a80425fb'
  contains "$output" $'CapInh:\t0000000000000000'
  contains "$output" $'CapAmb:\t0000000000000000'
}

@test "--cap-drop, --cap-add, --privileged, another user" {
  contains "$(hoy run --rm --cap-drop ALL base cat /proc/self/status)" $'CapEff:\t0000000000000000'
  contains "$(hoy run --rm --cap-drop ALL --cap-add chown base cat /proc/self/status)" $'CapEff:\t0000000000000001'
  contains "$(hoy run --rm --cap-add CAP_SYS_PTRACE base cat /proc/self/status)" $'CapEff:\t00000000a80c25fb'
  contains "$(hoy run --rm -u 1000 base cat /proc/self/status)" $'CapEff:\t0000000000000000'
  is "$(hoy run --rm --privileged base awk '/CapBnd/ {print $2}' /proc/self/status)" \
    "$(awk '/CapBnd/ {print $2}' /proc/self/status)"
}

@test "seccomp is on, can be turned off, and stops what Docker's profile stops" {
  contains "$(inside cat /proc/self/status)" $'Seccomp:\t2'
  contains "$(hoy run --rm --security-opt seccomp=unconfined base cat /proc/self/status)" $'Seccomp:\t0'
  contains "$(hoy run --rm --privileged base cat /proc/self/status)" $'Seccomp:\t0'
  expect 1 inside unshare -U true
  expect 1 inside mount -t tmpfs none /mnt
}

@test "a seccomp profile of one's own" {
  echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}' \
    >"$BATS_TEST_TMPDIR/profile.json"
  expect 1 hoy run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" base mkdir /x
  expect 0 hoy run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" base touch /x
  # One that lets through what the setting up takes, but neither the command nor an end.
  local init
  for init in --init=false --init; do
    echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["execve","execveat","exit_group","exit"],"action":"SCMP_ACT_ERRNO"}]}' \
      >"$BATS_TEST_TMPDIR/profile.json"
    expect 126 timeout -s KILL 20 "$HOY" run --rm $init --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" base true
    contains "$output" 'the seccomp filter refuses execve'
    one_sentence "$output"
  done
}

@test "a seccomp profile of more instructions than the kernel takes is refused with how many" {
  jq -n '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [range(900) | {names: ["read"], action: "SCMP_ACT_ERRNO",
    args: [range(6) as $i | {index: $i, value: (. * 7919 + $i), op: "SCMP_CMP_EQ"}]}]}' >"$BATS_TEST_TMPDIR/profile.json"
  expect 125 hoy run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" base true
  one_sentence "$output"
  matches "$output" 'a program of [0-9]+ instructions; 4096 may be'
}

@test "a rule of a seccomp profile holds from a kernel on, or up to one" {
  local when
  for when in 'includes 1.0 1' 'includes 999.0 0' 'excludes 1.0 0' 'excludes 999.0 1'; do
    # shellcheck disable=SC2086
    set -- $when
    echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO",
      "'"$1"'":{"minKernel":"'"$2"'"}}]}' >"$BATS_TEST_TMPDIR/profile.json"
    expect "$3" hoy run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" base mkdir /x
  done
}

@test "a seccomp profile's listener is asked" {
  local socket=$BATS_TEST_TMPDIR/agent agent
  echo '{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"'"$socket"'","listenerMetadata":"words",
    "syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_NOTIFY"}]}' >"$BATS_TEST_TMPDIR/profile.json"
  "$BATS_TEST_DIRNAME/oci/agent.py" "$socket" "$BATS_TEST_TMPDIR/message" 3>&- &
  agent=$!
  eventually 10 test -S "$socket"
  expect 1 hoy run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" base mkdir /x
  contains "$output" 'No message of desired type' # what this agent answers
  wait "$agent"
  is "$(jq -r .metadata "$BATS_TEST_TMPDIR/message")" words
}

@test "NoNewPrivs as asked" {
  contains "$(inside cat /proc/self/status)" $'NoNewPrivs:\t0'
  contains "$(hoy run --rm --security-opt no-new-privileges base cat /proc/self/status)" $'NoNewPrivs:\t1'
  contains "$(hoy run --rm --security-opt no-new-privileges=false base cat /proc/self/status)" $'NoNewPrivs:\t0'
}

@test "masked and read-only paths" {
  for path in /proc/kcore /proc/keys /proc/timer_list; do
    is "$(inside sh -c "head -c 1 $path 2>/dev/null | wc -c")" 0
  done
  for path in /proc/scsi /proc/acpi /sys/firmware /sys/devices/virtual/powercap; do
    is "$(inside sh -c "ls $path 2>/dev/null | wc -l")" 0
  done
  for path in /proc/sys/kernel/panic /proc/sysrq-trigger /proc/irq/default_smp_affinity; do
    expect 1 inside sh -c "[ -e $path ] && echo 1 >$path"
  done
  expect 1 inside sh -c 'echo x >/sys/kernel/uevent_helper'
  expect 1 inside mkdir /sys/fs/cgroup/mine
}

@test "devices: Docker's set, no disk" {
  is "$(inside sh -c 'cd /dev; ls -d console full null ptmx random tty urandom zero 2>/dev/null | tr "\n" " "')" \
    'full null ptmx random tty urandom zero '
  is "$(inside sh -c 'for name in fd stdin stdout stderr; do readlink /dev/$name; done | tr "\n" " "')" \
    '/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 '
  local disk
  disk=$(lsblk -nro MAJ:MIN 2>/dev/null | head -n 1)
  disk=${disk:-254:0}
  # It may make the node (Docker lets it, too), but not read it.
  expect 1 inside sh -c "mknod /disk b ${disk%:*} ${disk#*:} && head -c 1 /disk >/dev/null"
}

@test "no descriptor of hoy's is open inside" {
  is "$(inside sh -c 'ls /proc/self/fd | tr "\n" " "')" '0 1 2 3 ' # 3 is the directory that ls reads
}

@test "memory: killed, 137, and inspect says so" {
  expect 137 hoy run --name eater --memory 64m base tail -c 134217728 /dev/zero
  is "$(field eater .State.OOMKilled)" true
  is "$(field eater .State.ExitCode)" 137
  hoy rm eater
}

@test "memory: python in Debian, the same" {
  hoy pull -q "$REGISTRY/debian:12"
  expect 137 hoy run --name eater --memory 64m --memory-swap 64m "$REGISTRY/debian:12" \
    python3 -c 'x = bytearray(128 << 20); print("not reached")'
  lacks "$output" 'not reached'
  is "$(field eater .State.OOMKilled)" true
  is "$(field eater .State.ExitCode)" 137
  hoy rm eater
  hoy rmi "$REGISTRY/debian:12"
}

@test "--cpus 0.5 gets half of a cpu" {
  # Two seconds of a busy loop: what it used, in hundredths of a second.
  local used
  used=$(hoy run --rm --cpus 0.5 base sh -c 'timeout 2 sh -c "while :; do :; done"; awk "{print \$16 + \$17}" /proc/self/stat')
  echo "used $used of 200"
  # On a machine that has other things to do it may be less.
  ((used >= 20 && used <= 130))
}

@test "--pids-limit under a fork bomb" {
  local before after
  before=$(ls -d /proc/[0-9]* | wc -l)
  run timeout 60 "$HOY" run --rm --pids-limit 20 base sh -c 'bomb() { bomb | bomb & }; bomb; sleep 1; ls -d /proc/[0-9]* | wc -l'
  after=$(ls -d /proc/[0-9]* | wc -l)
  ((after < before + 50))
}

@test "the cgroup has what was asked for" {
  expect 0 hoy run --rm --memory 32m --memory-swap 48m --pids-limit 33 --cpus 0.25 --cpu-shares 77 --cpuset-cpus 0 base sh -c '
    cd /sys/fs/cgroup
    cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.shares cpuset/cpuset.cpus 2>/dev/null ||
      cat memory.max pids.max cpu.weight cpuset.cpus'
  if [[ -d /sys/fs/cgroup/memory ]]; then
    is "${lines[*]}" '33554432 33 77 0'
  else
    is "${lines[0]} ${lines[1]} ${lines[3]}" '33554432 33 0'
  fi
}

@test "a setuid bit arrives" {
  hoy pull -q "$REGISTRY/layers:1"
  expect 0 hoy run --rm --entrypoint stat "$REGISTRY/layers:1" -c '%a' /setuid
  is "$output" 4755
  hoy rmi "$REGISTRY/layers:1"
}
