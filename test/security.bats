#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Flaws of other engines, each with what must happen instead.

load lib

# A file that nobody but this test may touch. What escapes would show here.
test_setup() {
  canary=$BATS_TEST_TMPDIR/canary
  echo untouched >"$canary"
}

@test "CVE-2024-21626: a working directory that is one of the engine's descriptors" {
  expect 125 hoy run --rm -w /proc/self/fd/0 base true
  local n
  for n in 3 4 5 6 7 8 9 10 11 12; do
    run hoy run --rm -w "/proc/self/fd/$n" base sh -c 'ls -d ../../../../../../work ../../root/.. 2>/dev/null; pwd'
    ((status != 0)) || lacks "$output" work
    lacks "$output" unreachable
  done
  run hoy run --rm "$REGISTRY/fd-workdir:1"
  ((status != 0)) || lacks "$output" unreachable
  hoy rmi "$REGISTRY/fd-workdir:1"
}

@test "CVE-2024-21626: exec's working directory, too" {
  hoy run -d --name victim base sleep 600 >/dev/null
  local n
  for n in 3 4 5 6 7 8 9; do
    run hoy exec -w "/proc/self/fd/$n" victim pwd
    ((status != 0)) || matches "$output" '^/(proc/|$)'
  done
  hoy rm -f victim >/dev/null
}

@test "CVE-2019-5736: /proc/self/exe is not hoy, and cannot be written" {
  local before
  before=$(sha256sum <"$HOY")
  expect 0 hoy run --rm base sh -c 'readlink /proc/1/exe'
  matches "$output" '^/bin/'
  run hoy run --rm base /proc/self/exe --version
  hoy run -d --name victim --init base sleep 600 >/dev/null
  run hoy exec victim sh -c 'readlink /proc/1/exe; echo bad >/proc/1/exe'
  lacks "$output" "$HOY"
  ((status != 0))
  hoy rm -f victim >/dev/null
  is "$(sha256sum <"$HOY")" "$before"
}

@test "CVE-2019-5736: a script that names /proc/self/exe as its interpreter" {
  printf '#!/proc/self/exe\n' >"$BATS_TEST_TMPDIR/loop"
  chmod 755 "$BATS_TEST_TMPDIR/loop"
  run hoy run --rm -v "$BATS_TEST_TMPDIR/loop:/loop:ro" base /loop
  ((status == 126 || status == 125 || status == 127 || status == 1)) || return 1
}

# root_with SCRIPT: a container whose files were changed, then started again.
second_start() {
  hoy create --name twice "${@:2}" base true >/dev/null
  local upper
  upper=$(echo "$HOY_ROOT"/containers/*/upper)
  (cd "$upper" && eval "$1")
  run hoy start -a twice
  hoy rm -f twice >/dev/null
}

@test "CVE-2026-41579: /dev is a link that leads out" {
  mkdir "$BATS_TEST_TMPDIR/host"
  for target in "$BATS_TEST_TMPDIR/host" ../../../../../../../../../../../.."$BATS_TEST_TMPDIR/host"; do
    second_start "rm -rf dev; ln -s '$target' dev"
    is "$(ls -A "$BATS_TEST_TMPDIR/host")" ''
  done
}

@test "CVE-2019-19921, 2023-27561: /proc or /sys is a link" {
  mkdir "$BATS_TEST_TMPDIR/host"
  for name in proc sys; do
    second_start "rm -rf $name; ln -s '$BATS_TEST_TMPDIR/host' $name"
    is "$(ls -A "$BATS_TEST_TMPDIR/host")" ''
    lacks "$(</proc/self/mountinfo)" "$BATS_TEST_TMPDIR/host "
  done
}

@test "CVE-2015-3629, 2021-30465: a mount's target is a link that leads out" {
  mkdir "$BATS_TEST_TMPDIR/host" "$BATS_TEST_TMPDIR/volume"
  second_start "ln -s '$BATS_TEST_TMPDIR/host' way" -v "$BATS_TEST_TMPDIR/volume:/way/below"
  is "$(ls -A "$BATS_TEST_TMPDIR/host")" ''
  second_start "ln -s ../../../../../../..'$canary' file" -v "$canary:/file"
  is "$(<"$canary")" untouched
}

@test "CVE-2016-3697, 2026-30892: a user that is a number in words" {
  hoy pull -q "$REGISTRY/tiny:1"
  is "$(hoy run --rm -u 4000 "$REGISTRY/tiny:1" id -u)" 4000
  for user in -1 4294967296 99999999999999999999 0x0 '1 0' 1:-1 +1 1e3; do
    run hoy run --rm -u "$user" "$REGISTRY/tiny:1" id -u
    ((status == 125 || status == 126)) || { echo "$user: $status $output"; return 1; }
  done
  hoy rmi "$REGISTRY/tiny:1"
}

@test "CVE-2022-29162: nothing inheritable, for run and exec" {
  hoy run -d --name victim base sleep 600 >/dev/null
  contains "$(hoy exec victim cat /proc/self/status)" $'CapInh:\t0000000000000000'
  contains "$(hoy exec victim cat /proc/1/status)" $'CapInh:\t0000000000000000'
  hoy rm -f victim >/dev/null
}

@test "CVE-2022-36109: supplementary groups are set" {
  is "$(hoy run --rm -u 1000:1000 "$REGISTRY/tiny:1" id -G)" 1000
  is "$(hoy run --rm -u user "$REGISTRY/tiny:1" id -G)" '1000 2000'
  hoy rmi "$REGISTRY/tiny:1"
}

@test "shocker: no open_by_handle_at" {
  lacks "$(hoy run --rm base cat /proc/self/status)" 'CapEff:\t00000000a80425ff'
}

@test "dangerous system calls: AF_ALG, userfaultfd, keyctl, bpf, perf, io_uring" {
  [[ $(uname -m) == x86_64 ]] || skip "the numbers are x86-64's"
  hoy pull -q "$REGISTRY/debian:12"
  expect 0 hoy run --rm -i "$REGISTRY/debian:12" perl - <<'END'
use Errno qw(EPERM ENOSYS);
use Socket;
my %calls = (userfaultfd => 323, keyctl => 250, bpf => 321, perf_event_open => 298, io_uring_setup => 425,
             open_by_handle_at => 304, kexec_load => 246, init_module => 175);
while (my ($name, $number) = each %calls) {
    my $result = syscall($number, 0, 0, 0, 0, 0);
    die "$name: $result $!" unless $result == -1 && ($! == EPERM || $! == ENOSYS);
}
# AF_ALG and AF_VSOCK
for my $family (38, 40) {
    die "family $family" if socket(my $socket, $family, SOCK_SEQPACKET, 0);
}
END
  hoy rmi "$REGISTRY/debian:12"
}

@test "state is root's alone" {
  hoy run --rm base true
  matches "$(stat -c %a "$HOY_ROOT/containers")" '^7[01][01]$'
  [[ $(stat -c %a "$HOY_ROOT/hoy.db") == 600 ]]
}

@test "CVE-2018-20699: a cpuset of four thousand million" {
  expect 125 timeout 10 "$HOY" run --rm --cpuset-cpus 0-4294967295 base true
}

@test "hostile layers: refused or harmless, and nothing on the host" {
  local name left
  for name in $("$BATS_TEST_DIRNAME/make-tar" hostile); do
    run hoy pull -q "$REGISTRY/hostile-$name:1"
    if ((status == 0)); then
      run hoy run --rm "$REGISTRY/hostile-$name:1" true
      hoy rmi "$REGISTRY/hostile-$name:1"
    else
      one_sentence "${lines[-1]}"
    fi
    for left in /escaped /tmp/escaped "$HOY_ROOT/../escaped" /passwd; do
      [[ ! -e $left ]] || { echo "$name made $left"; return 1; }
    done
  done
  lacks "$(hoy images)" hostile
}

@test "hostile layers, with the dir driver" {
  HOY_ROOT=$BATS_TEST_TMPDIR/root
  local name left
  hoy --storage-driver dir images
  for name in $("$BATS_TEST_DIRNAME/make-tar" hostile); do
    run hoy pull -q "$REGISTRY/hostile-$name:1"
    ((status != 0)) || hoy rmi "$REGISTRY/hostile-$name:1"
    for left in /escaped /tmp/escaped "$HOY_ROOT/../escaped" /passwd; do
      [[ ! -e $left ]] || { echo "$name made $left"; return 1; }
    done
  done
}

@test "hoy's own groups stay outside, also where it may not give them up" {
  hoy pull -q base
  expect 125 setpriv --groups 6,44 --bounding-set=-setgid "$HOY" run --rm base true
  contains "$output" "cannot set the supplementary groups (it takes CAP_SETGID)"
}
