#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hoy as run|sh|oci: what made a container, said again, makes the same one.

load lib

test_teardown() {
  hoy rm -fv one two >/dev/null 2>&1 || true
}

# settings NAME: what inspect says of the settings, without what each container has for itself.
settings() {
  hoy inspect --format '{{json .}}' "$1" | python3 -c '
import json, sys
c = json.load(sys.stdin)
config = c["Config"]
if c["Id"].startswith(config["Hostname"]): config["Hostname"] = "own"
for mount in c["HostConfig"].get("Mounts") or []:
    if "com.docker.volume.anonymous" in ((mount.get("VolumeOptions") or {}).get("Labels") or {}): mount["Source"] = "own"
networks = c["NetworkSettings"]["Networks"]
for network in networks.values(): network.pop("EndpointID", None)
print(json.dumps([config, c["HostConfig"], c["Path"], c["Args"], networks], sort_keys=True, indent=1).replace(c["Id"][:12], "own"))'
}

# again OPTION...: a container, and another one by the first one's words.
again() {
  hoy create --name one "$@" >/dev/null
  local words
  words=$(hoy as run one)
  contains "$words" ' --name one '
  words=${words/#hoy run/hoy create}
  words=${words/ --detach / }
  eval "${words/ --name one / --name two }" >/dev/null
  diff <(settings one) <(settings two)
  is "$(hoy as run two)" "$(hoy as run one | sed 's/--name one/--name two/')"
}

@test "as run: every option, there and back" {
  local line words failed=0 T=$BATS_TEST_TMPDIR DISK
  # shellcheck disable=SC2034 # the lines use it
  DISK=/dev/$(lsblk -dnro NAME,TYPE | awk '$2 == "disk" {print $1; exit}')
  cd "$T"
  mkdir d a,b
  echo A=1 >ef
  echo l=1 >lf
  hoy network create --subnet 10.213.0.0/24 --subnet fd00:213::/64 --ipv6 nn >/dev/null
  hoy create --name other -v ov:/ov -v /tmp:/t2 base >/dev/null
  while IFS= read -r line; do
    eval "words=($line)"
    (again "${words[@]}" base sh -c 'echo "a b" $x') >"$T/said" 2>&1 || { failed=1; echo "$line:"; cat "$T/said"; }
    hoy rm -fv one two >/dev/null 2>&1 || true
  done < <(grep -v '^#' "$BATS_TEST_DIRNAME/as-options")
  hoy rm -fv other >/dev/null
  hoy network rm nn >/dev/null
  hoy volume prune -af >/dev/null
  ((!failed))
}

@test "as run: plain, and with a command of many words" {
  again base
  is "$(hoy as run one)" 'hoy run --name one base'
  test_teardown
  again base sh -c 'echo "$HOME" '"'single'"$' \n; exit 3' ''
}

@test "as run: a variable of the image's that was taken away" {
  hoy create --name one -e KEEP=1 base true >/dev/null
  hoy update --env PATH- one >/dev/null
  is "$(hoy as run one)" 'env -u PATH hoy run --name one --env KEEP=1 --env PATH base true'
  # Without a PATH it has to be found elsewhere.
  eval "$(hoy as run one | sed "s:hoy run --name one:$HOY create --name two:")" >/dev/null
  diff <(settings one) <(settings two)
}

@test "as run: streams, identity, environment" {
  again -it --hostname h --domainname d --user 1:2 --group-add 5 -w /tmp -e A=1 -e 'B=x y"z' -l k='v w' -l empty base
  test_teardown
  again --entrypoint /bin/echo --stop-signal INT --stop-timeout 7 --init --rm base a b
  test_teardown
  again --entrypoint '' base true
}

@test "as run: limits" {
  again -m 64m --memory-swap 128m --cpus 0.25 -c 512 --cpuset-cpus 0 --pids-limit 30 --ulimit nofile=10:20 --shm-size 1m \
    --sysctl net.ipv4.ip_forward=1 base
}

@test "as run: more limits, devices" {
  again --cpu-period 50000 --cpu-quota 20000 --cpuset-mems 0 --memory-reservation 32m -m 64m --memory-swappiness 10 \
    --oom-score-adj 100 --blkio-weight 300 --device /dev/zero:/dev/nothing:r --device-cgroup-rule 'c 1:3 r' --cgroup-parent as-test base
  test_teardown
  again --cpuset-cpus 0 --annotation a=b --runtime runc --expose 80 --expose 90/udp --mac-address 02:42:ac:11:00:99 base
}

@test "as run: namespaces" {
  again --pid host --ipc host --uts host --cgroupns host base
  test_teardown
  hoy run -d --name donor --ipc shareable base sleep 600 >/dev/null
  again --network container:donor --pid container:donor --ipc container:donor base
  hoy rm -f donor >/dev/null
}

@test "as run: security" {
  again --cap-add NET_ADMIN --cap-drop CHOWN --security-opt no-new-privileges --security-opt seccomp=unconfined --read-only base
  test_teardown
  again --privileged base
}

@test "as run: files" {
  mkdir -p "$BATS_TEST_TMPDIR/a b"
  cd "$BATS_TEST_TMPDIR"
  mkdir shared
  mount -t tmpfs shared shared
  mount --make-shared shared
  again -v "$PWD/a b:/x:ro" -v ./made:/y -v named:/z:nocopy -v /anonymous --tmpfs /t:size=1m --tmpfs /u \
    --mount "type=bind,source=$PWD/shared,target=/m,readonly,bind-propagation=rslave" --mount type=tmpfs,target=/n,tmpfs-size=1m,tmpfs-mode=700 base
  umount shared
}

@test "as run: network" {
  again --network none base
  test_teardown
  again --network host --dns 1.2.3.4 --dns-search example.org --dns-option ndots:1 --add-host a:1.2.3.4 base
}

@test "as run: a detached one says so; and after it was renamed or run the words are the same" {
  hoy run -d --name one base sleep 600 >/dev/null
  is "$(hoy as run one)" 'hoy run --detach --name one base sleep 600'
}

@test "as oci: a config.json that hoy-runtime runs, of one that runs and one that does not" {
  hoy create --name one -e A=1 --hostname named base sh -c 'echo $A' >/dev/null
  expect 0 hoy as oci one
  is "$(python3 -c 'import json, sys; c = json.load(sys.stdin); print(c["hostname"], c["process"]["args"][2])' <<<"$output")" 'named echo $A'
  # Nothing is left of having looked: it starts as ever.
  expect 0 hoy start -a one
  is "$output" 1
  hoy run -d --name two base sleep 600 >/dev/null
  is "$(hoy as oci two | python3 -c 'import json, sys; print(json.load(sys.stdin)["process"]["args"])')" "['sleep', '600']"
  is "$(hoy exec two echo alive)" alive
}

@test "as sh: the script of the container" {
  hoy create --name one --hostname named base true >/dev/null
  expect 0 hoy as sh one
  contains "$output" '#!/bin/sh'
  contains "$output" named
  hoy run -d --name two base sleep 600 >/dev/null
  contains "$(hoy as sh two)" 'sleep'
}

@test "looking does not forget why it died" {
  hoy run --name one base sh -c 'exit 3' || true
  hoy as oci one >/dev/null
  hoy as sh one >/dev/null
  contains "$(hoy why one)" 'with the code 3'
}

@test "as: what is not there, and no kind" {
  expect 1 hoy as run nobody
  contains "$output" 'No such container: nobody'
  expect 1 hoy as oci nobody
  run hoy as podman one
  ((status != 0))
  contains "${lines[0]}" 'unknown command: hoy as podman'
}
