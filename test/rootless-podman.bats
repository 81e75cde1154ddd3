#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Podman of somebody who is not root, on hoy-runtime and on crun. The runtime is root of the user namespace that Podman
# has made, whose container needs none of its own.

# shellcheck disable=SC2086 # USER_ID of user.bash is a number

load lib
load tmux
load alike
load user

RUNTIMES=(hoy crun)
L=docker.io/library/tiny:1

file_setup() {
  export E=$BATS_FILE_TMPDIR
  [[ -n $(command -v podman) && -n $(command -v crun) ]] || return 0
  user_setup
  cp "$HOY_RUNTIME" "${HOY_RUNTIME%/*}/hoy-seccomp" "$E"
  if mknod "$E/tun" c 10 200; then
    chmod 666 "$E/tun"
    [[ ! -e /dev/net/tun ]] || mount --bind "$E/tun" /dev/net/tun
  fi
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REGISTRY/tiny:1" "docker-archive:$E/tiny.tar:tiny:1"
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$E/policy.json"
  chmod o+r "$E/tiny.tar" "$E/policy.json"
  local runtime
  for runtime in "${RUNTIMES[@]}"; do
    mkdir "$E/$runtime" "$E/$runtime/run"
    chmod 700 "$E/$runtime/run"
    chown -R $USER_ID:$USER_ID "$E/$runtime"
    p "$runtime" load -q --signature-policy "$E/policy.json" -i "$E/tiny.tar"
  done
}

# A process keeps Podman's user namespace from one command to the next.
file_teardown() {
  local runtime
  for runtime in "${RUNTIMES[@]}"; do
    [[ ! -s $E/$runtime/run/libpod/tmp/pause.pid ]] || kill "$(cat "$E/$runtime/run/libpod/tmp/pause.pid")"
  done
  awk -v e="$E/" 'index($5, e) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount -l
  [[ ! -e $E/tun || ! -e /dev/net/tun ]] || umount /dev/net/tun
  [[ ! -e $E/subuid ]] || user_teardown
}

test_setup() {
  cd "$BATS_TEST_TMPDIR" || return
  [[ -e $E/subuid ]] || skip "podman is not installed"
}
test_teardown() {
  local runtime
  terminal_stop
  for runtime in "${RUNTIMES[@]}"; do
    [[ -e $E/$runtime ]] || continue
    is "$(p "$runtime" ps -aq)" '' || p "$runtime" rm -af -t 0
  done
}

with() { p "$@"; }
# crun refuses a v2 hierarchy beside v1's when it has controllers: what it looks at is hidden from it.
p() {
  local runtime=$1 binary=$1
  shift
  [[ $runtime != hoy ]] || binary=$E/hoy-runtime
  # shellcheck disable=SC2016
  unshare --mount --propagation unchanged sh -c '
    f=/sys/fs/cgroup/unified/cgroup.controllers; [ "$1" = crun -a -e $f ] && mount --bind /dev/null $f
    cd "$2"; shift 2; exec "$@"' sh "$runtime" "$E/$runtime" \
    setpriv --reuid $USER_ID --regid $USER_ID --clear-groups --inh-caps=-all \
    env HOME="$E/$runtime" XDG_RUNTIME_DIR="$E/$runtime/run" USER=tester \
    podman --cgroup-manager cgroupfs --runtime "$binary" --events-backend none --storage-driver vfs --log-level error "$@" 3>&-
}
N=(--network none)

@test "run: exit codes, streams, user, what a process sees" {
  alike run --rm "${N[@]}" $L sh -c 'id; echo out; echo err >&2; exit 7'
  contains "$output" "ended with 7"
  ends_alike 127 run --rm "${N[@]}" $L nosuch
  ends_alike 126 run --rm "${N[@]}" $L /etc
  alike run --rm "${N[@]}" --user 7:8 --group-add 9 -e A=b -w /tmp $L \
    sh -c 'id; echo $A; pwd; cat /proc/self/uid_map; grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status'
  alike run --rm "${N[@]}" --read-only --cap-drop all --security-opt no-new-privileges $L \
    sh -c 'touch /x; touch /tmp/x; grep -E "^(Cap|NoNew)" /proc/self/status'
  alike run --rm "${N[@]}" --privileged $L grep -E 'Cap|Seccomp:' /proc/self/status
  alike run --rm "${N[@]}" --sysctl net.ipv4.ip_default_ttl=33 --hostname me --shm-size 2m --ulimit nofile=100:200 $L \
    sh -c 'cat /proc/sys/net/ipv4/ip_default_ttl; hostname; df -k /dev/shm | tail -n 1; ulimit -n'
  alike run --rm "${N[@]}" --device /dev/zero:/dev/nought $L sh -c 'ls -ln /dev/nought; head -c 3 /dev/nought | wc -c'
  is "$(echo through | p hoy run -i --rm "${N[@]}" $L cat)" through
}

@test "user namespaces inside of the user's: keep-id, nomap, maps" {
  alike run --rm "${N[@]}" --userns keep-id $L sh -c 'id -u; id -g; cat /proc/self/uid_map'
  contains "$output" $USER_ID
  alike run --rm "${N[@]}" --userns nomap $L sh -c 'id -u; cat /proc/self/uid_map'
  alike run --rm "${N[@]}" --uidmap 0:1:1000 --gidmap 0:1:1000 $L sh -c 'id -u; cat /proc/self/uid_map'
}

@test "networks: slirp4netns, which is the default, none, the host's" {
  alike run --rm "${N[@]}" $L cat /proc/net/dev
  matches "$output" 'lo:'
  alike run --rm --network host $L cat /proc/sys/net/ipv4/ip_default_ttl
  [[ -n $(command -v slirp4netns) && -e /dev/net/tun ]] || skip "no slirp4netns, or no /dev/net/tun"
  alike run --rm $L ip -4 route
  contains "$output" 'default via 10.0.2.2'
}

@test "run -d, exec, top, stop, start, kill, rm" {
  each run -d --name c "${N[@]}" $L sh -c 'trap "exit 4" TERM; echo up; while :; do sleep 0.1; done'
  alike exec c sh -c 'echo out; id -u; exit 6'
  ends_alike 127 exec c nosuch
  alike exec -u 5 -e A=b -w /tmp c sh -c 'id -u; echo $A; pwd; grep Cap /proc/self/status'
  alike exec --privileged c grep Cap /proc/self/status
  alike top c user
  each stop -t 5 c
  alike inspect -f '{{.State.Status}} {{.State.ExitCode}}' c
  contains "$output" 'exited 4'
  each start c
  # Its state is where the user may write.
  is "$(ls "$E/hoy/run/hoy-runtime")" "$(p hoy ps -q --no-trunc)"
  each kill c
  each wait c
  cleaned_up
  each rm c
}

@test "pods, with a pid namespace, too; namespaces of another container" {
  each pod create --name pod "${N[@]}" --share net,ipc,uts,pid --infra-image $L --infra-command 'sleep 1000'
  each run -d --pod pod --name one $L sleep 1000
  alike exec one sh -c 'hostname; ps -o args'
  matches "$output" 'sleep 1000.*sleep 1000'
  alike run --rm --network container:one --pid container:one --ipc container:one $L ps -o args
  each pod stop -t 0 pod
  cleaned_up
  each pod rm -f pod
}

@test "a terminal" {
  terminal_start
  { declare -f p && declare -p E USER_ID; } >p.sh
  text ". $PWD/p.sh; clear; p hoy run -it --rm ${N[*]} $L sh"
  shows '/ # ?$'
  text 'stty size; exit 5'
  shows '^24 80'
  shows 'host\$ ?$'
  text 'echo status $?'
  shows '^status 5'
}
