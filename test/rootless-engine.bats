#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hoy for somebody who is not root: images, containers, and their networks by pasta. A network namespace beside the
# tests' own stands for the world outside.

# shellcheck disable=SC2086,SC2016 # USER_ID of user.bash is a number; containers expand themselves

load lib
load user

OUT4=10.55.0.1 OUT6=fd55::1 HERE4=10.55.0.2 HERE6=fd55::2

file_setup() {
  user_setup
  export HOME=$USER_HOME T=$BATS_FILE_TMPDIR
  export IMAGE=$REGISTRY/tiny:1
  # Where everybody can execute it.
  cp "$HOY" "$BUILD/src/fetch/hoy-fetch" "$HOY_RUNTIME" "${HOY_RUNTIME%/*}/hoy-seccomp" "$T"
  mkdir "$T/net"
  mount -t tmpfs net "$T/net"
  mknod -m 666 "$T/net/tun" c 10 200
  mount --bind "$T/net" /dev/net
  ip link set lo up
  ip netns add outside
  ip link add up0 type veth peer name eth0 netns outside
  ip address add $HERE4/24 dev up0
  ip address add $HERE6/64 dev up0 nodad
  ip link set up0 up
  ip -n outside address add $OUT4/24 dev eth0
  ip -n outside address add $OUT6/64 dev eth0 nodad
  ip -n outside link set eth0 up
  ip -n outside link set lo up
  ip route add default via $OUT4
  ip -6 route add default via $OUT6
  user_hoy pull -q "$IMAGE"
}

file_teardown() {
  ip netns delete outside
  umount /dev/net "$T/net"
  user_teardown
}

# With the directories that are his by default.
user_hoy() { as_user env -u HOY_ROOT -u HOY_RUNROOT "$T/hoy" "$@"; }

test_teardown() {
  local left
  left=$(user_hoy ps -aq)
  if [[ -n $left ]]; then
    # shellcheck disable=SC2086
    user_hoy rm -f $left
    echo "left behind: containers: $left"
    return 1
  fi
  is "$(find "$XDG_RUNTIME_DIR/hoy/containers" "$HOME/.local/share/hoy/containers" -mindepth 1)" ''
  is "$(pgrep -f '^/usr/bin/pasta')" ''
}

# serve NAME FLAG...: a container with a web server on port 80, whose log tells who came.
serve() {
  local name=$1
  shift
  user_hoy run -d --name "$name" "$@" "$IMAGE" sh -c 'echo welcome >/index.html; exec httpd -f -vv -p 80 -h /' 3>&-
  eventually 10 listens "$name"
}
listens() { user_hoy exec "$1" netstat -ltn 3>&- | grep -q ':80 '; }
outside() { ip netns exec outside "$@"; }
fetch() { curl -sS --max-time 10 "http://$1/index.html"; }

@test "pull, images, run: root inside is the user outside, and all is below his own directories" {
  expect 0 user_hoy images --format '{{.Repository}}:{{.Tag}}'
  is "$output" "$IMAGE"
  expect 0 user_hoy run --rm --network none "$IMAGE" sh -c 'id -u; cat /proc/self/uid_map'
  is "${lines[0]}" 0
  matches "${lines[1]}" "^ *0 +$USER_ID +1$"
  matches "${lines[2]}" '^ *1 +300000 +65536$'
  is "$(stat -c %u "$HOME/.local/share/hoy/hoy.db")" $USER_ID
  is "$(stat -c %u:%a "$XDG_RUNTIME_DIR/hoy/containers")" $USER_ID:700
  expect 0 user_hoy info
  contains "$output" 'Rootless: yes'
  contains "$output" 'Storage Driver: dir'
  is "$(user_hoy info --format '{{.Rootless}}')" true
  is "$(user_hoy image verify)" "$IMAGE: OK"
}

@test "run -d, ps, exec, logs, isolation, stop, start, rm" {
  user_hoy run -d --name box "$IMAGE" sh -c 'echo begun; trap "exit 3" TERM; while :; do sleep 0.1; done' 3>&-
  expect 0 user_hoy ps --format '{{.Names}} {{.State}}'
  is "$output" 'box running'
  expect 0 user_hoy exec box sh -c 'echo inside; id -u'
  is "$output" $'inside\n0'
  expect 0 user_hoy exec -u 1000 box id -u
  is "$output" 1000
  eventually 10 logged box begun
  expect 0 user_hoy isolation box
  matches "$output" $'user +hoy\'s \\(rootless\\)'
  matches "$output" "uid +0:$USER_ID:1 1:300000:65536"
  user_hoy stop box
  is "$(user_hoy ps -a --format '{{.Status}}' | cut -c1-10)" 'Exited (3)'
  user_hoy start box 3>&-
  expect 0 user_hoy exec box true
  user_hoy rm -f box
}
logged() { [[ $(user_hoy logs "$1" 2>&1) == *"$2"* ]]; }

@test "a terminal" {
  run script -qec "$(command -v setpriv) --reuid $USER_ID --regid $USER_ID --clear-groups env -u HOY_ROOT -u HOY_RUNROOT $T/hoy run -it --rm $IMAGE sh -c 'tty; echo hello'" /dev/null </dev/null
  contains "$output" /dev/pts/0
  contains "$output" hello
}

@test "several at once find one user namespace, and the last to leave takes it along" {
  local i pids=()
  for i in 1 2 3 4 5 6; do
    user_hoy run -d --name "box$i" --network none "$IMAGE" sleep 600 3>&- >/dev/null &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i"; done
  local spaces=()
  for i in 1 2 3 4 5 6; do spaces+=("$(readlink "/proc/$(user_hoy inspect -f '{{.State.Pid}}' "box$i")/ns/user")"); done
  is "$(printf '%s\n' "${spaces[@]}" | sort -u | wc -l)" 1
  [[ ${spaces[0]} != "$(readlink /proc/self/ns/user)" ]]
  user_hoy rm -f box1 box2 box3 box4 box5 box6
  expect 0 user_hoy run --rm --network none "$IMAGE" true
}

@test "one that is to be removed, and one that is to start again, by a shim that nobody waits for" {
  user_hoy run -d --rm --network none "$IMAGE" true 3>&-
  eventually 10 nobody_left
  user_hoy run -d --name again --restart on-failure:2 --network none "$IMAGE" sh -c 'echo try; exit 3' 3>&-
  eventually 20 tried 3
  user_hoy rm -f again
}
nobody_left() { [[ -z $(user_hoy ps -aq) ]]; }
tried() { [[ $(user_hoy logs again | grep -c try) == "$1" && $(user_hoy inspect -f '{{.State.Status}}' again) == exited ]]; }

@test "what containers write belongs to the user, or to his ids; volumes, cp, diff, commit" {
  mkdir "$HOME/files"
  chown $USER_ID:$USER_ID "$HOME/files"
  expect 0 user_hoy run --rm --network none -v "$HOME/files:/f" "$IMAGE" sh -c 'touch /f/mine && touch /f/other && chown 5:5 /f/other'
  is "$(stat -c %u:%g "$HOME/files/mine" "$HOME/files/other")" $USER_ID:$USER_ID$'\n'300004:300004
  expect 1 user_hoy run --rm --network none -v /etc/shadow:/s "$IMAGE" cat /s
  contains "$output" 'Permission denied'
  expect 0 user_hoy run --rm --network none -v data:/d "$IMAGE" sh -c 'echo kept >/d/file'
  expect 0 user_hoy run --rm --network none -v data:/d "$IMAGE" cat /d/file
  is "$output" kept
  user_hoy volume rm data
  user_hoy create --name box --network none "$IMAGE" sh -c 'rm -r /etc/hostname /var; mkdir /var; touch /var/new' >/dev/null
  user_hoy start box 3>&-
  user_hoy wait box
  echo copied >"$HOME/files/copy"
  user_hoy cp "$HOME/files/copy" box:/copy
  expect 0 user_hoy diff box
  contains "$output" 'A /copy'
  contains "$output" 'A /var/new'
  user_hoy commit box new:1
  user_hoy run -d --name live --network none "$IMAGE" sleep 600 3>&-
  expect 1 user_hoy commit live new:2
  one_sentence "$output"
  contains "$output" --no-pause
  user_hoy commit --no-pause live new:2
  user_hoy rm -f live
  user_hoy rmi new:2
  user_hoy rm box
  expect 0 user_hoy run --rm --network none new:1 sh -c 'cat /copy; ls -A /var'
  is "$output" $'copied\nnew'
  user_hoy rmi new:1
}

@test "an image of several layers is mounted into a container" {
  local image=$IMAGE i=0 command
  for command in 'mkdir /d; touch /d/old' 'rm -r /d; mkdir /d; touch /d/new' 'touch /third'; do
    user_hoy run --name "step$i" --network none "$image" sh -c "$command"
    user_hoy commit "step$i" "steps:$i" >/dev/null
    user_hoy rm "step$i" >/dev/null
    image=steps:$((i++))
  done
  expect 0 user_hoy run --rm --network none --mount "type=image,src=$image,dst=/m" "$IMAGE" ls /m/third /m/d
  is "$output" $'/m/third\n\n/m/d:\nnew'
  user_hoy rmi steps:0 steps:1 steps:2 >/dev/null
}

@test "pasta: the host's addresses, and the world outside by both IP versions; the host's loopback is not there" {
  ip netns exec outside python3 -m http.server --bind :: 8000 --directory "$HOME" >"$T/outside.log" 2>&1 3>&- &
  local server=$!
  python3 -m http.server --bind 127.0.0.1 8001 --directory "$HOME" >/dev/null 2>&1 3>&- &
  local own=$!
  echo outdoors >"$HOME/page"
  eventually 10 outside curl -sf "http://[::1]:8000/page" -o /dev/null
  eventually 10 curl -sf http://127.0.0.1:8001/page -o /dev/null
  expect 0 user_hoy run --rm "$IMAGE" sh -c "ifconfig eth0; wget -qO- http://$OUT4:8000/page; wget -qO- http://[$OUT6]:8000/page; hostname -i"
  contains "$output" "inet addr:$HERE4"
  contains "$output" "$HERE6/64"
  contains "$output" $'outdoors\noutdoors\n127.0.0.1'
  contains "$(cat "$T/outside.log")" "$HERE4"
  contains "$(cat "$T/outside.log")" "$HERE6"
  run user_hoy run --rm "$IMAGE" timeout 2 wget -qO- http://127.0.0.1:8001/page
  ((status != 0))
  lacks "$output" outdoors
  kill $server $own
}

@test "pasta: a DNS server on the host's loopback is reached" {
  python3 - >"$T/queries" 3>&- <<'END' &
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    query, peer = s.recvfrom(512)
    end = query.index(0, 12) + 5
    a = query[end - 4:end - 2] == b"\0\1"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x09\x08\x07" if a else b""
    s.sendto(query[:2] + b"\x81\x80\0\1" + (b"\0\1" if a else b"\0\0") + b"\0\0\0\0" + query[12:end] + answer, peer)
END
  local server=$!
  eventually 10 grep -q ready "$T/queries"
  echo 'nameserver 127.0.0.1' >"$T/resolv.conf"
  mount --bind "$T/resolv.conf" /etc/resolv.conf
  run user_hoy run --rm "$IMAGE" timeout 8 nslookup web.example
  umount /etc/resolv.conf
  kill $server
  contains "$output" 'Address: 10.9.8.7'
  # One that everybody reaches stays as it is.
  echo "nameserver $OUT4" >"$T/resolv.conf"
  mount --bind "$T/resolv.conf" /etc/resolv.conf
  run user_hoy run --rm "$IMAGE" cat /etc/resolv.conf
  umount /etc/resolv.conf
  is "$output" "nameserver $OUT4"
}

@test "published ports: from outside and loopback, by both IP versions, and who came is seen" {
  serve web -p 8080:80
  expect 0 user_hoy port web
  is "$output" $'80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080'
  contains "$(user_hoy ps)" '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp'
  is "$(outside curl -sS --max-time 10 "http://$HERE4:8080/index.html")" welcome
  is "$(outside curl -sS --max-time 10 "http://[$HERE6]:8080/index.html")" welcome
  is "$(fetch 127.0.0.1:8080)" welcome
  is "$(fetch '[::1]:8080')" welcome
  eventually 10 logged web "[::ffff:$OUT4]"
  eventually 10 logged web "[$OUT6]"
  user_hoy stop -t 1 web
  run fetch 127.0.0.1:8080
  ((status == 7))
  # The same again, and one of one address alone.
  user_hoy start web 3>&-
  eventually 10 listens web
  is "$(fetch 127.0.0.1:8080)" welcome
  user_hoy rm -f web
  serve web -p 127.0.0.1:8080:80
  is "$(fetch 127.0.0.1:8080)" welcome
  run outside curl -sS --max-time 10 "http://$HERE4:8080/index.html"
  ((status == 7))
  user_hoy rm -f web
}

@test "a health check by a socket, made in a network namespace that its maker could not leave" {
  user_hoy run -d --name web --health-cmd tcp://:80 --health-interval 100ms "$IMAGE" httpd -f -p 80 3>&-
  eventually 10 has_health web healthy
  is "$(user_hoy ps --format '{{.Networks}}')" pasta
  is "$(user_hoy inspect -f '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}' web)" pasta
  user_hoy rm -f web
  user_hoy run -d --name deaf --health-cmd tcp://:80 --health-interval 100ms --health-retries 1 "$IMAGE" sleep 600 3>&-
  eventually 10 has_health deaf unhealthy
  user_hoy rm -f deaf
}
has_health() { [[ $(user_hoy inspect -f '{{.State.Health.Status}}' "$1") == "$2" ]]; }

@test "published ports: ranges, any that is free, and UDP" {
  user_hoy run -d --name box -p 8090-8092:80-82 -p 7000 -p 9000:9000/udp "$IMAGE" httpd -f -p 81 -h /etc 3>&-
  eventually 10 fetch_hostname 8091
  local any
  any=$(user_hoy port box 7000/tcp | head -n 1)
  matches "$any" '^0\.0\.0\.0:[0-9]{4,5}$'
  contains "$(ss -ltn)" ":${any##*:} "
  # The image has no program that listens to UDP.
  nsenter -n -t "$(user_hoy inspect -f '{{.State.Pid}}' box)" python3 - >"$T/datagrams" 3>&- <<'END' &
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 9000))
print(*s.recvfrom(100), flush=True)
END
  eventually 10 datagram_comes
  contains "$(cat "$T/datagrams")" "('$OUT4', "
  # They are pasta's from its start on.
  expect 1 user_hoy update --publish-add 8099:81 box
  one_sentence "$output"
  contains "$output" 'stop the container first'
  user_hoy stop -t 0 box
  user_hoy update --publish-add 8099:81 box
  user_hoy start box 3>&-
  eventually 10 fetch_hostname 8099
  user_hoy rm -f box
}
fetch_hostname() { curl -sf --max-time 5 "http://127.0.0.1:$1/passwd" | grep -q root; }
datagram_comes() {
  outside python3 -c "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'datagram\n', ('$HERE4', 9000))"
  grep -q datagram "$T/datagrams"
}

@test "a port that is taken is refused with who has it, and nothing is left of the attempt" {
  serve web -p 8080:80
  expect 125 user_hoy run --rm -p 8080:81 "$IMAGE" true
  one_sentence "$output"
  contains "$output" 'port 8080/tcp of 0.0.0.0 is taken by container web'
  user_hoy rm -f web
  setpriv --reuid $USER_ID --regid $USER_ID --clear-groups python3 -m http.server --bind 0.0.0.0 8082 >/dev/null 2>&1 3>&- &
  local server=$!
  eventually 10 curl -sf http://127.0.0.1:8082/ -o /dev/null
  expect 125 user_hoy run --rm -p 8082:80 "$IMAGE" true
  one_sentence "$output"
  contains "$output" 'port 8082/tcp of 0.0.0.0 is taken by a program on 0.0.0.0 (ss -lntup says which)'
  kill $server
  expect 125 user_hoy run --rm -p 80:80 "$IMAGE" true
  one_sentence "$output"
  contains "$output" 'net.ipv4.ip_unprivileged_port_start'
  expect 125 user_hoy run --rm -p 10.1.2.3:8080:80 "$IMAGE" true
  contains "$output" 'it is no address of this host'
  expect 125 user_hoy run --rm -p 8080:80/sctp "$IMAGE" true
  one_sentence "$output"
  contains "$output" 'knows tcp and udp'
}

@test "pasta is gone with its container, whoever was killed" {
  serve web -p 8080:80
  local shim pasta
  shim=$(ps -o ppid= -p "$(user_hoy inspect -f '{{.State.Pid}}' web)" | tr -d ' ') # an exec's may be there still
  pasta=$(pgrep -P "$shim" -f pasta)
  kill -9 "$shim"
  wait_gone "$pasta"
  # The container is found dead, and its port free.
  is "$(user_hoy ps -a --format '{{.Names}} {{.State}}')" 'web exited'
  is "$(pgrep -u $USER_ID httpd)" ''
  user_hoy rm web
  serve web -p 8080:80
  # What it has to say when nobody hears it does not end it.
  kill -PIPE "$(pgrep -u $USER_ID -f '^/usr/bin/pasta')"
  is "$(fetch 127.0.0.1:8080)" welcome
  # Without pasta it has no network, and ends as any other.
  kill -9 "$(pgrep -u $USER_ID -f '^/usr/bin/pasta')"
  is "$(user_hoy ps -q | wc -l)" 1
  user_hoy stop -t 1 web
  user_hoy rm web
  # hoy itself, while it starts.
  local i
  for i in 1 2 3 4 5 6 7 8; do
    as_user timeout -s KILL "0.0$i" "$T/hoy" run -d --name "try$i" -p 8080:80 "$IMAGE" sleep 600 >/dev/null 2>&1 3>&- || :
    # shellcheck disable=SC2046
    eventually 10 removed $(user_hoy ps -aq)
  done
}
removed() { (($# == 0)) || user_hoy rm -f "$@"; }

@test "without pasta, /dev/net/tun or a way out: one sentence each, and --network none and host" {
  mount --bind /dev/null /usr/bin/pasta
  run user_hoy run --rm "$IMAGE" true
  umount /usr/bin/pasta
  is "$status" 125
  one_sentence "$output"
  contains "$output" "Debian's package passt"
  chmod 600 "$T/net/tun"
  run user_hoy run --rm "$IMAGE" true
  chmod 666 "$T/net/tun"
  is "$status" 125
  one_sentence "$output"
  contains "$output" /dev/net/tun
  ip route delete default
  ip -6 route delete default
  run user_hoy run --rm "$IMAGE" true
  ip route add default via $OUT4
  ip -6 route add default via $OUT6
  is "$status" 125
  one_sentence "$output"
  contains "$output" "pasta could not connect the container with the host's network"
  expect 0 user_hoy run --rm --network none "$IMAGE" sh -c 'ls /sys/class/net'
  is "$output" lo
  expect 0 user_hoy run --rm --network host "$IMAGE" ifconfig up0
  contains "$output" $HERE4
  user_hoy run -d --name box "$IMAGE" sleep 600 3>&-
  expect 0 user_hoy run --rm --network container:box "$IMAGE" ifconfig eth0
  contains "$output" $HERE4
  user_hoy rm -f box
}

# The shim's own children are not born in a pid namespace that only its container joins: it could not come back.
@test "--pid container:X: with a network, a restart, a health check and a detached --rm" {
  user_hoy run -d --name donor --network none "$IMAGE" sleep 600 3>&-
  expect 0 user_hoy run --rm --pid container:donor "$IMAGE" sh -c 'ps; ifconfig eth0'
  contains "$output" '1 root     sleep 600'
  lacks "$output" pasta
  contains "$output" $HERE4
  user_hoy run -d --name again --pid container:donor --restart on-failure:2 "$IMAGE" sh -c 'echo try; exit 3' 3>&-
  eventually 20 tried 3
  user_hoy run -d --name well --pid container:donor --health-cmd true --health-interval 100ms "$IMAGE" sleep 600 3>&-
  eventually 10 has_health well healthy
  user_hoy rm -f again well
  user_hoy run -d --rm --name brief --pid container:donor "$IMAGE" true 3>&-
  eventually 10 alone_is donor
  user_hoy rm -f donor
}
alone_is() { [[ $(user_hoy ps -a --format '{{.Names}}') == "$1" ]]; }

@test "--pid host, --ipc host: what the host has mounted, and what is left at the end is killed" {
  expect 1 user_hoy run --rm --network none --pid host "$IMAGE" sh -c \
    "exec 2>&1; grep -c ' /proc ' /proc/self/mountinfo; echo \$\$; sleep 4711 & echo >/proc/sys/kernel/hostname"
  is "${lines[0]}" 1
  ((lines[1] > 10))
  contains "$output" 'Read-only file system'
  is "$(pgrep -u $USER_ID -f '^sleep 4711')" ''
  user_hoy run -d --name box --network none --pid host "$IMAGE" sh -c 'sleep 4712 & exec sleep 600' 3>&-
  user_hoy rm -f box
  is "$(pgrep -u $USER_ID -f '^sleep 4712')" ''
  expect 0 user_hoy run --rm --network none --ipc host "$IMAGE" sh -c 'readlink /proc/self/ns/ipc; grep " /dev/shm " /proc/self/mountinfo'
  is "${lines[0]}" "$(readlink /proc/self/ns/ipc)"
  contains "$(user_hoy explain --pid host --ipc host "$IMAGE")" '--pid host'
}

@test "without cgroups: an update of all that is no limit, and one sentence for what takes them" {
  local words
  user_hoy run -d --name box "$IMAGE" sleep 600 3>&-
  user_hoy update --restart always -e A=b --log-opt max-size=1m --pids-limit -1 box
  user_hoy update --mount-add "type=bind,src=$HOME,dst=/mnt/home" box
  expect 0 user_hoy exec box sh -c 'echo $A; grep -c /mnt/home /proc/mounts'
  is "$output" $'b\n1'
  is "$(user_hoy inspect -f '{{.HostConfig.RestartPolicy.Name}}' box)" always
  for words in '-m 64m' '--pids-limit 10' '--cpus 0.5' '--cpuset-cpus 0'; do
    expect 1 user_hoy update $words box
    one_sentence "$output"
    contains "$output" 'could not join or create cgroup'
  done
  for words in 'top box' 'pause box'; do
    expect 1 user_hoy $words
    one_sentence "$output"
    contains "$output" 'has no cgroups of its own'
    contains "$output" 'systemd-run --user --scope'
  done
  # Nothing is claimed that nobody counted.
  matches "$(user_hoy stats --no-stream --format '{{.CPUPerc}} {{.MemUsage}} {{.PIDs}} {{.NetIO}}' box)" '^-- -- -- [0-9.]+k?B / '
  expect 1 user_hoy update --net-rate in=1mbit box
  contains "$output" 'on the network pasta'
  expect 0 user_hoy update --restart no box
  user_hoy rm -f box
  expect 125 user_hoy run --rm --network none --cgroup-parent /other "$IMAGE" true
  one_sentence "$output"
  contains "$output" '--cgroup-parent /other: an ordinary user'
}

@test "what only root can set is refused with the reason" {
  expect 125 user_hoy run --rm --network none --ulimit nofile=100000000 "$IMAGE" true
  one_sentence "$output"
  contains "$output" 'the hard limit is '
  expect 125 user_hoy run --rm --network none --oom-score-adj -900 "$IMAGE" true
  one_sentence "$output"
  contains "$output" 'only root may make it less'
  expect 125 user_hoy run --rm --network none --storage-opt size=10m "$IMAGE" true
  one_sentence "$output"
  contains "$output" "is root's to set"
  expect 1 user_hoy volume create --opt size=10m small
  one_sentence "$output"
  contains "$output" "is root's to set"
}

# What an ordinary user's hoy does in its user namespace root does without one.
@test "explain --as sh: root makes the same container by hand, with pasta" {
  user_hoy explain --as sh -p 8080:80 "$IMAGE" sh -c 'ifconfig eth0; exit 7' >"$T/script"
  run sh "$T/script"
  is "$status" 7
  contains "$output" "inet addr:$HERE4"
  lacks "$output" busy
  is "$(find /tmp -maxdepth 1 -name 'hoy-by-hand.*')" ''
  eventually 10 no_pasta
}
no_pasta() { ! pgrep -f '^/usr/bin/pasta' >/dev/null; }

@test "make run: with pasta, or without a network" {
  cp "$BATS_TEST_DIRNAME/../scripts/run-base" "$T"
  mkdir -p "$T/few"
  ln -sf "$(command -v id)" "$T/few/id"
  local path interface
  for path in "$PATH" "$T/few"; do
    [[ $path == "$PATH" ]] && interface='eth0 lo' || interface=lo
    run as_user env -u HOY_ROOT -u HOY_RUNROOT PATH="$path" /bin/sh "$T/run-base" "$T/hoy" </dev/null
    is "$status" 0
    matches "$output" '(^|'$'\n'')process +pid 1, of 1'
    matches "$output" "(^|"$'\n'")interfaces +$interface "
    matches "$output" '(^|'$'\n'')seccomp +2 '
  done
}

@test "networks that take root are refused by name" {
  local words
  for words in bridge web cni:web; do
    expect 125 user_hoy run --rm --network $words "$IMAGE" true
    one_sentence "$output"
    contains "$output" 'which take root (sudo hoy)'
  done
  for words in '--mac-address 02:00:00:00:00:01' '--net-rate in=1mbit' '--firewall bypass' '--ip 10.55.0.9' '--network-alias x'; do
    # shellcheck disable=SC2086
    expect 125 user_hoy run --rm $words "$IMAGE" true
    one_sentence "$output"
  done
  expect 1 user_hoy network create web
  one_sentence "$output"
  contains "$output" 'network create: networks of hoy'
  user_hoy create --name box "$IMAGE" true
  expect 1 user_hoy network connect bridge box
  contains "$output" 'network connect: networks of hoy'
  expect 1 user_hoy network disconnect pasta box
  contains "$output" 'network disconnect: networks of hoy'
  expect 125 user_hoy run --rm --link box "$IMAGE" true
  one_sentence "$output"
  contains "$output" '--link: the containers of the network pasta have no names'
  user_hoy rm box
  expect 1 user_hoy image mount "$IMAGE"
  one_sentence "$output"
  # And root's hoy has no use for pasta.
  expect 125 "$HOY" --root "$T/root" --runroot "$T/run" run --rm --network pasta "$IMAGE" true
  contains "$output" "root's containers have bridges"
}

@test "a limit is refused where the user has no cgroup for it, and holds where he has" {
  expect 125 user_hoy run --rm --network none -m 64m "$IMAGE" true
  one_sentence "$output"
  contains "$output" 'cannot set memory limit'
  contains "$output" 'where a group with that controller is his own'
  expect 125 user_hoy run --rm --network none --pids-limit 10 "$IMAGE" true
  contains "$output" 'cannot set pids limit'
  [[ -d /sys/fs/cgroup/memory ]] || skip "there is no v1 hierarchy with memory"
  local hierarchy before
  before=$(cat /proc/self/cgroup)
  for hierarchy in memory pids; do
    mkdir "/sys/fs/cgroup/$hierarchy/given"
    chown -R $USER_ID:$USER_ID "/sys/fs/cgroup/$hierarchy/given"
  done
  in_given run -d --name box --network none -m 64m --pids-limit 10 "$IMAGE" sleep 600
  is "$(cat /sys/fs/cgroup/memory/given/hoy-*/memory.limit_in_bytes)" $((64 << 20))
  is "$(cat /sys/fs/cgroup/pids/given/hoy-*/pids.max)" 10
  user_hoy update -m 80m box
  is "$(cat /sys/fs/cgroup/memory/given/hoy-*/memory.limit_in_bytes)" $((80 << 20))
  user_hoy rm -f box
  in_given run --name big --network none -m 8m "$IMAGE" tail /dev/zero || is $? 137
  expect 0 user_hoy why big
  contains "$output" 'for want of memory'
  # What could not be read is not said to have had nothing.
  [[ $output != *'could not be read'* ]] || lacks "$output" 'nothing of it any more'
  user_hoy rm big
  for hierarchy in memory pids; do eventually 10 rmdir "/sys/fs/cgroup/$hierarchy/given"; done
  is "$(cat /proc/self/cgroup)" "$before"
}
in_given() (
  for hierarchy in memory pids; do echo $BASHPID >"/sys/fs/cgroup/$hierarchy/given/cgroup.procs"; done
  user_hoy "$@" 3>&- >/dev/null
)

@test "without ids in /etc/subuid, or newuidmap: one id, which is said" {
  : >/etc/subuid
  run user_hoy run --rm "$IMAGE" sh -c 'id -u; cat /proc/self/uid_map'
  local info other own_groups
  info=$(user_hoy info)
  other=$(user_hoy run --rm --network none -u 1000 "$IMAGE" true 2>&1) && return 1
  own_groups=$(user_hoy run --rm --network none --group-add 5 "$IMAGE" true 2>&1) && return 1
  echo tester:300000:65536 >/etc/subuid
  is "${lines[0]}" 0
  matches "${lines[1]}" "^ *0 +$USER_ID +1$"
  is "${#lines[@]}" 2
  contains "$info" 'Rootless: yes, with one id'
  one_sentence "$other"
  contains "$other" 'cannot become the group 1000: this user namespace does not have that id'
  one_sentence "$own_groups"
  mount --bind /dev/null /usr/bin/newuidmap
  run user_hoy run --rm --network none "$IMAGE" cat /proc/self/uid_map
  umount /usr/bin/newuidmap
  is "$status" 0
  is "${#lines[@]}" 1
}

@test "the helper that asks newuidmap ends early: it is said, and nothing goes on without ids" {
  # The first read of each process: the helper's is of the word that the namespace is there.
  run env -u HOY_ROOT -u HOY_RUNROOT USER=tester strace -f -u tester -o /dev/null -e trace=read \
    -e inject=read:error=EIO:when=1 "$T/hoy" ps
  is "$status" 1
  one_sentence "$output"
  contains "$output" 'newuidmap did not map the ids'
}

@test "an image whose files are of others, with one id: refused with the way out, and nothing is left" {
  local archive=$T/owners.tar
  : >/etc/subuid
  mkdir -p "$T/owners/bin"
  touch "$T/owners/bin/tool"
  chown 7:7 "$T/owners/bin/tool"
  tar -C "$T/owners" -cf "$archive" .
  run user_hoy import "$archive" owners:1
  echo tester:300000:65536 >/etc/subuid
  ((status != 0))
  contains "$output" '"bin/tool" belongs to 7:7'
  contains "$output" --add-subuids
  expect 0 user_hoy import "$archive" owners:1
  user_hoy rmi owners:1
}

@test "where user namespaces are switched off it says so" {
  # In a user namespace with a limit of its own: the machine's is everybody's.
  run as_user unshare --user --map-user=1000 --keep-caps env -u HOY_ROOT -u HOY_RUNROOT sh -c \
    'echo 0 >/proc/sys/user/max_user_namespaces && exec "$T/hoy" ps'
  is "$status" 1
  one_sentence "$output"
  contains "$output" user.max_user_namespaces
}

@test "what was started without XDG_RUNTIME_DIR is found when there is one" {
  local folder=/tmp/hoy-$USER_ID
  [[ ! -e /run/user/$USER_ID ]]
  XDG_RUNTIME_DIR='' user_hoy run -d --name early --network none "$IMAGE" sleep 600 3>&-
  expect 0 user_hoy exec early echo inside
  is "$output" inside
  is "$(user_hoy info --format '{{.RunRoot}}')" "$folder"
  user_hoy rm -f early
  eventually 10 runroot_is "$XDG_RUNTIME_DIR/hoy"
  # A link of somebody else's is no such place.
  rm -r "$folder"
  user_hoy run -d --name late --network none "$IMAGE" sleep 600 3>&-
  ln -s "$XDG_RUNTIME_DIR/hoy" "$folder"
  expect 0 user_hoy ps -q
  rm "$folder"
  user_hoy rm -f late
}
runroot_is() { [[ $(user_hoy info --format '{{.RunRoot}}') == "$1" ]]; }

@test "folders that are not the user's are not used" {
  mkdir "$T/others"
  chmod 700 "$T/others"
  HOME=$T/others XDG_DATA_HOME='' expect 1 user_hoy ps
  one_sentence "$output"
  contains "$output" HOY_ROOT
  expect 1 user_hoy --runroot "$T/others/run" ps
  one_sentence "$output"
}
