#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The store after whatever happened: killed at any moment, no room at any moment, several at once.

load lib

# shellcheck source=test/registry.bash
source "$BATS_TEST_DIRNAME/registry.bash"

test_teardown() {
  hoy ps -aq | xargs -r "$HOY" rm -f >/dev/null
  hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null
}

# killed COMMAND...: hoy, or its worker, is killed after a while. The worker goes with hoy; hoy says that its worker
# has gone.
killed() {
  local pid victim worker
  "$HOY" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- &
  pid=$!
  sleep "0.$(printf %03d $((RANDOM % ${most_ms:-900})))"
  worker=$(pgrep -P "$pid" || true)
  victim=$pid
  ((RANDOM % 2)) && victim=${worker:-$pid}
  kill -KILL "$victim" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  [[ -z $worker ]] || wait_gone "$worker"
}

@test "what a pull brings is on the disk before it is in its place" {
  local name trace=$BATS_TEST_TMPDIR/trace
  hoy system df >/dev/null # the storage driver is chosen
  expect 0 strace -y -s 200 -e trace=fsync,renameat,fdatasync -o "$trace" \
    "$HOY" pull -q --keep-blobs "$REGISTRY/layers:1"
  sed -nE 's,^renameat\([0-9]+<[^>]*/tmp/pull-[^>]*>\, "([^"]+)".* = 0$,\1,p' "$trace" >"$BATS_TEST_TMPDIR/moved"
  # Each layer's tar and blob, and the index.
  is "$(wc -l <"$BATS_TEST_TMPDIR/moved")" $((2 * $(hoy image inspect -f '{{len .RootFS.Layers}}' "$REGISTRY/layers:1") + 1))
  while read -r name; do
    matches "$(grep -E "^fsync.*/$name>\)|^renameat.*\"$name\".* = 0" "$trace" | sed 's/(.*//' | xargs)" '^fsync renameat$'
  done <"$BATS_TEST_TMPDIR/moved"
  # Then the directories, then the rows.
  matches "$(sed -nE 's,^(fsync|fdatasync|renameat)\(.*/(layers|images|sha256|hoy.db-wal)>.*,\1 \2,p' "$trace" | xargs)" \
    'fsync layers fsync images fdatasync hoy.db-wal'
}

@test "what the disk does not read is not called damaged" {
  hoy pull -q base >/dev/null
  local n
  for n in 2 4 8; do
    expect 1 strace -qq -o /dev/null -e trace=pread64 -e "inject=pread64:error=EIO:when=$n" "$HOY" images -q
    is "$output" "hoy: read $HOY_ROOT/hoy.db: Input/output error"
  done
  hoy images -q >/dev/null
}

@test "a pull that keeps blobs, killed while they go into the store: the next one works" {
  hoy system df >/dev/null
  expect 137 strace -qq -o /dev/null -e trace=fsync -e inject=fsync:signal=KILL:when=1 \
    "$HOY" pull -q --keep-blobs "$REGISTRY/debian:12"
  is "$(hoy images -q)" ''
  hoy pull -q --keep-blobs "$REGISTRY/debian:12"
  is "$(hoy image verify)" "$REGISTRY/debian:12: OK"
}

@test "what an rmi left, and can't be removed, is in nobody else's way" {
  hoy pull -q base >/dev/null
  mkdir -p "$HOY_ROOT/tmp/remove-0/there"
  mount -t tmpfs none "$HOY_ROOT/tmp/remove-0/there"
  is "$(hoy images --format '{{.Repository}}')" base
  hoy tag base other
  hoy pull -q "$REGISTRY/tiny:1"
  hoy rmi "$REGISTRY/tiny:1" other >/dev/null
  hoy image prune -f >/dev/null
  hoy system df >/dev/null
  expect 1 hoy system check
  one_sentence "$output"
  contains "$output" "remove $HOY_ROOT/tmp/remove-0: "
  umount "$HOY_ROOT/tmp/remove-0/there"
  is "$(hoy system check)" 'No problems'
}

@test "kill -9 at a hundred random moments of a pull: the store stays sound, and the next pull works" {
  RANDOM=11
  local round whole=0
  for round in {1..100}; do
    killed pull -q "$REGISTRY/debian:12"
    is "$round: $(hoy system check)" "$round: No problems"
    if [[ -n $(hoy images -q) ]]; then
      # All of it was there, or none.
      ((++whole))
      hoy image verify >/dev/null
      hoy rmi "$REGISTRY/debian:12" >/dev/null
    fi
  done
  echo "# $round times killed, $whole pulls were quicker" >&3
  hoy pull -q "$REGISTRY/debian:12"
  is "$(hoy image verify)" "$REGISTRY/debian:12: OK"
  is "$(hoy run --rm "$REGISTRY/debian:12" bash -c 'echo ${BASH_VERSION:0:1}')" 5
}

@test "kill -9 at random moments of rmi, tag and prune: the store stays sound" {
  RANDOM=12
  local round most_ms=20
  for round in {1..40}; do
    hoy pull -q "$REGISTRY/layers:1" >/dev/null
    hoy pull -q "$REGISTRY/tiny:1" >/dev/null
    hoy tag "$REGISTRY/tiny:1" "other:$round"
    case $((round % 4)) in
      0) killed rmi "$REGISTRY/layers:1" ;;
      1) killed rmi -f "$REGISTRY/layers:1" "$REGISTRY/tiny:1" "other:$round" ;;
      2) killed tag "$REGISTRY/layers:1" "other:$round" ;;
      3) killed image prune -af ;;
    esac
    is "$round: $(hoy system check)" "$round: No problems"
    hoy image verify >/dev/null
  done
  ((round == 40))
}

@test "kill -9 at random moments of save, load, import and commit: the store stays sound, and no half file has the name" {
  RANDOM=13
  local round most_ms=150 saved=0 file=$BATS_TEST_TMPDIR/debian.tar out=$BATS_TEST_TMPDIR/out.tar
  hoy pull -q "$REGISTRY/debian:12" >/dev/null
  hoy save -o "$file" "$REGISTRY/debian:12"
  hoy run --name box "$REGISTRY/debian:12" dd if=/dev/urandom of=/large bs=1M count=30 status=none
  head -c 30000000 /dev/urandom >"$BATS_TEST_TMPDIR/random"
  tar -cf "$BATS_TEST_TMPDIR/tree.tar" -C "$BATS_TEST_TMPDIR" random
  for round in {1..24}; do
    case $((round % 4)) in
      0) killed save -o "$out" "$REGISTRY/debian:12" ;;
      1) hoy rmi -f "$REGISTRY/debian:12" >/dev/null && killed load -i "$file" && hoy load -qi "$file" >/dev/null ;;
      2) killed import "$BATS_TEST_TMPDIR/tree.tar" "imported:$round" ;;
      3) killed commit box "committed:$round" ;;
    esac
    is "$round: $(hoy system check)" "$round: No problems"
    hoy image verify >/dev/null
    if [[ -e $out ]]; then
      ((++saved))
      skopeo inspect "docker-archive:$out" >/dev/null
      rm "$out"
    fi
  done
  echo "# $round times killed, $saved saves were quicker" >&3
  hoy save -o "$out" "$REGISTRY/debian:12"
  skopeo inspect "docker-archive:$out" >/dev/null
  hoy import "$BATS_TEST_TMPDIR/tree.tar" imported:last >/dev/null
  hoy commit box committed:last >/dev/null
}

@test "kill -9 at random moments of a push: what has a name there is whole, and the next one ends it" {
  RANDOM=14
  local round whole=0 most_ms=400 source=$REGISTRY source_pid=$REGISTRY_PID target target_pid original
  registry_start "$BATS_TEST_TMPDIR/target"
  target=$REGISTRY target_pid=$REGISTRY_PID
  export REGISTRY=$source REGISTRY_PID=$source_pid
  hoy pull -q "$source/debian:12" >/dev/null
  original=$(raw "$source/debian:12")
  for round in {1..12}; do
    hoy tag "$source/debian:12" "$target/debian$round:1"
    rm -rf "$BATS_TEST_TMPDIR/target" # or the layer would be mounted from the last round's
    killed push -q "$target/debian$round:1"
    is "$round: $(hoy system check)" "$round: No problems"
    if [[ -n $(raw "$target/debian$round:1" 2>/dev/null) ]]; then
      ((++whole))
      is "$(raw "$target/debian$round:1")" "$original"
    fi
    hoy push -q "$target/debian$round:1" >/dev/null
    is "$(raw "$target/debian$round:1")" "$original"
  done
  kill "$target_pid"
  echo "# $round times killed, $whole pushes were quicker" >&3
  hoy image verify >/dev/null
}

@test "no room for any size of a disk: one sentence, and the store stays sound" {
  local small=$BATS_TEST_TMPDIR/small size full=0
  mkdir "$small"
  mount -t tmpfs -o size=256k none "$small"
  for size in 256 320 400 512 768 1024 1500 2048 2600 3072 3500 4096 5000 6144 8192 12288; do
    find "$small" -mindepth 1 -delete
    mount -o "remount,size=${size}k" "$small"
    if ! HOY_ROOT=$small run "$HOY" pull -q "$REGISTRY/layers:1" || ((status)); then
      ((++full))
      one_sentence "${lines[-1]}"
      matches "$output" 'No space left on device|full|can.t'
    fi
    mount -o "remount,size=64m" "$small"
    is "$size: $(HOY_ROOT=$small "$HOY" system check)" "$size: No problems"
    HOY_ROOT=$small "$HOY" images -q --no-trunc | HOY_ROOT=$small xargs -r "$HOY" rmi -f >/dev/null
  done
  echo "# $full sizes of a disk were too small" >&3
  ((full >= 6))
  is "$(HOY_ROOT=$small "$HOY" pull -q "$REGISTRY/layers:1")" "$REGISTRY/layers:1"
  umount "$small"
}

@test "pulls of one image at once, and a pull beside an rmi" {
  local i pids=()
  for i in {1..6}; do
    "$HOY" pull -q "$REGISTRY/layers:1" >"$BATS_TEST_TMPDIR/out$i" 2>&1 3>&- &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i"; done
  is "$(hoy images -q | wc -l)" 1
  is "$(hoy system check)" 'No problems'
  pids=()
  for i in {1..15}; do
    "$HOY" pull -q "$REGISTRY/layers:1" >/dev/null 2>&1 3>&- &
    pids+=($!)
    "$HOY" rmi "$REGISTRY/layers:1" >/dev/null 2>&1 3>&- &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i" || true; done
  is "$(hoy system check)" 'No problems'
  hoy pull -q "$REGISTRY/layers:1" >/dev/null
  is "$(hoy image verify)" "$REGISTRY/layers:1: OK"
}

@test "an rmi whose list another command takes for one that a crash left" {
  hoy pull -q "$REGISTRY/tiny:1" >/dev/null
  strace -qq -o /dev/null -e trace=flock -e inject=flock:delay_enter=1000000 \
    "$HOY" rmi "$REGISTRY/tiny:1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  eventually 10 has_list
  hoy images >/dev/null
  wait $! || { cat "$BATS_TEST_TMPDIR/out"; false; }
  is "$(hoy system check)" 'No problems'
}
has_list() { [[ -n $(find "$HOY_ROOT/tmp" -name 'remove-*') ]]; }

@test "an rmi while a container of the image starts, and while it runs" {
  local i
  for i in {1..10}; do
    hoy pull -q "$REGISTRY/layers:1" >/dev/null
    "$HOY" run --rm --entrypoint cat "$REGISTRY/layers:1" /opaque/upper >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    "$HOY" rmi -f "$REGISTRY/layers:1" >/dev/null 2>&1 || true
    wait $! || matches "$(<"$BATS_TEST_TMPDIR/out")" 'No such image|not in|removed|Unable to find'
    is "$(hoy system check)" 'No problems'
  done
  hoy pull -q "$REGISTRY/tiny:1" >/dev/null
  hoy run -d --name runs "$REGISTRY/tiny:1" sh -c 'sleep 60' >/dev/null
  expect 1 hoy rmi "$REGISTRY/tiny:1"
  expect 0 hoy rmi -f "$REGISTRY/tiny:1"
  is "$(hoy exec runs sh -c 'echo there')" there
  hoy rm -f runs >/dev/null
  is "$(hoy system check)" 'No problems'
}
