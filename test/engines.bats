#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Other engines on hoy-runtime: Docker, containerd and Podman as Debian has them. Each command is run with the
# engine's usual runtime as well, and what it says and how it ends must not differ.

# shellcheck disable=SC2317 # with is what alike.bash calls

load lib
load tmux
load alike

file_setup() {
  export E=$BATS_FILE_TMPDIR LOG=$BATS_FILE_TMPDIR/log
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REGISTRY/tiny:1" "docker-archive:$E/tiny.tar:tiny:1"
}

file_teardown() {
  daemon_stop dockerd
  daemon_stop containerd
  # What engines keep mounted while they have containers or images.
  awk -v e="$E/" 'index($5, e) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount -l
  [[ ! -s $E/remapped ]] || rm -rf --one-file-system "$(cat "$E/remapped")"
}

test_setup() { cd "$BATS_TEST_TMPDIR" || return; }
test_teardown() {
  local runtime
  terminal_stop
  chown 0:0 /dev/null # crun gives the host's to the root of a container's user namespace
  # The tests after one that failed should not suffer.
  if [[ -n ${BATS_ERROR_STATUS:-} && ${BATS_ERROR_STATUS:-} != 0 ]]; then
    case ${RUNTIMES[1]:-} in
      crun) for runtime in hoy crun; do p "$runtime" rm -af -t 0 && p "$runtime" pod rm -af; done ;;
      runc) [[ ! -e $E/dockerd.process ]] || d ps -aq | xargs -r /usr/bin/docker -H "unix://$E/docker.sock" rm -f ;;
    esac >/dev/null 2>&1
  fi
}

# Daemons live as long as the file.
daemon_start() {
  local name=$1
  shift
  "$name" "$@" </dev/null >"$LOG-$name" 2>&1 3>&- &
  echo $! >"$E/$name.process"
}
daemon_stop() {
  [[ -e $E/$1.process ]] || return 0
  kill "$(cat "$E/$1.process")" 2>/dev/null && wait_gone "$(cat "$E/$1.process")"
  rm -f "$E/$1.process"
}

# Docker

docker_is_there() {
  RUNTIMES=(hoy runc)
  with() { shift; d "$@"; }
  [[ -x /usr/bin/docker && -n $(command -v dockerd) ]] || skip "docker.io is not installed"
  [[ ! -e $E/dockerd.process ]] || return 0
  daemon_start dockerd -H "unix://$E/docker.sock" --data-root "$E/docker" --exec-root "$E/docker-run" \
    --pidfile "$E/docker.pid" --iptables=false --bridge=none --add-runtime "hoy=$HOY_RUNTIME"
  eventually 30 d version >/dev/null 2>&1 || { tail -n 5 "$LOG-dockerd"; return 1; }
  d load -q -i "$E/tiny.tar"
  audit_take "$BATS_TEST_TMPDIR/.audit"
}
d() { /usr/bin/docker -H "unix://$E/docker.sock" "$@" 3>&-; }
R=(run --rm --network none --runtime RT)

@test "docker run: exit codes, streams, user, environment" {
  docker_is_there
  alike "${R[@]}" tiny:1 sh -c 'echo out; echo err >&2; exit 7'
  contains "$output" "ended with 7"
  ends_alike 127 "${R[@]}" tiny:1 nosuch
  ends_alike 126 "${R[@]}" tiny:1 /etc
  ends_alike 127 "${R[@]}" -w /nosuch tiny:1 nosuch
  alike "${R[@]}" --user 7:8 --group-add 9 -e A=b -w /tmp tiny:1 sh -c 'id; echo $A; pwd'
  alike "${R[@]}" tiny:1 sh -c 'kill -9 1; (sleep 0.1; kill -TERM $$) & exec sh -c "sleep 0.2; kill -9 \$\$; exit 3"'
  is "$(echo through | d run -i --rm --network none --runtime hoy tiny:1 cat)" through
  alike "${R[@]}" --init tiny:1 sh -c 'ps -o args | head -n 2'
}

@test "docker run: what a process sees and may" {
  docker_is_there
  alike "${R[@]}" tiny:1 sh -c 'grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status; cat /proc/self/limits; umask'
  # What covers masked paths is the runtime's own choice, and which of v1's hierarchies it has groups in.
  alike "${R[@]}" tiny:1 sh -c 'awk "{print \$5, \$6, \$(NF-2)}" /proc/self/mountinfo | grep -Ev "^(/|/sys/firmware|/sys/fs/cgroup.*|/proc/[a-z_]+) " | sort; ls -lnd /dev/*'
  # Not beside runc, which fails where it does not have every capability itself.
  run d run --rm --network none --runtime hoy --privileged tiny:1 sh -c 'grep Seccomp: /proc/self/status; ls /dev | grep -c .'
  matches "$output" 'Seccomp:[[:space:]]0.[1-9][0-9]'
  alike "${R[@]}" --cap-add SYS_TIME --cap-drop CHOWN tiny:1 grep ^Cap /proc/self/status
  alike "${R[@]}" --security-opt no-new-privileges tiny:1 grep NoNewPrivs /proc/self/status
  alike "${R[@]}" --security-opt seccomp=unconfined tiny:1 grep ^Seccomp: /proc/self/status
  alike "${R[@]}" --read-only --tmpfs /run:size=1m tiny:1 sh -c 'touch /x; touch /run/x && df -k /run | tail -n 1'
  mkdir host && echo hello >host/file
  alike "${R[@]}" -v "$PWD/host:/data:ro" -v "$PWD/host/file:/etc/one" tiny:1 sh -c 'cat /data/file /etc/one; touch /data/x'
  alike "${R[@]}" --device /dev/zero:/dev/nought:r tiny:1 sh -c 'ls -ln /dev/nought; head -c 3 /dev/nought | wc -c; echo >/dev/nought'
  alike "${R[@]}" --ulimit nofile=100:200 --sysctl net.ipv4.ip_default_ttl=33 --hostname me --shm-size 2m tiny:1 \
    sh -c 'ulimit -n; ulimit -Hn; cat /proc/sys/net/ipv4/ip_default_ttl; hostname; df -k /dev/shm | tail -n 1'
  alike "${R[@]}" --pid host tiny:1 sh -c 'test $$ -gt 10 && echo many'
  alike "${R[@]}" --ipc host --uts host tiny:1 sh -c 'hostname'
}

@test "docker run: limits, and a kill for lack of memory" {
  docker_is_there
  alike "${R[@]}" --memory 32m --cpus 0.5 --cpu-shares 300 --pids-limit 50 --cpuset-cpus 0 --blkio-weight 0 tiny:1 sh -c \
    'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares pids/pids.max cpuset/cpuset.cpus ||
     cat memory.max cpu.max cpu.weight pids.max cpuset.cpus'
  for runtime in hoy runc; do
    d run --name "oom-$runtime" --network none --runtime "$runtime" --memory 8m --memory-swap 8m tiny:1 \
      sh -c 'tail /dev/zero' >/dev/null 2>&1 || echo $? >>codes
    d inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' "oom-$runtime" >>codes
  done
  is "$(sed -n 1,2p codes)" "$(sed -n 3,4p codes)"
  d rm oom-hoy oom-runc
}

@test "docker: exec, pause, update, top, stats, logs, cp, stop, restart, kill" {
  docker_is_there
  each run -d --name c-RT --network none --runtime RT tiny:1 sh -c 'trap "echo bye; exit 4" TERM; echo up; while :; do sleep 0.1; done'
  alike exec c-RT sh -c 'echo out; exit 6'
  ends_alike - exec c-RT nosuch
  ends_alike - exec c-RT /etc
  alike exec -u 5 -e A=b -w /tmp c-RT sh -c 'id -u; echo $A; pwd'
  each exec -d c-RT sleep 600
  eventually 10 grep -q 600 <(d top c-hoy)
  is "$(d top c-hoy -o args | grep -c sleep.600)" "$(d top c-runc -o args | grep -c sleep.600)"
  each pause c-RT
  is "$(d inspect -f '{{.State.Status}}' c-hoy)" paused
  ends_alike 1 exec c-RT true
  each unpause c-RT
  each update --memory 40m --memory-swap 40m --pids-limit 60 --cpus 0.3 c-RT
  alike exec c-RT sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max'
  matches "$(d stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' c-hoy)" '/ 40MiB [1-9]'
  echo text >file
  each cp file c-RT:/tmp/file
  alike exec c-RT cat /tmp/file
  alike logs c-RT
  each kill -s USR2 c-RT || true
  each start c-RT
  each stop -t 5 c-RT
  is "$(d inspect -f '{{.State.ExitCode}}' c-hoy) $(d inspect -f '{{.State.ExitCode}}' c-runc)" "4 4"
  alike logs c-RT
  each start c-RT
  each restart -t 5 c-RT
  each kill c-RT
  is "$(d wait c-hoy) $(d wait c-runc)" "137 137"
  each rm c-RT
}

@test "docker: restart policies, and create without start" {
  docker_is_there
  each run -d --name again-RT --network none --restart on-failure:2 --runtime RT tiny:1 sh -c 'echo once more; exit 3'
  for runtime in hoy runc; do
    ended() { [[ $(d inspect -f '{{.State.Status}}' "again-$runtime") == exited ]]; }
    eventually 20 ended
    is "$(d inspect -f '{{.RestartCount}} {{.State.ExitCode}}' again-$runtime)" "2 3"
  done
  each rm -f again-RT
  each create --name made-RT --network none --runtime RT tiny:1 true
  each start -a made-RT
  each rm made-RT
  # All at once.
  for n in 1 2 3 4 5 6; do d run --rm --network none --runtime hoy tiny:1 echo "$n" >"n$n" & done
  wait_all() { [[ $(cat n? 2>/dev/null | wc -l) == 6 ]]; }
  eventually 30 wait_all
  wait_none() { [[ -z $(d ps -aq) ]]; }
  eventually 30 wait_none
}

@test "docker run -it and exec -it at a terminal" {
  docker_is_there
  terminal_start
  text "docker() { /usr/bin/docker -H unix://$E/docker.sock \"\$@\"; }; clear"
  text "docker run -it --name term --network none --runtime hoy tiny:1"
  shows '/ # ?$'
  text 'stty size; test -t 0 && echo terminal'
  shows '^terminal'
  resizes
  text 'echo ready; sleep 1000'
  shows '^ready'
  keys C-c
  text 'echo interrupted $?'
  shows '^interrupted 130'
  keys C-p C-q
  shows 'host\$ ?$'
  text 'docker exec -it term sh'
  shows '/ # ?$'
  text 'stty size; exit 9'
  shows '^20 70'
  shows 'host\$ ?$'
  text 'echo status $?'
  shows '^status 9'
  d rm -f term
}

@test "docker with --userns-remap" {
  docker_is_there
  daemon_stop dockerd
  # The machine's own files stay: this is our mount namespace.
  local file root
  # A folder that the mapped user may pass through.
  root=$(mktemp -d /var/tmp/hoy-engines.XXXXXX)
  chmod 711 "$root"
  echo "$root" >"$E/remapped"
  for file in subuid subgid; do
    printf '%s:100000:65536\n' nobody nogroup >$file
    [[ -e /etc/$file ]] || skip "this machine has no /etc/$file"
    mount --bind $file /etc/$file
  done
  daemon_start dockerd -H "unix://$E/docker.sock" --data-root "$root/data" --exec-root "$root/run" \
    --pidfile "$E/docker.pid" --iptables=false --bridge=none --add-runtime "hoy=$HOY_RUNTIME" --userns-remap nobody:nogroup
  eventually 30 d version >/dev/null 2>&1 || { tail -n 5 "$LOG-dockerd"; return 1; }
  d load -q -i "$E/tiny.tar"
  audit_take "$BATS_TEST_TMPDIR/.audit"
  alike "${R[@]}" tiny:1 sh -c 'id -u; cat /proc/self/uid_map; touch /x && ls -ln /x | cut -c 1-30; hostname me && echo named'
  matches "$output" '0 +100000 +65536'
  alike "${R[@]}" --userns host tiny:1 cat /proc/self/uid_map
  each run -d --name mapped-RT --network none --runtime RT tiny:1 sleep 1000
  alike exec mapped-RT sh -c 'id -u; cat /proc/self/uid_map'
  # A network namespace that the user namespace of another container owns.
  alike run --rm --network container:mapped-RT --ipc container:mapped-RT --runtime RT tiny:1 sh -c 'id -u; cat /proc/self/uid_map; ls /sys/class/net'
  each rm -f mapped-RT
  # The next test wants the plain one.
  daemon_stop dockerd
  umount /etc/subuid /etc/subgid
  audit_take "$BATS_TEST_TMPDIR/.audit"
}

# containerd

containerd_is_there() {
  RUNTIMES=(hoy runc)
  with() {
    local runtime=$1 words=("${@:2}") binary=runc
    [[ $runtime != hoy ]] || binary=$HOY_RUNTIME
    [[ ${words[0]} != run ]] || words=(run --runtime io.containerd.runc.v2 --runc-binary "$binary" --runc-root "$E/ctr-$runtime" "${words[@]:1}")
    c "${words[@]}"
  }
  [[ -n $(command -v containerd) && -n $(command -v ctr) ]] || skip "containerd is not installed"
  [[ ! -e $E/containerd.process ]] || return 0
  printf 'version = 2\nroot = "%s"\nstate = "%s"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "%s"\n' \
    "$E/containerd" "$E/containerd-run" "$E/containerd.sock" >"$E/containerd.toml"
  daemon_start containerd -c "$E/containerd.toml"
  eventually 30 c version >/dev/null 2>&1 || { tail -n 5 "$LOG-containerd"; return 1; }
  c images import "$E/tiny.tar" >/dev/null
}
c() { ctr -a "$E/containerd.sock" "$@" 3>&-; }
TINY=docker.io/library/tiny:1

@test "containerd: ctr run, exit codes, streams" {
  containerd_is_there
  alike run --rm $TINY x sh -c 'echo out; echo err >&2; id; exit 7'
  contains "$output" "ended with 7"
  alike run --rm --env A=b --cwd /tmp $TINY x sh -c 'echo $A; pwd; id'
  alike run --rm --memory-limit 33554432 --cpus 0.5 $TINY x sh -c \
    'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us'
  ends_alike 1 run --rm $TINY x nosuch
  is "$(c containers ls -q)" ""
}

@test "containerd: tasks: exec, pause, resume, metrics, ps, kill, delete" {
  containerd_is_there
  each run -d $TINY task-RT sh -c 'trap "exit 4" TERM; while :; do sleep 0.1; done'
  alike tasks exec --exec-id e1 task-RT sh -c 'echo in; exit 5'
  ends_alike 1 tasks exec --exec-id e2 task-RT nosuch
  each tasks pause task-RT
  is "$(c tasks ls | awk '$1 == "task-hoy" {print $3}')" PAUSED
  each tasks resume task-RT
  each tasks metrics task-RT
  contains "$output" memory.usage_in_bytes
  # Its own reads and writes, of which there are none, and not the whole machine's.
  is "$(c tasks metrics task-hoy | grep -c blkio)" "$(c tasks metrics task-runc | grep -c blkio)"
  each tasks ps task-RT
  each tasks exec -d --exec-id e3 task-RT sleep 500
  each tasks kill --exec-id e3 -s SIGKILL task-RT
  each tasks kill -s SIGTERM task-RT
  stopped() { [[ $(c tasks ls | grep -c STOPPED) == 2 ]]; }
  eventually 10 stopped
  alike tasks delete task-RT
  contains "$output" "exit code 4"
  each containers delete task-RT
}

# Podman

# crun refuses a v2 hierarchy beside v1's when it has controllers: what it looks at is hidden from it. Podman
# wants to raise limits that not every root may raise.
podman_is_there() {
  RUNTIMES=(hoy crun)
  with() {
    local runtime=$1
    shift
    case $1 in run | create) set -- "$1" --ulimit nofile=1024:4096 --ulimit nproc=1000:1000 "${@:2}" ;; esac
    p "$runtime" "$@"
  }
  [[ -n $(command -v podman) && -n $(command -v crun) ]] || skip "podman is not installed"
  [[ ! -d $E/podman-hoy ]] || return 0
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$E/policy.json"
  for runtime in "${RUNTIMES[@]}"; do
    p "$runtime" load -q --signature-policy "$E/policy.json" -i "$E/tiny.tar"
    with "$runtime" run --rm --network none docker.io/library/tiny:1 true
  done
  audit_take "$BATS_TEST_TMPDIR/.audit"
}
p() {
  local runtime=$1 binary=$1
  shift
  [[ $runtime != hoy ]] || binary=$HOY_RUNTIME
  local command=(podman --root "$E/podman-$runtime" --runroot "$E/podman-run-$runtime" --tmpdir "$E/podman-tmp-$runtime"
    --cgroup-manager cgroupfs --runtime "$binary" --events-backend none --storage-driver overlay
    --network-config-dir "$E/podman-net" "$@")
  if [[ $runtime == hoy ]]; then
    "${command[@]}" 3>&-
  else
    # shellcheck disable=SC2016
    unshare --mount --propagation unchanged sh -c \
      'f=/sys/fs/cgroup/unified/cgroup.controllers; [ -e $f ] && mount --bind /dev/null $f; exec "$@"' sh "${command[@]}" 3>&-
  fi
}
L=docker.io/library/tiny:1

@test "podman run: exit codes, streams, user, what a process sees" {
  podman_is_there
  alike run --rm --network none $L sh -c 'echo out; exit 7'
  contains "$output" "ended with 7"
  ends_alike 127 run --rm --network none $L nosuch
  ends_alike 126 run --rm --network none $L /etc
  alike run --rm --network none --user 7:8 -e A=b -w /tmp $L sh -c 'id; echo $A; pwd; grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status'
  alike run --rm --network none --group-add keep-groups --user 7:8 $L id
  alike run --rm --network none --read-only --cap-drop all --security-opt no-new-privileges $L \
    sh -c 'touch /x; touch /tmp/x; grep -E "^(Cap|NoNew)" /proc/self/status; ls -ln /dev | grep -Ev "console|core|total"'
  alike run --rm --network none --memory 32m --pids-limit 50 --cpus 0.5 $L \
    sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us'
  alike run --rm --network none --device /dev/zero:/dev/nought:r $L stat -c '%F %t:%T %a' /dev/nought
  alike run --rm --network none --uidmap 0:100000:1000 --gidmap 0:100000:1000 $L sh -c 'id -u; cat /proc/self/uid_map'
}

@test "podman: exec, pause, stop, kill, inspect, healthcheck, OOM" {
  podman_is_there
  each run -d --name c --network none --health-cmd 'test -e /tmp' $L sh -c 'trap "exit 4" TERM; echo up; while :; do sleep 0.1; done'
  alike exec c sh -c 'echo out; exit 6'
  ends_alike 127 exec c nosuch
  ends_alike 126 exec c /etc
  alike exec -u 5 -e A=b -w /tmp c sh -c 'id -u; echo $A; pwd'
  each healthcheck run c
  each pause c
  alike inspect -f '{{.State.Status}} {{.State.Paused}}' c
  each unpause c
  alike logs c
  each stats --no-stream c
  each top c
  each stop -t 5 c
  alike inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}' c
  contains "$output" "exited 4"
  each start c
  each kill -s USR1 c || true
  each kill c
  each wait c
  alike inspect -f '{{.State.Status}} {{.State.ExitCode}}' c
  cleaned_up
  each rm c
  ends_alike 137 run --name oom --network none --memory 16m --memory-swap 16m $L tail /dev/zero
  alike inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' oom
  each rm oom
}

@test "podman: pods, a terminal" {
  podman_is_there
  each pod create --name pod --network none --infra-image $L --infra-command 'sleep 1000'
  each run -d --pod pod --name one $L sleep 1000
  alike exec one sh -c 'hostname'
  each pod stop -t 0 pod
  cleaned_up
  eventually 20 each pod rm -f --ignore pod
  # One with a user namespace for all of its containers.
  each pod create --name mapped --network none --uidmap 0:100000:1000 --gidmap 0:100000:1000 --infra-image $L --infra-command 'sleep 1000'
  each run -d --pod mapped --name two $L sleep 1000
  alike exec two sh -c 'hostname; cat /proc/self/uid_map'
  matches "$output" '0 +100000 +1000'
  each pod stop -t 0 mapped
  cleaned_up
  eventually 20 each pod rm -f --ignore mapped
  terminal_start
  declare -f p >p.sh
  text "E=$E HOY_RUNTIME=$HOY_RUNTIME; . ./p.sh; clear; p hoy run -it --rm --network none --ulimit nofile=1024:4096 --ulimit nproc=1000:1000 $L sh"
  shows '/ # ?$'
  text 'stty size; exit 5'
  shows '^24 80'
  shows 'host\$ ?$'
  text 'echo status $?'
  shows '^status 5'
}

@test "CRI-O" {
  command -v crio >/dev/null || skip "this Debian has no package of CRI-O"
  skip "CRI-O is there, and is not tried yet"
}
