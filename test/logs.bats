#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Logs: the files beside Docker's own, rotated, compressed, damaged; journald and syslog; what logs reads of it.

load lib

file_setup() {
  export E=$BATS_FILE_TMPDIR
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REGISTRY/tiny:1" "docker-archive:$E/tiny.tar:tiny:1"
  hoy load -q -i "$E/tiny.tar" >/dev/null
  # /dev and /run stay the machine's: this is our own mount namespace.
  mkdir -p /run/systemd && mount -t tmpfs journal /run/systemd && mkdir /run/systemd/journal
}
file_teardown() {
  if [[ -e $E/dockerd.process ]]; then
    kill "$(<"$E/dockerd.process")" && wait_gone "$(<"$E/dockerd.process")"
  fi
  awk -v e="$E/" 'index($5, e) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount -l
  umount /run/systemd
}
test_setup() { cd "$BATS_TEST_TMPDIR" || return; }
test_teardown() {
  local file
  for file in *.process; do [[ ! -e $file ]] || kill "$(<"$file")" 2>/dev/null || true; done
  [[ ! -e $E/dockerd.process ]] || d ps -aq | xargs -r /usr/bin/docker -H "unix://$E/docker.sock" rm -f >/dev/null
}

d() { /usr/bin/docker -H "unix://$E/docker.sock" "$@" 3>&-; }
docker_is_there() {
  [[ -x /usr/bin/docker && -n $(command -v dockerd) ]] || skip "docker.io is not installed"
  [[ ! -e $E/dockerd.process ]] || return 0
  dockerd -H "unix://$E/docker.sock" --data-root "$E/docker" --exec-root "$E/docker-run" --pidfile "$E/docker.pid" \
    --iptables=false --bridge=none </dev/null >"$E/dockerd.log" 2>&1 3>&- &
  echo $! >"$E/dockerd.process"
  eventually 30 d version >/dev/null 2>&1 || { tail -n 5 "$E/dockerd.log"; return 1; }
  d load -q -i "$E/tiny.tar"
  audit_take "$BATS_TEST_TMPDIR/.audit"
}

N=(--network none)
path_of() { "$1" inspect -f '{{.LogPath}}' "$2"; }
folder_of() { echo "$HOY_ROOT/containers/$(field "$1" .Id)"; }
# The files of a log with everything but their times, each under what is particular in its name.
files_of() {
  local file path
  path=$(path_of "$1" "$2")
  for file in "$path"*; do
    echo "== ${file#"$path"}"
    if [[ $file == *.gz ]]; then zcat "$file"; else cat "$file"; fi | sed -E 's/"time":"20[0-9:T.-]+Z"/TIME/'
  done
}
# With both engines: run ARGUMENTS..., and the files are the same.
files_alike() {
  hoy run --name cc "${N[@]}" "$@" >/dev/null 2>&1
  d run --name cc "${N[@]}" "$@" >/dev/null 2>&1
  files_of hoy cc >hoy.files
  files_of d cc >docker.files
  cmp hoy.files docker.files
}
remove_both() { hoy rm cc >/dev/null && d rm cc >/dev/null; }
# Lines so long that an entry more or less does not depend on how many digits a time has.
long_lines() { printf 'i=100; while [ $i -lt %d ]; do printf "%%d %%1000d\n" $i 7; i=$((i+1)); done' "$1"; }
count_to() { printf 'i=1; while [ $i -le %d ]; do echo "line number $i"; i=$((i+1)); done' "$1"; }

# The file

@test "json-file: byte for byte as Docker writes it" {
  docker_is_there
  python3 - >nasty <<'PY'
import random, sys
random.seed(5)
out = bytearray(b for i in range(256) for b in (i, i))
out += '\n\n\r\n<>&\'"\\\\ \u2028\u2029 é 😀 '.encode() + b'\xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80 \xe2\x80\n'
for n in (16382, 16383, 16384, 16385, 32767, 32768, 32769, 50000):
    out += b'x' * n + b'\n'
for _ in range(300):
    out += bytes(random.choice([random.randrange(256), 10, 65, 34, 92]) for _ in range(random.randrange(200))) + b'\n'
sys.stdout.buffer.write(out + b'no end')
PY
  files_alike -v "$PWD/nasty:/nasty:ro" tiny:1 cat /nasty
  is "$(wc -l <hoy.files)" "$(wc -l <docker.files)"
  (($(wc -c <hoy.files) > 100000))
  cmp <(hoy logs cc) <(d logs cc)
  remove_both
  files_alike --label 'b=x y' --label 'a=1&2<"' -e 'E=é=' -e F=f --log-opt labels=b,a,no --log-opt env-regex='^(E|F)$' \
    --log-opt tag='t/{{.Name}}/{{.ImageName}}' tiny:1 sh -c 'echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three'
  contains "$(<hoy.files)" '"attrs":{"E":"é=","F":"f","a":"1\u00262\u003c\"","b":"x y","tag":"t/cc/tiny:1"},TIME}'
  for flags in --details '-t --details' '-n 2'; do
    # shellcheck disable=SC2086
    cmp <(hoy logs $flags cc 2>/dev/null | sed -E 's/20[0-9T:.-]+Z/TIME/') <(d logs $flags cc 2>/dev/null | sed -E 's/20[0-9T:.-]+Z/TIME/')
  done
  is "$(hoy inspect -f '{{json .HostConfig.LogConfig}}' cc)" "$(d inspect -f '{{json .HostConfig.LogConfig}}' cc)"
  remove_both
}

@test "rotation: the same files as Docker's, at the same entries" {
  docker_is_there
  files_alike --log-opt max-size=10k --log-opt max-file=4 tiny:1 sh -c "$(long_lines 160)"
  is "$(grep ^== hoy.files | tr '\n' ' ')" '==  == .1 == .2 == .3 '
  cmp <(hoy logs cc) <(d logs cc)
  cmp <(hoy logs -n 25 cc) <(d logs -n 25 cc)
  remove_both
  # Docker leaves a second file here that it never reads.
  hoy run --name cc "${N[@]}" --log-opt max-size=10k --log-opt max-file=1 tiny:1 sh -c "$(long_lines 165)" >/dev/null
  is "$(cd "$(folder_of cc)" && echo *-json.log*)" "$(field cc .Id)-json.log"
  is "$(hoy logs cc | cut -c1-3 | tr '\n' ' ')" '160 161 162 163 164 '
  hoy rm cc
  files_alike --log-opt max-size=10k --log-opt max-file=3 --log-opt compress=true tiny:1 sh -c "$(long_lines 160); sleep 1"
  is "$(grep ^== hoy.files | tr '\n' ' ')" '==  == .1.gz == .2.gz '
  cmp <(hoy logs cc) <(d logs cc)
  cmp <(hoy logs -n 15 cc) <(hoy logs cc | tail -n 15)
  remove_both
}

@test "by default a log has three files of 20 MB; what logs shows is the end, whole" {
  hoy run --name cc "${N[@]}" --log-opt tag=x tiny:1 sh -c 'yes "a line of a log that says that nothing has happened" | head -c 50000000' >/dev/null
  is "$(stat -c %s "$(path_of hoy cc)".* | awk '{print ($1 >= 20000000 && $1 < 20001000)}' | tr '\n' ' ')" '1 1 '
  [[ ! -e $(path_of hoy cc).3 ]]
  is "$(hoy logs cc | head -n -1 | sort -u)" 'a line of a log that says that nothing has happened'
  is "$(hoy logs -n 200000 cc | grep -c '')" 200000
  hoy rm cc
}

# A line of ten bytes each time that there is a byte to read.
@test "update: how large it may grow, while it is written and after" {
  local log i
  mkfifo in
  hoy run -i --name cc "${N[@]}" --log-opt max-size=1k --log-opt max-file=4 --log-opt tag=x base \
    sh -c 'while read -r n; do seq -w 100000001 $((100000000 + n)); echo done; done' <in >out 2>&1 3>&- &
  exec 4>in
  eventually 10 path_of hoy cc >/dev/null 2>&1
  log=$(path_of hoy cc)
  wrote() { eventually 10 grep -q "^done" out; : >out; }
  echo 200 >&4
  wrote
  [[ -e $log.3 && ! -e $log.4 ]]
  # Fewer: what is too many goes at once. Larger: from the next line on.
  expect 0 hoy update --log-opt max-file=2 --log-opt max-size=4k cc
  [[ -e $log.1 && ! -e $log.2 && ! -e $log.3 ]]
  echo 200 >&4
  wrote
  (($(stat -c %s "$log.1") >= 4000 && $(stat -c %s "$log.1") < 4200))
  [[ ! -e $log.2 ]]
  is "$(hoy logs cc | tail -n 2)" $'100000200\ndone'
  # Compressed from the next rotation on.
  expect 0 hoy update --log-opt compress=true cc
  echo 200 >&4
  wrote
  eventually 10 test -e "$log.1.gz"
  is "$(hoy inspect -f '{{json .HostConfig.LogConfig}}' cc)" \
    '{"Type":"json-file","Config":{"compress":"true","max-file":"2","max-size":"4k","tag":"x"}}'
  # What each line says was given at the start; nothing changes with what is refused.
  for i in tag=y labels=a env=B; do
    expect 1 hoy update --log-opt max-size=9k --log-opt $i cc
    contains "$output" "--log-opt ${i%=*} is what a log begins with: stop the container first"
    one_sentence "$output"
  done
  for i in max-size=no max-file=0 x=1; do
    expect 1 hoy update --log-opt "$i" cc
    one_sentence "$output"
    [[ $i != x=1 ]] || contains "$output" "unknown log opt 'x'"
  done
  expect 1 hoy update --log-opt max-size=9k --memory 1 cc
  is "$(hoy inspect -f '{{index .HostConfig.LogConfig.Config "max-size"}}' cc)" 4k
  exec 4>&-
  hoy wait cc >/dev/null
  expect 0 hoy update --log-opt tag=y cc
  hoy start cc >/dev/null
  hoy rm -f cc >/dev/null
}

@test "local: Docker reads ours, and we read Docker's" {
  docker_is_there
  local script='echo one; sleep 0.1; echo two >&2; sleep 0.1; seq 1 1000; printf end' ours theirs
  hoy run --name cc "${N[@]}" --log-driver local tiny:1 sh -c "$script" >/dev/null 2>&1
  d run --name cc "${N[@]}" --log-driver local tiny:1 sh -c "$script" >/dev/null 2>&1
  is "$(path_of hoy cc)" ''
  ours=$(folder_of cc)/local-logs/container.log
  theirs=$(echo "$E"/docker/containers/*/local-logs/container.log)
  cp "$ours" ours.log
  cp "$theirs" "$ours"
  is "$(hoy logs cc 2>/dev/null | md5sum)" "$(d logs cc 2>/dev/null | md5sum)"
  is "$(hoy logs cc 2>&1 >/dev/null)" two
  is "$(hoy logs -n 3 cc)" $'999\n1000\nend'
  cp ours.log "$theirs"
  is "$(d logs cc 2>/dev/null | md5sum)" "$(hoy logs cc 2>/dev/null | md5sum)"
  remove_both
  hoy run --name cc "${N[@]}" --log-driver local --log-opt max-size=20k --log-opt max-file=3 tiny:1 sh -c 'seq 1 3000; sleep 1' >/dev/null
  is "$(cd "$(folder_of cc)/local-logs" && echo *)" 'container.log container.log.1.gz container.log.2.gz'
  is "$(hoy logs cc | md5sum)" "$(seq 1 3000 | tail -n "$(hoy logs cc | wc -l)" | md5sum)"
  is "$(hoy logs -n 900 cc | head -n 1)" 2101
  hoy rm cc
}

@test "options are refused in Docker's words" {
  docker_is_there
  local args ours theirs
  while read -r args; do
    # shellcheck disable=SC2086
    expect 125 hoy run --rm "${N[@]}" $args tiny:1 true
    one_sentence "$output"
    ours=${output#hoy: }
    # shellcheck disable=SC2086
    theirs=$(d create $args tiny:1 true 2>&1 | head -n 1 | sed -E 's/^(docker: )?(Error response from daemon: )?//; s/\.$//')
    is "$ours" "$theirs"
  done <<'ARGS'
--log-opt x=1
--log-driver local --log-opt x=1
--log-opt mode=foo
--log-driver syslog --log-opt syslog-address=foo
--log-driver syslog --log-opt syslog-facility=x
ARGS
  while IFS='|' read -r args ours; do
    # shellcheck disable=SC2086
    expect 125 hoy run --rm "${N[@]}" $args tiny:1 true
    one_sentence "$output"
    contains "$output" "$ours"
  done <<'ARGS'
--log-driver nosuch|error looking up logging plugin nosuch: plugin "nosuch" not found
--log-opt foo|unknown log opt 'foo' for json-file log driver
--log-opt =x|unknown log opt '' for json-file log driver
--log-driver none --log-opt x=1|invalid logging opts for driver none
--log-driver journald --log-opt max-size=1m|unknown log opt 'max-size' for journald log driver
--log-driver syslog --log-opt x=1|unknown log opt 'x' for syslog log driver
--log-opt max-buffer-size=1m|logger: max-buffer-size option is only supported with 'mode=non-blocking'
--log-opt mode=non-blocking --log-opt max-buffer-size=zz|error parsing option max-buffer-size: invalid size: 'zz'
--log-opt cache-disabled=foo|invalid value for option cache-disabled: foo
--log-driver syslog --log-opt syslog-address=http://x|syslog-address should be in form proto://address, got http://x
--log-driver syslog --log-opt syslog-format=x|Invalid syslog format
--log-opt max-size=0|failed to initialize logging driver: max-size must be a positive number
--log-opt max-file=0|failed to initialize logging driver: max-file cannot be less than 1
--log-opt compress=true --log-opt max-file=1|failed to initialize logging driver: compress cannot be true when max-file is less than 2 or max-size is not set
--log-driver local --log-opt max-file=1|failed to initialize logging driver: compression cannot be enabled when max file count is 1
--log-opt max-size=abc|invalid size: 'abc'
--log-opt max-file=x|max-file: "x" is no number
--log-opt max-file=100000|cannot be more than 1000
--log-opt compress=maybe|"maybe" is neither true nor false
--log-opt tag={{.Nope}}|a tag can have {{.ID}}
--log-opt tag={{.ID|unclosed action
--log-opt labels-regex=(|error parsing regexp
--log-driver gelf|log driver gelf is not supported
--log-driver awslogs|log driver awslogs is not supported
--log-driver syslog --log-opt syslog-address=tcp+tls://a:1|tcp+tls is not supported
--log-driver syslog --log-opt syslog-tls-cert=x|syslog over TLS is not
--log-driver syslog --log-opt syslog-address=tcp://127.0.0.1:1|dial tcp 127.0.0.1:1: connect: Connection refused
--log-driver syslog --log-opt syslog-address=unix:///nosuch|stat /nosuch
--log-driver journald|journald is not enabled on this host
ARGS
}

@test "daemon.json has the defaults of new containers" {
  mkdir -p /etc/docker && mount -t tmpfs etc /etc/docker
  echo '{"log-driver":"local","log-opts":{"max-size":"5m","cache-disabled":"false"}}' >/etc/docker/daemon.json
  hoy create --name aa tiny:1 true
  hoy create --name bb --log-driver json-file tiny:1 true
  hoy create --name cc --log-opt max-size=1m tiny:1 true
  is "$(field aa .HostConfig.LogConfig | jq -c .)" '{"Type":"local","Config":{"cache-disabled":"false","max-size":"5m"}}'
  is "$(field bb .HostConfig.LogConfig | jq -c .)" '{"Type":"json-file","Config":{"cache-disabled":"false"}}'
  is "$(field cc .HostConfig.LogConfig.Config | jq -r '."max-size"')" 1m
  echo '{"log-opts":{"max-size":5}}' >/etc/docker/daemon.json
  expect 1 hoy create tiny:1 true
  contains "$output" '/etc/docker/daemon.json: log-opts'
  echo '{"log-driver":"gelf"}' >/etc/docker/daemon.json
  expect 1 hoy create tiny:1 true
  contains "$output" 'log driver gelf is not supported'
  umount /etc/docker
  hoy create --name ee tiny:1 true
  is "$(field ee .HostConfig.LogConfig | jq -c .)" '{"Type":"json-file","Config":{}}'
  hoy rm aa bb cc ee
}

# logs

@test "logs of what has none" {
  expect 1 hoy logs nosuch
  is "$output" 'hoy: No such container: nosuch'
  hoy create --name cc tiny:1 true
  expect 0 hoy logs cc
  is "$output" ''
  hoy rm cc
  is "$(hoy run --name cc "${N[@]}" --log-driver none tiny:1 echo shown)" shown
  expect 1 hoy logs cc
  is "$output" 'hoy: configured logging driver does not support reading'
  is "$(find "$(folder_of cc)" -name '*log*')" ''
  hoy rm cc
}

@test "what is written while it is read belongs to the next time, but for -f" {
  hoy run -d --name busy base sh -c 'while :; do echo line; done' >/dev/null
  for _ in {1..20}; do is "$(hoy logs --tail 1 busy)" line; done
  expect 0 timeout 20 "$HOY" logs busy
  hoy rm -f busy >/dev/null
}

@test "a restart goes on with the same log; times, tails" {
  hoy run --name cc "${N[@]}" tiny:1 sh -c 'echo a; sleep 0.02; echo b' >/dev/null
  hoy start -a cc >/dev/null
  is "$(hoy logs cc | tr '\n' ' ')" 'a b a b '
  local times
  mapfile -t times < <(hoy logs -t cc | cut -d' ' -f1)
  is "${#times[@]}" 4
  is "$(hoy logs --since "${times[2]}" cc | tr '\n' ' ')" 'a b '
  is "$(hoy logs --until "${times[1]}" cc | tr '\n' ' ')" 'a b '
  is "$(hoy logs --since "$(date -d "${times[3]}" +%s.%N)" cc)" b
  is "$(hoy logs --since "${times[1]}" --until "${times[2]}" cc | tr '\n' ' ')" 'b a '
  is "$(hoy logs --since 1h --tail 1 cc)" b
  is "$(hoy logs --until 1h cc)" ''
  local all
  for all in -1 '' abc all; do is "$(hoy logs --tail "$all" --since '' --until '' cc | wc -l)" 4; done
  for flags in '--since abc' '--until 1x'; do
    # shellcheck disable=SC2086
    expect 125 hoy logs $flags cc
    contains "$output" "invalid argument \"${flags#* }\" for \"${flags% *}\" flag"
  done
  hoy rm cc
}

@test "follow goes on over rotations, compressed or not, and ends with the container" {
  for compress in false true; do
    hoy run -d --name cc "${N[@]}" --log-opt max-size=100k --log-opt max-file=20 --log-opt compress=$compress tiny:1 \
      sh -c 'while [ ! -e /go ]; do sleep 0.05; done; seq 1 20000; sleep 0.3; seq 20001 30000' >/dev/null
    hoy logs -f cc >out 2>err 3>&- &
    local pid=$!
    hoy logs -f --tail 0 cc >"tail" 2>/dev/null 3>&- &
    local tail=$!
    sleep 0.2 # nothing says that it listens
    hoy exec cc touch /go
    ends_with 0 "$pid"
    ends_with 0 "$tail"
    is "$(<err)" ''
    cmp out <(seq 1 30000)
    cmp tail <(seq 1 30000)
    hoy rm cc
  done
  hoy run -d --name cc "${N[@]}" tiny:1 sh -c 'echo begun; sleep 100' >/dev/null
  hoy logs -f cc >out 3>&- &
  local pid=$!
  wait_line out begun
  kill -TERM $pid # a shell's background has ctrl-C ignored
  ends_with 143 "$pid"
  hoy logs -f cc 3>&- | head -n 1 # whoever reads goes away
  hoy rm -f cc
}

@test "what is damaged or removed is said, and the rest is shown" {
  hoy run --name cc "${N[@]}" --log-opt max-size=10k --log-opt max-file=4 --log-opt compress=true tiny:1 \
    sh -c "if [ -e /again ]; then echo again; else touch /again; $(count_to 500); sleep 1; fi" >/dev/null
  local log
  log=$(path_of hoy cc)
  hoy logs cc >whole
  (($(wc -l <whole) > 370))
  for n in 1 2 3; do eventually 10 gzip -t "$log.$n.gz"; done
  truncate -s 200 "$log.2.gz"
  hoy logs cc >out 2>err
  contains "$(<err)" 'cut off'
  contains "$(<out)" 'line number 500'
  contains "$(<out)" 'line number 150'
  local lost
  lost=$(zcat "$log.1.gz" | wc -l)
  rm "$log.2.gz"
  hoy logs cc >out 2>err
  contains "$(<err)" 'a rotated file is missing'
  cmp <(tail -n "$lost" out) <(tail -n "$lost" whole)
  (($(wc -l <out) < $(wc -l <whole) - 100))
  printf '\37\213\10\0\0\0\0\0\0\3no gzip, but long enough' >"$log.3.gz"
  hoy logs cc >out 2>err
  contains "$(<err)" 'its gzip data is corrupt'
  printf '{"log":"cut' >>"$log"
  hoy start cc
  hoy wait cc
  hoy logs -n 2 cc >out 2>err
  contains "$(<err)" '1 entry is passed over: damaged, or cut short'
  is "$(<out)" $'line number 500\nagain'
  rm "$log"
  expect 0 hoy logs cc
  head -c 100000 /dev/urandom >"$log"
  expect 0 hoy logs -n 5 cc
  expect 0 hoy logs --details -t cc
  hoy rm cc
}

@test "a shim that is killed leaves a log of whole entries; what comes after it is added" {
  hoy run -d --name cc "${N[@]}" tiny:1 sh -c 'seq 1 100000; echo ready; sleep 100' >/dev/null
  eventually 10 grep -q ready "$(path_of hoy cc)"
  local pid
  pid=$(field cc .State.Pid)
  kill -9 "$(awk '/^PPid/ {print $2}' "/proc/$pid/status")"
  eventually 10 eval '[[ $(field cc .State.Status) == exited ]]'
  cmp <(hoy logs cc) <(seq 1 100000; echo ready)
  hoy rm cc
}

# Where there is no room

@test "a full disk: clients get everything, the log says what it lacks" {
  mkdir small
  mount -t tmpfs -o size=2m small small
  hoy create --name cc "${N[@]}" tiny:1 sh -c 'seq 1 60000; while [ ! -e /dev/shm/go ]; do sleep 0.05; done; echo back' >/dev/null
  local folder
  folder=$(folder_of cc)
  mv "$folder" small/c && mkdir "$folder" && mount --bind small/c "$folder"
  hoy start -a cc >out 3>&- &
  local pid=$!
  eventually 10 grep -q ^60000 out
  mount -o remount,size=8m small
  hoy exec cc touch /dev/shm/go
  ends_with 0 "$pid"
  cmp out <(seq 1 60000; echo back)
  matches "$(hoy logs cc 2>&1 >/dev/null)" '^hoy: [0-9]+ lines of output are missing here: No space left on device$'
  is "$(hoy logs -n 1 cc)" back
  is "$(hoy logs cc | head -n 1000 | md5sum)" "$(seq 1 1000 | md5sum)"
  is "$(($(hoy logs cc | wc -l) + $(hoy logs cc 2>&1 >/dev/null | cut -d' ' -f2)))" 60001
  umount "$folder"
  hoy rm cc
  umount small
}

@test "the budget of all logs: the oldest rotated files go, whoever's they are" {
  local n log
  for n in 1 2 3; do
    HOY_LOG_BUDGET=4m hoy run --name "c$n" "${N[@]}" --log-opt max-size=1m --log-opt max-file=5 tiny:1 sh -c 'seq 1 70000; sleep 0.5' >/dev/null
    eventually 5 eval '(($(du -sc --block-size=1 "$HOY_ROOT"/containers/*/*.log* | tail -n 1 | cut -f1) < 4500000))'
  done
  is "$(ls "$(path_of hoy c1)"* | wc -l)" 1
  is "$(ls "$(path_of hoy c3)"* | wc -l)" 4
  is "$(hoy logs -n 1 c1)" 70000
  hoy rm c1 c2 c3
  HOY_LOG_BUDGET=much expect 125 hoy run --rm "${N[@]}" tiny:1 true
  contains "$output" "log-budget 'much' is no size"
}

@test "the shim stays small, whatever is written" {
  hoy run -d --name cc "${N[@]}" --log-opt max-size=1m --log-opt compress=true tiny:1 \
    sh -c 'seq 1 300000; yes | tr -d "\n" | head -c 300000; seq 1 1000 >&2; echo ready; sleep 100' >/dev/null
  eventually 20 grep -q ready "$(path_of hoy cc)"
  local shim
  shim=$(awk '/^PPid/ {print $2}' "/proc/$(field cc .State.Pid)/status")
  (($(awk '/^Private/ {n += $2} END {print n}' "/proc/$shim/smaps_rollup") < 1024))
  hoy rm -f cc
}

# Receivers

receiver() { # receiver FAMILY TYPE ADDRESS FILE: what comes, a repr a line
  python3 - "$@" >"$4" 3>&- <<'PY' &
import os, socket, sys
family, kind, address = sys.argv[1:4]
if family == 'inet':
    address = (address.split(':')[0], int(address.split(':')[1]))
elif os.path.exists(address):
    os.unlink(address)
s = socket.socket(getattr(socket, 'AF_' + family.upper()), getattr(socket, 'SOCK_' + kind.upper()))
s.bind(address)
print('ready', flush=True)
while True:
    print(s.recv(1 << 20), flush=True)
PY
  echo $! >"$4.process"
  wait_line "$4" ready
}

@test "journald: fields, parts, priorities; logs reads the copy" {
  receiver unix dgram /run/systemd/journal/socket got
  hoy run --name cc "${N[@]}" --log-driver journald --log-opt tag='{{.ImageName}}/{{.Name}}' --log-opt labels=a.b,two \
    --label a.b=1 --label two=$'x\ny' tiny:1 sh -c 'echo out; sleep 0.1; echo err >&2; sleep 0.1; printf %20000d 7; echo' >/dev/null 2>&1
  wait_line got ORDINAL=2
  local id
  id=$(field cc .Id)
  local first="b'CONTAINER_ID=${id:0:12}\\nCONTAINER_ID_FULL=$id\\nCONTAINER_NAME=cc\\nCONTAINER_TAG=tiny:1/cc\\nIMAGE_NAME=tiny:1\\nSYSLOG_IDENTIFIER=tiny:1/cc\\n"
  contains "$(sed -n 2p got)" "$first"
  contains "$(sed -n 2p got)" '\nA_B=1\nTWO\n\x03\x00\x00\x00\x00\x00\x00\x00x\ny\nPRIORITY=6\nSYSLOG_TIMESTAMP=20'
  contains "$(sed -n 2p got)" '\nMESSAGE=out\n'
  contains "$(sed -n 3p got)" '\nPRIORITY=3\n'
  contains "$(sed -n 4p got)" '\nCONTAINER_PARTIAL_MESSAGE=true\nCONTAINER_PARTIAL_ID='
  contains "$(sed -n 5p got)" '\nCONTAINER_PARTIAL_ORDINAL=2\nCONTAINER_PARTIAL_LAST=true\n'
  lacks "$(sed -n 5p got)" PARTIAL_MESSAGE
  is "$(hoy logs cc 2>/dev/null)" "$(echo out; printf %20000d 7)"
  is "$(hoy logs cc 2>&1 >/dev/null)" err
  hoy rm cc
  hoy run --name cc "${N[@]}" --log-driver journald --log-opt cache-disabled=true tiny:1 echo x
  expect 1 hoy logs cc
  contains "$output" 'does not support reading'
  hoy rm cc
}

@test "syslog: the forms that Docker sends" {
  docker_is_there
  receiver inet dgram 127.0.0.1:5514 got
  local form engine
  for form in '' rfc3164 rfc5424 rfc5424micro; do
    for engine in hoy d; do
      $engine run --rm "${N[@]}" --log-driver syslog --log-opt syslog-address=udp://127.0.0.1:5514 --log-opt syslog-format=$form \
        --log-opt syslog-facility=local3 --log-opt tag='{{.ImageName}}' tiny:1 sh -c 'echo out; sleep 0.1; echo err >&2' >/dev/null 2>&1
    done
  done
  eventually 5 eval '(($(wc -l <got) == 17))'
  # Process numbers and times apart.
  tail -n +2 got | sed -E 's/\[[0-9]+\]/[PID]/; s/ [0-9]+ tiny:1 -/ PID tiny:1 -/; s/[0-9]{2}:[0-9]{2}:[0-9]{2}/TIME/; s/\.[0-9]{6}/.US/' >forms
  is "$(sed -n '1,2p;5,6p;9,10p;13,14p' forms)" "$(sed -n '3,4p;7,8p;11,12p;15,16p' forms)"
  contains "$(<forms)" "b'<158>"
}

@test "syslog to rsyslog: every way there; one that was started anew is found" {
  [[ -x /usr/sbin/rsyslogd ]] || skip "rsyslog is not installed"
  cat >rsyslog.conf <<CONF
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imtcp")
input(type="imuxsock" Socket="$PWD/log.sock")
input(type="imudp" address="127.0.0.1" port="5515")
input(type="imtcp" address="127.0.0.1" port="5515")
*.* action(type="omfile" file="$PWD/messages")
CONF
  rsyslog_start() {
    rm -f rsyslog.pid log.sock
    rsyslogd -n -f "$PWD/rsyslog.conf" -i "$PWD/rsyslog.pid" >rsyslog.out 2>&1 3>&- &
    echo $! >rsyslog.process
    eventually 10 [ -S log.sock ] && eventually 10 bash -c 'exec 9<>/dev/tcp/127.0.0.1/5515'
  }
  rsyslog_start
  local address
  for address in "unixgram://$PWD/log.sock" udp://127.0.0.1:5515 tcp://localhost:5515; do
    hoy run --rm "${N[@]}" --log-driver syslog --log-opt syslog-address="$address" --log-opt tag="${address%%:*}" tiny:1 echo "by ${address%%:*}" >/dev/null
    wait_line messages "${address%%:*}\\[[0-9]+\\]: by ${address%%:*}"
  done
  hoy run -d --name cc "${N[@]}" --log-driver syslog --log-opt syslog-address=tcp://127.0.0.1:5515 tiny:1 \
    sh -c 'echo before; while [ ! -e /go ]; do sleep 0.1; done; for i in 1 2 3 4 5 6 7 8; do echo after $i; sleep 0.3; done' >/dev/null
  wait_line messages before
  kill "$(<rsyslog.process)" && wait_gone "$(<rsyslog.process)"
  rsyslog_start
  hoy exec cc touch /go
  wait_line messages 'after 8'
  hoy wait cc
  is "$(hoy logs cc | grep -c after)" 8
  hoy rm cc
  kill "$(<rsyslog.process)" && wait_gone "$(<rsyslog.process)"
}

@test "a receiver that takes nothing holds nobody up" {
  receiver unix dgram /run/systemd/journal/socket got
  kill -STOP "$(<got.process)"
  local mode
  for mode in blocking non-blocking; do
    hoy run --name "c-$mode" "${N[@]}" --log-driver journald --log-opt mode=$mode tiny:1 sh -c 'seq 1 50000' >out
    cmp out <(seq 1 50000)
    cmp out <(hoy logs "c-$mode")
  done
  hoy run -d --name cc "${N[@]}" --log-driver journald --log-opt mode=non-blocking tiny:1 sh -c 'seq 1 50000; while [ ! -e /go ]; do sleep 0.05; done; echo back' >/dev/null
  eventually 5 eval '(($(hoy logs cc | wc -l) == 50000))'
  kill -CONT "$(<got.process)"
  wait_line got . && sleep 0.3 # until it has read what waits
  hoy exec cc touch /go
  wait_line got 'MESSAGE=hoy: [0-9]+ lines of output are missing here: Resource temporarily unavailable'
  wait_line got 'MESSAGE=back'
  hoy wait cc
  hoy rm cc c-blocking c-non-blocking
}
