#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Networks that nobody should ask for, and what is done to them behind hoy's back: said in one sentence, and nothing is left.

load lib
load agree

test_teardown() {
  local left
  # shellcheck disable=SC2046
  hoy rm -f $(hoy ps -aq) >/dev/null 2>&1
  left=$(hoy network ls -q --filter type=custom)
  # shellcheck disable=SC2086
  [[ -z $left ]] || hoy network rm $left >/dev/null
  agree
}

sleeper() { hoy run -d --name "$@" base sleep 600 >/dev/null; }
address() { hoy inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }
reaches() { hoy exec "$1" ping -c 1 -W 5 "$2" >/dev/null; }
pid_of() { hoy inspect -f '{{.State.Pid}}' "$1"; }
links_of() { nsenter -t "$(pid_of "$1")" -n ip -o link; }
host_end() { sqlite3 "$HOY_ROOT/hoy.db" "SELECT host_interface FROM endpoint WHERE container_id LIKE '$(hoy ps -q --filter "name=$1")%'"; }
# The shim is the parent of the container's process.
shim_of() { awk '{print $4}' "/proc/$(pid_of "$1")/stat"; }

# refused STATUS TEXT WORD...: with one sentence that has the text.
refused() {
  local wanted=$1 text=$2
  shift 2
  expect "$wanted" hoy "$@"
  contains "${lines[0]}" "$text"
  matches "${lines[0]}" '^hoy: '
}

@test "subnets that are malformed, special, doubled or too small" {
  refused 1 'invalid subnet 10.7.0.0: not of the form ADDRESS/BITS' network create --subnet 10.7.0.0 bad
  refused 1 'invalid subnet 10.7.0.1/24: it should be 10.7.0.0/24' network create --subnet 10.7.0.1/24 bad
  refused 1 'invalid subnet fd00::1/64: it should be fd00::/64' network create --subnet fd00::1/64 bad
  for text in 10.7.0.0/33 10.7.0.0/-1 10.7.0.0/ /24 10.7.0/24 10.7.0.0/24/24 '10.7.0.0/24 ' 010.7.0.0/24 fd00::/129 fd00:::/64 x/8 ''; do
    expect 1 hoy network create --subnet "$text" bad
    matches "$output" '^hoy: '
  done
  for text in 127.0.0.0/8 127.5.0.0/16 224.0.0.0/4 0.0.0.0/0 169.254.0.0/16 255.255.255.0/24 fe80::/64 ff02::/16 ::/64 10.0.0.0/7; do
    expect 1 hoy network create --subnet "$text" bad
    matches "$output" "^hoy: .*invalid subnet $text: "
  done
  refused 1 'subnet 10.7.0.0/32 is too small' network create --subnet 10.7.0.0/32 bad
  refused 1 'a network has one of each IP version' network create --subnet 10.7.0.0/24 --subnet 10.8.0.0/24 bad
  refused 1 'a network has one of each IP version' network create --subnet fd00:7::/64 --subnet fd00:8::/64 bad
  refused 1 'IPv4 or IPv6 must be enabled' network create --ipv4=false --ipv6=false bad
  refused 1 'an IPv4 subnet for a network without IPv4' network create --ipv4=false --subnet 10.7.0.0/24 bad
  refused 1 'an IPv6 subnet for a network without IPv6' network create --ipv6=false --subnet fd00:7::/64 bad
  is "$(hoy network ls -q --filter type=custom)" ''
}

@test "subnets that overlap with another network's, or with a route of the host's" {
  hoy network create --subnet 10.7.0.0/16 --subnet fd00:7::/48 one >/dev/null
  for text in 10.7.0.0/16 10.7.5.0/24 10.6.0.0/15 10.7.255.255/32; do
    refused 1 "of network one" network create --subnet $text bad
  done
  refused 1 "with fd00:7::/48 of network one" network create --subnet fd00:7:0:9::/64 bad
  ip link add lan type veth peer name far
  ip link set lan up
  ip address add 10.9.0.1/24 dev lan
  refused 1 "subnet 10.9.0.0/16 overlaps with the host's route to 10.9.0.0/24: choose another one" \
    network create --subnet 10.9.0.0/16 bad
  # Of IPv6 a part of what is the host's may be given to containers, but not all of it.
  ip address add fd00:9::1/64 dev lan nodad
  ip route add fd00:a::5/128 dev lan
  refused 1 "subnet fd00:9::/64 overlaps with the host's route to fd00:9::/64: choose another one" \
    network create --subnet fd00:9::/64 bad
  refused 1 "subnet fd00:a::/64 overlaps with the host's route to fd00:a::5/128: choose another one" \
    network create --subnet fd00:a::/64 bad
  expect 0 hoy network create --subnet fd00:9::5:0/112 two
  ip link delete lan
}

@test "addresses outside: of gateways, ranges, auxiliary ones and containers" {
  local in=(--subnet 10.7.0.0/24)
  refused 1 'no matching subnet for gateway 10.8.0.1' network create "${in[@]}" --gateway 10.8.0.1 bad
  refused 1 'no matching subnet for gateway 10.8.0.1' network create --gateway 10.8.0.1 bad
  refused 1 'invalid gateway 10.7.0.255' network create "${in[@]}" --gateway 10.7.0.255 bad
  refused 1 'invalid gateway 10.7.0.0' network create "${in[@]}" --gateway 10.7.0.0 bad
  refused 1 'invalid gateway here' network create "${in[@]}" --gateway here bad
  refused 1 'cannot configure multiple gateways' network create "${in[@]}" --gateway 10.7.0.1 --gateway 10.7.0.2 bad
  refused 1 'no matching subnet for range 10.8.0.0/25' network create "${in[@]}" --ip-range 10.8.0.0/25 bad
  refused 1 'no matching subnet for range 10.7.0.0/23' network create "${in[@]}" --ip-range 10.7.0.0/23 bad
  refused 1 'invalid ip-range 10.7.0.0/x' network create "${in[@]}" --ip-range 10.7.0.0/x bad
  refused 1 'no matching subnet for aux-address 10.8.0.9' network create "${in[@]}" --aux-address a=10.8.0.9 bad
  refused 1 'invalid aux-address a=: not an IP address' network create "${in[@]}" --aux-address a bad
  hoy network create "${in[@]}" --aux-address printer=10.7.0.9 one >/dev/null
  refused 125 'no configured subnet contains IP address 10.8.0.5' run --network one --ip 10.8.0.5 base true
  refused 125 'no configured subnet contains IP address fd00:7::5' run --network one --ip6 fd00:7::5 base true
  refused 125 'Address already in use: 10.7.0.9' run --network one --ip 10.7.0.9 base true
  refused 125 'Address already in use: 10.7.0.1' run --network one --ip 10.7.0.1 base true
  for text in 10.7.0.0 10.7.0.255; do
    expect 125 hoy run --network one --ip $text base true
    matches "$output" "^hoy: .*$text"
  done
  sleeper aa --network one --ip 10.7.0.5
  refused 1 'no configured subnet contains IP address 10.8.0.5' network connect --ip 10.8.0.5 one "$(hoy create --name bb base true)"
  refused 1 'Address already in use: 10.7.0.5' network connect --ip 10.7.0.5 one "$(hoy run -d base sleep 600)"
}

@test "a subnet that is full: said, and not a network beside it is hurt" {
  local n
  hoy network create --subnet 10.7.0.0/29 --ipv6=false tiny >/dev/null
  for n in 2 3 4 5 6; do sleeper "con$n" --network tiny; done
  is "$(hoy network inspect -f '{{range .Containers}}{{println .IPv4Address}}{{end}}' tiny | sort | xargs)" \
    '10.7.0.2/29 10.7.0.3/29 10.7.0.4/29 10.7.0.5/29 10.7.0.6/29'
  refused 125 "no available IPv4 addresses on this network's address pools: tiny" run --network tiny base true
  sleeper other
  refused 1 "no available IPv4 addresses on this network's address pools: tiny" network connect tiny other
  lacks "$(hoy inspect other)" '"tiny"'
  agree
  hoy rm -f con4 >/dev/null
  expect 0 hoy network connect tiny other
  is "$(address other tiny)" 10.7.0.4
  reaches other 10.7.0.6
  # Two addresses, of which the gateway has one; and a range of one.
  hoy network create --subnet 10.8.0.0/31 --ipv6=false pair >/dev/null
  expect 0 hoy run --rm --network pair base true
  hoy network create --subnet 10.9.0.0/24 --ip-range 10.9.0.77/32 --ipv6=false range >/dev/null
  sleeper ranged --network range
  is "$(address ranged range)" 10.9.0.77
  refused 125 "no available IPv4 addresses on this network's address pools: range" run --network range base true
}

@test "names: dots, dashes, 63 and 64 characters, and what is none" {
  local long63 long64 name
  long63=$(printf 'a%.0s' {1..63})
  long64=${long63}b
  for name in a.b c-d e_f 9 "$long63" "$long64"; do
    hoy network create "$name" >/dev/null
    is "$(hoy network inspect -f '{{.Name}}' "$name")" "$name"
    expect 0 hoy run --rm --network "$name" base true
    hoy network rm "$name" >/dev/null
  done
  for name in '' . -x /a 'a b' a/b ä "$(printf 'a%.0s' {1..256})"; do
    expect 1 hoy network create -- "$name"
    contains "$output" 'hoy: '
    lacks "$output" $'\n'
  done
  hoy network create one >/dev/null
  sleeper asker --network one
  for name in web.v1 web-2 web_3 "$long63"; do
    sleeper "$name" --network one
    expect 0 hoy exec asker ping -4 -c 1 -W 5 "$name"
    contains "$output" "($(address "$name" one))"
  done
  # No name on the wire has labels this long: it is found by its id, and the others as before.
  sleeper "$long64" --network one
  expect 1 hoy exec asker ping -c 1 -W 5 "$long64"
  expect 0 hoy exec asker ping -c 1 -W 5 "$(hoy inspect -f '{{.Id}}' "$long64" | head -c 12)"
  expect 0 hoy exec asker ping -c 1 -W 5 web.v1
  expect 0 hoy exec "$long64" ping -c 1 -W 5 asker
}

@test "a network in use removed: refused, and by force, too" {
  hoy network create one >/dev/null
  sleeper aa --network one
  refused 1 'has active endpoints' network rm one
  refused 1 'has active endpoints' network rm -f one
  reaches aa "$(hoy network inspect -f '{{(index .IPAM.Config 0).Gateway}}' one)"
  expect 0 hoy network rm -f nothere
  expect 1 hoy network rm nothere
  hoy pause aa >/dev/null
  refused 1 'has active endpoints' network rm one
  hoy unpause aa >/dev/null
  hoy network disconnect one aa
  expect 0 hoy network rm one
}

# killed_at N WORD...: the command, killed after a moment that grows with N.
killed_at() {
  local n=$1
  shift
  "$HOY" "$@" >/dev/null 2>&1 &
  sleep "$(awk -v n="$n" 'BEGIN {print n * 0.0007}')"
  kill -9 $! 2>/dev/null || true
  wait $! 2>/dev/null || true
}

@test "kill -9 in the middle of create, rm, connect and disconnect" {
  local n
  sleeper aa
  for n in $(seq 0 2 38); do
    killed_at "$n" network create one
    hoy network inspect one >/dev/null 2>&1 || hoy network create one >/dev/null
    killed_at "$n" network connect one aa
    hoy network ls >/dev/null
    hoy inspect aa | grep -q '"one"' || hoy network connect one aa
    reaches aa "$(hoy network inspect -f '{{(index .IPAM.Config 0).Gateway}}' one)"
    killed_at "$n" network disconnect one aa
    hoy network ls >/dev/null
    if hoy inspect aa | grep -q '"one"'; then hoy network disconnect one aa; fi
    killed_at "$n" network rm one
    ((n % 10)) || agree
  done
}

@test "kill -9 in the middle of create and rm, at every message to the kernel: the next command does the rest" {
  local n status words
  hoy run --rm base true
  hoy network create gone >/dev/null
  for words in "create one" "rm gone"; do
    for ((n = 1; n <= 40; n++)); do
      status=0
      # shellcheck disable=SC2086
      strace -qq -o /dev/null -e trace=sendto -e "inject=sendto:signal=KILL:when=$n" "$HOY" network $words >/dev/null 2>&1 || status=$?
      hoy ps >/dev/null
      AGREE_PATIENCE=0 agree || { echo "network $words, killed at message $n"; false; }
      ((status)) || break
      hoy network inspect one >/dev/null 2>&1 && hoy network rm one >/dev/null
      hoy network inspect gone >/dev/null 2>&1 || hoy network create gone >/dev/null
    done
    ((n > 5 && n < 40)) || { echo "network $words: $n messages"; false; }
  done
}

@test "killed while a container leaves a network: it does not keep the names of it" {
  local call
  hoy network create one >/dev/null
  hoy network create two >/dev/null
  sleeper neighbour --network one
  # Locks: of the run directory, and of the resolvers that it leaves and comes to.
  for call in flock:signal=KILL:when={1..4} connect:signal=KILL:when={3..5}; do
    sleeper aa --network one
    hoy network connect two aa
    run strace -qq -o /dev/null -e inject="$call" "$HOY" network disconnect one aa
    hoy network disconnect one aa 2>/dev/null || true
    agree
    expect 1 hoy exec aa nslookup neighbour
    hoy rm -f aa >/dev/null
  done
}

@test "a container whose shim can't be asked is not taken for one that does not run" {
  local command before
  hoy network create one >/dev/null
  sleeper aa --network one
  before=$(hoy inspect aa)
  for command in 'network disconnect one' 'update --memory 100m'; do
    # The first time it is only looked whether it is there.
    # shellcheck disable=SC2086
    expect 1 strace -qq -o /dev/null -e inject=connect:error=ENOMEM:when=2 "$HOY" $command aa
    one_sentence "$output"
    contains "$output" 'ask the shim of container'
    is "$(hoy inspect aa)" "$before"
  done
}

@test "kill -9 of shims, and of the start of a container on two networks" {
  local n
  hoy network create one >/dev/null
  hoy network create two >/dev/null
  for n in $(seq 0 4 60); do
    killed_at "$n" run -d --name aa --network one --network two -p 8080:80 base sleep 600
    ((n % 12)) || agree
    hoy rm -f aa >/dev/null 2>&1 || true
    sleeper bb --network one --network two -p 8080:80
    kill -9 "$(shim_of bb)"
    eventually 10 eval '! hoy ps -q --filter name=bb | grep -q .'
    expect 0 hoy start bb
    reaches bb "$(hoy network inspect -f '{{(index .IPAM.Config 0).Gateway}}' two)"
    hoy rm -f bb >/dev/null
  done
}

@test "an interface removed by hand: the container's, the bridge" {
  local bridge
  bridge=hoy-$(hoy network create one | head -c 10)
  sleeper aa --network one
  sleeper bb --network one
  nsenter -t "$(pid_of aa)" -n ip link delete eth0
  expect 0 hoy network disconnect one aa
  agree
  expect 0 hoy network connect one aa
  reaches aa "$(address bb one)"
  # Its end on the host has another name, or is in another namespace: the container leaves all the same.
  ip link set "$(host_end aa)" name elsewhere
  expect 0 hoy network disconnect one aa
  lacks "$(links_of aa)" eth0
  expect 0 hoy network connect one aa
  ip netns add away
  ip link set "$(host_end aa)" netns away
  expect 0 hoy network disconnect one aa
  ip netns delete away
  lacks "$(links_of aa)" eth0
  expect 0 hoy network connect one aa
  reaches aa "$(address bb one)"
  # Nothing tells that this one is it.
  ip link set "$(host_end aa)" name elsewhere
  nsenter -t "$(pid_of aa)" -n ip link set eth0 address 02:00:00:00:00:99
  refused 1 'network one: interface eth0 of the container has another MAC address than hoy gave it' network disconnect one aa
  contains "$(hoy inspect -f '{{json .NetworkSettings.Networks}}' aa)" '"one"'
  nsenter -t "$(pid_of aa)" -n ip link delete eth0
  expect 0 hoy network disconnect one aa
  agree
  expect 0 hoy network connect one aa
  # Without the bridge nobody reaches anybody, until it is there again with who was on it.
  ip link delete "$bridge"
  sleeper cc --network one
  reaches cc "$(address bb one)"
  reaches aa "$(address bb one)"
  agree
  ip link set "$bridge" down
  hoy run --rm --network one base true
  reaches aa "$(address bb one)"
  ip link delete "$bridge"
  hoy rm -f aa bb cc >/dev/null
  expect 0 hoy network rm one
}

@test "a bridge that somebody renamed: the network's own is back, and that one gone" {
  local bridge
  hoy network create one >/dev/null
  bridge=hoy-$(hoy network inspect -f '{{.Id}}' one | cut -c 1-10)
  sleeper aa --network one
  sleeper bb --network one
  ip link set "$bridge" down
  ip link set "$bridge" name renamed
  ip link set renamed up
  hoy ps >/dev/null
  expect 1 ip link show renamed
  reaches aa "$(address bb one)"
  expect 0 busybox ping -c 1 -W 5 "$(address aa one)"
  agree
}

@test "the first container of a network, without ports: its bridge is looked after from then on" {
  local name bridge
  hoy network create one >/dev/null
  hoy network create two >/dev/null
  hoy ps >/dev/null
  sleeper aa --network one
  hoy network connect two aa
  for name in one two; do
    bridge=hoy-$(hoy network inspect -f '{{.Id}}' "$name" | cut -c 1-10)
    ip link delete "$bridge"
    hoy ps >/dev/null
    expect 0 ip link show "$bridge"
    expect 0 busybox ping -c 1 -W 5 "$(address aa "$name")"
  done
}

@test "a container that renames what it has: the default route goes by the interface, whatever its name" {
  hoy network create one >/dev/null
  hoy network create two >/dev/null
  sleeper aa --network one --network two --cap-add net_admin
  sleeper bb --network one --network two
  hoy exec aa sh -ec 'ip link set eth1 down; ip link set eth1 name mine; ip link set mine up'
  expect 0 hoy network disconnect one aa
  contains "$(hoy exec aa ip route)" 'dev mine'
  matches "$(hoy exec aa ip route)" '^default via [0-9.]+ dev mine'
  reaches aa "$(address bb two)"
  # One that is down, or has lost its addresses, is its own concern.
  expect 0 hoy network connect one aa
  hoy exec aa ip link set mine down
  expect 0 hoy network disconnect one aa
  expect 0 hoy network connect one aa
  reaches aa "$(address bb one)"
  expect 0 hoy network disconnect two aa
  lacks "$(links_of aa)" mine
  agree
}

@test "a network namespace that is gone, with its container or before" {
  hoy network create one >/dev/null
  sleeper aa --network one
  sleeper joined --network container:aa
  kill -9 "$(shim_of aa)"
  expect 0 hoy network disconnect -f one aa
  agree
  expect 0 hoy start aa
  hoy stop -t 0 aa >/dev/null
  refused 1 'aa' start "$(hoy create --network container:aa base true)"
  expect 0 hoy rm -f joined
}

@test "what is for a swarm, or for nobody, is refused by its name" {
  refused 1 '--scope swarm is not supported: networks are of this machine alone' network create --scope swarm bad
  refused 1 '--ingress is not supported: it is for the nodes of a Docker swarm' network create --ingress bad
  refused 1 '--config-only is not supported' network create --config-only bad
  refused 1 '--config-from is not supported' network create --config-from one bad
  refused 1 'plugin "overlay" not found' network create -d overlay bad
  refused 1 '--ipam-driver dhcp is not supported' network create --ipam-driver dhcp bad
  refused 1 '--ipam-opt a: the driver "default" has no options' network create --ipam-opt a=b bad
  refused 1 'option com.docker.network.bridge.trusted_host_interfaces is not one of the driver bridge' \
    network create -o com.docker.network.bridge.trusted_host_interfaces=eth0 bad
  refused 1 'option com.docker.network.driver.mtu' network create -o com.docker.network.driver.mtu=big bad
  expect 0 hoy network create --scope local --attachable good
  is "$(hoy network inspect -f '{{.Scope}} {{.Attachable}}' good)" 'local true'
  hoy create --name aa base true >/dev/null
  refused 1 '--driver-opt com.docker.network.endpoint.sysctls is not supported' \
    network connect --driver-opt com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1 good aa
}

@test "options of Docker's bridge do what they say" {
  local pid
  # A subnet that no test before had: the kernel may still know their pings, which were answered.
  hoy network create -o com.docker.network.bridge.name=br-mine -o com.docker.network.driver.mtu=1400 \
    -o com.docker.network.container_iface_prefix=wan -o com.docker.network.bridge.enable_icc=false \
    -o com.docker.network.bridge.host_binding_ipv4=127.0.0.1 --subnet 10.76.0.0/24 one >/dev/null
  matches "$(ip -o link show br-mine)" 'mtu 1400'
  sleeper aa --network one -p 8080:80
  sleeper bb --network one
  pid=$(pid_of aa)
  matches "$(nsenter -t "$pid" -n ip -o link show wan0)" 'mtu 1400'
  run hoy exec aa ping -c 1 -W 1 "$(address bb one)"
  [[ $status -ne 0 ]]
  is "$(hoy port aa 80)" 127.0.0.1:8080
  hoy network create -o com.docker.network.bridge.inhibit_ipv4=true --subnet 10.7.0.0/24 two >/dev/null
  lacks "$(ip -o address show "hoy-$(hoy network inspect -f '{{.Id}}' two | head -c 10)")" 10.7.0.1
}
