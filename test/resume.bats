#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pulls that were killed: the next one goes on where they were.

load lib
load rough

file_setup() { rough_start; }
file_teardown() { rough_stop; }
test_setup() { rough; }

test_teardown() { hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null; }

# Bytes of the largest blob that went through the proxy.
blob_bytes() { awk -v blob="$1" '$2 ~ blob {n += $5} END {print n + 0}' "$ROUGH_LOG"; }

# A pull of Debian that is killed when a part of it is there: BLOB and SIZE are its layer's.
interrupted() {
  read -r BLOB SIZE < <(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/debian:12" |
    jq -r '.layers | max_by(.size) | "\(.digest) \(.size)"')
  rough slow=16000000
  "$HOY" pull "$ROUGH/debian:12" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  local pid=$! worker
  eventually 20 has_part
  worker=$(pgrep -P "$pid")
  kill "-$1" "$pid"
  wait "$pid" || true
  wait_gone "$worker"
  eventually 5 grep -q "$BLOB" "$ROUGH_LOG"
}
has_part() { [[ -n $(find "$HOY_ROOT/tmp" -name "${BLOB#sha256:}.part" -size +20M) ]]; }

works() {
  is "$(hoy run --rm "$ROUGH/debian:12" python3 -c 'print(6 * 7)')" 42
  hoy rmi "$ROUGH/debian:12"
  is "$(find "$HOY_ROOT/tmp" -mindepth 1)" ''
}

@test "kill -9 in the middle of a pull: the next one goes on where it was" {
  interrupted KILL
  rough
  expect 0 hoy pull -q "$ROUGH/debian:12"
  matches "$(grep "$BLOB" "$ROUGH_LOG")" 'bytes=[0-9]{8}- 206'
  (($(blob_bytes "$BLOB") <= SIZE - 20000000))
  works
}

@test "ctrl-C in the middle of a pull: the same; what was kept may be wrong" {
  interrupted INT
  local kept=$HOY_ROOT/tmp/partial/${BLOB#sha256:}
  [[ -f $kept ]]
  is "$(find "$HOY_ROOT/tmp" -mindepth 1 -maxdepth 1)" "$HOY_ROOT/tmp/partial"
  matches "$(hoy system df -v)" 'interrupted pulls +engine +[0-9.]+MB'
  is "$(hoy system check)" 'No problems'
  printf X | dd of="$kept" bs=1 seek=1000000 conv=notrunc status=none
  rough
  expect 0 hoy pull -q "$ROUGH/debian:12"
  # The rest, and then all of it.
  (($(blob_bytes "$BLOB") > SIZE && $(blob_bytes "$BLOB") < 2 * SIZE - 20000000))
  works
}

@test "a registry that does not like a Range: the next pull gets all of it without" {
  local rule
  interrupted KILL
  hoy images >/dev/null
  cp -a "$HOY_ROOT/tmp/partial" "$BATS_TEST_TMPDIR"
  for rule in status=416/999 status=403/999 status=500/999 badrange html short=1000; do
    rm -rf "$HOY_ROOT/tmp/partial"
    cp -a "$BATS_TEST_TMPDIR/partial" "$HOY_ROOT/tmp"
    rough "range-$rule"
    expect 0 hoy pull -q "$ROUGH/debian:12"
    matches "$(grep "$BLOB" "$ROUGH_LOG")" 'bytes=[0-9]{8}- '
    is "$(grep "$BLOB" "$ROUGH_LOG" | grep -c " - 200 $SIZE")" 1
    works
  done
}

@test "what a pull left is kept for a week" {
  interrupted KILL
  hoy images >/dev/null
  local kept=$HOY_ROOT/tmp/partial/${BLOB#sha256:}
  touch -d '6 days ago' "$kept"
  hoy images >/dev/null
  [[ -f $kept ]]
  touch -d '8 days ago' "$kept"
  hoy images >/dev/null
  is "$(find "$HOY_ROOT/tmp" -mindepth 1)" ''
}

@test "a full disk: one sentence, and nothing is left on it" {
  local root=$BATS_TEST_TMPDIR/small
  mkdir "$root"
  mount -t tmpfs -o size=160M small "$root"
  rough slow=30000000
  HOY_ROOT=$root expect 1 hoy pull "$ROUGH/debian:12"
  one_sentence "${lines[-1]}"
  contains "${lines[-1]}" 'No space left'
  is "$(find "$root/tmp" -mindepth 1)" ''
  umount "$root"
}
