#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The images that are there: tag, history, images with filters, image prune, and what takes the disk.

load lib

test_teardown() {
  hoy ps -aq | xargs -r "$HOY" rm -f >/dev/null
  hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null
  hoy volume prune -af >/dev/null
}

# The bytes that du counts, and those of system df.
du_bytes() { du -sB1 "$HOY_ROOT" | cut -f 1; }
df_bytes() { hoy system df -v | sed -nE 's/^Total: .* \(([0-9]+) bytes\) in .*/\1/p'; }

@test "tag: a name more, a name moved, and what is no name" {
  hoy pull -q base >/dev/null
  hoy pull -q "$REGISTRY/tiny:1" >/dev/null
  expect 0 hoy tag base example.com/team/app:v1
  is "$output" ''
  is "$(hoy images -q example.com/team/app:v1)" "$(hoy images -q base)"
  hoy tag "$(hoy images -q base)" again
  is "$(hoy run --rm again echo yes)" yes
  # The other image has it now.
  hoy tag "$REGISTRY/tiny:1" again
  is "$(hoy images -q again)" "$(hoy images -q "$REGISTRY/tiny")"
  is "$(hoy images -q base | wc -l)" 1
  expect 1 hoy tag nothing again
  is "$output" 'hoy: No such image: nothing:latest'
  expect 1 hoy tag base 'UPPER'
  contains "$output" 'must be lowercase'
  expect 1 hoy tag base "x@sha256:$(printf '0%.0s' {1..64})"
  contains "$output" 'refusing to create a tag with a digest reference'
  expect 1 hoy tag base "sha256:$(hoy images -q "$REGISTRY/tiny")"
  contains "$output" "which would be taken for an image's id"
  # An image lives as long as it has a name.
  hoy rmi example.com/team/app:v1 >/dev/null
  is "$(hoy run --rm base echo yes)" yes
}

@test "base comes again out of hoy: to its name, to whoever has another, and beside what runs" {
  local id
  expect 0 hoy pull base
  id=$(hoy images -q base)
  hoy tag base mine
  hoy rmi base >/dev/null
  expect 0 hoy run --rm --network none base echo yes
  is "$output" yes
  hoy run -d --name runs --network none base sleep 100 >/dev/null
  expect 0 hoy pull base
  expect 0 hoy run --rm --network none --pull always base echo yes
  is "$output" yes
  is "$(hoy exec runs echo still)" still
  hoy rm -f runs >/dev/null
  is "$(hoy images -q base)" "$id"
  is "$(hoy system check)" 'No problems'
  hoy rmi mine >/dev/null
  # What is called so is that, after a pull.
  hoy pull -q "$REGISTRY/tiny:1" >/dev/null
  hoy tag "$REGISTRY/tiny:1" base
  hoy pull base >/dev/null
  is "$(hoy images -q base)" "$id"
}

@test "history: a step a line, the last one first" {
  hoy pull -q "$REGISTRY/layers:1" >/dev/null
  expect 0 hoy history "$REGISTRY/layers:1"
  matches "${lines[0]}" '^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$'
  matches "${lines[1]}" '^[0-9a-f]{12} .* umoci config +0B'
  matches "${lines[2]}" '^<missing> .* umoci raw add-layer +10\.24kB'
  is "${#lines[@]}" 6
  is "$(hoy history -q --no-trunc "$REGISTRY/layers:1" | head -n 1)" "$(hoy images -q --no-trunc)"
  # The sizes are those of the layers: together the image's.
  is "$(hoy history -H=false --format '{{.Size}}' "$REGISTRY/layers:1" | awk "{n += \$1} END {print n}")" \
    "$(hoy image inspect -f '{{.Size}}' "$REGISTRY/layers:1")"
  matches "$(hoy history -H=false --format '{{.CreatedSince}}' "$REGISTRY/layers:1" | head -n 1)" '^2[0-9-]+T'
  expect 1 hoy history nothing
  expect 1 hoy history
}

# Builders that make the same image each time say that it was made in 1970.
@test "an image of 1970 is old, one that does not say when it was made is not" {
  local layout=$BATS_TEST_TMPDIR/oci created
  umoci init --layout "$layout"
  for created in 1970-01-01T00:00:00Z 0001-01-01T00:00:00Z 2001-02-03T04:05:06.789Z; do
    umoci new --image "$layout:${created::4}"
    umoci config --image "$layout:${created::4}" --created $created --history.created $created
    skopeo --insecure-policy copy -q "oci:$layout:${created::4}" "oci-archive:$layout.tar:made:${created::4}"
    hoy load -q -i "$layout.tar" >/dev/null
    rm "$layout.tar"
  done
  matches "$(hoy images made:1970)" ' [5-9][0-9] years ago '
  is "$(hoy images --format '{{.CreatedAt}} {{.CreatedSince}}' made:0001)" 'N/A N/A'
  is "$(hoy images --format '{{.CreatedAt}}' made:1970)" '1970-01-01 00:00:00 +0000 UTC'
  matches "$(hoy history made:1970)" ' [5-9][0-9] years ago '
  matches "$(hoy history made:0001)" ' N/A '
  is "$(hoy history --format '{{.CreatedAt}}' made:1970)" 1970-01-01T00:00:00Z
  is "$(hoy history --format '{{.CreatedAt}}' made:0001)" 0001-01-01T00:00:00Z
  # Docker's API has whole seconds.
  is "$(hoy history --format '{{.CreatedAt}}' made:2001)" 2001-02-03T04:05:06Z
}

@test "images: filters, and a tree" {
  hoy pull -q base >/dev/null
  hoy pull -q "$REGISTRY/debian:12" >/dev/null
  hoy pull -q "$REGISTRY/tiny:1" >/dev/null
  is "$(hoy images -q -f label=made=by-umoci)" "$(hoy images -q "$REGISTRY/debian")"
  is "$(hoy images -q -f label=made)" "$(hoy images -q "$REGISTRY/debian")"
  is "$(hoy images -q -f label=made=otherwise)" ''
  is "$(hoy images -q -f label=made -f label=unknown)" ''
  is "$(hoy images -q -f reference='*ase' | wc -l)" 1
  is "$(hoy images -q -f reference='*/tiny' -f reference=base | wc -l)" 2
  is "$(hoy images -q 'ba*')$(hoy images -q 'base:*')$(hoy images -q docker.io/library/base:latest)" \
    "$(hoy images -q base)$(hoy images -q base)$(hoy images -q base)"
  is "$(hoy images --format '{{.Repository}}' '*/tiny')" "$REGISTRY/tiny"
  is "$(hoy images -q "$REGISTRY/tiny:2")$(hoy images -q --tree 'ba' 2>/dev/null)$(hoy images -q ase)" ''
  is "$(hoy images -q -f "before=$REGISTRY/debian:12")" "$(hoy images -q base)"
  is "$(hoy images -q -f since=base | wc -l)" 2
  is "$(hoy images -q -f until=1970-01-02)" ''
  is "$(hoy images -q -f until=0s | wc -l)" 3
  is "$(hoy images -q -f dangling=true)" ''
  is "$(hoy images -q -f dangling=false | wc -l)" 3
  expect 1 hoy images -f colour=red
  is "$output" "hoy: invalid filter 'colour'"
  expect 1 hoy images -f dangling=perhaps
  expect 1 hoy images -f until=whenever
  expect 125 hoy images -f nothing
  contains "$output" 'bad format of filter'
  hoy create base true >/dev/null
  expect 0 hoy images --tree
  matches "${lines[0]}" '^IMAGE +ID +DISK USAGE +CONTENT SIZE +EXTRA'
  matches "$output" 'base:latest +[0-9a-f]{12} +[0-9.]+MB +[0-9.]+MB +U'
  matches "$output" '└─ linux/[a-z0-9]+ '
}

@test "image prune: the plan, and then just that" {
  hoy pull -q base >/dev/null
  hoy pull -q "$REGISTRY/layers:1" >/dev/null
  hoy pull -q "$REGISTRY/debian:12" >/dev/null
  # tiny shares its layer with layers, and loses its name to another image.
  hoy pull -q "$REGISTRY/tiny:1" >/dev/null
  hoy tag base "$REGISTRY/tiny:1"
  local plan before
  plan=$(hoy image prune --plan)
  matches "$plan" 'deleted: sha256:[0-9a-f]{64}'
  is "$(hoy images -q -f dangling=true | wc -l)" 1
  expect 0 hoy image prune <<<n
  contains "$output" 'WARNING! This will remove all dangling images.'
  is "$(hoy images -q -f dangling=true | wc -l)" 1
  expect 0 hoy image prune <<<y
  is "$(sed 's/.*\[y\/N\] //; s/Deleted Images/Images to delete/; s/reclaimed/reclaimable/' <<<"${output#*$'\n'}")" "$plan"
  is "$(hoy run --rm "$REGISTRY/layers:1")" 'from image'
  # What a container has stays.
  hoy create --name user "$REGISTRY/debian:12" true >/dev/null
  plan=$(hoy image prune -a --plan)
  [[ $plan != *debian* ]]
  expect 0 hoy image prune -a --plan --filter label=made
  is "$output" 'Total reclaimable space: 0B (0 bytes)'
  hoy system df >/dev/null
  before=$(du -sB1 "$HOY_ROOT"/layers "$HOY_ROOT"/images | cut -f 1 | awk "{n += \$1} END {print n}")
  expect 0 hoy image prune -af
  is "$(sed 's/Deleted Images/Images to delete/; s/reclaimed/reclaimable/' <<<"$output")" "$plan"
  is "$(sed -nE 's/^Total .*\(([0-9]+) bytes\)$/\1/p' <<<"$output")" \
    "$((before - $(du -sB1 "$HOY_ROOT"/layers "$HOY_ROOT"/images | cut -f 1 | awk "{n += \$1} END {print n}")))"
  is "$(hoy images -q)" "$(hoy images -q "$REGISTRY/debian")"
  hoy rm user >/dev/null
}

@test "image prune: images of the same layers have one index, which is counted once" {
  local plan before
  hoy create --name same "$REGISTRY/tiny:1" >/dev/null
  hoy commit -c 'LABEL other=1' same same:1 >/dev/null
  hoy rm same >/dev/null
  hoy tag "$REGISTRY/tiny:1" tiny:1
  hoy image inspect same:1 tiny:1 | jq -e '.[0].RootFS == .[1].RootFS and .[0].Id != .[1].Id' >/dev/null
  before=$(du -sB1 "$HOY_ROOT"/layers "$HOY_ROOT"/images | cut -f 1 | awk "{n += \$1} END {print n}")
  plan=$(hoy image prune -a --plan | sed -nE 's/^Total .*\(([0-9]+) bytes\)$/\1/p')
  hoy image prune -af >/dev/null
  is "$plan" \
    "$((before - $(du -sB1 "$HOY_ROOT"/layers "$HOY_ROOT"/images | cut -f 1 | awk "{n += \$1} END {print n}")))"
}

@test "system df: the rows, the sizes, an orphan" {
  hoy pull -q "$REGISTRY/layers:1" >/dev/null
  hoy pull -q "$REGISTRY/tiny:1" >/dev/null
  hoy run -d --name busy -v data:/data base sh -c 'dd if=/dev/zero of=/big bs=1M count=5 2>&1; ln /big /again; sleep 60' >/dev/null
  timeout 20 "$HOY" exec busy sh -c 'until [ -e /again ]; do sleep 0.05; done'
  expect 0 hoy system df
  matches "${lines[0]}" '^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE$'
  matches "$output" $'\n''Images +3 +1 '
  matches "$output" $'\n''Containers +1 +1 +5\.[0-9]+MB +0B'
  matches "$output" $'\n''Local Volumes +1 +1 '
  matches "$output" $'\n''Orphans +0 +0 +0B'
  expect 0 hoy system df -v
  matches "$output" "$REGISTRY/tiny +1 +[0-9a-f]{12} .* 2\.13MB +36\.86kB +0"
  matches "$output" 'data +1 +'
  matches "$output" 'busy'
  is "$(df_bytes)" "$(du_bytes)"
  mkdir "$HOY_ROOT/layers/$(printf '0%.0s' {1..64})" "$HOY_ROOT/tmp/pull-000000"
  echo 'what is this' >"$HOY_ROOT/stray"
  # What a crash left goes; what is nobody's is shown.
  matches "$(hoy system df -v)" $'\n''stray +orphan +4\.096kB'
  [[ ! -e $HOY_ROOT/tmp/pull-000000 ]]
  matches "$(hoy system df --format '{{.Type}} {{.TotalCount}}')" 'Orphans [12]'
  is "$(df_bytes)" "$(du_bytes)"
  rm "$HOY_ROOT/stray"
  rm -rf "$HOY_ROOT/layers/$(printf '0%.0s' {1..64})"
  hoy rm -f busy >/dev/null
}

@test "system df, system check: what the disk does not read is not as good as empty" {
  hoy pull -q base >/dev/null
  local failing=(strace -qq -o /dev/null -P "$HOY_ROOT" -e trace=getdents64 -e inject=getdents64:error=EIO "$HOY" system)
  expect 1 "${failing[@]}" df
  is "$output" "hoy: look into $HOY_ROOT: Input/output error"
  expect 1 "${failing[@]}" check
  is "$(df_bytes)" "$(du_bytes)"
}

@test "system df is what du says, after whatever was done" {
  RANDOM=7
  local round
  for round in {1..60}; do
    case $((RANDOM % 8)) in
      0) hoy pull -q base ;;
      1) hoy pull -q "$REGISTRY/tiny:1" ;;
      2) hoy pull -q "$REGISTRY/layers:1" ;;
      3) hoy run --name "c$round" base sh -c "echo $round; head -c $((RANDOM * 50)) /dev/urandom >/f" ;;
      4) hoy run --rm -v "v$((RANDOM % 3)):/v" "$REGISTRY/tiny:1" sh -c "head -c $RANDOM /dev/urandom >/v/$round" ;;
      5) hoy tag base "name$((RANDOM % 4))" ;;
      6) hoy ps -aq | head -n 1 | xargs -r "$HOY" rm ;;
      7) hoy image prune -f "$( ((RANDOM % 3)) && echo --filter=until=0s || echo -a)" ;;
    esac >/dev/null 2>&1 || true
    is "$round: $(df_bytes)" "$round: $(du_bytes)"
  done
  ((round == 60))
}

@test "image mount: the files without a container, in the way of rmi" {
  hoy pull -q "$REGISTRY/layers:1" >/dev/null
  local at
  expect 0 hoy image mount "$REGISTRY/layers:1"
  at=$output
  is "$(hoy image mount)" "$(hoy images -q)  $at"
  is "$(hoy image mount "$REGISTRY/layers:1")" "$at"
  is "$(cat "$at/opaque/upper")" "$(hoy run --rm --entrypoint cat "$REGISTRY/layers:1" /opaque/upper)"
  [[ ! -e $at/opaque/lower ]]
  expect 1 touch "$at/new"
  contains "$output" 'Read-only file system'
  expect 1 hoy rmi "$REGISTRY/layers:1"
  contains "$output" "image is mounted at $at"
  contains "$(hoy image prune -a --plan)" '0B (0 bytes)'
  (cd "$at" && run ! hoy image unmount "$REGISTRY/layers:1")
  expect 0 hoy image unmount "$REGISTRY/layers:1"
  [[ ! -e $at ]]
  expect 1 hoy image unmount "$REGISTRY/layers:1"
  contains "$output" 'is not mounted'
  hoy image mount "$REGISTRY/layers:1" >/dev/null
  expect 0 hoy rmi -f "$REGISTRY/layers:1"
  expect 0 hoy rmi -f "$REGISTRY/layers:1"
  is "$output" "hoy: No such image: $REGISTRY/layers:1"
  expect 1 hoy rmi "$REGISTRY/layers:1"
  is "$(grep -c "$HOY_RUNROOT/mounts" /proc/self/mounts)" 0
}

@test "image diff: added, deleted, changed, and nothing" {
  hoy pull -q "$REGISTRY/tiny:1" >/dev/null
  hoy pull -q "$REGISTRY/layers:1" >/dev/null
  is "$(hoy image diff "$REGISTRY/layers:1" "$REGISTRY/layers:1")" ''
  local there back
  there=$(hoy image diff "$REGISTRY/tiny:1" "$REGISTRY/layers:1")
  back=$(hoy image diff "$REGISTRY/layers:1" "$REGISTRY/tiny:1")
  contains "$there" $'\nA /opaque/upper\n'
  contains "$there" $'\nA /data/añejo ünïcode\n'
  is "$(tr AD DA <<<"$back")" "$there"
  # The same files as those that are there.
  is "$(grep -c '^A' <<<"$there")" "$(($(hoy run --rm --entrypoint sh "$REGISTRY/layers:1" -c 'find / -xdev | wc -l') - \
    $(hoy run --rm "$REGISTRY/tiny:1" sh -c 'find / -xdev | wc -l')))"
  expect 1 hoy image diff "$REGISTRY/tiny:1" nothing
}

@test "a hundred layers, a file changed in each and a thousand times in one: one lower layer, mounted once" {
  python3 - <<'END' | hoy load -q
import hashlib, io, json, sys, tarfile

def layer(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()

tars = [layer([("bin/sh", open("/bin/busybox", "rb").read())])]
tars += [layer([("changed", b"%d\n" % n), ("of/%d" % n, b"")]) for n in range(98)]
tars += [layer([("often", b"%d\n" % n) for n in range(1000)])]
config = {"architecture": {"x86_64": "amd64", "aarch64": "arm64"}[__import__("os").uname().machine], "os": "linux",
          "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in tars]}}
parts = {"%d.tar" % n: tar for n, tar in enumerate(tars)}
parts["config.json"] = json.dumps(config).encode()
parts["manifest.json"] = json.dumps([{"Config": "config.json", "RepoTags": ["deep:1"],
                                      "Layers": ["%d.tar" % n for n in range(len(tars))]}]).encode()
sys.stdout.buffer.write(layer(parts.items()))
END
  local name
  for name in one two; do hoy run -d --name "$name" deep:1 sh -c 'sleep 600' >/dev/null; done
  is "$(hoy exec one sh -c 'cat changed often; set -- of/*; echo $#')" $'97\n999\n98'
  is "$(grep -c " $HOY_RUNROOT/images/" /proc/self/mountinfo)" 1
  local options
  options=$(awk '$5 == "/" {print $NF}' "/proc/$(field one .State.Pid)/mountinfo")
  is "$(tr , '\n' <<<"$options" | grep ^lowerdir | tr : '\n' | wc -l)" 1
  hoy rm -f one two >/dev/null
  hoy rmi deep:1 >/dev/null
}

# damage IMAGE N: a byte of its layer N.
damage() {
  local layer
  layer=$(hoy image inspect -f "{{index .RootFS.Layers $2}}" "$1")
  chmod 600 "$HOY_ROOT/layers/${layer#*:}"
  printf x | dd of="$HOY_ROOT/layers/${layer#*:}" bs=1 seek=600 conv=notrunc status=none
  echo "$layer"
}

@test "image verify: sound, a byte changed, a layer gone, repaired" {
  hoy pull -q "$REGISTRY/tiny:1" >/dev/null
  hoy pull -q "$REGISTRY/layers:1" >/dev/null
  expect 0 hoy image verify
  is "$(grep -c ': OK$' <<<"$output")" 2
  local layer
  layer=$(damage "$REGISTRY/layers:1" 3)
  expect 0 hoy image verify "$REGISTRY/tiny:1"
  hoy tag "$REGISTRY/tiny:1" zz:1
  expect 0 hoy image verify zz:1
  is "$output" 'zz:1: OK' # whatever else it is called
  hoy rmi zz:1 >/dev/null
  expect 1 hoy image verify "$REGISTRY/layers:1"
  matches "$output" "layer $layer: its digest is sha256:[0-9a-f]{64}"
  contains "$output" "image $REGISTRY/layers:1 is damaged"
  expect 1 hoy image verify
  contains "$output" '1 of 2 images are damaged'
  contains "$output" "$REGISTRY/tiny:1: OK"
  rm "$HOY_ROOT/layers/${layer#*:}"
  expect 1 hoy image verify "$REGISTRY/layers:1"
  contains "$output" 'it is not in the store'
  # Both the layer that is gone and the one that both images have.
  damage "$REGISTRY/layers:1" 0 >/dev/null
  hoy create --name user "$REGISTRY/layers:1" >/dev/null
  expect 0 hoy image verify --repair "$REGISTRY/layers:1"
  contains "$output" 'repaired'
  expect 0 hoy image verify
  is "$(grep -c ': OK$' <<<"$output")" 2
  is "$(hoy run --rm --entrypoint cat "$REGISTRY/layers:1" /opaque/upper)" 'upper'
  is "$(hoy system check)" 'No problems'
  is "$(hoy start -a user)" 'from image'
  # An index that the kernel does not take.
  : >"$BATS_TEST_TMPDIR/empty"
  cp "$BATS_TEST_TMPDIR/empty" "$(ls "$HOY_ROOT"/images/* | head -n 1)"
  expect 1 hoy image verify
  contains "$output" 'index: '
  expect 0 hoy image verify --repair
  expect 0 hoy image verify
  # What hoy has inside itself.
  hoy rm user >/dev/null
  hoy pull -q base >/dev/null
  hoy tag base mine
  hoy rmi base >/dev/null
  layer=$(damage mine 0)
  expect 0 hoy image verify --repair mine
  rm "$HOY_ROOT/images/${layer#*:}" # the index of one layer is called as it is
  expect 0 hoy image verify --repair mine
  expect 0 hoy image verify mine
  is "$(hoy images --format '{{.Repository}}' | grep -c base)" 0
  is "$(hoy run --rm mine echo whole)" whole
  # What came from nowhere.
  hoy create --name other mine true >/dev/null
  hoy export other | hoy import - nowhere >/dev/null
  hoy rm other >/dev/null
  damage nowhere 0 >/dev/null
  expect 1 hoy image verify --repair nowhere
  contains "$output" 'did not come from a registry'
}

@test "image verify: an image that is removed meanwhile is not damaged" {
  local what pid
  for what in "$REGISTRY/tiny:1" ''; do
    hoy pull -q "$REGISTRY/tiny:1" >/dev/null
    # shellcheck disable=SC2086 # nothing: all images
    strace -qq -o "$BATS_TEST_TMPDIR/trace" -P "layers/$(basename "$HOY_ROOT"/layers/*)" \
      -e trace=openat2,openat -e inject=openat2,openat:delay_enter=3000000 \
      "$HOY" image verify $what >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    pid=$!
    wait_line "$BATS_TEST_TMPDIR/trace" layers
    hoy rmi "$REGISTRY/tiny:1" >/dev/null
    ends_with "$([[ $what ]] && echo 1 || echo 0)" "$pid"
    is "$(<"$BATS_TEST_TMPDIR/out")" "${what:+hoy: No such image: $what}"
  done
}

@test "system check: sound, a file without a row, a row without a file, a damaged database" {
  hoy pull -q "$REGISTRY/layers:1" >/dev/null
  hoy create base true >/dev/null
  is "$(hoy system check)" 'No problems'
  echo 'what is this' >"$HOY_ROOT/stray"
  expect 1 hoy system check
  contains "$output" "$HOY_ROOT/stray belongs to nothing"
  contains "$output" 'hoy: 1 problem in '
  rm "$HOY_ROOT/stray"
  local layer
  layer=$(hoy image inspect -f '{{index .RootFS.Layers 3}}' "$REGISTRY/layers:1")
  mv "$HOY_ROOT/layers/${layer#*:}" "$BATS_TEST_TMPDIR/layer"
  expect 1 hoy system check
  contains "$output" "layers/${layer#*:} is missing"
  head -c 700 "$BATS_TEST_TMPDIR/layer" >"$HOY_ROOT/layers/${layer#*:}"
  expect 1 hoy system check
  matches "$output" 'has 700 bytes instead of [0-9]+'
  mv -f "$BATS_TEST_TMPDIR/layer" "$HOY_ROOT/layers/${layer#*:}"
  is "$(hoy system check)" 'No problems'
}
