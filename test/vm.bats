#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Kernels that this machine does not run, with cgroup v2 alone: booted in an emulated machine each, all at
# once, where the shell scripts vm/checks and vm/networks look at everything that depends on the kernel.

load lib
load machine

KERNELS='5.10 6.1 6.12'
DEADLINE=480 # seconds; two minutes are enough on an idle machine

file_setup() {
  export BATS_TEST_TIMEOUT=$((DEADLINE + 20)) MACHINE_DEADLINE=$DEADLINE
  # Beside the program under test, or where a folder of installed programs has it.
  export HOY_FETCH=${HOY_FETCH:-$BUILD/src/fetch/hoy-fetch}
  # Unit tests of what has another side on v2 alone.
  export PROGRAMS=
  local kernel test
  for test in cgroup cgroup_freezer bpf_device link_kinds traffic runtime_update; do
    [[ ! -e $BUILD/src/$test-test ]] || PROGRAMS+=" $BUILD/src/$test-test"
  done
  for test in resolver proxy; do PROGRAMS+=" $BUILD/src/$test/hoy-$test"; done
  musl-gcc -std=gnu17 -O2 -Wall -Wextra -Werror -static -o "$BATS_FILE_TMPDIR/speak" speak.c
  PROGRAMS+=" $BATS_FILE_TMPDIR/speak"
  make_profile
  mke2fs -q -t ext4 -O quota,project -E quotatype=prjquota "$BATS_FILE_TMPDIR/quota.ext4" 64m
  PROGRAMS+=" $BATS_FILE_TMPDIR/quota.ext4"
  for kernel in $KERNELS; do
    machine_missing "$kernel" >/dev/null && continue
    # shellcheck disable=SC2046 # words
    vm/machine "$kernel" $(scripts "$kernel") >"$BATS_FILE_TMPDIR/$kernel" 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/$kernel.pid"
  done
}

# 6.1's networks are 6.12's.
scripts() { echo vm/checks; [[ $1 == 6.1 ]] || echo vm/networks; }

# An AppArmor profile as the kernel reads it, where the program that makes it is there.
make_profile() {
  local profile=$BATS_FILE_TMPDIR/hoy-test.profile features=/usr/share/apparmor-features/features
  command -v apparmor_parser >/dev/null && [[ -e $features ]] || return 0
  printf '%s\n' 'profile hoy-test flags=(attach_disconnected) {' '  file,' '  capability,' '  network,' '  signal,' '  ptrace,' \
    '  audit deny /forbidden/** rwklx,' '}' |
    apparmor_parser -QKS -M "$features" >"$profile" && PROGRAMS+=" $profile"
}

boot() {
  local kernel=$1 why
  why=$(machine_missing "$kernel") && skip "$why"
  wait_gone "$(<"$BATS_FILE_TMPDIR/$kernel.pid")" "$DEADLINE"
  cat "$BATS_FILE_TMPDIR/$kernel"
  # A script's plan comes last: with all of them there is a line for each check.
  is "$(grep -c '^1\.\.[0-9]' "$BATS_FILE_TMPDIR/$kernel")" "$(scripts "$kernel" | wc -l)"
  is "$(grep -c '^ok ' "$BATS_FILE_TMPDIR/$kernel")" "$(awk -F'[.]' '/^1\.\./ {n += $3} END {print n}' "$BATS_FILE_TMPDIR/$kernel")"
  ! grep -q '^not ok ' "$BATS_FILE_TMPDIR/$kernel"
}

@test "Linux 5.10: the oldest that hoy runs on" { boot 5.10; }

@test "Linux 6.1: layers are directories" { boot 6.1; }

@test "Linux 6.12: EROFS images are mounted from files" { boot 6.12; }
