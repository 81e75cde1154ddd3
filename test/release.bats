#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The removal of large images: the command does not wait for the disk, and leaves nothing to wait for.

load lib

file_setup() {
  mkdir "$BATS_FILE_TMPDIR/files"
  head -c 40000000 /dev/urandom >"$BATS_FILE_TMPDIR/files/large"
  tar -C "$BATS_FILE_TMPDIR/files" -cf "$BATS_FILE_TMPDIR/large.tar" large
}
test_setup() { hoy import "$BATS_FILE_TMPDIR/large.tar" large >/dev/null; }
test_teardown() { hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null; }

nothing_left() { is "$(find "$HOY_ROOT"/{layers,images,tmp} -mindepth 1)" ''; }

# traced COMMAND...: what each process did is in a file of its own, trace.PID.
traced() {
  rm -f "$BATS_TEST_TMPDIR"/trace.*
  strace -ff -o "$BATS_TEST_TMPDIR/trace" -e trace=%process,close_range,chdir "$HOY" "$@"
}
forks() { cat "$BATS_TEST_TMPDIR"/trace.* | sed -nE 's/^(fork|clone)\(.*= ([0-9]+)$/\2/p'; }

@test "the last one who has the files open is a process that has nothing else" {
  traced rmi large >/dev/null
  nothing_left
  local child
  child=$(forks)
  matches "$child" '^[0-9]+$'
  # From 0 on, up to the file, and from there to the end; then it goes, and nobody waits for it.
  matches "$(grep -vE '^\+\+\+|^---' "$BATS_TEST_TMPDIR/trace.$child")" '^close_range\(0, [0-9]+, 0\) += 0
close_range\([0-9]+, (4294967295|UINT_MAX|-1), 0\) += 0
chdir\("/"\) += 0
exit_group\(0\) += \?$'
  rm "$BATS_TEST_TMPDIR/trace.$child"
  lacks "$(cat "$BATS_TEST_TMPDIR"/trace.*)" wait
}

@test "small ones, and a prune of large ones" {
  hoy pull -q base >/dev/null
  traced rmi base >/dev/null
  is "$(forks)" ''
  traced image prune -af >/dev/null
  matches "$(forks)" '^[0-9]+$'
  nothing_left
}

@test "the disk has the room again, and no pipe stays open" {
  local small=$BATS_TEST_TMPDIR/small before
  mkdir "$small"
  truncate -s 300M "$BATS_TEST_TMPDIR/disk"
  mkfs.ext4 -q "$BATS_TEST_TMPDIR/disk"
  mount -o loop,discard "$BATS_TEST_TMPDIR/disk" "$small"
  HOY_ROOT=$small hoy images >/dev/null
  before=$(stat -fc %f "$small")
  for _ in 1 2 3; do
    HOY_ROOT=$small hoy import "$BATS_FILE_TMPDIR/large.tar" one >/dev/null
    is "$(HOY_ROOT=$small timeout 10 "$HOY" rmi one 2>&1 | head -n 1)" 'Untagged: one:latest'
    eventually 5 room "$small" "$((before - 100))"
  done
  eventually 5 umount "$small"
}
room() { (($(stat -fc %f "$1") >= $2)); }
