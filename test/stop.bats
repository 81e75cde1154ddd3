#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# stop: who can't hear the signal is not waited for, who can is.

load lib

# takes_less SECONDS COMMAND...: by the wall clock.
takes_less() {
  local limit=$1 begun=$EPOCHREALTIME
  shift
  "$@"
  awk -v a="$begun" -v b="$EPOCHREALTIME" -v limit="$limit" 'BEGIN { exit !(b - a < limit) }' ||
    { echo "took longer than $limit s: $*"; return 1; }
}
code() { field "$1" .State.ExitCode; }
says() { hoy logs "$1" | grep -q "$2"; }
run_here() { run --separate-stderr hoy "$@"; }

@test "pid 1 without a handler: killed at once, and said" {
  hoy run -d --name c1 base sleep 1000
  takes_less 4 run_here stop c1
  is "$status $output" '0 c1'
  # shellcheck disable=SC2154 # bats sets it
  is "$stderr" 'hoy: c1 was killed at once: its pid 1 (sleep) has no handler for SIGTERM; --init gives it one'
  is "$(code c1)" 137
  hoy rm c1
}

@test "a busy pid 1 without a handler, too" {
  hoy run -d --name c1 base sh -c 'while :; do :; done'
  takes_less 5 run_here stop c1
  contains "$stderr" 'has no handler for SIGTERM'
  hoy rm c1
}

@test "a timeout that was asked for is waited for" {
  hoy run -d --name c1 --stop-timeout 1 base sleep 1000
  run_here stop c1
  is "$stderr" ''
  is "$(code c1)" 137
  hoy start c1
  run_here stop -t 1 c1
  is "$stderr" ''
  hoy rm c1
}

@test "with a handler: the container ends by itself" {
  hoy run -d --name c1 base sh -c 'trap "exit 7" TERM; echo ready; sleep 1000 & wait'
  eventually 10 says c1 ready
  run_here stop c1
  is "$stderr" ''
  is "$(code c1)" 7
  hoy rm c1
}

@test "a shell that has not come to its trap yet is waited for" {
  local n
  for n in c1 c2 c3 c4 c5; do
    hoy run -d --name $n base sh -c 'trap "exit 7" TERM; sleep 1000 & wait'
    run_here stop $n
    is "$(code $n) $stderr" '7 '
    hoy rm $n
  done
}

@test "who blocks the signal, to read it otherwise, is heard" {
  hoy run -d --name c1 "$REGISTRY/debian:12" python3 -uc '
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready")
signal.sigwait([signal.SIGTERM])
sys.exit(8)'
  eventually 10 says c1 ready
  run_here stop c1
  is "$(code c1) $stderr" '8 '
  hoy rm c1
}

@test "--init: a command without a handler ends of the signal; one that ignores it is not waited for" {
  hoy run -d --name c1 --init base sleep 1000
  run_here stop c1
  is "$(code c1) $stderr" '143 '
  hoy rm c1
  hoy run -d --name c1 --init base sh -c 'trap "" TERM; echo ready; exec sleep 1000'
  eventually 10 says c1 ready
  takes_less 5 run_here stop c1
  contains "$stderr" 'c1 was killed at once: its process (sleep) ignores SIGTERM; --stop-signal names another one'
  hoy rm c1
}

@test "the stop signal: the container's, the image's, the command's" {
  hoy run -d --name c1 --stop-signal USR1 base sh -c 'trap "exit 5" USR1; trap "exit 6" USR2; echo ready; while :; do sleep 1000 & wait; done'
  eventually 10 says c1 ready
  hoy stop c1
  is "$(code c1)" 5
  hoy start c1
  is_ready() { [[ $(hoy logs c1 | grep -c ready) == 2 ]]; }
  eventually 10 is_ready
  hoy stop -s USR2 c1
  is "$(code c1)" 6
  hoy rm c1
  hoy run -d --name c1 --stop-signal KILL base sleep 1000
  run_here stop c1
  is "$(code c1) $stderr" '137 '
  hoy rm c1
  expect 125 hoy run --stop-signal NOPE base true
}

@test "an image's stop signal that there is not is TERM" {
  local layout=$BATS_TEST_TMPDIR/oci
  hoy save -o "$BATS_TEST_TMPDIR/base.tar" base
  skopeo --insecure-policy copy -q "docker-archive:$BATS_TEST_TMPDIR/base.tar" "oci:$layout:odd:1"
  umoci config --image "$layout:odd:1" --config.stopsignal SIGBOGUS
  tar -C "$layout" -c . | hoy load -q
  hoy run -d --name c1 odd:1 sh -c 'trap "exit 5" TERM; echo ready; while :; do sleep 1000 & wait; done'
  eventually 10 says c1 ready
  hoy stop c1
  is "$(code c1)" 5
  hoy rm c1
  hoy rmi odd:1
}

@test "-1 waits for as long as it takes" {
  hoy run -d --name c1 --stop-timeout -1 base sh -c 'trap "echo heard; sleep 0.5; exit 4" TERM; echo ready; sleep 1000 & wait'
  eventually 10 says c1 ready
  hoy stop c1
  is "$(code c1)" 4
  hoy rm c1
}

@test "several stop side by side, and one that is not there is said" {
  local i names=()
  for i in 1 2 3 4; do
    hoy run -d --name "c$i" base sh -c 'trap "sleep 1; exit 3" TERM; echo ready; sleep 1000 & wait'
    names+=("c$i")
  done
  for i in 1 2 3 4; do eventually 10 says "c$i" ready; done
  takes_less 3.5 run_here stop c1 nobody c2 c3 c4
  is "$status" 1
  is "$output" $'c1\nc2\nc3\nc4'
  is "$stderr" 'hoy: No such container: nobody'
  for i in 1 2 3 4; do is "$(code "c$i")" 3; done
  hoy rm "${names[@]}"
}

@test "what is stopped already stays as it is" {
  hoy run -d --name c1 base sh -c 'exit 3'
  hoy wait c1
  run_here stop c1
  is "$status $output$stderr" '0 c1'
  is "$(code c1)" 3
  hoy rm c1
}

@test "--cidfile: one that is there is refused before anything is made" {
  echo old >"$BATS_TEST_TMPDIR/cid"
  expect 125 hoy run --cidfile "$BATS_TEST_TMPDIR/cid" base true
  is "$output" "hoy: container ID file found, make sure the other container isn't running or delete $BATS_TEST_TMPDIR/cid"
  is "$(hoy ps -aq)" ''
  is "$(cat "$BATS_TEST_TMPDIR/cid")" old
  hoy run -d --name c1 --cidfile "$BATS_TEST_TMPDIR/new" base true
  is "$(cat "$BATS_TEST_TMPDIR/new")" "$(field c1 .Id)"
  hoy wait c1
  hoy rm c1
}

@test "more at once than files may be open" {
  hoy run -d --name c1 base sh -c 'trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done'
  eventually 10 says c1 ready
  expect 0 timeout 20 bash -c 'ulimit -n 1024; exec "$HOY" stop -t 5 $(yes c1 | head -n 1100)'
  is "${#lines[@]}" 1100
  is "$(code c1)" 5
  hoy rm c1
}
