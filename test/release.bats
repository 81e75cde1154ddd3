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

# traced: runs the command, and says of each process but the first how it ended and what it had open then.
traced() { strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=%process,close_range,chdir,close "$HOY" "$@"; }

@test "the last one who has the files open is a process that has nothing else" {
  traced rmi large >/dev/null
  nothing_left
  local trace=$BATS_TEST_TMPDIR/trace child
  child=$(sed -nE 's/^[0-9]+ +.*(fork|clone)\(.*= ([0-9]+)$/\2/p' "$trace")
  matches "$child" '^[0-9]+$'
  # From 0 on, up to the file, and from there to the end; then it goes, and nobody waits for it.
  local calls
  calls=$(sed -nE "s/^$child +//p" "$trace" | grep -vE '^\+\+\+|^---')
  matches "$calls" '^close_range\(0, [0-9]+, 0\) += 0
close_range\([0-9]+, (4294967295|UINT_MAX|-1), 0\) += 0
chdir\("/"\) += 0
exit_group\(0\) += \?$'
  lacks "$(grep -v "^$child" "$trace")" wait
}

@test "small ones, and a prune of large ones" {
  hoy pull -q base >/dev/null
  traced rmi base >/dev/null
  is "$(grep -cE '(fork|clone)\(' "$BATS_TEST_TMPDIR/trace")" 0
  traced image prune -af >/dev/null
  is "$(grep -cE '(fork|clone)\(' "$BATS_TEST_TMPDIR/trace")" 1
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
