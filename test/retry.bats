#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pulls that do not give up: a registry that is busy, breaks off, stalls.

load lib
load rough

file_setup() { rough_start; }
file_teardown() { rough_stop; }
test_setup() { rough; }

test_teardown() { hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null; }

# rough_pull RULES...: through the proxy it is the same image as without.
rough_pull() {
  rough "$@"
  expect 0 hoy pull -q "$ROUGH/layers:1"
  is "$(hoy run --rm --entrypoint cat "$ROUGH/layers:1" /data/tree/back)" 'back again'
  hoy rmi "$ROUGH/layers:1"
}

@test "a registry that is busy, or broken for a moment" {
  rough_pull status=429/1 after=1
  is "$(grep -c ' 429 ' "$ROUGH_LOG")" "$(grep -c ' 200 ' "$ROUGH_LOG")"
  rough_pull status=503/2 only=manifests
  rough_pull status=429/1 after=date only=manifests
  rough_pull status=408/1
  rough_pull close=2
}

@test "a registry that stays busy: how often, and why" {
  rough status=503/99
  expect 1 hoy pull "$ROUGH/tiny:1"
  matches "${lines[-1]}" '503.*tried 5 times'
  is "$(wc -l <"$ROUGH_LOG")" 5
  rough status=429/98 after=3600
  expect 1 hoy pull "$ROUGH/tiny:1"
  matches "${lines[-1]}" '429.*come back in 3600 seconds'
  is "$(wc -l <"$ROUGH_LOG")" 1
  for after in 99999999999 31-Dec-9999; do
    rough status=429/96 after=$after
    expect 1 hoy pull "$ROUGH/tiny:1"
    matches "${lines[-1]}" '429.*come back in 4294967295 seconds'
    is "$(wc -l <"$ROUGH_LOG")" 1
  done
  rough close=97
  expect 1 hoy pull "$ROUGH/tiny:1"
  matches "${lines[-1]}" 'without an answer.*tried 3 times'
  expect 1 hoy pull 127.0.0.1:1/x
  matches "${lines[-1]}" 'refused.*tried 3 times'
}

@test "a connection that breaks: the rest is asked for" {
  rough_pull drop=500000
  contains "$(<"$ROUGH_LOG")" 'bytes=500000- 206'
  # No byte came twice.
  is "$(awk '$2 ~ /blobs/ {n += $5} END {print n}' "$ROUGH_LOG")" \
    "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/layers:1" | jq '[.layers[].size, .config.size] | add')"
}

@test "a connection that breaks, and no Range" {
  # Each time it begins again, each time a little less of it: then all of it.
  rough drop=900000 norange
  expect 1 hoy pull "$ROUGH/layers:1"
  matches "${lines[-1]}" 'tried 5 times'
  rough drop=900000 norange
  (wait_line "$ROUGH_LOG" ' 200 900000'; rough norange) 3>&- &
  expect 0 hoy pull -q "$ROUGH/layers:1"
  wait $!
  is "$(hoy run --rm --entrypoint cat "$ROUGH/layers:1" /data/tree/back)" 'back again'
  hoy rmi "$ROUGH/layers:1"
}

@test "another part than was asked for is refused: all of it is asked for" {
  rough drop=900000 badrange
  (wait_line "$ROUGH_LOG" 'bytes=900000- 206'; rough badrange) 3>&- &
  expect 0 hoy pull -q "$ROUGH/layers:1"
  wait $!
  is "$(hoy run --rm --entrypoint cat "$ROUGH/layers:1" /data/tree/back)" 'back again'
  hoy rmi "$ROUGH/layers:1"
}

@test "another command removes layers that are here meanwhile: they come, too" {
  local layout=$BATS_TEST_TMPDIR/oci driver pid
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REGISTRY/layers:1" "oci:$layout:1"
  head -c 9000000 /dev/urandom >"$BATS_TEST_TMPDIR/random"
  tar -C "$BATS_TEST_TMPDIR" -cf "$BATS_TEST_TMPDIR/random.tar" random
  umoci raw add-layer --image "$layout:1" "$BATS_TEST_TMPDIR/random.tar"
  skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$layout:1" "docker://$REGISTRY/more:1"
  for driver in erofs dir; do
    HOY_ROOT=$BATS_TEST_TMPDIR/$driver
    hoy --storage-driver "$driver" pull -q "$REGISTRY/layers:1"
    rough slow=4000000
    "$HOY" --storage-driver "$driver" pull -q "$ROUGH/more:1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    pid=$!
    eventually 20 has_part
    hoy rmi "$REGISTRY/layers:1"
    rough
    ends_with 0 "$pid" || { cat "$BATS_TEST_TMPDIR/out"; false; }
    is "$(<"$BATS_TEST_TMPDIR/out")" "$ROUGH/more:1"
    is "$(hoy run --rm --entrypoint cat "$ROUGH/more:1" /data/tree/back)" 'back again'
    hoy rmi "$ROUGH/more:1"
  done
  rm -r "$TEST_IMAGES/registry/docker/registry/v2/repositories/more"
}
has_part() { [[ -n $(find "$HOY_ROOT/tmp" -name '*.part' -size +4M) ]]; }

@test "another command removes the index that is here meanwhile: it is made" {
  local layout=$BATS_TEST_TMPDIR/oci name pid
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REGISTRY/layers:1" "oci:$layout:1"
  umoci config --image "$layout:1" --tag twin --author somebody
  echo more >"$BATS_TEST_TMPDIR/more"
  tar -C "$BATS_TEST_TMPDIR" -cf "$BATS_TEST_TMPDIR/more.tar" more
  umoci raw add-layer --image "$layout:1" --tag more "$BATS_TEST_TMPDIR/more.tar"
  for name in twin more; do
    skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$layout:$name" "docker://$REGISTRY/$name:1"
  done
  hoy pull -q "$REGISTRY/layers:1"
  hoy pull -q "$REGISTRY/more:1" # it keeps the layers
  strace -qq -o "$BATS_TEST_TMPDIR/trace" -P layers -e trace=mkdirat -e inject=mkdirat:delay_enter=3000000:when=1 \
    "$HOY" pull -q "$REGISTRY/twin:1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  pid=$!
  wait_line "$BATS_TEST_TMPDIR/trace" layers
  hoy rmi "$REGISTRY/layers:1"
  ends_with 0 "$pid"
  is "$(hoy image verify "$REGISTRY/twin:1")" "$REGISTRY/twin:1: OK"
  hoy rmi "$REGISTRY/twin:1" "$REGISTRY/more:1"
  rm -r "$TEST_IMAGES"/registry/docker/registry/v2/repositories/{more,twin}
}

@test "a blob that stalls goes on" {
  export HOY_STALL_TIMEOUT=1
  rough stall=700000
  (wait_line "$ROUGH_LOG" '/blobs/.* 200' 20; sleep 0.5; rough) 3>&- &
  expect 0 hoy pull -q "$ROUGH/layers:1"
  wait $!
  hoy rmi "$ROUGH/layers:1"
}
