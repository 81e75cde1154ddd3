#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Restart policies: when a container is started again, who ends that, and what becomes of it when somebody is
# killed, or the machine restarts.

load lib

# status NAME: "running", "restarting", "exited"
status() { field "$1" .State.Status; }
# It is running from the moment that its shim is: its process comes a moment later.
runs_once() { [[ $(pgrep -fc 'sleep 1000') == 1 ]]; }
is_status() { [[ $(status "$1") == "$2" ]]; }
count() { field "$1" .RestartCount; }
ran_times() { [[ $(hoy logs "$1" | grep -c ran) -ge $2 ]]; }
runs_anew() { [[ $(status "$1") == running && $(field "$1" .State.Pid) != "$2" ]]; }
# The shim of one that runs, or waits for the next run: it has the container's directory open.
shim_of() {
  local fd pid id
  id=$(field "$1" .Id)
  while read -r fd; do
    pid=${fd#/proc/} pid=${pid%%/*}
    [[ $(readlink "/proc/$pid/exe") != /memfd:hoy-shim* ]] || echo "$pid"
  done < <(find /proc/[0-9]*/fd -lname "$HOY_ROOT/containers/$id" 2>/dev/null) | head -n 1
}
kill_shim() {
  kill -KILL "$1"
  wait_gone "$1"
}

@test "grammar: Docker's, with Docker's errors" {
  local policy
  for policy in sometimes always:3 no:1 on-failure:-1 on-failure:x :3 on-failure:99999999999; do
    expect 125 hoy run -d --name never --restart "$policy" base true
    contains "$output" 'for "--restart" flag:'
  done
  expect 125 hoy run --rm --restart always base true
  is "$output" 'hoy: conflicting options: cannot specify both --restart and --rm'
  expect 0 hoy run --rm --restart no base true
  hoy create --name c1 --restart on-failure:7 base true
  is "$(field c1 .HostConfig.RestartPolicy | jq -c .)" '{"Name":"on-failure","MaximumRetryCount":7}'
  hoy rm c1
  hoy create --name c1 base true
  is "$(field c1 .HostConfig.RestartPolicy | jq -c .)" '{"Name":"no","MaximumRetryCount":0}'
  hoy rm c1
}

@test "on-failure:n: so many times, the log goes on, the last exit code stays" {
  hoy run -d --name c1 --restart on-failure:2 base sh -c 'echo ran; exit 3'
  eventually 10 is_status c1 exited
  is "$(hoy logs c1)" $'ran\nran\nran'
  is "$(count c1) $(field c1 .State.ExitCode)" '2 3'
  is "$(field c1 .State.Restarting)" false
  matches "$(hoy ps -a)" 'Exited \(3\)'
  hoy rm c1
}

@test "on-failure: who ends well is not started again" {
  hoy run -d --name c1 --restart on-failure base true
  is "$(hoy wait c1)" 0
  is "$(status c1) $(count c1)" 'exited 0'
  hoy rm c1
}

@test "a run in the foreground ends with its first run; the container goes on" {
  expect 3 hoy run --name c1 --restart on-failure:1 base sh -c 'echo ran; exit 3'
  is "$output" ran
  eventually 10 is_status c1 exited
  is "$(hoy logs c1 | grep -c ran)" 2
  hoy rm c1
}

@test "between two runs it is restarting" {
  hoy run -d --name c1 --restart always base sh -c 'echo ran; exit 1'
  # The back-off grows: after four runs it lasts more than a second.
  eventually 10 ran_times c1 5
  eventually 5 is_status c1 restarting
  is_between() {
    [[ $(hoy inspect c1 | jq -c '.[0].State | [.Status, .Running, .Restarting, .Pid]') == '["restarting",true,true,0]' ]]
  }
  eventually 5 is_between
  matches "$(hoy ps)" 'Restarting \(1\) '
  expect 1 hoy exec c1 true
  contains "$output" 'is restarting, wait until the container is running'
  expect 1 hoy attach c1
  contains "$output" 'You cannot attach to a restarting container'
  expect 1 hoy rm c1
  contains "$output" 'You cannot remove a restarting container'
  expect 0 hoy start c1
  expect 0 hoy stop c1
  is "$(status c1)" exited
  local times
  times=$(hoy logs c1 | grep -c ran)
  # Nobody starts it any more.
  is "$(hoy logs c1 | grep -c ran)" "$times"
  hoy start c1
  eventually 10 ran_times c1 $((times + 1))
  hoy rm -f c1
}

@test "stop, kill and rm -f end it, whatever it is doing" {
  for end in stop kill 'rm -f'; do
    hoy run -d --name c1 --restart always base sh -c 'echo ran; exit 1'
    eventually 10 ran_times c1 3
    # shellcheck disable=SC2086
    hoy $end c1
    if [[ $end != 'rm -f' ]]; then
      is "$(status c1)" exited
      hoy rm c1
    fi
    hoy run -d --name c1 --restart always base sleep 1000
    # shellcheck disable=SC2086
    hoy $end c1 2>/dev/null
    if [[ $end != 'rm -f' ]]; then
      is "$(status c1) $(count c1)" 'exited 0'
      hoy rm c1
    fi
  done
}

@test "a signal that does not ask for the end does not end the restarting" {
  hoy run -d --name c1 --restart always base sh -c 'trap "exit 9" HUP; echo ran; sleep 1000 & wait'
  eventually 10 ran_times c1 1
  hoy kill -s HUP c1
  eventually 10 ran_times c1 2
  is "$(count c1)" 1
  hoy rm -f c1
}

@test "wait hears the next end" {
  hoy run -d -i --name c1 --restart always base sh -c 'echo ran; exit 4'
  is "$(timeout 10 "$HOY" wait c1)" 4
  eventually 10 ran_times c1 4
  is "$(timeout 10 "$HOY" wait c1)" 4
  hoy rm -f c1
}

@test "its address stays" {
  hoy run -d --name c1 --restart always base sh -c 'cat /etc/hosts; echo ran; exit 1'
  eventually 10 ran_times c1 3
  hoy stop c1
  # One of each IP version.
  is "$(hoy logs c1 | grep "$(field c1 .Config.Hostname)" | sort -u | wc -l)" 2
  hoy rm c1
}

@test "the shim is killed: the next command starts the container again, once" {
  hoy run -d --name c1 --restart always base sleep 1000
  local pid commands=()
  pid=$(field c1 .State.Pid)
  kill_shim "$(shim_of c1)"
  for _ in 1 2 3 4; do
    hoy ps >/dev/null &
    commands+=($!)
  done
  wait "${commands[@]}"
  eventually 10 runs_anew c1 "$pid"
  is "$(count c1)" 1
  eventually 5 runs_once
  hoy rm -f c1
}

@test "the shim is killed between two runs: the next command goes on" {
  hoy run -d --name c1 --restart always base sh -c 'echo ran; exit 1'
  # By then a back-off takes longer than to find the one who waits.
  eventually 20 ran_times c1 6
  eventually 5 is_status c1 restarting
  local times
  times=$(hoy logs c1 | grep -c ran)
  kill_shim "$(shim_of c1)"
  is "$(status c1)" restarting
  eventually 10 ran_times c1 $((times + 1))
  hoy rm -f c1
}

@test "killed at any moment, several commands at once: never lost, never two" {
  hoy run -d --name c1 --restart always base sh -c 'echo ran; exec sleep 1000'
  local commands
  for _ in 1 2 3 4 5 6; do
    kill_shim "$(shim_of c1)"
    hoy ps >/dev/null &
    commands=$!
    hoy inspect c1 >/dev/null &
    # Who is starting it right now is killed, too.
    pkill -KILL -f "after-exit $(field c1 .Id)" || true
    wait "$commands" $!
    eventually 10 is_status c1 running
    eventually 5 runs_once
  done
  hoy rm -f c1
}

@test "a start that fails is the end, and says why" {
  local dir=$BATS_TEST_TMPDIR/shared
  mkdir "$dir"
  hoy run -d --name c1 --restart always --mount type=bind,src="$dir",dst=/x base sh -c 'echo ran; exit 1'
  eventually 10 ran_times c1 2
  rmdir "$dir"
  eventually 20 is_status c1 exited
  contains "$(field c1 .State.Error)" "$dir"
  mkdir "$dir"
  expect 0 hoy system restore
  is "$output" c1
  hoy rm -f c1
}

@test "restore starts what is to run after a reboot, and only once" {
  local name id pid
  for name in always unless-stopped on-failure no; do
    hoy run -d --name "$name" --restart "$name" base sleep 1000
  done
  hoy run -d --name stopped --restart unless-stopped base sleep 1000
  hoy run -d --name stopped-always --restart always base sleep 1000
  hoy create --name new --restart always base true
  hoy stop stopped stopped-always 2>/dev/null
  for name in always unless-stopped on-failure no; do
    # As a reboot does: no process is left, no cgroup, and nothing in the run directory.
    id=$(field "$name" .Id) pid=$(field "$name" .State.Pid)
    kill_shim "$(shim_of "$name")"
    kill -KILL "$pid"
    wait_gone "$pid"
    find /sys/fs/cgroup -depth -type d -name "hoy-$id" -exec rmdir {} +
  done
  rm -rf "${HOY_RUNROOT:?}"/containers
  hoy ps -a >/dev/null
  is "$(status always)" exited
  contains "$(field always .State.Error)" 'did the machine restart?'
  expect 0 hoy system restore
  is "$(sort <<<"$output" | xargs)" 'always stopped-always unless-stopped'
  is "$(status always) $(status unless-stopped) $(status on-failure) $(status stopped)" 'running running exited exited'
  expect 0 hoy system restore
  is "$output" ''
  hoy rm -f always unless-stopped on-failure no stopped stopped-always new
}

@test "restore: one that can't be started keeps none down" {
  local dir=$BATS_TEST_TMPDIR/gone
  mkdir "$dir"
  hoy run -d --name bad --restart always --mount type=bind,src="$dir",dst=/x base sleep 1000
  hoy run -d --name good --restart always base sleep 1000
  hoy stop bad good 2>/dev/null
  rmdir "$dir"
  run --separate-stderr hoy system restore
  is "$status $output" '1 good'
  # shellcheck disable=SC2154 # bats sets it
  contains "$stderr" 'hoy: start container bad: '
  hoy rm -f bad good
}

@test "a shim that is asked to go, as when the machine goes down, starts nothing" {
  hoy run -d --name c1 --restart always base sh -c 'trap "exit 0" TERM; echo ran; sleep 1000 & wait'
  eventually 10 ran_times c1 1
  kill -TERM "$(shim_of c1)"
  eventually 10 is_status c1 exited
  expect 0 hoy system restore
  is "$output" c1
  hoy rm -f c1
}

@test "a machine that goes down does not wait for what cannot hear it, nor for longer than --stop-timeout" {
  hoy run -d --name deaf base sleep 1000
  hoy run -d --name slow --stop-signal USR1 --stop-timeout 1 base sh -c 'trap "echo usr1" USR1; echo ran; while :; do sleep 0.1; done'
  eventually 10 ran_times slow 1
  kill -TERM "$(shim_of deaf)" "$(shim_of slow)"
  # It asks everybody, and then those who are left once more.
  kill -TERM "$(shim_of slow)"
  eventually 10 is_status deaf exited
  eventually 10 is_status slow exited
  contains "$(hoy logs slow)" usr1
  is "$(hoy inspect -f '{{.State.ExitCode}}' deaf slow)" $'137\n137'
  hoy rm -f deaf slow
}

@test "the unit that calls restore is sound" {
  local unit=$BATS_TEST_TMPDIR/hoy-restore.service
  sed "s|^ExecStart=[^ ]*|ExecStart=$HOY|" "$BUILD/data/hoy-restore.service" >"$unit"
  contains "$(cat "$unit")" "ExecStart=$HOY system restore"
  contains "$(cat "$unit")" 'WantedBy=multi-user.target'
  command -v systemd-analyze >/dev/null || skip 'systemd is not installed'
  run systemd-analyze verify --man=no "$unit"
  is "$output" ''
}
