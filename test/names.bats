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
  for last in 3 7 8; do
    "$BATS_TEST_DIRNAME/dns-server.py" "127.0.0.5$last" "$last" >"$BATS_FILE_TMPDIR/asked-$last" 2>&1 3>&- &
    echo $! >>"$SERVERS"
  done
  for last in 3 7 8; do eventually 10 server_is_there "$last"; done
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
# flags CONTAINER QUESTION: " qr aa rd ra", and what code it came with.
flags() { ask "$@" | sed -n 's/^;; flags:\([a-z ]*\);.*/\1 /p'; }
code() { ask "$@" | sed -n 's/.*status: \([A-Z]*\),.*/\1/p'; }
address() { field "$1" ".NetworkSettings.Networks.$2.IPAddress"; }
resolver() { pgrep -x -u 78672 -r S,R hoy-resolver; }
resolvers() { pgrep -c -x -u 78672 hoy-resolver -r S,R,D; }
no_resolver() { ! resolvers >/dev/null; }

names_files() { find "$HOY_RUNROOT/networks" -mindepth 2 -regextype egrep -regex '.*/[0-9a-f]{64}'; }
bad() { in_network "$1" timeout 60 "$BATS_TEST_DIRNAME/bad-questions.py" "${@:2}"; }

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
  is "$(short db host.docker.internal AAAA)" "$(field db .NetworkSettings.Networks.app.IPv6Gateway)"
  contains "$(hoy exec db nslookup web)" "Address: $v4"
  contains "$(hoy exec db nslookup web)" "Address: $v6"
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
  contains "$(with_musl web)" "$(field web .NetworkSettings.Networks.app.GlobalIPv6Address)"
  hoy pull -q "$REGISTRY/debian:12" >/dev/null
  contains "$(hoy run --rm --network app "$REGISTRY/debian:12" getent hosts web)" web
  contains "$(hoy run --rm --network app "$REGISTRY/debian:12" getent ahostsv4 web)" "$v4"
  expect 2 hoy run --rm --network app "$REGISTRY/debian:12" getent hosts nobody
  hoy rmi "$REGISTRY/debian:12" >/dev/null
  hoy rm -f web >/dev/null
}

@test "a name with one IP version: nothing for the other one, which is not the same as no such name" {
  hoy network create --ipv6=false four >/dev/null
  sleeper web four
  is "$(short web web)" "$(address web four)"
  is "$(code web web AAAA)" NOERROR
  is "$(short web web AAAA)" ""
  is "$(hoy run --rm --network four -v "$LOOKUP:/lookup:ro" base /lookup web)" "$(address web four)"
  hoy rm -f web >/dev/null
  hoy network rm four >/dev/null
}

@test "names with dots and dashes, of 63 and 64 characters; two dots in a row" {
  local long
  long=$(printf 'a%.0s' {1..63})
  sleeper "$long" app
  sleeper "${long}b" app --network-alias short
  sleeper a.b-c_d app --network-alias x..y
  is "$(short a.b-c_d "$long")" "$(address "$long" app)"
  is "$(short a.b-c_d -x "$(address "$long" app)")" "$long.app."
  is "$(short a.b-c_d short)" "$(address "${long}b" app)"
  is "$(short a.b-c_d -x "$(address "${long}b" app)")" short.app.
  is "$(short "$long" a.b-c_d)" "$(address a.b-c_d app)"
  is "$(short "$long" A.B-C_D.APP)" "$(address a.b-c_d app)"
  is "$(short "$long" -x "$(address a.b-c_d app)")" a.b-c_d.app.
  hoy rm -f "$long" "${long}b" a.b-c_d >/dev/null
}

@test "links: a name for one container alone; --hostname, --domainname and --add-host" {
  sleeper web app
  sleeper db app --link web:store
  is "$(short db store)" "$(address web app)"
  is "$(short web store)" ""
  sleeper boat app --hostname ship --domainname sea.test --add-host other:10.1.2.3 --add-host up:host-gateway
  is "$(hoy exec boat hostname)" ship
  is "$(hoy exec boat hostname -f)" ship.sea.test
  contains "$(hoy exec boat cat /etc/hosts)" $'10.1.2.3\tother'
  contains "$(hoy exec boat cat /etc/hosts)" "$(field boat .NetworkSettings.Networks.app.Gateway)"$'\tup'
  is "$(short web ship)" "$(address boat app)"
  # What leads to the host follows the networks.
  hoy network create --subnet 10.98.0.0/24 aside >/dev/null
  hoy network connect aside boat
  hoy network disconnect app boat
  contains "$(hoy exec boat cat /etc/hosts)" $'10.98.0.1\tup'
  hoy network connect app boat
  hoy network disconnect aside boat
  contains "$(hoy exec boat cat /etc/hosts)" "$(field boat .NetworkSettings.Networks.app.Gateway)"$'\tup'
  hoy network rm aside >/dev/null
  hoy rm -f web db boat >/dev/null
}

@test "the host has its name on the default network, too" {
  contains "$(hoy run --rm base cat /etc/hosts)" host.docker.internal
  expect 0 hoy run --rm base ping -c 1 -W 5 host.docker.internal
  lacks "$(hoy run --rm --network none base cat /etc/hosts)" host.docker
  contains "$(hoy run --rm --network none --add-host h:host-gateway base cat /etc/hosts)" $'.1\th'
  contains "$(hoy run --rm --network host --add-host h:host-gateway base cat /etc/hosts)" $'127.0.0.1\th'
  contains "$(hoy run --rm --add-host host.docker.internal:10.1.2.3 base cat /etc/hosts)" $'10.1.2.3\thost.docker.internal'
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
  # How long the host waits for one of its servers is not how long the resolver takes to go through them.
  printf 'nameserver 127.0.0.57\noptions timeout:1 attempts:1 rotate edns0\n' >"$HOST_RESOLV"
  expect 0 hoy run --rm --network app base cat /etc/resolv.conf
  is "$output" $'nameserver 127.0.0.11\noptions edns0 ndots:0'
  expect 0 hoy run --rm --network app --dns-option timeout:1 base cat /etc/resolv.conf
  is "$output" $'nameserver 127.0.0.11\noptions timeout:1 ndots:0'
  echo "nameserver 127.0.0.57" >"$HOST_RESOLV"
  expect 0 hoy run --rm base cat /etc/resolv.conf
  lacks "$output" 127.0.0.11
}

@test "forwarded to the host's servers as they are now" {
  sleeper host app
  is "$(short host some.example.test)" 203.0.113.7
  is "$(short host +tcp some.example.test)" 203.0.113.7
  is "$(code host no.such.test)" NXDOMAIN
  echo "nameserver 127.0.0.58" >"$HOST_RESOLV"
  eventually 10 eval 'is "$(short host some.example.test)" 203.0.113.8'
  echo "nameserver 127.0.0.53" >"$HOST_RESOLV" # where systemd-resolved would be
  eventually 10 eval 'is "$(short host some.example.test)" 203.0.113.3'
  echo "nameserver 127.0.0.57" >"$HOST_RESOLV"
  eventually 10 eval 'is "$(short host some.example.test)" 203.0.113.7'
  hoy rm -f host >/dev/null
}

# serve_inside CONTAINER ADDRESS LAST: a server in it, until it is killed by end_servers.
serve_inside() {
  nsenter -t "$(field "$1" .State.Pid)" -n "$BATS_TEST_DIRNAME/dns-server.py" "$2" "$3" >/dev/null 2>&1 3>&- &
  inside+=($!)
  eventually 10 eval "[[ \$(in_network $1 dig +short +time=1 '@$2' a.example.test) == 203.0.113.$3 ]]"
}
end_servers() {
  kill "${inside[@]}"
  wait "${inside[@]}" || true
}

@test "--dns: asked from the container, at its own loopback or wherever it gets to itself" {
  local inside=() at
  hoy network create other >/dev/null
  sleeper own app --dns 127.0.0.1
  serve_inside own 127.0.0.1 8
  serve_inside own "$(address own app)" 9
  sleeper six app --dns ::1
  serve_inside six ::1 6
  sleeper near app --dns "$(address own app)"
  sleeper far other --dns "$(address own app)"
  sleeper none app --dns 127.0.0.57 # the host's
  for at in before after; do
    echo "$at the resolver is killed"
    is "$(short own some.example.test)" 203.0.113.8
    is "$(short own +tcp some.example.test)" 203.0.113.8
    is "$(short six some.example.test)" 203.0.113.6
    is "$(short six +tcp some.example.test)" 203.0.113.6
    is "$(short near some.example.test)" 203.0.113.9
    is "$(code none some.example.test)" SERVFAIL
    is "$(short none near)" "$(address near app)"
    # shellcheck disable=SC2046
    [[ $at == after ]] || kill -9 $(resolver)
    eventually 20 eval 'is "$(resolvers)" 2'
    eventually 10 eval 'is "$(short own near)" "$(address near app)"'
  done
  is "$(code far some.example.test)" SERVFAIL
  # Far more than there are sockets for it: they are used again.
  seq -f 'n%g.example.test' 200 >"$BATS_TEST_TMPDIR/names"
  is "$(short own -f "$BATS_TEST_TMPDIR/names" | grep -c 203.0.113.8)" 200
  is "$(short six +tcp -f "$BATS_TEST_TMPDIR/names" | grep -c 203.0.113.6)" 200
  end_servers
  hoy rm -f own six near far none >/dev/null
  hoy network rm other >/dev/null
}

# serve_names ADDRESS: a server of the host's that the test ends.
serve_names() {
  "$BATS_TEST_DIRNAME/dns-server.py" "$1" 9 >/dev/null 2>&1 3>&- &
  server=$!
  eventually 10 eval "[[ \$(dig +short +time=1 '@$1' a.example.test) == 203.0.113.9 ]]"
}

@test "a server of the host's with an IPv6 address: a unique one, and one that needs its link's name" {
  local at server
  sleeper host app
  ip address add fd53::53/128 dev lo nodad
  ip address add fe80::53/64 dev lo nodad
  for at in ::1 fd53::53 fe80::53%lo; do
    serve_names "$at"
    echo "nameserver $at" >"$HOST_RESOLV"
    eventually 10 eval 'is "$(short host some.example.test)" 203.0.113.9'
    is "$(short host +tcp some.example.test)" 203.0.113.9
    is "$(short host large.example.test | wc -l)" 60
    kill "$server"
  done
  # A link that comes later, and is made anew.
  echo "nameserver fe80::53%eth0" >"$HOST_RESOLV"
  for _ in 1 2; do
    ip link add eth0 type veth peer name far # (dig knows that name where it is run, too)
    ip link set eth0 up
    ip link set far up
    ip address add fe80::53/64 dev eth0 nodad
    serve_names fe80::53%eth0
    eventually 10 eval 'is "$(short host some.example.test)" 203.0.113.9'
    kill "$server"
    ip link delete eth0
  done
  echo "nameserver 127.0.0.57" >"$HOST_RESOLV"
  eventually 10 eval 'is "$(short host some.example.test)" 203.0.113.7'
  ip address delete fd53::53/128 dev lo
  ip address delete fe80::53/64 dev lo
  hoy rm -f host >/dev/null
}

@test "systemd-resolved: a link to a file of its own, also one that comes while the resolver runs" {
  local etc=$BATS_TEST_TMPDIR/etc
  cp -a /etc "$etc"
  rm -f "$etc/resolv.conf"
  echo "nameserver 127.0.0.57" >"$etc/resolv.conf"
  mkdir -p /run/systemd
  mount --bind "$etc" /etc
  mount -t tmpfs run /run/systemd
  sleeper host app
  is "$(short host some.example.test)" 203.0.113.7
  # It is installed: its directory was not there when the resolver gave up its rights.
  mkdir /run/systemd/resolve
  echo "nameserver 127.0.0.53" >/run/systemd/resolve/stub-resolv.conf
  ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
  eventually 20 eval 'is "$(short host some.example.test)" 203.0.113.3'
  # Its file is replaced, as it does that, and the link goes elsewhere.
  echo "nameserver 127.0.0.58" >/run/systemd/resolve/new
  mv /run/systemd/resolve/new /run/systemd/resolve/stub-resolv.conf
  eventually 10 eval 'is "$(short host some.example.test)" 203.0.113.8'
  echo "nameserver 127.0.0.57" >/run/systemd/resolve/resolv.conf
  ln -sf /run/systemd/resolve/resolv.conf /etc/resolv.conf
  eventually 10 eval 'is "$(short host some.example.test)" 203.0.113.7'
  # Containers of the default network have no use for the stub, and get the servers behind it.
  echo "nameserver 127.0.0.53" >/run/systemd/resolve/stub-resolv.conf
  echo "nameserver 192.0.2.53" >/run/systemd/resolve/resolv.conf
  ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
  is "$(hoy run --rm base grep ^nameserver /etc/resolv.conf)" "nameserver 192.0.2.53"
  # Where nobody has it but this host; and its file is replaced.
  local own=$BATS_TEST_TMPDIR/own
  mkdir "$own"
  chmod a+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR/.." "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.."
  echo "nameserver 127.0.0.58" >"$own/names"
  ln -sf "$own/names" /etc/resolv.conf
  eventually 20 eval 'is "$(short host some.example.test)" 203.0.113.8'
  echo "nameserver 127.0.0.57" >"$own/new"
  mv "$own/new" "$own/names"
  eventually 20 eval 'is "$(short host some.example.test)" 203.0.113.7'
  hoy rm -f host >/dev/null
  umount /run/systemd /etc
}

@test "an internal network's containers find each other, and nobody else" {
  hoy network create --internal inner >/dev/null
  sleeper web inner
  sleeper db inner
  is "$(short db web)" "$(address web inner)"
  is "$(code db some.example.test)" SERVFAIL
  # But a server that is among them may be asked.
  local inside=()
  serve_inside web "$(address web inner)" 9
  sleeper own inner --dns "$(address web inner)"
  is "$(short own some.example.test)" 203.0.113.9
  end_servers
  hoy rm -f web db own >/dev/null
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
  # Its shim looks after that resolver: another one comes without anybody's command, or another container's shim.
  local i
  hoy rm -f web >/dev/null
  for i in 1 2; do
    kill_resolver
    eventually 20 eval 'is "$(resolvers)" 1'
    eventually 10 eval 'is "$(short plain plain)" "$(address plain app)"'
  done
  hoy network disconnect app plain
  sleeper web app
  hoy network connect app plain
  kill_resolver
  eventually 20 eval 'is "$(short plain web)" "$(address web app)"'
  hoy rm -f web plain >/dev/null
  eventually 10 no_resolver
}

@test "one that has ended is not found, whether anybody looked at it or not" {
  sleeper web app
  sleeper brief app
  is "$(short web brief)" "$(address brief app)"
  kill -9 "$(field brief .State.Pid)"
  eventually 10 eval 'is "$(short web brief)" ""'
  hoy rm -f web brief >/dev/null
}

# The zone is looked into by who asks, not by a command of hoy's.
@test "nor is one that came to a network while it ran, or its second name there" {
  sleeper web app
  sleeper plain bridge
  sleeper db app
  hoy network create other >/dev/null
  hoy network connect app plain
  hoy network connect other db
  local web far pids
  web=$(field web .State.Pid)
  pids=("$(field plain .State.Pid)" "$(field db .State.Pid)")
  sleeper far other
  far=$(field far .State.Pid)
  is "$(short far db)" "$(address db other)"
  kill -9 "${pids[@]}"
  eventually 5 is_unknown "$web" plain
  eventually 5 is_unknown "$far" db
  is "$(hoy ps -a --format '{{.Names}}: {{.Status}}' --filter status=exited | sed 's/ (137.*//' | sort | tr '\n' ' ')" \
    "db: Exited plain: Exited "
  hoy rm -f web plain db far >/dev/null
  hoy network rm other >/dev/null
}
is_unknown() { [[ $(nsenter -t "$1" -n dig +time=2 +tries=1 @127.0.0.11 "$2") == *NXDOMAIN* ]]; }

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
  pid=$(resolver)
  status=$(cat "/proc/$pid/status")
  matches "$status" $'Uid:\t78672\t78672\t78672\t78672'
  matches "$status" $'CapBnd:\t0000000000000000'
  matches "$status" $'CapPrm:\t0000000000000000'
  matches "$status" $'NoNewPrivs:\t1'
  matches "$status" $'Seccomp:\t2'
  hoy rm -f web >/dev/null
  eventually 10 no_resolver
}

@test "a resolver that was killed, again and again: the next one serves everybody, without a command" {
  sleeper web app
  sleeper db app
  local i
  for i in 1 2 3; do
    kill_resolver
    eventually 20 eval 'is "$(resolvers)" 1'
    eventually 10 eval 'is "$(short db web)" "$(address web app)"'
    is "$(short web +tcp db)" "$(address db app)"
    is "$(short web -x "$(address db app)")" db.app.
  done
  hoy rm -f web >/dev/null
  is "$(resolvers)" 1
  hoy rm -f db >/dev/null
  eventually 10 no_resolver
}

@test "a resolver that was killed: a start or a connect at that moment, and each is served once" {
  sleeper web app
  sleeper db app
  kill -9 "$(resolver)"
  sleeper late app
  # Those that it served are heard by the next one a moment later.
  eventually 10 eval 'is "$(short web late)" "$(address late app)"'
  eventually 10 eval 'is "$(short db web)" "$(address web app)"'
  eventually 10 eval 'is "$(resolvers)" 1'
  hoy network create other >/dev/null
  kill -9 "$(resolver)"
  hoy network connect other web
  sleeper far other
  eventually 10 eval 'is "$(short web far)" "$(address far other)"'
  eventually 10 eval 'is "$(short far web)" "$(address web other)"'
  is "$(short db late)" "$(address late app)"
  # Its resolver is another one's from now on, which is the shim's to hold.
  hoy network disconnect app web
  is "$(short web far)" "$(address far other)"
  is "$(short web db)" ""
  hoy rm -f db late >/dev/null
  eventually 10 eval 'is "$(resolvers)" 1'
  is "$(short web far)" "$(address far other)"
  hoy rm -f web far >/dev/null
  hoy network rm other >/dev/null
  eventually 10 no_resolver
}

@test "a resolver that hangs holds nobody up: another one takes its place" {
  local pid
  sleeper db app
  sleeper web app
  hoy network disconnect app web
  pid=$(resolver)
  kill -STOP "$pid"
  expect 0 timeout 20 "$HOY" network connect app web
  expect 0 timeout 20 "$HOY" ps -q
  is "$(short web db)" "$(address db app)"
  is "$(short db web)" "$(address web app)"
  kill -CONT "$pid"
  hoy rm -f web db >/dev/null
  eventually 10 no_resolver
}

kill_resolver() {
  local pid
  pid=$(resolver)
  kill -9 "$pid"
  wait_gone "$pid"
}

@test "forty at once, twice: each is found, and one resolver serves them" {
  local round i pids
  for round in first second; do
    echo "the $round time"
    sleeper asker app
    pids=()
    for i in {1..40}; do
      sleeper "n$i" app --network-alias all &
      pids+=($!)
    done
    wait "${pids[@]}"
    for i in {1..40}; do is "$(short asker "n$i")" "$(address "n$i" app)"; done
    is "$(resolvers)" 1
    # More than 512 bytes: cut for who can't take more, and then whole by TCP.
    is "$(short asker all | sort -u | grep -c .)" 40
    contains "$(flags asker +noedns +ignore all)" " tc "
    is "$(short asker +noedns all | sort -u | grep -c .)" 40
    [[ $(short asker all | head -n 1) != "$(short asker all | head -n 1)" ]]
    (($(awk '/VmRSS/ {print $2}' "/proc/$(resolver)/status") < 8192))
    # shellcheck disable=SC2046
    hoy rm -f $(hoy ps -aq) >/dev/null
    eventually 10 no_resolver
  done
}

@test "stopped, started and restarted: found while it runs" {
  sleeper web app
  sleeper db app
  hoy stop -t 0 web >/dev/null
  is "$(short db web)" ""
  hoy start web >/dev/null
  is "$(short db web)" "$(address web app)"
  is "$(short web db)" "$(address db app)"
  hoy restart -t 0 web >/dev/null
  is "$(short db web)" "$(address web app)"
  is "$(short web db)" "$(address db app)"
  hoy rm -f web db >/dev/null
}

@test "two roots at once, with networks and containers of the same names" {
  local other=(env HOY_ROOT="$BATS_TEST_TMPDIR/root" HOY_RUNROOT="$BATS_TEST_TMPDIR/run" "$HOY") theirs
  "${other[@]}" network create app >/dev/null
  "${other[@]}" run -d --name web --network app base sleep 600 >/dev/null
  sleeper web app
  sleeper db app
  is "$(resolvers)" 2
  theirs=$("${other[@]}" inspect -f '{{.NetworkSettings.Networks.app.IPAddress}}' web)
  [[ $theirs != "$(address web app)" ]]
  is "$(short db web)" "$(address web app)"
  contains "$("${other[@]}" exec web nslookup web)" "$theirs"
  "${other[@]}" rm -f web >/dev/null
  "${other[@]}" network rm app >/dev/null
  eventually 10 eval 'is "$(resolvers)" 1'
  is "$(short db web)" "$(address web app)"
  hoy rm -f web db >/dev/null
}

@test "hoy killed at any moment of a start: no name and no resolver stays" {
  local i
  for i in {1..9} {10..40..3}; do
    timeout -s KILL "0.$(printf %03d "$i")" "$HOY" run -d --name "n$i" --network app base sleep 600 >/dev/null 2>&1 || true
  done
  # shellcheck disable=SC2046
  hoy rm -f $(hoy ps -aq) >/dev/null
  eventually 10 no_resolver
  is "$(names_files)" ""
}

@test "servers of the host: one that is silent or refuses is followed by the next; UDP by TCP" {
  sleeper host app
  printf 'nameserver 127.0.0.57\nnameserver 127.0.0.58\n' >"$HOST_RESOLV"
  eventually 10 eval 'is "$(short host refused.example.test)" 203.0.113.8'
  is "$(short host silent.example.test)" 203.0.113.8
  is "$(short host +tcp refused.example.test)" 203.0.113.8
  echo "nameserver 127.0.0.57" >"$HOST_RESOLV"
  eventually 10 eval 'is "$(code host refused.example.test)" SERVFAIL'
  contains "$(flags host +ignore tcp.example.test)" " tc "
  is "$(short host tcp.example.test)" 203.0.113.7
  contains "$(flags host +noedns +ignore large.example.test)" " tc "
  is "$(short host +noedns large.example.test | grep -c .)" 60
  is "$(short host +bufsize=4096 +notcp large.example.test | grep -c .)" 60
  hoy rm -f host >/dev/null
}

@test "servers that lie: nothing that can't be read goes on, nothing that was forged is taken" {
  local name way inside=()
  sleeper host app --dns 127.0.0.1
  serve_inside host 127.0.0.1 7
  for way in +notcp +tcp; do
    for name in broken loop; do is "$(code host $way $name.example.test)" SERVFAIL; done
  done
  for name in {1..20}; do is "$(short host "spoofed$name.example.test")" 203.0.113.7; done
  end_servers
  hoy rm -f host >/dev/null
}

@test "questions that no honest client asks: the others are answered all the while, by the same resolver" {
  sleeper web app
  sleeper db app
  local kind pid
  pid=$(resolver)
  for kind in cut pointers oversized random answers; do
    bad db $kind
    is "$(short web db)" "$(address db app)"
    is "$(short db web)" "$(address web app)"
  done
  is "$(resolver)" "$pid"
  hoy rm -f web db >/dev/null
}

@test "connections that are left half open, and a flood: the others are answered all the while" {
  sleeper web app
  sleeper db app
  local i bad
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  bad db half-open <"$BATS_TEST_TMPDIR/fifo" >"$BATS_TEST_TMPDIR/open" 3>&- &
  exec 9>"$BATS_TEST_TMPDIR/fifo"
  wait_line "$BATS_TEST_TMPDIR/open" open
  is "$(short web +tcp db)" "$(address db app)"
  is "$(short db +tcp web)" "$(address web app)"
  exec 9>&-
  wait $!
  nsenter -t "$(field db .State.Pid)" -n "$BATS_TEST_DIRNAME/bad-questions.py" flood >"$BATS_TEST_TMPDIR/flood" 3>&- &
  bad=$!
  wait_line "$BATS_TEST_TMPDIR/flood" flooding
  for i in {1..20}; do
    is "$(short web db)" "$(address db app)"
    is "$(short web "number$i.example.test")" 203.0.113.7
    is "$(short web +tcp "number$i.example.test")" 203.0.113.7
  done
  kill "$bad"
  wait "$bad" || true
  eventually 10 eval 'is "$(short db web)" "$(address web app)"'
  hoy rm -f web db >/dev/null
}
