#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A root without any room: what ends and removes works, and what is said of an end is true. Before each command the
# room that the last one made is gone again.

load lib

# on ext4|tmpfs: a small root of that kind, with two images and containers of one that run and that have ended.
on() {
  small=$BATS_TEST_TMPDIR/small
  mkdir "$small"
  if [[ $1 == tmpfs ]]; then
    mount -t tmpfs -o size=40m none "$small"
  else
    truncate -s 40M "$BATS_TEST_TMPDIR/disk"
    mkfs.ext4 -q -m 0 "$BATS_TEST_TMPDIR/disk"
    mount -o loop "$BATS_TEST_TMPDIR/disk" "$small"
  fi
  export HOY_ROOT=$small
  hoy pull -q base
  tar -C "$BATS_TEST_DIRNAME" -cf "$BATS_TEST_TMPDIR/other.tar" lib.bash
  hoy import "$BATS_TEST_TMPDIR/other.tar" other >/dev/null
}

test_teardown() {
  [[ -z ${small:-} ]] || {
    [[ -z ${taker:-} ]] || kill "$taker" 2>/dev/null || true
    rm -f "$small/filler"
    hoy ps -aq | xargs -r "$HOY" rm -f >/dev/null
    export HOY_ROOT=$BATS_FILE_TMPDIR/root
    eventually 5 umount "$small"
  }
}

fill() { dd if=/dev/zero of="$small/filler" bs=4k oflag=append conv=notrunc status=none 2>/dev/null || true; }
full() { fill && hoy "$@"; }
live() { hoy run -d --name "$1" base sh -c "trap 'exit 5' TERM; while :; do sleep 0.1; done" >/dev/null; }
state() { hoy inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1"; }

ends_and_removes() {
  on "$1"
  local name waiting pid
  for name in stopped killed forced waited left; do live "$name"; done
  hoy create --name never base true >/dev/null
  hoy run --name dead base true
  hoy volume create data >/dev/null
  pid=$(field left .State.Pid)
  full ps >/dev/null
  "$HOY" wait waited >"$BATS_TEST_TMPDIR/waited" 3>&- 4>&- &
  waiting=$!

  is "$(full stop -t 10 stopped)" stopped
  is "$(full ps -a --filter name=stopped --format '{{.State}}')" exited
  is "$(state stopped)" 'exited 5'
  is "$(full kill killed)" killed
  is "$(state killed)" 'exited 137'
  is "$(full kill -s TERM waited)" waited
  ends_with 0 "$waiting"
  is "$(<"$BATS_TEST_TMPDIR/waited")" 5
  is "$(full rm dead)" dead
  is "$(full rm -f forced)" forced
  kill -KILL "$pid"
  eventually 10 eval '[[ $(hoy ps -a --filter name=left --format "{{.State}}") == exited ]]'
  is "$(full wait left)" 137
  is "$(full volume rm data)" data
  # What needs room says what is missing, and leaves nothing.
  fill
  expect 1 hoy import "$BATS_TEST_TMPDIR/other.tar" third
  one_sentence "$output"
  contains "$output" 'No space left on device'
  [[ $1 == tmpfs ]] || expect 125 hoy run --rm --name new base true
  one_sentence "$output"
  contains "$output" 'No space left on device'
  is "$(full ps -aq --filter name=new)" ''

  contains "$(full rmi other)" 'Deleted: sha256:'
  is "$(find "$small"/{layers,tmp} -mindepth 1 -maxdepth 1 | wc -l)" "$(hoy image inspect -f '{{len .RootFS.Layers}}' base)"
  contains "$(full container prune -f)" "$(hoy ps -aq --no-trunc --filter name=killed)"
  is "$(full ps -aq)" ''
  contains "$(full image prune -af)" 'deleted: sha256:'
  is "$(find "$small"/{layers,images,tmp} -mindepth 1)" ''
  full system prune -f >/dev/null

  rm "$small/filler"
  is "$(hoy system check)" 'No problems'
  hoy pull -q base
  is "$(hoy run --rm base echo again)" again
}

@test "ext4: stop, kill, wait, rm, rmi and prune work, and ps tells the truth" { ends_and_removes ext4; }
@test "tmpfs: the same" { ends_and_removes tmpfs; }

@test "a hundred ends while somebody takes all room that there ever is" {
  on ext4
  local i
  for i in {1..30}; do hoy create --name "c$i" base true >/dev/null; done
  live it
  fill
  python3 - "$small/filler" 3>&- 4>&- <<'END' &
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while True:
    try:
        os.write(file, bytes(1024))
    except OSError:
        pass
END
  taker=$!
  for i in {1..60}; do
    hoy start it >/dev/null 2>&1 || true
    hoy stop -t 0 it >/dev/null
    matches "$(state it)" '^exited'
  done
  for i in {1..30}; do hoy rm "c$i" >/dev/null; done
  hoy rm it >/dev/null
  is "$(hoy ps -aq)" ''
  kill "$taker"
  ends_with 143 "$taker"
  rm "$small/filler"
  is "$(hoy system check)" 'No problems'
}

@test "the exit status is the container's, and why says how it ended" {
  on ext4
  local name attached stays go=$BATS_TEST_TMPDIR/go
  mkdir "$go"
  # ends NAME HOW [OPTION...]: a container of that name, which does HOW when it is time.
  ends() { "$HOY" run -v "$go:/go" --name "$1" "${@:3}" base sh -c "until [ -e /go/now ]; do sleep 0.1; done; $2" 3>&- 4>&-; }
  ends seven 'exit 7' -d >/dev/null
  ends zero 'exit 0' -d >/dev/null
  ends removed 'exit 3' -d --rm >/dev/null
  ends faulty 'kill -SEGV $$' -d --init >/dev/null
  ends att 'exit 6' --rm >"$BATS_TEST_TMPDIR/att" 2>&1 &
  attached=$!
  ends stays 'exit 4' >"$BATS_TEST_TMPDIR/stays" 2>&1 &
  stays=$!
  for name in att stays; do eventually 20 eval "[[ \$(state $name 2>/dev/null) == running* ]]"; done
  fill
  touch "$go/now"
  ends_with 6 "$attached"
  ends_with 4 "$stays"
  is "$(cat "$BATS_TEST_TMPDIR/att" "$BATS_TEST_TMPDIR/stays")" ''
  for name in seven zero faulty; do eventually 20 eval "[[ \$(full inspect -f '{{.State.Status}}' $name) == exited ]]"; done
  is "$(state seven) $(state zero) $(state faulty) $(state stays)" 'exited 7 exited 0 exited 139 exited 4'
  is "$(hoy ps -aq --filter name=att)" ''
  eventually 20 eval '[[ -z $(full ps -aq --filter name=removed) ]]'
  contains "$(full why seven)" 'ended by itself with the code 7'
  contains "$(full why zero)" 'It ended by itself, with success.'
  contains "$(full why faulty)" 'SIGSEGV'
  contains "$(full why stays)" 'ended by itself with the code 4'
  # With room they are started again, and nothing old is said of the new end.
  rm "$small/filler"
  is "$(hoy system check)" 'No problems'
  contains "$(hoy why faulty)" 'SIGSEGV'
  expect 7 hoy start -a seven
  contains "$(hoy why seven)" 'ended by itself with the code 7'
  rm "$go/now"
  hoy start zero >/dev/null
  hoy kill zero >/dev/null
  lacks "$(hoy why zero)" 'with success'
  hoy ps -aq | xargs -r "$HOY" rm >/dev/null
  is "$(find "$HOY_RUNROOT/containers" -mindepth 1)" ''
}

# A limit of the size of its files is a full disk that only this one command has.
@test "the status of a container whose row can't be written is its caller's" {
  local attached
  (trap '' XFSZ && exec "$HOY" run -v "$BATS_TEST_TMPDIR:/test" --name it base \
    sh -c 'until [ -e /test/go ]; do sleep 0.1; done; exit 6') >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- &
  attached=$!
  eventually 20 eval "[[ \$(state it 2>/dev/null) == running* ]]"
  prlimit --fsize=512 --pid "$attached"
  touch "$BATS_TEST_TMPDIR/go"
  ends_with 6 "$attached"
  one_sentence "$(<"$BATS_TEST_TMPDIR/out")"
  contains "$(<"$BATS_TEST_TMPDIR/out")" "write $HOY_ROOT/hoy.db: "
  is "$(state it)" 'exited 6'
  hoy rm it
}
