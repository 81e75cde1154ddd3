#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pulls that keep the blobs of layers: what push, df, verify and rmi make of them.

load lib

# shellcheck source=test/registry.bash
source "$BATS_TEST_DIRNAME/registry.bash"

# Images come from a copy of the suite's registry, ORIGIN, that a test can stop; EMPTY is what is pushed to.
test_setup() {
  local suite=$REGISTRY suite_pid=$REGISTRY_PID image
  registry_start "$BATS_TEST_TMPDIR/origin"
  ORIGIN=$REGISTRY ORIGIN_PID=$REGISTRY_PID
  registry_start "$BATS_TEST_TMPDIR/empty"
  EMPTY=$REGISTRY EMPTY_PID=$REGISTRY_PID
  REGISTRY=$suite REGISTRY_PID=$suite_pid
  for image in layers:1 zstd:1 tiny:1; do
    skopeo --insecure-policy copy -q --preserve-digests --src-tls-verify=false --dest-tls-verify=false \
      "docker://$REGISTRY/$image" "docker://$ORIGIN/$image"
  done
}
test_teardown() {
  origin_stop
  kill "$EMPTY_PID"
  hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null
  is "$(find "$HOY_ROOT/blobs" -type f 2>/dev/null)" ''
}
origin_stop() {
  [[ -n $ORIGIN_PID ]] && kill "$ORIGIN_PID"
  ORIGIN_PID=
}

blobs() { raw "$1" | jq -r '.layers[].digest' | sort -u; }
kept() { find "$HOY_ROOT/blobs" -type f -printf 'sha256:%f\n' 2>/dev/null | sort; }
du_bytes() { du -sB1 "$HOY_ROOT" | cut -f 1; }
df_bytes() { hoy system df -v | sed -nE 's/^Total: .* \(([0-9]+) bytes\) in .*/\1/p'; }

# They are what their names say.
sound() { (cd "$HOY_ROOT/blobs/sha256" && sha256sum ./* | awk '{if ("./" $1 != $2) exit 1}'); }

@test "save writes them, with the manifest that they came with: the digest stays" {
  local image digest driver
  cd "$BATS_TEST_TMPDIR"
  other() { "$HOY" --root "$PWD/$driver/root" --runroot "$PWD/$driver/run" --storage-driver "$driver" "$@"; }
  for driver in dir erofs; do
    mkdir -p "$driver/run"
    for image in layers:1 zstd:1; do
      digest=sha256:$(raw "$ORIGIN/$image" | sha256sum | cut -d ' ' -f 1)
      other pull -q --keep-blobs "$ORIGIN/$image" >/dev/null
      expect 0 other save -o "$driver.tar" "$ORIGIN/$image"
      is "$(tar -xOf "$driver.tar" index.json | jq -r '.manifests[].digest')" "$digest"
      is "$(tar -tf "$driver.tar" | sed -n 's,^blobs/sha256/\(.\),sha256:\1,p' | sort)" \
        "$({ echo "$digest"; raw "$ORIGIN/$image" | jq -r '.config.digest, .layers[].digest'; } | sort -u)"
      skopeo --insecure-policy copy -q --preserve-digests --dest-tls-verify=false "oci-archive:$driver.tar" "docker://$EMPTY/$driver-$image"
      is "sha256:$(raw "$EMPTY/$driver-$image" | sha256sum | cut -d ' ' -f 1)" "$digest"
      hoy load -q -i "$driver.tar" >/dev/null
      is "$(hoy image inspect -f '{{.Id}}' "$ORIGIN/$image")" "$(other image inspect -f '{{.Id}}' "$ORIGIN/$image")"
      hoy rmi "$ORIGIN/$image" >/dev/null
      [[ $image == zstd* ]] || skopeo --insecure-policy copy -q "docker-archive:$driver.tar" "dir:$PWD/out"
      rm -rf out
    done
    # Beside one that came from no registry.
    other pull -q base >/dev/null
    other save -o both.tar base "$ORIGIN/layers:1"
    is "$(hoy load -q -i both.tar | wc -l)" 2
    other images -q --no-trunc | xargs "$HOY" --root "$PWD/$driver/root" --runroot "$PWD/$driver/run" rmi -f >/dev/null
  done
}

@test "kept as they were served; df adds up, check is content, rmi frees" {
  local image
  hoy pull -q "$ORIGIN/tiny:1" >/dev/null
  is "$(kept)" ''
  for image in layers:1 tiny:1; do expect 0 hoy pull --keep-blobs -q "$ORIGIN/$image"; done
  is "$(kept)" "$({ blobs "$ORIGIN/layers:1"; blobs "$ORIGIN/tiny:1"; } | sort -u)"
  sound
  is "$(df_bytes)" "$(du_bytes)"
  matches "$(hoy system df -v)" $'Kept Blobs space usage:\n\nDIGEST +IMAGES +SIZE\nsha256:[0-9a-f]{64} +1 +[0-9.]+[kM]?B\n'
  is "$(hoy system check)" 'No problems'
  is "$(hoy run --rm --entrypoint cat "$ORIGIN/layers:1" /data/tree/back)" 'back again'
  hoy rmi "$ORIGIN/layers:1" >/dev/null
  is "$(kept)" "$(blobs "$ORIGIN/tiny:1")"
  matches "$(hoy image prune -af)" 'Total reclaimed space: [0-9.]+[kM]B'
  is "$(kept)" ''
  lacks "$(hoy system df -v)" 'Kept Blobs'
  is "$(df_bytes)" "$(du_bytes)"
}

@test "push to an empty registry while the origin is gone: byte for byte, by what was kept alone" {
  local image digest
  for image in layers:1 tiny:1; do
    HOY_KEEP_BLOBS=1 expect 0 hoy pull -q "$ORIGIN/$image"
    raw "$ORIGIN/$image" >"$BATS_TEST_TMPDIR/${image%:1}"
    hoy tag "$ORIGIN/$image" "$EMPTY/there/$image"
  done
  origin_stop
  for image in layers:1 tiny:1; do
    expect 0 hoy push "$EMPTY/there/$image"
    lacks "$output" 'compressed anew'
    cmp <(raw "$EMPTY/there/$image") "$BATS_TEST_TMPDIR/${image%:1}"
    for digest in $(jq -r '.layers[].digest, .config.digest' "$BATS_TEST_TMPDIR/${image%:1}"); do
      is "sha256:$(curl -fsS "http://$EMPTY/v2/there/${image%:1}/blobs/$digest" | sha256sum | cut -d ' ' -f 1)" "$digest"
    done
  done
  # Another compression is still made of the tar.
  hoy tag "$ORIGIN/layers:1" "$EMPTY/other:1"
  expect 0 hoy push --compression zstd "$EMPTY/other:1"
  is "$(raw "$EMPTY/other:1" | jq -r '.layers[0].mediaType')" application/vnd.oci.image.layer.v1.tar+zstd
}

@test "an image that is there without its blobs gets them; one that has them is up to date" {
  local layers
  hoy pull -q "$ORIGIN/layers:1" >/dev/null
  layers=$(ls -i "$HOY_ROOT/layers")
  hoy create --name user "$ORIGIN/layers:1" true >/dev/null
  expect 0 hoy pull --keep-blobs "$ORIGIN/layers:1"
  is "$(kept)" "$(blobs "$ORIGIN/layers:1")"
  is "$(ls -i "$HOY_ROOT/layers")" "$layers"
  expect 0 hoy pull --keep-blobs "$ORIGIN/layers:1"
  contains "$output" 'Image is up to date'
  hoy rm user >/dev/null
  expect 1 env HOY_KEEP_BLOBS=often "$HOY" pull "$ORIGIN/layers:1"
  contains "$output" 'HOY_KEEP_BLOBS=often is neither 0 nor 1'
}

# zstd:1 is layers:1 in another compression: the same image by another manifest.
@test "the manifest whose blobs are kept is the one that is pushed" {
  hoy pull -q "$ORIGIN/layers:1" >/dev/null
  expect 0 hoy pull -q --keep-blobs "$ORIGIN/zstd:1"
  hoy pull -q "$ORIGIN/layers:1" >/dev/null
  raw "$ORIGIN/zstd:1" >"$BATS_TEST_TMPDIR/zstd"
  origin_stop
  hoy tag "$ORIGIN/zstd:1" "$EMPTY/zstd:1"
  expect 0 hoy push "$EMPTY/zstd:1"
  cmp <(raw "$EMPTY/zstd:1") "$BATS_TEST_TMPDIR/zstd"
  expect 0 hoy image verify
}

@test "images that share a blob; a pull that does not keep leaves what is kept" {
  # The same layers under another config: another image.
  local layout=$BATS_TEST_TMPDIR/oci
  skopeo --insecure-policy copy -q --preserve-digests --src-tls-verify=false "docker://$ORIGIN/layers:1" "oci:$layout:1"
  umoci config --image "$layout:1" --config.user nobody
  skopeo --insecure-policy copy -q --preserve-digests --dest-tls-verify=false "oci:$layout:1" "docker://$ORIGIN/twin:1"
  hoy pull -q --keep-blobs "$ORIGIN/layers:1" >/dev/null
  hoy pull -q --keep-blobs "$ORIGIN/twin:1" >/dev/null
  is "$(kept)" "$(blobs "$ORIGIN/layers:1")"
  matches "$(hoy system df -v)" $'\nsha256:[0-9a-f]{64} +2 +'
  hoy rmi "$ORIGIN/layers:1" >/dev/null
  is "$(kept)" "$(blobs "$ORIGIN/twin:1")"
  hoy pull -q "$ORIGIN/layers:1" >/dev/null
  hoy rmi "$ORIGIN/twin:1" >/dev/null
  is "$(kept)" ''
}

@test "a blob that is damaged, or gone: verify, repair, push" {
  local one
  hoy pull -q --keep-blobs "$ORIGIN/layers:1" >/dev/null
  one=$HOY_ROOT/blobs/sha256/$(blobs "$ORIGIN/layers:1" | head -n 1 | cut -d : -f 2)
  damage "$one"
  expect 1 hoy image verify "$ORIGIN/layers:1"
  contains "$output" "blob sha256:${one##*/}: its digest is"
  hoy tag "$ORIGIN/layers:1" "$EMPTY/layers:1"
  expect 0 hoy push -q "$EMPTY/layers:1" # by the origin
  cmp <(raw "$EMPTY/layers:1") <(raw "$ORIGIN/layers:1")
  expect 0 hoy image verify --repair "$ORIGIN/layers:1"
  expect 0 hoy image verify "$ORIGIN/layers:1"
  sound
  rm "$one"
  expect 1 hoy system check
  contains "$output" "$one is missing"
  expect 0 hoy image verify --repair "$ORIGIN/layers:1"
  is "$(hoy system check)" 'No problems'
  damage "$one"
  origin_stop
  hoy tag "$ORIGIN/layers:1" "$EMPTY/new/layers:1"
  kill "$EMPTY_PID"
  local suite=$REGISTRY suite_pid=$REGISTRY_PID
  registry_start "$BATS_TEST_TMPDIR/empty2"
  EMPTY=$REGISTRY EMPTY_PID=$REGISTRY_PID REGISTRY=$suite REGISTRY_PID=$suite_pid
  hoy tag "$ORIGIN/layers:1" "$EMPTY/layers:1"
  expect 1 hoy push -q "$EMPTY/layers:1"
  matches "${lines[-1]}" 'damaged: hoy image verify --repair'
  : >"$HOY_ROOT/blobs/sha256/$(printf '0%.0s' {1..64})"
  expect 1 hoy system check
  contains "$output" 'belongs to nothing'
  rm "$HOY_ROOT/blobs/sha256/$(printf '0%.0s' {1..64})"
}

# A byte of the file is another; it may be sealed: then a copy takes its place.
damage() {
  cp "$1" "$1.new"
  printf X | dd of="$1.new" bs=1 seek=50 conv=notrunc status=none
  mv "$1.new" "$1"
}

@test "storage driver dir: the same" {
  export HOY_ROOT=$BATS_TEST_TMPDIR/root HOY_RUNROOT=$BATS_TEST_TMPDIR/run
  expect 0 hoy --storage-driver dir pull -q --keep-blobs "$ORIGIN/layers:1"
  raw "$ORIGIN/layers:1" >"$BATS_TEST_TMPDIR/raw"
  sound
  hoy --storage-driver dir tag "$ORIGIN/layers:1" "$EMPTY/layers:1"
  origin_stop
  expect 0 hoy --storage-driver dir push -q "$EMPTY/layers:1"
  cmp <(raw "$EMPTY/layers:1") "$BATS_TEST_TMPDIR/raw"
  hoy --storage-driver dir image prune -af >/dev/null
}

# dir COMMAND...: hoy with the storage driver dir, and a root of its own.
dir() { "$HOY" --root "$BATS_TEST_TMPDIR/dir" --runroot "$BATS_TEST_TMPDIR/dir.run" --storage-driver dir "$@"; }
dir_kept() { find "$BATS_TEST_TMPDIR/dir/blobs" -type f 2>/dev/null | wc -l; }
dir_rmi() { dir images -q --no-trunc | xargs "$HOY" --root "$BATS_TEST_TMPDIR/dir" --runroot "$BATS_TEST_TMPDIR/dir.run" rmi -f >/dev/null; }

@test "storage driver dir: what is made here is kept, and can be pushed and saved" {
  local name
  cd "$BATS_TEST_TMPDIR"
  echo new >new
  dir create --name c1 base >/dev/null
  dir cp new c1:/new
  dir commit c1 "$EMPTY/made:1" >/dev/null
  dir export c1 | dir import - imported >/dev/null
  is "$(dir_kept)" 3
  expect 0 dir push -q "$EMPTY/made:1"
  expect 0 hoy run --rm "$EMPTY/made:1" cat /new
  is "${lines[-1]}" new
  hoy rmi "$EMPTY/made:1" >/dev/null
  # On top of what a registry has: that goes through, and is what save lacks.
  dir pull -q "$ORIGIN/layers:1" >/dev/null
  dir create --name c2 "$ORIGIN/layers:1" x >/dev/null
  dir cp new c2:/new
  dir commit c2 "$EMPTY/above:1" >/dev/null
  expect 0 dir push -q "$EMPTY/above:1"
  is "$(raw "$EMPTY/above:1" | jq -c '.layers[:-1] | map(.digest)')" "$(raw "$ORIGIN/layers:1" | jq -c '.layers | map(.digest)')"
  expect 1 dir save -o above.tar "$EMPTY/above:1"
  one_sentence "$output"
  contains "$output" 'no blob of layer sha256:'
  # Of what is kept of the image below each has its share.
  dir pull -q --keep-blobs "$ORIGIN/layers:1" >/dev/null
  dir commit c2 above:2 >/dev/null
  dir rm c1 c2 >/dev/null
  dir rmi "$EMPTY/above:1" "$ORIGIN/layers:1" >/dev/null
  for name in "$EMPTY/made:1" imported above:2 base; do
    dir save -o saved.tar "$name"
    hoy load -q -i saved.tar >/dev/null
    is "$(hoy image inspect -f '{{.Id}}' "$name")" "$(dir image inspect -f '{{.Id}}' "$name")"
    hoy rmi "$name" >/dev/null
  done
  is "$(dir system check)" 'No problems'
  damage "dir/blobs/sha256/$(dir image inspect -f '{{index .RootFS.Layers 0}}' imported | cut -d : -f 2)"
  expect 1 dir image verify imported
  contains "$output" 'blob sha256:'
  dir_rmi
  is "$(dir_kept)" 0
}

@test "storage driver dir: what is loaded is kept: compressed, plain, one layer in both forms" {
  local archive
  cd "$BATS_TEST_TMPDIR"
  hoy pull -q --keep-blobs "$ORIGIN/layers:1" >/dev/null
  hoy save -o blobs.tar "$ORIGIN/layers:1"
  hoy rmi "$ORIGIN/layers:1" >/dev/null
  hoy pull -q "$ORIGIN/layers:1" >/dev/null
  hoy save -o tars.tar "$ORIGIN/layers:1"
  mkdir a
  tar -C a -xf blobs.tar && mv a/index.json blobs.json
  tar -C a -xf tars.tar && mv a/index.json tars.json
  rm a/manifest.json
  for archive in "blobs tars" "tars blobs"; do
    # shellcheck disable=SC2086
    (set -- $archive && jq -s '.[0].manifests += .[1].manifests | .[0]' "$1.json" "$2.json" >a/index.json && tar -C a -cf "$1-$2.tar" .)
  done
  for archive in blobs tars blobs-tars tars-blobs; do
    dir load -q -i "$archive.tar" >/dev/null
    is "$(find dir/tmp -mindepth 1)" ''
    is "$archive: $(dir system check)" "$archive: No problems"
    dir save -o saved.tar "$ORIGIN/layers:1"
    cmp saved.tar "${archive#*-}.tar"
    dir_rmi
    is "$(dir_kept)" 0
  done
  # With the digests that they had; what another that was killed has left of one is gone on with.
  mkdir -p dir/tmp/partial
  for archive in $(blobs "$ORIGIN/layers:1" | cut -d : -f 2); do
    head -c 100 "a/blobs/sha256/$archive" >"dir/tmp/partial/$archive"
    chmod 666 "dir/tmp/partial/$archive"
  done
  dir load -q -i blobs.tar >/dev/null
  dir tag "$ORIGIN/layers:1" "$EMPTY/layers:1"
  expect 0 dir push -q "$EMPTY/layers:1"
  cmp <(raw "$EMPTY/layers:1") <(raw "$ORIGIN/layers:1")
  dir_rmi
}

@test "no room for the blobs: one sentence, and nothing is left" {
  local root=$BATS_TEST_TMPDIR/small
  head -c 30000000 /dev/urandom >"$BATS_TEST_TMPDIR/random"
  tar -C "$BATS_TEST_TMPDIR" -cf "$BATS_TEST_TMPDIR/random.tar" random
  umoci init --layout "$BATS_TEST_TMPDIR/oci"
  umoci new --image "$BATS_TEST_TMPDIR/oci:1"
  umoci raw add-layer --image "$BATS_TEST_TMPDIR/oci:1" "$BATS_TEST_TMPDIR/random.tar"
  skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$BATS_TEST_TMPDIR/oci:1" "docker://$ORIGIN/random:1"
  mkdir "$root"
  mount -t tmpfs -o size=40M small "$root"
  HOY_ROOT=$root expect 1 hoy pull --keep-blobs "$ORIGIN/random:1"
  one_sentence "${lines[-1]}"
  contains "${lines[-1]}" 'No space left'
  is "$(find "$root/tmp" -mindepth 1)" ''
  umount "$root"
}
