#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hoy-runtime by itself, as engines call it: runc's command line and, where it has more, crun's.

load lib
load tmux
load runtime

file_setup() {
  export ROOTFS=$BATS_FILE_TMPDIR/rootfs
  rootfs_make "$ROOTFS"
}

test_setup() {
  STATE=$BATS_TEST_TMPDIR/state
  B=$BATS_TEST_TMPDIR/b
  cd "$BATS_TEST_TMPDIR" || return
}

test_teardown() {
  local job
  for job in $(jobs -p); do
    # A shell is bats' own watch.
    [[ $(cat "/proc/$job/comm") == bash ]] || kill -9 "$job"
  done 2>/dev/null
  terminal_stop
  containers_remove
}

# In the background: the shell gives way, so that its job is the program.
receive() { exec "$BATS_TEST_DIRNAME/receive" "$@" 3>&-; }

# Lifecycles

@test "create, start, kill, delete, and what state says of each" {
  bundle b
  made create -b b x
  status_is x created
  run rt state x
  is "$(jq -c 'del(.pid, .created)' <<<"$output")" "$(jq -nc --arg b "$B" --arg r "$ROOTFS" \
    '{ociVersion: "1.3.0", id: "x", status: "created", bundle: $b, rootfs: $r, owner: "root"}')"
  matches "$(jq -r .created <<<"$output")" '^20[0-9-]+T[0-9:]+\.[0-9]+Z$'
  is "$(cat "/proc/$(pid_of x)/comm")" hoy-shim
  rt start x
  status_is x running
  wait_line stdout up
  rt kill x
  eventually 10 has_status x stopped
  is "$(pid_of x)" 0
  rt delete x
  expect 1 rt state x
}

@test "a created container ends by a signal" {
  bundle b
  local signal
  for signal in TERM INT HUP QUIT; do
    made create -b b x
    rt kill x $signal
    eventually 10 has_status x stopped
    expect 1 rt start x
    rt delete x
  done
}

@test "a created container is deleted without --force, a running one with it" {
  bundle b
  made create -b b x
  local pid
  pid=$(pid_of x)
  rt delete x
  wait_gone "$pid"
  made run -d -b b x
  expect 1 rt delete x
  contains "$output" "cannot delete container x that is not stopped: running"
  rt delete --force x
  rt delete --force x
}

@test "run: the exit code, the streams, and nothing is left" {
  bundle b "$(command_is sh -c 'cat; echo err >&2; exit 7')"
  expect 7 rt run -b b x <<<"from outside"
  contains "$output" "from outside"
  contains "$output" err
  expect 1 rt state x
  bundle d "$(command_is nosuch)"
  expect 1 rt create -b d x
  contains "$output" 'exec: "nosuch": executable file not found in $PATH'
  expect 1 rt run -b d x
  contains "$output" 'exec: "nosuch": executable file not found in $PATH'
  local bad
  for bad in /etc /nosuch /etc/passwd; do
    bundle e "$(command_is $bad)"
    expect 1 rt run -b e x
    contains "$output" "exec: \"$bad\": "
    expect 1 rt create -b e x
    contains "$output" "exec: \"$bad\": "
  done
}

@test "run --keep keeps it, stopped" {
  bundle b "$(command_is sh -c 'exit 3')"
  expect 3 rt run --keep -b b x
  status_is x stopped
  expect 1 rt run -b b x
  contains "$output" "container with given ID already exists"
  rt delete x
}

@test "run forwards every signal that can be caught" {
  bundle b "$(command_is sh -c 'for s in HUP INT QUIT USR1 USR2 TERM WINCH CONT ALRM PROF VTALRM IO PWR; do
    trap "echo got $s" $s; done; trap "exit 9" 40; echo up; while :; do sleep 0.02; done')"
  "$HOY_RUNTIME" --root "$STATE" run -b b x >out 2>&1 </dev/null 3>&- &
  local runtime=$! s
  wait_line out up
  for s in HUP INT QUIT USR1 USR2 TERM WINCH ALRM PROF VTALRM IO PWR; do
    kill -s $s $runtime
    wait_line out "got $s"
  done
  kill -s 40 $runtime
  ends_with 9 $runtime
}

@test "the orphans of a container do not outlive it" {
  bundle b "$(command_is sh -c '(setsid sleep 1000 &); (setsid sleep 1001 &); echo up; sleep 1002')"
  made run -d -b b x
  wait_line stdout up
  local pids
  three() { pids=$(rt ps -f json x) && [[ $(jq length <<<"$pids") == 3 ]]; }
  eventually 10 three
  rt kill x KILL
  eventually 10 has_status x stopped
  for pid in $(jq '.[]' <<<"$pids"); do eventually 10 [ ! -e "/proc/$pid" ]; done
  rt delete x
}

@test "a container in the host's pid namespace: kill reaches all, delete leaves none" {
  bundle b "del(.linux.namespaces[] | select(.type == \"pid\")) |
    $(command_is sh -c '(setsid sleep 1000 &); echo up; exec sleep 1001')"
  made run -d -b b x
  wait_line stdout up
  local pids
  pids=$(rt ps -f json x | jq -r '.[]')
  is "$(wc -w <<<"$pids")" 2
  rt kill x KILL
  for pid in $pids; do eventually 10 [ ! -e "/proc/$pid" ]; done
  rt delete x
  made run -d -b b x
  wait_line stdout up
  pids=$(rt ps -f json x | jq -r '.[]')
  # Its first process alone: the other is there still, and delete ends it.
  kill -9 "$(pid_of x)"
  eventually 10 has_status x stopped
  rt delete x
  for pid in $pids; do eventually 10 [ ! -e "/proc/$pid" ]; done
}

@test "kill --all, also when the first process has ended" {
  bundle b "$(command_is sh -c 'trap "" TERM; sleep 1000 & echo up; wait; sleep 1001')"
  made run -d -b b x
  wait_line stdout up
  rt kill --all x TERM
  eventually 10 grep -q 1001 <(rt ps x)
  rt kill --all x KILL
  eventually 10 has_status x stopped
  rt kill --all x KILL
}

@test "pause, resume, and what a paused container refuses" {
  bundle b
  made run -d -b b x
  expect 1 rt resume x
  contains "$output" "container not paused"
  rt pause x
  status_is x paused
  expect 1 rt pause x
  expect 255 rt exec x true
  contains "$output" "cannot exec in a paused container (use --ignore-paused to override)"
  expect 1 rt delete x
  rt exec --ignore-paused x echo through >out 2>&1 </dev/null &
  joined() { [[ $(rt ps -f json x | jq length) -gt 2 ]]; }
  eventually 10 joined
  rt resume x
  ends_with 0 $!
  is "$(cat out)" through
  rt pause x
  # Frozen processes take no signal but this one.
  rt kill x KILL
  eventually 10 has_status x stopped
  rt delete x
  made run -d -b b x
  rt pause x
  rt delete -f x
}

@test "update, events, ps, list" {
  bundle b
  made run -d -b b x
  wait_line stdout up
  rt update --memory 64m --pids-limit 33 x
  run rt events --stats x
  is "$(jq -c '[.type, .id, .data.memory.usage.limit, .data.pids.limit]' <<<"$output")" '["stats","x",67108864,33]'
  rt update -r - x <<<'{"pids": {"limit": 44}}'
  is "$(rt events --stats x | jq .data.pids.limit)" 44
  is "$(rt exec x grep -c . /proc/self/cgroup)" "$(grep -c . /proc/self/cgroup)"
  expect 1 rt ps x -o args
  contains "$output" "couldn't find PID field in ps output"
  run rt ps x -o pid,comm
  is "$(sed -n 1p <<<"$output" | tr -d ' ')" PIDCOMMAND
  contains "$output" "$(pid_of x) sh"
  run rt list
  matches "$output" '^ID +PID +STATUS +BUNDLE +CREATED +OWNER'
  matches "${lines[1]}" "^x +$(pid_of x) +running +$B +20[^ ]+Z +root"
  is "$(rt list -q)" x
  is "$(rt list -f json | jq -c '[.[] | [.id, .status]]')" '[["x","running"]]'
  rt events --interval 50ms x >numbers &
  wait_line numbers '"type":"stats"'
  rt kill x KILL
  ends_with 0 $!
}

@test "events: what a container reads and writes is counted for its own, and its CPUs are known" {
  [[ -e /sys/fs/cgroup/blkio/tasks ]] || skip "v1's groups"
  # On a disk, past its cache: two blocks of 64 KiB.
  bundle b "$(command_is sh -c 'dd if=/dev/zero of=/written bs=64k count=2 oflag=direct; sleep 1000')"
  made create -b b x
  contains "$(cat "/proc/$(pid_of x)/cgroup")" :blkio:/hoy/b
  rt start x
  is "$(rt events --stats x | jq -c .data.cpuset.cpus)" \
    "$(python3 -c 'import os; print(str(sorted(os.sched_getaffinity(0))).replace(" ", ""))')"
  if [[ $(stat -f -c %T .) != tmpfs ]]; then
    written() { [[ $(rt events --stats x | jq '[.data.blkio.ioServiceBytesRecursive[]? | select(.op == "Write") | .value] | add') == 131072 ]]; }
    eventually 10 written
  fi
  rt delete -f x
  [[ ! -e /sys/fs/cgroup/blkio/hoy/b ]]
}

@test "update: what is out of range is a lack of CPUs only where it is CPUs" {
  bundle b
  made run -d -b b x
  expect 1 rt update --cpuset-cpus 4000 x
  contains "$output" "this machine does not have that many"
  expect 1 rt update --blkio-weight 5000 x
  lacks "$output" "this machine does not have that many"
}

@test "exec is in the groups that an update has made, too" {
  [[ -e /sys/fs/cgroup/cpuset/tasks ]] || skip "v1's groups"
  bundle b '.linux.namespaces |= map(select(.type != "cgroup"))'
  made run -d -b b x
  rt update --cpuset-cpus 0 x
  expect 0 rt exec x cat /proc/self/cgroup /proc/self/status
  matches "$output" ':cpuset:[^:]*/hoy/b'
  matches "$output" 'Cpus_allowed_list:[[:space:]]*0('$'\n''|$)'
  rt update -r - x <<<'{"blockIO": {"weight": 200}}' || return 0 # a kernel without weights
  matches "$(rt exec x cat /proc/self/cgroup)" ':blkio:[^:]*/hoy/b'
}

@test "events: a kill for lack of memory is told at once" {
  local events
  bundle b '.linux.resources.memory = {limit: 20971520, swap: 20971520}'
  made run -d -b b x
  "$HOY_RUNTIME" --root "$STATE" events --interval 1h x >told 2>&1 3>&- &
  events=$!
  eventually 10 eval '[[ $(ls -l /proc/'"$events"'/fd 2>/dev/null) == *pidfd* ]]'
  run rt exec x sh -c 'dd if=/dev/zero of=/dev/null bs=60M count=1'
  ((status))
  eventually 10 grep -q oom told
  rt delete -f x
  wait "$events"
  # v1 may tell of another attempt to get memory.
  is "$(sort -u told)" '{"type":"oom","id":"x"}'
}

@test "--regex and --config, as crun has them" {
  bundle b "$(command_is sleep 1000)"
  mkdir elsewhere
  jq "$(command_is sleep 2000)" b/config.json >elsewhere/other.json
  made run -d -b b web-1
  made run -d -b b --config elsewhere/other.json web-2 || true
  contains "$(cat stderr)" "/hoy/b"
  jq '.linux.cgroupsPath = "/hoy/other"' elsewhere/other.json >other.json
  made run -d -b b --config other.json web-2
  contains "$(rt ps web-2)" "sleep 2000"
  expect 1 rt kill --regex '[' KILL
  rt kill --regex '^web-' KILL
  eventually 10 has_status web-1 stopped
  eventually 10 has_status web-2 stopped
  rt delete --regex '^db-'
  is "$(rt list -q | tr '\n' ' ')" "web-1 web-2 "
  rt delete --regex 'web'
  is "$(rt list -q)" ""
}

# With a network namespace of its own a container's child makes the groups of v1, in its own pid namespace, where it
# could not see who is in them.
@test "a cgroup with processes in it is another container's; an empty one is taken as it is" {
  local host='.' own='.linux.namespaces += [{type: "network"}]' network group=/sys/fs/cgroup/pids/hoy/b sleeper
  for network in "$host" "$own"; do
    bundle b "$network"
    made run -d -b b one
    expect 1 rt run -b b two
    contains "$output" "/hoy/b has processes in it already"
    rt exec one true
    rt delete -f one
    [[ -d /sys/fs/cgroup/pids ]] || continue
    bundle b "$network | $(command_is sh -c 'cat /proc/self/cgroup')"
    mkdir -p "$group"
    echo 77 >$group/pids.max
    sleep 1000 3>&- &
    sleeper=$!
    echo $sleeper >$group/tasks
    expect 1 rt run -b b two
    contains "$output" "$group has processes in it already"
    kill -0 $sleeper
    is "$(<$group/pids.max)" 77
    kill $sleeper
    wait $sleeper || true
    bundle b "$network"
    made run -d -b b two
    is "$(<$group/pids.max)" 77
    rt delete -f two
    [[ ! -e $group ]]
  done
}

# exec

@test "exec: exit codes, user, groups, directory, environment, capabilities" {
  bundle b
  made run -d -b b x
  expect 7 rt exec x sh -c 'exit 7'
  expect 137 rt exec x sh -c 'kill -9 $$'
  is "$(rt exec -u 7:8 -g 9 --additional-gids 10 x id)" "uid=7 gid=8 groups=9,10"
  is "$(rt exec --cwd /tmp -e A=b --env C=d x sh -c 'echo $PWD $A $C')" "/tmp b d"
  is "$(rt exec x grep NoNewPrivs /proc/self/status | tr -d '\t')" NoNewPrivs:1
  is "$(rt exec -u 7 --cap CAP_SYS_TIME x awk '/CapBnd/ {print $2}' /proc/self/status)" 0000000022000420
  expect 0 rt exec --cap CAP_NOSUCH x true
  contains "$output" CAP_NOSUCH
  is "$(echo in | rt exec x cat)" in
  bundle c '.process.noNewPrivileges = false | .linux.cgroupsPath = "/hoy/c"'
  made run -d -b c y
  is "$(rt exec y grep NoNewPrivs /proc/self/status | tr -d '\t')" NoNewPrivs:0
  is "$(rt exec --no-new-privs y grep NoNewPrivs /proc/self/status | tr -d '\t')" NoNewPrivs:1
  # A user without a group is in the container's, as with runc.
  bundle d '.process.user = {uid: 5, gid: 6, additionalGids: [20]} | .linux.cgroupsPath = "/hoy/d"'
  made run -d -b d z
  is "$(rt exec -u 7 z id)" "uid=7 gid=6 groups=20"
}

@test "exec --process, -d, --pid-file" {
  bundle b
  made run -d -b b x
  jq '.process | .args = ["sh", "-c", "echo $A; pwd"] | .env += ["A=b"] | .cwd = "/tmp"' b/config.json >process.json
  expect 0 rt exec -p process.json x
  is "$output" "b
/tmp"
  expect 0 rt exec --process process.json x ignored
  # What it does not say of its confinement is as the container's.
  local look='grep -e ^Cap -e "^Max open files" /proc/self/status /proc/self/limits'
  jq -n --arg look "$look" '{args: ["sh", "-c", $look], cwd: "/", env: ["PATH=/bin"]}' >process.json
  is "$(rt exec -p process.json x)" "$(rt exec x sh -c "$look")"
  jq '.capabilities = {bounding: ["CAP_KILL"]} | .rlimits = [{type: "RLIMIT_NOFILE", soft: 64, hard: 64}]' process.json >less.json
  contains "$(rt exec -p less.json x | tr -s ' \t' ' ')" "CapBnd: 0000000000000020"
  contains "$(rt exec -p less.json x | tr -s ' \t' ' ')" "Max open files 64 64"
  made exec -d --pid-file pid x sleep 1000
  is "$(tr '\0' ' ' <"/proc/$(cat pid)/cmdline")" "sleep 1000 "
  contains "$(rt ps x)" "sleep 1000"
  expect 255 rt exec -d -t x sh
  contains "$output" "cannot allocate tty"
}

@test "exec --cgroup: a group below the container's" {
  grep -q ' - cgroup ' /proc/self/mountinfo || skip "this machine has no v1 hierarchy"
  bundle b '.linux.namespaces |= map(select(.type != "cgroup"))'
  made run -d -b b x
  mkdir /sys/fs/cgroup/{memory,pids}/hoy/b/below
  expect 0 rt exec --cgroup memory:below x cat /proc/self/cgroup
  matches "$output" ':memory:[^:]*/hoy/b/below'
  lacks "$(grep :pids: <<<"$output")" below
  expect 0 rt exec --cgroup /below x cat /proc/self/cgroup
  matches "$output" ':pids:[^:]*/hoy/b/below'
  expect 255 rt exec --cgroup nosuch x true
  contains "$output" 'no cgroup "nosuch"'
  expect 255 rt exec --cgroup ../above x true
  contains "$output" "leads out of"
}

# Descriptors and sockets

@test "--preserve-fds and LISTEN_FDS" {
  bundle b "$(command_is sh -c 'echo $LISTEN_FDS $LISTEN_PID; cat <&3; cat <&4; ls /proc/self/fd | tr "\n" " "')"
  echo three >t3
  echo four >t4
  run env LISTEN_FDS=1 "$HOY_RUNTIME" --root "$STATE" run --preserve-fds 1 -b b x 3<t3 4<t4 5<t4
  is "${lines[0]}" "1 1"
  is "${lines[1]} ${lines[2]}" "three four"
  # 5 is ls's own.
  is "${lines[3]}" "0 1 2 3 4 5 "
  bundle c
  made run -d -b c y
  run "$HOY_RUNTIME" --root "$STATE" exec --preserve-fds 1 y sh -c 'cat <&3' 3<t3
  is "$output" three
  run "$HOY_RUNTIME" --root "$STATE" run --preserve-fds 90 -b b x 3>&-
  contains "$output" "is not open"
  # What is somebody else's to listen at; and exec knows no number of the process that is to have it.
  bundle d "$(command_is sh -c 'echo $LISTEN_FDS $LISTEN_PID; ls /proc/self/fd | tr "\n" " "')"
  LISTEN_PID=1 LISTEN_FDS=1 expect 0 rt --log l run -b d x 4>&-
  is "$output" $'\n0 1 2 3 '
  LISTEN_FDS=1 expect 0 rt --log l exec y sh -c 'echo $LISTEN_FDS; ls /proc/self/fd | tr "\n" " "' 4>&-
  is "$output" $'\n0 1 2 3 '
}

@test "--preserve-fds and LISTEN_FDS: what was not inherited is not the log, nor anything else of the runtime's" {
  bundle b "$(command_is true)"
  bundle c
  made run -d -b c y
  local args
  for args in "run -b b x" "run --preserve-fds 1 -b b x" "create --preserve-fds 1 -b b x" "exec --preserve-fds 1 y true"; do
    # shellcheck disable=SC2086
    LISTEN_FDS=1 run rt --log "$PWD/l" $args
    ((status != 0)) || { echo "was not refused: $args"; return 1; }
    contains "$output" "file descriptor 3, which is to be preserved, is not open"
  done
}

@test "--pid-file and --pidfd-socket" {
  bundle b
  receive pidfd pidfd.sock >pidfd.out &
  eventually 10 [ -S pidfd.sock ]
  made create --pid-file pid --pidfd-socket pidfd.sock -b b x
  is "$(cat pid)" "$(pid_of x)"
  wait_line pidfd.out "^$(cat pid)$"
  rt delete -f x
  wait_line pidfd.out ended
  expect 1 rt create --pid-file nosuch/pid -b b x
  expect 1 rt state x
}

@test "a terminal without anybody at it: the end of standard input is the end of the shell's" {
  local command status
  # The second shell takes keys where somebody who reads lines was told of the end.
  for command in 'cat; exit 3' 'exec sh -i' 'read x; exec sh -i'; do
    bundle b ".process.terminal = true | $(command_is sh -c "$command")"
    status=0
    timeout -k 1 20 "$HOY_RUNTIME" --root "$STATE" run -b b x </dev/null >out 2>&1 3>&- || status=$?
    case $command in cat*) is $status 3 ;; *) is $status 0 ;; esac
  done
}

@test "--console-socket: run -d, create, exec -d" {
  bundle b ".process.terminal = true | $(command_is sh -c 'stty size; tty; read line; echo "it said $line"')
    | .process.consoleSize = {height: 31, width: 71}"
  local command
  for command in "run -d" create; do
    rm -f console.sock
    receive console console.sock 'hello\n' >console.out &
    eventually 10 [ -S console.sock ]
    # shellcheck disable=SC2086
    made $command --console-socket console.sock -b b x
    [[ $command != create ]] || rt start x
    wait_line console.out 'it said hello'
    contains "$(cat console.out)" "31 71"
    contains "$(cat console.out)" /dev/
    wait $!
    rt delete -f x
  done
  bundle c
  made run -d -b c y
  rm -f console.sock
  receive console console.sock >console.out &
  eventually 10 [ -S console.sock ]
  made exec -d -t --console-socket console.sock y sh -c 'tty; echo done'
  wait_line console.out '^done'
  wait $!
  expect 1 rt create --console-socket nosuch -b b x
  contains "$output" nosuch
  expect 1 rt create -b b x
  contains "$output" "cannot allocate tty"
  expect 1 rt create --console-socket console.sock -b c x
  contains "$output" "cannot use console socket"
}

@test "NOTIFY_SOCKET: what is ready inside is told outside" {
  # Busybox has no datagrams on unix sockets: python does, and the host's is good enough.
  local say='import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"]); s.send(b"STATUS=half\n"); s.send(b"X=1\nREADY=1\n")
open("/proc/self/comm").read(); import time; time.sleep(1000)'
  local python='.mounts += [("/usr", "/lib", "/lib64", "/etc/alternatives") | select(. as $d | $dirs | index($d))
    | {destination: ., type: "bind", source: ., options: ["rbind", "ro"]}]'
  python=${python/'$dirs'/"$(for d in /usr /lib /lib64 /etc/alternatives; do [[ ! -d $d ]] || echo "$d"; done | jq -Rnc '[inputs]')"}
  ROOTFS=$BATS_TEST_TMPDIR/pythonfs
  mkdir "$ROOTFS"
  bundle b "$python | $(command_is /usr/bin/python3 -c "$say")"
  local received=received command
  receive notify host.sock >$received &
  local receiver=$!
  eventually 10 [ -S host.sock ]
  export NOTIFY_SOCKET=$BATS_TEST_TMPDIR/host.sock
  made create -b b x
  [[ ! -s $received ]]
  rt start x
  is "$(sed -n 1p $received)" "READY=1 MAINPID=$(pid_of x) "
  is "$(sed -n 2p $received)" "BARRIER=1"
  status_is x running
  rt delete -f x
  : >$received
  made run -d -b b x
  eventually 10 grep -q "READY=1 MAINPID=$(pid_of x) " $received
  rt delete -f x
  : >$received
  "$HOY_RUNTIME" --root "$STATE" run -b b x >/dev/null 2>&1 </dev/null 3>&- &
  eventually 10 grep -q "READY=1 MAINPID=$! " $received
  rt kill x KILL
  ends_with 137 $!
  # One that ends before it is ready is not waited for.
  bundle c "$(command_is false) | .root.path = \"$BATS_FILE_TMPDIR/rootfs\""
  made run -d -b c y
  eventually 10 has_status y stopped
  kill $receiver
  # Nobody listens: the container runs.
  rt delete y
  made run -d -b b x
  contains "$(cat stderr)" "cannot notify"
  status_is x running
  unset NOTIFY_SOCKET
}

# Terminals

@test "run -t at a terminal: size, resize, ctrl-C, and the terminal as it was" {
  bundle b ".process.terminal = true | $(command_is sh)"
  terminal_start
  text "stty -a >before"
  text "$HOY_RUNTIME --root $STATE run -b $B x"
  shows '/ # ?$'
  text 'stty size; tty'
  shows '^24 80'
  resizes
  text 'sleep 1000'
  eventually 10 pgrep -xf 'sleep 1000'
  keys C-c
  text 'echo interrupted $?'
  shows '^interrupted 130'
  text 'exit 6'
  shows 'host\$ ?$'
  text 'echo status $?; stty -a >after; echo written'
  shows '^status 6'
  shows '^written'
  diff <(grep -v rows before) <(grep -v rows after)
  # Who asks at once has the size, too.
  bundle c ".process.terminal = true | $(command_is stty size)"
  text "for i in 1 2 3 4 5 6; do $HOY_RUNTIME --root $STATE run -b $PWD/c x; done >sizes; echo done"
  shows '^done'
  is "$(tr -d '\r' <sizes | sort | uniq -c | tr -s ' ')" " 6 20 70"
}

@test "exec -t at a terminal" {
  bundle b
  made run -d -b b x
  terminal_start
  text "$HOY_RUNTIME --root $STATE exec -t x sh"
  shows '/ # ?$'
  text 'test -t 0 -a -t 1 -a -t 2 && echo terminal; tty'
  shows '^terminal'
  shows '^/dev/'
  text 'exit 4'
  shows 'host\$ ?$'
  text 'echo status $?'
  shows '^status 4'
}

# Hooks

# hooks KIND...: each writes its kind and the state that it reads to a file.
hooks() {
  local kind filter='.hooks = {}'
  for kind in "$@"; do
    filter+=" | .hooks.$kind = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"{ echo $kind \$A; cat; echo; } >>$B.hooks\"],
      env: [\"A=b\", \"PATH=/usr/bin:/bin\"]}]"
  done
  echo "$filter"
}

@test "hooks of all kinds, when they are due, with the state" {
  # The container's own are run in it: it sees the file at the same path.
  mkdir -p "$ROOTFS$BATS_TEST_TMPDIR"
  bundle b "$(hooks prestart createRuntime createContainer startContainer poststart poststop)
    | .mounts += [{destination: \"$BATS_TEST_TMPDIR\", type: \"bind\", source: \"$BATS_TEST_TMPDIR\", options: [\"bind\"]}]
    | .annotations = {k: \"v\"}"
  made create -b b x
  is "$(grep b$ b.hooks | tr '\n' ' ')" "prestart b createRuntime b createContainer b "
  is "$(sed -n 2p b.hooks | jq -c 'del(.pid)')" \
    "$(jq -nc --arg b "$B" '{ociVersion: "1.3.0", id: "x", status: "creating", bundle: $b, annotations: {k: "v"}}')"
  is "$(sed -n 2p b.hooks | jq .pid)" "$(pid_of x)"
  rt start x
  is "$(grep b$ b.hooks | tail -n 2 | tr '\n' ' ')" "startContainer b poststart b "
  is "$(sed -n 8p b.hooks | jq -r .status)" created
  is "$(sed -n 10p b.hooks | jq -c '[.status, .pid]')" "[\"running\",$(pid_of x)]"
  rt kill x KILL
  eventually 10 has_status x stopped
  lacks "$(cat b.hooks)" poststop
  rt delete x
  is "$(grep -c poststop b.hooks)" 1
  # Its number may be somebody else's by now.
  is "$(tail -n 1 b.hooks | jq -c '[.status, has("pid")]')" '["stopped",false]'
  : >b.hooks
  jq "$(command_is true)" b/config.json >other.json
  rt run -b b -f other.json x
  is "$(grep b$ b.hooks | tr '\n' ' ')" \
    "prestart b createRuntime b createContainer b startContainer b poststart b poststop b "
}

@test "every hook stands at the root, whoever runs it and wherever" {
  local kind
  mkdir -p "$ROOTFS$BATS_TEST_TMPDIR"
  bundle b ".hooks = {} | .mounts += [{destination: \"$BATS_TEST_TMPDIR\", type: \"bind\", source: \"$BATS_TEST_TMPDIR\", options: [\"bind\"]}]"
  for kind in prestart createRuntime createContainer startContainer poststart poststop; do
    jq ".hooks.$kind = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo $kind \$(readlink /proc/self/cwd || pwd) >>$B.cwd\"]}]" b/config.json >c.json
    mv c.json b/config.json
  done
  made create -b b x
  (cd b && rt start x && rt delete -f x)
  is "$(tr '\n' ' ' <b.cwd)" 'prestart / createRuntime / createContainer / startContainer / poststart / poststop / '
}

@test "a hook that fails or takes too long: nothing stays behind" {
  local kind
  for kind in prestart createRuntime createContainer startContainer; do
    bundle b-$kind ".hooks.$kind = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo sorry; exit 3\"]}]"
    expect 1 rt run -b b-$kind x
    contains "$output" "error running $kind hook /bin/sh: exit status 3: sorry"
    expect 1 rt state x
    bundle t-$kind ".hooks.$kind = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"exec sleep 1000\"], timeout: 1}]"
  done
  expect 1 rt run -b t-createRuntime x
  contains "$output" "did not end within 1 s"
  expect 1 rt state x
  expect 1 pgrep -f 'sleep 1000'
  bundle b ".hooks.createRuntime = [{path: \"/nosuch\"}]"
  expect 1 rt create -b b x
  contains "$output" /nosuch
  expect 1 rt state x
}

@test "a poststart hook that fails fails start and run, and the container goes" {
  bundle b '.hooks.poststart = [{path: "/bin/false"}]'
  made create -b b x
  local pid
  pid=$(pid_of x)
  expect 1 rt start x
  contains "$output" "poststart hook"
  expect 1 rt state x
  eventually 10 [ ! -e "/proc/$pid" ]
  expect 1 rt run -b b x
  expect 1 rt state x
  bundle d ".hooks = {startContainer: [{path: \"/bin/false\"}], poststop: [{path: \"/bin/touch\", args: [\"touch\", \"$B.gone\"]}]}"
  made create -b d x
  expect 1 rt start x
  contains "$output" "startContainer hook"
  expect 1 rt state x
  [[ -e b.gone ]]
  # poststop has a say no more.
  bundle c '.hooks.poststop = [{path: "/bin/false"}]'
  made run -d -b c x
  expect 0 rt delete -f x
  contains "$output" "poststop hook"
  bundle c "$(command_is true) | .hooks.poststop = [{path: \"/bin/false\"}]"
  expect 0 rt run -b c x
  is "$output" "hoy-runtime: error running poststop hook /bin/false: exit status 1 (hooks.poststop[0])"
  expect 0 rt --log poststop.log run -b c x
  is "$output" ""
  contains "$(cat poststop.log)" "level=warning"
}

# The log

@test "--log as text and as JSON, the way shims read it" {
  bundle b
  expect 1 rt --log log.txt start x
  matches "$(cat log.txt)" '^time="20[0-9T:-]+Z" level=error msg="container does not exist: x"$'
  expect 1 rt --log log.json --log-format json start x
  expect 1 rt --log log.json --log-format json create -b "no\"such" x
  is "$(jq -c '[.level, .msg]' log.json)" '["error","container does not exist: x"]
["error","cannot open the bundle no\"such: No such file or directory"]'
  matches "$(jq -r .time log.json | head -n 1)" '^20[0-9T:-]+Z$'
  # The shim writes to it, too; and the file is not cut.
  bundle c "$(command_is nosuch)"
  expect 1 rt --log log.json --log-format json run -b c x
  contains "$(jq -r .msg log.json | tail -n 1)" 'exec: "nosuch": executable file not found'
  is "$(wc -l <log.json)" 3
  # A container's standard error has no warnings of the runtime's.
  bundle c "$(command_is echo out) | .linux.resources.memory.kernel = 1048576"
  expect 0 rt --log warned.json --log-format json run -b c x
  is "$output" out
  contains "$(jq -r 'select(.level == "warning") | .msg' warned.json)" linux.resources.memory.kernel
  expect 0 rt run -b c x
  contains "$output" linux.resources.memory.kernel
  expect 1 rt --log nosuch/log list
  expect 1 rt --log-format xml list
  # crun's words for where it goes.
  expect 1 rt --log file:crun.txt state x
  contains "$(cat crun.txt)" "container does not exist"
  local where
  for where in journald:x syslog:x; do
    expect 1 rt --log $where list
    contains "$output" "journald and syslog are not supported"
  done
}

@test "--debug, --log-level: the command, and the operations of its plan" {
  bundle b
  made --log log.json --log-format json --debug create -b b x
  contains "$(jq -r 'select(.level == "debug") | .msg' log.json)" " create -b b x"
  matches "$(jq -r 'select(.level == "debug") | .msg' log.json)" 'host +start a process in new namespaces'
  is "$(jq -r 'select(.level != "debug")' log.json)" ""
  expect 0 rt --log-level debug state x
  contains "$output" "hoy-runtime: hoy-runtime "
  # Nothing of it without, and no warning either with error.
  expect 0 rt update --kernel-memory 10m x
  contains "$output" "Kernel memory"
  expect 0 rt --log-level error update --kernel-memory 10m x
  is "$output" ""
  expect 1 rt --log-level loud list
}

@test "--criu, --no-subreaper, -V, and limits of a group that it does not have" {
  local number=0
  bundle b
  made create --no-subreaper -b b x
  rt start x
  expect 1 rt --criu "$PWD/nosuch" checkpoint x
  contains "$output" "cannot execute $PWD/nosuch"
  printf '#!/bin/sh\necho "$0 $*" >%s/called\n' "$PWD" >criu
  chmod +x criu
  expect 1 rt --criu "$PWD/criu" checkpoint x
  matches "$(cat called)" '^.*/criu swrk [0-9]+$'
  expect 1 rt update --l3-cache-schema L3:0=f x
  contains "$output" "linux.intelRdt"
  is "$(rt -V)" "$(rt --version)"
  # Durations as Go has them.
  for number in 1.5ms 0h0m0.002s; do matches "$(rt events --interval $number x | head -n 1)" '"type":"stats"'; done
  for number in 0 -1s 1 s 1x 99999999999h; do expect 1 rt events --interval $number x; done
}

@test "--root: state stays apart, relative or not" {
  bundle b
  made run -d -b b x
  is "$("$HOY_RUNTIME" --root "$STATE-2" list -q)" ""
  is "$(cd /tmp && "$HOY_RUNTIME" --root "../$STATE" list -q)" x
  expect 1 "$HOY_RUNTIME" --root "$STATE-2" state x
}

# Beside runc

# same COMMAND... [-- SENTENCE]: both runtimes end alike; callers look for the sentence.
same() {
  local words=() sentence='' ours=0 theirs=0
  while (($#)) && [[ $1 != -- ]]; do words+=("$1"); shift; done
  [[ ${1:-} != -- ]] || sentence=$2
  pushd "$BATS_TEST_TMPDIR/ours" >/dev/null || return
  timeout 10 "$HOY_RUNTIME" --root "$STATE" "${words[@]}" <"$INPUT" >../ours.out 2>&1 3>&- || ours=$?
  cd ../theirs || return
  timeout 10 runc --root "$STATE-runc" "${words[@]}" <"$INPUT" >../theirs.out 2>&1 3>&- || theirs=$?
  popd >/dev/null || return
  if ((ours != theirs)); then
    echo "'${words[*]}': hoy-runtime ends with $ours: $(head -n 3 ours.out)"
    echo "runc ends with $theirs: $(head -n 3 theirs.out)"
    DIFFERENT+=1
  elif [[ -n $sentence ]] && ! grep -q -- "$sentence" ours.out; then
    echo "'${words[*]}' does not say '$sentence' but: $(cat ours.out)"
    DIFFERENT+=1
  elif [[ -n $sentence ]] && ! sed 's/\\"/"/g' theirs.out | grep -q -- "$sentence"; then
    echo "'${words[*]}': runc does not say '$sentence' but: $(cat theirs.out)"
    DIFFERENT+=1
  fi
}

runc_is_there() {
  command -v runc >/dev/null || skip "runc is not installed"
  INPUT=/dev/null DIFFERENT=
  # An older runc takes no 1.3.0; each has a cgroup of its own.
  local who
  for who in ours theirs; do
    bundle $who/b ".ociVersion = \"1.0.2\" | .linux.cgroupsPath = \"/hoy/$who\""
    jq '.process | .args = ["echo", "from a file"]' $who/b/config.json >$who/process.json
  done
}

@test "exit codes and sentences are runc's" {
  runc_is_there
  local none="container does not exist" who
  for who in ours theirs; do
    jq '.process.args = ["sh", "-c", "exit 7"]' $who/b/config.json >$who/c.json
    mkdir -p $who/c $who/d $who/e
    mv $who/c.json $who/c/config.json
    jq '.process.args = ["nosuch"]' $who/c/config.json >$who/d/config.json
    jq '.process.terminal = true' $who/b/config.json >$who/e/config.json
  done

  same state x -- "$none"
  same start x -- "$none"
  same exec x true -- "$none"
  same kill x -- "$none"
  same kill x KILL -- "$none"
  same kill --all x KILL -- "$none"
  same delete x -- "$none"
  same delete --force x
  same pause x -- "$none"
  same resume x -- "$none"
  same ps x -- "$none"
  same events --stats x -- "$none"
  same update --memory 10m x -- "$none"

  same create -b b x
  same create -b b x -- "container with given ID already exists"
  same run -b b x -- "container with given ID already exists"
  same state x
  same kill x 0
  same kill x FOO -- 'unknown signal "FOO"'
  same kill x ""
  same exec x true
  same ps x
  same pause x
  same resume x
  same resume x -- "container not paused"
  same delete x
  same create -b b x
  same start x
  same start x -- "cannot start an already running container"
  same delete x -- "cannot delete container x that is not stopped: running"

  same exec x
  same exec
  same exec x true
  same exec x sh -c 'exit 7'
  same exec x sh -c 'kill -9 $$'
  same exec x sh -c 'kill -TERM $$'
  same exec x nosuch -- 'exec: "nosuch": executable file not found in $PATH'
  same exec x /etc
  same exec -p nosuch x
  same exec -p process.json x -- "from a file"
  same exec --user foo x true
  same exec --user 1:2 x id -- "uid=1 gid=2"
  same exec --cwd /nosuch x pwd
  same exec --cwd /tmp x pwd -- "/tmp"
  same exec -e A=b x sh -c 'echo $A' -- b
  same exec -t -d x true -- "cannot allocate tty if"
  same exec --console-socket /nosuch x true -- "cannot use console socket if"
  same exec --cap foo x true
  same exec --cap CAP_SYS_ADMIN x true
  same exec --pid-file /nosuch/x x true
  same exec -g 5 x id -- groups=5
  same exec --foo x true
  same pause x
  same pause x -- "container not running"
  same exec x true -- "cannot exec in a paused container (use --ignore-paused to override)"
  same delete x -- "cannot delete container x that is not stopped: paused"
  same start x -- "cannot start a container in the paused state"
  same resume x
  same ps -f json x
  same ps x -o pid,comm
  same list
  same list -q -- x
  same list -f json
  same list -f foo
  same events --stats x
  same events --interval 0s x
  same update --memory 50m x
  same update --pids-limit 20 x
  same update x
  same update -r /nosuch x
  INPUT=$BATS_TEST_TMPDIR/resources
  echo '{"pids": {"limit": 30}}' >"$INPUT"
  same update -r - x
  INPUT=/dev/null
  same update --foo x

  same kill x
  eventually 10 has_status x stopped
  eventually 10 [ "$(runc --root "$STATE-runc" state x | jq -r .status)" = stopped ]
  same kill x -- "container not running"
  same kill --all x
  same exec x true -- "cannot exec in a stopped container"
  same start x -- "cannot start a container that has stopped"
  same pause x -- "container not running"
  same resume x -- "container not paused"
  same ps x
  same update --pids-limit 10 x -- "container not running"
  same events --stats x -- "not running"
  same state x
  same delete x
  same delete x -- "$none"

  same run -b c x
  same run --keep -b c x
  same delete x
  same run -b d x -- 'executable file not found in $PATH'
  same create -b e x -- "cannot allocate tty if"
  same create -b b --console-socket /nosuch x -- "cannot use console socket if"
  same run -b /nosuch x
  same run -b b
  same run -b b x y
  same create -b b ../x -- "invalid container ID format"
  same create -b b ''  -- "container id cannot be empty"
  same create -b b 'a b' -- "invalid container ID format"
  same state ..
  same create -b b --pid-file /nosuch/x x
  same create -b b --foo x
  same spec -b b
  same spec -b /nosuch
  same start
  same start x y
  same state
  same list x
  same kill
  same foo
  same
  same help
  same --foo list
  same --log-format foo list
  same --log /nosuch/x list
  same --version
  same --help
  same run --help
  same features
  is "$DIFFERENT" ""
  is "$(ls -A "$STATE-runc")" ""
}

# 1 is a line that cannot be read, 255 one that cannot be done.
@test "exec: what is wrong with a line ends it as with runc" {
  runc_is_there
  local who word
  for who in ours theirs; do
    mkdir $who/folder
    echo '{' >$who/broken.json
    echo '[]' >$who/list.json
    echo '{}' >$who/empty.json
    jq '.args = []' $who/process.json >$who/no-args.json
    jq '.args = "true"' $who/process.json >$who/args.json
    jq 'del(.cwd)' $who/process.json >$who/no-cwd.json
    jq '.cwd = "relative"' $who/process.json >$who/cwd.json
    jq '.user.uid = -1' $who/process.json >$who/uid.json
    jq '.rlimits = [{type: "RLIMIT_FOO", soft: 1, hard: 1}]' $who/process.json >$who/rlimit.json
    jq '.capabilities.bounding = ["CAP_FOO"]' $who/process.json >$who/cap.json
    jq '.terminal = true' $who/process.json >$who/terminal.json
    jq '.env += ["X"]' $who/process.json >$who/env.json
    jq '.env += ["=x"]' $who/process.json >$who/nameless.json
  done
  same create -b b x
  same start x

  for word in x 1.5 99999999999999999999 0x10 5,6 '' -1 4294967295; do
    same exec -g "$word" x true
    same exec "--additional-gids=$word" x true
  done
  same exec -g x
  same exec -g x nosuch true
  same exec -p process.json -g x x
  same exec -g 5 -g 010 x id -- 5,10
  for word in bad 1:bad bad:1 : 1: :1 1:2:3 -1 0x1 1.0 root 4294967295 99999999999999999999 ''; do
    same exec --user "$word" x true
  done
  same exec --user bad nosuch true
  same exec --user bad x
  same exec --user bad
  same exec -p process.json --user bad x
  for word in bad CAP_BAD CAP_KILL,CAP_CHOWN ''; do same exec --cap "$word" x true; done
  for word in relative . /nosuch /bin/sh ''; do same exec --cwd "$word" x pwd; done
  for word in X =x '' X=; do same exec --env "$word" x true; done
  same exec --env TERM=a --env B=b --env TERM=c x sh -c 'cat /proc/$$/environ | busybox tr "\0" ","' -- 'TERM=c,B=b,HOME=[^,]*,$'
  same exec --env PATH=/nowhere x true -- 'not found in $PATH'
  same exec --cap CAP_SYS_TIME x grep CapEff /proc/self/status -- 0000000022000420
  for word in cap_sys_time SYS_TIME sys_time; do same exec --cap "$word" x grep CapEff /proc/self/status -- 0000000020000420; done
  same exec -p process.json --env X x
  for word in broken list empty no-args args no-cwd cwd uid rlimit cap env nameless nosuch; do same exec -p $word.json x; done
  same exec -p folder x
  same exec -p '' x
  same exec -p '' x true
  same exec -p terminal.json -d x
  same exec -p nosuch.json nosuch
  same exec -p process.json nosuch
  same exec -p process.json
  same exec -d x nosuch
  same exec -d --pid-file /nosuch/pid x sleep 1
  same exec --pid-file folder x true
  for word in tty detach no-new-privs ignore-paused; do
    same exec --$word=x x true
    same exec --$word=false x true
  done
  same exec -d=x x true
  same exec --console-socket /nosuch -t -d x true
  for word in x 300 99999999999999999999 0; do same exec --preserve-fds "$word" x true; done
  for word in nosuch ../x foo:bar foo: cpu: a:b:c / ''; do same exec --cgroup "$word" x true; done
  for word in additional-gids user cap cwd env process pid-file console-socket preserve-fds cgroup apparmor process-label; do
    same exec "--$word"
  done
  same exec --process-label nosuch x true
  same exec --apparmor '' x true
  same exec -z x true
  same exec -tz x true
  for word in '' ../x 'a b' . nosuch; do
    same exec "$word" true
    same exec "$word"
  done
  for word in '' . / /nosuch --foo; do same exec x "$word"; done
  same exec --user 1 x /etc
  same delete -f x
  is "$DIFFERENT" ""
  is "$(ls -A "$STATE-runc")" ""
}

# What it says of itself

@test "every flag of runc and crun is there, or refused by name" {
  local command flag missing=''
  while read -r command flag; do
    [[ $command == global ]] && run rt --help || run rt "$command" --help
    [[ $output == *"--$flag"* ]] || missing+=" $command:--$flag"
  done < <(awk '{ for (i = 2; i <= NF; i++) print $1, $i }' <<'FLAGS'
global debug log log-format log-level root systemd-cgroup rootless cgroup-manager criu version
create bundle console-socket pid-file pidfd-socket no-pivot no-new-keyring preserve-fds config no-subreaper
run bundle console-socket pid-file pidfd-socket no-pivot no-new-keyring preserve-fds detach no-subreaper keep config
kill all regex
delete force regex
exec console-socket pidfd-socket cwd env tty user additional-gids process detach pid-file process-label apparmor
exec no-new-privs cap preserve-fds ignore-paused cgroup
list format quiet
ps format
events interval stats
spec bundle rootless file
update resources blkio-weight cpu-period cpu-quota cpu-burst cpu-rt-period cpu-rt-runtime cpu-share cpu-idle
update cpuset-cpus cpuset-mems memory memory-reservation memory-swap pids-limit l3-cache-schema mem-bw-schema
update kernel-memory kernel-memory-tcp
checkpoint image-path work-path parent-path leave-running tcp-established tcp-skip-in-flight link-remap ext-unix-sk
checkpoint shell-job lazy-pages status-fd page-server file-locks pre-dump manage-cgroups-mode empty-ns auto-dedup
restore console-socket image-path work-path tcp-established ext-unix-sk shell-job file-locks manage-cgroups-mode bundle
restore detach pid-file no-subreaper no-pivot empty-ns auto-dedup lazy-pages lsm-profile lsm-mount-context
FLAGS
)
  is "$missing" ""
}

@test "spec: what it writes runs, here and with runc" {
  mkdir b
  "$HOY_RUNTIME" spec -b b
  expect 1 "$HOY_RUNTIME" spec -b b
  contains "$output" "config.json exists"
  "$HOY_RUNTIME" spec -b b -f other.json
  cmp b/config.json b/other.json
  expect 1 "$HOY_RUNTIME" spec -b b --file other.json
  contains "$output" "other.json exists"
  is "$(jq -c .linux.resources.devices b/config.json)" '[{"allow":false,"access":"rwm"}]'
  jq ".process.terminal = false | .process.args = [\"true\"] | .root.path = \"$ROOTFS\"" b/config.json >c.json
  expect 0 rt run -b b -f c.json x
  if command -v runc >/dev/null; then
    jq '.ociVersion = "1.0.2"' c.json >b/config.json
    (cd b && runc --root "$STATE-runc" run x)
  fi
}

# The schema's shapes, and its words.
@test "features: a valid document that promises what create takes" {
  rt features >features.json
  python3 - features.json <<'PYTHON'
import json
import re
import sys

f = json.load(open(sys.argv[1]))
words = lambda v: isinstance(v, list) and all(isinstance(w, str) for w in v) and len(v) == len(set(v))
for key in ("ociVersionMin", "ociVersionMax"):
    assert re.fullmatch(r"\d+\.\d+\.\d+", f[key]), key
assert f["hooks"] == ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
assert words(f["mountOptions"]) and len(f["mountOptions"]) >= 60
assert all(isinstance(v, str) for v in f["annotations"].values()), "annotations"
assert words(f["potentiallyUnsafeConfigAnnotations"]) and "org.systemd.property." in f["potentiallyUnsafeConfigAnnotations"]
linux = f["linux"]
assert set(linux["namespaces"]) == {"mount", "pid", "network", "uts", "ipc", "user", "cgroup", "time"}
assert words(linux["capabilities"]) and all(re.fullmatch("CAP_[A-Z_]+", c) for c in linux["capabilities"])
assert set(linux["cgroup"]) == {"v1", "v2", "systemd", "systemdUser", "rdma"}
assert all(isinstance(v, bool) for v in linux["cgroup"].values())
seccomp = linux["seccomp"]
assert seccomp["enabled"] is True
for key, start in (("actions", "SCMP_ACT_"), ("operators", "SCMP_CMP_"), ("archs", "SCMP_ARCH_"),
                   ("knownFlags", "SECCOMP_FILTER_FLAG_"), ("supportedFlags", "SECCOMP_FILTER_FLAG_")):
    assert words(seccomp[key]) and all(w.startswith(start) for w in seccomp[key]), key
assert set(seccomp["supportedFlags"]) <= set(seccomp["knownFlags"])
for key in ("apparmor", "selinux", "netDevices"):
    assert isinstance(linux[key]["enabled"], bool), key
assert all(isinstance(v, bool) for v in linux["intelRdt"].values())
assert isinstance(linux["mountExtensions"]["idmap"]["enabled"], bool)
if "memoryPolicy" in linux:
    assert words(linux["memoryPolicy"]["modes"]) and words(linux["memoryPolicy"]["flags"])
PYTHON
  # refused KEY FILTER: create says so if and only if features does.
  refused() {
    local promised
    promised=$(jq "$1 // false" features.json)
    rm -rf b
    bundle b "$2"
    run rt run -b b x </dev/null
    case $promised in
      false) contains "$output" "is not supported by this version" ;;
      *) lacks "$output" "is not supported by this version" ;;
    esac
  }
  local true_
  true_=$(command_is true)
  refused .linux.apparmor.enabled "$true_ | .process.apparmorProfile = \"nosuch\""
  refused .linux.selinux.enabled "$true_ | .process.selinuxLabel = \"nosuch\""
  refused .linux.intelRdt.enabled "$true_ | .linux.intelRdt = {closID: \"x\"}"
  refused .linux.netDevices.enabled "$true_ | .linux.netDevices = {nosuch0: {}}"
  refused .linux.memoryPolicy.modes "$true_ | .linux.memoryPolicy = {mode: \"MPOL_LOCAL\"}"
  refused .linux.mountExtensions.idmap.enabled \
    "$true_ | .mounts += [{destination: \"/tmp\", type: \"bind\", source: \"/tmp\", options: [\"bind\", \"idmap\"],
      uidMappings: [{containerID: 0, hostID: 1000, size: 10}], gidMappings: [{containerID: 0, hostID: 1000, size: 10}]}]"
  # All capabilities, of which it has those that we have, and no other; all policies for memory.
  bundle c "$(command_is sed -n s/^CapBnd:.//p /proc/self/status) | .process.capabilities.bounding = $(jq -c .linux.capabilities features.json)"
  run --separate-stderr rt run -b c x
  is "$output" "$(sed -n 's/^CapBnd:.//p' /proc/self/status)"
  lacks "$stderr" unknown
  is "$(jq '.linux.capabilities | length' features.json)" $(($(</proc/sys/kernel/cap_last_cap) + 1))
  if [[ -e /proc/self/numa_maps ]]; then
    local word
    for word in $(jq -r '.linux.memoryPolicy.modes[]' features.json); do
      bundle m "$true_ | .linux.memoryPolicy = ({mode: \"$word\"} + if \"$word\" | IN(\"MPOL_DEFAULT\", \"MPOL_LOCAL\") then {} else {nodes: \"0\"} end)"
      expect 0 rt run -b m x
    done
    for word in $(jq -r '.linux.memoryPolicy.flags[]' features.json); do
      bundle m "$true_ | .linux.memoryPolicy = {mode: \"MPOL_BIND\", nodes: \"0\", flags: [\"$word\"]}"
      expect 0 rt run -b m x
    done
  fi
  # Every namespace, all at once, and every rule's word.
  bundle n "$true_ | .linux.namespaces = $(jq -c '[.linux.namespaces[] | {type: .}]' features.json)
    | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}]
    | .linux.gidMappings = [{containerID: 0, hostID: 0, size: 65536}]"
  expect 0 rt run -b n x
  bundle s "$true_ | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\",
      architectures: $(jq -c .linux.seccomp.archs features.json), flags: $(jq -c .linux.seccomp.supportedFlags features.json),
      syscalls: [$(jq -c '.linux.seccomp.actions[] | select(. != "SCMP_ACT_NOTIFY" and . != "SCMP_ACT_ALLOW")' features.json |
        awk '{printf "%s{names: [\"reboot\"], action: %s, args: [{index: 0, value: %d, op: \"SCMP_CMP_EQ\"}]}", n++ ? "," : "", $0, n}')]}"
  run rt run -b s x
  is "$output" ""
}
