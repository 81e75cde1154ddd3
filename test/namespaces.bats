#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Namespaces that are the host's, or another container's.

load lib
load refused

# ns CONTAINER KIND: of its process; without a container of this shell.
ns() { readlink "/proc/$(field "$1" .State.Pid)/ns/$2"; }
host() { readlink "/proc/self/ns/$1"; }

test_teardown() { hoy rm -f donor joiner third >/dev/null 2>&1 || true; }

donor() { hoy run -d --name donor "$@" base sleep 1000 >/dev/null; }

@test "--pid host: the host's processes, and what is left at the end is killed" {
  hoy run -d --name joiner --pid host base sh -c 'sleep 1234 & exec sleep 1000' >/dev/null
  is "$(ns joiner pid)" "$(host pid)"
  is "$(field joiner .HostConfig.PidMode)" host
  expect 0 hoy exec joiner sh -c 'cat /proc/$PPID/comm; readlink /proc/self'
  eventually 5 pgrep -f '^sleep 1234'
  hoy kill joiner
  eventually 5 sh -c '! pgrep -f "^sleep 1234"'
  hoy rm joiner
  # The first process ends by itself: the others go, too.
  expect 0 hoy run --rm --pid host base sh -c 'sleep 1235 & true'
  eventually 5 sh -c '! pgrep -f "^sleep 1235"'
  expect 3 hoy run --rm --init --pid host base sh -c 'exit 3'
}

@test "--pid container: sees, signals, and ends with it" {
  donor
  hoy run -d --name joiner --pid container:donor base sleep 500 >/dev/null
  is "$(ns joiner pid)" "$(ns donor pid)"
  is "$(field joiner .HostConfig.PidMode)" "container:$(field donor .Id)"
  expect 0 hoy run --rm --pid container:donor base sh -c 'tr "\0" " " </proc/1/cmdline'
  contains "$output" 'sleep 1000'
  expect 0 hoy exec joiner sh -c 'tr "\0" " " </proc/1/cmdline'
  contains "$output" 'sleep 1000'
  hoy stop -t 0 donor >/dev/null
  is "$(hoy wait joiner)" 137
}

@test "--pid container: a detached --rm container goes when its donor has gone before it" {
  donor
  hoy run -d --rm --name joiner --pid container:donor base sleep 500 >/dev/null
  local shim
  shim=$(awk '{print $4}' "/proc/$(field joiner .State.Pid)/stat")
  is "$(readlink "/proc/$shim/ns/pid_for_children")" "$(host pid)"
  hoy rm -f donor >/dev/null
  eventually 10 sh -c '[ -z "$(ls "$HOY_ROOT/containers")" ]'
}

@test "--pid container: a donor that may trace others stands still while somebody comes" {
  local group
  touch "$BATS_TEST_TMPDIR/marker"
  # Looks through whoever comes at the host's files.
  hoy run -d --name donor --cap-add SYS_PTRACE base sh -c 'while :; do for p in /proc/[0-9]*; do
    [ ! -e "$p/root$1" ] || echo "saw $p"; done; done 2>/dev/null' sh "$BATS_TEST_TMPDIR/marker" >/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    expect 0 hoy run --rm --pid container:donor base sh -c 'cat /proc/1/comm'
    is "$output" sh
  done
  is "$(hoy logs donor)" ''
  # Nor may one that has come before see it, in whosever namespace they are.
  hoy run -d --name third --pid container:donor base sleep 1000 >/dev/null
  for _ in 1 2 3 4 5; do expect 0 hoy run --rm --pid container:third base true; done
  is "$(hoy logs donor)" ''
  for group in /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [[ ! -e $group/hoy-$(field donor .Id)/cgroup.freeze ]] || is "$(cat "$group/hoy-$(field donor .Id)/cgroup.freeze")" 0
  done
  # It goes on after a start that failed, too.
  expect 127 hoy run --rm --pid container:donor base no-such-command
  is "$(timeout 10 "$HOY" exec donor echo alive)" alive
  hoy create --name joiner --pid container:donor base sleep 500 >/dev/null
  hoy start joiner >/dev/null
  is "$(timeout 10 "$HOY" exec donor echo alive)" alive
}

@test "a donor that does not run, or is not there" {
  hoy create --name donor base sleep 1000 >/dev/null
  refused 'cannot join PID of a non running container: donor' --pid container:donor
  refused 'cannot join network of a non running container: donor' --network container:donor
  refused 'cannot join IPC of a non running container: donor' --ipc container:donor
  refused 'No such container: nobody' --pid container:nobody
  refused 'No such container: nobody' --ipc container:nobody
  refused 'No such container: nobody' --network container:nobody
  is "$(hoy ps -aq | wc -l)" 1
}

@test "a joiner starts again: with what the donor is by then" {
  donor
  hoy run -d --name joiner --network container:donor --pid container:donor base sleep 500 >/dev/null
  hoy stop -t 0 joiner donor >/dev/null
  expect 1 hoy start joiner
  contains "$output" 'of a non running container: donor'
  hoy start donor >/dev/null
  hoy start joiner >/dev/null
  is "$(ns joiner net)" "$(ns donor net)"
  is "$(ns joiner pid)" "$(ns donor pid)"
  # A later name changes nothing: settings have the id.
  is "$(field joiner .HostConfig.NetworkMode)" "container:$(field donor .Id)"
}

@test "--network container: the same interfaces, address, names and files" {
  donor -h boat --add-host other:10.1.2.3 --dns 10.9.8.7
  hoy run -d --name joiner --network container:donor base sleep 500 >/dev/null
  is "$(ns joiner net)" "$(ns donor net)"
  is "$(field joiner '.NetworkSettings.Networks | length')" 0
  [[ $(ns joiner uts) != "$(ns donor uts)" ]]
  is "$(hoy exec joiner hostname)" boat
  is "$(hoy exec joiner cat /sys/class/net/eth0/address)" "$(hoy exec donor cat /sys/class/net/eth0/address)"
  is "$(hoy exec joiner cat /etc/hosts /etc/resolv.conf /etc/hostname)" "$(hoy exec donor cat /etc/hosts /etc/resolv.conf /etc/hostname)"
  hoy exec donor sh -c 'echo 10.4.4.4 later >>/etc/hosts'
  contains "$(hoy exec joiner cat /etc/hosts)" 'later'
  # A third one of the second.
  hoy run -d --name third --network container:joiner base sleep 500 >/dev/null
  is "$(ns third net)" "$(ns donor net)"
  contains "$(hoy exec third cat /etc/hosts)" 'later'
  # Not even a name that starts again writes into the others' files.
  hoy stop -t 0 joiner >/dev/null
  hoy start joiner >/dev/null
  contains "$(hoy exec donor cat /etc/hosts)" 'later'
}

@test "--network container: what contradicts it" {
  donor
  local with=(--network container:donor)
  refused 'conflicting options: hostname and the network mode' "${with[@]}" -h x
  refused 'conflicting options: dns and the network mode' "${with[@]}" --dns 1.1.1.1
  refused 'conflicting options: custom host-to-IP mapping and the network mode' "${with[@]}" --add-host a:1.1.1.1
  refused 'conflicting options: mac-address and the network mode' "${with[@]}" --mac-address 92:d0:c6:0a:29:33
  refused 'conflicting options: port exposing and the container type network mode' "${with[@]}" --expose 80
  refused 'invalid container format container:<name|id>' --network container:
}

@test "--ipc: none, private, shareable, another's, the host's" {
  expect 0 hoy run --rm --ipc none base sh -c 'grep -c " /dev/shm " /proc/self/mountinfo || [ ! -e /dev/shm ]'
  is "$output" 0
  donor
  refused 'container donor: non-shareable IPC' --ipc container:donor
  hoy rm -f donor >/dev/null
  donor --ipc shareable --shm-size 1m
  hoy run -d --name joiner --ipc container:donor base sleep 500 >/dev/null
  is "$(ns joiner ipc)" "$(ns donor ipc)"
  [[ $(ns joiner ipc) != "$(host ipc)" ]]
  hoy exec donor sh -c 'echo shared >/dev/shm/file'
  is "$(hoy exec joiner cat /dev/shm/file)" shared
  is "$(hoy exec joiner sh -c 'df -k /dev/shm | tail -1' | awk '{print $2}')" 1024
  # /dev/shm stays what it is to the one who has it when the other goes.
  hoy rm -f donor >/dev/null
  is "$(hoy exec joiner cat /dev/shm/file)" shared
  hoy rm -f joiner >/dev/null
  donor --ipc host
  is "$(ns donor ipc)" "$(host ipc)"
  touch /dev/shm/hoy-test
  run hoy exec donor ls /dev/shm
  rm /dev/shm/hoy-test
  contains "$output" hoy-test
  expect 125 hoy run --rm --ipc host --sysctl kernel.msgmax=100 base true
  contains "$output" 'not allowed in host ipc namespace'
}

@test "--ipc container: a donor's root cannot pass something else off as /dev/shm" {
  donor --ipc shareable --cap-add SYS_ADMIN --security-opt seccomp=unconfined
  hoy exec donor sh -c 'mkdir /bait && touch /bait/file && mount --bind /bait /dev/shm'
  refused '/dev/shm of the container to be joined is no tmpfs any more' --ipc container:donor
  hoy exec donor sh -c 'umount /dev/shm; umount /dev/shm; rmdir /dev/shm; ln -s /bait /dev/shm'
  expect 125 hoy run --rm --ipc container:donor base true
}

@test "--uts host, --cgroupns, --userns" {
  expect 0 hoy run --rm --uts host base hostname
  is "$output" "$(hostname)"
  refused 'conflicting options: hostname and the UTS mode' --uts host -h x
  donor --uts host --cgroupns host --userns host
  is "$(ns donor uts)" "$(host uts)"
  is "$(ns donor cgroup)" "$(host cgroup)"
  is "$(ns donor user)" "$(host user)"
  is "$(field donor '.HostConfig | [.UTSMode, .CgroupnsMode, .UsernsMode] | join(" ")')" 'host host host'
  hoy rm -f donor >/dev/null
  donor --cgroupns private
  [[ $(ns donor cgroup) != "$(host cgroup)" ]]
  is "$(field donor '.HostConfig | [.CgroupnsMode, .IpcMode, .PidMode] | join(" ")')" 'private private '
}

@test "wrong modes" {
  for flag in pid ipc uts userns cgroupns; do
    refused 'invalid' "--$flag=nonsense"
    refused ' mode: it is ' "--$flag=nonsense"
    refused 'invalid' "--$flag=container:"
    expect 0 hoy run --rm "--$flag=" base true
  done
}

# The start time in a plan's head becomes a later one.
lie_about_start() {
  python3 -c 'import sys, struct
start = int(open(f"/proc/{sys.argv[2]}/stat").read().rsplit(")", 1)[1].split()[19])
with open(sys.argv[1], "r+b") as plan:
    at = plan.read().index(struct.pack("<Q", start))
    plan.seek(at)
    plan.write(struct.pack("<Q", start + 1))' "$@"
}

@test "a process number that is somebody else's by now is not joined" {
  donor --ipc shareable
  local id
  id=$(field donor .Id)
  # The donor's plan says that its process began at another time than the one with this number did.
  cp "$HOY_RUNROOT/containers/$id/plan" "$BATS_TEST_TMPDIR/plan"
  lie_about_start "$HOY_RUNROOT/containers/$id/plan" "$(field donor .State.Pid)"
  for flag in pid ipc network; do
    refused 'the container whose namespaces are to be joined has ended' "--$flag" container:donor
  done
  dd conv=notrunc status=none if="$BATS_TEST_TMPDIR/plan" of="$HOY_RUNROOT/containers/$id/plan"
  for flag in pid ipc network; do expect 0 hoy run --rm "--$flag" container:donor base true; done
}

@test "explain names the flag" {
  donor --ipc shareable
  expect 0 hoy run --rm --explain --pid container:donor --ipc container:donor --network container:donor base true
  for flag in pid ipc network; do contains "$output" "--$flag container:$(field donor .Id | head -c 12)"; done
  contains "$output" "mount /dev/shm of process $(field donor .State.Pid)"
}
