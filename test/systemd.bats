#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A machine that systemd has started: an emulated one, with hoy installed in it. The shell script vm/systemd looks at units
# of containers, the user's bus, groups that are delegated to a user, the journal, and at a restart of the machine.

load lib

DEADLINE=480 # seconds; 40 are enough on an idle machine

file_setup() { export BATS_TEST_TIMEOUT=$((DEADLINE + 20)); }

@test "systemd: scopes, the user's bus, delegated groups, journald, and containers after a restart of the machine" {
  local kernel=6.12 said=$BATS_TEST_TMPDIR/said
  [[ $(uname -m) == x86_64 ]] || skip "the emulated machine is an x86-64 one"
  command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
  [[ -e $TEST_VM/$kernel/done ]] || skip "the package of the kernel was not to be had"
  [[ -e $TEST_VM/system.tar ]] || skip "a Debian with systemd was not to be had"
  [[ -e $BUILD/build.ninja ]] || skip "there is nothing to install from"
  SYSTEM=$TEST_VM/system.tar MACHINE_DEADLINE=$DEADLINE vm/machine "$kernel" vm/systemd >"$said" 2>&1 3>&-
  cat "$said"
  is "$(grep -c '^ok ' "$said")" "$(sed -n 's/^1\.\.//p' "$said")"
  run ! grep -q '^not ok ' "$said"
}
