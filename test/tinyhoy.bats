#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# docs/tinyhoy.c is what its comments say.

load lib

file_setup() {
  export TINY_ROOT=$BATS_FILE_TMPDIR/rootfs
  mkdir "$TINY_ROOT"
  "$BATS_TEST_DIRNAME/make-tar" busybox "$(command -v busybox)" "$BATS_FILE_TMPDIR/tar"
  tar -xf "$BATS_FILE_TMPDIR/tar" -C "$TINY_ROOT"
}

tiny() { "${HOY%/src/*}/docs/tinyhoy" "$TINY_ROOT" "$@"; }

@test "tinyhoy: pid 1, a hostname, interfaces, mounts of its own" {
  expect 0 tiny sh -c 'echo $$; hostname; ls /sys/class/net; wc -l </proc/self/mountinfo; grep Seccomp: /proc/self/status'
  is "${lines[0]} ${lines[1]} ${lines[2]}" '1 tiny lo'
  ((lines[3] < 20))
  is "${lines[4]}" $'Seccomp:\t2'
}

@test "tinyhoy: exit codes, and nothing written to the root filesystem" {
  expect 3 tiny sh -c 'echo lost >/file; exit 3'
  [[ ! -e $TINY_ROOT/file ]]
  expect 127 tiny nothing
}

@test "tinyhoy: limits and fences hold" {
  expect 1 tiny mount -t tmpfs none /mnt
  expect 1 tiny mknod /disk b 8 0
  expect 137 tiny tail -c 134217728 /dev/zero
}
