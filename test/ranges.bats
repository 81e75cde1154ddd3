#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A large layer over several connections, when one of them is given little: what a server makes of it.

load lib
load rough

# Of one layer of 32 MiB, which can't be compressed. RATE bytes a second are eight seconds for one connection; OTHER is
# nearly as little, where it is not about the time.
export RATE=4194304 OTHER=12000000 LAYER=33554432

file_setup() {
  rough_start
  local layout=$BATS_FILE_TMPDIR/oci
  head -c "$LAYER" /dev/urandom >"$BATS_FILE_TMPDIR/large"
  tar -C "$BATS_FILE_TMPDIR" -cf "$BATS_FILE_TMPDIR/large.tar" large
  umoci init --layout "$layout"
  umoci new --image "$layout:large"
  umoci raw add-layer --image "$layout:large" "$BATS_FILE_TMPDIR/large.tar"
  skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$layout:large" "docker://$REGISTRY/large:1"
  rm -r "$layout" "$BATS_FILE_TMPDIR/large"
}
file_teardown() {
  rough_stop
  rm -rf "$TEST_IMAGES/registry/docker/registry/v2/repositories/large"
}
test_setup() { rough; }
test_teardown() { hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null; }

# rough_pull RULES...: it is the image that it should be, and TOOK milliseconds.
rough_pull() {
  local start
  rough "$@"
  start=$(date +%s%3N)
  expect 0 hoy pull -q "$ROUGH/large:1"
  TOOK=$(($(date +%s%3N) - start))
  cmp "$BATS_FILE_TMPDIR/large.tar" "$HOY_ROOT"/layers/*
  hoy rmi "$ROUGH/large:1" >/dev/null
  is "$(find "$HOY_ROOT/tmp" -mindepth 1)" ''
}

# Requests for ranges of the layer; how many blobs came at once, at most; bytes of blobs.
ranges() { grep -c 'bytes=[0-9]*-[0-9]' "$ROUGH_LOG"; }
at_once() { awk '{if ($6 > n) n = $6} END {print n + 0}' "$ROUGH_LOG"; }
blob_bytes() { awk '$2 ~ /blobs/ {n += $5} END {print n + 0}' "$ROUGH_LOG"; }

@test "connections that are given little: several of them, and faster than one could be" {
  rough_pull "slow=$RATE"
  (($(at_once) >= 4 && $(at_once) <= 5)) # the proxy hears a little later that the first has ended
  (($(ranges) >= 3))
  # Two thirds of what one connection takes, at least.
  ((TOOK < 2 * 1000 * LAYER / RATE / 3)) || { echo "$TOOK ms"; false; }
  # What came twice is what was on its way when the first connection ended.
  (($(blob_bytes) < LAYER + 4194304))
}

@test "a connection that is given enough stays the only one" {
  rough_pull
  is "$(ranges)" 0
  rough_pull slow=200000000
  is "$(ranges)" 0
}

@test "redirected, with tokens that don't last" {
  rough_pull "slow=$OTHER" redirect
  (($(grep -c 'bytes=[0-9]*-[0-9]* 307' "$ROUGH_LOG") >= 3 && $(at_once) >= 4))
  rough_pull "slow=$OTHER" bearer=6
  (($(grep -c '/token' "$ROUGH_LOG") >= 2 && $(at_once) >= 4))
  contains "$(<"$ROUGH_LOG")" ' 401 '
}

@test "no ranges: the first connection is not ended, and nobody asks again" {
  rough_pull "slow=$OTHER" norange
  (($(ranges) <= 3))
  is "$(grep '/blobs/' "$ROUGH_LOG" | grep -c " - 200 ")" 2 # the config, and all of the layer at once
}

@test "ranges that are others, or more, or refused: one connection as before" {
  local rule
  for rule in part-badrange part-more part-status=429/98; do
    rough_pull "slow=$OTHER" "$rule"
    (($(ranges) <= 3)) || { echo "$rule"; cat "$ROUGH_LOG"; false; }
    is "$(grep '/blobs/' "$ROUGH_LOG" | grep -c " - 200 ")" 2
  done
}

@test "ranges that break off, or are shorter: the rest is asked for" {
  rough_pull "slow=$OTHER" part-drop=1000000
  (($(ranges) > 10))
  rough_pull "slow=$OTHER" part-short=1000000
  (($(ranges) > 10))
}

@test "ranges that end at once, for a moment or always" {
  rough_pull "slow=$OTHER" part-drop=1
  rough_pull "slow=$OTHER" drop=3000000
}

@test "ranges of something else: once more, in one piece" {
  rough_pull "slow=$OTHER" part-wrong
  (($(ranges) >= 3 && $(blob_bytes) > 2 * LAYER))
}

@test "a range that stalls" {
  HOY_STALL_TIMEOUT=1 rough_pull "slow=$OTHER" part-stall=2000000/2
}

@test "kill -9 while several are on their way: the next pull goes on with what came in order" {
  local digest pid worker
  digest=$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/large:1" | jq -r '.layers[0].digest')
  rough "slow=$RATE"
  "$HOY" pull "$ROUGH/large:1" >/dev/null 2>&1 3>&- &
  pid=$!
  eventually 20 has_part
  worker=$(pgrep -P "$pid")
  kill -KILL "$pid"
  wait "$pid" || true
  wait_gone "$worker"
  rough_pull
  matches "$(grep "$digest" "$ROUGH_LOG")" 'bytes=[0-9]{7,8}- 206'
  (($(blob_bytes) < LAYER - 8000000))
}
has_part() { [[ -n $(find "$HOY_ROOT/tmp" -name '*.part' -size +8M) ]]; }
