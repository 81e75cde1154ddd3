#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hoy-runtime mounts: what a container that runs has mounted.

load lib

runtime() { "$HOY_RUNTIME" --root "$BATS_FILE_TMPDIR/runtime" "$@"; }

test_setup() {
  bundle=$BATS_TEST_TMPDIR/bundle
  outside=$BATS_TEST_TMPDIR/outside
  mkdir -p "$bundle"/rootfs/{bin,dev,proc,data} "$outside/below"
  echo words >"$outside/file"
  cp "$(command -v busybox)" "$bundle/rootfs/bin"
  local name
  for name in sh sleep cat ls mkdir stat touch; do ln -s busybox "$bundle/rootfs/bin/$name"; done
  configure
}

test_teardown() { runtime delete -f one 2>/dev/null; }

# configure [JQ FILTER]
configure() {
  cat >"$BATS_TEST_TMPDIR/usual" <<'JSON'
{"ociVersion": "1.0.2", "root": {"path": "rootfs"},
 "process": {"args": ["sleep", "600"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
 "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}]}}
JSON
  jq "${1:-.}" "$BATS_TEST_TMPDIR/usual" >"$bundle/config.json"
}

start() { runtime run -d --bundle "$bundle" one </dev/null >/dev/null 2>&1 3>&-; }
inside() { runtime exec one "$@"; }

# mounts add|remove JSON
mounts() {
  echo "$2" >"$BATS_TEST_TMPDIR/mounts.json"
  runtime mounts "$1" one "$BATS_TEST_TMPDIR/mounts.json"
}
bind() { printf '{"destination": "%s", "type": "bind", "source": "%s", "options": ["%s"]}' "$1" "$2" "${3:-bind}"; }

@test "mounts: a directory, a file and a tmpfs come and go" {
  start
  mounts add "[$(bind /data "$outside"), $(bind /new/deep/file "$outside/file" ro),
    {\"destination\": \"/scratch\", \"type\": \"tmpfs\", \"source\": \"tmpfs\", \"options\": [\"nosuid\", \"size=64k\"]}]"
  is "$(inside cat /data/file)" words
  inside touch /data/written
  [[ -e $outside/written ]]
  is "$(inside cat /new/deep/file)" words
  expect 1 inside touch /new/deep/file
  contains "$output" 'Read-only file system'
  contains "$(inside cat /proc/self/mountinfo)" ' /scratch rw,nosuid,'
  contains "$(inside cat /proc/self/mountinfo)" 'size=64k'
  # Not the host's: neither in its table, nor in the root.
  lacks "$(cat /proc/self/mountinfo)" "$bundle"
  is "$(ls "$bundle/rootfs/data")" ''
  mounts remove '[{"destination": "/data"}, {"destination": "/scratch"}, {"destination": "/new/deep/file"}]'
  is "$(inside ls /data)" ''
  lacks "$(inside cat /proc/self/mountinfo)" /scratch
  is "$(inside cat /new/deep/file)" ''
}

@test "mounts: one, an array, or an object that has them" {
  start
  mounts add "$(bind /data "$outside")"
  mounts add "{\"mounts\": [$(bind /data/below "$outside")]}"
  is "$(inside cat /data/below/file)" words
  # What is below goes along.
  mounts remove '{"mounts": [{"destination": "/data"}]}'
  is "$(inside ls /data)" ''
  # As with mount(8), the upper one is removed first.
  mounts add "[$(bind /data "$outside"), $(bind /data "$outside/below")]"
  mounts remove '{"destination": "/data"}'
  is "$(inside cat /data/file)" words
}

@test "mounts: what is mounted below a source comes along by rbind only" {
  mount -t tmpfs below "$outside/below"
  touch "$outside/below/there"
  start
  mounts add "[$(bind /flat "$outside"), $(bind /deep "$outside" rbind)]"
  is "$(inside ls /flat/below)" ''
  is "$(inside ls /deep/below)" there
  mounts add "$(bind /all "$outside" 'rbind", "rro')" || skip "this kernel cannot make all below read-only"
  expect 1 inside touch /all/below/new
  umount "$outside/below"
}

@test "mounts: a container that was made, and one that is paused" {
  runtime create --bundle "$bundle" one </dev/null >/dev/null 2>&1 3>&-
  mounts add "$(bind /data "$outside")"
  runtime start one
  is "$(inside cat /data/file)" words
  runtime pause one
  mounts remove "$(bind /data "$outside")"
  runtime resume one
  is "$(inside ls /data)" ''
}

@test "mounts: a link in the container's root leads to no place outside" {
  mkdir "$BATS_TEST_TMPDIR/host"
  ln -s "../../../../../../../../../..$BATS_TEST_TMPDIR/host" "$bundle/rootfs/out"
  ln -s "$BATS_TEST_TMPDIR/host" "$bundle/rootfs/absolute"
  ln -s /proc/self/root "$bundle/rootfs/magic"
  mkdir -p "$bundle/rootfs$BATS_TEST_TMPDIR/host"
  start
  mounts add "[$(bind /out "$outside"), $(bind /absolute "$outside/below")]"
  inside ls "$BATS_TEST_TMPDIR/host"
  is "$(ls "$BATS_TEST_TMPDIR/host")" ''
  expect 1 mounts add "$(bind /magic/data "$outside")"
  contains "$output" 'mount at /magic/data: cannot make its place'
}

@test "mounts: in a user namespace places are the container's root's" {
  configure '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    | .linux.gidMappings = .linux.uidMappings'
  chown -R 100000:100000 "$bundle/rootfs"
  # Down to the bundle, for somebody who is nobody here.
  local path=$bundle
  while [[ $path != / ]]; do chmod a+x "$path"; path=$(dirname "$path"); done
  start
  mounts add "[$(bind /new "$outside"), {\"destination\": \"/scratch\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"}]"
  is "$(inside cat /new/file)" words
  is "$(stat -c %u "$bundle/rootfs/new")" 100000
  is "$(inside stat -c %u /scratch)" 0
  mounts remove '[{"destination": "/new"}, {"destination": "/scratch"}]'
  is "$(inside ls /new)" ''
}

@test "mounts: all or none" {
  start
  expect 1 mounts add "[$(bind /data "$outside"), $(bind /bin/sh "$outside")]"
  contains "$output" 'mount at /bin/sh: one is a directory, the other a file'
  is "$(inside ls /data)" ''
  expect 1 mounts add "[$(bind /data "$outside"), $(bind /new "$BATS_TEST_TMPDIR/missing")]"
  contains "$output" "mount at /new: cannot take $BATS_TEST_TMPDIR/missing: No such file or directory"
  is "$(inside ls /data)" ''
  mounts add "$(bind /data "$outside")"
  expect 1 mounts remove '[{"destination": "/data"}, {"destination": "/bin"}]'
  contains "$output" 'nothing is mounted at /bin in container one'
  is "$(inside cat /data/file)" words
}

@test "mounts: bad input" {
  start
  local json words
  while IFS='|' read -r words json; do
    echo "$json"
    expect 1 mounts add "$json"
    contains "$output" "$words"
    is "$(wc -l <<<"$output")" 1
  done <<'ROWS'
is no JSON|[{
has no mounts|[]
has no mounts|{"mounts": []}
has no mounts|"text"
destination|[{"source": "/tmp"}]
destination|[{"destination": ""}]
destination|{}
|[5]
must be absolute|[{"destination": "/a", "type": "bind", "source": "relative"}]
must be absolute|[{"destination": "/a"}]
"size=5" is no option of a bind mount|[{"destination": "/a", "type": "bind", "source": "/tmp", "options": ["size=5"]}]
gets no further proc|[{"destination": "/a", "type": "proc", "source": "proc"}]
are for new containers|[{"destination": "/a", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]}]
cannot make a nonsense|[{"destination": "/a", "type": "nonsense", "source": "none"}]
ROWS
  expect 1 mounts remove '[{"destination": "/"}]'
  contains "$output" 'nothing is mounted at / in container one'
  expect 1 mounts remove '[{"destination": "/missing"}]'
  contains "$output" 'cannot find /missing in container one: No such file or directory'
  expect 1 mounts replace '[]'
  contains "$output" '"replace" is neither add nor remove'
  expect 1 runtime mounts add one "$BATS_TEST_TMPDIR/no-file"
  contains "$output" 'cannot read the mounts'
  expect 1 runtime mounts add one
  contains "$output" 'requires exactly 3 arguments'
  expect 1 runtime mounts add two "$BATS_TEST_TMPDIR/mounts.json"
  contains "$output" 'container does not exist: two'
  runtime kill one KILL
  eventually 10 stopped
  expect 1 mounts add "$(bind /data "$outside")"
  contains "$output" 'container one is not running'
}
stopped() { [[ $(runtime state one | jq -r .status) == stopped ]]; }
