#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# update of what is no limit: mounts and the environment of a container that runs, or does not.

load lib

test_setup() {
  cd "$BATS_TEST_TMPDIR" || return
  mkdir -p host/below
  echo hello >host/file
}
test_teardown() {
  hoy ps -aq | xargs -r "$HOY" rm -fv >/dev/null 2>&1 || true
  hoy volume prune -af >/dev/null || true
}

running() { hoy run -d --name one "$@" base sleep 1000 >/dev/null; }
again() { hoy stop -t 0 one >/dev/null && hoy start one >/dev/null; }
inside() { hoy exec one "$@"; }
mounts() { hoy inspect -f '{{range .Mounts}}{{.Destination}} {{end}}' one; }
has_ended() { [[ $(hoy inspect -f '{{.State.Status}}' one) == exited ]]; }
restarted() { [[ $(hoy inspect -f '{{.RestartCount}}' one) == 1 ]]; }
# What of a container an update that fails may not change.
everything() {
  hoy inspect one | jq -c '.[0] | [.Mounts, .Config, .HostConfig]'
  hoy volume ls -q
  inside cat /proc/self/mountinfo | cut -d' ' -f5- | sort
}
refused() {
  local words=$1 before
  shift
  before=$(everything)
  expect 1 hoy update "$@" one
  contains "$output" "$words"
  one_sentence "$output"
  diff <(echo "$before") <(everything)
}

@test "mounts come into a container that runs, and stay over a restart" {
  running
  expect 0 hoy update --mount-add type=bind,src="$PWD/host",dst=/data/deep,readonly --mount-add type=volume,src=vol,dst=/vol \
    --mount-add type=tmpfs,dst=/quick,tmpfs-size=1m,tmpfs-mode=700 --mount-add type=bind,src="$PWD/host/file",dst=/etc/one one
  is "$output" one
  for _ in now later; do
    is "$(inside cat /data/deep/file /etc/one)" "$(printf 'hello\nhello')"
    expect 1 inside touch /data/deep/new
    contains "$output" 'Read-only file system'
    inside touch /vol/new
    [[ -e $HOY_ROOT/volumes/vol/_data/new ]]
    is "$(inside stat -c %a /quick)" 700
    matches "$(inside grep ' /quick ' /proc/mounts)" '^tmpfs /quick tmpfs rw,nosuid,nodev,noexec.*size=1024k'
    is "$(mounts | tr ' ' '\n' | sort | xargs)" '/data/deep /etc/one /quick /vol'
    again
  done
  expect 1 hoy volume rm vol
  contains "$output" 'volume is in use'
  contains "$(hoy as run one)" "--mount type=bind,source=$PWD/host,target=/data/deep,readonly"
  contains "$(hoy as run one)" '--mount type=volume,source=vol,target=/vol'
}

@test "a volume that comes into a container that runs is filled from the image, as by run" {
  local where
  running
  # What the container made of it is not the image's.
  inside sh -c 'rm /bin/cat; echo changed >/bin/own; mkdir /made; echo x >/made/x'
  expect 0 hoy run --rm -v byrun:/bin base true
  expect 0 hoy update --mount-add type=volume,src=live,dst=/bin --mount-add type=volume,src=made,dst=/made \
    --mount-add type=volume,src=plain,dst=/sbin,volume-nocopy --mount-add type=volume,dst=/nowhere one
  for where in byrun live; do
    (cd "$HOY_ROOT/volumes/$where/_data" && find . -printf '%p %m %U %G %y %l %s %n %T@\n' | sort) >"$where"
  done
  diff byrun live
  grep -q '^./cat ' live
  inside cat /dev/null
  is "$(find "$HOY_ROOT/volumes/plain/_data" "$HOY_ROOT/volumes/made/_data" -mindepth 1)" ''
  # What is in one stays as it is.
  echo mine >"$HOY_ROOT/volumes/made/_data/mine"
  expect 0 hoy update --mount-rm /bin --mount-rm /made one
  expect 0 hoy update --mount-add type=volume,src=made,dst=/bin one
  is "$(ls -A "$HOY_ROOT/volumes/made/_data")" mine
  # An update that fails leaves none.
  expect 1 hoy update --mount-add type=volume,src=fresh,dst=/sbin --cpuset-cpus 4000 one
  expect 1 hoy volume inspect fresh
}

@test "mounts go from a container that runs, and stay away" {
  running -v "$PWD/host:/data" --mount type=volume,src=vol,dst=/vol --tmpfs /quick
  inside sh -c 'echo x >/vol/kept'
  expect 0 hoy update --mount-rm /data --mount-rm /vol/ --mount-rm /quick one
  for _ in now later; do
    is "$(inside ls /data /vol /quick | grep -v : | xargs)" ''
    is "$(inside grep -cE ' /(data|vol|quick) ' /proc/mounts)" 0 || true
    is "$(mounts)" ''
    again
  done
  is "$(cat "$HOY_ROOT/volumes/vol/_data/kept")" x
  expect 0 hoy volume rm vol
  # One in the place of another.
  hoy update --mount-add type=bind,src="$PWD/host",dst=/data one >/dev/null
  expect 0 hoy update --mount-rm /data --mount-add type=tmpfs,dst=/data one
  is "$(inside ls /data)" ''
  is "$(inside grep -c ' /data ' /proc/mounts)" 1
}

@test "a container that does not run has them from its start on" {
  hoy create --name one -v "$PWD/host:/gone" base sleep 1000 >/dev/null
  expect 0 hoy update --mount-rm /gone --mount-add type=volume,dst=/etc/apk --mount-add type=bind,src="$PWD/host",dst=/data \
    --mount-add type=image,src=base,dst=/image -e A=1 one
  hoy start one >/dev/null
  is "$(inside cat /data/file)" hello
  inside ls /image/bin/busybox >/dev/null
  expect 1 inside ls /gone/file
  is "$(hoy volume ls -q | wc -l)" 1
  is "$(inside sh -c 'echo $A')" 1
}

@test "variables: for execs at once, for the container from its next start on" {
  hoy run -d --name one -e OLD=old -e KEPT=kept base sh -c 'env >/env; sleep 1000' >/dev/null
  eventually 10 inside test -s /env
  expect 0 hoy update --env NEW=new --env-rm OLD -e KEPT=changed one
  is "$(inside sh -c 'echo $NEW-$OLD-$KEPT')" new--changed
  is "$(inside cat /env | grep -c NEW=)" 0 || true
  again
  eventually 10 inside grep -q NEW=new /env
  is "$(inside grep -E '^(OLD|KEPT|NEW)=' /env | sort | xargs)" 'KEPT=changed NEW=new'
  contains "$(hoy as run one)" '--env NEW=new'
  lacks "$(hoy as run one)" OLD
  expect 0 hoy update --env NEW- --env OLD=back one
  is "$(inside sh -c 'echo $NEW-$OLD')" -back
  contains "$(hoy update --help | tr -s ' \n' ' ')" 'a process that runs keeps its own'
}

@test "all of an update, or nothing" {
  running -v "$PWD/host:/data" --tmpfs /quick -m 64m
  inside touch /quick/mine
  refused 'bind source path does not exist' -e A=1 -m 100m --mount-add type=volume,src=fresh,dst=/vol --mount-add type=bind,src="$PWD/nosuch",dst=/x
  # The last one fails in the container: its place is a file.
  refused 'one is a directory, the other a file' -e A=1 -m 100m --mount-rm /quick --mount-rm /data --mount-add type=volume,src=fresh,dst=/vol \
    --mount-add type=tmpfs,dst=/etc/passwd
  inside ls /quick/mine >/dev/null
  is "$(inside cat /data/file)" hello
  # A limit fails after the mounts.
  refused 'Cannot update' --mount-rm /quick --mount-add type=volume,src=fresh,dst=/vol --cpuset-cpus 4000
  inside ls /quick/mine >/dev/null
  refused 'Duplicate mount point' --mount-add type=tmpfs,dst=/data
  refused 'nothing of its own is mounted there' --mount-rm /nosuch --mount-rm /data
  refused 'nothing of its own is mounted there' --mount-rm /proc
  refused 'inside /proc' --mount-add type=tmpfs,dst=/proc/sys
  refused 'mounted below it' --mount-add type=tmpfs,dst=/dev
  refused 'stop the container first' --mount-add type=image,src=base,dst=/image
}

@test "the restart policy: the shim goes by the new one" {
  hoy run -d --name one base sh -c 'echo >>/runs; [ $(wc -l </runs) -gt 1 ] && exec sleep 1000; sleep 1; exit 3' >/dev/null
  expect 0 hoy update --restart on-failure:3 one
  is "$(hoy inspect one | jq -c '.[0].HostConfig.RestartPolicy')" '{"Name":"on-failure","MaximumRetryCount":3}'
  eventually 10 restarted
  expect 0 hoy update --restart no one
  is "$(hoy inspect -f '{{.HostConfig.RestartPolicy.Name}}' one)" no
  hoy rm -f one >/dev/null
  running --rm
  refused 'AutoRemove is enabled' --restart always
}

@test "a root file system that is only read takes a mount where there is a place" {
  running --read-only
  refused 'Read-only file system' --mount-add type=tmpfs,dst=/tmp --mount-add type=tmpfs,dst=/new
  expect 0 hoy update --mount-add type=tmpfs,dst=/tmp one
  inside touch /tmp/new
  expect 1 inside touch /new
}

@test "links of the container's lead nowhere but into itself" {
  running -v "$PWD/host:/a/data"
  mkdir outside
  inside ln -s "$PWD/outside" /out
  expect 0 hoy update --mount-add type=tmpfs,dst=/out/x one
  inside ls "$PWD/outside/x"
  is "$(ls -A outside)" ''
  inside ln -s /proc/sys /link
  refused 'links in the container lead /link to /proc/sys' --mount-add type=tmpfs,dst=/link
  # The mount's place, moved away, with a link to what hides the kernel's files in its stead.
  inside sh -c 'mv /a /b && mkdir /a && ln -s /proc/sys /a/data'
  refused 'links in the container lead /a/data to /proc/sys' --mount-rm /a/data
}

@test "a container that ends meanwhile" {
  running
  local pid
  pid=$(hoy inspect -f '{{.State.Pid}}' one)
  (while kill -0 "$pid" 2>/dev/null; do
    hoy update --mount-add type=tmpfs,dst=/t one && hoy update --mount-rm /t one
  done) >loop 2>&1 &
  local loop=$!
  eventually 10 test -s loop
  kill -9 "$pid"
  wait "$loop" || true
  lacks "$(cat loop)" 'system'
  eventually 10 has_ended # its shim may be about to say so
  hoy start one >/dev/null
  is "$(inside grep -c ' /t ' /proc/mounts || true)" "$(mounts | grep -c /t || true)"
}

@test "wrong input" {
  running
  local words
  for words in '--mount-add type=nosuch,dst=/x' '--mount-add dst=relative' '--mount-add type=bind,dst=/x' '--mount-rm relative' '--mount-rm=' \
    '--env=' '--env =x' '--env -' '--env-rm A=B' '--env-rm=' '--publish-add 80:x' '--publish-rm 80x' \
    '--network-add name=' '--net-rate in=fast'; do
    # shellcheck disable=SC2086
    expect 125 hoy update $words one
    one_sentence "$(head -n 1 <<<"$output")"
  done
  expect 1 hoy update --mount-rm /x nosuch
  contains "$output" 'No such container: nosuch'
}
