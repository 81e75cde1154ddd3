#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# fsck.erofs reads every index that hoy writes, with the layers' tars as its devices.

load lib

@test "fsck.erofs finds nothing in the indexes of all images" {
  local name index
  for name in tiny:1 layers:1 zstd:1 multi:1 debian:12; do
    hoy pull -q "$REGISTRY/$name"
  done
  hoy run --rm base true
  run find "$HOY_ROOT/images" -type f
  ((${#lines[@]} >= 5))
  for index in "${lines[@]}"; do
    expect 0 fsck.erofs "$index"
    lacks "$output" 'error'
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
