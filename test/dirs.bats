#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The storage driver "dir": layers become directories while they come. The other driver says what they should be.

load lib
load rough

file_setup() {
  rough_start
  "$BATS_TEST_DIRNAME/lying-registry.py" /dev/null >"$BATS_FILE_TMPDIR/port" 2>/dev/null 3>&- 4>&- &
  LIES_PID=$!
  wait_line "$BATS_FILE_TMPDIR/port" '[0-9]'
  LIES=127.0.0.1:$(<"$BATS_FILE_TMPDIR/port")
  export LIES LIES_PID
}
file_teardown() {
  rough_stop
  kill "$LIES_PID"
}
test_setup() {
  rough
  export HOY_ROOT=$BATS_TEST_TMPDIR/root HOY_RUNROOT=$BATS_TEST_TMPDIR/run
  mkdir "$HOY_ROOT" "$HOY_RUNROOT" "$BATS_TEST_TMPDIR/erofs" "$BATS_TEST_TMPDIR/erofs.run"
}
test_teardown() {
  awk -v a="$BATS_TEST_TMPDIR/" 'index($5, a) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount -l
  hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null
  is "$(find "$HOY_ROOT"/{layers,images,tmp} -mindepth 1 2>/dev/null)" ''
}

hoy() { "$HOY" --storage-driver dir "$@"; }
erofs() { HOY_ROOT=$BATS_TEST_TMPDIR/erofs HOY_RUNROOT=$BATS_TEST_TMPDIR/erofs.run "$HOY" --storage-driver erofs "$@"; }
archive() { "$BATS_TEST_DIRNAME/dirs-archive.py" "$@"; }

# Of what an image's files are in either driver: the same.
alike() {
  archive list "$(hoy image mount "$1" | awk '{print $NF}')" >"$BATS_TEST_TMPDIR/dir"
  archive list "$(erofs image mount "$1" | awk '{print $NF}')" >"$BATS_TEST_TMPDIR/erofs.list"
  hoy image umount "$1" >/dev/null
  erofs image umount "$1" >/dev/null
  grep -q . "$BATS_TEST_TMPDIR/dir"
  diff -u "$BATS_TEST_TMPDIR/erofs.list" "$BATS_TEST_TMPDIR/dir"
}

@test "every image is what it is with the driver erofs, file by file" {
  local name
  for name in layers:1 debian:12 zstd:1; do
    hoy pull -q "$REGISTRY/$name"
    erofs pull -q "$REGISTRY/$name"
    alike "$REGISTRY/$name"
  done
}

# More of their names than fsconfig takes.
@test "an image of several layers is mounted into a container as another's is" {
  local name="$REGISTRY/layers:1" kind flags
  for kind in hoy erofs; do
    "$kind" pull -q "$name" >/dev/null
    # shellcheck disable=SC2016
    "$kind" run --rm --mount "type=image,src=$name,dst=/m" base sh -c \
      'cd /m && find . | sort && find . -type f -exec md5sum {} + | sort; grep " /m " /proc/mounts >&2' \
      >"$BATS_TEST_TMPDIR/$kind.found" 2>"$BATS_TEST_TMPDIR/$kind.mount"
    flags=",$(cut -d' ' -f4 "$BATS_TEST_TMPDIR/$kind.mount"),"
    contains "$flags" ,ro, && contains "$flags" ,nosuid, && contains "$flags" ,nodev,
  done
  grep -q . "$BATS_TEST_TMPDIR/hoy.found"
  # An index has mount points, too.
  diff -u <(grep -vE '/etc/(hostname|hosts|resolv.conf)$' "$BATS_TEST_TMPDIR/erofs.found") "$BATS_TEST_TMPDIR/hoy.found"
}

@test "names that come twice, whiteouts, nothing at all: the same" {
  local name
  for name in twice swapped empty whiteouts top; do
    archive "$name" | hoy load -q
    archive "$name" | erofs load -q
    alike "dirs:$name"
  done
}

# overlayfs lists the whiteouts of a directory that it does not merge.
@test "whiteouts that hide nothing are not seen" {
  local name
  for name in ghost ghosts; do
    archive "$name" | hoy load -q
    archive "$name" | erofs load -q
    alike "dirs:$name"
  done
  expect 0 hoy image diff dirs:ghost dirs:ghosts
  contains "$output" 'A /new/z'
  lacks "$output" '/x'
  # What a volume gets of them.
  mkdir "$BATS_TEST_TMPDIR/bin"
  cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/bin"
  expect 0 hoy run --rm --network none -v "$BATS_TEST_TMPDIR/bin:/bin" -v filled:/new dirs:ghosts /bin/busybox ls /new
  is "$output" z
  hoy volume rm filled >/dev/null
}

# Whose directories that are is said by the layer below, another one in each image.
@test "directories that a layer only implies show what the layer below says of them" {
  local name
  for name in implied hidden other; do
    archive "$name" | hoy load -q
    archive "$name" | erofs load -q
    alike "dirs:$name"
  done
  expect 0 hoy run --rm --network none --entrypoint /bin/sh -v "$HOY_ROOT:/r:ro" base -c 'ls /r/images | wc -l'
  is "${lines[-1]}" 3
  # In a container, too, which has no marks of ours to see.
  local mounted
  mounted=$(hoy image mount dirs:implied | awk '{print $NF}')
  is "$(stat -c '%a %u %g' "$mounted/tmp" "$mounted/home/user" "$mounted" "$mounted/usr")" $'1777 0 0\n700 1000 1001\n751 3 4\n555 0 0'
  expect 0 getfattr -Rhd -m - --absolute-names "$mounted"
  lacks "$output" hoy
  hoy image umount dirs:implied
  # What goes with the image: its cover.
  is "$(hoy system check)" 'No problems'
  hoy rmi dirs:other >/dev/null
  is "$(find "$HOY_ROOT/images" -mindepth 1 -maxdepth 1 | wc -l)" 2
  alike dirs:implied
  # One that is there already, by another name.
  archive implied | hoy load -q
}

@test "hard links to files of lower layers" {
  local name
  for name in below below2; do
    archive "$name" | hoy load -q
    archive "$name" | erofs load -q
    alike "dirs:$name"
  done
  # The layer is there once, and what its links are is said by the layers below.
  local mounted
  mounted=$(hoy image mount dirs:below2 | awk '{print $NF}')
  is "$(cat "$mounted/usr/bin/other" "$mounted/new/deep/file")" 'another toolanother file'
  is "$(stat -c '%h %i' "$mounted/usr/bin/other")" "$(stat -c '%h %i' "$mounted/usr/bin/tool")"
  expect 0 getfattr -Rhd -m - --absolute-names "$mounted"
  lacks "$output" hoy
  hoy image umount dirs:below2
  is "$(hoy system check)" 'No problems'
  for name in nowhere hidden-target lowest directory; do
    archive "$name" >"$BATS_TEST_TMPDIR/archive"
    expect 1 hoy load -q -i "$BATS_TEST_TMPDIR/archive"
    contains "$output" 'hard link'
    expect 1 erofs load -q -i "$BATS_TEST_TMPDIR/archive"
    contains "$output" 'hard link'
  done
  is "$(find "$HOY_ROOT/tmp" -mindepth 1)" ''
}

# Each of GNU's forms, by GNU tar itself.
@test "sparse files: the same bytes, in either driver" {
  local files=$BATS_TEST_TMPDIR/files form
  mkdir "$files"
  python3 - "$files" <<'END'
import os, sys
os.chdir(sys.argv[1])
def file(name, size, *runs):
    with open(name, "wb") as f:
        for at, data in runs:
            f.seek(at)
            f.write(data)
        f.truncate(size)
some = os.urandom(4096)
file("start", 1 << 20, (0, some))
file("middle", 1 << 20, (65536, some), (131072, some * 3))
file("end", (1 << 20) + 77, ((1 << 20) - 4096, some + some[:77]))
file("all", 1 << 30)
file("odd", 123457)
file("many", 1 << 20, *[(n * 8192, some) for n in range(0, 128)])
file("none", 4096 * 5, (0, some * 5))
file("empty", 0)
END
  for form in gnu 0.0 0.1 1.0; do
    local options=(--format=pax "--sparse-version=$form")
    [[ $form == gnu ]] && options=(--format=gnu)
    tar -C "$files" -S "${options[@]}" -cf "$BATS_TEST_TMPDIR/tar" .
    for driver in hoy erofs; do
      "$driver" import "$BATS_TEST_TMPDIR/tar" "sparse:$form" >/dev/null
      diff -r "$files" "$("$driver" image mount "sparse:$form" | awk '{print $NF}')" \
        -x dev -x proc -x sys -x etc -x .dockerenv
      "$driver" image umount "sparse:$form" >/dev/null
      is "$("$driver" image verify "sparse:$form" | grep -c "^sparse:$form: ")" 1
    done
  done
  [[ $(du -k --apparent-size "$BATS_TEST_TMPDIR/tar" | cut -f1) -lt 4096 ]]
  [[ $(du -sk "$HOY_ROOT/layers" | cut -f1) -lt 16384 ]]
  # A hole of all that there is, and one for each other block.
  truncate -s 2T "$files/all"
  tar -C "$files" -S -cf "$BATS_TEST_TMPDIR/tar" all
  expect 1 erofs import "$BATS_TEST_TMPDIR/tar"
  contains "$output" 'claims to have more than 1 TiB'
}

@test "an extended attribute that can't be set is named" {
  attribute() { # NAME SIZE: a file f with that, to be imported
    python3 - "$1" "$2" <<'END' >"$BATS_TEST_TMPDIR/tar"
import io, sys, tarfile
tar = tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT)
info = tarfile.TarInfo("f")
info.pax_headers = {"SCHILY.xattr." + sys.argv[1]: "x" * int(sys.argv[2])}
tar.addfile(info, io.BytesIO())
tar.close()
END
  }
  attribute security.capability 20
  expect 1 hoy import "$BATS_TEST_TMPDIR/tar"
  contains "$output" 'extract "f": set its extended attribute security.capability of 20 bytes: Invalid argument'
  attribute user.large 65535
  run hoy import "$BATS_TEST_TMPDIR/tar"
  # XFS and newer file systems keep it.
  [[ $status == 0 ]] || contains "$output" 'extract "f": set its extended attribute user.large of 65535 bytes'
  attribute user.larger 65536
  for driver in hoy erofs; do
    expect 1 "$driver" import "$BATS_TEST_TMPDIR/tar"
    contains "$output" 'member "f" has an extended attribute of more than 65535 bytes'
  done
}

part() { find "$HOY_ROOT/tmp" -path '*/usr/bin/python3*' -size +1M | grep -q .; }
extractors() { pgrep -P "$(pgrep -P "$1" -f 'hoy-fetch extract')"; }

# slowly COMMAND...: $PID is hoy, of a pull that has extracted a part.
slowly() {
  rough slow=16000000
  "$HOY" --storage-driver dir "$@" "$ROUGH/debian:12" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- &
  PID=$!
  eventually 30 part
}

@test "files are there before the layer is; nothing can be seen of it before it is complete" {
  slowly pull
  [[ -n $(extractors "$PID") ]]
  # The one that reads a stranger's bytes sees nothing but its directory.
  local child
  child=$(extractors "$PID" | head -n 1)
  [[ -z $(find "/proc/$child/root/" -maxdepth 1 -name '*.tar') && -d /proc/$child/root/usr ]]
  is "$(awk '{print $5}' "/proc/$child/mountinfo")" /
  is "$(sed -n 's/^CapEff:\t//p' "/proc/$child/status")" 000000008800001b
  is "$(hoy images -q)" ''
  is "$(find "$HOY_ROOT/layers" -mindepth 1 2>/dev/null)" ''
  rough
  ends_with 0 "$PID"
  is "$(hoy run --rm "$ROUGH/debian:12" python3 -c 'print(6 * 7)')" 42
  is "$(hoy system check)" 'No problems'
}

# What can be wrong with a directory: content of the same size and time, and all that a tar says of a file.
damage_content() {
  touch -r "$1/bin/busybox" "$BATS_TEST_TMPDIR/time"
  printf X | dd of="$1/bin/busybox" conv=notrunc status=none
  touch -r "$BATS_TEST_TMPDIR/time" "$1/bin/busybox"
}
damage_mode() { chmod 4755 "$1/bin/busybox"; }
damage_owner() { chown -h 7:7 "$1/bin/sh"; }
damage_time() { touch "$1/bin"; }
damage_gone() { rm "$1/bin/sh"; }
damage_more() { ln "$1/bin/busybox" "$1/bin/one-more"; }
damage_xattr() { setfattr -n user.more -v 1 "$1/bin/busybox"; }
damage_all() { rm -r "$1"; }

@test "verify finds whatever changed in a directory; --repair makes it anew, but not under a container" {
  local kind hex image=$REGISTRY/tiny:1
  hoy pull -q "$image" >/dev/null
  hex=$(hoy image inspect -f '{{index .RootFS.Layers 0}}' "$image" | cut -d : -f 2)
  expect 0 hoy image verify "$image"
  is "$output" "$image: OK"
  for kind in content mode owner time gone more xattr all; do
    "damage_$kind" "$HOY_ROOT/layers/$hex"
    expect 1 hoy image verify "$image"
    matches "$output" "$image: layer sha256:$hex: it(s files are not what was unpacked| is not in the store)"
    expect 0 hoy image verify --repair "$image"
    expect 0 hoy image verify "$image"
    is "$output" "$image: OK"
  done
  hoy run -d --name runs --network none "$image" sleep 100 >/dev/null
  damage_more "$HOY_ROOT/layers/$hex"
  expect 1 hoy image verify --repair "$image"
  contains "$output" 'container runs runs on layer sha256:'
  expect 0 hoy exec runs true
  hoy rm -f runs
  expect 0 hoy image verify --repair "$image"
  expect 0 hoy image verify
}

@test "killed, whoever it is: one sentence, nothing left, and the next pull works" {
  local who victim
  for who in 'hoy-fetch pull' 'hoy-fetch extract' child INT; do
    slowly pull -q
    case $who in
      INT) victim=$PID ;;
      child) victim=$(extractors "$PID" | head -n 1) ;;
      *) victim=$(pgrep -P "$PID" -f "$who") ;;
    esac
    if [[ $who == INT ]]; then
      kill -INT "$victim"
      ends_with 130 "$PID"
    else
      kill -KILL "$victim"
      ends_with 1 "$PID"
      one_sentence "$(<"$BATS_TEST_TMPDIR/out")"
    fi
    is "$who: $(find "$HOY_ROOT/tmp" -mindepth 1 -maxdepth 1 ! -name partial)" "$who: "
    is "$(hoy system check)" 'No problems'
  done
  slowly pull -q
  kill -KILL "$PID"
  wait "$PID" || true
  eventually 5 eval '! pgrep -f "hoy-fetch extract" >/dev/null'
  is "$(hoy system check)" 'No problems'
  rough
  hoy pull -q "$ROUGH/debian:12"
  is "$(hoy run --rm "$ROUGH/debian:12" python3 -c 'print(6 * 7)')" 42
}

@test "what an earlier pull had is wrong: the layer comes and is extracted once more" {
  slowly pull -q
  eventually 30 has_part
  kill -KILL "$PID"
  wait "$PID" || true
  eventually 5 eval '! pgrep hoy-fetch >/dev/null'
  rough
  hoy images >/dev/null
  printf X | dd of="$(find "$HOY_ROOT/tmp/partial" -type f)" bs=1 seek=20000000 conv=notrunc status=none
  hoy pull -q "$ROUGH/debian:12"
  erofs pull -q "$ROUGH/debian:12"
  alike "$ROUGH/debian:12"
}
has_part() { [[ -n $(find "$HOY_ROOT/tmp" -name '*.part' -size +22M) ]]; }

@test "a registry that lies: the same sentence, and nothing is left" {
  local lie
  for lie in flipped diff-id truncated short long size-small not-gzip; do
    run erofs pull -q "$LIES/$lie:1"
    is "$status" 1
    expect 1 hoy pull -q "$LIES/$lie:1"
    one_sentence "$output"
    is "$output" "$(erofs pull -q "$LIES/$lie:1" 2>&1)"
    is "$(find "$HOY_ROOT"/{layers,images,tmp} -mindepth 1 2>/dev/null)" ''
  done
  for lie in tar-huge tar-truncated tar-garbage; do
    expect 1 hoy pull -q "$LIES/$lie:1"
    one_sentence "$output"
    matches "$output" "$lie:1: layer sha256:[0-9a-f]+: the layer"
    is "$(find "$HOY_ROOT"/{layers,images,tmp} -mindepth 1 2>/dev/null)" ''
  done
}

@test "kill -9 at random moments: the store stays sound" {
  RANDOM=5
  local round victims pid
  for round in {1..15}; do
    "$HOY" --storage-driver dir pull -q "$REGISTRY/layers:1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- &
    pid=$!
    sleep "0.$(printf %03d $((RANDOM % 200)))"
    mapfile -t victims < <(echo $pid; pgrep -P "$pid"; pgrep -P "$(pgrep -d, -P "$pid")" 2>/dev/null)
    kill -KILL "${victims[RANDOM % ${#victims[@]}]}" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    eventually 5 eval '! pgrep hoy-fetch >/dev/null'
    is "$round: $(hoy system check)" "$round: No problems"
    hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null
  done
}

@test "no room for any size of a disk: one sentence, and nothing is left" {
  local small=$BATS_TEST_TMPDIR/small size full=0
  mkdir "$small"
  mount -t tmpfs -o size=256k none "$small"
  for size in 512 1024 2048 3072 4096 5000 6144 7000 8192; do
    find "$small" -mindepth 1 -delete
    mount -o "remount,size=${size}k" "$small"
    if ! HOY_ROOT=$small run hoy pull -q "$REGISTRY/layers:1" || ((status)); then
      ((++full))
      one_sentence "${lines[-1]}"
      matches "$output" 'No space left on device|full|can.t'
    fi
    mount -o "remount,size=64m" "$small"
    is "$size: $(HOY_ROOT=$small hoy system check)" "$size: No problems"
    HOY_ROOT=$small hoy images -q --no-trunc | HOY_ROOT=$small xargs -r "$HOY" rmi -f >/dev/null
    is "$(find "$small"/{layers,tmp} -mindepth 1 2>/dev/null)" ''
  done
  ((full >= 3))
  umount "$small"
}

@test "import, base, commit: the same" {
  local name=${REGISTRY}/tiny:1
  hoy pull -q base
  erofs pull -q base
  alike base
  hoy create --name flat0 base true >/dev/null
  hoy export flat0 | tee >(erofs import - flat >/dev/null) | hoy import - flat
  alike flat
  hoy rm flat0 >/dev/null
}
