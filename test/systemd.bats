#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A machine that systemd has started: an emulated one, with hoy installed in it. The shell script vm/systemd looks at units
# of containers, the user's bus, groups that are delegated to a user, the journal, and at a restart of the machine.

load lib
load machine

DEADLINE=480 # seconds; 40 are enough on an idle machine

file_setup() { export BATS_TEST_TIMEOUT=$((DEADLINE + 20)); }

@test "systemd: scopes, the user's bus, delegated groups, journald, and containers after a restart of the machine" {
  local kernel=6.12 said=$BATS_TEST_TMPDIR/said why
  why=$(machine_missing "$kernel") && skip "$why"
  [[ -e $TEST_VM/system.tar ]] || skip "a Debian with systemd was not to be had"
  [[ -e $BUILD/build.ninja ]] || skip "there is nothing to install from"
  SYSTEM=$TEST_VM/system.tar MACHINE_DEADLINE=$DEADLINE vm/machine "$kernel" vm/systemd >"$said" 2>&1 3>&-
  cat "$said"
  is "$(grep -c '^ok ' "$said")" "$(sed -n 's/^1\.\.//p' "$said")"
  run ! grep -q '^not ok ' "$said"
}
