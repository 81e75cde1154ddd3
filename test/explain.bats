#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The plan in words, and as a script that makes the same container.

load lib

# What a program sees of its container. Ids, addresses and what the overlay's folders are called differ from
# one container to the next; the filter of system calls is the one thing that Debian 12 has no tool for.
look() {
  cat <<'END'
hostname | wc -c
ls /proc/self/ns
awk '{print $5, $6, $9}' /proc/self/mountinfo
grep -E '^(Cap|NoNewPrivs|Uid|Gid|Groups)' /proc/self/status
cut -d: -f2- /proc/self/cgroup
ls -l /dev | awk '{print $1, $3, $4, $5, $6, $NF}' | grep -v pts
ip -o link | cut -d' ' -f2 | cut -d@ -f1
ip route | grep -c default
env | grep -v HOSTNAME
pwd; umask; ulimit -n
echo $$
cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max
cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax
cat /etc/resolv.conf
grep -c . /etc/hosts
touch /proc/sys/kernel/hostname /sys/x /etc/x 2>&1
id
END
}

# same FLAG...: as by hoy, so by hand.
same() {
  local directory=$BATS_TEST_TMPDIR
  hoy run --rm "$@" base sh -c "$(look)" >"$directory/hoy" 2>&1
  hoy explain --as sh "$@" base sh -c "$(look)" >"$directory/script"
  sh -n "$directory/script"
  sh "$directory/script" >"$directory/hand" 2>&1
  # $$ is 1 in both; touch's own errors name no ids.
  diff "$directory/hoy" "$directory/hand"
}

@test "run --explain: every operation with its side, time and cause" {
  run --separate-stderr hoy run --rm --explain --memory 64m --ulimit nofile=50:60 --cap-drop all -h harbour base echo finished
  is "$status" 0
  is "$output" finished
  # shellcheck disable=SC2154 # bats sets it
  matches "$stderr" 'parent +[0-9]+  write 67108864 into +--memory 64m'
  matches "$stderr" 'inside +[0-9]+  .*nofile.* +--ulimit nofile=50:60'
  matches "$stderr" 'host +[0-9]+  start a process in new namespaces: pid, mount, uts, ipc'
  matches "$stderr" 'child +[0-9]+  take a new namespace: net +'
  matches "$stderr" 'parent +[0-9]+  join eth0 in the container with hoy[0-9a-f]{12}'
  matches "$stderr" 'child +[0-9]+  give the container the hostname harbour +(-h|--hostname) harbour'
  matches "$stderr" 'child +[0-9]+  mount proc at /proc \(nosuid,nodev,noexec\) +default'
  matches "$stderr" 'inside +[0-9]+  give up all capabilities +--cap-drop'
  matches "$stderr" 'inside +  run echo finished'
  matches "$stderr" 'total +[0-9]+  µs for [0-9]+ operations'
}

@test "explain: the plan of a container that is not made" {
  expect 0 hoy explain --network none base true
  contains "$output" 'none of them done'
  lacks "$output" 'join eth0'
  is "$(hoy ps -aq)" ''
}

@test "a control character in a name does not reach the terminal" {
  expect 0 hoy explain base echo $'\e[31mred'
  contains "$output" '\x1b[31mred'
  lacks "$output" $'\e'
}

@test "the script is one for any POSIX shell" {
  hoy explain --as sh --init base sh -c "it's \$HOME \`date\`" >"$BATS_TEST_TMPDIR/script"
  sh -n "$BATS_TEST_TMPDIR/script"
  shellcheck "$BATS_TEST_TMPDIR/script"
}

@test "the script makes the same container" {
  same -w /var/new
}

@test "the script makes the same container: limits, user, mounts, capabilities" {
  echo shared >"$BATS_TEST_TMPDIR/file"
  same --memory 64m --pids-limit 33 --ulimit nofile=99:100 -e A='b c' -w /srv -u 1000:100 \
    --cap-add net_admin --cap-drop chown --tmpfs /scratch:size=1m,ro --tmpfs /scratch/below -v "$BATS_TEST_TMPDIR/file:/srv/file:ro" \
    --sysctl kernel.msgmax=9000 --security-opt no-new-privileges --read-only -h by-hand --network none
}

@test "the script passes on input and status, and leaves nothing" {
  hoy explain --as sh -i base sh -c 'read line; echo "got $line"; exit 7' >"$BATS_TEST_TMPDIR/script"
  run sh "$BATS_TEST_TMPDIR/script" <<<"a line"
  is "$status" 7
  is "$output" 'got a line'
  hoy explain --as sh base no-such-command >"$BATS_TEST_TMPDIR/script"
  expect 127 sh "$BATS_TEST_TMPDIR/script"
  is "$(find /tmp -maxdepth 1 -name 'hoy-by-hand.*')" ''
  is "$(losetup -a | grep -c "$HOY_ROOT")" 0
}

# by_hand NAME FLAG... IMAGE COMMAND...: what the script prints, and what hoy does.
by_hand() {
  hoy explain --as sh "$@" >"$BATS_TEST_TMPDIR/script"
  shellcheck "$BATS_TEST_TMPDIR/script"
  is "$(sh "$BATS_TEST_TMPDIR/script" 2>&1)" "$(hoy run --rm "$@" 2>&1)"
}

@test "no word of the container's is a command of the script" {
  local word=$'x\nCONTAINER\nCHILD\nEND\nhostname\ntouch '"$BATS_TEST_TMPDIR/made"
  # shellcheck disable=SC2016
  by_hand --network none -h by-hand -e "A=$word" -w "/$word" base sh -c 'echo "$A $1"; pwd' sh "$word"
  [ ! -e "$BATS_TEST_TMPDIR/made" ]
}

@test "what -v makes on the host is made by the script, and not by who looks" {
  local made="$BATS_TEST_TMPDIR/made"
  hoy create --name one -v "$made:/x" base true >/dev/null
  hoy as sh one >/dev/null
  hoy rm one >/dev/null
  hoy explain -v "$made:/x" base true >/dev/null
  hoy explain --as sh -v "$made:/x" base touch /x/file >"$BATS_TEST_TMPDIR/script"
  [ ! -e "$made" ]
  sh "$BATS_TEST_TMPDIR/script"
  is "$(ls "$made")" file
}

@test "the script publishes ports, and takes them back" {
  hoy explain --as sh -p 8080:80 -p 127.0.0.1:5000-5001:53-54/udp base nc -l -p 80 -e echo hello >"$BATS_TEST_TMPDIR/script"
  shellcheck "$BATS_TEST_TMPDIR/script"
  sh "$BATS_TEST_TMPDIR/script" 3>&- &
  # shellcheck disable=SC2016
  eventually 10 bash -c 'exec 4<>/dev/tcp/127.0.0.1/8080 && read -r line <&4 && [[ $line == hello ]]'
  wait $!
  run grep -E '8080|5001' <(nft list ruleset)
  is "$output" ''
}

@test "the script gives a name that hostname(1) refuses" {
  by_hand --network none -h a_b base hostname
}

@test "the script makes a cgroup with CPUs of its own, and those above it" {
  by_hand --network none --cpuset-cpus 0 --cgroup-parent /above/it base grep -i cpus_allowed_list /proc/self/status
  find /sys/fs/cgroup -depth -path '*/above*' -type d -exec rmdir {} +
}

@test "the script makes the directory of a device" {
  by_hand --network none --device /dev/null:/dev/deep/er/null base ls -l /dev/deep/er
  by_hand --network none --privileged base sh -c "cd /dev && find . -type c -o -type b | grep -v pts | sort"
}

@test "the script follows no link of the image out of the root" {
  local host="$BATS_TEST_TMPDIR/host" flags
  mkdir "$host"
  hoy run --name made --network none base sh -c "mkdir -p '$host' && ln -s '$host' /out"
  hoy commit made linked >/dev/null
  hoy rm made >/dev/null
  by_hand --network none -w /out/sub linked pwd
  by_hand --network none -v /etc/passwd:/bin/../srv/file --tmpfs /srv/new linked ls /srv
  for flags in "-v /etc:/out/m" "-v /etc/passwd:/out/file" "-v new:/out" "--tmpfs /out/t" "--device /dev/null:/out/null"; do
    # shellcheck disable=SC2086
    hoy explain --as sh --network none $flags linked true >"$BATS_TEST_TMPDIR/script"
    expect 1 sh "$BATS_TEST_TMPDIR/script"
    contains "$output" 'leads out of the root'
  done
  is "$(ls "$host")" ''
  hoy rmi linked >/dev/null
}

@test "the script of an image that has volumes and a user" {
  # shellcheck disable=SC2016
  hoy run --name made --network none base sh -c '
    mkdir -p /srv/data && echo from the image >/srv/data/file && chmod 750 /srv/data
    echo web:x:33:44:web:/srv:/bin/sh >>/etc/passwd
    printf "web:x:44:\nmore:x:55:web\nother:x:77:web\n" >>/etc/group'
  hoy commit --change 'VOLUME ["/srv/data", "/a new one"]' made voluminous >/dev/null
  hoy rm made >/dev/null
  local look='cat /srv/data/file; stat -c "%A %U %G %n" /srv/data "/a new one"/.; ls -A "/a new one"; id; echo $HOME' user
  by_hand --network none voluminous sh -c "$look"
  for user in web web:other 33 33:0 1234:5678; do by_hand --network none -u $user voluminous sh -c "$look"; done
  # Volumes by name: one that is new, also without the image's files, and one that has files of its own.
  by_hand --network none -v new:/srv/data:nocopy voluminous ls -A /srv/data
  hoy volume rm new
  by_hand --network none -v new:/srv/data voluminous cat /srv/data/file
  hoy volume rm new
  hoy run --rm --network none -v full:/own base sh -c 'echo own >/own/file'
  by_hand --network none -v full:/srv/data voluminous cat /srv/data/file
  is "$(hoy run --rm --network none -v full:/own base cat /own/file)" own
  hoy explain -v new:/srv/data voluminous true >/dev/null
  is "$(hoy volume ls -q)" full
  is "$(ls "$HOY_ROOT/volumes")" full
  hoy volume rm full
  # An image without /etc/passwd.
  tar -C "$BATS_TEST_TMPDIR" -c --transform 's#^script$#sh#' script | hoy import - bare >/dev/null
  hoy explain --as sh bare true >"$BATS_TEST_TMPDIR/script"
  lacks "$(sh "$BATS_TEST_TMPDIR/script" 2>&1)" passwd
  hoy rmi voluminous bare >/dev/null
}
