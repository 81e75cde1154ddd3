#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The kernel refuses a single call, or a process is killed at one, in the middle of a start: it fails with a sentence
# and leaves nothing, or it goes on and the container is what it always is.

load lib

file_setup() { hoy run --rm base true; }

# faulty WHAT COMMAND...: strace injects it into hoy alone; with FOLLOW=-f into the shim and the container, too.
faulty() {
  # shellcheck disable=SC2086
  timeout -k 1 20 strace ${FOLLOW:-} -qq -o /dev/null -e "trace=${1%%:*}" -e "inject=$1" "${@:2}" 3>&-
}

@test "descriptors run out, wherever" {
  local n
  for n in {5..40}; do
    run timeout -k 1 20 bash -c 'ulimit -n "$1"; exec "$HOY" run --rm base true' _ "$n"
    [[ $status == 0 ]] && continue
    is "$n: $status" "$n: 125"
    one_sentence "$output"
    matches "$output" 'Too many open files|No file descriptors available'
    is "$(hoy ps -aq)" ""
  done
  is "$status" 0
}

@test "files may not grow: a sentence, or a log that ends early" {
  local n
  for n in 1 16 64; do
    expect 125 bash -c 'ulimit -f "$1"; exec "$HOY" run --rm base true' _ "$n"
    one_sentence "$output"
  done
  expect 3 bash -c 'ulimit -f 500; exec "$HOY" run --name it base sh -c "yes 0123456789 | head -n 20000; exit 3"'
  is "${#lines[@]}" 20000
  is "$(field it .State.ExitCode)" 3
  (($(hoy logs it | wc -l) > 1000))
  hoy rm it
}

# What separates it from the host, disks for one (7:0).
LOOK='grep -E "^(Cap|NoNewPrivs|Seccomp|Groups)" /proc/self/status
  sed "s/^[0-9]* [0-9]* [0-9:]* //; s/lowerdir.*//; s/[0-9a-f]\{64\}//g" /proc/self/mountinfo
  mknod /disk b 7 0 && dd if=/disk count=0 2>&1'
look() { "$@" "$HOY" run --rm --network none -v "$BATS_TEST_TMPDIR:/host" base sh -c "$LOOK
  test \$(readlink /proc/self/ns/time) != $(readlink /proc/self/ns/time) || echo the clocks of the host"; }

@test "what hoy can't ask of the host makes no container weaker" {
  local usual seen call n
  usual=$(look env)
  contains "$usual" "can't open '/disk': Operation not permitted"
  lacks "$usual" "the clocks of the host"
  for call in ioctl:error=ENOMEM access:error=ENOMEM openat:error=EMFILE read:error=EIO; do
    for n in {1..30}; do
      seen=$(look faulty "$call:when=$n" 2>"$BATS_TEST_TMPDIR/said") || {
        one_sentence "$(<"$BATS_TEST_TMPDIR/said")"
        continue
      }
      is "$call $n: $seen" "$call $n: $usual"
    done
  done
  hoy ps -aq >/dev/null # what could not be taken back then
}

@test "a shim that can't hear signals starts nothing" {
  FOLLOW=-f expect 125 faulty signalfd4:error=ENOMEM:when=1 "$HOY" run --rm base true
  matches "$output" '^hoy: cannot watch signals: '
}

@test "a shim that is killed before its first word, or before it has taken all back" {
  local call
  for call in clone3 rmdir; do
    FOLLOW=-f faulty "$call:signal=KILL:when=1" "$HOY" run --name it base true || true
    hoy rm it
  done
}

@test "a mount that cannot be looked at is not made again and again" {
  FOLLOW=-f expect 125 faulty statfs:error=EIO "$HOY" run --rm base true
  matches "$output" '^hoy: cannot mount the image '
  hoy volume create -o type=tmpfs -o device=tmpfs data >/dev/null
  FOLLOW=-f expect 125 faulty statx:error=EIO "$HOY" run --rm -v data:/data base true
  one_sentence "$output"
  hoy volume rm data
}

@test "a shim that can't keep the results of health checks starts nothing" {
  local n said=
  for n in {1..6}; do
    FOLLOW=-f run faulty "mmap:error=ENOMEM:when=$n" "$HOY" run --rm --health-cmd true base true
    ((status == 0)) || one_sentence "$output"
    said+=$output$'\n'
    is "$(hoy ps -aq)" ""
  done
  contains "$said" "hoy: cannot keep the results of health checks: Out of memory"
}

@test "a shim that can't hold its container's process ends it" {
  FOLLOW=-f expect 125 faulty pidfd_open:error=EMFILE:when=1 "$HOY" run --rm base sleep 1000
  matches "$output" "^hoy: cannot take hold of the container's process: "
}

shim_of() { ps -o ppid= -p "$(pgrep -xf "$1")" | tr -d ' '; }

@test "whoever is there when a shim is killed is told so" {
  local said=$BATS_TEST_TMPDIR/said run exec
  "$HOY" run --name it base sleep 1000 2>"$said" 3>&- &
  run=$!
  eventually 10 pgrep -xf 'sleep 1000' >/dev/null
  "$HOY" exec it sleep 2000 2>"$said.exec" 3>&- &
  exec=$!
  eventually 10 pgrep -xf 'sleep 2000' >/dev/null
  kill -KILL "$(shim_of 'sleep 2000')"
  ends_with 137 $exec
  is "$(<"$said.exec")" "hoy: the shim of the command was killed"
  kill -KILL "$(shim_of 'sleep 1000')"
  ends_with 137 $run
  is "$(<"$said")" "hoy: the container's shim was killed, and the container with it"
  hoy rm it
}

@test "a start whose lock is refused leaves no directory" {
  expect 125 faulty flock:error=EIO:when=1 "$HOY" run --rm base true
  one_sentence "$output"
  is "$(ls "$HOY_RUNROOT/containers")" ""
}

@test "a copy whose mounts can't be reached puts nothing beneath them" {
  local n call
  hoy volume create data >/dev/null
  echo words >"$BATS_TEST_TMPDIR/f"
  hoy run -d --name it -v data:/data base sleep 1000 >/dev/null
  for call in openat2 open_tree statx; do
    for n in {1..9}; do
      FOLLOW=-f run faulty "$call:error=EMFILE:when=$n" "$HOY" cp "$BATS_TEST_TMPDIR/f" it:/data/f
      [[ $status == 0 ]] || one_sentence "$output"
      is "$call $n: $(find "$HOY_ROOT/containers" -name f)" "$call $n: "
      is "$call $n: $(ls "$HOY_ROOT/volumes/data/_data")" "$call $n: $( ((status)) || echo f)"
      rm -f "$HOY_ROOT/volumes/data/_data/f"
    done
  done
  hoy rm -f it
  hoy volume rm data
}

@test "what is typed to a container is not lost, nor what it prints, nor its end" {
  local n call
  for call in 9:sendto:error=ENOBUFS 9:recvfrom:error=ENOMEM 30:newfstatat:error=EIO; do
    for ((n = 1; n <= ${call%%:*}; n++)); do
      hoy run -di --name it base sh -c 'read word; echo "got $word"; exit 3' >/dev/null
      run faulty "${call#*:}:when=$n" "$HOY" attach it <<<hi
      if ((status == 1)); then
        one_sentence "$output"
        hoy rm -f it
        continue
      fi
      is "$call $n: $status ${lines[0]:-}" "$call $n: 3 got hi"
      hoy rm it
    done
  done
}

@test "what top and stats can't read or write is said, once" {
  local n usual
  hoy run -d --name it base sleep 1000 >/dev/null
  usual=$(hoy top it -eo pid,args)
  for n in {1..60}; do
    run faulty "read:error=EIO:when=$n" "$HOY" top it -eo pid,args
    if ((status)); then one_sentence "$output"; lacks "$output" "PID field"; else is "$output" "$usual"; fi
  done
  expect 1 faulty write:error=ENOSPC:when=1 "$HOY" stats --no-stream
  is "$output" "hoy: write to standard output: No space left on device"
  hoy rm -f it
}

@test "a bridge that can't be looked at is not called a stranger's, nor a lock that is refused another hoyd" {
  local n bridge
  bridge=hoy-$(hoy network create n | cut -c -10)
  for n in {1..50}; do
    ip address flush dev "$bridge"
    run faulty "recvmsg:error=ENOMEM:when=$n" "$HOY" run --rm --network n base true
    ((status == 0)) || one_sentence "$output"
    lacks "$n: $output" "not this network's"
  done
  hoy network rm n
  expect 1 faulty flock:error=ENOLCK "$BUILD/src/hoyd/hoyd"
  is "$output" "hoyd: lock $HOY_RUNROOT/hoyd.lock: No locks available"
}

@test "logs that can't be found or read are not left out" {
  local n call usual
  hoy run --name it --log-opt max-size=2k --log-opt max-file=4 base seq 100 >/dev/null
  usual=$(hoy logs it)
  is "$(wc -l <<<"$usual")" 100
  for call in openat:error=EMFILE getdents64:error=EIO newfstatat:error=EIO; do
    for n in {1..24}; do
      run faulty "$call:when=$n" "$HOY" logs it
      if ((status)); then one_sentence "${lines[-1]}"; else is "$call $n: $output" "$call $n: $usual"; fi
    done
  done
  hoy rm it
}

# What a container's programs see of its networks, and how many interfaces the host has.
on_networks() { cat "$HOY_RUNROOT"/containers/*/{hosts,resolv.conf} && ip -o link | wc -l; }

@test "a container that does not come to a network is as it was, and is told why" {
  local before after call n
  hoy network create --subnet 10.99.7.0/24 --ipv6=false n >/dev/null
  hoy run -d --name it base sleep 1000 >/dev/null
  hoy network connect --ip 10.99.7.9 n it # from now on it has a resolver
  after=$(on_networks)
  hoy network disconnect n it
  before=$(on_networks)
  for call in 6:write:error=ENOSPC 27:read:error=EIO 37:openat:error=EMFILE 45:recvmsg:error=ENOMEM 1:pidfd_open:error=EMFILE; do
    for ((n = 1; n <= ${call%%:*}; n++)); do
      run faulty "${call#*:}:when=$n" "$HOY" network connect --ip 10.99.7.9 n it
      if ((status == 0)); then
        is "$call $n: $(on_networks)" "$call $n: $after"
        hoy network disconnect n it
      else
        one_sentence "$output"
        lacks "$call $n: $output" "not running"
      fi
      is "$call $n: $(on_networks)" "$call $n: $before"
    done
  done
  hoy rm -f it
  hoy network rm n
}
