#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Health checks: commands in the container, native ones, what they find out, and what is done about it.

load lib

health() { field "$1" .State.Health.Status; }
is_health() { [[ $(health "$1") == "$2" ]]; }
is_status() { [[ $(field "$1" .State.Status) == "$2" ]]; }
checks() { field "$1" '.State.Health.Log | length'; }
has_checks() { (($(checks "$1") >= $2)); }
last() { field "$1" ".State.Health.Log[-1].$2"; }
fast=(--health-interval 100ms --health-retries 2)

# An image with HEALTHCHECK $2, named $1.
image_with() {
  hoy create --name for-image base true
  hoy commit -c "HEALTHCHECK $2" for-image "$1" >/dev/null
  hoy rm for-image
}

@test "settings: Docker's grammar and errors" {
  local flags
  for flags in '--health-interval=-1s' '--health-retries=-1' '--health-timeout=abc' '--health-cmd=x --no-healthcheck' \
    '--no-healthcheck --health-cmd=x' '--health-start-interval=1us' '--health-on-failure=shout' \
    '--health-on-failure=kill' '--health-cmd=tcp://name:80' '--health-cmd=tcp://:0' '--health-cmd=tcp://:1/x' \
    '--health-cmd=http://:99999' '--health-cmd=https://:443' '--health-cmd=http://[::1:80' \
    '--rm --health-cmd=true --health-on-failure=restart'; do
    # shellcheck disable=SC2086
    expect 125 hoy run $flags base true
    contains "$output" 'hoy: '
  done
  expect 125 hoy run --health-cmd https://localhost/ping base true
  contains "$output" "health check 'https://localhost/ping': it takes TLS"
  contains "$output" "tcp:// and the port asks whether somebody listens; more takes a command of the image's"
  hoy create --name c1 --health-cmd 'a b' --health-interval 1m30s --health-start-period 500ms --health-retries 4 base
  is "$(field c1 .Config.Healthcheck | jq -c .)" \
    '{"Test":["CMD-SHELL","a b"],"Interval":90000000000,"StartPeriod":500000000,"Retries":4}'
  is "$(field c1 .State.Health)" null
  hoy rm c1
  hoy create --name c1 --no-healthcheck base
  is "$(field c1 .Config.Healthcheck | jq -c .)" '{"Test":["NONE"]}'
  hoy rm c1
}

@test "the image's check, and what the settings change of it" {
  image_with checked '--interval=1s --retries=7 CMD ["/bin/true"]'
  hoy create --name c1 --health-interval 2s checked
  is "$(field c1 .Config.Healthcheck | jq -c .)" '{"Test":["CMD","/bin/true"],"Interval":2000000000,"Retries":7}'
  hoy rm c1
  hoy run -d --name c1 --health-interval 100ms checked sleep 1000
  eventually 10 is_health c1 healthy
  hoy rm -f c1
  hoy run -d --name c1 --no-healthcheck checked sleep 1000
  is "$(field c1 .State.Health)" null
  hoy rm -f c1
  # An image that is made of a container has the container's.
  hoy create --name c1 --health-cmd 'own check' checked
  hoy commit c1 committed >/dev/null
  is "$(hoy image inspect committed | jq -c '.[0].Config.Healthcheck')" \
    '{"Test":["CMD-SHELL","own check"],"Interval":1000000000,"Retries":7}'
  hoy rm c1
  hoy rmi committed checked
}

@test "starting, healthy, unhealthy, and healthy again" {
  hoy run -d --name c1 "${fast[@]}" --health-cmd 'echo looked; test -e /ok' base sleep 1000
  hoy run -d --name c2 --health-cmd true base sleep 1000
  is "$(health c2)" starting
  matches "$(hoy ps)" 'Up .*\(health: starting\)'
  hoy rm -f c2
  eventually 10 is_health c1 unhealthy
  matches "$(hoy ps)" 'Up .*\(unhealthy\)'
  (($(field c1 .State.Health.FailingStreak) >= 2))
  hoy exec c1 touch /ok
  eventually 10 is_health c1 healthy
  matches "$(hoy ps)" 'Up .*\(healthy\)'
  is "$(hoy ps --filter health=healthy --format '{{.Names}}')" c1
  is "$(hoy ps -q --filter health=unhealthy --filter health=starting)" ''
  is "$(field c1 .State.Health.FailingStreak)" 0
  is "$(last c1 ExitCode) $(last c1 Output)" '0 looked'
  eventually 10 has_checks c1 5
  is "$(checks c1)" 5
  hoy exec c1 rm /ok
  eventually 10 is_health c1 unhealthy
  hoy rm -f c1
}

@test "both streams, the container's environment and user; 4096 bytes are kept" {
  hoy run -d --name c1 "${fast[@]}" -e WHO=me -u 1234 -w /tmp --health-cmd 'echo $WHO; id -u; pwd; echo oops >&2; exit 5' \
    base sleep 1000
  eventually 10 has_checks c1 1
  is "$(last c1 Output | sort | xargs)" '/tmp 1234 me oops'
  is "$(last c1 ExitCode)" 5
  hoy rm -f c1
  hoy run -d --name c1 "${fast[@]}" --health-cmd 'head -c 100000 /dev/zero | tr "\0" x' base sleep 1000
  eventually 10 has_checks c1 1
  is "$(field c1 '.State.Health.Log[-1].Output | length')" 4099
  hoy rm -f c1
}

@test "a check that is too slow is killed, and is a failure" {
  hoy run -d --name c1 --health-interval 100ms --health-timeout 300ms --health-retries 1 --health-cmd 'echo begun; exec sleep 77' \
    base sleep 1000
  eventually 10 is_health c1 unhealthy
  is "$(last c1 ExitCode)" -1
  is "$(last c1 Output)" 'Health check exceeded timeout (300ms): begun'
  hoy stop c1 2>/dev/null
  run ! pgrep -f 'sleep 77'
  hoy rm c1
}

@test "a check that can't be executed is a failure" {
  hoy run -d --name c1 "${fast[@]}" --health-cmd /no/such/thing base sleep 1000
  eventually 10 is_health c1 unhealthy
  is "$(last c1 ExitCode)" 127
  hoy rm -f c1
}

@test "start period: failures do not count, a success ends it" {
  hoy run -d --name c1 --health-interval 100s --health-start-period 100s --health-start-interval 50ms --health-retries 1 \
    --health-cmd 'test -e /ok' base sleep 1000
  eventually 10 has_checks c1 4
  is "$(health c1) $(field c1 .State.Health.FailingStreak)" 'starting 0'
  hoy exec c1 touch /ok
  eventually 10 is_health c1 healthy
  hoy rm -f c1
}

# serve NAME ANSWER: in a container's network, at port 8080, until the container ends. Prints what it was asked.
serve() {
  nsenter -n -t "$(field "$1" .State.Pid)" python3 -u -c '
import socket, sys
s = socket.create_server(("127.0.0.1", 8080))
kept = []
while True:
    c, _ = s.accept()
    if sys.argv[1] == "silence":
        kept.append(c)
        continue
    if sys.argv[1] != "close":
        print(c.recv(4096).decode(), flush=True)
        c.sendall(sys.argv[1].encode())
    c.close()' "$2" >"$BATS_TEST_TMPDIR/$1.asked" 2>&1 3>&- &
  echo $! >>"$BATS_TEST_TMPDIR/servers"
}
test_teardown() {
  [[ ! -e $BATS_TEST_TMPDIR/servers ]] || xargs kill <"$BATS_TEST_TMPDIR/servers" || true
}

@test "tcp and http: without a process, in the container's own network" {
  hoy run -d --name tcp "${fast[@]}" --health-cmd tcp://:8080 base sleep 1000
  serve tcp close
  hoy run -d --name refused "${fast[@]}" --health-cmd tcp://localhost:8080 base sleep 1000
  local name
  for name in 204 301 404 500; do
    hoy run -d --name "http$name" "${fast[@]}" --health-cmd 'http://127.0.0.1:8080/a?b=c' base sleep 1000
    serve "http$name" "HTTP/1.1 $name Words"$'\r\n\r\n'
  done
  hoy run -d --name other "${fast[@]}" --health-cmd http://:8080 base sleep 1000
  serve other $'nonsense\n'
  eventually 10 is_health tcp healthy
  eventually 10 is_health refused unhealthy
  is "$(last refused Output)" 'connect to localhost:8080: Connection refused'
  eventually 10 is_health http204 healthy
  eventually 10 is_health http301 healthy
  eventually 10 is_health http404 unhealthy
  eventually 10 is_health http500 unhealthy
  is_nonsense() { [[ $(last other Output) == *'does not answer in HTTP' ]]; }
  eventually 10 is_nonsense
  is "$(health other)" unhealthy
  is "$(last http204 Output)" 'HTTP/1.1 204 Words'
  contains "$(cat "$BATS_TEST_TMPDIR/http204.asked")" 'GET /a?b=c HTTP/1.1'
  contains "$(cat "$BATS_TEST_TMPDIR/http204.asked")" 'Host: 127.0.0.1:8080'
  hoy rm -f tcp refused http204 http301 http404 http500 other
}

@test "native checks: who accepts and never answers is too slow" {
  hoy run -d --name c1 --health-interval 100ms --health-timeout 200ms --health-retries 1 --health-cmd http://:8080 base sleep 1000
  serve c1 silence
  is_silent() { [[ $(last c1 Output) == 'Health check exceeded timeout (200ms)' ]]; }
  eventually 10 is_silent
  is "$(health c1)" unhealthy
  hoy rm -f c1
}

@test "on failure: kill, stop, restart" {
  hoy run -d --name killed "${fast[@]}" --health-cmd false --health-on-failure kill base sleep 1000
  hoy run -d --name stopped "${fast[@]}" --health-cmd false --health-on-failure stop base \
    sh -c 'trap "exit 9" TERM; sleep 1000 & wait'
  eventually 10 is_status killed exited
  eventually 10 is_status stopped exited
  is "$(field killed .State.ExitCode) $(field stopped .State.ExitCode)" '137 9'
  # The last result outlives the container's end.
  is "$(health killed) $(last killed ExitCode)" 'unhealthy 1'
  hoy rm killed stopped
  # One that can't hear is not waited for.
  hoy run -d --name deaf "${fast[@]}" --health-cmd false --health-on-failure restart base sleep 1000
  is_again() { (($(field deaf .RestartCount) >= 1)); }
  eventually 8 is_again
  hoy rm -f deaf
  # The writable layer remembers that it was there before: the second run is healthy.
  hoy run -d --name again "${fast[@]}" --health-cmd 'test -e /second' --health-on-failure restart base \
    sh -c 'test -e /first && touch /second; touch /first; trap "exit 0" TERM; sleep 1000 & wait'
  eventually 10 is_health again healthy
  is "$(field again .RestartCount)" 1
  hoy rm -f again
}

@test "a paused container is not looked at" {
  local group
  hoy run -d --name c1 "${fast[@]}" --health-cmd 'date +%N' base sleep 1000
  eventually 10 is_health c1 healthy
  group=$(sed -n 's/^[0-9]*:freezer://p; s/^0:://p' "/proc/$(field c1 .State.Pid)/cgroup" | grep "$(field c1 .Id)" | head -n 1)
  local file=/sys/fs/cgroup/freezer$group/freezer.state freeze=FROZEN thaw=THAWED
  [[ -e $file ]] || file=/sys/fs/cgroup$group/cgroup.freeze freeze=1 thaw=0
  [[ -e $file ]] || file=/sys/fs/cgroup/unified$group/cgroup.freeze
  echo $freeze >"$file"
  local before
  # One may be under way.
  before=$(last c1 Start)
  run timeout 1 tail -f /dev/null
  is "$(last c1 Start)" "$before"
  is "$(health c1)" healthy
  echo $thaw >"$file"
  is_later() { [[ $(last c1 Start) > $before ]]; }
  eventually 10 is_later
  is "$(health c1)" healthy
  hoy rm -f c1
}

@test "the results can be read without the shim, and are there after a restart" {
  hoy run -d --name c1 "${fast[@]}" --restart always --health-cmd 'echo first' base sleep 1000
  eventually 10 is_health c1 healthy
  local pid
  pid=$(field c1 .State.Pid)
  kill -KILL "$(awk '{print $4}' "/proc/$pid/stat")"
  hoy ps >/dev/null
  runs_anew() { is_status c1 running && [[ $(field c1 .State.Pid) != "$pid" ]]; }
  eventually 10 runs_anew
  (($(checks c1) >= 1))
  eventually 10 is_health c1 healthy
  hoy rm -f c1
}

@test "an exec'd check leaves nothing when the container ends under it" {
  hoy run -d --name c1 --health-interval 50ms --health-cmd 'exec sleep 333' base sleep 1000
  being_checked() { pgrep -f 'sleep 333' >/dev/null; }
  eventually 10 being_checked
  hoy rm -f c1
}
