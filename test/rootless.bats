#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hoy-runtime for somebody who is not root: with ids of /etc/subuid and without, with cgroups of his own and without.

# shellcheck disable=SC2086 # USER_ID of user.bash is a number

load lib
load bundle
load user

file_setup() {
  bundle_setup
  user_setup
  cp "$HOY_RUNTIME" "$BATS_FILE_TMPDIR/hoy-runtime"
}

file_teardown() { user_teardown; }

# With the default root, below XDG_RUNTIME_DIR.
rootless() { as_user "$BATS_FILE_TMPDIR/hoy-runtime" "$@"; }

rootless_bundle() {
  bundle "$1"
  rm "$bundle/config.json"
  chmod o+x "$BATS_TEST_TMPDIR"
  chown -R $USER_ID:$USER_ID "$bundle"
  as_user "$BATS_FILE_TMPDIR/hoy-runtime" spec --rootless -b "$bundle"
  config '.process.terminal = false | .process.args = ["echo", "hello"] | .root.readonly = false'
}
# The ids of /etc/subuid as well.
map_all() {
  config '.linux.uidMappings = [{containerID: 0, hostID: $id, size: 1}, {containerID: 1, hostID: 300000, size: 65536}]
    | .linux.gidMappings = .linux.uidMappings' --argjson id $USER_ID
}
need_helpers() { command -v newuidmap >/dev/null || skip "no newuidmap"; }

test_teardown() {
  local left
  left=$(rootless list -q)
  # shellcheck disable=SC2086
  [[ -z $left ]] || { rootless delete -f $left; echo "left behind: $left"; return 1; }
  is "$(find "$XDG_RUNTIME_DIR" -mindepth 2 ! -path '*/.seccomp*')" ''
}

@test "spec --rootless, run: it says hello, and whoever it is inside is the user outside" {
  rootless_bundle a
  expect 0 rootless run -b "$bundle" c
  is "$output" hello
  command_is sh -c 'id -u; cat /proc/self/uid_map /proc/self/setgroups; touch /made; grep CapEff /proc/self/status'
  expect 0 rootless run -b "$bundle" c
  is "${lines[0]}" 0
  matches "${lines[1]}" "^ *0 +$USER_ID +1$"
  is "${lines[2]}" deny
  is "${lines[3]}" $'CapEff:\t0000000020000420'
  is "$(stat -c %u:%g "$bundle/rootfs/made")" $USER_ID:$USER_ID
  is "$(stat -c %a "$XDG_RUNTIME_DIR/hoy-runtime" 2>/dev/null | tail -c 2)" 1
}

@test "create, start, state, exec, ps without a cgroup, kill, delete" {
  rootless_bundle a
  command_is sleep 600
  rootless create -b "$bundle" c </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
  is "$(rootless state c | jq -r .status)" created
  rootless start c
  is "$(rootless state c | jq -r .status)" running
  expect 0 rootless exec c sh -c 'id -u; id -g; exit 0'
  is "$output" $'0\n0'
  expect 7 rootless exec c sh -c 'exit 7'
  expect 255 rootless exec --additional-gids 7 c true
  one_line "$output"
  contains "$output" 'cannot set the supplementary groups: this user namespace denies that'
  is "$(rootless state c | jq -r .owner)" tester
  is "$(rootless list | awk 'NR == 2 {print $1, $NF}')" 'c tester'
  expect 1 rootless ps c
  contains "$output" 'has no cgroup'
  expect 1 rootless pause c
  one_line "$output"
  # Somebody else's are none of ours.
  [[ $(rt list -q) == '' ]]
  rootless kill c KILL
  eventually 10 stopped c
  rootless delete c
}
stopped() { [[ $(rootless state "$1" | jq -r .status) == stopped ]]; }

# Whoever can come in could have its memory, and with that its hooks, which are run outside.
@test "before the start nobody but root comes in" {
  rootless_bundle a
  command_is sleep 600
  rootless create -b "$bundle" c </dev/null >/dev/null 2>&1
  expect 255 rootless exec c true
  one_line "$output"
  contains "$output" 'before its start'
  rootless start c
  expect 1 rootless exec c attacker reach 1
  contains "$output" traced
  rootless delete -f c
  # Root of the user namespace around is one: so it is with engines.
  config '.linux.uidMappings[0].hostID = 0 | .linux.gidMappings[0].hostID = 0'
  expect 0 as_user unshare --user --map-root-user sh -c 'hoy="$1 --root $2"
    $hoy create -b "$3" c </dev/null >/dev/null 2>&1 && $hoy exec c attacker reach 1 && $hoy start c && $hoy exec c echo in
    $hoy delete -f c' sh "$BATS_FILE_TMPDIR/hoy-runtime" "$XDG_RUNTIME_DIR/hoy-runtime" "$bundle"
  is "$output" $'nothing\nin'
}

# As under rootless engines: root of a user namespace, whose container has none of its own. What the runtime was born in
# is not that user namespace's.
@test "inside of a user namespace: namespaces of the container's own, and a root of the user's" {
  rootless_bundle a
  config 'del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user")) + [{type: "network"}]'
  command_is sh -c 'readlink /proc/self/ns/net; cat /proc/net/dev'
  within() { as_user unshare --user --map-root-user "$@"; }
  expect 0 within "$BATS_FILE_TMPDIR/hoy-runtime" run -b "$bundle" c
  contains "$output" 'lo:'
  lacks "$output" "$(readlink /proc/self/ns/net)"
  is "$(stat -c %U "$XDG_RUNTIME_DIR/hoy-runtime")" tester
  config '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {monotonic: {secs: 1000}, boottime: {secs: 7}}'
  command_is cat /proc/self/timens_offsets
  expect 0 within "$BATS_FILE_TMPDIR/hoy-runtime" run -b "$bundle" c
  matches "$output" '^monotonic +1000 +0
boottime +7 +0$'
  # Whoever has no folder, or is root by name, has /run, as with runc.
  local way
  for way in 'USER=root' '-u XDG_RUNTIME_DIR'; do
    # shellcheck disable=SC2086
    expect 1 within env $way "$BATS_FILE_TMPDIR/hoy-runtime" run -b "$bundle" c
    contains "$output" /run/hoy-runtime
  done
  # Root without a user namespace has it anyway.
  is "$(env -u USER strace -f -e trace=openat "$HOY_RUNTIME" list 2>&1 | grep -c "$XDG_RUNTIME_DIR")" 0
}

@test "delete -f, and kill --all where there is no cgroup" {
  rootless_bundle a
  command_is sleep 600
  rootless run -d -b "$bundle" c </dev/null >/dev/null 2>&1
  rootless kill --all c KILL
  eventually 10 stopped c
  rootless delete c
  rootless run -d -b "$bundle" c </dev/null >/dev/null 2>&1
  rootless delete -f c
}

@test "the ids of /etc/subuid, through newuidmap" {
  need_helpers
  rootless_bundle a
  map_all
  command_is sh -c 'cat /proc/self/uid_map /proc/self/gid_map; touch /made; chown 33:44 /made; id -G'
  config '.process.user.additionalGids = [5] | .process.capabilities |= with_entries(.value += ["CAP_CHOWN"])'
  expect 0 rootless run -b "$bundle" c
  matches "${lines[1]}" '^ *1 +300000 +65536$'
  is "$(stat -c %u:%g "$bundle/rootfs/made")" 300032:300043
  is "${lines[-1]}" '0 5'
  command_is sleep 600
  rootless run -d -b "$bundle" c </dev/null >/dev/null 2>&1
  is "$(rootless exec --user 33:44 c id -u)" 33
  rootless delete -f c
}

@test "ids that nobody granted are refused" {
  rootless_bundle a
  config '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] | .linux.gidMappings = .linux.uidMappings'
  expect 1 rootless run -b "$bundle" c
  one_line "${lines[-1]}" # newuidmap may have said something before
  contains "$output" uidMappings
  config '.linux.uidMappings = [{containerID: 0, hostID: $id, size: 1}, {containerID: 1, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings' \
    --argjson id $USER_ID
  expect 1 rootless run -b "$bundle" c
  contains "$output" uidMappings
}

@test "more ids without newuidmap: refused with a reason" {
  rootless_bundle a
  map_all
  local name
  for name in newuidmap newgidmap; do
    [[ ! -e /usr/bin/$name ]] || mount --bind /dev/null "/usr/bin/$name"
  done
  run rootless run -b "$bundle" c
  for name in newuidmap newgidmap; do
    [[ ! -e /usr/bin/$name ]] || umount "/usr/bin/$name"
  done
  is "$status" 1
  one_line "$output"
  contains "$output" uidMappings
}

@test "a limit without a cgroup is an error in runc's words" {
  rootless_bundle a
  local change
  for change in 'memory: {limit: 100000000}' 'pids: {limit: 10}' 'cpu: {shares: 100}'; do
    config ".linux.resources = {$change}"
    expect 1 rootless run -b "$bundle" c
    one_line "$output"
    contains "$output" 'limit: container could not join or create cgroup'
  done
  # The same for a container that runs.
  command_is sleep 600
  config 'del(.linux.resources)'
  rootless run -d -b "$bundle" c </dev/null >/dev/null 2>&1
  expect 1 rootless update --memory 100000000 c
  one_line "$output"
  contains "$output" 'cannot set memory limit: container could not join or create cgroup'
  expect 0 rootless update --pids-limit -1 c
  rootless delete -f c
  command_is echo hello
  # None is no limit; nor are devices.
  config '.linux.resources = {pids: {limit: -1}, devices: [{allow: false, access: "rwm"}]}'
  expect 0 rootless run -b "$bundle" c
}

@test "--cgroup-manager disabled, as root, too" {
  bundle a
  command_is cat /proc/self/cgroup
  expect 0 rt --cgroup-manager disabled run -b "$bundle" c
  is "$output" "$(cat /proc/self/cgroup)"
  config '.linux.resources.memory.limit = 100000000'
  expect 1 rt --cgroup-manager disabled run -b "$bundle" c
  contains "$output" 'cannot set memory limit: container could not join or create cgroup'
  config 'del(.linux.resources.memory)'
  command_is sleep 600
  rt --cgroup-manager disabled run -d -b "$bundle" c </dev/null >/dev/null 2>&1
  # The container knows; the flag need not be said again.
  expect 0 rt exec c cat /proc/self/cgroup
  is "$output" "$(cat /proc/self/cgroup)"
  rt kill c KILL
  eventually 10 ended c
  rt delete c
}
ended() { [[ $(rt state "$1" | jq -r .status) == stopped ]]; }

@test "--rootless: auto, true, false" {
  rootless_bundle a
  expect 0 rootless --rootless auto run -b "$bundle" c
  expect 0 rootless --rootless true run -b "$bundle" c
  expect 1 rootless --rootless false run -b "$bundle" c
  contains "$output" cgroup
  expect 1 rootless --rootless perhaps run -b "$bundle" c
  # Root has all of them anyway.
  bundle b
  command_is sh -c 'cat /proc/self/cgroup | wc -l'
  expect 0 rt --rootless true run -b "$bundle" c
  config '.linux.resources.memory.limit = 100000000'
  expect 0 rt --rootless true run -b "$bundle" c
}

@test "a part of the cgroups that was given to the user is used, and its limits hold" {
  [[ -d /sys/fs/cgroup/memory ]] || skip "there is no v1 hierarchy with memory"
  rootless_bundle a
  local hierarchy
  for hierarchy in memory pids; do
    mkdir "/sys/fs/cgroup/$hierarchy/given"
    chown -R $USER_ID:$USER_ID "/sys/fs/cgroup/$hierarchy/given"
  done
  config '.linux.cgroupsPath = "/given/c" | .linux.resources = {memory: {limit: 50000000}, pids: {limit: 20}}'
  command_is sleep 600
  rootless run -d -b "$bundle" c </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
  is "$(cat /sys/fs/cgroup/pids/given/c/pids.max)" 20
  is "$(wc -l </sys/fs/cgroup/memory/given/c/cgroup.procs)" 1
  # What is the user's outside is not for the container to change.
  run rootless exec c mkdir /sys/fs/cgroup/memory/given/mine
  ((status != 0))
  rootless exec -d c sleep 600 </dev/null >/dev/null 2>&1
  is "$(wc -l </sys/fs/cgroup/memory/given/c/cgroup.procs)" 2
  rootless delete -f c
  for hierarchy in memory pids; do
    [[ ! -e /sys/fs/cgroup/$hierarchy/given/c ]]
    rmdir "/sys/fs/cgroup/$hierarchy/given"
  done
}

@test "devices are the host's own, and /sys is its copy where there is no network namespace" {
  rootless_bundle a
  command_is sh -c 'echo x >/dev/null && head -c 3 /dev/zero | wc -c; stat -c %t:%T /dev/null /dev/urandom | tr "\n" " "; ls /sys/class | wc -l; grep " /sys " /proc/self/mountinfo'
  expect 0 rootless run -b "$bundle" c
  is "${lines[0]}" 3
  is "${lines[1]%% *}" 1:3
  matches "$output" ' /sys ro,'
  # A sysfs of one's own takes a network namespace of one's own.
  config '.mounts = [.mounts[] | if .destination == "/sys" then {destination, type: "sysfs", source: "sysfs", options: ["ro", "nosuid", "noexec", "nodev"]} else . end]'
  expect 0 rootless run -b "$bundle" c
  matches "$output" ' /sys ro,'
  config '.linux.namespaces += [{type: "network"}]'
  expect 0 rootless run -b "$bundle" c
  config '.linux.devices = [{path: "/dev/mine", type: "c", major: 240, minor: 77}]'
  expect 1 rootless run -b "$bundle" c
  one_line "$output"
  contains "$output" linux.devices
}

@test "a /proc that the kernel does not let a user mount: the reason is said" {
  rootless_bundle a
  # As in a container that is not privileged: its /proc has things in front of it.
  mount --bind /dev/null /proc/timer_list
  run rootless run -b "$bundle" c
  umount /proc/timer_list
  if ((status)); then
    one_line "$output"
    contains "$output" /proc
    contains "$output" 'masked'
  fi
}

# Files that can be opened whoever they belong to.
@test "namespaces by path: the user's own, and whose are refused" {
  rootless_bundle a
  local name=$BATS_TEST_TMPDIR/net child
  touch "$name"
  mount --bind /proc/self/ns/net "$name"
  join() { config '.linux.namespaces |= (map(select(.type != "network")) + [{type: "network", path: $path}])' --arg path "$1"; }
  # Inside of a user namespace the host's is another's.
  join "$name"
  config '.linux.namespaces |= map(select(.type != "user")) | del(.linux.uidMappings, .linux.gidMappings)'
  run as_user unshare -Ur "$BATS_FILE_TMPDIR/hoy-runtime" --root "$XDG_RUNTIME_DIR/hoy-runtime" run -b "$bundle" c
  umount "$name"
  is "$status" 1
  one_line "$output"
  contains "$output" "linux.namespaces.network: $name belongs to a user namespace outside of this one"
  # One of root's, in a user namespace of root's.
  rm "$bundle/config.json"
  as_user "$BATS_FILE_TMPDIR/hoy-runtime" spec --rootless -b "$bundle"
  config '.process.terminal = false'
  command_is readlink /proc/self/ns/net
  unshare --user --net sleep 60 >/dev/null 3>&- &
  child=$!
  eventually 10 apart "$child"
  mount --bind "/proc/$child/ns/net" "$name"
  join "$name"
  run rootless run -b "$bundle" c
  umount "$name"
  kill "$child"
  is "$status" 1
  one_line "$output"
  contains "$output" "was made by user 0, and user $USER_ID joins only their own"
  # The user's own.
  setpriv --reuid $USER_ID --regid $USER_ID --clear-groups unshare --user --net sleep 60 >/dev/null 3>&- &
  child=$!
  eventually 10 apart "$child"
  join "/proc/$child/ns/net"
  config '.linux.namespaces |= (map(select(.type != "user")) + [{type: "user", path: $path}])
    | del(.linux.uidMappings, .linux.gidMappings)' --arg path "/proc/$child/ns/user"
  echo "0 $USER_ID 1" >"/proc/$child/uid_map"
  echo "0 $USER_ID 1" >"/proc/$child/gid_map"
  run rootless run -b "$bundle" c
  local wanted
  wanted=$(readlink "/proc/$child/ns/net")
  kill "$child"
  is "$output" "$wanted"
}
apart() { [[ $(readlink "/proc/$1/ns/net") != "$(readlink /proc/self/ns/net)" && $(cat "/proc/$1/comm") == sleep ]]; }

@test "a terminal" {
  need_helpers
  rootless_bundle a
  map_all
  config '.process.terminal = true | .process.args = ["sh", "-c", "tty; echo hello"]'
  run script -qec "$(command -v setpriv) --reuid $USER_ID --regid $USER_ID --clear-groups $BATS_FILE_TMPDIR/hoy-runtime run -b $bundle c" /dev/null </dev/null
  contains "$output" hello
}

@test "the root of another is not read, and XDG_RUNTIME_DIR is where the user's is" {
  rootless_bundle a
  command_is sleep 600
  rootless run -d -b "$bundle" c </dev/null >/dev/null 2>&1
  is "$(ls "$XDG_RUNTIME_DIR/hoy-runtime")" c
  is "$(stat -c %a:%u "$XDG_RUNTIME_DIR/hoy-runtime/c")" 700:$USER_ID
  expect 1 rootless --root "$RUNTIME_ROOT/none" run -b "$bundle" d
  rootless delete -f c
}
