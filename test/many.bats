#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Many at once, and killed at any moment.

load lib

@test "a hundred at once all succeed and leave nothing" {
  local n pids=()
  hoy run --rm base true
  for n in $(seq 100); do
    "$HOY" run --rm base echo "number $n" >"$BATS_TEST_TMPDIR/out$n" 2>&1 3>&- &
    pids+=($!)
  done
  local failed=0
  for n in $(seq 100); do
    wait "${pids[n - 1]}" || { ((++failed)); cat "$BATS_TEST_TMPDIR/out$n"; }
    is "$(<"$BATS_TEST_TMPDIR/out$n")" "number $n"
  done
  is "$failed" 0
  is "$(hoy ps -aq)" ''
}

@test "fifty detached, with addresses that differ, removed at once" {
  local n pids=() ids
  for n in $(seq 50); do
    "$HOY" run -d --name "many$n" base sleep 600 >/dev/null 3>&- &
    pids+=($!)
  done
  wait "${pids[@]}"
  ids=$(hoy ps -q)
  is "$(wc -l <<<"$ids")" 50
  # shellcheck disable=SC2086
  is "$(hoy inspect $ids | jq -r '.[].NetworkSettings.Networks.bridge.IPAddress' | sort -u | wc -l)" 50
  # shellcheck disable=SC2086
  hoy rm -f $ids >/dev/null
}

@test "kill -9 at any moment of run: the next command cleans" {
  local n pid
  hoy run --rm base true
  for n in $(seq 0 30); do
    "$HOY" run --rm base true >/dev/null 2>&1 3>&- &
    pid=$!
    # A random moment of a start, in tenths of a millisecond.
    python3 -c "import time; time.sleep($n / 2000)"
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  eventually 10 eval '[[ -z $(hoy ps -aq) ]]'
  is "$(hoy run --rm base echo works)" works
}

@test "a container whose shim could not signal it, or hear of its end, does not start" {
  local mode call
  for mode in -i -d; do
    for call in pidfd_open signalfd4; do
      expect 125 timeout -k 1 20 strace -f -qq -o /dev/null -e "trace=$call" -e "inject=$call:error=ENFILE" \
        "$HOY" run $mode --name doomed base sleep 6000
      matches "${lines[-1]}" '^hoy: .*cannot .*: Too many open files in system$'
      hoy rm doomed
    done
  done
}

limited() { ulimit -n "$1" && "${@:2}"; }

@test "a start with few descriptors says so, or is whole" {
  local count
  hoy run --rm base true
  hoy network create few >/dev/null
  for count in $(seq 14 2 40); do
    run limited "$count" "$HOY" run --rm --network few -p 127.0.0.1::80 base true
    ((status == 0)) || is "$status ${lines[0]##*: }" '125 Too many open files'
  done
  expect 0 limited 60 "$HOY" run --rm --network few -p 127.0.0.1::80 base true
  hoy network rm few
}

@test "kill -9 of everything of a container: the next command cleans" {
  local shim
  hoy run -d --name doomed base sleep 600 >/dev/null
  shim=$(awk '{print $4}' "/proc/$(field doomed .State.Pid)/stat")
  kill -KILL "$shim"
  wait_gone "$shim"
  eventually 10 test "$(field doomed .State.Status)" = exited
  is "$(field doomed .State.Running)" false
  hoy start doomed
  is "$(field doomed .State.Status)" running
  hoy rm -f doomed
}

@test "kill -9 of a shim whose container has just begun: that ends with it" {
  local mode
  for mode in -i -d; do
    # Its first process is opened when the command runs, before the shim has said so.
    expect 125 timeout -k 1 20 strace -f -qq -o /dev/null -e trace=pidfd_open -e inject=pidfd_open:signal=KILL \
      "$HOY" run $mode --name doomed base sleep 6000
    one_sentence "${lines[-1]}"
    eventually 10 eval '! pgrep -xf "sleep 6000"'
    is "$(hoy inspect -f '{{.State.Running}}' doomed)" false
    hoy rm doomed
  done
}

@test "a container survives the command that started it" {
  # An input that stays open.
  mkfifo "$BATS_TEST_TMPDIR/in"
  exec 9<>"$BATS_TEST_TMPDIR/in"
  "$HOY" run -i --name orphan base sh -c 'echo up; sleep 600' >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- <&9 9>&- &
  local pid=$!
  wait_line "$BATS_TEST_TMPDIR/out" up
  kill -KILL "$pid"
  wait "$pid" || true
  is "$(field orphan .State.Status)" running
  is "$(hoy logs orphan)" up
  hoy rm -f orphan
  exec 9>&-
}

@test "a detached --rm container removes itself" {
  hoy run -d --rm --name brief base true >/dev/null
  eventually 10 eval '[[ -z $(hoy ps -aq) ]]'
}

@test "two roots do not see each other" {
  hoy create --name same base >/dev/null
  export HOY_ROOT=$BATS_TEST_TMPDIR/other HOY_RUNROOT=$BATS_TEST_TMPDIR/otherrun
  is "$(hoy ps -aq)" ''
  hoy create --name same base >/dev/null
  hoy rm same
  export HOY_ROOT=$BATS_FILE_TMPDIR/root HOY_RUNROOT=$BATS_FILE_TMPDIR/run
  hoy rm same
}
