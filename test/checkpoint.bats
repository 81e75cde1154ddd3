#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hoy-runtime checkpoint and restore. What CRIU does is looked at where CRIU knows the kernel: in an emulated machine
# with Linux 6.1, by the script vm/checkpoint. What is said to it, and what becomes of what it says, is looked at here,
# with a program in its place.

load lib
load machine

DEADLINE=400 # seconds; a minute and a half are enough on an idle machine

file_setup() {
  export BATS_TEST_TIMEOUT=$((DEADLINE + 20)) MACHINE_DEADLINE=$DEADLINE
  export HOY_FETCH=${HOY_FETCH:-$BUILD/src/fetch/hoy-fetch}
  mkdir -p "$BATS_FILE_TMPDIR/lies"
  cp lying-criu.py "$BATS_FILE_TMPDIR/lies/criu"
  why_not >/dev/null && return
  PROGRAMS="$(command -v criu) /bin/tar /bin/gzip /usr/bin/script /usr/bin/flock" \
    vm/machine 6.1 vm/checkpoint >"$BATS_FILE_TMPDIR/machine" 2>&1 3>&- &
  echo $! >"$BATS_FILE_TMPDIR/machine.pid"
}

# The reason, if there is one, for which the machine can't be had.
why_not() {
  machine_missing 6.1 && return
  command -v criu >/dev/null || { echo "no criu"; return; }
  return 1
}

runtime() { "$HOY_RUNTIME" --root "$BATS_FILE_TMPDIR/runtime" "$@"; }

test_setup() {
  bundle=$BATS_TEST_TMPDIR/bundle
  images=$BATS_TEST_TMPDIR/images
  mkdir -p "$bundle"/rootfs/{bin,dev,proc}
  cp "$(command -v busybox)" "$bundle/rootfs/bin"
  ln -s busybox "$bundle/rootfs/bin/sleep"
  cat >"$bundle/config.json" <<JSON
{"ociVersion": "1.0.2", "root": {"path": "rootfs"},
 "process": {"args": ["sleep", "600"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
  {"destination": "/data", "type": "bind", "source": "$BATS_TEST_TMPDIR", "options": ["bind"]}],
 "hooks": {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "cat >$BATS_TEST_TMPDIR/hook"]}]},
 "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}],
  "maskedPaths": ["/proc/version", "/proc/missing"]}}
JSON
}

test_teardown() {
  local id
  for id in $(runtime list -q 2>/dev/null); do runtime delete -f "$id"; done
}

start() { runtime run -d --bundle "$bundle" one </dev/null >/dev/null 2>&1 3>&-; }

# lying LIE COMMAND...: with the other program.
lying() {
  export CRIU_LIE=$1 CRIU_REQUEST=$BATS_TEST_TMPDIR/request
  shift
  PATH=$BATS_FILE_TMPDIR/lies:$PATH "$@"
}
request() { cat "$BATS_TEST_TMPDIR/request"; }

# What would be enough for a restore to be tried.
make_images() {
  mkdir -p "$images"
  touch "$images/inventory.img"
  echo '["/dev/null", "pipe:[7]", "pipe:[8]"]' >"$images/descriptors.json"
}

# fails WORDS COMMAND...: one sentence that has the words.
fails() {
  local words=$1
  shift
  expect 1 "$@"
  contains "$output" "$words"
  is "$(wc -l <<<"$output")" 1
}

@test "checkpoint, restore: CRIU on Linux 6.1" {
  local why
  why=$(why_not) && skip "$why"
  wait_gone "$(<"$BATS_FILE_TMPDIR/machine.pid")" "$DEADLINE"
  cat "$BATS_FILE_TMPDIR/machine"
  # The plan comes last: with it there is a line for each check.
  matches "$(<"$BATS_FILE_TMPDIR/machine")" $'\n1\\.\\.[0-9]+\n'
  is "$(grep -c '^ok ' "$BATS_FILE_TMPDIR/machine")" "$(sed -n 's/^1\.\.//p' "$BATS_FILE_TMPDIR/machine")"
  lacks "$(<"$BATS_FILE_TMPDIR/machine")" 'not ok '
}

@test "checkpoint, restore: CRIU on this machine" {
  local why
  command -v criu >/dev/null || skip "no criu"
  start
  if ! why=$(criu check 2>&1); then
    # The reason is passed on, and the container is none the worse for it.
    fails 'cannot checkpoint container one: criu failed' runtime checkpoint --image-path "$images" one
    contains "$output" "($images/dump.log): Error (criu/"
    is "$(runtime state one | jq -r .status)" running
    skip "CRIU does not work on this kernel: $(head -n 1 <<<"$why")"
  fi
  runtime checkpoint --image-path "$images" one
  is "$(runtime list -q)" ''
  runtime restore -d --bundle "$bundle" --image-path "$images" one </dev/null >/dev/null 2>&1 3>&-
  is "$(runtime state one | jq -r .status)" running
}

@test "checkpoint, restore: without CRIU there is a sentence" {
  mkdir "$BATS_TEST_TMPDIR/empty"
  start
  make_images
  PATH=$BATS_TEST_TMPDIR/empty expect 1 "$HOY_RUNTIME" --root "$BATS_FILE_TMPDIR/runtime" checkpoint --image-path "$images" one
  is "$output" "hoy-runtime: cannot checkpoint container one: there is no program criu in \$PATH: install CRIU (Debian's package criu)"
  PATH=$BATS_TEST_TMPDIR/empty expect 1 "$HOY_RUNTIME" --root "$BATS_FILE_TMPDIR/runtime" restore --image-path "$images" --bundle "$bundle" two
  contains "$output" 'cannot restore container two: there is no program criu in $PATH'
  is "$(runtime list -q)" one
}

@test "checkpoint: every flag is passed on" {
  start
  mkdir -p "$BATS_TEST_TMPDIR/parent"
  exec 7>"$BATS_TEST_TMPDIR/status"
  lying refuse runtime checkpoint --image-path "$images" --work-path "$BATS_TEST_TMPDIR/work" --parent-path ../parent \
    --leave-running --tcp-established --tcp-skip-in-flight --link-remap --ext-unix-sk --shell-job --lazy-pages --status-fd 7 \
    --page-server 192.0.2.1:4321 --file-locks --manage-cgroups-mode strict --empty-ns network --auto-dedup one || true
  exec 7>&-
  local line
  while read -r line; do
    echo "$line"
    request | grep -qx " *$line"
  done <<'LINES'
type: DUMP
leave_running: true
tcp_established: true
tcp_skip_in_flight: true
link_remap: true
ext_unix_sk: true
shell_job: true
lazy_pages: true
file_locks: true
auto_dedup: true
track_mem: true
notify_scripts: true
orphan_pts_master: true
parent_img: "../parent"
address: "192.0.2.1"
port: 4321
manage_cgroups_mode: STRICT
empty_ns: 1073741824
log_file: "dump.log"
key: "/data"
key: "/proc/version"
val: "/dev/null"
LINES
  contains "$(request)" "root: \"$bundle/rootfs\""
  contains "$(request)" "pid: $(runtime state one | jq .pid)"
  contains "$(request)" 'freeze_cgroup: "/sys/fs/cgroup/'
  is "$(jq -c . "$images/descriptors.json")" '["/dev/null","/dev/null","/dev/null"]'
  lying refuse runtime checkpoint --image-path "$images" one || true
  contains "$(request)" 'tcp_established: false'
  contains "$(request)" 'manage_cgroups_mode: DEFAULT'
  lying refuse runtime checkpoint --image-path "$images" --pre-dump one || true
  contains "$(request)" 'type: PRE_DUMP'
  lacks "$(request)" ext_mnt
}

@test "restore: every flag is passed on" {
  make_images
  lying refuse runtime restore -d --bundle "$bundle" --image-path "$images" --tcp-established --ext-unix-sk --shell-job --file-locks \
    --manage-cgroups-mode ignore --empty-ns network --auto-dedup --lazy-pages --lsm-profile apparmor:mine \
    --lsm-mount-context some:context --no-pivot --no-subreaper --pid-file "$BATS_TEST_TMPDIR/pid" one || true
  local line
  while read -r line; do
    echo "$line"
    request | grep -qx " *$line"
  done <<'LINES'
type: RESTORE
tcp_established: true
ext_unix_sk: true
shell_job: true
file_locks: true
auto_dedup: true
lazy_pages: true
rst_sibling: true
evasive_devices: true
orphan_pts_master: true
manage_cgroups_mode: IGNORE
lsm_profile: "apparmor:mine"
lsm_mount_context: "some:context"
log_file: "restore.log"
key: "pipe:\[7\]"
key: "pipe:\[8\]"
key: "/data"
key: "/dev/null"
LINES
  contains "$(request)" "val: \"$BATS_TEST_TMPDIR\""
  matches "$(request)" 'ctrl: "pids"[[:space:]]*path: "[^"]*/one"|path: "[^"]*/one"'
  [[ -d $bundle/rootfs/data && ! -e $BATS_TEST_TMPDIR/pid ]]
}

@test "checkpoint: what CRIU's program may do" {
  start
  fails 'cannot checkpoint container one: criu failed' lying silence runtime checkpoint --image-path "$images" one
  contains "$output" 'it ended without an answer'
  fails "cannot checkpoint container one: criu's answer cannot be read" lying garbage runtime checkpoint --image-path "$images" one
  fails 'cannot checkpoint container one: cannot hear from criu: Message too' lying long runtime checkpoint --image-path "$images" one
  fails 'Error (criu/lies.c:1): no' lying refuse runtime checkpoint --image-path "$images" one
  is "$(runtime state one | jq -r .status)" running
}

@test "restore: what CRIU's program may do" {
  make_images
  local restore=(runtime restore -d --bundle "$bundle" --image-path "$images" one)
  fails 'it ended without an answer' lying silence "${restore[@]}"
  fails "cannot restore container one: criu's answer cannot be read" lying garbage "${restore[@]}"
  fails 'cannot restore container one: cannot hear from criu' lying long "${restore[@]}"
  fails 'Error (criu/lies.c:1): no' lying refuse "${restore[@]}"
  fails 'cannot restore container one: criu failed' lying nobody "${restore[@]}"
  [[ ! -e $BATS_TEST_TMPDIR/hook ]]
  # The hook gets to know the process.
  expect 1 lying hook "${restore[@]}"
  is "$(jq -r .status "$BATS_TEST_TMPDIR/hook")" creating
  [[ $(jq -r .pid "$BATS_TEST_TMPDIR/hook") -gt 1 ]]
  sed -i 's/cat >/exit 4; cat >/' "$bundle/config.json"
  fails 'createRuntime hook /bin/sh: exit status 4' lying hook "${restore[@]}"
  is "$(runtime list -q)" ''
  is "$(find /sys/fs/cgroup -name one)" ''
}

# By the rules of create.
@test "restore: a namespace by path is of its type, and the user's own" {
  make_images
  local child
  named() {
    jq '.linux.namespaces |= (map(select(.type != $type)) + [{type: $type, path: $path}])' --arg type "$1" --arg path "$2" \
      "$bundle/config.json" >"$bundle/other" && mv "$bundle/other" "$bundle/config.json"
  }
  local restore=(lying refuse runtime restore --bundle "$bundle" --image-path "$images" one)
  named network /proc/self/ns/ipc
  fails '/proc/self/ns/ipc is a namespace of another type' "${restore[@]}"
  named network /dev/null
  fails '/dev/null is no namespace' "${restore[@]}"
  named network /proc/self/ns/net
  fails 'Error (criu/lies.c:1): no' "${restore[@]}"
  setpriv --reuid 12345 --regid 12345 --clear-groups unshare --user --net --ipc sleep 60 >/dev/null 3>&- &
  child=$!
  eventually 10 apart "$child"
  named network "/proc/$child/ns/net"
  run "${restore[@]}"
  local first=$output
  named network /proc/self/ns/net
  named ipc "/proc/$child/ns/ipc"
  run "${restore[@]}"
  kill "$child"
  contains "$first" "ns/net was made by user 12345, and user 0 joins only their own"
  contains "$output" "ns/ipc was made by user 12345, and user 0 joins only their own"
}
apart() { [[ $(readlink "/proc/$1/ns/ipc") != "$(readlink /proc/self/ns/ipc)" ]]; }

@test "CVE-2024-8676, CVE-2025-0750: images of a stranger's add no mount, and no link in them is written to" {
  make_images
  local name
  echo untouched >"$BATS_TEST_TMPDIR/canary"
  for name in restore.log stats-restore; do
    ln -s "$BATS_TEST_TMPDIR/canary" "$images/$name"
    fails "$images/$name is no plain file" lying refuse runtime restore --bundle "$bundle" --image-path "$images" one
    rm "$images/$name"
  done
  is "$(<"$BATS_TEST_TMPDIR/canary")" untouched
  # Mounts are the bundle's, whatever a configuration beside the images says.
  jq '.mounts += [{destination: "/stolen", type: "bind", source: "/etc", options: ["bind"]}]' "$bundle/config.json" >"$images/config.json"
  cp "$images/config.json" "$images/config.dump"
  lying refuse runtime restore --bundle "$bundle" --image-path "$images" one || true
  contains "$(request)" /data
  lacks "$(request)" /stolen
}

@test "restore: the terminal's master goes to the console socket" {
  make_images
  jq '.process.terminal = true' "$bundle/config.json" >"$bundle/new" && mv "$bundle/new" "$bundle/config.json"
  fails 'without setting console socket' runtime restore -d --bundle "$bundle" --image-path "$images" one
  cat >"$BATS_TEST_TMPDIR/receive" <<'PYTHON'
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
_, descriptors, _, _ = socket.recv_fds(listener.accept()[0], 4096, 4)
print(os.readlink(f"/proc/self/fd/{descriptors[0]}"), len(descriptors))
PYTHON
  python3 "$BATS_TEST_TMPDIR/receive" "$BATS_TEST_TMPDIR/console" >"$BATS_TEST_TMPDIR/received" 3>&- &
  local receiver=$!
  eventually 10 test -S "$BATS_TEST_TMPDIR/console"
  fails 'cannot restore container one: criu failed' \
    lying terminal runtime restore -d --console-socket "$BATS_TEST_TMPDIR/console" --bundle "$bundle" --image-path "$images" one
  wait "$receiver"
  matches "$(<"$BATS_TEST_TMPDIR/received")" '/dev/(pts/)?ptmx 1'
  fails 'cannot connect to' lying terminal runtime restore -d --console-socket "$BATS_TEST_TMPDIR/none" --bundle "$bundle" --image-path "$images" one
  is "$(runtime list -q)" ''
}

@test "checkpoint: bad input" {
  start
  fails '--manage-cgroups-mode: it is soft, full, strict or ignore' runtime checkpoint --manage-cgroups-mode hard --image-path "$images" one
  fails '--empty-ns: "pid": only network can be made empty' runtime checkpoint --empty-ns pid --image-path "$images" one
  local server
  for server in 4321 :4321 host: host:0 host:65536 host:x; do
    fails "--page-server: \"$server\" is not ADDRESS:PORT" runtime checkpoint --page-server "$server" --image-path "$images" one
  done
  fails '--parent-path must be relative to --image-path' runtime checkpoint --parent-path / --image-path "$images" one
  fails '--parent-path: cannot open missing: No such file or directory' runtime checkpoint --parent-path missing --image-path "$images" one
  fails '--status-fd: 99 is no descriptor that can be written to' runtime checkpoint --status-fd 99 --image-path "$images" one
  fails '--status-fd: 0 is no descriptor that can be written to' runtime checkpoint --status-fd 0 --image-path "$images" one </dev/null
  fails '--image-path: cannot make /proc/nowhere' runtime checkpoint --image-path /proc/nowhere one
  fails 'container does not exist: two' runtime checkpoint --image-path "$images" two
  runtime create --bundle "$bundle" two </dev/null >/dev/null 2>&1 3>&-
  fails 'container two cannot be checkpointed: it is created' runtime checkpoint --image-path "$images" two
  runtime kill one KILL
  eventually 10 stopped one
  fails 'container one cannot be checkpointed: it is stopped' runtime checkpoint --image-path "$images" one
}
stopped() { [[ $(runtime state "$1" | jq -r .status) == stopped ]]; }

@test "restore: bad input" {
  fails "--image-path: cannot open $images: it is not there" runtime restore --bundle "$bundle" --image-path "$images" one
  mkdir "$images"
  fails "there is no checkpoint in $images: it has no inventory.img" \
    runtime restore --bundle "$bundle" --image-path "$images" one
  make_images
  local text
  for text in '{' '{}' '"text"' '["a", "b", "c", "d"]'; do
    echo "$text" >"$images/descriptors.json"
    fails "$images/descriptors.json is damaged: it is no list of three names" \
      runtime restore --bundle "$bundle" --image-path "$images" one
  done
  echo '["a", 7]' >"$images/descriptors.json"
  fails "$images/descriptors.json is damaged: a name is no text" runtime restore --bundle "$bundle" --image-path "$images" one
  make_images
  fails 'cannot open the bundle' runtime restore --bundle "$bundle/missing" --image-path "$images" one
  fails 'invalid container ID format' runtime restore --bundle "$bundle" --image-path "$images" ../one
  # Whose memory is cut short.
  printf '\x19\x43\x56\x54\x30\x30\x27\x50\x04\0\0\0\x08\x01\x10\x00' >"$images/pstree.img"
  printf '\x19\x43\x56\x54\x25\x40\x08\x56\x02\0\0\0\x08\x01\x06\0\0\0\x08\x00\x10\x05\x20\x04' >"$images/pagemap-1.img"
  head -c 4096 /dev/zero >"$images/pages-1.img"
  fails "$images: the checkpoint is damaged: pages-1.img has 4096 bytes where pagemap-1.img wants 20480" \
    runtime restore --bundle "$bundle" --image-path "$images" one
  # Five pages and the number that makes it none, and one that makes it none of bytes.
  printf '\x19\x43\x56\x54\x25\x40\x08\x56\x02\0\0\0\x08\x01\x06\0\0\0\x08\x00\x10\x05\x20\x04' >"$images/pagemap-1.img"
  printf '\x0d\0\0\0\x10\xfb\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\x04' >>"$images/pagemap-1.img"
  fails "wants 18446744073709551615" runtime restore --bundle "$bundle" --image-path "$images" one
  printf '\x19\x43\x56\x54\x25\x40\x08\x56\x02\0\0\0\x08\x01\x0b\0\0\0\x10\x80\x80\x80\x80\x80\x80\x80\x08\x20\x04' >"$images/pagemap-1.img"
  fails "wants 18446744073709551615" runtime restore --bundle "$bundle" --image-path "$images" one
  is "$(runtime list -q)" ''
  # A table of no process of this checkpoint is left from another one.
  mv "$images/pagemap-1.img" "$images/pagemap-2.img"
  fails 'Error (criu/lies.c:1): no' lying refuse runtime restore --bundle "$bundle" --image-path "$images" one
  start
  fails 'container with given ID already exists: one' runtime restore --bundle "$bundle" --image-path "$images" one
  is "$(runtime state one | jq -r .status)" running
}
