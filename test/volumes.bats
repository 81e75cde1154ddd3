#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Volumes and mounts: hoy volume, --mount, -v, --volumes-from.

load lib

test_setup() { cd "$BATS_TEST_TMPDIR" || return; }
test_teardown() {
  hoy ps -aq | xargs -r "$HOY" rm -fv >/dev/null 2>&1 || true
  hoy volume prune -af >/dev/null || true
  mountpoint -q small && umount small
  true
}

data() { echo "$HOY_ROOT/volumes/$1/_data"; }

@test "create, ls, inspect, rm" {
  expect 0 hoy volume create one
  is "$output" one
  expect 0 hoy volume create one
  expect 0 hoy volume create --label a=b --label c two
  expect 0 hoy volume create
  matches "$output" '^[0-9a-f]{64}$'
  local anonymous=$output
  is "$(hoy volume ls -q | sort)" "$(printf '%s\n' "$anonymous" one two | sort)"
  is "$(hoy volume ls -q -f label=a)" two
  is "$(hoy volume ls -q -f label=a=b -f label=c)" two
  is "$(hoy volume ls -q -f label=a=x)" ''
  is "$(hoy volume ls -q -f name=on -f dangling=true -f driver=local)" one
  is "$(hoy volume ls --format '{{.Name}} {{.Driver}} {{.Labels}}' -f name=two)" 'two local a=b,c='
  is "$(hoy volume ls --format '{{.Label "a"}}[{{.Label "x"}}]' -f name=two)" 'b[]'
  is "$(hoy volume ls --format raw -f name=two)" $'name: two\ndriver: local'
  matches "$(hoy volume ls -f name=one)" 'DRIVER +VOLUME NAME'
  expect 1 hoy volume ls -f bad=1
  contains "$output" "invalid filter 'bad'"
  is "$(hoy volume inspect -f '{{.Mountpoint}}' one)" "$(data one)"
  is "$(hoy volume inspect two | jq -c '.[0] | [.Driver, .Labels, .Options, .Scope]')" '["local",{"a":"b","c":""},null,"local"]'
  is "$(hoy inspect -f '{{.Name}}' one)" one
  is "$(hoy inspect --type volume -f '{{.Name}}' one)" one
  contains "$(hoy __complete volume rm t)" two
  expect 1 hoy volume inspect one nosuch
  contains "$output" 'get nosuch: no such volume'
  expect 1 hoy volume rm nosuch one
  contains "$output" 'get nosuch: no such volume'
  expect 0 hoy volume rm -f nosuch two
  is "$(hoy volume ls -q)" "$anonymous"
  [[ ! -e $HOY_ROOT/volumes/one ]]
  for name in x 'a b' ../up .hidden; do expect 1 hoy volume create -- "$name"; one_sentence "$output"; done
  expect 1 hoy volume create -d nosuch three
  contains "$output" 'plugin "nosuch" not found'
  expect 1 hoy volume create -o bad=1 three
  contains "$output" 'invalid option: "bad"'
  expect 1 hoy volume create -o type=tmpfs three
  contains "$output" 'missing required option: "device"'
  expect 1 hoy volume update one
  contains "$output" swarm
}

@test "a volume that a container has stays" {
  local id
  id=$(hoy create -v kept:/kept base true)
  expect 1 hoy volume rm kept
  contains "$output" "remove kept: volume is in use - [$id]"
  expect 1 hoy volume rm -f kept
  is "$(hoy volume ls -q -f dangling=false)" kept
  hoy volume prune -af
  is "$(hoy volume ls -q)" kept
  hoy rm -v "$id" >/dev/null
  expect 0 hoy volume rm kept
}

@test "anonymous volumes: rm leaves them, rm -v, --rm and prune don't" {
  hoy create --name aa -v /anon base true >/dev/null
  hoy rm aa >/dev/null
  is "$(hoy volume ls -q | wc -l)" 1
  hoy create --name bb -v /anon -v named:/named base true >/dev/null
  hoy rm -v bb >/dev/null
  hoy run --rm -v /anon -v named:/named base true
  is "$(hoy volume ls -q | wc -l)" 2
  run hoy volume prune <<<n
  contains "$output" 'WARNING! This will remove anonymous local volumes not used by at least one container.'
  is "$(hoy volume ls -q | wc -l)" 2
  expect 0 hoy volume prune -f
  contains "$output" 'Deleted Volumes:'
  contains "$output" 'Total reclaimed space: '
  is "$(hoy volume ls -q)" named
  run hoy volume prune -a <<<y
  contains "$output" 'WARNING! This will remove all local volumes not used by at least one container.'
  is "$(hoy volume ls -q)" ''
}

@test "system prune --volumes takes the anonymous ones, and a filter says which go" {
  hoy volume create --label keep=it one >/dev/null
  hoy volume create two >/dev/null
  hoy create -v /anon base true >/dev/null
  hoy system prune -f
  is "$(hoy volume ls -q | wc -l)" 3
  expect 0 hoy system prune -f --volumes
  contains "$output" 'Deleted Volumes:'
  is "$(hoy volume ls -q)" $'one\ntwo'
  is "$(hoy volume ls -q -f label!=keep)" two
  hoy volume prune -af --filter label!=keep
  is "$(hoy volume ls --format '{{.Name}} {{.Mountpoint}}')" "one $(data one)"
  hoy volume rm one >/dev/null
}

@test "an empty volume gets what the image has, once: owner, mode, links, xattrs" {
  hoy run --name maker base sh -c 'mkdir -p /stuff/sub && echo x >/stuff/f && ln /stuff/f /stuff/hard &&
    ln -s f /stuff/soft && chown 5:6 /stuff/f && chmod 640 /stuff/f && chmod 1750 /stuff/sub && mkfifo /stuff/pipe'
  setfattr -n user.colour -v blue "$HOY_ROOT/containers/$(field maker .Id)/upper/stuff/sub"
  hoy commit maker stuff >/dev/null
  hoy run --rm -v filled:/stuff stuff sh -c 'rm /stuff/soft; echo own >/stuff/own'
  local at
  at=$(data filled)
  is "$(stat -c %u:%g:%a:%h "$at/f")" 5:6:640:2
  [[ $at/f -ef $at/hard ]]
  is "$(stat -c %a "$at/sub")" 1750
  is "$(getfattr -n user.colour --only-values --absolute-names "$at/sub")" blue
  [[ -p $at/pipe ]]
  is "$(ls "$HOY_ROOT/volumes/filled")" _data
  hoy run --rm -v filled:/stuff stuff sh -c '[ ! -e /stuff/soft ] && [ -e /stuff/own ]'
  hoy run --rm -v plain:/stuff:nocopy stuff true
  is "$(ls "$(data plain)")" ''
  hoy rmi -f stuff >/dev/null
}

@test "a new volume over an empty directory of the image gets its owner and mode" {
  hoy run --name maker base sh -c 'mkdir -m 700 /own && chown 999:998 /own'
  hoy commit --change 'VOLUME /own' maker owned >/dev/null
  local look=(stat -c %u:%g:%a /own /tmp)
  is "$(hoy run --rm -v ev:/tmp owned "${look[@]}")" $'999:998:700\n0:0:1777'
  is "$(hoy run --rm -v ev:/own:nocopy owned "${look[@]}")" $'0:0:1777\n0:0:1777'
  is "$(hoy run --rm -v plain:/own:nocopy owned "${look[@]}")" $'0:0:755\n0:0:1777'
  hoy volume create -o type=tmpfs -o device=tmpfs -o o=mode=755 mounted >/dev/null
  is "$(hoy run --rm -v mounted:/own owned "${look[@]}")" $'999:998:700\n0:0:1777'
  # What somebody made of it since stays, as it does where the image has nothing.
  hoy run --name again -v kept:/own owned chown 7:8 /own
  hoy start -a again
  is "$(stat -c %u:%g:%a "$(data kept)")" 7:8:700
  hoy run --rm -v kept:/nowhere owned true
  is "$(stat -c %u:%g:%a "$(data kept)")" 7:8:700
  hoy rm -v again >/dev/null
  hoy rmi -f owned >/dev/null
}

@test "a copy that was cut off is not taken for the whole" {
  hoy run --name maker base sh -c 'mkdir /stuff; cd /stuff; for i in 1 2 3; do echo $i >$i; done'
  hoy commit maker stuff >/dev/null
  hoy volume create half >/dev/null
  # As a kill leaves it: in the first step, and in the second with one file moved.
  mkdir "$HOY_ROOT/volumes/half/copy"
  echo rest >"$HOY_ROOT/volumes/half/copy/1"
  hoy run --rm -v half:/stuff stuff sh -c '[ "$(cat /stuff/*)" = "1
2
3" ]'
  is "$(ls "$HOY_ROOT/volumes/half")" _data
  hoy volume create half2 >/dev/null
  mkdir "$HOY_ROOT/volumes/half2/filled"
  echo moved >"$(data half2)/1"
  echo left >"$HOY_ROOT/volumes/half2/filled/2"
  is "$(hoy run --rm -v half2:/stuff stuff sh -c 'cat /stuff/*')" $'moved\nleft'
  is "$(ls "$HOY_ROOT/volumes/half2")" _data
  # A disk that is full.
  hoy volume create tight >/dev/null
  mount -t tmpfs -o nr_inodes=5 tmpfs "$HOY_ROOT/volumes/tight"
  mkdir "$(data tight)"
  expect 125 hoy run --rm -v tight:/stuff stuff true
  contains "$output" "copy what the image has at /stuff into $(data tight): No space left on device"
  is "$(ls "$(data tight)")" ''
  is "$(ls "$HOY_ROOT/volumes/tight")" _data
  umount "$HOY_ROOT/volumes/tight"
  hoy rmi -f stuff >/dev/null
}

@test "two starts fill one volume together, and two creates make one" {
  hoy run --name maker base sh -c 'mkdir /stuff; cd /stuff; for i in $(seq 300); do echo $i >$i; done'
  hoy commit maker stuff >/dev/null
  local jobs=()
  for _ in 1 2 3 4; do
    hoy run --rm -v both:/stuff stuff sh -c '[ "$(ls /stuff | wc -l)" = 300 ]' &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do ends_with 0 "$job"; done
  is "$(find "$(data both)" -type f | wc -l)" 300
  jobs=()
  for _ in 1 2 3 4; do hoy volume create same >/dev/null & jobs+=($!); done
  for job in "${jobs[@]}"; do ends_with 0 "$job"; done
  is "$(hoy volume ls -q -f name=same)" same
  hoy rmi -f stuff >/dev/null
}

@test "a volume is removed while a container with it is made: one of the two is refused" {
  local jobs=() job
  for i in $(seq 8); do
    hoy volume create contested >/dev/null
    hoy volume rm contested >/dev/null 2>&1 & jobs=($!)
    hoy run --rm -v contested:/c base sh -c 'echo x >/c/x'
    wait "${jobs[@]}" || true
    hoy volume rm contested >/dev/null 2>&1 || true
  done
  expect 0 hoy system check
}

@test "killed at any moment: nothing is lost and nothing left" {
  for i in $(seq 12); do
    hoy create --name "k$i" -v "killed$i:/k" -v /anon base true >/dev/null 2>&1 &
    sleep "0.0$((RANDOM % 4))"
    kill -9 $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    hoy volume rm "killed$i" >/dev/null 2>&1 &
    sleep "0.0$((RANDOM % 2))"
    kill -9 $! 2>/dev/null || true
    wait $! 2>/dev/null || true
  done
  expect 0 hoy system check
  hoy ps -aq | xargs -r "$HOY" rm -fv >/dev/null
  hoy volume prune -af >/dev/null
  expect 0 hoy system check
  is "$(ls "$HOY_ROOT/volumes")" ''
}

@test "a removal that was killed on its way is finished, and the name can be used again" {
  hoy volume create going >/dev/null
  echo old >"$(data going)/f"
  sqlite3 "$HOY_ROOT/hoy.db" "UPDATE volume SET removing = 1 WHERE name = 'going'" || skip "no sqlite3"
  expect 1 hoy volume inspect going
  is "$(hoy run --rm -v going:/g base ls /g)" ''
  hoy volume rm going >/dev/null
  hoy volume create going >/dev/null
  sqlite3 "$HOY_ROOT/hoy.db" "UPDATE volume SET removing = 1 WHERE name = 'going'"
  expect 0 hoy system check
  [[ ! -e $HOY_ROOT/volumes/going ]]
}

@test "volume-subpath: inside the volume, also by links" {
  hoy run --rm -v parts:/p base sh -c 'mkdir -p /p/a/b; echo deep >/p/a/b/f; ln -s /etc /p/out; ln -s ../../../.. /p/up; ln -s a/b /p/in'
  is "$(hoy run --rm --mount type=volume,src=parts,dst=/m,volume-subpath=a/b base cat /m/f)" deep
  is "$(hoy run --rm --mount type=volume,src=parts,dst=/m,volume-subpath=in base cat /m/f)" deep
  is "$(hoy run --rm --mount type=volume,src=parts,dst=/m,volume-subpath=a/b/f base cat /m)" deep
  expect 125 hoy run --rm --mount type=volume,src=parts,dst=/m,volume-subpath=out base true
  contains "$output" 'cannot access path'
  is "$(hoy run --rm --mount type=volume,src=parts,dst=/m,volume-subpath=up base ls /m)" $'a\nin\nout\nup'
  expect 125 hoy run --rm --mount type=volume,src=parts,dst=/m,volume-subpath=../x base true
  contains "$output" '".."'
  expect 125 hoy run --rm --mount type=volume,src=parts,dst=/m,volume-subpath=/a base true
}

@test "labels and options of a volume that --mount makes" {
  hoy create --name maker --mount 'type=volume,src=made,dst=/m,volume-label=x=y,volume-driver=local,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"volume-opt=o=size=1m,mode=700"' base true >/dev/null
  is "$(hoy volume inspect made | jq -c '.[0] | [.Labels, .Options.o]')" '[{"x":"y"},"size=1m,mode=700"]'
  is "$(hoy inspect maker | jq -c '.[0].HostConfig.Mounts[0].VolumeOptions')" \
    '{"Labels":{"x":"y"},"DriverConfig":{"Options":{"type":"tmpfs","device":"tmpfs","o":"size=1m,mode=700"}}}'
  expect 125 hoy create --mount type=volume,src=v2,dst=/m,volume-driver=nosuch base
  contains "$output" 'plugin "nosuch" not found'
  expect 125 hoy create --volume-driver nosuch base
  contains "$output" 'plugin "nosuch" not found'
  expect 0 hoy create --name other --volume-driver local -v v2:/x base
}

@test "a volume with a file system of its own: mounted by the first, shared, unmounted by the last" {
  hoy volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,uid=7 memory >/dev/null
  hoy run -d --name first -v memory:/m base sleep 1000 >/dev/null
  hoy exec first sh -c 'echo shared >/m/f'
  is "$(hoy run --rm -v memory:/m base cat /m/f)" shared
  is "$(hoy exec first stat -c %u /m)" 7
  mountpoint -q "$(data memory)"
  hoy cp first:/m/f - | tar -xO | grep -qx shared
  hoy rm -f first >/dev/null
  eventually 10 sh -c "! mountpoint -q $(data memory)"
  is "$(hoy run --rm -v memory:/m base ls /m)" ''

  mkdir there
  echo bound >there/f
  hoy volume create -o type=none -o device="$PWD/there" -o o=bind bound >/dev/null
  is "$(hoy run --rm -v bound:/b base cat /b/f)" bound
  hoy volume create -o type=none -o device="$PWD/nowhere" -o o=bind broken >/dev/null
  expect 125 hoy run --rm -v broken:/b base true
  contains "$output" 'failed to mount local volume broken'
  contains "$output" "$PWD/nowhere"
  contains "$output" 'No such file or directory'
  hoy volume create -o type=nfs -o device=:/x -o o=addr=server.example nfs >/dev/null
  expect 125 hoy run --rm -v nfs:/b base true
  contains "$output" 'addr=server.example: lookup server.example: no such host'
  hoy volume create -o type=nfs -o device=:/x -o o=addr=localhost,nfsvers=4 named >/dev/null
  matches "$(hoy explain --as sh -v named:/b base)" 'mount -t nfs -o addr=(127.0.0.1|::1),nfsvers=4 :/x '
  is "$(cat there/f)" bound
}

@test "bind mounts: propagation, recursion, missing sources" {
  mkdir -p src/below
  mount -t tmpfs tmpfs src/below
  echo under >src/below/f
  is "$(hoy run --rm --mount type=bind,src="$PWD/src",dst=/b base cat /b/below/f)" under
  expect 1 hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,bind-recursive=disabled base cat /b/below/f
  expect 1 hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,ro base touch /b/below/x
  expect 0 hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,ro,bind-recursive=writable base touch /b/below/x
  expect 1 hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,ro,bind-recursive=writable base touch /b/x
  expect 1 hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,ro,bind-recursive=readonly,bind-propagation=rprivate base touch /b/below/y
  umount src/below
  expect 125 hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,bind-recursive=readonly base true
  contains "$output" "requires 'readonly'"
  expect 125 hoy run --rm --mount type=bind,src="$PWD/missing",dst=/b base true
  contains "$output" 'bind source path does not exist'
  expect 0 hoy run --rm --mount type=bind,src="$PWD/missing",dst=/b,bind-create-src base true
  [[ -d missing ]]
  expect 0 hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,consistency=cached base true
  expect 0 hoy run --rm -v "$PWD/src:/b:ro,delegated" base true
}

@test "bind-idmap: files belong to the caller, whoever the container thinks it is" {
  mkdir src
  chown 1234:1235 src
  SUDO_UID=1234 SUDO_GID=1235 run hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,bind-idmap base sh -c 'stat -c %u:%g /b; echo x >/b/made'
  if [[ $status != 0 ]]; then
    contains "$output" 'cannot be mounted with mapped ids' # not with this file system
    skip "no id-mapped mounts here"
  fi
  is "$output" 0:0
  is "$(stat -c %u:%g src/made)" 1234:1235
  hoy run --rm --user 33:44 --mount type=bind,src="$PWD/src",dst=/b,bind-idmap=match-user:root base true
  hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,bind-idmap=match-user:77:78 base touch /b/by77
  is "$(stat -c %u:%g src/by77)" 77:78
  # It stays the caller's who made it, whoever starts it again.
  SUDO_UID=1234 SUDO_GID=1235 hoy create --name again --mount type=bind,src="$PWD/src",dst=/b,bind-idmap base touch /b/again >/dev/null
  SUDO_UID=1 SUDO_GID=1 hoy start -a again
  is "$(stat -c %u:%g src/again)" 1234:1235
  SUDO_UID=1234 SUDO_GID=1235 hoy run --rm --user 33:44 --mount type=bind,src="$PWD/src",dst=/b,bind-idmap base touch /b/by33
  is "$(stat -c %u:%g src/by33)" 1234:1235
  expect 125 hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,bind-idmap=userns base true
  contains "$output" 'user namespace'
  expect 125 hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,bind-idmap=match-user:nobody-here base true
  contains "$output" 'no user "nobody-here"'
  expect 125 hoy run --rm --mount type=bind,src="$PWD/src",dst=/b,bind-idmap=nonsense base true
}

@test "another image, read-only" {
  hoy pull -q "$REGISTRY/tiny:1" >/dev/null
  is "$(hoy run --rm --mount type=image,src="$REGISTRY/tiny:1",dst=/i base /i/bin/busybox echo ran)" ran
  expect 1 hoy run --rm --mount type=image,src="$REGISTRY/tiny:1",dst=/i base touch /i/x
  contains "$output" 'Read-only'
  is "$(hoy run --rm --mount type=image,src="$REGISTRY/tiny:1",dst=/i,image-subpath=bin base ls /i/busybox)" /i/busybox
  expect 125 hoy run --rm --mount type=image,src="$REGISTRY/tiny:1",dst=/i,image-subpath=nosuch base true
  contains "$output" 'cannot access path'
  expect 125 hoy run --rm --mount type=image,src=nosuch,dst=/i base true
  contains "$output" 'nosuch'
  # The container's own image as well.
  is "$(hoy run --rm --mount type=image,src="$REGISTRY/tiny:1",dst=/i "$REGISTRY/tiny:1" /i/bin/busybox echo both)" both
}

@test "--volumes-from" {
  mkdir bound
  hoy create --name from -v shared:/s -v /anon -v "$PWD/bound:/b" --tmpfs /t base true >/dev/null
  hoy run --rm --volumes-from from base sh -c 'echo s >/s/f; echo b >/b/f; echo a >/anon/f'
  is "$(cat bound/f)" b
  is "$(cat "$(data shared)/f")" s
  is "$(hoy run --rm --volumes-from from:ro base cat /anon/f)" a
  expect 1 hoy run --rm --volumes-from from:ro base touch /s/x
  is "$(hoy run --rm --volumes-from from -v other:/s base ls /s)" ''
  hoy create --name to --volumes-from from base true >/dev/null
  is "$(hoy inspect to | jq -c '.[0] | [.HostConfig.VolumesFrom, .HostConfig.Binds, (.Mounts | map(.Destination) | sort)]')" \
    '[["from"],null,["/anon","/b","/s"]]'
  hoy start -a to
  # The anonymous one is both's.
  hoy rm -v from >/dev/null
  is "$(hoy start -a to; hoy volume ls -q | wc -l)" 3
  hoy rm -v to >/dev/null
  is "$(hoy volume ls -q | sort)" $'other\nshared'
  expect 1 hoy create --volumes-from nosuch base
  contains "$output" 'No such container: nosuch'
  hoy create --name from base >/dev/null
  expect 1 hoy create --volumes-from from:zz base
  contains "$output" 'invalid mode: zz'
}

@test "inspect shows mounts as Docker does" {
  hoy create --name box -v vol:/v -v /anon -v "$PWD:/b:ro" --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770 --tmpfs /tt base true >/dev/null
  is "$(hoy inspect box | jq -c '.[0].Mounts[] | select(.Destination == "/v")')" \
    "{\"Type\":\"volume\",\"Name\":\"vol\",\"Source\":\"$(data vol)\",\"Destination\":\"/v\",\"Driver\":\"local\",\"Mode\":\"z\",\"RW\":true,\"Propagation\":\"\"}"
  is "$(hoy inspect box | jq -c '.[0].Mounts[] | select(.Destination == "/b")')" \
    "{\"Type\":\"bind\",\"Source\":\"$PWD\",\"Destination\":\"/b\",\"Mode\":\"ro\",\"RW\":false,\"Propagation\":\"rprivate\"}"
  is "$(hoy inspect box | jq -c '[.[0].Mounts[].Type] | sort')" '["bind","tmpfs","volume","volume"]'
  is "$(hoy run --rm --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770 base stat -c %a /t)" 1770
}

@test "system df -v and system check know volumes" {
  hoy create --name box -v counted:/v base true >/dev/null
  matches "$(hoy system df -v)" 'counted +1 '
  mkdir -p "$HOY_ROOT/volumes/strange/_data"
  touch "$HOY_ROOT/volumes/strange/_data/x"
  expect 1 hoy system check
  contains "$output" 'volumes/strange belongs to nothing'
  rm -r "$HOY_ROOT/volumes/strange"
  rm -r "$HOY_ROOT/volumes/counted"
  expect 1 hoy system check
  contains "$output" 'volumes/counted/_data is missing'
}

@test "a size is refused where there are no project quotas" {
  expect 1 hoy volume create -o size=nonsense limited
  contains "$output" "invalid size: 'nonsense'"
  mkdir small
  mount -t tmpfs tmpfs small
  expect 1 hoy --root "$PWD/small" --runroot "$PWD/small-run" volume create -o size=4m limited
  contains "$output" 'quota size requested but no quota support'
  is "$(hoy --root "$PWD/small" --runroot "$PWD/small-run" volume ls -q)" ''
  is "$(ls small/volumes)" ''
}

@test "--storage-opt size: refused where there are no project quotas" {
  mkdir small small-run
  mount -t tmpfs tmpfs small
  expect 125 hoy --root "$PWD/small" --runroot "$PWD/small-run" run --rm --storage-opt size=4m base true
  contains "$output" "--storage-opt size: the file system of $PWD/small has no project quotas, or they are not turned on"
  is "$(hoy --root "$PWD/small" --runroot "$PWD/small-run" ps -aq)" ''
  is "$(ls small/containers)" ''
}

@test "a size is kept where there are project quotas" {
  mkdir small
  truncate -s 64M disk
  mkfs.ext4 -q -O quota,project -E quotatype=prjquota disk
  mount -o loop,prjquota disk small 2>/dev/null || skip "no loop device, or no quotas in this kernel"
  other() { "$HOY" --root "$PWD/small/root" --runroot "$PWD/small-run" "$@"; }
  mkdir small-run
  if other volume create -o size=4m limited; then
    # Root of the machine itself is bound by no quota.
    expect 1 other run --rm -v limited:/l base dd if=/dev/zero of=/l/big bs=1M count=8
    is "$(other volume inspect limited | jq -r '.[0].Options.size')" 4m
  else
    contains "$(other volume create -o size=4m limited 2>&1)" 'quota'
  fi
  umount small
}
