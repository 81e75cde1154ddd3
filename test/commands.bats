#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is done with containers in the middle of their lives, in Docker's words.

load lib
load tmux

test_teardown() { terminal_stop; }

state() { field "$1" .State.Status; }

# pause

@test "pause and unpause: ps, inspect, and the processes" {
  local ticks
  expect 0 hoy run -d --name still base sh -c 'while :; do :; done'
  expect 0 hoy pause still
  is "$output" still
  matches "$(hoy ps --format '{{.Status}}|{{.State}}')" '^Up .* \(Paused\)\|paused$'
  is "$(hoy inspect -f '{{.State.Status}} {{.State.Running}} {{.State.Paused}}' still)" 'paused true true'
  is "$(hoy ps -q -f status=paused | wc -l)" 1
  is "$(hoy ps -q -f status=running | wc -l)" 0
  is "$(hoy info --format '{{.ContainersRunning}} {{.ContainersPaused}} {{.ContainersStopped}}')" '0 1 0'
  ticks=$(cut -d' ' -f14 "/proc/$(field still .State.Pid)/stat")
  sleep 0.3
  is "$(cut -d' ' -f14 "/proc/$(field still .State.Pid)/stat")" "$ticks"
  expect 0 hoy container unpause still
  is "$(state still)" running
  lacks "$(hoy ps)" Paused
  hoy rm -f still
}

@test "what a paused container refuses" {
  local id
  id=$(hoy run -d --name still base sleep 1000)
  hoy pause still
  expect 1 hoy pause still
  is "$output" "hoy: Container $id is already paused"
  expect 1 hoy exec still true
  is "$output" 'hoy: Container still is paused, unpause the container before exec'
  expect 1 hoy attach still
  is "$output" 'hoy: You cannot attach to a paused container, unpause it first'
  expect 1 hoy start still
  is "$output" 'hoy: cannot start a paused container, try unpause instead'
  expect 1 hoy start -a still
  expect 1 hoy rm still
  is "$output" 'hoy: cannot remove container "/still": container is paused: unpause and then stop the container before removing or force remove'
  hoy unpause still
  expect 1 hoy unpause still
  is "$output" "hoy: Container $id is not paused"
  hoy stop -t 0 still
  expect 1 hoy pause still
  is "$output" "hoy: Container $id is not running"
  expect 1 hoy unpause still
  is "$output" "hoy: Container $id is not paused"
  hoy rm still
  expect 1 hoy pause still
  is "$output" 'hoy: No such container: still'
}

@test "what a paused container takes: stop, kill, rm -f, restart, top, commit, rename" {
  hoy run -d --name aa base sh -c 'trap "exit 9" TERM; while :; do sleep 0.1; done'
  hoy run -d --name bb base sleep 1000
  hoy run -d --name cc base sleep 1000
  hoy run -d --name dd base sleep 1000
  hoy pause aa bb cc dd
  contains "$(hoy top bb)" 'sleep 1000'
  expect 0 hoy commit bb paused:1
  hoy rmi paused:1
  hoy rename bb bbb
  expect 0 timeout 20 "$HOY" stop aa
  is "$(field aa .State.ExitCode)" 9
  expect 0 timeout 20 "$HOY" kill bbb
  is "$(field bbb .State.ExitCode)" 137
  expect 0 timeout 20 "$HOY" restart -t 0 cc
  is "$(state cc)" running
  expect 0 timeout 20 "$HOY" rm -f aa bbb cc dd
}

@test "pause: several, some of which are not there" {
  hoy run -d --name one base sleep 1000
  hoy run -d --name two base sleep 1000
  expect 1 hoy pause one nope two
  is "$output" $'one\nhoy: No such container: nope\ntwo'
  is "$(hoy ps -q -f status=paused | wc -l)" 2
  hoy rm -f one two
}

@test "a paused container whose shim is killed leaves nothing" {
  hoy run -d --name lost base sleep 1000
  hoy pause lost
  kill -KILL "$(ps -o ppid= -p "$(field lost .State.Pid)")"
  eventually 10 nothing_runs
  is "$(state lost)" exited
  hoy rm lost
}
nothing_runs() { [[ -z $(hoy ps -q) ]]; }

# restart

@test "restart: one that runs, one that does not, one that is not there" {
  hoy run -d --name runs base sh -c 'trap "exit 7" USR1; echo begun; while :; do sleep 0.1; done'
  eventually 10 begun 1
  expect 0 hoy restart -s USR1 runs
  is "$output" runs
  eventually 10 begun 2
  is "$(state runs)" running
  is "$("$HOY" events --since 1 --until 0s -f container=runs -f event=die --format '{{.Actor.Attributes.exitCode}}')" 7
  hoy create --name rests base sleep 1000
  expect 1 hoy restart -t 0 rests nope
  is "$output" $'rests\nhoy: No such container: nope'
  is "$(state rests)" running
  hoy rm -f runs rests
}
begun() { [[ $(hoy logs runs | wc -l) == "$1" ]]; }

@test "restart of a --rm container: it stays, and goes in the end" {
  hoy run -d --rm --name brief base sleep 1000
  hoy exec brief touch /kept
  expect 0 hoy restart -t 0 brief
  expect 0 hoy restart -t 0 brief
  hoy exec brief test -e /kept
  is "$(field brief .HostConfig.AutoRemove)" true
  hoy stop -t 0 brief
  eventually 10 none
}
none() { [[ -z $(hoy ps -aq) ]]; }

# rename

@test "rename" {
  local id
  id=$(hoy create --name old base)
  hoy create --name other base
  expect 0 hoy rename old new
  is "$output" ''
  is "$(field new .Name)" /new
  is "$(field new .Id)" "$id"
  expect 1 hoy inspect old
  expect 1 hoy rename new other
  contains "$output" 'Error when allocating new name: Conflict. The container name "/other" is already in use by container'
  expect 1 hoy rename new new
  is "$output" 'hoy: Renaming a container with the same name as its current name'
  expect 1 hoy rename new ''
  is "$output" 'hoy: Neither old nor new names may be empty'
  expect 1 hoy rename new 'a b'
  contains "$output" 'Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed'
  expect 1 hoy rename nope x1
  is "$output" 'hoy: No such container: nope'
  expect 0 hoy container rename "${id:0:6}" /slashed
  is "$(field slashed .Id)" "$id"
  hoy rm slashed other
}

# top

@test "top: as ps -ef, with ps options, with what ps refuses" {
  both() { hoy top busy >"$BATS_TEST_TMPDIR/top" && [[ $(grep -c 'sleep 100[12]$' "$BATS_TEST_TMPDIR/top") == 2 ]]; }
  hoy run -d --name busy base sh -c 'sleep 1001 & sleep 1002 & wait'
  eventually 10 both
  matches "$(head -1 "$BATS_TEST_TMPDIR/top")" '^UID  +PID  +PPID  +C  +STIME  +TTY  +TIME  +CMD$'
  is "$(hoy top busy -o pid,args | awk 'NR > 1 {print $1}' | head -1)" "$(field busy .State.Pid)"
  contains "$(hoy top busy aux)" '%CPU'
  expect 1 hoy top busy -o comm
  is "$output" "hoy: Couldn't find PID field in ps output"
  expect 1 hoy top busy --nonsense
  matches "$output" '^hoy: ps: '
  expect 1 hoy top busy -o x=PID
  is "$output" 'hoy: specifying "x=PID" is not allowed'
  # The processes of others are never there.
  lacks "$(hoy top busy -e -o pid,args)" bats
  hoy stop -t 0 busy
  expect 1 hoy top busy
  matches "$output" '^hoy: Container [0-9a-f]{64} is not running$'
  hoy rm busy
}

@test "top without ps" {
  hoy run -d --name busy base sleep 1001
  PATH=/nonexistent expect 0 "$HOY" top busy
  matches "$output" $'^UID +PID +PPID +C +STIME +TTY +TIME +CMD\n0 +[0-9]+ +[0-9]+ +0 +[0-9:]+ +[?] +00:00:00 +sleep 1001$'
  PATH=/nonexistent expect 1 "$HOY" top busy -o pid
  contains "$output" 'no ps'
  hoy rm -f busy
}

# stats

@test "stats: once, of one, of all, in a form" {
  hoy run -d --name works -m 64m --network none base sh -c 'while :; do :; done'
  hoy create --name rests base
  expect 0 hoy stats -a --no-stream
  matches "$(head -1 <<<"$output")" '^CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O   BLOCK I/O   PIDS$'
  matches "$output" $'\n[0-9a-f]{12}   works     [1-9][0-9]*\.[0-9]{2}%    ?[0-9.]+[KM]iB / 64MiB   +[0-9.]+%'
  matches "$output" 'rests +0\.00% +0B / 0B +0\.00% +0B / 0B +0B / 0B +0($|[[:space:]])'
  is "$(hoy stats --no-stream --no-trunc --format '{{.ID}}')" "$(field works .Id)"
  is "$(hoy stats --no-stream --format '{{.Container}} {{.Name}} {{.PIDs}} {{.NetIO}}' works)" 'works works 1 0B / 0B'
  is "$(hoy stats --no-stream --format json works | jq -r 'keys | join(" ")')" \
    'BlockIO CPUPerc Container ID MemPerc MemUsage Name NetIO PIDs'
  expect 1 hoy stats --no-stream nope
  is "$output" 'hoy: No such container: nope'
  hoy rm -f works rests
}

@test "stats of what uses things: two CPUs' worth at most, memory, processes" {
  hoy run -d --name uses base sh -c 'dd if=/dev/zero of=/dev/shm/f bs=1M count=32 2>/dev/null; sleep 1001 & sleep 1002 & wait'
  eventually 10 has_written
  matches "$(hoy stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' uses)" '^(3[2-9]|4[0-9])(\.[0-9]+)?MiB / .* 3$'
  hoy rm -f uses
}
has_written() { [[ $(hoy exec uses stat -c %s /dev/shm/f) == 33554432 && $(hoy top uses | wc -l) == 4 ]]; }

@test "stats at a terminal: drawn over, with who begins and who ends" {
  hoy run -d --name first base sleep 1000
  terminal_start
  text "$HOY stats"
  shows '^[0-9a-f]{12} +first '
  hoy run -d --name second base sleep 1000
  shows '^[0-9a-f]{12} +second '
  visible '^[0-9a-f]{12} +first '
  hoy rm -f first
  eventually 20 not_shown first
  visible '^[0-9a-f]{12} +second '
  is "$(tm capture-pane -p | grep -c 'CONTAINER ID')" 1
  keys C-c
  shows 'host\$ ?$'
  # One that is named ends the listing with its end.
  text "$HOY stats second"
  shows '^[0-9a-f]{12} +second '
  hoy rm -f second
  shows 'host\$ ?$'
}
not_shown() { ! visible " $1 "; }

# port, rm -l

@test "port: none is published" {
  hoy create --name plain base
  expect 0 hoy port plain
  is "$output" ''
  expect 1 hoy port plain 80/tcp
  is "$output" "hoy: No public port '80/tcp' published for plain"
  expect 1 hoy port plain http
  contains "$output" 'invalid port (http)'
  expect 1 hoy rm -l plain
  is "$output" 'hoy: Conflict, cannot remove the default link name of the container'
  expect 1 hoy rm -l plain/alias
  is "$output" 'hoy: No such container: plain/alias'
  hoy rm plain
}

# prune

@test "container prune: the question, what goes, filters" {
  local old
  old=$(hoy create --name old -l keep=no base)
  hoy create --name kept -l keep=yes base
  hoy run -d --name runs base sleep 1000
  hoy run --name wrote base sh -c 'head -c 5000 /dev/zero >/f'
  expect 0 hoy container prune <<<n
  contains "$output" $'WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] '
  is "$(hoy ps -aq | wc -l)" 4
  expect 1 hoy container prune -f --filter nope=x
  is "$output" "hoy: invalid filter 'nope'"
  expect 1 hoy container prune -f --filter until=never
  expect 0 hoy container prune -f --filter until=10m
  is "$output" 'Total reclaimed space: 0B'
  expect 0 hoy container prune -f --filter label=keep --filter label!=keep=yes
  is "$output" "Deleted Containers:
$old

Total reclaimed space: 0B"
  expect 0 hoy container prune --filter label!=keep <<<y
  matches "$output" $'Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: 5kB$'
  is "$(hoy ps -a --format '{{.Names}}' | paste -sd' ')" 'runs kept'
  hoy rm -f runs kept
}

@test "system prune: containers, then the images that are free by then" {
  hoy create --name user base
  hoy commit user pruned:1
  hoy rm user
  hoy create --name user pruned:1
  expect 0 hoy system prune </dev/null
  contains "$output" '  - all stopped containers'
  contains "$output" '  - all dangling images'
  expect 0 hoy system prune -a --filter label=x <<<n
  contains "$output" $'  - all images without at least one container associated to them\n\n  Items to be pruned will be filtered with:\n  - label=x\n'
  expect 0 hoy system prune -f
  contains "$output" 'Deleted Containers:'
  lacks "$output" 'Deleted Images:'
  is "$(hoy images -q pruned:1 | wc -l)" 1
  expect 0 hoy system prune -af
  contains "$output" 'untagged: pruned:1'
  matches "$output" 'Total reclaimed space: [0-9.]+[kM]?B$'
}

# ps

@test "ps: every filter" {
  names() { hoy ps --format '{{.Names}}' "$@" | paste -sd' '; }
  hoy create --name e1 base true
  hoy start -a e1
  hoy run -d --network none --name r1 -v data:/data base sleep 1000
  hoy commit r1 child:1
  hoy create --name c1 child:1
  is "$(names)" r1
  is "$(names -f exited=0)" ''
  is "$(names -a -f exited=0 -f exited=1)" e1
  is "$(names -f status=created -f status=exited)" 'c1 e1'
  is "$(names -a -f before=c1)" 'r1 e1'
  is "$(names -a -f before=c1 -f before=r1)" e1
  is "$(names -a -f since=r1)" c1
  is "$(names -f since=e1)" r1
  is "$(names -a -f name='^/e1$')" e1
  is "$(names -a -f name='^e1$')" e1
  is "$(names -a -f name='[er]1')" 'r1 e1'
  is "$(names -a -f name='*')" ''
  is "$(names -a -f id="$(field r1 .Id)")" r1
  is "$(names -a -f ancestor=child:1)" c1
  is "$(names -a -f ancestor=base)" 'c1 r1 e1'
  is "$(names -a -f ancestor=nope)" ''
  is "$(names -a -f network=none)" r1
  is "$(names -a -f network=bridge)" 'c1 e1'
  is "$(names -a -f volume=data)" r1
  is "$(names -a -f volume=/data)" r1
  is "$(names -a -f health=none)" 'c1 r1 e1'
  is "$(names -a -f health=healthy)" ''
  is "$(names -a -f is-task=true)" ''
  is "$(names -a -f is-task=false)" 'c1 r1 e1'
  is "$(names -a -f publish=80 -f expose=80-90/tcp)" ''
  is "$(names -a -f network=none -f name=e)" ''
  is "$(names -l)" c1
  is "$(names -n 2)" 'c1 r1'
  is "$(names -l -n 2)" 'c1 r1'
  is "$(names -n -1)" r1
  hoy rm -f e1 r1 c1
  hoy rmi child:1
}

@test "an empty filter is none, and an empty signal is KILL" {
  hoy run -d --name host base sleep 1000
  hoy kill -s '' host
  is "$(hoy wait host)" 137
  is "$(hoy ps -aq --filter '')" "$(hoy ps -aq)"
  is "$(hoy images -q --filter '')" "$(hoy images -q)"
  is "$(hoy network ls -q --filter '')" "$(hoy network ls -q)"
  is "$(hoy volume ls -q --filter '')" "$(hoy volume ls -q)"
  hoy rm host
}

@test "ps: what is no filter" {
  local filter
  for filter in task=x status=bad exited=0x health=bad is-task=bad publish=bad expose=90-80 publish=70000 before=nope; do
    expect 1 hoy ps -f "$filter"
    one_sentence "$output"
    contains "$output" "${filter#*=}" || contains "$output" "invalid filter 'task'"
  done
  expect 1 hoy ps -f status=bad
  is "$output" "hoy: invalid filter 'status=bad'"
}

@test "ps -s, and every field" {
  hoy run --name wrote -v data:/data -l a=b base sh -c 'head -c 100000 /dev/zero >/f; ln /f /g; mkdir /d'
  matches "$(hoy ps -as)" $'NAMES +SIZE\n.*wrote +100kB \(virtual [0-9.]+MB\)$'
  matches "$(hoy ps -a --format '{{.Size}}')" '^100kB \(virtual'
  is "$(hoy ps -a --format json | jq -r .Size)" 0B
  matches "$(hoy ps -as --format json | jq -r .Size)" '^100kB \(virtual'
  is "$(hoy ps -a --format '{{.Names}}|{{.Mounts}}|{{.LocalVolumes}}|{{.Networks}}|{{.State}}|{{.Ports}}|{{.Image}}')" \
    'wrote|data|1|bridge|exited||base'
  is "$(hoy ps -a --format json | jq -r 'keys | join(" ")')" \
    'Command CreatedAt ID Image Labels LocalVolumes Mounts Names Networks Ports RunningFor Size State Status'
  is "$(hoy inspect -s wrote | jq '.[0] | .SizeRw, .SizeRootFs > 1000000' | paste -sd' ')" '100000 true'
  is "$(hoy container inspect wrote | jq '.[0] | has("SizeRw")')" false
  hoy rm wrote
}

# start and attach

@test "start: several, attached or not" {
  hoy create --name one base echo 1
  hoy create --name two base echo 2
  expect 1 hoy start -a one two
  is "$output" 'hoy: you cannot start and attach multiple containers at once'
  expect 1 hoy start -ai one two
  expect 1 hoy start one nope two
  is "$output" $'one\nhoy: No such container: nope\ntwo'
  hoy rm -f one two
}

@test "start -a of one that runs attaches to it" {
  hoy run -di --name echoes base cat
  is "$(echo word | timeout 20 "$HOY" start -ai --detach-keys=x echoes & 
    eventually 10 logged; hoy kill echoes >/dev/null; wait)" word
  hoy rm echoes
}
logged() { [[ $(hoy logs echoes) == word ]]; }

@test "attach: output alone, signals or none, the words of refusals" {
  hoy run -d --name loud base sh -c 'trap "echo got; exit 3" TERM; while :; do echo said; sleep 0.1; done'
  expect 1 hoy attach nope
  "$HOY" attach --no-stdin loud >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  eventually 10 attached "$BATS_TEST_TMPDIR/out" $!
  kill -TERM $!
  ends_with 3 $!
  is "$(tail -1 "$BATS_TEST_TMPDIR/out")" got
  is "$(hoy events --since 1 --until 0s -f container=loud -f event=kill --format '{{.Actor.Attributes.signal}}')" 15
  expect 1 hoy attach loud
  is "$output" 'hoy: You cannot attach to a stopped container, start it first'
  hoy start loud
  "$HOY" attach --sig-proxy=false loud >"$BATS_TEST_TMPDIR/quiet" 3>&- &
  eventually 10 heard "$BATS_TEST_TMPDIR/quiet"
  kill -TERM $!
  ends_with 143 $!
  is "$(state loud)" running
  hoy rm -f loud
  # So does `run`, whose container goes away by itself all the same.
  "$HOY" run --rm --name quiet --sig-proxy=false base sh -c 'while [ ! -e /end ]; do echo said; sleep 0.1; done' \
    >"$BATS_TEST_TMPDIR/quiet" 3>&- &
  eventually 10 heard "$BATS_TEST_TMPDIR/quiet"
  kill -TERM $!
  ends_with 143 $!
  hoy exec quiet touch /end
  eventually 10 is_gone quiet
}
is_gone() { ! hoy inspect "$1" >/dev/null 2>&1; }
# attached FILE PID: what the container says comes, and signals are caught.
attached() { grep -q said "$1" && (( 0x$(awk '/SigBlk|SigCgt/ {print $2}' "/proc/$2/status" | sort | tail -1) & 0x4000 )); }
heard() { grep -q said "$1"; }

# exec

@test "exec: of a container that is stopped, created, dying" {
  local id
  id=$(hoy create --name base1 base sleep 1000)
  expect 1 hoy exec base1 true
  is "$output" "hoy: Container $id is not running"
  hoy start base1
  hoy exec -d base1 sh -c 'echo >/made'
  eventually 10 hoy exec base1 test -e /made
  # What runs in it when it dies ends, and says how.
  "$HOY" exec base1 sleep 1001 3>&- &
  eventually 10 runs_1001
  hoy kill base1
  ends_with 137 $!
  hoy rm base1
}
runs_1001() { hoy top base1 | grep -q 1001; }

@test "exec: --env-file, -e over it, --privileged, -u, -w" {
  printf 'A=file\nB=file\n' >"$BATS_TEST_TMPDIR/env"
  hoy run -d --name host base sleep 1000
  is "$(hoy exec --env-file "$BATS_TEST_TMPDIR/env" -e B=flag host sh -c 'echo $A $B')" 'file flag'
  is "$(hoy exec --privileged host grep CapEff /proc/self/status)" \
    "$(hoy run --rm --privileged base grep CapEff /proc/self/status)"
  is "$(hoy exec -u 5 -w /tmp host sh -c 'id -u; pwd' | paste -sd' ')" '5 /tmp'
  expect 126 hoy exec -w relative host true
  expect 126 hoy exec -u nobody-there host true
  expect 127 hoy exec host no-such-command
  expect 1 hoy exec -d host no-such-command
  expect 1 hoy exec --env-file /nonexistent host true || is "$status" 125
  hoy rm -f host
}

@test "exec -u 0: no_new_privs gives it no more than the container's user had" {
  local user
  for user in 1000 nobody; do
    hoy run -d --name host -u "$user" --security-opt no-new-privileges base sleep 1000
    is "$(hoy exec -u 0 host sh -c 'id -u; grep -E "Cap(Prm|Eff)" /proc/self/status' | tr -s '\t\n' '  ')" \
      '0 CapPrm: 0000000000000000 CapEff: 0000000000000000 '
    lacks "$(hoy exec -u 0 --privileged host grep CapEff /proc/self/status)" 0000000000000000
    hoy rm -f host
  done
  hoy run -d --name host --security-opt no-new-privileges base sleep 1000
  is "$(hoy exec host grep CapEff /proc/self/status)" \
    "$(hoy run --rm base grep CapEff /proc/self/status)"
  hoy rm -f host
  hoy run -d --name host -u 1000 base sleep 1000
  is "$(hoy exec -u 0 host grep CapEff /proc/self/status)" \
    "$(hoy run --rm base grep CapEff /proc/self/status)"
  hoy rm -f host
}

@test "exec: TERM is of its own terminal, or as -e has it" {
  in_terminal() { script -qec "$HOY exec -t $1 sh -c 'echo \$TERM'" /dev/null | tr -d '\r'; }
  hoy run -dt --name host base sleep 1000
  lacks "$(hoy exec host env)" TERM=
  is "$(in_terminal host)" xterm
  is "$(hoy exec -e TERM=vt52 host sh -c 'echo $TERM')" vt52
  hoy rm -f host
  hoy run -dt --name host -e TERM=vt100 base sleep 1000
  is "$(hoy exec host sh -c 'echo $TERM')" vt100
  is "$(in_terminal host)" vt100
  hoy rm -f host
}

# forms

@test "the forms of all, their completion and their help" {
  local command
  for command in pause unpause restart rename top stats port prune attach exec start stop kill rm wait; do
    expect 0 hoy container "$command" --help
    contains "$output" "hoy container $command"
    contains "$(hoy __complete container "$command")" "$command"
  done
  for command in events prune df info; do expect 0 hoy system "$command" --help; done
  hoy create --name completed base
  for command in pause unpause restart rename top stats port; do
    contains "$(hoy __complete "$command" com)" completed
  done
  contains "$(hoy __complete events --s)" --since
  contains "$(hoy __complete events -f con)" container=
  contains "$(hoy __complete ps --filter sta)" status=
  contains "$(hoy __complete system prune --filter lab)" 'label!='
  is "$(hoy system info --format '{{.ServerVersion}}' 2>/dev/null)" "$(hoy info --format '{{.ServerVersion}}' 2>/dev/null)"
  hoy rm completed
}

@test "a thousand rows cost one query, not a thousand" {
  local i
  hoy create --name model base
  for i in {1..1000}; do
    printf "INSERT INTO container SELECT printf('%%064x', %d), 'row%d', image_id, image_name, created, config, 'exited', 0, 0, started, finished, 0, 0, '', 0, 0 FROM container WHERE name = 'model';\n" "$i" "$i"
  done | sqlite3 "$HOY_ROOT/hoy.db" ".timeout 5000" ".read /dev/stdin"
  is "$(hoy ps -aq | wc -l)" 1001
  strace -f -c -o "$BATS_TEST_TMPDIR/calls" "$HOY" ps -a -f status=exited -f ancestor=base >"$BATS_TEST_TMPDIR/rows"
  is "$(wc -l <"$BATS_TEST_TMPDIR/rows")" 1001
  awk '/total$/ { if ($3 > 1000) { print "system calls: " $3; exit 1 } }' <(sed 's/ total$/ total/' "$BATS_TEST_TMPDIR/calls")
  sqlite3 "$HOY_ROOT/hoy.db" ".timeout 5000" "DELETE FROM container WHERE name LIKE 'row%'"
  hoy rm model
}

@test "exec into one that is dying: it runs, or is not running" {
  local i
  for i in 1 2 3 4 5 6 7 8; do
    hoy run -d --name "dying$i" base sleep "0.0$i" >/dev/null
    for _ in 1 2 3; do
      run hoy exec "dying$i" true
      # 137: it was there, and ended with the container.
      ((status == 0 || status == 137)) || { is "$status" 1 && matches "$output" '^hoy: Container [0-9a-f]{64} is not running$'; }
    done
    hoy rm -f "dying$i"
  done
}
