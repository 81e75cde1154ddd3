#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hoy why: twelve deaths and more, each told from the others.

load lib

test_teardown() {
  hoy rm -f it >/dev/null 2>&1 || true
}

# die [OPTION...] COMMAND: runs `it` to its end, or as far as it comes.
die() { timeout 30 "$HOY" run --name it "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 || true; }

# why CAUSE TEXT...: the cause, and what is said.
why() {
  local cause=$1 text
  shift
  expect 0 hoy why it
  is "$(hoy why --format '{{.Cause}}' it)" "$cause"
  for text in "$@"; do contains "$output" "$text"; done
}

# is_now TEMPLATE TEXT: for eventually.
is_now() { [[ $(hoy inspect -f "$1" it) == "$2" ]]; }

needs_kernel_log() {
  timeout 1 dd if=/dev/kmsg of=/dev/null bs=8192 count=1 iflag=nonblock 2>/dev/null || skip "the kernel's log is not to be read here"
}

@test "an end of its own, with success and without" {
  die base true
  why exit 'It ended by itself, with success.'
  lacks "$output" Try
  hoy rm it
  die base sh -c 'echo one; echo two >&2; exit 7'
  why exit 'ended by itself with the code 7' 'Its last output:' $'\n  one' $'\n  two'
}

@test "out of memory: its own limit, who was killed, and who was big" {
  needs_kernel_log
  die -m 16m base sh -c 'x=$(yes | head -c 100000000); echo $x | wc'
  why oom "container's own limit of 16MiB" 'The kernel killed sh (pid ' 'Its biggest processes were sh with 1' '--memory'
  is "$(hoy inspect -f '{{.State.OOMKilled}}' it)" true
}

@test "out of memory: a child of a container that went on" {
  needs_kernel_log
  die -m 16m base sh -c 'tail /dev/zero; exit 0' # which keeps what has no end of a line, and nobody else grows
  why oom 'The kernel killed tail' "went on, and ended by itself with success"
}

@test "a crash, and a shell whose command crashed" {
  cc -static -x c -o "$BATS_TEST_TMPDIR/crash" - <<<'int main(void) { *(volatile int *)8 = 1; }'
  die -v "$BATS_TEST_TMPDIR/crash:/crash" base /crash
  why crash 'crashed with SIGSEGV' 'memory that it does not have' 'core'
  hoy rm it
  die -v "$BATS_TEST_TMPDIR/crash:/crash" base sh -c '/crash; exit $?'
  why exit 'with the code 139' 'ended by SIGSEGV'
}

@test "an abort, and where a core dump went" {
  needs_kernel_log
  cc -static -x c -o "$BATS_TEST_TMPDIR/abort" - <<<$'#include <stdlib.h>\nint main(void) { abort(); }'
  die -v "$BATS_TEST_TMPDIR/abort:/abort" --ulimit core=-1 base /abort
  why crash 'general protection fault' 'also how abort() ends the first process of a container' 'It left a core dump'
  local pattern
  pattern=$(</proc/sys/kernel/core_pattern)
  pattern=${pattern#|}
  contains "$output" "${pattern%% *}"
}

@test "a system call that its seccomp filter does not allow" {
  needs_kernel_log
  echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getuid"],"action":"SCMP_ACT_KILL_PROCESS"}]}' >"$BATS_TEST_TMPDIR/profile"
  die --security-opt "seccomp=$BATS_TEST_TMPDIR/profile" base id
  why seccomp 'when it made the system call getuid' '--security-opt seccomp=FILE'
  hoy rm it
  # One that is only refused, where the profile has it logged.
  echo '{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG"],"syscalls":[{"names":["getppid"],"action":"SCMP_ACT_ERRNO"}]}' \
    >"$BATS_TEST_TMPDIR/profile"
  cc -static -x c -o "$BATS_TEST_TMPDIR/ask" - <<<$'#include <unistd.h>\nint main(void) { return getppid() ? 5 : 0; }'
  eventually 20 is_told_of_the_call
  why exit 'with the code 5' '--security-opt seccomp=FILE'
}
# The kernel tells ten such lines in five seconds, not more.
is_told_of_the_call() {
  hoy rm -f it >/dev/null
  die --security-opt "seccomp=$BATS_TEST_TMPDIR/profile" -v "$BATS_TEST_TMPDIR/ask:/ask" base /ask
  [[ $(hoy why it) == *'Its seccomp filter refused the system call getppid.'* ]]
}

@test "a limit of processes, and one of CPU time" {
  die --pids-limit 5 base sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait; exit 3'
  why exit 'Its limit of processes refused a new one' '--pids-limit'
  hoy rm it
  die --cpus 0.05 base sh -c 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; exit 4'
  why exit 'because their share of the CPUs was used up' '--cpus'
}

@test "a missing capability" {
  die base sh -c 'mount -t tmpfs none /mnt'
  why exit 'SYS_ADMIN, which the container does not have' '--cap-add SYS_ADMIN'
  hoy rm it
  # Who has it fails for another reason.
  die --cap-add SYS_ADMIN base sh -c 'echo "mount: permission denied" >&2; exit 1'
  why exit 'denied access'
  lacks "$output" capability
}

@test "a missing command, interpreter, loader, library; another machine's program; Windows' line ends" {
  local folder=$BATS_TEST_TMPDIR
  die base nothere
  why start-failed 'executable file not found in $PATH'
  hoy rm it
  printf '#!/bin/python9 -x\nprint()\n' >"$folder/script"
  printf '#!/bin/sh\r\necho\r\n' >"$folder/windows"
  printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0' >"$folder/arm"
  echo text >"$folder/text"
  chmod +x "$folder"/{script,windows,arm,text}
  die -v "$folder:/f" base /f/script
  why start-failed 'its interpreter /bin/python9 is not in the image' 'install the interpreter'
  hoy rm it
  die -v "$folder:/f" base /f/windows
  why start-failed 'as Windows ends lines' 'sed'
  hoy rm it
  die -v "$folder:/f" base /f/arm
  why start-failed 'it is a program for aarch64' '--platform'
  hoy rm it
  die -v "$folder:/f" base /f/text
  why start-failed 'neither a program nor'
  hoy rm it
  die -v /bin/ls:/f base /f
  why start-failed 'its loader /lib' 'C library'
  hoy rm it
  die base sh -c 'echo "prog: error while loading shared libraries: libgone.so.1: cannot open shared object file" >&2; exit 127'
  why exit 'The library libgone.so.1 is not in the image'
  hoy rm it
  die base sh -c 'nothere'
  why exit 'with the code 127' 'A command that it called is not in the image' 'sh: nothere: not found'
}

@test "a step of the start that failed" {
  die --sysctl net.ipv4.no_such_thing=1 base true
  why start-failed 'Its command never ran' 'no_such_thing'
  hoy rm it
  die --ulimit nofile=9999999999 base true
  why start-failed 'cannot set the resource limit nofile=9999999999:9999999999' 'a smaller --ulimit'
  hoy rm it
  die --user nobodyknows base true
  why start-failed 'unable to find user nobodyknows' "a user of the image's /etc/passwd"
}

@test "asked to stop: with a handler, without, and too slow" {
  hoy run -d --name it base sh -c 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done' >/dev/null
  eventually 10 grep -q ready <(hoy logs -f it)
  hoy stop it >/dev/null
  why stopped 'asked to end with SIGTERM, and ended by itself with the code 5'
  hoy rm it
  hoy run -d --name it base sleep 600 >/dev/null
  hoy stop -t 1 it >/dev/null
  why stopped 'no handler for SIGTERM' '--init'
  hoy rm it
  hoy run -d --name it base sh -c 'trap : TERM; echo ready; while :; do sleep 0.05; done' >/dev/null
  eventually 10 grep -q ready <(hoy logs -f it)
  hoy stop -t 1 it >/dev/null
  why stopped 'catches SIGTERM, but had not ended' '--stop-timeout'
}

@test "killed: by hoy, by somebody else, together with its shim" {
  hoy run -d --name it base sleep 600 >/dev/null
  hoy kill it >/dev/null
  why stopped 'ended by SIGKILL, which came from hoy'
  hoy rm it
  hoy run -d --name it base sleep 600 >/dev/null
  kill -9 "$(hoy inspect -f '{{.State.Pid}}' it)"
  hoy wait it >/dev/null
  why signal 'Somebody on the host killed it with SIGKILL'
  hoy rm it
  hoy run -d --name it base sleep 600 >/dev/null
  kill -9 "$(awk '/^PPid/ {print $2}' "/proc/$(hoy inspect -f '{{.State.Pid}}' it)/status")"
  eventually 10 is_now '{{.State.Status}}' exited
  why lost 'shim was killed'
}

@test "one whose output was not kept" {
  die --log-driver none base sh -c 'nothere'
  why exit 'with the code 127' 'a loader when a library is not' 'its output was not kept (--log-driver none)'
  hoy rm it
  die --log-driver none base true
  why exit 'with success'
  lacks "$output" '--log-driver'
}

@test "it is kept: read again later, in inspect, and new for each run" {
  die base sh -c 'test -e /second || { touch /second; exit 3; }'
  expect 0 hoy inspect -f '{{index .State.Why 0}}' it
  contains "$output" 'with the code 3'
  hoy start -a it
  why exit 'with success'
}

@test "events say it, also of one that is gone" {
  local start
  start=$(date +%s.%N)
  die base sh -c 'exit 3'
  hoy rm it
  hoy run --rm --name it base nothere || true
  hoy run -d --rm --name it base sleep 600 >/dev/null
  hoy kill it >/dev/null
  hoy wait it >/dev/null 2>&1 || true
  hoy run -d --name it base sleep 600 >/dev/null
  kill -9 "$(awk '/^PPid/ {print $2}' "/proc/$(hoy inspect -f '{{.State.Pid}}' it)/status")"
  eventually 10 is_now '{{.State.Status}}' exited
  local words
  words=$(hoy events --since "$start" --until 0s -f event=die --format '{{with .Actor.Attributes}}{{.exitCode}} {{.cause}}: {{.why}}{{end}}')
  echo "$words"
  is "$(grep -c . <<<"$words")" 4
  contains "$words" '3 exit: Its command ended by itself with the code 3.'
  contains "$words" '127 start-failed: Its command never ran. The start failed: exec: "nothere"'
  contains "$words" '137 stopped: It was ended by SIGKILL, which came from hoy'
  contains "$words" "137 lost: Nobody saw its end: the container's shim was killed"
  matches "$(hoy events --since "$start" --until 0s -f event=die | tail -n 1)" '\(cause=lost, exitCode=137, image=base, name=it, .*why=Nobody saw its end'
}

@test "--init: the command's signal is known by its exit code" {
  cc -static -x c -o "$BATS_TEST_TMPDIR/crash" - <<<'int main(void) { *(volatile int *)8 = 1; }'
  die --init -v "$BATS_TEST_TMPDIR/crash:/crash" base /crash
  why crash 'crashed with SIGSEGV'
  hoy rm it
  die --init base sh -c 'kill -9 $$'
  why exit "what hoy's init, or a shell, ends with when its own command was ended by SIGKILL"
}

@test "one that its policy starts again: its last run" {
  hoy run -d --name it --restart always base sh -c 'echo oops; test -e /second && exec sleep 600; touch /second; exit 3' >/dev/null
  eventually 10 is_now '{{.RestartCount}} {{.State.Status}}' '1 running'
  why exit 'It runs; its restart policy (always) has started it again 1 time' 'with the code 3' oops
}

@test "one that its policy starts again after its shim was killed" {
  hoy run -d --name it --restart always base sleep 600 >/dev/null
  local shim
  shim=$(awk '/^PPid/ {print $2}' "/proc/$(hoy inspect -f '{{.State.Pid}}' it)/status")
  kill -9 "$shim"
  wait_gone "$shim"
  expect 0 hoy why it
  contains "$output" 'It is about to be started; its restart policy (always)'
  contains "$output" "Nobody saw its end: the container's shim was killed"
}

@test "an unhealthy one, and what its last check said" {
  hoy run -d --name it --health-cmd 'echo not well; exit 2' --health-interval 100ms --health-retries 2 --health-on-failure kill base sleep 600 >/dev/null
  hoy wait it >/dev/null
  why unhealthy 'had failed, the last one with the code 2: not well.' \
    'SIGKILL, which came from hoy, because it was unhealthy.' 'That is why it was ended (--health-on-failure kill)'
}

@test "what does not run yet, or still does; what is not there" {
  hoy create --name it base sleep 600 >/dev/null
  why created 'never started'
  hoy start it >/dev/null
  why running 'has not ended'
  expect 1 hoy why nobody
  one_sentence "$output"
}

@test "output cannot play with the terminal" {
  die base sh -c 'printf "\033[31mred\033]0;title\007\n"; exit 1'
  expect 0 hoy why it
  lacks "$output" $'\033'
  contains "$output" 'red'
}
