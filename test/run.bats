#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run, and what is done with containers afterwards.

load lib

@test "run passes on what the command writes and returns" {
  expect 0 hoy run --rm base echo hello
  is "$output" hello
  expect 1 hoy run --rm base false
  expect 42 hoy run --rm base sh -c 'exit 42'
}

@test "stdout and stderr stay apart" {
  run --separate-stderr hoy run --rm base sh -c 'echo out; echo err >&2'
  is "$output" out
  # shellcheck disable=SC2154 # bats sets it
  is "$stderr" err
}

@test "125: a bad flag, a name in use, an unknown image" {
  expect 125 hoy run --no-such-flag base
  contains "$output" 'no-such-flag'
  expect 0 hoy create --name taken base
  expect 125 hoy run --name taken base true
  contains "$output" '"/taken" is already in use'
  expect 125 hoy run --rm --pull never no-such-image true
  contains "$output" 'no-such-image'
  hoy rm taken
}

@test "flags that ask for what cannot be are refused by name" {
  local flag
  for flag in --storage-opt=other=1g --storage-opt=size=lots --storage-opt=size=0 --volume-driver=other --cpu-count=1 --isolation=hyperv --disable-content-trust=maybe; do
    expect 125 hoy run --rm "$flag" base true
    contains "$output" "${flag%%=*}"
  done
}

@test "126: not executable; 127: not there" {
  expect 126 hoy run --rm base /etc
  contains "$output" '/etc'
  expect 127 hoy run --rm base no-such-command
  contains "$output" 'no-such-command'
  expect 127 hoy run --rm base /no/such/path
}

@test "126: an executable for another machine" {
  printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\26\0\1\0\0\0%048d' 0 >"$BATS_TEST_TMPDIR/foreign"
  chmod 755 "$BATS_TEST_TMPDIR/foreign"
  expect 126 hoy run --rm -v "$BATS_TEST_TMPDIR/foreign:/foreign:ro" base /foreign
  contains "$output" 'exec format error'
  # What is no program at all is not called another machine's.
  head -c 100 /bin/true >"$BATS_TEST_TMPDIR/cut"
  : >"$BATS_TEST_TMPDIR/empty"
  chmod 755 "$BATS_TEST_TMPDIR"/{cut,empty}
  expect 126 hoy run --rm -v "$BATS_TEST_TMPDIR:/f:ro" base /f/cut
  contains "$output" 'damaged'
  expect 126 hoy run --rm -v "$BATS_TEST_TMPDIR:/f:ro" base /f/empty
  contains "$output" 'it is empty'
}

@test "run -d of what can't be started says which container is left" {
  local id
  run --separate-stderr -127 hoy run -d --name left base no-such-command
  id=$output
  is "$id" "$(field left .Id)"
  is "$(field "$id" .State.Status)" created
  hoy rm "$id"
  run --separate-stderr -127 hoy run -d --rm base no-such-command
  matches "$output" '^[0-9a-f]{64}$'
}

@test "128 + n: a signal ended it" {
  expect 137 hoy run --rm --init base sh -c 'kill -KILL $$'
  expect 143 hoy run --rm --init base sh -c 'kill -TERM $$'
}

@test "an image without a command" {
  expect 125 hoy run --rm "$REGISTRY/nocmd:1"
  contains "$output" 'no command specified'
  expect 0 hoy run --rm "$REGISTRY/nocmd:1" true
  hoy rmi "$REGISTRY/nocmd:1"
}

@test "environment: -e, --env-file, the image's, and what hoy adds" {
  printf '# comment\nFROM_FILE=file\nFROM_HOST\n\nBOTH=file\n' >"$BATS_TEST_TMPDIR/env"
  FROM_HOST=host OTHER=other expect 0 hoy run --rm --env-file "$BATS_TEST_TMPDIR/env" -e BOTH=flag -e 'SPACE=a b=c' \
    -e OTHER -e UNSET_ON_HOST base env
  for line in FROM_FILE=file FROM_HOST=host BOTH=flag 'SPACE=a b=c' OTHER=other HOME=/root \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; do
    contains $'\n'"$output"$'\n' $'\n'"$line"$'\n'
  done
  lacks "$output" UNSET_ON_HOST
  matches "$output" 'HOSTNAME=[0-9a-f]{12}'
}

@test "-w makes the directory" {
  expect 0 hoy run --rm -w /new/place base pwd
  is "$output" /new/place
  expect 125 hoy run --rm -w relative base pwd
}

@test "what a link of the image names is made where it is missing: -w, -v, --tmpfs" {
  hoy run --name maker base sh -c 'ln -s /none/such /lnk && ln -s ../run/lock /var/lck'
  hoy commit maker linked >/dev/null
  is "$(hoy run --rm -w /lnk/sub linked pwd)" /none/such/sub
  is "$(hoy run --rm -v /etc:/lnk/m -v /etc/passwd:/var/lck/file linked sh -c '[ -e /none/such/m/passwd ] && ls /run/lock')" file
  contains "$(hoy run --rm --tmpfs /lnk linked cat /proc/self/mountinfo)" ' /none/such '
  hoy rm maker >/dev/null
  hoy rmi linked >/dev/null
}

@test "-u by number, by name, with a group; --group-add" {
  hoy pull -q "$REGISTRY/tiny:1"
  tiny() { hoy run --rm "${@:2}" "$REGISTRY/tiny:1" id "$1"; }
  is "$(tiny -u -u 1234)" 1234
  is "$(tiny -g -u 1234)" 0
  is "$(tiny -u -u user)" 1000
  is "$(tiny -G -u user)" '1000 2000'
  is "$(tiny -G -u user:more)" 3000
  is "$(tiny -G -u 1:1 --group-add more --group-add 77)" '1 77 3000'
  # A number is a number, whatever the image's passwd calls it.
  is "$(tiny -u -u 4000)" 4000
  expect 125 tiny -u -u nobody-of-this-name
  contains "$output" nobody-of-this-name
  hoy rmi "$REGISTRY/tiny:1"
}

@test "entrypoint and command of the image and of flags" {
  local image=$REGISTRY/layers:1
  is "$(hoy run --rm "$image")" 'from image'
  is "$(hoy run --rm "$image" my words)" 'my words'
  is "$(hoy run --rm --entrypoint /bin/pwd "$image")" /work
  is "$(hoy run --rm --entrypoint '' "$image" id -u)" 1000
  is "$(hoy run --rm --entrypoint sh "$image" -c 'echo $COLOUR')" blue
  hoy rmi "$image"
}

@test "hostname, hosts, --add-host, --dns" {
  expect 0 hoy run --rm -h boat --add-host other:10.1.2.3 --dns 10.9.8.7 base sh -c 'hostname; cat /etc/hosts /etc/resolv.conf'
  is "${lines[0]}" boat
  matches "$output" '10\.1\.2\.3[[:space:]]+other'
  matches "$output" '[0-9.]+[[:space:]]+boat'
  contains "$output" 'nameserver 10.9.8.7'
}

@test "standard input: none without -i, half-closed with -i" {
  is "$(echo lost | hoy run --rm base cat)" ''
  is "$(printf 'a\nb\n' | hoy run --rm -i base sh -c 'cat; echo end')" $'a\nb\nend'
}

@test "a megabyte through standard input and output is the same" {
  head -c 1000000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
  hoy run --rm -i base cat <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out"
  cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
}

@test "signals reach the command" {
  "$HOY" run --rm base sh -c 'trap "echo caught; exit 7" TERM; echo ready; while :; do sleep 1 & wait $!; done' \
    >"$BATS_TEST_TMPDIR/out" 3>&- &
  local pid=$!
  wait_line "$BATS_TEST_TMPDIR/out" ready
  kill -TERM $pid
  ends_with 7 "$pid"
  contains "$(<"$BATS_TEST_TMPDIR/out")" caught
}

@test "-d prints the id; logs has what was written" {
  local id
  id=$(hoy run -d --name quiet base sh -c 'echo one; sleep 0.2; echo two >&2') # two pipes: their order is who is read first
  matches "$id" '^[0-9a-f]{64}$'
  is "$(hoy wait quiet)" 0
  is "$(hoy logs quiet 2>/dev/null)" one
  is "$(hoy logs quiet 2>&1 >/dev/null)" two
  is "$(hoy logs --tail 1 quiet 2>&1)" two
  matches "$(hoy logs -t quiet 2>/dev/null)" '^20[0-9-]+T[0-9:.]+Z one$'
  hoy rm quiet
}

@test "logs -f follows to the end" {
  hoy run -d --name talker base sh -c 'echo first; while [ ! -e /go ]; do sleep 0.05; done; echo last' >/dev/null
  hoy logs -f talker >"$BATS_TEST_TMPDIR/log" 3>&- &
  local pid=$!
  wait_line "$BATS_TEST_TMPDIR/log" first
  hoy exec talker touch /go
  ends_with 0 "$pid"
  is "$(<"$BATS_TEST_TMPDIR/log")" $'first\nlast'
  hoy rm talker >/dev/null
}

@test "attach sees the output and passes on the exit code" {
  hoy run -d -i --name listener base sh -c 'read line; echo "got $line"; exit 3' >/dev/null
  expect 3 hoy attach listener <<<"a word"
  is "$output" 'got a word'
  hoy rm listener >/dev/null
}

@test "create, start -a, start -ai" {
  hoy create --name later base echo now >/dev/null
  is "$(field later .State.Status)" created
  is "$(hoy start -a later)" now
  is "$(hoy start later)" later
  hoy wait later >/dev/null
  hoy rm later >/dev/null
  hoy create -i --name asks base cat >/dev/null
  is "$(echo answer | hoy start -ai asks)" answer
  hoy rm asks >/dev/null
}

@test "exec: exit code, environment, user, directory, input" {
  hoy run -d --name host base sleep 600 >/dev/null
  expect 5 hoy exec host sh -c 'exit 5'
  is "$(hoy exec -e A=b host sh -c 'echo $A')" b
  is "$(hoy exec -u 1000:1001 host sh -c 'echo $(id -u) $(id -g)')" '1000 1001'
  is "$(hoy exec -w /tmp host pwd)" /tmp
  is "$(echo in | hoy exec -i host cat)" in
  # The same namespaces, limits and filter as the container's own process.
  is "$(hoy exec host readlink /proc/self/ns/pid)" "$(hoy exec host readlink /proc/1/ns/pid)"
  contains "$(hoy exec host cat /proc/self/status)" $'Seccomp:\t2'
  contains "$(hoy exec host cat /proc/self/status)" $'CapEff:\t00000000a80425fb'
  expect 127 hoy exec host no-such-command
  expect 126 hoy exec host /etc
  hoy rm -f host >/dev/null
  expect 1 hoy exec host true
  contains "$output" 'No such container: host'
}

@test "stop sends the stop signal, then kills" {
  hoy run -d --name polite base sh -c 'trap "exit 9" TERM; while :; do sleep 0.1; done' >/dev/null
  is "$(hoy stop polite)" polite
  is "$(field polite .State.ExitCode)" 9
  hoy run -d --name deaf base sh -c 'trap "" TERM; while :; do sleep 0.1; done' >/dev/null
  hoy stop -t 1 deaf
  is "$(field deaf .State.ExitCode)" 137
  hoy run -d --name usr --stop-signal USR1 base sh -c 'trap "exit 8" USR1; while :; do sleep 0.1; done' >/dev/null
  hoy stop usr
  is "$(field usr .State.ExitCode)" 8
  hoy rm polite deaf usr
}

@test "kill, kill -s, wait, rm -f" {
  hoy run -d --name victim base sleep 600 >/dev/null
  expect 1 hoy rm victim
  contains "$output" 'running'
  hoy kill victim
  is "$(hoy wait victim)" 137
  expect 1 hoy kill victim
  contains "$output" 'is not running'
  hoy start victim
  hoy kill -s TERM victim
  is "$(field victim .State.Status)" running
  hoy rm -f victim
  expect 1 hoy inspect victim
}

@test "orphans die with the container" {
  hoy run --rm base sh -c 'sleep 600 & sleep 601 & setsid sleep 602 & true'
}

@test "zombies are reaped with --init" {
  expect 0 hoy run --rm --init base sh -c 'for i in 1 2 3 4 5; do (sleep 0 &); done; sleep 0.2; ps -o stat | grep -c "^Z" || true'
  is "$output" 0
}

@test "names, prefixes, ps" {
  local id
  id=$(hoy run -d --name finder base sleep 600)
  is "$(hoy ps -q)" "${id:0:12}"
  is "$(hoy ps -q --no-trunc)" "$id"
  contains "$(hoy ps)" finder
  matches "$(hoy ps)" 'CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES'
  matches "$(hoy ps)" '"sleep 600".* Up '
  is "$(field "${id:0:6}" .Id)" "$id"
  is "$(field finder .Name)" /finder
  hoy stop -t 0 finder
  is "$(hoy ps -q)" ''
  matches "$(hoy ps -a)" 'Exited \(137\)'
  hoy rm finder
  local made_up
  made_up=$(field "$(hoy create base)" .Name)
  matches "$made_up" '^/[a-z]+_[a-z]+$'
  hoy rm "${made_up#/}"
}

@test "inspect has Docker's shape" {
  hoy run --name thing -l key=value -m 32m --cpus 0.5 -e A=b base true
  is "$(field thing .State.Status)" exited
  is "$(field thing .State.OOMKilled)" false
  is "$(field thing .Config.Labels.key)" value
  is "$(field thing .HostConfig.Memory)" 33554432
  is "$(field thing .HostConfig.NanoCpus)" 500000000
  contains "$(field thing .Config.Env)" A=b
  matches "$(field thing .Created)" '^20[0-9-]+T'
  hoy rm thing
}

@test "volumes: -v, ro, --mount, --tmpfs, --read-only" {
  local there=$BATS_TEST_TMPDIR/there
  hoy run --rm -v "$there:/mnt" base sh -c 'echo written >/mnt/file'
  is "$(<"$there/file")" written
  expect 1 hoy run --rm -v "$there:/mnt:ro" base sh -c 'echo no >/mnt/file'
  contains "$output" 'Read-only'
  is "$(hoy run --rm --mount "type=bind,source=$there,target=/m,readonly" base cat /m/file)" written
  expect 125 hoy run --rm --mount "type=bind,source=$there/nowhere,target=/m" base true
  contains "$output" 'nowhere'
  expect 0 hoy run --rm --tmpfs /scratch:size=1m base sh -c 'head -c 2000000 /dev/zero >/scratch/f 2>/dev/null; stat -c %s /scratch/f'
  is "$output" 1048576
  expect 1 hoy run --rm --read-only base touch /file
  local name
  for name in hosts hostname resolv.conf; do
    expect 1 hoy run --rm --read-only base sh -c "echo more >>/etc/$name"
    contains "$output" 'Read-only file system'
    expect 0 hoy run --rm --read-only -v "$there/file:/etc/$name" base sh -c "echo more >>/etc/$name"
  done
  expect 0 hoy run --rm --read-only --tmpfs /tmp base touch /tmp/file
  expect 0 hoy run --rm --tmpfs /scratch:ro --tmpfs /scratch/below base sh -c 'touch /scratch/file 2>&1; touch /scratch/below/file && ls /scratch'
  is "$output" $'touch: /scratch/file: Read-only file system\nbelow'
}

@test "the same -v twice is one, and of two --tmpfs for a path the later counts" {
  is "$(hoy run --rm -v /etc:/m --volume /etc:/m -v /data -v /data base sh -c 'grep -c -E " /(m|data) " /proc/self/mounts')" 2
  is "$(hoy run --rm --tmpfs /t:size=1m --tmpfs /t:size=2m base stat -fc '%b %S' /t)" '512 4096'
  expect 125 hoy run --rm -v /etc:/m -v /etc:/m:ro base true
  contains "$output" 'uplicate mount point: /m'
  expect 125 hoy run --rm --tmpfs /t --mount type=tmpfs,dst=/t base true
  expect 125 hoy run --rm --mount type=tmpfs,dst=/t --mount type=tmpfs,dst=/t base true
}

@test "shared and slave want a mount on the host that is" {
  local source=$BATS_TEST_TMPDIR/source how
  mkdir -p "$source"
  mount -t tmpfs source "$source"
  mount --make-private "$source"
  for how in shared rshared; do
    expect 125 hoy run --rm -v "$source:/m:$how" base true
    contains "$output" "path $source is mounted on $source but it is not a shared mount"
  done
  for how in "-v$source/new/one:/m:slave" "--mount=type=bind,src=$source,dst=/m,bind-propagation=rslave"; do
    expect 125 hoy run --rm "$how" base true
    contains "$output" "is mounted on $source but it is not a shared or slave mount"
  done
  expect 0 hoy run --rm -v "$source:/m:rprivate" base true
  mount --make-shared "$source"
  expect 0 hoy run --rm -v "$source/new/one:/m:rshared" base true
  mount --make-slave "$source"
  umount "$source"
}

@test "-v with rshared and rslave: who sees whose mounts" {
  local source=$BATS_TEST_TMPDIR/source
  mkdir -p "$source"
  mount -t tmpfs source "$source"
  mount --make-shared "$source"
  mkdir "$source/in" "$source/out"
  hoy run --rm --cap-add SYS_ADMIN --security-opt seccomp=unconfined -v "$source:/v:rshared" base mount -t tmpfs t /v/in
  grep -q " $source/in " /proc/self/mounts
  umount "$source/in"
  hoy run --rm --cap-add SYS_ADMIN --security-opt seccomp=unconfined -v "$source:/v" base mount -t tmpfs t /v/in
  run ! grep -q " $source/in " /proc/self/mounts
  hoy run -d --name slave -v "$source:/v:rslave" base sleep 600 >/dev/null
  mount -t tmpfs t "$source/out"
  expect 0 hoy exec slave grep -c ' /v/out ' /proc/self/mounts
  is "$output" 1
  hoy rm -f slave >/dev/null
  umount -R "$source"
}

@test "--ulimit, --sysctl, -h in its own namespaces" {
  is "$(hoy run --rm --ulimit nofile=100:200 base sh -c 'ulimit -n; ulimit -Hn')" $'100\n200'
  is "$(hoy run --rm --sysctl net.ipv4.ip_unprivileged_port_start=99 base cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" 99
  expect 125 hoy run --rm --sysctl kernel.panic=1 base true
  contains "$output" 'kernel.panic'
}

@test "a container keeps its files from start to start" {
  hoy run --name keeper base sh -c 'echo x >>/count; wc -l </count'
  is "$(hoy start -a keeper)" 2
  is "$(hoy start -a keeper)" 3
  hoy rm keeper
}

@test "bad numbers and words are refused with the flag's name" {
  for flag in --cpus=none --memory=12q --pids-limit=many --cpuset-cpus=0-4294967295 --ulimit=nofile=x --stop-timeout=soon \
    --memory=1 --restart=sometimes --network=moon --cap-add=FLY --security-opt=nonsense; do
    expect 125 hoy run --rm "$flag" base true
    one_sentence "${lines[0]}"
  done
}

# Shows nothing with the dir driver, whose files are the host's.
@test "the command's file is in memory before the command comes to it" {
  hoy run --name maker base sh -c '{ printf "#!/bin/sh\nexec sleep 1000\n"; head -c 1500000 /dev/zero | tr "\0" "#"; } >/bin/late; chmod 755 /bin/late'
  hoy commit maker late:1
  hoy rm maker
  local id pid
  id=$(hoy run -d --network none late:1 late)
  pid=$(hoy inspect --format '{{.State.Pid}}' "$id")
  local size
  size=$(fincore -nb -o RES "/proc/$pid/root/bin/late")
  ((size >= 1500000)) || { echo "$size bytes are there"; return 1; }
  hoy rm -f "$id"
  hoy rmi late:1
}

@test "what else is called like the command is passed over: a fifo, a directory, links that lead nowhere or out" {
  hoy run --name maker base sh -c 'mkdir /usr/local/sbin; mkfifo /usr/local/sbin/late; mkdir /usr/local/bin/late
    ln -s /proc/self/fd/0 /usr/sbin/late; ln -s nowhere /usr/bin/late; ln -s /opt/late /sbin/late
    printf "#!/bin/sh\necho here\n" >/opt/late; chmod 755 /opt/late'
  hoy commit maker late:2
  hoy rm maker
  expect 0 timeout 20 "$HOY" run --rm late:2 late
  is "$output" here
  expect 127 timeout 20 "$HOY" run --rm -e PATH=/usr/local/bin:/usr/bin late:2 late
  hoy rmi late:2
}

@test "a full disk is one sentence" {
  local small=$BATS_TEST_TMPDIR/small
  mkdir "$small"
  mount -t tmpfs -o size=3m none "$small"
  HOY_ROOT=$small/root HOY_RUNROOT=$BATS_TEST_TMPDIR/run run hoy run --rm "$REGISTRY/tiny:1" sh -c 'head -c 9000000 /dev/zero >/file'
  local code=$status text=$output
  umount "$small"
  ((code != 0)) || return 1
  contains "$text" 'o space left on device'
}

@test "version, info, --help" {
  contains "$(hoy version)" Version
  contains "$(hoy info)" 'Storage Driver'
  contains "$(hoy --help)" run
  contains "$(hoy run --help)" '--memory'
}
