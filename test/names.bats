#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Names of containers on networks that users make: asked by dig, by glibc (getent) and by musl (lookup.c). The host's
# own server is dns-server.py, a wildcard for everything below example.test: what a container's name must not be
# taken for.

load lib

file_setup() {
  export LOOKUP=$BATS_FILE_TMPDIR/lookup HOST_RESOLV=$BATS_FILE_TMPDIR/resolv.conf SERVERS=$BATS_FILE_TMPDIR/servers
  musl-gcc -static -o "$LOOKUP" "$BATS_TEST_DIRNAME/lookup.c"
  ip link set lo up
  local last
  for last in 7 8; do
    "$BATS_TEST_DIRNAME/dns-server.py" "127.0.0.5$last" "$last" >"$BATS_FILE_TMPDIR/asked-$last" 2>&1 3>&- &
    echo $! >>"$SERVERS"
  done
  eventually 10 server_is_there 7
  eventually 10 server_is_there 8
  echo "nameserver 127.0.0.57" >"$HOST_RESOLV"
  mount --bind "$HOST_RESOLV" "$(readlink -f /etc/resolv.conf)"
  hoy network create app >/dev/null
}

file_teardown() {
  hoy network rm app >/dev/null
  umount "$(readlink -f /etc/resolv.conf)"
  xargs kill <"$SERVERS"
}

server_is_there() { [[ $(dig +short +time=1 "@127.0.0.5$1" a.example.test) == "203.0.113.$1" ]]; }

# in_network CONTAINER COMMAND...: with the container's network and its files, and the host's programs.
in_network() {
  local pid
  pid=$(field "$1" .State.Pid)
  nsenter -t "$pid" -n "${@:2}"
}
ask() { in_network "$1" dig +time=5 +tries=1 @127.0.0.11 "${@:2}"; }
short() { ask "$1" +short "${@:2}"; }
code() { ask "$@" | sed -n 's/.*status: \([A-Z]*\),.*/\1/p'; }
address() { field "$1" ".NetworkSettings.Networks.$2.IPAddress"; }
resolvers() { pgrep -c -x -u 78672 hoy-resolver -r S,R,D; }
no_resolver() { ! resolvers >/dev/null; }

sleeper() { hoy run -d --name "$1" --network "$2" "${@:3}" base sleep 600 >/dev/null; }

# with_glibc and with_musl: run options for a container that looks names up.
with_glibc() {
  hoy run --rm --network app "${@:2}" -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro base /usr/bin/getent ahosts "$1" |
    awk '/STREAM/ {print $1}'
}
with_musl() { hoy run --rm --network app "${@:2}" -v "$LOOKUP:/lookup:ro" base /lookup "$1"; }

@test "by name, alias, short id, and with the network's name; both versions; backwards" {
  sleeper web app --network-alias www
  sleeper db app
  local v4 v6 name
  v4=$(address web app)
  v6=$(field web .NetworkSettings.Networks.app.GlobalIPv6Address)
  for name in web WEB www web.app "$(field web .Id | cut -c 1-12)"; do
    is "$(short db "$name")" "$v4"
    is "$(short db "$name" AAAA)" "$v6"
    is "$(short db +tcp "$name")" "$v4"
  done
  is "$(short db -x "$v4")" web.app.
  is "$(short db -x "$v6")" web.app.
  is "$(code db web MX)" NOERROR
  is "$(short db host.docker.internal)" "$(field db .NetworkSettings.Networks.app.Gateway)"
  hoy rm -f web db >/dev/null
}

@test "glibc and musl find a container, and what is elsewhere" {
  sleeper web app
  local look v4
  v4=$(address web app)
  for look in with_glibc with_musl; do
    contains "$($look web)" "$v4"
    is "$($look some.example.test)" 203.0.113.7
    run $look nobody
    is "$output" "${output/203.0.113/}"
  done
  hoy rm -f web >/dev/null
}

@test "a search domain's wildcard is never taken for a container" {
  sleeper web app
  local look v4
  v4=$(address web app)
  for look in with_glibc with_musl; do
    contains "$($look web --dns-search example.test)" "$v4"
    lacks "$($look web --dns-search example.test)" 203.0.113
  done
  is "$(with_glibc elsewhere --dns-search example.test)" 203.0.113.7
  # Whoever asks for the search domains first is answered so: the names are the domain's.
  is "$(with_musl elsewhere --dns-search example.test --dns-option ndots:1)" 203.0.113.7
  hoy rm -f web >/dev/null
}

@test "resolv.conf: one server, the search domains, ndots unless it is given" {
  expect 0 hoy run --rm --network app --dns-search a.test --dns 127.0.0.58 base cat /etc/resolv.conf
  is "$output" $'nameserver 127.0.0.11\nsearch a.test\noptions ndots:0'
  expect 0 hoy run --rm --network app --dns-option ndots:2 base cat /etc/resolv.conf
  is "$output" $'nameserver 127.0.0.11\noptions ndots:2'
  expect 0 hoy run --rm base cat /etc/resolv.conf
  lacks "$output" 127.0.0.11
}

@test "forwarded to --dns, else to the host's servers as they are now" {
  sleeper own app --dns 127.0.0.58
  sleeper host app
  is "$(short own some.example.test)" 203.0.113.8
  is "$(short host some.example.test)" 203.0.113.7
  is "$(short host +tcp some.example.test)" 203.0.113.7
  is "$(code host no.such.test)" NXDOMAIN
  echo "nameserver 127.0.0.58" >"$HOST_RESOLV"
  eventually 10 eval 'is "$(short host some.example.test)" 203.0.113.8'
  echo "nameserver 127.0.0.57" >"$HOST_RESOLV"
  eventually 10 eval 'is "$(short host some.example.test)" 203.0.113.7'
  hoy rm -f own host >/dev/null
}

@test "an internal network's containers find each other, and nobody else" {
  hoy network create --internal inner >/dev/null
  sleeper web inner
  sleeper db inner
  is "$(short db web)" "$(address web inner)"
  is "$(code db some.example.test)" SERVFAIL
  hoy rm -f web db >/dev/null
  hoy network rm inner >/dev/null
}

@test "only the networks that the container is on; connect, disconnect and rename at once" {
  hoy network create other >/dev/null
  sleeper web app
  sleeper far other
  is "$(short web far)" ""
  hoy network connect --alias near other web
  is "$(short web far)" "$(address far other)"
  is "$(short far near)" "$(address web other)"
  hoy rename far gone
  is "$(short web far)" ""
  is "$(short web gone)" "$(address gone other)"
  hoy network disconnect other web
  is "$(short web gone)" ""
  is "$(short gone near)" ""
  hoy rm -f web gone >/dev/null
  hoy network rm other >/dev/null
}

@test "a container of the default network that comes to another one" {
  sleeper web app
  sleeper plain bridge
  lacks "$(hoy exec plain cat /etc/resolv.conf)" 127.0.0.11
  hoy network connect app plain
  contains "$(hoy exec plain cat /etc/resolv.conf)" 127.0.0.11
  is "$(short plain web)" "$(address web app)"
  is "$(short web plain)" "$(address plain app)"
  hoy rm -f web plain >/dev/null
}

@test "one that has ended is not found, whether anybody looked at it or not" {
  sleeper web app
  sleeper brief app
  is "$(short web brief)" "$(address brief app)"
  kill -9 "$(field brief .State.Pid)"
  eventually 10 eval 'is "$(short web brief)" ""'
  hoy rm -f web brief >/dev/null
}

@test "port 53 is the container's own" {
  sleeper web app
  hoy run -d --name server --network app base nc -l -p 53 >/dev/null
  eventually 10 eval 'in_network server ss -ltn | grep -q ":53 "'
  is "$(short server web)" "$(address web app)"
  is "$(short server +tcp web)" "$(address web app)"
  hoy rm -f web server >/dev/null
}

@test "container:X has the names of X" {
  sleeper web app
  sleeper db app
  expect 0 hoy run --rm --network container:db -v "$LOOKUP:/lookup:ro" base /lookup web
  contains "$output" "$(address web app)"
  hoy rm -f web db >/dev/null
}

@test "the resolver: nobody's user, no capability, confined; gone with the last container" {
  sleeper web app
  local pid status
  pid=$(pgrep -x -u 78672 -r S,R hoy-resolver)
  status=$(cat "/proc/$pid/status")
  matches "$status" $'Uid:\t78672\t78672\t78672\t78672'
  matches "$status" $'CapBnd:\t0000000000000000'
  matches "$status" $'CapPrm:\t0000000000000000'
  matches "$status" $'NoNewPrivs:\t1'
  matches "$status" $'Seccomp:\t2'
  hoy rm -f web >/dev/null
  eventually 10 no_resolver
}

@test "a resolver that was killed: the next one serves everybody again" {
  sleeper web app
  sleeper db app
  pkill_resolver
  sleeper late app
  is "$(short db web)" "$(address web app)"
  is "$(short web late)" "$(address late app)"
  is "$(resolvers)" 1
  pkill_resolver
  hoy network create other >/dev/null
  hoy network connect other web
  is "$(short db late)" "$(address late app)"
  hoy rm -f web db late >/dev/null
  hoy network rm other >/dev/null
  eventually 10 no_resolver
}

pkill_resolver() {
  kill -9 "$(pgrep -x -u 78672 -r S,R hoy-resolver)"
  eventually 10 no_resolver
}

@test "forty at once, twice: each is found, and one resolver serves them" {
  local round i
  for round in 1 2; do
    sleeper asker app
    for i in {1..40}; do sleeper "n$i" app & done
    wait
    for i in {1..40}; do is "$(short asker "n$i")" "$(address "n$i" app)"; done
    is "$(resolvers)" 1
    # shellcheck disable=SC2046
    hoy rm -f $(hoy ps -aq) >/dev/null
    eventually 10 no_resolver
  done
}
