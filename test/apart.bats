#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hoy isolation: what it says of containers is what the kernel has, whatever they were asked to be.

load lib

test_teardown() {
  hoy rm -f plain second strong caps open net shared >/dev/null 2>&1 || true
}

start() {
  local name=$1
  shift
  hoy run -d --name "$name" "$@" base sleep 600 >/dev/null
}

# fact CONTAINER TOPIC.NAME [OTHER]
fact() {
  hoy isolation "$1" ${3:+"$3"} --format '{{.Topic}}.{{.Name}} {{.Value}}' | sed -n "s/^${2//./\\.} //p"
}

# topics A B: in which two containers differ
topics() {
  hoy isolation --diff "$1" "$2" --format '{{.Topic}}.{{.Name}}' | grep -v '^namespaces\.' | sort -u
}

@test "a default container, beside the host" {
  start plain
  expect 0 hoy isolation plain
  for name in cgroup ipc mnt net pid uts; do is "$(fact plain namespaces.$name)" own; done
  is "$(fact plain namespaces.user)" "the host's"
  is "$(fact plain capabilities.effective | wc -w)" 14
  is "$(fact plain capabilities.ambient)" none
  is "$(fact plain seccomp.mode)" filter
  is "$(fact plain limits.pids)" 4096
  is "$(fact plain limits.memory)" unlimited
  is "$(fact plain paths.root)" writable
  contains "$(fact plain paths.masked)" /proc/keys
  contains " $(fact plain paths.protected) " ' /proc/sys '
  is "$(fact plain sockets.tcp)" none
  is "$(fact plain devices.nodes)" 'full null random tty urandom zero'
}

@test "default, --cap-add, seccomp=unconfined and --privileged are told apart" {
  start plain
  start second
  start caps --cap-add sys_ptrace
  start open --security-opt seccomp=unconfined
  start strong --privileged
  is "$(topics plain second)" paths.writable # each has an /etc/hosts of its own
  is "$(topics plain caps | grep -v paths)" "$(printf 'capabilities.%s\n' bounding effective permitted)"
  is "$(topics plain open | grep -v paths)" "$(printf 'seccomp.%s\n' filters mode)"
  for name in capabilities.effective seccomp.mode paths.masked paths.protected devices.nodes devices.allowed; do
    contains "$(topics plain strong)" "$name"
  done
  matches "$(fact strong capabilities.bounding)" "all|sys_admin" # all, where root has all
  is "$(fact strong devices.allowed)" all
  is "$(fact strong paths.masked)" none
  expect 0 hoy isolation --diff plain caps
  contains "$output" sys_ptrace
  lacks "$output" seccomp
}

@test "what two containers share" {
  start plain --network host -v "$BATS_TEST_TMPDIR:/a"
  start second --network host -v "$BATS_TEST_TMPDIR:/b:ro"
  is "$(fact plain namespaces.net)" "the host's"
  is "$(fact plain namespaces.net second)" shared
  is "$(fact plain namespaces.pid second)" own
  contains " $(fact plain paths.writable) " " $BATS_TEST_TMPDIR:/a "
  contains " $(fact second paths.read-only) " " $BATS_TEST_TMPDIR:/b "
  lacks "$(fact second paths.writable)" "$BATS_TEST_TMPDIR:"
}

@test "limits: the least of the container's and of those above, and who has it" {
  start plain -m 64m --pids-limit 50 --cpus 0.5 --ulimit nofile=100:200 --sysctl net.ipv4.ip_forward=0
  is "$(fact plain limits.memory)" $((64 << 20))
  is "$(fact plain limits.pids)" 50
  is "$(fact plain limits.cpu)" 0.5
  is "$(fact plain rlimits.nofile)" 100:200
  id=$(hoy inspect -f '{{.Id}}' plain)
  contains "$(hoy isolation plain | grep -w '^  pids')" "$id"
  # Not what was asked for, but what is: a smaller limit that somebody else wrote.
  for group in /sys/fs/cgroup/pids/*"$id" /sys/fs/cgroup/hoy*"$id"; do
    [[ ! -e $group/pids.max ]] || echo 40 >"$group/pids.max"
  done
  is "$(fact plain limits.pids)" 40
}

@test "sockets of the host that can be reached" {
  mkdir "$BATS_TEST_TMPDIR/s"
  python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); input()' \
    "$BATS_TEST_TMPDIR/s/api.sock" 3>&- < <(exec tail -f /dev/null) &
  listener=$!
  eventually 10 test -S "$BATS_TEST_TMPDIR/s/api.sock"
  start plain -v "$BATS_TEST_TMPDIR/s:/run/s"
  start second
  is "$(fact plain sockets.unix)" "$BATS_TEST_TMPDIR/s/api.sock:/run/s/api.sock"
  is "$(fact second sockets.unix)" none
  kill "$listener"
}

@test "--assert: 0 when all holds, 1 and what is when not, 125 for a file that is none" {
  start plain -v "$BATS_TEST_TMPDIR:/a"
  cat >"$BATS_TEST_TMPDIR/good" <<END
# what this machine's containers have to be
namespaces.pid = own
capabilities.effective lacks sys_admin
  seccomp.mode = filter

limits.pids <= 4096
paths.writable has $BATS_TEST_TMPDIR
END
  expect 0 hoy isolation --assert "$BATS_TEST_TMPDIR/good" plain
  # A pipe, too: by the name of one, and as standard input.
  expect 0 hoy isolation --assert <(cat "$BATS_TEST_TMPDIR/good") plain
  expect 0 hoy isolation --assert - plain < <(cat "$BATS_TEST_TMPDIR/good")
  is "$output" ""
  printf 'namespaces.user = own\nlimits.memory <= 1g\nnamespaces.pid = own\n' >"$BATS_TEST_TMPDIR/bad"
  expect 1 hoy isolation --assert "$BATS_TEST_TMPDIR/bad" plain
  is "${#lines[@]}" 2
  contains "${lines[0]}" "line 1 does not hold: namespaces.user = own; it is: the host's"
  contains "${lines[1]}" "line 2"
  for line in 'namespaces.moon = own' 'namespaces.pid' 'limits.pids <= many' 'namespaces.pid likes own'; do
    echo "$line" >"$BATS_TEST_TMPDIR/none"
    expect 125 hoy isolation --assert "$BATS_TEST_TMPDIR/none" plain
    one_sentence "$output"
    contains "$output" 'line 1'
  done
  expect 125 hoy isolation --assert "$BATS_TEST_TMPDIR/missing" plain
  expect 125 hoy isolation --assert "$BATS_TEST_TMPDIR/good" nobody
  contains "$output" 'No such container: nobody'
  expect 125 hoy isolation --assert "$BATS_TEST_TMPDIR/good" --diff plain
}

@test "a container that does not run has nothing to look at" {
  hoy create --name plain base >/dev/null
  expect 1 hoy isolation plain
  one_sentence "$output"
  contains "$output" 'container plain is not running'
}

@test "words stay words: a mount with spaces in its name" {
  mkdir -p "$BATS_TEST_TMPDIR/a b"
  start plain -v "$BATS_TEST_TMPDIR/a b:/c d"
  contains " $(fact plain paths.writable) " " $BATS_TEST_TMPDIR/a\\040b:/c\\040d "
}
