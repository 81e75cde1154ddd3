#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Networks that users make: what they are, who is on them, and that nothing is left of them.

load lib
load agree

# What is in the way of one test is not in the way of the next.
test_setup() { cd "$BATS_TEST_TMPDIR" || return; }

test_teardown() {
  local left
  # shellcheck disable=SC2046
  hoy rm -f $(hoy ps -aq) >/dev/null 2>&1
  left=$(hoy network ls -q --filter type=custom)
  # shellcheck disable=SC2086
  [[ -z $left ]] || hoy network rm $left >/dev/null
  is "$(database 'SELECT count(*) FROM endpoint')" 0
  is "$(database "SELECT count(*) FROM address WHERE container_id <> ''")" 0
  agree
}

database() { sqlite3 "$HOY_ROOT/hoy.db" "$1"; }
inspect() { hoy network inspect -f "$2" "$1"; }
sleeper() { hoy run -d --name "$@" base sleep 600; }
address() { hoy inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }
address6() { hoy inspect -f "{{(index .NetworkSettings.Networks \"$2\").GlobalIPv6Address}}" "$1"; }
reaches() { hoy exec "$1" ping -c 1 -W 5 "$2" >/dev/null; }
reaches_not() { run hoy exec "$1" ping -c 1 -W 1 "$2"; [[ $status -ne 0 ]] || { echo "$1 reaches $2"; false; }; }

@test "three networks are there from the beginning, and stay" {
  local name
  is "$(hoy network ls --format '{{.Name}} {{.Driver}} {{.Scope}}')" "bridge bridge local
host host local
none null local"
  for name in bridge host none; do
    expect 1 hoy network rm "$name"
    contains "$output" "$name is a pre-defined network and cannot be removed"
    expect 1 hoy network create "$name"
  done
  contains "$output" "operation is not permitted on predefined none network"
}

@test "a network of one's own: a bridge with both IP versions, and gone without a trace" {
  local id bridge
  id=$(hoy network create mine --label a=b)
  matches "$id" '^[0-9a-f]{64}$'
  bridge=hoy-${id:0:10}
  matches "$(ip -o address show "$bridge")" 'inet 10\.2[0-9]+\.[0-9]+\.1/24'
  matches "$(ip -o address show "$bridge")" 'inet6 fd[0-9a-f:]+1/64 scope global'
  is "$(inspect mine '{{.Driver}} {{.Internal}} {{.EnableIPv6}} {{.Labels.a}} {{len .IPAM.Config}}')" 'bridge false true b 2'
  contains "$(nft list ruleset)" "$bridge"
  expect 1 hoy network create mine
  contains "$output" "network with name mine already exists"
  expect 0 hoy network rm "${id:0:6}"
  lacks "$(ip link)" "$bridge"
  lacks "$(nft list ruleset)" "$bridge"
  expect 1 hoy network inspect mine
  contains "$output" "network mine not found"
}

@test "containers of one network reach each other and the world; those of two do not" {
  local a
  hoy network create one >/dev/null
  hoy network create two >/dev/null
  sleeper aa --network one
  sleeper bb --network one
  sleeper cc --network two
  sleeper dd
  for a in bb cc dd; do
    local net=one
    [[ $a == cc ]] && net=two
    [[ $a == dd ]] && net=bridge
    if [[ $a == bb ]]; then
      reaches aa "$(address $a $net)"
      reaches aa "$(address6 $a $net)"
    else
      reaches_not aa "$(address $a $net)"
      reaches_not aa "$(address6 $a $net)"
    fi
  done
  # The host's address: the way out.
  ip address add 198.51.100.1/24 dev lo
  reaches aa 198.51.100.1
  ip address delete 198.51.100.1/24 dev lo
  is "$(inspect one '{{range .Containers}}{{println .Name}}{{end}}' | sort | xargs)" 'aa bb'
}

@test "one container on several networks, an interface each, one default route" {
  hoy network create one >/dev/null
  hoy network create two >/dev/null
  sleeper aa --network two --network one
  sleeper bb --network one
  sleeper cc --network two
  reaches aa "$(address bb one)"
  reaches aa "$(address cc two)"
  is "$(hoy exec aa ls /sys/class/net | tr '\n' ' ')" 'eth0 eth1 lo '
  is "$(hoy exec aa ip route | grep -c default)" 1
  # The mode's network is the first interface; of equal ones the first by name has the default route.
  contains "$(hoy exec aa ip -o address show eth0)" "$(address aa two)"
  contains "$(hoy exec aa ip route)" "default via $(inspect one '{{(index .IPAM.Config 0).Gateway}}') dev eth1"
  contains "$(hoy exec aa ip -6 route)" "default via $(inspect one '{{(index .IPAM.Config 1).Gateway}}') dev eth1"
  contains "$(hoy exec aa cat /etc/hosts)" "$(address aa one)"
  contains "$(hoy exec aa cat /etc/hosts)" "$(address6 aa two)"
  is "$(hoy ps --filter name=aa --format '{{.Networks}}')" 'one,two'
  is "$(hoy ps -q --filter network=one | wc -l)" 2
  expect 125 hoy run --network one --network host base true
  contains "$output" 'cannot attach both user-defined and non-user-defined network-modes'
  expect 125 hoy run --network one --network one base true
  contains "$output" 'specified multiple times'
  expect 125 hoy run --network nope base true
  contains "$output" 'network nope not found'
}

@test "gateway priority, addresses and names of one's own" {
  hoy network create one --subnet 10.7.0.0/24 --subnet fd00:7::/64 >/dev/null
  hoy network create two >/dev/null
  sleeper aa --network name=one,ip=10.7.0.77,ip6=fd00:7::77,mac-address=02:00:00:00:00:77,alias=web,alias=www \
    --network name=two,gw-priority=1,driver-opt=com.docker.network.endpoint.ifname=wan
  is "$(address aa one) $(address6 aa one)" '10.7.0.77 fd00:7::77'
  contains "$(hoy exec aa ip link show eth0)" 02:00:00:00:00:77
  contains "$(hoy exec aa ip route)" 'dev wan'
  matches "$(hoy exec aa ip route)" 'default via [0-9.]+ dev wan'
  is "$(hoy inspect -f '{{json (index .NetworkSettings.Networks "one").Aliases}}' aa)" '["web","www"]'
  contains "$(hoy inspect -f '{{json (index .NetworkSettings.Networks "one").DNSNames}}' aa)" '"aa","web","www"'
  expect 125 hoy run --network one --ip 10.7.0.77 base true
  contains "$output" 'Address already in use: 10.7.0.77 on network one'
  expect 125 hoy run --network one --ip 10.8.0.1 base true
  contains "$output" 'no configured subnet contains IP address 10.8.0.1'
  expect 125 hoy run --ip 10.8.0.1 base true
  contains "$output" 'user specified IP address is supported on user defined networks only'
  expect 125 hoy run --network-alias web base true
  contains "$output" 'network-scoped aliases are only supported for user-defined networks'
  # A name that no question has room for; what just fits is found.
  expect 125 hoy run --network one --network-alias "$(printf %064d 0)" base true
  contains "$output" 'is no name for a container on a network: its parts have at most 63 characters'
  expect 0 hoy run --rm --network one --network-alias "$(printf %063d 0).$(printf %063d 1)" base true
  expect 125 hoy run --network host --ip 10.8.0.1 base true
  expect 125 hoy run --network name=one,what=x base true
  contains "$output" 'invalid field key what'
  expect 125 hoy run --network one --ip 10.7.0.300 base true
  contains "$output" 'not an IPv4 address'
  expect 0 hoy run --rm --network one --ip 10.7.0.9 --mac-address 02:00:00:00:00:99 base ip -o address show eth0
  contains "$output" 10.7.0.9/24
}

@test "internal: among themselves and the host, but not beyond; no default route" {
  hoy network create --internal inner >/dev/null
  sleeper aa --network inner
  sleeper bb --network inner
  reaches aa "$(address bb inner)"
  is "$(hoy exec aa ip route | grep -c default)" 0
  ip address add 198.51.100.1/24 dev lo
  reaches_not aa 198.51.100.1
  ip address delete 198.51.100.1/24 dev lo
}

@test "connect and disconnect while it runs, kept across a restart" {
  local gateway
  hoy network create one >/dev/null
  hoy network create two >/dev/null
  sleeper aa
  sleeper bb --network one
  reaches_not aa "$(address bb one)"
  expect 0 hoy network connect --alias web one aa
  reaches aa "$(address bb one)"
  reaches bb "$(address aa one)"
  contains "$(hoy exec aa cat /etc/hosts)" "$(address aa one)"
  expect 1 hoy network connect one aa
  contains "$output" 'endpoint with name aa already exists in network one'
  hoy network connect --gw-priority 5 two aa
  gateway=$(inspect two '{{(index .IPAM.Config 0).Gateway}}')
  contains "$(hoy exec aa ip route)" "default via $gateway dev eth2"
  hoy restart -t 0 aa >/dev/null
  reaches aa "$(address bb one)"
  contains "$(hoy exec aa ip route)" "default via $gateway"
  is "$(hoy inspect -f '{{json (index .NetworkSettings.Networks "one").Aliases}}' aa)" '["web"]'
  hoy network disconnect two aa
  contains "$(hoy exec aa ip route)" 'default via'
  lacks "$(hoy exec aa ip route)" "$gateway"
  hoy network disconnect one aa
  reaches_not aa "$(address bb one)"
  is "$(hoy exec aa ls /sys/class/net | tr '\n' ' ')" 'eth0 lo '
  is "$(hoy exec aa grep -c "$(hostname_of aa)" /etc/hosts)" 2
  expect 1 hoy network disconnect one aa
  matches "$output" 'is not connected to network one'
  # From the last one, too.
  hoy network disconnect bridge aa
  is "$(hoy exec aa ls /sys/class/net)" lo
  hoy restart -t 0 aa >/dev/null
  is "$(hoy exec aa ls /sys/class/net)" lo
  hoy network connect bridge aa
  reaches aa "$(inspect bridge '{{(index .IPAM.Config 0).Gateway}}')"
}
hostname_of() { hoy inspect -f '{{.Config.Hostname}}' "$1"; }

@test "connect and disconnect while it does not run" {
  hoy network create one >/dev/null
  hoy create --name aa base sleep 600 >/dev/null
  hoy network connect one aa
  hoy start aa >/dev/null
  is "$(hoy exec aa ls /sys/class/net | tr '\n' ' ')" 'eth0 eth1 lo '
  hoy stop -t 0 aa >/dev/null
  hoy network disconnect one aa
  hoy start aa >/dev/null
  is "$(hoy exec aa ls /sys/class/net | tr '\n' ' ')" 'eth0 lo '
}

@test "what can't be connected says so" {
  hoy network create one >/dev/null
  sleeper hh --network host
  sleeper nn --network none
  sleeper aa --network one
  sleeper cc --network container:aa
  expect 1 hoy network connect one hh
  contains "$output" 'container sharing network namespace with another container or host cannot be connected'
  expect 1 hoy network connect one nn
  contains "$output" 'one of the networks in private (none) mode: first hoy network disconnect none nn'
  expect 1 hoy network connect one cc
  expect 1 hoy network connect host aa
  contains "$output" 'cannot be disconnected from host network or connected to host network'
  expect 1 hoy network connect nope aa
  expect 1 hoy network connect one nope
  contains "$output" 'No such container: nope'
  expect 1 hoy network connect --ip 10.1.2.3 bridge aa
  is "$(hoy exec cc ip -o -4 address show eth0)" "$(hoy exec aa ip -o -4 address show eth0)"
}

@test "who has no network comes to one when it has left none: running, stopped, and started again" {
  hoy network create one >/dev/null
  sleeper aa --network one
  sleeper nn --network none
  hoy create --name mm --network none base sleep 600 >/dev/null
  for name in nn mm; do
    expect 0 hoy network disconnect none $name
    is "$(hoy inspect -f '{{json .NetworkSettings.Networks}}' $name)" '{}'
    expect 1 hoy network disconnect none $name
    contains "$output" 'is not connected to network none'
  done
  hoy start mm >/dev/null
  for name in nn mm; do is "$(hoy exec $name ls /sys/class/net | tr '\n' ' ')" 'lo '; done
  hoy stop -t 0 mm >/dev/null
  for name in nn mm; do expect 0 hoy network connect one $name; done
  hoy start mm >/dev/null
  for name in nn mm; do
    hoy exec $name ping -c 1 -W 5 aa >/dev/null
    hoy exec aa ping -c 1 -W 5 $name >/dev/null
  done
  agree
  hoy restart -t 0 nn >/dev/null
  hoy exec nn ping -c 1 -W 5 aa >/dev/null
  is "$(hoy ps --filter name=nn --format '{{.Networks}}')" one
}

@test "a network in use stays" {
  local id
  id=$(hoy network create one)
  sleeper aa --network one
  expect 1 hoy network rm one
  contains "$output" "error while removing network: network one id $id has active endpoints"
  hoy network prune -f
  hoy network inspect one >/dev/null
  hoy stop -t 0 aa >/dev/null
  # One that does not run needs it for its next start.
  is "$(hoy network prune -f)" ''
  hoy network rm one >/dev/null
  expect 1 hoy start aa
  contains "$output" 'network one not found'
  hoy network create one >/dev/null
  expect 0 hoy start aa
}

@test "prune and ls by filters" {
  hoy network create one --label keep >/dev/null
  hoy network create two --label env=test >/dev/null
  sleeper aa --network one
  is "$(hoy network ls --filter dangling=true --format '{{.Name}}')" two
  is "$(hoy network ls --filter label=env=test --format '{{.Name}}')" two
  is "$(hoy network ls --filter name=on --filter type=custom --format '{{.Name}}')" one
  is "$(hoy network ls --filter driver=null --format '{{.Name}}')" none
  # All are of this machine; nothing more can be said of them than is.
  is "$(hoy network ls --filter scope=local --format '{{.Name}} {{.Scope}}' | sort | tr '\n' ' ')" 'bridge local host local none local one local two local '
  is "$(hoy network ls -q --filter scope=swarm)" ''
  is "$(hoy network ls --filter name=two --format '{{.Name}}={{.Label "env"}}[{{.Label "none"}}]')" 'two=test[]'
  is "$(hoy network ls --filter name=two --format raw)" "network_id: $(hoy network ls -qf name=two)
name: two
driver: bridge
scope: local"
  is "$(hoy network ls -q --filter name=two --format raw)" "network_id: $(hoy network ls -qf name=two)"
  is "$(hoy network inspect --verbose one)" "$(hoy network inspect one)"
  is "$(hoy network inspect -v -f '{{.Name}}' one two)" $'one\ntwo'
  is "$(hoy network ls -q --no-trunc --filter name='^one$')" "$(inspect one '{{.Id}}')"
  expect 1 hoy network ls --filter color=red
  contains "$output" "invalid filter 'color'"
  is "$(hoy network prune -f --filter label=nope)" ''
  is "$(hoy network prune -f --filter until=1h)" ''
  is "$(hoy network prune -f)" 'Deleted Networks:
two'
  hoy rm -f aa >/dev/null
  contains "$(hoy system prune -f)" 'Deleted Networks:
one'
}

@test "macvlan and ipvlan: on a parent of the host's, a VLAN of it, or on their own" {
  ip link add lan type veth peer name far
  ip link set lan up
  ip link set far up
  hoy network create -d macvlan -o parent=lan --subnet 10.9.0.0/24 lan >/dev/null
  sleeper aa --network lan
  sleeper bb --network lan
  reaches aa "$(address bb lan)"
  reaches aa "$(address6 bb lan)"
  contains "$(nsenter -t "$(hoy inspect -f '{{.State.Pid}}' aa)" -n ip -d link show eth0)" 'macvlan mode bridge'
  contains "$(hoy exec aa ip route)" 'default via 10.9.0.1'
  if ip link add dummy-is-known type dummy 2>/dev/null; then
    ip link delete dummy-is-known
    hoy network create -d macvlan alone >/dev/null
    hoy network connect alone aa
    is "$(inspect alone '{{.Internal}}')" true
    is "$(hoy exec aa ls /sys/class/net | tr '\n' ' ')" 'eth0 eth1 lo '
    hoy network disconnect alone aa
    is "$(hoy exec aa ls /sys/class/net | tr '\n' ' ')" 'eth0 lo '
    hoy network rm alone >/dev/null
  fi
  expect 1 hoy network create -d macvlan -o parent=lan other
  contains "$output" 'network lan is already using parent interface lan'
  expect 1 hoy network create -d macvlan -o parent=nope other
  contains "$output" 'no such interface'
  expect 1 hoy network create -d macvlan -o macvlan_mode=odd other
  contains "$output" "'odd' is not bridge, private, vepa or passthru"
  hoy rm -f aa bb >/dev/null
  hoy network rm lan >/dev/null
  ip link delete lan
  lacks "$(ip link)" dm-
}

@test "an interface removed by hand, the bridge or the rules, and the next start has them again" {
  local bridge
  bridge=hoy-$(hoy network create one | head -c 10)
  ip link delete "$bridge"
  expect 0 hoy run --rm --network one base ping -c 1 -W 5 "$(inspect one '{{(index .IPAM.Config 0).Gateway}}')"
  ip address flush dev "$bridge"
  expect 0 hoy run --rm --network one base ping -c 1 -W 5 "$(inspect one '{{(index .IPAM.Config 0).Gateway}}')"
  nft flush ruleset
  hoy run --rm --network one base true
  contains "$(nft list ruleset)" "$bridge"
  sleeper aa --network one
  ip link delete "hoy$(hoy inspect -f '{{.Id}}' aa | head -c 12)"
  expect 0 hoy network disconnect one aa
  expect 0 hoy network connect one aa
  reaches aa "$(inspect one '{{(index .IPAM.Config 0).Gateway}}')"
  ip link delete "$bridge"
  expect 0 hoy rm -f aa
  expect 0 hoy network rm one
}

nothing_pending() {
  hoy network ls >/dev/null
  [[ $(database 'SELECT count(*) FROM endpoint WHERE pending') == 0 ]]
}

@test "killed anywhere in the middle of connect and disconnect: whole or not at all" {
  local n word
  hoy network create one >/dev/null
  sleeper aa
  for n in $(seq 1 40); do
    word=connect
    hoy inspect -f '{{.NetworkSettings.Networks}}' aa | grep -q one: && word=disconnect
    "$HOY" network $word one aa &
    sleep "0.00$((n % 10))$((n / 10))"
    kill -9 $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    # A child that it had holds its lock a moment longer.
    eventually 10 nothing_pending
    if hoy network inspect one | grep -q '"aa"'; then
      reaches aa "$(inspect one '{{(index .IPAM.Config 0).Gateway}}')"
      is "$(hoy exec aa ls /sys/class/net | wc -l)" 3
    else
      is "$(hoy exec aa ls /sys/class/net | tr '\n' ' ')" 'eth0 lo '
    fi
    contains "$(hoy exec aa ip route)" 'default via'
  done
}

@test "two hundred at once on one network: distinct addresses, all reachable, none leaked" {
  local n pids=() list
  hoy network create one >/dev/null
  for n in $(seq 1 200); do
    hoy run -d --name "con$n" --network one base sleep 600 >/dev/null &
    pids+=($!)
  done
  wait "${pids[@]}"
  inspect one '{{range .Containers}}{{println .IPv4Address .IPv6Address}}{{end}}' >addresses
  is "$(awk 'NF {print $1}' addresses | sort -u | grep -c /24)" 200
  is "$(awk 'NF {print $2}' addresses | sort -u | grep -c /64)" 200
  list=$(sed 's,/[0-9]*,,g' addresses | xargs)
  # shellcheck disable=SC2016,SC2086
  expect 0 hoy exec con1 sh -c 'for a; do ping -c 1 -W 10 "$a" >/dev/null || { echo "no answer from $a"; exit 1; }; done' - $list
  expect 0 hoy exec con200 ping -c 1 -W 10 con100
  agree
  hoy rm -f $(seq -f con%g 200) >/dev/null
  is "$(database "SELECT count(*) FROM address WHERE container_id <> ''")" 0
  # The next one has an address again, whichever.
  expect 0 hoy run --rm --network one base true
}

@test "no addresses left is said, and an address comes back with its container" {
  hoy network create --subnet 10.7.0.0/30 --ipv6=false tiny >/dev/null
  sleeper aa --network tiny
  expect 125 hoy run --network tiny base true
  contains "$output" "no available IPv4 addresses on this network's address pools: tiny"
  hoy rm -f aa >/dev/null
  expect 0 hoy run --rm --network tiny base true
}

@test "events as Docker has them" {
  local since id
  since=$(date +%s.%N)
  id=$(hoy network create one)
  hoy run --rm --network one base true
  hoy network rm one >/dev/null
  is "$(hoy events --since "$since" --until "$(date +%s.%N)" --filter type=network \
    --format '{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}}')" "create one bridge
connect one bridge
disconnect one bridge
destroy one bridge"
}

@test "an interface does not outlive its container, whoever holds the network namespace" {
  hoy network create --subnet 10.97.1.0/24 held >/dev/null
  hoy run -d --name gone --network held base sleep 600 >/dev/null
  local pid link
  pid=$(hoy inspect -f '{{.State.Pid}}' gone)
  nsenter -t "$pid" -n sleep 60 3>&- &
  local holder=$!
  eventually 5 eval '[[ $(readlink "/proc/$holder/ns/net") == "$(readlink "/proc/$pid/ns/net")" ]]'
  link=$(hoy inspect -f '{{.Id}}' gone | cut -c1-12)
  ip link show "hoy$link" >/dev/null
  hoy rm -f gone >/dev/null
  eventually 5 eval '[[ ! -e /sys/class/net/hoy'"$link"' ]] && ! ip link show "hoy'"$link"'" 2>/dev/null'
  kill -0 "$holder"
  kill "$holder"
  hoy network rm held >/dev/null
}
