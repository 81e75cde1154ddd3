#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# docker.io and podman with hoy on one host, all with bridges, published ports and rules of their own: none
# takes what another has, and none disturbs another, whoever came first.

load lib
load outside

file_setup() {
  export E=$BATS_FILE_TMPDIR
  outside_add
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REGISTRY/tiny:1" "docker-archive:$E/tiny.tar:tiny:1"
}

file_teardown() {
  local process
  for process in "$E"/*.process; do
    [[ ! -e $process ]] || { kill "$(cat "$process")" 2>/dev/null && wait_gone "$(cat "$process")"; }
  done
  awk -v e="$E/" 'index($5, e) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount -l
  outside_remove
}

test_teardown() {
  ((!${#SERVERS[@]})) || kill "${SERVERS[@]}" 2>/dev/null || true
  # shellcheck disable=SC2046
  hoy rm -f $(hoy ps -aq) >/dev/null 2>&1
  [[ ! -e $E/docker.process ]] || docker ps -aq | xargs -r /usr/bin/docker -H "unix://$E/docker.sock" rm -f >/dev/null
  [[ ! -e $E/podman ]] || podman rm -af -t 0 >/dev/null
}

PEER=$BATS_TEST_DIRNAME/port-peer.py
SERVERS=()

docker_is_there() {
  [[ -x /usr/bin/docker && -n $(command -v dockerd) ]] || skip "docker.io is not installed"
  [[ ! -e $E/docker.process ]] || return 0
  dockerd -H "unix://$E/docker.sock" --data-root "$E/docker" --exec-root "$E/docker-run" --pidfile "$E/docker.pid" \
    </dev/null >"$E/docker.log" 2>&1 3>&- &
  echo $! >"$E/docker.process"
  eventually 30 docker version >/dev/null 2>&1 || { tail -n 5 "$E/docker.log"; return 1; }
  docker load -q -i "$E/tiny.tar" >/dev/null
  audit_take "$BATS_TEST_TMPDIR/.audit"
}
docker() { /usr/bin/docker -H "unix://$E/docker.sock" "$@" 3>&-; }

podman_is_there() {
  [[ -n $(command -v podman) && -n $(command -v crun) ]] || skip "podman is not installed"
  [[ ! -d $E/podman ]] || return 0
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$E/policy.json"
  podman load -q --signature-policy "$E/policy.json" -i "$E/tiny.tar" >/dev/null
  podman run --rm --ulimit nofile=1024:4096 --ulimit nproc=1000:1000 tiny:1 true
  audit_take "$BATS_TEST_TMPDIR/.audit"
}
podman() {
  # shellcheck disable=SC2016
  unshare --mount --propagation unchanged sh -c \
    'f=/sys/fs/cgroup/unified/cgroup.controllers; [ -e $f ] && mount --bind /dev/null $f; exec "$@"' sh \
    podman --root "$E/podman" --runroot "$E/podman-run" --tmpdir "$E/podman-tmp" --cgroup-manager cgroupfs --runtime crun \
    --events-backend none --storage-driver overlay --network-config-dir "$E/podman-net" "$@" 3>&-
}

# serve PID PORT: in the network of a process.
serve() {
  local ready=$BATS_TEST_TMPDIR/$1.ready
  : >"$ready"
  nsenter -t "$1" -n "$PEER" serve "tcp:$2" >"$ready" 3>&- &
  SERVERS+=($!)
  wait_line "$ready" ready
}
ask() { "$PEER" ask tcp "$@"; }
asks() { ip netns exec beyond "$PEER" ask tcp "$@"; }
# What is outside, seen from a process's network.
serve_beyond() {
  ip netns exec beyond "$PEER" serve tcp:9999 >"$BATS_TEST_TMPDIR/beyond" 3>&- &
  SERVERS+=($!)
  wait_line "$BATS_TEST_TMPDIR/beyond" ready
}
goes_out() { is "$(nsenter -t "$1" -n "$PEER" ask tcp 198.51.100.2 9999)" '198.51.100.1 9999'; }

both_work() {
  is "$(asks 198.51.100.1 8081)" '198.51.100.2 80'
  is "$(asks 198.51.100.1 8080)" '198.51.100.2 80'
  ask 127.0.0.1 8080
  ask 127.0.0.1 8081
}

@test "docker: its ports and hoy's, whoever came first" {
  docker_is_there
  local theirs ours
  docker run -d --name theirs -p 8081:80 tiny:1 sleep 600
  theirs=$(docker inspect -f '{{.State.Pid}}' theirs)
  serve "$theirs" 80
  is "$(asks 198.51.100.1 8081)" '198.51.100.2 80'
  hoy run -d --name ours -p 8080:80 base sleep 600
  ours=$(field ours .State.Pid)
  serve "$ours" 80
  serve_beyond
  both_work
  goes_out "$ours"
  goes_out "$theirs"
  # One of docker's that comes after hoy's.
  docker run -d --name later -p 8082:80 tiny:1 sleep 600
  serve "$(docker inspect -f '{{.State.Pid}}' later)" 80
  is "$(asks 198.51.100.1 8082)" '198.51.100.2 80'
  both_work
  hoy rm -f ours
  is "$(asks 198.51.100.1 8081)" '198.51.100.2 80'
  is "$(asks 198.51.100.1 8082)" '198.51.100.2 80'
}

@test "docker: a port that it has is refused with who has it, and the reverse" {
  docker_is_there
  docker run -d --name theirs -p 8081:80 tiny:1 sleep 600
  expect 125 hoy run -p 8081:80 base true
  matches "$output" 'port 8081/tcp of 0\.0\.0\.0 is taken by docker-proxy \(process [0-9]+, on 0\.0\.0\.0\)'
  hoy run -d --name ours -p 8080:80 base sleep 600
  expect 125 docker run -d -p 8080:80 tiny:1 sleep 600
  contains "$output" 'address already in use'
}

@test "docker started anew, with hoy's containers there" {
  docker_is_there
  hoy run -d --name ours -p 8080:80 base sleep 600
  serve "$(field ours .State.Pid)" 80
  kill "$(cat "$E/docker.process")"
  wait_gone "$(cat "$E/docker.process")"
  rm "$E/docker.process"
  docker_is_there
  docker run -d --name theirs -p 8081:80 tiny:1 sleep 600
  serve "$(docker inspect -f '{{.State.Pid}}' theirs)" 80
  both_work
}

@test "podman: its ports and hoy's" {
  podman_is_there
  local L=(--ulimit nofile=1024:4096 --ulimit nproc=1000:1000)
  podman run -d --name theirs "${L[@]}" -p 8081:80 tiny:1 sleep 600
  serve "$(podman inspect -f '{{.State.Pid}}' theirs)" 80
  is "$(asks 198.51.100.1 8081)" '198.51.100.2 80'
  hoy run -d --name ours -p 8080:80 base sleep 600
  serve "$(field ours .State.Pid)" 80
  both_work
  expect 125 hoy run -p 8081:80 base true
  contains "$output" 'port 8081/tcp of 0.0.0.0 is taken by '
  expect 126 podman run -d "${L[@]}" -p 8080:80 tiny:1 sleep 600
}
