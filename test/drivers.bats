#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What drivers' options do, as the kernel has it, and what is refused. Who reaches whom by default is in network-matrix.bats.

load lib
load agree

file_setup() {
  # A parent, and who is on its other end.
  ip netns add outside
  ip link add up0 type veth peer name out0 netns outside
  ip link set up0 up
  ip -n outside link set lo up
  ip -n outside link set out0 up
  ip -n outside address add 192.0.2.2/24 dev out0
  ip -n outside address add 2001:db8::2/64 dev out0 nodad
}
file_teardown() {
  ip link delete up0
  ip netns delete outside
}
test_teardown() {
  local left
  # shellcheck disable=SC2046
  hoy rm -f $(hoy ps -aq) >/dev/null 2>&1
  left=$(hoy network ls -q --filter type=custom)
  # shellcheck disable=SC2086
  [[ -z $left ]] || hoy network rm $left >/dev/null
}

create() { hoy network create "$@" >/dev/null; }
sleeper() { hoy run -d --name "$@" base sleep 600 >/dev/null; }
address() { hoy inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }
reaches() { hoy exec "$1" ping -c 1 -W 10 "$2" >/dev/null; }
reaches_not() { expect 1 hoy exec "$1" ping -c 1 -W 1 "$2"; }
# On the parent's network, with outside as the gateway.
LAN=(-o parent=up0 --subnet 192.0.2.0/24 --gateway 192.0.2.2 --subnet 2001:db8::/64 --gateway 2001:db8::2)

@test "bridge: its name, its MTU, and what interfaces are called" {
  create -o com.docker.network.bridge.name=my-bridge -o com.docker.network.driver.mtu=1400 \
    -o com.docker.network.container_iface_prefix=lan own
  contains "$(ip link show my-bridge)" 'mtu 1400'
  expect 0 hoy run --rm --network own base ip link
  matches "$output" 'lan0@[^:]*: .* mtu 1400'
  is "$(hoy network inspect -f '{{index .Options "com.docker.network.driver.mtu"}}' own)" 1400
  expect 1 hoy network create -o com.docker.network.bridge.name=my-bridge other
  contains "$output" "bridge my-bridge is network own's already"
  expect 1 hoy network create -o com.docker.network.bridge.name=up0 other
  contains "$output" 'there is an interface up0 already'
  # Live, too.
  sleeper one
  hoy network connect own one
  matches "$(hoy exec one ip link)" 'lan1@[^:]*: .* mtu 1400'
  expect 0 hoy network create --opt com.docker.network.driver.mtu=9000 jumbo
  expect 0 hoy run --rm --network jumbo base ip link show eth0
  contains "$output" 'mtu 9000'
  # IPv6 wants 1280.
  local mtu
  for mtu in 1000=false 1279=false 1280=true; do
    expect 0 hoy network create -o com.docker.network.driver.mtu="${mtu%=*}" "narrow${mtu%=*}"
    is "$(hoy network inspect -f '{{.EnableIPv6}}' "narrow${mtu%=*}")" "${mtu#*=}"
    contains "$(hoy run --rm --network "narrow${mtu%=*}" base ip link show eth0)" "mtu ${mtu%=*}"
  done
  expect 1 hoy network create --ipv6 -o com.docker.network.driver.mtu=1000 none6
  contains "$output" 'com.docker.network.driver.mtu: IPv6 needs 1280 at least'
}

@test "bridge: containers that reach nobody but by published ports; none of the host's addresses; no masquerade" {
  create -o com.docker.network.bridge.enable_icc=false apart
  sleeper one --network apart
  sleeper two --network apart
  reaches_not one "$(address two apart)"
  ip address add 198.51.100.1/24 dev lo
  reaches one 198.51.100.1
  ip address delete 198.51.100.1/24 dev lo
  # By its own address, where outside knows the way back.
  ip address add 192.0.2.1/24 dev up0
  create -o com.docker.network.bridge.enable_ip_masquerade=false --subnet 10.66.0.0/24 plain
  sleeper three --network plain
  reaches_not three 192.0.2.2
  ip -n outside route add 10.66.0.0/24 via 192.0.2.1
  reaches three 192.0.2.2
  # Routed: in from outside, at any port.
  expect 1 ip netns exec outside ping -c 1 -W 1 "$(address three plain)"
  create -o com.docker.network.bridge.gateway_mode_ipv4=routed --subnet 10.67.0.0/24 routed
  sleeper four --network routed
  ip -n outside route add 10.67.0.0/24 via 192.0.2.1
  expect 0 ip netns exec outside ping -c 1 -W 10 "$(address four routed)"
  agree
  # Of one version alone.
  ip address add 2001:db8::1/64 dev up0 nodad
  create -o com.docker.network.bridge.gateway_mode_ipv6=routed --subnet 10.69.0.0/24 --subnet fd00:69::/64 routed6
  sleeper five --network routed6
  ip -n outside route add 10.69.0.0/24 via 192.0.2.1
  ip -n outside route add fd00:69::/64 via 2001:db8::1
  expect 0 ip netns exec outside ping -c 1 -W 10 "$(hoy inspect -f '{{.NetworkSettings.Networks.routed6.GlobalIPv6Address}}' five)"
  expect 1 ip netns exec outside ping -c 1 -W 1 "$(address five routed6)"
  reaches five 2001:db8::2
  agree
  ip address delete 2001:db8::1/64 dev up0
  ip address delete 192.0.2.1/24 dev up0
}

@test "bridge: somebody else's gateway, and where ports are published" {
  create -o com.docker.network.bridge.inhibit_ipv4=true --subnet 10.68.0.0/24 --gateway 10.68.0.9 no-address
  lacks "$(ip -o address show "hoy-$(hoy network inspect -f '{{slice .Id 0 10}}' no-address)")" 10.68.0.
  expect 0 hoy run --rm --network no-address base ip route
  contains "$output" 'default via 10.68.0.9'
  create -o com.docker.network.bridge.host_binding_ipv4=127.0.0.1 near
  sleeper one --network near -p 8080:80
  is "$(hoy port one 80)" 127.0.0.1:8080
  sleeper two --network near -p 0.0.0.0:8081:80
  is "$(hoy port two 80)" 0.0.0.0:8081
}

@test "link-local addresses: of a container that starts, and of one that comes" {
  create own
  sleeper one --network own --link-local-ip 169.254.7.7 --link-local-ip fe80::7:7
  expect 0 hoy exec one ip address show eth0
  contains "$output" 'inet 169.254.7.7/16'
  contains "$output" 'inet6 fe80::7:7/64'
  sleeper two
  expect 0 hoy network connect --link-local-ip 169.254.7.8 own two
  contains "$(hoy exec two ip address show eth1)" 'inet 169.254.7.8/16'
  reaches two 169.254.7.7
  reaches one 169.254.7.8
  expect 0 hoy exec two ping -c 1 -W 10 -I eth1 fe80::7:7
  is "$(hoy inspect -f '{{json .NetworkSettings.Networks.own.IPAMConfig}}' one)" '{"LinkLocalIPs":["169.254.7.7","fe80::7:7"]}'
  hoy restart -t 0 one >/dev/null
  contains "$(hoy exec one ip address show eth0)" 'inet 169.254.7.7/16'
  expect 125 hoy run --rm --network own --link-local-ip 169.254.7 base true
  expect 125 hoy network connect --link-local-ip x own two
}

@test "macvlan: addresses and MACs of one's own, MTU, a parent's range, and who is outside" {
  create -d macvlan "${LAN[@]}" --ip-range 192.0.2.128/25 --aux-address router=192.0.2.128 -o com.docker.network.driver.mtu=1300 lan
  sleeper one --network lan
  is "$(address one lan)" 192.0.2.129
  sleeper two --network lan --ip 192.0.2.77 --ip6 2001:db8::77 --mac-address 02:00:00:00:00:77
  expect 0 hoy exec two ip address show eth0
  contains "$output" 02:00:00:00:00:77
  contains "$output" 192.0.2.77/24
  contains "$output" 2001:db8::77/64
  contains "$output" 'mtu 1300'
  reaches two 192.0.2.2
  reaches two 2001:db8::2
  reaches one 192.0.2.77
  contains "$(ip -n outside neighbour show 192.0.2.77)" 02:00:00:00:00:77
  expect 125 hoy run --rm --network lan --ip 192.0.2.128 base true
  contains "$output" '192.0.2.128'
  expect 125 hoy run --rm --network lan --ip 192.0.2.2 base true
  contains "$output" '192.0.2.2'
  # Live, with a bridge beside it that keeps the default route.
  create own
  sleeper three --network name=own,gw-priority=5
  expect 0 hoy network connect --ip 192.0.2.200 lan three
  matches "$(hoy exec three ip route)" "default via $(hoy network inspect -f '{{(index .IPAM.Config 0).Gateway}}' own) dev eth0"
  reaches three 192.0.2.2
  hoy network disconnect own three
  contains "$(hoy exec three ip route)" 'default via 192.0.2.2 dev eth1'
  hoy restart -t 0 three >/dev/null
  contains "$(hoy exec three ip route)" 'default via 192.0.2.2 dev eth0'
  reaches three 192.0.2.2
}

@test "macvlan: who gave his interface another name and address leaves the network as well" {
  create -d macvlan "${LAN[@]}" lan
  create own
  sleeper one --network lan --network own --cap-add net_admin
  expect 0 hoy exec one sh -ec 'ip link set eth0 down; ip link set eth0 name mine address 02:00:00:00:00:99; ip link set mine up'
  reaches one 192.0.2.2
  expect 0 hoy network disconnect lan one
  expect 0 hoy exec one ip link
  lacks "$output" mine
  contains "$output" eth1
  # And one that is not there any more.
  expect 0 hoy network connect lan one
  nsenter --net="/proc/$(hoy inspect -f '{{.State.Pid}}' one)/ns/net" ip link delete eth2
  expect 0 hoy network disconnect lan one
}

# Docker's container runs, too, and its ports are there when it comes to a bridge; of the others nothing is said.
@test "macvlan: published ports are said not to lead there, and do once there is a bridge" {
  create -d macvlan "${LAN[@]}" lan
  expect 0 hoy run -d --name one --network lan -p 8080:80 base httpd -f -p 80
  contains "$output" 'once it is on a network that is a bridge and not internal; on lan (macvlan) all of its ports are at its own address'
  is "$(hoy port one)" ''
  is "$(hoy inspect -f '{{json .HostConfig.PortBindings}}' one)" '{"80/tcp":[{"HostIp":"","HostPort":"8080"}]}'
  expect 1 hoy update --publish-add 8081:80 one
  contains "$output" "no network of the container's has ports to publish: that takes a bridge"
  hoy network connect bridge one
  is "$(hoy port one 80)" $'0.0.0.0:8080\n[::]:8080'
  expect 0 hoy update --publish-add 8081:80 one
  hoy network disconnect bridge one
  is "$(hoy port one)" ''
}

@test "macvlan: modes" {
  local mode
  for mode in private vepa bridge; do
    create -d macvlan "${LAN[@]}" -o macvlan_mode=$mode lan
    sleeper one --network lan
    sleeper two --network lan
    contains "$(nsenter -t "$(field one .State.Pid)" -n ip -d link show eth0)" "macvlan mode $mode"
    reaches one 192.0.2.2
    # Where frames go out, nobody sends them back.
    if [[ $mode == bridge ]]; then reaches one "$(address two lan)"; else reaches_not one "$(address two lan)"; fi
    hoy rm -f one two >/dev/null
    hoy network rm lan >/dev/null
  done
  create -d macvlan "${LAN[@]}" -o macvlan_mode=passthru lan
  sleeper one --network lan
  reaches one 192.0.2.2
  contains "$(ip link show up0)" "link/ether $(hoy exec one cat /sys/class/net/eth0/address) "
  is "$(field one .NetworkSettings.Networks.lan.MacAddress)" ''
  expect 125 hoy run --rm --network lan --mac-address 02:00:00:00:00:01 base true
  contains "$output" 'its interfaces have the MAC address of their parent (macvlan, passthru), and no other'
  expect 125 hoy run --rm --network lan base true
  contains "$output" "the interface up0 can't have a macvlan now: one of another kind, or one that is alone on it (passthru), uses it"
  # Its own last one is waited for.
  hoy restart -t 0 one >/dev/null
  reaches one 192.0.2.2
}

@test "macvlan: what a container had until just now is waited for" {
  create -d macvlan "${LAN[@]}" lan
  sleeper one --network lan --mac-address 02:00:00:00:00:77 --ip 192.0.2.77
  for _ in $(seq 8); do
    expect 0 hoy restart -t 0 one
    hoy network disconnect lan one
    expect 0 hoy network connect --ip 192.0.2.77 lan one
  done
  # Another container's stays another's.
  hoy network disconnect lan one
  hoy rm -f one >/dev/null
  sleeper one --network lan --mac-address 02:00:00:00:00:77
  expect 125 hoy run --rm --network lan --mac-address 02:00:00:00:00:77 base true
  contains "$output" 'the interface eth0: another one on the same parent has its MAC address or one of its IP addresses: give the container others'
  one_sentence "$output"
}

@test "macvlan: a parent is one network's; gone, it is said; back, it works" {
  ip link add gone0 type veth peer name gone1
  create -d macvlan -o parent=gone0 --subnet 198.51.100.0/24 lan
  expect 1 hoy network create -d macvlan -o parent=gone0 --subnet 203.0.113.0/24 other
  contains "$output" 'network lan is already using parent interface gone0'
  expect 1 hoy network create -d ipvlan -o parent=gone0 --subnet 203.0.113.0/24 other
  contains "$output" 'network lan is already using parent interface gone0'
  ip link set gone0 up
  sleeper one --network lan
  ip link delete gone0
  # The container goes on without.
  is "$(hoy exec one ls /sys/class/net | tr '\n' ' ')" 'lo '
  expect 1 hoy restart -t 0 one
  contains "$output" 'network lan: its parent interface gone0 is not there: bring it back, or make the network anew with another one'
  ip link add gone0 type veth peer name gone1
  ip link set gone0 up
  expect 0 hoy start one
  is "$(hoy exec one ls /sys/class/net | tr '\n' ' ')" 'eth0 lo '
  hoy network disconnect lan one
  is "$(hoy exec one ls /sys/class/net | tr '\n' ' ')" 'lo '
  hoy rm -f one >/dev/null
  hoy network rm lan >/dev/null
  ip link show gone0 >/dev/null # not hoy's
  ip link delete gone0
}

@test "refused by name" {
  local case
  for case in 'macvlan parent=lo|loopback interface is not a valid macvlan parent link' \
    'macvlan parent=nope0|there is no such interface on the host' 'macvlan parent=up0.5000|number is from 1 to 4094' \
    'macvlan parent=nope0.7|nor is there nope0' 'macvlan parent=a-name-that-is-too-long|at most 15 characters' \
    'macvlan macvlan_mode=odd|is not bridge, private, vepa or passthru' 'macvlan ipvlan_mode=l2|not one of the driver macvlan' \
    'ipvlan ipvlan_mode=l4|is not l2, l3 or l3s' 'ipvlan ipvlan_flag=odd|is not bridge, private or vepa' \
    'bridge parent=up0|not one of the driver bridge' 'bridge com.docker.network.driver.mtu=67|is not a number from 68 to 65535' \
    'bridge com.docker.network.driver.mtu=1e3|is not a number' 'bridge com.docker.network.bridge.enable_icc=maybe|is not true or false' \
    'bridge com.docker.network.bridge.name=a/b|is not a name of an interface' 'bridge com.docker.network.bridge.nope=1|not one of the driver bridge' \
    'bridge com.docker.network.bridge.gateway_mode_ipv4=odd|is not nat, routed or isolated' \
    'bridge com.docker.network.bridge.gateway_mode_ipv4=isolated|internal'; do
    # shellcheck disable=SC2086
    set -- ${case%%|*}
    expect 1 hoy network create -d "$1" -o "$2" other
    contains "$output" "${case#*|}"
    one_sentence "$output"
  done
  is "$(hoy network ls -q --filter type=custom)" ''
  # Addresses and MACs where there is nothing that could have them.
  for case in '--network host --ip 10.1.2.3' '--network none --ip6 fd00::3' '--network host --mac-address 02:00:00:00:00:01'; do
    # shellcheck disable=SC2086
    expect 125 hoy run --rm $case base true
  done
  create -d ipvlan -o parent=up0 alone
  expect 125 hoy run --rm --network alone --mac-address 02:00:00:00:00:01 base true
  contains "$output" 'network alone: its interfaces have the MAC address of their parent (ipvlan), and no other'
  one_sentence "$output"
}

@test "ipvlan, where the kernel does not have it: a sentence" {
  ! ip link add probe0 link up0 type ipvlan 2>/dev/null || { ip link delete probe0; skip "this kernel has it: vm.bats shows it"; }
  create -d ipvlan -o parent=up0 lan
  expect 125 hoy run --rm --network lan base true
  contains "$output" 'ipvlan'
  one_sentence "$output"
}

@test "VLANs and interfaces that lead nowhere, where the kernel does not have them: a sentence" {
  ! ip link add probe0 type dummy 2>/dev/null || { ip link delete probe0; skip "this kernel has them: vm.bats shows it"; }
  expect 1 hoy network create -d macvlan alone
  contains "$output" 'network alone: this kernel has no interfaces of the kind dummy, which its parent dm-'
  contains "$output" 'modprobe dummy, or give another one with -o parent=INTERFACE'
  one_sentence "$output"
  expect 1 hoy network create -d macvlan -o parent=up0.7 tagged
  contains "$output" 'this kernel has no interfaces of the kind vlan, which its parent up0.7 is to be: modprobe 8021q'
  one_sentence "$output"
  is "$(hoy network ls -q --filter type=custom)" ''
}
