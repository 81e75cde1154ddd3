#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# network why FROM TO: each way in which a packet can end is made, and has to be told by its name.

load lib
load outside

file_setup() {
  outside_add
  BRIDGE=hoy-$(hoy network create one | cut -c 1-10)
  export BRIDGE
  sleeper from --network one
  server web --network one -p 8080:80 -p 8081:81
}

file_teardown() {
  hoy rm -f from web >/dev/null
  hoy network rm one >/dev/null
  outside_remove
}

test_setup() { SERVER=''; }

test_teardown() {
  [[ -z $SERVER ]] || { kill "$SERVER"; wait "$SERVER"; } 2>/dev/null
  # shellcheck disable=SC2046
  hoy rm -f $(hoy ps -aq --filter name=other) >/dev/null 2>&1
  hoy network rm two >/dev/null 2>&1
  nft delete table inet fw 2>/dev/null
  nft delete table bridge fw 2>/dev/null
  nft delete table netdev fw 2>/dev/null
  hoy ps >/dev/null # puts back
}

# lib's own would take the file's containers for leftovers.
teardown() {
  test_teardown || true
  audit_compare "$BATS_TEST_TMPDIR/.audit"
}

sleeper() { hoy run -d --name "$@" base sleep 600 >/dev/null; }
listens() { nsenter --net="/proc/$(field "$1" .State.Pid)/ns/net" ss -Hltn | grep -q ":${2:-80} "; }
server() {
  local name=$1
  hoy run -d --name "$@" base httpd -f -p "${LISTEN:-80}" >/dev/null
  eventually 10 listens "$name"
}
host_end() { sqlite3 "$HOY_ROOT/hoy.db" "SELECT host_interface FROM endpoint WHERE container_id = (SELECT id FROM container WHERE name = '$1')"; }
firewall() { printf 'table inet fw {\n%s\n}\n' "$1" | nft -f -; }

# through FROM TO: it gets there. Several may be.
through() {
  expect 0 hoy network why "$@"
  contains "$output" "It gets through."
}
# ends FROM TO STAGE WORDS: in that stage, for that reason.
ends() {
  expect 1 hoy network why "$1" "$2"
  contains "$output" "It does not get through."
  grep '^✗' <<<"$output" | grep -E "^✗ +$3 " | grep -qF -- "$4" || { echo "$output"; echo "no: $3: $4"; false; }
}
advises() { grep -A 20 '^Try:' <<<"$output" | grep -qF -- "$1" || { echo "$output"; echo "no advice: $1"; false; }; }

@test "what gets through: containers, the host, published ports, outside, both IP versions" {
  through from web:80
  contains "$output" "from finds web at"
  contains "$output" "a connection to port 80 is made"
  through from web
  contains "$output" "an echo request is answered"
  through host web:80
  through host 127.0.0.1:8080
  through host '[::1]:8080'
  through host 198.51.100.1:8080
  contains "$output" "port 8080/tcp of the host is published: it leads to web, port 80 at"
  through from host:8080
  through from 198.51.100.1:8080
  through from '[2001:db8::1]:8080'
  through from 198.51.100.2
  through from 2001:db8::2
  through web from
  through from from
}

@test "from outside nothing can be tried, and what can be seen is" {
  expect 0 hoy network why 198.51.100.2 198.51.100.1:8080
  contains "$output" "answers go back to it by outer"
  contains "$output" "Nothing that can be seen from here is in the way."
  expect 0 hoy network why 2001:db8::2 host:8080
  contains "$output" "at fd"
  expect 0 hoy network why 198.51.100.2 web:80
  contains "$output" "port 80/tcp of web is published as port 8080 of 0.0.0.0: that is where to send"
  ends 198.51.100.2 web:7 port "port 7/tcp of web is not published: from outside of this host nobody gets there"
  advises "hoy update --publish-add 7:7/tcp web"
  ends 198.51.100.2 198.51.100.1:8089 port "port 8089/tcp of the host is not published"
  ends 198.51.100.2 198.51.100.1:8081 listener "nobody on web listens on port 81/tcp"
  ends 198.51.100.2 '[2001:db8::1]:8080' route "of two versions of IP"
  # Whoever is outside has an address of one version, and comes to that of the container.
  expect 0 hoy network why 2001:db8::2 web:80
  contains "$output" "port 80/tcp of web is published as port 8080 of ::: that is where to send"
  server other --network one --firewall respect -p 8090:80
  expect 0 hoy network why 198.51.100.2 other:80
  contains "$output" "its firewall has to let port 8090/tcp in"
  hoy network create -o com.docker.network.bridge.gateway_mode_ipv4=routed two >/dev/null
  server other2 --network two
  expect 0 hoy network why 198.51.100.2 other2:80
  contains "$output" "network two is routed: all ports of other2 are at its own address"
  expect 1 hoy network why 198.51.100.2 198.51.100.3
  contains "$output" "neither 198.51.100.2 nor 198.51.100.3 is a container or the host"
}

@test "names: unknown, of a container elsewhere, and where there are none" {
  ends from no.such.name name "no.such.name is no container, and from finds no such name"
  expect 1 hoy network why nobody web
  contains "$output" "nobody"
  sleeper other
  expect 1 hoy network why other web:80
  contains "$output" "other does not find the name web (the default network has no names"
  # A name of loopback is one's own, too.
  through web localhost:80
  contains "$output" "localhost is the container itself here, not the host"
}

@test "addresses of containers are theirs, on either side" {
  local address
  address=$(field web .NetworkSettings.Networks.one.IPAddress)
  expect 0 hoy network why 198.51.100.2 "$address:80"
  contains "$output" "port 80/tcp of web is published as port 8080"
  through from "$address:80"
  through "$address" from
  hoy network create two >/dev/null
  server other --network one --network two
  address=$(field other .NetworkSettings.Networks.two.IPAddress)
  ends from "$address:80" network "$address is on a network that from is not on, and networks are kept apart"
  advises "$(field other .NetworkSettings.Networks.one.IPAddress), or the name of that container"
}

# link_local LINK [COMMAND...]: its address, when nobody else turned out to have it.
link_local() { "${@:2}" ip -o -6 address show dev "$1" scope link -tentative | grep -o 'fe80:[0-9a-f:]*'; }

@test "link-local addresses: only with the sender's interface" {
  local host outside
  eventually 10 link_local outer
  eventually 10 link_local inner ip netns exec beyond
  host=$(link_local outer)
  outside=$(link_local inner ip netns exec beyond)
  expect 1 hoy network why host "[$host]:8080"
  contains "$output" "$host is a link-local address, which needs its interface: $host%eth0"
  expect 1 hoy network why from "[$host%eth7]:8080"
  contains "$output" "from has no interface eth7"
  through host "[$host%outer]"
  ends host "[$host%outer]:8080" port "what is for a link-local address leads on to no container"
  through host "$outside%outer"
  contains "$output" "to $outside by outer"
  through from "[$(link_local "$BRIDGE")%eth0]:8080"
  ends "$outside%outer" "[2001:db8::1]:8080" port "what comes from a link-local address is not forwarded"
}

@test "macvlan: on the parent's link together, from outside, and out" {
  hoy network create -d macvlan -o parent=outer --subnet 198.51.100.0/24 --gateway 198.51.100.2 --ip-range 198.51.100.128/25 two >/dev/null
  server other --network two
  sleeper other2 --network two
  through other2 other:80
  contains "$output" "other2 and other are on one network"
  contains "$output" "no rule of the host is asked"
  through other2 198.51.100.2
  lacks "$output" nftables
  expect 0 hoy network why 198.51.100.2 other:80
  contains "$output" "other has an address of its own beside the host (macvlan): all of its ports are there"
  contains "$output" "answers go back to it by eth0 of other"
  ends from other:80 network "from and other are on no network together"
  ends other 198.51.100.1 network "a macvlan and the host's own addresses at its parent outer do not reach each other"
  advises "another network, which is a bridge"
  ends host other:80 network "a macvlan and the host's own addresses"
  ip link set outer down
  ends other2 other:80 bridge "eth0 of other2 shares the link of outer, which is down"
  advises "ip link set outer up"
  ip link set outer up
  ip address replace 2001:db8::1/64 dev outer nodad # which went with the link
}

@test "networks: another one, an internal one, none, and one that keeps its containers apart" {
  server other
  ends from other:80 network "from and other are on no network together, and networks are kept apart"
  advises "hoy network connect"
  hoy rm -f other >/dev/null
  sleeper other --network none
  ends from other network "container other has no address: it is on no network"
  advises "hoy network disconnect none other, then hoy network connect NETWORK other"
  ends other from network "container other is on no network"
  lacks "$output" "no names"
  hoy rm -f other >/dev/null
  hoy network create --internal two >/dev/null
  sleeper other --network two
  ends other 198.51.100.2 route "it is on internal networks only, which nothing leads out of"
  # The host is on it, and answers there.
  /usr/bin/python3 ./peer.py serve 9000 </dev/null >"$BATS_TEST_TMPDIR/server" 2>&1 3>&- &
  SERVER=$!
  wait_line "$BATS_TEST_TMPDIR/server" ready
  through other host:9000
  # Published ports lead neither out nor in.
  ends other web:80 network "other and web are on no network together"
  lacks "$output" "published port"
  hoy rm -f other >/dev/null
  server other --network two -p 8085:80
  ends 198.51.100.2 other:80 port "other is on internal networks only, which nothing leads into, no published port either"
  advises "hoy network connect NETWORK other, with one that is not internal"
  hoy rm -f other >/dev/null
  hoy network rm two >/dev/null
  hoy network create -o com.docker.network.bridge.enable_icc=false two >/dev/null
  sleeper other --network two
  server other2 --network two
  if [[ $(cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null) == 1 ]]; then
    ends other other2:80 network "network two keeps its containers apart (enable_icc=false)"
  else
    expect 0 hoy network why other other2:80
    contains "$output" "modprobe br_netfilter"
  fi
}

@test "listeners: nobody, and on loopback alone" {
  ends from web:81 listener "nobody on web listens on port 81/tcp"
  ends from web:80/udp listener "nobody on web listens on port 80/udp"
  ends host 198.51.100.1:8081 listener "nobody on web listens on port 81/tcp"
  LISTEN=127.0.0.1:80 server other --network one -p 8085:80
  ends from other:80 listener "on other port 80/tcp is listened on at loopback (127.0.0.1 or ::1) only"
  ends host 198.51.100.1:8085 listener "loopback"
  advises "0.0.0.0"
  ends from 127.0.0.1:80 listener "nobody on from listens on port 80/tcp"
  contains "$output" "127.0.0.1 is the container itself here, not the host"
}

@test "a port of the host's: nobody's, and a program's" {
  ends from host:9000 port "port 9000/tcp of the host is not published, and nobody on the host listens there"
  /usr/bin/python3 ./peer.py serve 9000 </dev/null >"$BATS_TEST_TMPDIR/server" 2>&1 3>&- &
  SERVER=$!
  wait_line "$BATS_TEST_TMPDIR/server" ready
  through from host:9000
  contains "$output" "port 9000/tcp of the host is published by no container: the host's own program python3 has it"
  expect 125 hoy run --name other -p 9000:80 base true
  contains "$output" "python3"
}

@test "a port that another root of hoy's has, and a program that takes IPv6 alone" {
  other_root() { HOY_ROOT=$BATS_TEST_TMPDIR/root HOY_RUNROOT=$BATS_TEST_TMPDIR/run "$HOY" "$@"; }
  other_root run -d --name elsewhere -p 8095:80 base httpd -f -p 80 >/dev/null
  through host 198.51.100.1:8095
  contains "$output" "port 8095/tcp of the host is published by no container of this root, but somebody holds it"
  through from host:8095
  expect 0 hoy network why 198.51.100.2 198.51.100.1:8095
  contains "$output" "somebody holds it"
  other_root rm -f elsewhere >/dev/null
  ends host 198.51.100.1:8095 port "port 8095/tcp of the host is not published, and nobody on the host listens there"
  takes_ipv6() {
    "$@" /usr/bin/python3 -c '
import socket, time
server = socket.create_server(("::", 9000), family=socket.AF_INET6) # which Python makes take IPv6 alone
print("ready", flush=True)
time.sleep(60)' </dev/null >"$BATS_TEST_TMPDIR/server" 2>&1 3>&- &
    SERVER=$!
    wait_line "$BATS_TEST_TMPDIR/server" ready
  }
  takes_ipv6 env
  through host '[2001:db8::1]:9000'
  ends host 198.51.100.1:9000 port "nobody on the host listens there for IPv4: python3 takes IPv6 alone"
  kill "$SERVER"
  takes_ipv6 nsenter --net="/proc/$(field web .State.Pid)/ns/net"
  through from "[$(field web .NetworkSettings.Networks.one.GlobalIPv6Address)]:9000"
  ends from web:9000 listener "on web port 9000/tcp is listened on for IPv6 only"
}

@test "containers that do not run, are paused, or are gone" {
  hoy create --name other base true >/dev/null
  ends from other name "container other does not run (created)"
  ends other from name "container other does not run (created)"
  advises "hoy start other"
  hoy pause web >/dev/null
  ends from web:80 name "container web is paused: its programs answer nothing"
  ends host 198.51.100.1:8080 name "container web is paused"
  advises "hoy unpause web"
  hoy unpause web >/dev/null
}

@test "rules that somebody flushed, those of one root" {
  HOY_ROOT=$BATS_TEST_TMPDIR/root HOY_RUNROOT=$BATS_TEST_TMPDIR/run "$HOY" run --rm base true
  nft delete table inet "$(own_table)"
  ends 198.51.100.2 198.51.100.1:8080 rules "hoy's own table of nftables is not there: somebody flushed all rules"
  ends from 198.51.100.2 rules "without hoy's rules it goes out under the container's own address"
  advises hoyd
  hoy ps >/dev/null
  through from 198.51.100.2
  # The ports alone; and one of them.
  nft flush map inet "$(own_table)" ports4
  ends 198.51.100.2 198.51.100.1:8080 rules "port 8080/tcp of the host is not in hoy's table of nftables: somebody took it out"
  ends 198.51.100.2 web:80 rules "port 8080/tcp of the host is not in hoy's table"
  advises "hoy ps"
  hoy ps >/dev/null
  through from 198.51.100.1:8080
  server other --network one -p 8085:80
  nft delete element inet "$(own_table)" ports4 '{ tcp . 8085 }'
  ends 198.51.100.2 198.51.100.1:8085 rules "port 8085/tcp of the host is not in hoy's table"
  advises "hoy restart other"
  hoy restart -t 0 other >/dev/null
  eventually 10 listens other
  through from 198.51.100.1:8085
}

@test "bridges: down, and removed; interfaces: down, off their bridge, and removed" {
  ip link set "$BRIDGE" down
  ends from web:80 bridge "bridge $BRIDGE is down"
  hoy ps >/dev/null
  ip link delete "$BRIDGE"
  ends from web:80 bridge "eth0 of web is on no bridge: somebody removed that"
  ends 198.51.100.2 198.51.100.1:8080 bridge "of web is on no bridge"
  hoy ps >/dev/null
  through from web:80
  ip link set "$(host_end web)" down
  ends from web:80 bridge "interface $(host_end web), the host's end of eth0 of web, is down"
  ip link set "$(host_end web)" up
  sleeper other --network one
  ip link set "$(host_end other)" nomaster
  ends from other bridge "eth0 of other is on no bridge"
  advises "hoy restart other"
  ip link delete "$(host_end other)"
  ends from other bridge "eth0 of container other is gone: somebody removed it"
  # Of two networks, and with a published port.
  hoy rm -f other >/dev/null
  hoy network create two >/dev/null
  server other --network one --network two -p 127.0.0.1:8085:80
  nsenter --net="/proc/$(field other .State.Pid)/ns/net" ip link delete eth0
  ends from other:80 bridge "eth0 of container other is gone: somebody removed it"
  ends host 127.0.0.1:8085 bridge "eth0 of container other is gone: somebody removed it"
  advises "hoy restart other"
}

@test "an interface that has lost an address, or both" {
  server other --network one -p 8085:80
  nsenter --net="/proc/$(field other .State.Pid)/ns/net" ip -4 address flush dev eth0
  ends host 127.0.0.1:8085 bridge "eth0 of container other has lost its address $(field other .NetworkSettings.Networks.one.IPAddress): somebody removed it"
  lacks "$output" "is gone"
  advises "hoy restart other"
  through from other:80
  nsenter --net="/proc/$(field other .State.Pid)/ns/net" ip -6 address flush dev eth0
  ends from other:80 bridge "eth0 of container other has lost its address $(field other .NetworkSettings.Networks.one.GlobalIPv6Address)"
}

@test "a host that does not forward" {
  echo 0 >/proc/sys/net/ipv4/ip_forward
  ends from 198.51.100.2 route "the host does not forward: net.ipv4.ip_forward is 0"
  ends 198.51.100.2 198.51.100.1:8080 route "net.ipv4.ip_forward is 0"
  advises "sysctl -w net.ipv4.ip_forward=1"
}

@test "rp_filter: on the host, where a route covers a network of hoy's, and in a container of two networks" {
  local address
  address=$(field from .NetworkSettings.Networks.one.IPAddress)
  echo 1 >"/proc/sys/net/ipv4/conf/$BRIDGE/rp_filter"
  through from 198.51.100.2
  ip route add "$address/32" dev outer
  expect 1 hoy exec from ping -c 1 -W 1 198.51.100.2
  ends from 198.51.100.2 route "the host drops what comes in by $BRIDGE from $address: rp_filter is 1 there, which wants that interface to be the way back, and it is outer"
  advises "ip route get $address"
  # Two ways to the world, and the answer takes the other one.
  ip route add 203.0.113.0/24 dev "$BRIDGE"
  expect 0 hoy network why 203.0.113.1 198.51.100.1:8080
  lacks "$output" rp_filter
  echo 1 >/proc/sys/net/ipv4/conf/outer/rp_filter
  expect 0 hoy network why 203.0.113.1 198.51.100.1:8080
  contains "$output" "if it comes in by outer, which has that address, the host drops it: rp_filter is 1 there"
  contains "$output" "and it is $BRIDGE (with 2 any will do)"
  echo 0 >/proc/sys/net/ipv4/conf/outer/rp_filter
  ip route delete 203.0.113.0/24
  ip route add 203.0.113.0/24 dev outer
  ends from 203.0.113.1:80 route "the host drops what comes in by $BRIDGE"
  ip route delete "$address/32" dev outer
  echo 0 >"/proc/sys/net/ipv4/conf/$BRIDGE/rp_filter"
  ip route delete 203.0.113.0/24
  # The container's way back to the client leads by its other network.
  hoy network create two >/dev/null
  server other --network one -p 8085:80
  expect 0 hoy network why 198.51.100.2 198.51.100.1:8085
  hoy network connect two other
  nsenter --net="/proc/$(field other .State.Pid)/ns/net" sh -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/rp_filter &&
    ip route add 198.51.100.2/32 dev eth1'
  ends 198.51.100.2 198.51.100.1:8085 route "other drops what comes in by eth0 from 198.51.100.2: rp_filter is 1 there, which wants that interface to be the way back, and it is eth1"
  advises "hoy run --sysctl net.ipv4.conf.all.rp_filter=2"
}

@test "the host's own routes: one that leads astray, a rule that refuses; and a container's way back" {
  local address astray
  address=$(field web .NetworkSettings.Networks.one.IPAddress)
  astray="to $address the host sends out by outer, not by $BRIDGE"
  ip route add "$address/32" via 198.51.100.2
  ends host web:80 route "what is from 198.51.100.1 $astray"
  advises "ip route get $address from 198.51.100.1"
  ends host 127.0.0.1:8080 route "what is from 127.0.0.1 $astray"
  ends 198.51.100.2 198.51.100.1:8080 route "what is from 198.51.100.2 $astray"
  advises "ip route get $address from 198.51.100.2 iif outer"
  # Answers, too.
  ends web 198.51.100.2 route "what is from 198.51.100.2 $astray"
  ends web 198.51.100.1 route "what is from 198.51.100.1 $astray"
  through from web:80
  ip route delete "$address/32"
  ip rule add from "$address" blackhole
  ends web 198.51.100.2 route "the host has no route for what is from $address to 198.51.100.2, or one that refuses"
  ends 198.51.100.2 198.51.100.1:8080 route "the host has no route for what is from $address"
  ip rule delete from "$address" blackhole
  through web 198.51.100.2
  server other --network one -p 8085:80
  expect 0 hoy network why 198.51.100.2 198.51.100.1:8085
  nsenter --net="/proc/$(field other .State.Pid)/ns/net" ip route delete default
  ends 198.51.100.2 198.51.100.1:8085 route "other has no route back to 198.51.100.2"
  advises "hoy restart other"
  through host 127.0.0.1:8085
}

@test "an interface that somebody moved to another bridge, or took the route of" {
  server other --network one -p 8085:80
  ip link add elsewhere type bridge
  ip link set elsewhere up
  ip link set "$(host_end other)" master elsewhere
  ends from other:80 bridge "eth0 of other is on bridge elsewhere, and $BRIDGE is that of its network"
  advises "hoy restart other"
  ends other from bridge "eth0 of other is on bridge elsewhere"
  ends 198.51.100.2 198.51.100.1:8085 bridge "eth0 of other is on bridge elsewhere"
  ip link delete elsewhere
  hoy restart -t 0 other >/dev/null
  nsenter --net="/proc/$(field other .State.Pid)/ns/net" ip route delete default
  ends other 198.51.100.2 route "other has no route to 198.51.100.2"
  advises "hoy restart other: somebody took away the route"
  through other 2001:db8::2
}

@test "the network of a container that was started anew, or is gone, since" {
  sleeper other --network one
  sleeper other2 --network container:other
  through other2 web:80
  hoy restart -t 0 other >/dev/null
  ends other2 198.51.100.2 route "other2 has no route to 198.51.100.2"
  advises "hoy restart other2: it has the network that container $(hoy ps -q --filter name='^other$') had before"
  ends from other2:80 network "container other2 has no address"
  advises "hoy restart other2"
  hoy restart -t 0 other2 >/dev/null
  through other2 198.51.100.2
}

@test "an interface of the host's that does not forward, or lets nothing of loopback out" {
  local link
  for link in "$BRIDGE" outer; do
    sysctl -qw "net.ipv4.conf.$link.forwarding=0"
    ends from 198.51.100.2 route "the host does not forward what comes in by $link: net.ipv4.conf.$link.forwarding is 0"
    advises "sysctl -w net.ipv4.conf.$link.forwarding=1"
    ends 198.51.100.2 198.51.100.1:8080 route "the host does not forward what comes in by $link"
    sysctl -qw "net.ipv4.conf.$link.forwarding=1"
    through from 198.51.100.2
  done
  sysctl -qw "net.ipv4.conf.$BRIDGE.route_localnet=0"
  ends host 127.0.0.1:8080 route "what is from 127.0.0.1 may not leave by $BRIDGE: net.ipv4.conf.$BRIDGE.route_localnet is 0"
  advises "sysctl -w net.ipv4.conf.$BRIDGE.route_localnet=1"
  sysctl -qw "net.ipv4.conf.$BRIDGE.route_localnet=1"
  through host 127.0.0.1:8080
}

@test "no route on the way" {
  # None of the host's: not what is lost outside.
  ends from 192.0.2.1:80 route "the host has no route for what is from"
  ends from 192.0.2.1 route "the host has no route for what is from"
  ip rule add to 192.0.2.0/24 blackhole
  ends from 192.0.2.1:80 route "the host has no route for what is from"
  ip rule delete to 192.0.2.0/24 blackhole
  ends from 2001:db8:5::1 route "the host has no route for what is from"
  ip -n beyond route add unreachable 203.0.113.0/24
  ip route add 203.0.113.0/24 via 198.51.100.2
  ip route add unreachable 203.0.113.128/25
  expect 1 hoy network why from 203.0.113.1:80
  contains "$output" "✗   try"
  ends host 203.0.113.200:80 route "host has a route for 203.0.113.200 that refuses"
  ip route delete 203.0.113.0/24
  ip route delete unreachable 203.0.113.128/25
}

@test "the host's firewall: the very rule, or the policy, at input, forward and output" {
  firewall 'chain deep { ip daddr 198.51.100.2 drop; ip6 daddr 2001:db8::2 reject; }
            chain forward { type filter hook forward priority 0; jump deep; }
            chain sent { type filter hook output priority 0; udp dport 9 drop; ip daddr 198.51.100.2 tcp dport 7 drop; }'
  ends from 198.51.100.2:7 firewall "a rule of chain inet fw deep of the host ends it (handle"
  advises "nft -a list chain inet fw deep"
  advises "nft insert rule inet fw forward iifname $BRIDGE accept"
  ends from 2001:db8::2 firewall "a rule of chain inet fw deep of the host ends it"
  ends host 198.51.100.2:7 firewall "a rule of chain inet fw sent of the host ends it"
  through host 198.51.100.2
  nft delete table inet fw
  firewall 'chain entry { type filter hook input priority 0; policy drop; ct state established accept; iif lo accept; icmpv6 type nd-neighbor-solicit accept; }'
  server other --network one --firewall respect -p 8090:80
  ends from 198.51.100.1:8090 firewall "chain inet fw entry of the host drops it, since none of its rules accepts it"
  advises "nft insert rule inet fw entry tcp dport 8090 accept"
  expect 0 hoy network why 198.51.100.2 198.51.100.1:8090
  contains "$output" "its firewall has to let port 8090/tcp in"
  contains "$output" "chain inet fw entry of the host (input) drops what none of its rules accepts"
  through host 198.51.100.1:8090
  nft insert rule inet fw entry tcp dport 8090 accept
  through from 198.51.100.1:8090
  # The gate is in its way, too.
  local gate
  gate=$(pgrep -x hoy-gate)
  kill "$gate"
  wait_gone "$gate"
  ends from 198.51.100.1:8090 port "hoy-gate does not run, by which what the firewall accepts goes on"
}

@test "a firewall before all others: what comes in from outside does not get to hoy's rules" {
  firewall 'chain first { type filter hook prerouting priority -290; policy drop; iif lo accept; }'
  expect 0 hoy network why 198.51.100.2 198.51.100.1:8080
  contains "$output" "chain inet fw first of the host (prerouting) drops what none of its rules accepts"
  ends from 198.51.100.2 firewall "chain inet fw first of the host drops it, since none of its rules accepts it"
  expect 1 hoy network why host 198.51.100.2
  lacks "$output" "(prerouting)"
}

@test "a firewall of the bridge itself, and one of an interface" {
  local filtered=/proc/sys/net/bridge/bridge-nf-call-iptables
  nft -f - <<<'table bridge fw { chain passing { type filter hook forward priority 0; tcp dport 80 drop; }; }'
  if [[ -e $filtered ]]; then
    ends from web:80 firewall "a rule of chain bridge fw passing of the host ends it (handle"
    echo 0 >"$filtered"
  fi
  ends from web:80 firewall "chain bridge fw passing of the host may drop or reject it, as far as can be seen"
  contains "$output" "chain bridge fw passing of the host (forward) has rules that drop or reject"
  advises "nft -a list chain bridge fw passing"
  [[ ! -e $filtered ]] || echo 1 >"$filtered"
  nft delete table bridge fw
  nft -f - <<<"table netdev fw { chain seen { type filter hook ingress device $(host_end web) priority 0; policy drop; }; }"
  ends from web:80 firewall "chain netdev fw seen of the host drops it, as far as can be seen"
  contains "$output" "chain netdev fw seen of the host ($(host_end web)) drops what none of its rules accepts"
  advises "nft -a list chain netdev fw seen"
  lacks "$output" "no rule of the host's"
  nft delete table netdev fw
  nft -f - <<<"table netdev fw { chain seen { type filter hook ingress device outer priority 0; policy drop; }; }"
  ends from 198.51.100.2 firewall "chain netdev fw seen of the host drops it"
  expect 0 hoy network why 198.51.100.2 198.51.100.1:8080
  contains "$output" "chain netdev fw seen of the host (outer) drops what none of its rules accepts"
  through from web:80
  lacks "$output" netdev
}

@test "a firewall inside a container: the sender's, and the receiver's" {
  server other --network one
  nsenter --net="/proc/$(field other .State.Pid)/ns/net" nft -f - <<<'table inet own {
    chain sent { type filter hook output priority 0; tcp dport 80 reject; }
    chain got { type filter hook input priority 0; tcp dport 80 reject; }
  }'
  ends other web:80 try "the connection is refused: somebody listens there, so a firewall rejects it"
  advises "hoy exec other nft list ruleset"
  lacks "$output" "ss -tlnp"
  ends from other:80 try "the connection is refused: somebody listens there, so a firewall rejects it"
  advises "hoy exec other nft list ruleset"
}

@test "a FORWARD policy that drops: led around, without the gate not, and its answers" {
  firewall 'chain forward { type filter hook forward priority 0; policy drop; ct state established accept; }'
  hoy ps >/dev/null
  through from 198.51.100.2
  contains "$output" "hoy's rules lead around it"
  through from web:80
  local gate
  gate=$(pgrep -x hoy-gate)
  kill "$gate"
  wait_gone "$gate"
  ends from 198.51.100.2 firewall "hoy-gate does not run, by which hoy's rules lead around it"
  hoy ps >/dev/null
  # Answers, too, are dropped: nobody has told hoy yet.
  nft flush chain inet fw forward
  ends from 198.51.100.2 firewall "chain inet fw forward of the host drops it"
  hoy ps >/dev/null
  through from 198.51.100.2
}

@test "large packets: a router that says what fits, a bridge that does not, and a firewall that keeps it quiet" {
  through from 198.51.100.2
  lacks "$output" mtu
  ip link set outer mtu 1400
  through from 198.51.100.2
  contains "$output" "says that packets of 1400 bytes fit on the way, of the 1500 that eth0 of from takes"
  through from 2001:db8::2
  contains "$output" "says that packets of 1400 bytes fit on the way"
  firewall 'chain quiet { type filter hook output priority 0; icmp type destination-unreachable drop; }'
  ends from 198.51.100.2 mtu "small packets get through, but those of 1500 bytes, which eth0 of from takes, are lost without a word: outer on the way takes 1400"
  advises "hoy network create -o com.docker.network.driver.mtu=1400"
  ip link set outer mtu 1500
  nft delete table inet fw
  # Lost outside of this host.
  firewall 'chain large { type filter hook forward priority 0; meta length > 1450 drop; }'
  ends from 198.51.100.2 mtu "are lost without a word"
  nft delete table inet fw
  ip link set "$(host_end web)" mtu 1300
  ends from web:80 mtu "small packets get through, but those of 1500 bytes, which eth0 of from takes, are lost without a word: $(host_end web) on the way takes 1300"
  contains "$output" "a connection to port 80 is made"
  advises "ip link set $(host_end web) mtu 1500"
  expect 0 hoy network why 198.51.100.2 198.51.100.1:8080
  contains "$output" "$(host_end web) takes packets of 1300 bytes and drops larger ones without a word; eth0 takes 1500"
  ip link set "$(host_end web)" mtu 1500
  through from web:80
}

@test "the old iptables: the very rule, or the policy, of both IP versions, by its counter" {
  local program
  command -v iptables-legacy >/dev/null || skip "no iptables-legacy"
  iptables-legacy -N deep
  iptables-legacy -A deep -p udp -j DROP
  iptables-legacy -A deep -d 198.51.100.2 -p tcp --dport 7 -j DROP
  iptables-legacy -A FORWARD -j deep
  iptables-legacy -A OUTPUT -d 198.51.100.2 -p tcp --dport 7 -j REJECT --reject-with tcp-reset
  ends from 198.51.100.2:7 firewall "rule 2 of chain deep of table filter (iptables-legacy) of the host ends it, as its counter tells"
  contains "$output" "the host has 3 rules of the old iptables that drop or reject"
  advises "iptables-legacy -t filter -L deep -v -n --line-numbers"
  ends host 198.51.100.2:7 firewall "rule 1 of chain OUTPUT of table filter (iptables-legacy) of the host ends it"
  advises "iptables-legacy -I OUTPUT -d 198.51.100.2 -j ACCEPT"
  through from 198.51.100.2
  # What is there and did not count is not accused.
  ip route add 203.0.113.0/24 via 198.51.100.2
  ends from 203.0.113.9 outside "it leaves the host by no fault of a rule"
  ip route delete 203.0.113.0/24
  iptables-legacy -t raw -A PREROUTING -d 198.51.100.2 -p icmp -j DROP
  ends from 198.51.100.2 firewall "rule 1 of chain PREROUTING of table raw (iptables-legacy)"
  iptables-legacy -t raw -F
  for program in iptables ip6tables; do
    $program-legacy -F
    $program-legacy -P FORWARD DROP
    ends from "$([[ $program == iptables ]] && echo 198.51.100.2 || echo 2001:db8::2)" firewall \
      "chain FORWARD of table filter ($program-legacy) of the host drops it, since none of its rules accepts it"
    advises "$program-legacy -I FORWARD -i $BRIDGE -j ACCEPT"
    contains "$output" "chain FORWARD of table filter ($program-legacy) of the host (forward) drops what none of its rules accepts"
    $program-legacy -P FORWARD ACCEPT
  done
  iptables-legacy -X
  through from 198.51.100.2
}

@test "as JSON, and what is no question" {
  expect 0 hoy network why --format json from web:80
  is "$(jq -r '.[0] | "\(.Through) \(.Tried) \(.Steps[-1].Topic) \(.Steps[-1].State) \(.Advice | length)"' <<<"$output")" \
    "true true try fine 0"
  expect 1 hoy network why --format json from web:81
  is "$(jq -r '.[0] | "\(.Through) \(.Tried) \(.Steps[-1].Topic) \(.Steps[-1].State)"' <<<"$output")" "false false listener ends"
  expect 1 hoy network why --format '{{(index . 0).Through}}' from web:81
  local bad
  for bad in web:0 web:65536 web:x web:80/icmp '[::1' '[::1]80' :80 web/udp ''; do
    expect 1 hoy network why from "$bad"
    one_sentence "$output" || { echo "for: $bad"; false; }
  done
  expect 1 hoy network why from
  # Nothing that it made to look stays.
  lacks "$(nft list tables)" why
}
