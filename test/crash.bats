#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hoy-runtime and its shim killed at any moment, several of them at once, and disks that take nothing: whatever
# happened, delete --force leaves no process, no cgroup, no mount and no directory.

load lib
load runtime

file_setup() {
  export ROOTFS=$BATS_FILE_TMPDIR/rootfs
  rootfs_make "$ROOTFS"
}

test_setup() {
  STATE=$BATS_TEST_TMPDIR/state
  cd "$BATS_TEST_TMPDIR" || return
  # Processes are known by this word, cgroups by their name.
  WORD=crash-$$-$BATS_TEST_NUMBER
  bundle b "$(command_is sh -c "trap 'exit 5' TERM; : $WORD; while :; do sleep 0.1; done")"
}

test_teardown() {
  umount "$BATS_TEST_TMPDIR/small" 2>/dev/null || true
  containers_remove
}

# Nothing of the bundle b is left. A process that was killed may take a moment.
nothing_left() {
  local where
  [[ -z $(ls "$STATE" 2>/dev/null) ]] || { WHY="$(ls "$STATE")"; return 1; }
  where=$(find /sys/fs/cgroup -mindepth 2 -type d -path '*/hoy/b' 2>/dev/null)
  [[ -z $where ]] || { WHY=$where; return 1; }
  where=$(pgrep -f "$WORD" | grep -vx $$) && { WHY="process $where"; return 1; }
  ! grep -q "$BATS_TEST_TMPDIR" /proc/self/mountinfo || { WHY=$(grep "$BATS_TEST_TMPDIR" /proc/self/mountinfo); return 1; }
}
expect_nothing_left() { eventually 10 nothing_left || { echo "left behind after $1: $WHY"; return 1; }; }

# killed COUNT US [SETUP...] -- COMMAND...
killed() { "$BATS_TEST_DIRNAME/kill-at-random" "$STATE" "$PWD/b" "$WORD" "$@" 3>&-; }

@test "create and run, killed at any moment" {
  # Beyond the 10 ms that one takes.
  killed 70 14000 -- create -b b x
  killed 70 14000 -- run -d -b b x
  killed 60 14000 -- run -b b x
}

# On a slow or a fast machine, too: at each system call of the runtime, of the shim, and of their children.
@test "run, killed at system calls of some kinds" {
  local network call n ended
  # With a network of its own the child makes the cgroups, else its parent.
  for network in . '.linux.namespaces += [{type: "network"}]'; do
    # strace waits for the command, too.
    bundle b "$(command_is sh -c ": $WORD") | $network"
    for call in mkdir mkdirat clone3 unshare mount_setattr write sendmsg flock; do
      for n in 1 2 4; do
        ended=0
        timeout -k 1 20 strace -f -qq -o trace -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" \
          "$HOY_RUNTIME" --root "$STATE" run -b b x </dev/null >out 2>&1 3>&- || ended=$?
        rt delete --force x
        expect_nothing_left "run, killed at $call $n (it ended with $ended)"
      done
    done
  done
}

@test "run, killed while a process holds the ids of a mount" {
  mkdir m
  bundle b "$(command_is sh -c ": $WORD")"' | .mounts += [{destination: "/m", type: "bind", source: (env.PWD + "/m"), options: ["bind"]}
      | .uidMappings = [{containerID: 0, hostID: 1000, size: 1}] | .gidMappings = .uidMappings]'
  # What it kills is that process, which must not be traced: it would end with strace.
  timeout -k 1 20 strace -qq -o trace -e inject=kill:error=EPERM:signal=KILL:when=1 \
    "$HOY_RUNTIME" --root "$STATE" run -b b x </dev/null >out 2>&1 3>&- || is $? 137
  expect 0 timeout 10 "$HOY_RUNTIME" --root "$STATE" delete --force x
  expect_nothing_left "run, killed while ids are mapped"
}

@test "start, exec and delete, killed at any moment" {
  killed 40 5000 "create -b b x" -- start x
  killed 40 8000 "run -d -b b x" -- exec x sh -c ": $WORD; sleep 1000"
  killed 40 8000 "run -d -b b x" -- exec -d x sh -c ": $WORD; sleep 1000"
  killed 40 4000 "run -d -b b x" -- delete --force x
  killed 20 4000 "create -b b x" -- delete x
  # A start that was killed is done by the next one, or was done.
  local n
  for n in {1..10}; do
    made create -b b x
    timeout -s KILL 0.00$((RANDOM % 4)) "$HOY_RUNTIME" --root "$STATE" start x 3>&- || true
    rt start x 2>err || contains "$(cat err)" "already running"
    has_status x running
    rt delete -f x
  done
}

@test "several at once: create, start, delete" {
  local n ended pids id
  for n in {1..5}; do
    pids=()
    for id in 1 2 3 4; do
      "$HOY_RUNTIME" --root "$STATE" create -b b x </dev/null >"out.$id" 2>&1 3>&- &
      pids+=($!)
    done
    ended=0
    for id in "${pids[@]}"; do ! wait "$id" || ended=$((ended + 1)); done
    is "$ended creates" "1 creates"
    is "$(cat out.? | grep -c 'container with given ID already exists')" 3
    pids=()
    for id in 1 2 3; do
      rt start x 2>"out.$id" &
      pids+=($!)
    done
    ended=0
    for id in "${pids[@]}"; do ! wait "$id" || ended=$((ended + 1)); done
    is "$ended starts" "1 starts"
    is "$(cat out.[123] | grep -c 'cannot start an already running container')" 2
    pids=()
    for id in 1 2 3; do
      rt delete -f x &
      pids+=($!)
    done
    for id in "${pids[@]}"; do wait "$id"; done
    expect_nothing_left "three deletes"
  done
}

@test "a delete beside a create and beside a start" {
  local n create
  for n in {1..15}; do
    "$HOY_RUNTIME" --root "$STATE" create -b b x </dev/null >out 2>&1 3>&- &
    create=$!
    while [[ ! -d $STATE/x ]] && kill -0 $create 2>/dev/null; do :; done
    rt delete -f x
    wait $create || true
    rt delete -f x
    expect_nothing_left "a delete beside a create"
    made create -b b x
    rt start x 2>out &
    create=$!
    rt delete -f x
    wait $create || true
    expect_nothing_left "a delete beside a start"
  done
}

@test "a delete beside the end of a run: the poststop hooks are run once" {
  local n
  bundle b "$(command_is sleep 0.05) | .hooks.poststop = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo stop >>$PWD/hooks\"]}]"
  for n in {1..10}; do
    "$HOY_RUNTIME" --root "$STATE" run -b b x </dev/null >out 2>&1 3>&- &
    sleep 0.0$((RANDOM % 9))
    rt delete -f x
    wait $! || true
    expect_nothing_left "a delete beside the end"
    is "$(wc -l <hooks)" "$n"
  done
}

@test "a state directory that is full, or read-only, or a file" {
  mkdir small
  mount -t tmpfs -o size=64k,nr_inodes=20 none small
  STATE=$BATS_TEST_TMPDIR/small/state
  local n
  # As full as it gets, and then a page more free each time.
  for n in 0 1 2 3 4 6 8 10 12; do
    rm -rf small/state small/fill
    head -c $(((16 - n) * 4096)) /dev/zero >small/fill 2>/dev/null || true
    if rt create -b b x </dev/null >out 2>&1; then
      rt start x
      rt delete -f x
    else
      matches "$(cat out)" 'hoy-runtime: .*No space left on device'
      is "$(wc -l <out)" 1
    fi
    [[ ! -e small/state/x ]]
  done
  mount -o remount,ro small
  expect 1 rt create -b b x
  contains "$output" "Read-only file system"
  expect 1 rt delete x
  expect 0 rt list
  umount small
  STATE=$BATS_TEST_TMPDIR/state
  touch file
  expect 1 "$HOY_RUNTIME" --root "$PWD/file" create -b b x
  expect_nothing_left "bad state directories"
}

@test "few descriptors: create works, or says so and leaves nothing" {
  local n
  bundle b 'del(.process.rlimits)'
  for n in {5..32}; do
    if (ulimit -n "$n" && rt create -b b x) </dev/null >out 2>&1; then
      expect 0 rt start x
      status_is x running
    else
      contains "$(cat out)" "No file descriptors available"
      is "$(wc -l <out)" 1
      [[ ! -e $STATE/x ]]
    fi
    rt delete -f x
  done
  expect_nothing_left "few descriptors"
}

# refused CALL STRACE-OPTION... -- ARG...: what the runtime does when the kernel has no descriptor for a call.
refused() {
  local call=$1 options=()
  shift
  while [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  shift
  timeout -k 1 20 strace -f -qq -o trace "${options[@]}" -e "inject=$call:error=EMFILE" \
    "$HOY_RUNTIME" --root "$STATE" "$@" </dev/null 2>&1 3>&-
}

@test "a shim that can't be executed: the log says why, too" {
  expect 1 timeout -k 1 20 strace -qq -o trace -e trace=execveat -e inject=execveat:error=EACCES \
    "$HOY_RUNTIME" --root "$STATE" --log log --log-format json create -b b x </dev/null
  is "$output" "hoy-runtime: cannot execute the shim from memory: Permission denied"
  is "$(jq -r .msg log)" "cannot execute the shim from memory: Permission denied"
  expect_nothing_left "no shim"
}

@test "no descriptor for what tells whether a container is there, and runs" {
  local pid
  made run -d -b b x
  pid=$(pid_of x)
  expect 1 refused openat -P "/proc/$pid/stat" -- delete x
  contains "$output" "cannot delete container x that is not stopped"
  expect 1 refused openat -P "$STATE" -- delete --force x
  contains "$output" "cannot open $STATE"
  expect 1 refused openat -P "$STATE" -- state x
  contains "$output" "cannot open $STATE"
  expect 1 refused %fstat -P "$STATE/x" -- delete --force x
  contains "$output" "cannot look at $STATE/x"
  expect 0 refused openat -P plan -- list
  contains "$output" "cannot read $STATE/x/plan"
  status_is x running
  rt delete -f x
  expect_nothing_left "no descriptor"
  touch file
  expect 1 "$HOY_RUNTIME" --root "$PWD/file" delete --force x
  contains "$output" "cannot open $PWD/file"
}

@test "no descriptor for the signals of a run" {
  bundle b "$(command_is sh -c ": $WORD")"
  expect 1 refused signalfd4 -- run -b b x
  is "$output" "hoy-runtime: cannot watch signals: No file descriptors available"
  expect_nothing_left "no signals"
}

@test "ids" {
  local id long
  for id in .. . ../x a/b '' ' ' 'a b' $'a\nb' 'a;b' /x é "$(printf 'a%.0s' {1..1024})" "$(printf 'a%.0s' {1..1025})"; do
    # With a limit: a container that was made after all has our streams.
    expect 1 timeout 5 "$HOY_RUNTIME" --root "$STATE" create -b b -- "$id"
    expect 1 rt state -- "$id"
    expect 1 rt delete -- "$id"
  done
  is "$(ls -A "$STATE" 2>/dev/null)" ""
  long=$(printf 'a%.0s' {1..255})
  for id in a A.b_c+d-9 ..a -x.y_ "$long"; do
    made create -b b -- "$id"
    rt delete -- "$id"
  done
}

@test "root file systems that are none" {
  local how
  touch file && mkfifo fifo && ln -s "$ROOTFS" link && ln -s nosuch dangling && ln -s loop loop
  for how in file fifo dangling loop nosuch; do
    bundle b ".root.path = \"$PWD/$how\""
    expect 1 timeout 10 "$HOY_RUNTIME" --root "$STATE" create -b b x
    contains "$output" "$PWD/$how"
  done
  bundle b ".root.path = \"$PWD/link\" | $(command_is echo linked)"
  is "$(rt run -b b x)" linked
  # One that goes while the container is there.
  cp -a "$ROOTFS" gone
  bundle b ".root.path = \"$PWD/gone\""
  made create -b b x
  rm -rf gone
  rt start x || true
  rt delete -f x
  expect_nothing_left "a root that vanished"
}
