#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cp: docker cp's rules, and what a container or a tar can't make of it.

load lib

test_setup() {
  cd "$BATS_TEST_TMPDIR" || return
  mkdir -p src/sub
  echo hello >src/f
  echo deep >src/sub/g
  ln -s f src/link
  echo one >one
  chmod 640 one
  chown 1000:1001 one
}
test_teardown() { hoy rm -fv box >/dev/null 2>&1 || true; }

made() { hoy create --name box "$@" base sh >/dev/null; }
running() { hoy run -d --name box "$@" base sleep 1000 >/dev/null; }
# What there is at a path in the container.
there() { hoy cp "box:$1" - | tar -xO; }

@test "where a copy goes: directories, files, and names that are not there" {
  made
  expect 0 hoy cp one box:/
  is "$(there /one)" one
  expect 0 hoy cp one box:/tmp/new
  is "$(there /tmp/new)" one
  expect 0 hoy cp src box:/tmp
  is "$(there /tmp/src/sub/g)" deep
  expect 0 hoy cp src box:/tmp/renamed
  is "$(there /tmp/renamed/f)" hello
  expect 0 hoy cp src/. box:/tmp/content
  is "$(there /tmp/content/f)" hello
  expect 1 hoy cp one box:/nodir/
  contains "$output" 'no such directory'
  expect 1 hoy cp one box:/nodir/x
  contains "$output" 'Could not find the file /nodir in container box'
  expect 1 hoy cp src box:/one
  contains "$output" 'cannot copy directory'
  expect 1 hoy cp nosuch box:/
  contains "$output" 'lstat'
  expect 1 hoy cp nosuch:/x .
  contains "$output" 'No such container: nosuch'
  expect 1 hoy cp box:/nosuch .
  contains "$output" 'Could not find the file /nosuch in container box'

  expect 0 hoy cp box:/tmp/src out
  is "$(cat out/sub/g)" deep
  is "$(readlink out/link)" f
  expect 0 hoy cp box:/tmp/src out
  is "$(cat out/src/f)" hello
  expect 0 hoy cp box:/tmp/src/. flat
  is "$(cat flat/f)" hello
  expect 1 hoy cp box:/one out9/
  contains "$output" 'no such directory'
  expect 1 hoy cp box:/one nodir/x
  contains "$output" 'invalid output path: directory'
  expect 1 hoy cp box:/tmp/src one
  contains "$output" 'cannot copy directory'
  expect 1 hoy cp box:/one /dev/null
  contains "$output" 'must be a directory or a regular file: got a device'
  expect 1 hoy cp one two
  contains "$output" 'must specify at least one container source'
  expect 1 hoy cp box:/one box:/two
  contains "$output" 'copying between containers is not supported'
}

@test "links as the source, with and without -L" {
  made
  ln -s one link
  hoy cp link box:/tmp/link
  is "$(hoy cp box:/tmp/link - | tar -tv | grep -o 'link -> one')" 'link -> one'
  hoy cp -L link box:/tmp/file
  is "$(there /tmp/file)" one
  hoy cp src box:/tmp
  hoy cp box:/tmp/src/link out1
  is "$(readlink out1)" f
  hoy cp -L box:/tmp/src/link out2
  is "$(cat out2)" hello
}

@test "owners, modes and times" {
  made
  touch -d 2001-02-03T04:05:06Z one
  hoy cp one box:/tmp/plain
  hoy cp -a one box:/tmp/kept
  is "$(hoy cp box:/tmp/plain - | tar -tv --numeric-owner | cut -c 1-14)" '-rw-r----- 0/0'
  is "$(hoy cp box:/tmp/kept - | tar -tv --numeric-owner | cut -c 1-20)" '-rw-r----- 1000/1001'
  hoy cp box:/tmp/kept out
  is "$(stat -c '%u:%g %a %Y' out)" '0:0 640 981173106'
  hoy cp -a box:/tmp/kept out
  is "$(stat -c %u:%g out)" 1000:1001
}

@test "a file that would be root for everybody does not come to the host" {
  running
  hoy exec box sh -c 'mkdir /tmp/bad && cp /bin/sh /tmp/bad/sh && chmod 4755 /tmp/bad/sh'
  hoy cp box:/tmp/bad out
  is "$(stat -c %a out/sh)" 755
  hoy exec box sh -c 'mknod /tmp/bad/disk b 8 0 && chmod 666 /tmp/bad/disk'
  for flag in -L -a; do
    expect 1 hoy cp "$flag" box:/tmp/bad out2
    contains "$output" 'is a device'
    [[ ! -b out2/disk ]]
  done
}

@test "tars: through standard output, and from standard input" {
  made
  hoy cp src box:/tmp
  hoy cp box:/tmp/src - | tar -t >list
  is "$(grep -c '^src' list)" 5
  tar -c src one | hoy cp - box:/var
  is "$(there /var/src/f)" hello
  is "$(hoy cp box:/var/one - | tar -tv --numeric-owner | cut -c 12-20)" 1000/1001
  for program in gzip xz zstd bzip2; do
    tar -c one | "$program" | hoy cp - box:/tmp
  done
  expect 1 hoy cp - box:/nosuch <list
  contains "$output" 'destination "box:/nosuch" must be a directory'
  expect 1 hoy cp - box:/tmp <list
  contains "$output" 'no tar'
  tar -c src | head -c 700 >cut.tar
  expect 1 hoy cp - box:/tmp <cut.tar
  contains "$output" 'damaged or cut off'
}

@test "the line at the end" {
  made
  expect 0 hoy cp one box:/tmp/x
  is "$output" ''
  expect 0 hoy cp -q=false one box:/tmp/x
  is "$output" 'Successfully copied 2.05kB to box:/tmp/x'
  expect 0 hoy cp -q=false box:/tmp/x out
  is "$output" "Successfully copied 2.05kB to $PWD/out"
}

@test "volumes and bind mounts, of containers that run and that do not" {
  mkdir bound
  for how in made running; do
    "$how" -v box-volume:/data -v "$PWD/bound:/bound" --tmpfs /memory
    hoy cp one box:/data/x
    hoy cp one "box:/bound/$how"
    is "$(cat "bound/$how")" one
    is "$(there /data/x)" one
    is "$(cat "$HOY_ROOT/volumes/box-volume/_data/x")" one
    [[ $how == made ]] || { hoy cp one box:/memory; is "$(hoy exec box cat /memory/one)" one; }
    hoy rm -f box >/dev/null
  done
  running
  matches "$(there /etc/hosts)" localhost
  expect 1 hoy cp box:/proc/self/status .
}

@test "a container that shares its mounts gets none by a copy" {
  local before
  mkdir bound
  mount -t tmpfs bound bound
  mount --make-shared bound
  running -v "$PWD/bound:/bound:rshared" -v box-volume:/data
  before=$(hoy exec box cat /proc/self/mountinfo | awk '{print $5}' | sort)
  hoy cp one box:/data/x
  hoy cp box:/data/x out
  is "$(hoy exec box cat /proc/self/mountinfo | awk '{print $5}' | sort)" "$before"
  hoy rm -f box >/dev/null
  umount bound
}

@test "read-only roots and volumes take nothing" {
  for how in made running; do
    "$how" --read-only -v "$PWD/src:/ro:ro" -v "$PWD/src:/rw"
    expect 1 hoy cp one box:/tmp/x
    contains "$output" 'container rootfs is marked read-only'
    expect 1 hoy cp one box:/ro/x
    contains "$output" 'mounted volume is marked read-only'
    expect 0 hoy cp one box:/rw/x
    expect 0 hoy cp box:/ro/f "out-$how"
    hoy rm -f box >/dev/null
  done
}

@test "a directory takes no file's place" {
  made
  mkdir -p y/one z
  hoy cp one box:/tmp/one
  expect 1 hoy cp y/. box:/tmp
  contains "$output" 'cannot overwrite non-directory "/tmp/one" with directory "/tmp"'
  hoy cp y/one box:/tmp/dir
  touch z/dir
  expect 1 hoy cp z/. box:/tmp
  contains "$output" 'cannot overwrite directory "/tmp/dir" with non-directory "/tmp"'
}

# Attacks

@test "a tar leads nowhere: .., absolute names, links, hard links" {
  made
  echo mine >victim
  python3 - "$PWD" <<'END'
import io, sys, tarfile
def tar(name, *members):
    with tarfile.open(name, "w") as t:
        for kind, path, target in members:
            info = tarfile.TarInfo(path)
            info.type = kind
            info.linkname = target or ""
            data = b"evil\n" if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
F, S, H = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
tar("dots.tar", (F, "../../../../victim", None))
tar("link.tar", (S, "out", "/etc"), (F, "out/evil", None))
tar("up.tar", (S, "out", ".."), (F, "out/evil", None))
tar("hard.tar", (H, "file", "../../etc/passwd"))
tar("through.tar", (S, "out", "/etc"), (H, "file", "out/passwd"))
tar("absolute.tar", (F, "/etc/evil", None))
END
  for attack in dots link up hard through; do
    expect 1 hoy cp - box:/tmp <"$attack.tar"
    one_sentence "$output"
  done
  hoy cp - box:/tmp <absolute.tar
  is "$(there /tmp/etc/evil)" evil
  expect 1 hoy cp box:/etc/evil .
  expect 1 hoy cp box:/evil .
  is "$(cat victim)" mine
}

@test "links in the container lead to its own files" {
  running
  hoy exec box sh -c 'ln -s / /tmp/root; ln -s /etc /tmp/etc; ln -s ../../../../../.. /tmp/up; ln -s /proc/1/root /tmp/magic'
  echo host >"$BATS_TEST_TMPDIR/host-only"
  for link in root up magic; do
    expect 1 hoy cp "box:/tmp/$link$BATS_TEST_TMPDIR/host-only" out
    [[ ! -e out ]]
  done
  hoy cp one box:/tmp/etc/one
  is "$(hoy exec box cat /etc/one)" one
  [[ ! -e /etc/one ]]
  hoy cp one box:/tmp/root
  is "$(hoy exec box cat /one)" one
  [[ ! -e /one ]]
}

# Its directory is a directory, a link to the host's place of that name, and a file, by turns.
@test "a container that exchanges its directories while it is copied from and to" {
  mkdir prey
  echo untouched >prey/f
  running -v "$PWD/src:/host-src"
  hoy exec box sh -c "mkdir /tmp/a /tmp/b /tmp/b/d; echo x >/tmp/b/d/f
    while :; do mv /tmp/b/d /tmp/a/d; ln -s $PWD/prey /tmp/b/d; rm /tmp/b/d; mv /tmp/a/d /tmp/b/d; done" &
  for _ in $(seq 6); do
    hoy cp one box:/tmp/b/d/f >/dev/null 2>&1 || true
    hoy cp box:/tmp/b/d/f stolen >/dev/null 2>&1 || true
    hoy cp box:/tmp/b stolen-tree >/dev/null 2>&1 || true
    is "$(cat prey/f)" untouched
    run ! grep -rq untouched stolen stolen-tree
  done
  is "$(ls prey)" f
}

@test "cut off: an interrupted copy leaves no file and no lock" {
  made
  mkfifo pipe
  hoy cp - box:/tmp <pipe &
  local cp=$!
  exec 7>pipe
  tar -c one | head -c 600 >&7
  eventually 10 pgrep -f 'hoy-fetch new-files' >/dev/null
  kill -INT "$cp" || true
  kill -TERM "$cp"
  exec 7>&-
  wait "$cp" || true
  is "$(hoy cp box:/tmp - | tar -t)" tmp/
  expect 0 hoy start box
}

@test "a full disk is said, and what was there stays" {
  mkdir small
  mount -t tmpfs -o size=256k tmpfs small
  made -v "$PWD/small:/small"
  echo before >small/big
  head -c 1M /dev/zero >big
  expect 1 hoy cp big box:/small/big
  contains "$output" 'No space left on device'
  is "$(cat small/big)" before
  is "$(ls -A small)" big
  hoy rm box >/dev/null
  umount small
}
