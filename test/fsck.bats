#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# fsck.erofs reads every index that hoy writes, with the layers' tars as its devices.

load lib

# The machine's own fsck.erofs, or the newer one that test/images brought.
fsck() {
  local newer=$TEST_IMAGES/fsck loader
  if [[ -d $newer ]]; then
    loader=$(echo "$newer"/usr/lib/*/ld-linux-*.so.*)
    "$loader" --library-path "${loader%/*}" "$newer/usr/bin/fsck.erofs" "$@"
  else
    fsck.erofs "$@"
  fi
}

# index_of IMAGE: the index's path and then its devices, as fsck.erofs takes them.
index_of() {
  local layers chain layer
  mapfile -t layers < <(hoy image inspect "$1" | jq -r '.[0].RootFS.Layers[]')
  chain=${layers[0]}
  for layer in "${layers[@]:1}"; do
    chain=sha256:$(printf '%s %s' "$chain" "$layer" | sha256sum | cut -d' ' -f1)
  done
  printf -- "--device=$HOY_ROOT/layers/%s\n" "${layers[@]#sha256:}"
  echo "$HOY_ROOT/images/${chain#sha256:}"
}

# The image sparse:1: files with holes.
sparse() {
  mkdir "$BATS_TEST_TMPDIR/sparse"
  truncate -s 1M "$BATS_TEST_TMPDIR"/sparse/{all,end,middle}
  dd if=/dev/urandom of="$BATS_TEST_TMPDIR/sparse/middle" bs=4096 seek=17 count=5 conv=notrunc status=none
  dd if=/dev/urandom of="$BATS_TEST_TMPDIR/sparse/end" bs=4099 seek=256 count=1 conv=notrunc status=none
  tar -C "$BATS_TEST_TMPDIR/sparse" -Scf "$BATS_TEST_TMPDIR/sparse.tar" .
  hoy import "$BATS_TEST_TMPDIR/sparse.tar" sparse:1 >/dev/null
}

@test "fsck.erofs reads every file through the indexes of all images" {
  [[ -d $TEST_IMAGES/fsck || ! $(fsck -V 2>&1) =~ \ 1\.[0-5]$ ]] || skip "fsck.erofs is older than 1.6"
  local name arguments
  for name in tiny:1 layers:1 zstd:1 multi:1 debian:12; do
    hoy pull -q "$REGISTRY/$name"
  done
  hoy run --rm base true
  sparse
  for name in "$REGISTRY"/{tiny:1,layers:1,zstd:1,multi:1,debian:12} base sparse:1; do
    mapfile -t arguments < <(index_of "$name")
    [[ -e ${arguments[-1]} ]] || { echo "$name has no index"; return 1; }
    expect 0 fsck --extract "${arguments[@]}"
    lacks "$output" '<E>'
  done
  hoy images -q | sort -u | xargs "$HOY" rmi -f >/dev/null
}

# Debian 12's own fsck.erofs knows blocks of 4096 bytes only: it gets the twin of each index, made again from
# the layers' tars, and first compared to the byte with the index that hoy mounts.
@test "fsck.erofs of Debian 12 finds nothing in the indexes' twins" {
  local name arguments twin=$BATS_TEST_TMPDIR/twin
  for name in tiny:1 layers:1 zstd:1 multi:1 debian:12; do
    hoy pull -q "$REGISTRY/$name"
  done
  hoy run --rm base true
  sparse
  for name in "$REGISTRY"/{tiny:1,layers:1,zstd:1,multi:1,debian:12} base sparse:1; do
    mapfile -t arguments < <(index_of "$name")
    expect 0 "$BUILD/src/unpack/twin" "${arguments[-1]}" "$twin" "${arguments[@]:0:${#arguments[@]}-1}"
    expect 0 fsck.erofs "${arguments[@]:0:${#arguments[@]}-1}" "$twin"
    lacks "$output" '<E>'
  done
  hoy images -q | sort -u | xargs "$HOY" rmi -f >/dev/null
}

@test "files read through the mount are the tar's" {
  hoy pull -q "$REGISTRY/debian:12"
  # Debian's own list of what its packages brought, checked inside.
  expect 0 hoy run --rm "$REGISTRY/debian:12" sh -c 'cd / && cat /var/lib/dpkg/info/*.md5sums | md5sum -c --quiet 2>&1 | tail -n 3'
  is "$output" ''
  hoy rmi "$REGISTRY/debian:12"
}
