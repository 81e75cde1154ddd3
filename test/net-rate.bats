#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --net-rate: bytes are sent to a container and by it, and take at least as long as the rate has them take.

load lib

BYTES=$((384 << 10))

test_teardown() {
  hoy rm -f one two >/dev/null 2>&1 || true
  hoy network rm first second lan >/dev/null 2>&1 || true
}

# Its port 7000 takes bytes and tells how many; its port 7001 gives them.
serve() {
  hoy run -d --name one "$@" base sh -c "nc -ll -p 7000 -e wc -c & exec nc -ll -p 7001 -e head -c $BYTES /dev/zero" >/dev/null
  eventually 10 listens
}
listens() { [[ $(hoy exec one netstat -ltn) == *:7000*:7001* || $(hoy exec one netstat -ltn) == *:7001*:7000* ]]; }
address() { field "$1" .NetworkSettings.Networks.bridge.IPAddress; }

# takes in|out: the milliseconds of a transfer.
takes() {
  python3 - "$1" "$(address one)" "$BYTES" <<'PYTHON'
import socket, sys, time
way, address, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
start = time.monotonic()
s = socket.create_connection((address, 7000 if way == "in" else 7001))
if way == "in":
    s.sendall(bytes(size))
    s.shutdown(socket.SHUT_WR)
    got = int(s.makefile().read())
else:
    got = 0
    while data := s.recv(65536):
        got += len(data)
assert got == size, got
print(int((time.monotonic() - start) * 1000))
PYTHON
}

# at_least WAY MBIT: a bucket's burst, which is 20 ms worth or 8 KiB, may pass at once.
at_least() {
  local took least=$(((BYTES - 25000) * 8 / $2 / 1000))
  took=$(takes "$1")
  ((took >= least)) || { echo "$BYTES bytes $1 at $2mbit took $took ms, not $least"; return 1; }
}

helper() { echo "ifb$(field one .Id | cut -c1-12)"; }
host_end() { echo "hoy$(field one .Id | cut -c1-12)"; }

@test "in and out, each at its own rate; seen in inspect, and nothing of it stays" {
  serve --net-rate in=4mbit,out=2mbit
  is "$(field one '.HostConfig.NetRate | "\(.In) \(.Out)"')" '4000000 2000000'
  at_least in 4
  at_least out 2
  local helper
  helper=$(helper)
  ip link show "$helper" >/dev/null
  hoy rm -f one >/dev/null
  run ! ip link show "$helper"
}

@test "the container can't take it away" {
  serve --net-rate out=2mbit --cap-add NET_ADMIN
  hoy exec one ip link set eth0 down
  hoy exec one ip link set eth0 up
  hoy exec one ip route add default via "$(field one .NetworkSettings.Networks.bridge.Gateway)" || true
  at_least out 2
}

@test "one way alone needs no helper" {
  serve --net-rate in=4mbit
  run ! ip link show "$(helper)"
  at_least in 4
}

@test "update, while it runs and for the next start" {
  serve
  expect 0 hoy update --net-rate in=4mbit one
  at_least in 4
  is "$(field one '.HostConfig.NetRate | tostring')" '{"In":4000000}'
  expect 0 hoy update --net-rate out=2mbit one
  is "$(field one '.HostConfig.NetRate | tostring')" '{"In":4000000,"Out":2000000}'
  at_least out 2
  ip link show "$(helper)" >/dev/null
  expect 0 hoy restart -t 0 one
  eventually 10 listens
  at_least out 2
  at_least in 4
  expect 0 hoy update --net-rate in=0,out=0 one
  is "$(field one .HostConfig.NetRate)" null
  run ! ip link show "$(helper)"
  [[ $(tc qdisc show dev "$(host_end)") != *tbf* ]]
  [[ $(takes out) -ge 0 ]]
}

@test "what an update made goes with the container, also of one that is killed with its shim" {
  serve
  hoy update --net-rate out=2mbit one >/dev/null
  local helper pid shim
  helper=$(helper)
  ip link show "$helper" >/dev/null
  pid=$(field one .State.Pid)
  shim=$(awk '{print $4}' "/proc/$pid/stat")
  kill -9 "$shim" "$pid"
  eventually 10 gone_by_next_command "$helper"
}
gone_by_next_command() { hoy ps -a >/dev/null && ! ip link show "$1" 2>/dev/null; }

@test "refused" {
  local case
  for case in 'in=fast|"fast" is no rate' 'in=|"" is no rate' '5mbit|"5mbit" is none of in=RATE' 'in=10furlongs|is no rate' \
    'in=1kbit|8kbit at least' 'out=-1mbit|is no rate' 'in=1e9|is no rate' 'out=99999999tbit|1000tbit at most' 'in=4mbit,,|"" is none of' \
    'class=x|class=x is no class' 'class=0|is no class' 'class=1:10000|is no class' 'priority=eth0|is an interface' 'priority=eth0:x|is an interface'; do
    expect 125 hoy run --rm --net-rate "${case%%|*}" base true
    contains "$output" "${case#*|}"
    one_sentence "$(head -n 1 <<<"$output")"
  done
  for case in none host; do
    expect 125 hoy run --rm --network $case --net-rate in=1mbit base true
    contains "$output" "--net-rate: a container with --network $case has no interface of its own"
  done
  hoy run -d --name one base sleep 600 >/dev/null
  expect 125 hoy run --rm --network container:one --net-rate in=1mbit base true
  contains "$output" 'set the rate there'
  expect 1 hoy update --net-rate class=1:1 one
  contains "$output" 'only in= and out= can be changed'
  hoy run -d --name two --network host base sleep 600 >/dev/null
  expect 1 hoy update --net-rate in=1mbit two
  contains "$output" 'has no interface of its own'
  is "$(field two .HostConfig.NetRate)" null
}

@test "an update that the kernel refuses leaves all as it was" {
  serve --net-rate in=4mbit
  # Somebody else has the helper's name.
  ip link add "$(helper)" type veth peer name foreign
  expect 1 hoy update --net-rate in=8mbit,out=2mbit one
  contains "$output" 'limit the traffic of the interface'
  is "$(field one '.HostConfig.NetRate | tostring')" '{"In":4000000}'
  at_least in 4
  ip link show foreign >/dev/null
  ip link delete foreign
}

@test "explain, a script by hand, and the command again" {
  hoy create --name one --net-rate in=10mbit,out=512kbit base true >/dev/null
  expect 0 hoy explain --net-rate in=10mbit,out=512kbit base true
  contains "$output" 'let no more than 10mbit a second in and 512kbit a second out'
  expect 0 hoy as sh one
  contains "$output" 'root tbf rate 10000000bit'
  contains "$output" 'action mirred egress redirect dev ifb'
  expect 0 hoy as run one
  contains "$output" '--net-rate in=10000000bit,out=512000bit'
}

@test "marks of cgroup v1: class and priority" {
  local groups="$BATS_TEST_TMPDIR/groups" id
  mkdir "$groups"
  if ! mount -t cgroup -o net_cls,net_prio cgroup "$groups" 2>/dev/null; then
    expect 125 hoy run --rm --net-rate class=1:1 base true
    contains "$output" '--net-rate: class= needs the controller net_cls of cgroup v1, which this host does not have'
    expect 125 hoy run --rm --net-rate priority=lo:5 base true
    contains "$output" 'net_prio'
    skip 'no net_cls here: vm.bats has it'
  fi
  hoy run -d --name one --net-rate class=1:10,priority=lo:5 base sleep 600 >/dev/null
  id=$(field one .Id)
  is "$(cat "$groups"/*"$id"*/net_cls.classid "$groups"/*/*"$id"*/net_cls.classid 2>/dev/null)" "$((0x10010))"
  contains "$(cat "$groups"/*"$id"*/net_prio.ifpriomap "$groups"/*/*"$id"*/net_prio.ifpriomap 2>/dev/null)" 'lo 5'
  hoy rm -f one >/dev/null
  umount "$groups"
}

# The ends on the host of a container's interfaces, by network.
end_on() { ip -o link show master "hoy-$(hoy network inspect -f '{{.Id}}' "$1" | cut -c1-10)" | awk -F'[:@ ]+' '{print $2; exit}'; }
limits_of() { tc qdisc show dev "$1" | grep -o 'tbf .* rate [^ ]*' | sed 's/.* rate //'; }
limited() {
  is "$(limits_of "$(end_on "$1")")" "$2"
  is "$(limits_of "ifb$(end_on "$1" | cut -c4-)" 2>/dev/null)" "$3"
}

@test "several networks, and those that come while it runs" {
  local end
  hoy network create first >/dev/null
  hoy network create second >/dev/null
  serve --network first --net-rate in=4mbit,out=2mbit
  limited first 4Mbit 2Mbit
  hoy network connect second one
  limited second 4Mbit 2Mbit
  expect 0 hoy update --net-rate in=0,out=3mbit one
  limited first '' 3Mbit
  limited second '' 3Mbit
  hoy restart -t 0 one >/dev/null
  limited first '' 3Mbit
  limited second '' 3Mbit
  end=$(end_on second)
  hoy network disconnect second one
  expect 1 ip link show "$end"
  expect 1 ip link show "ifb${end#hoy}"
  limited first '' 3Mbit
  # By update, too.
  expect 0 hoy update --network-add second one
  limited second '' 3Mbit
  expect 0 hoy update --net-rate out=0 one
  limited second '' ''
  is "$(field one .HostConfig.NetRate)" null
  expect 0 hoy update --net-rate in=1mbit one
  limited second 1Mbit ''
}

@test "macvlan: refused by name, wherever it would come in" {
  ip link add eth9 type veth peer name other9
  ip link set eth9 up
  hoy network create -d macvlan -o parent=eth9 --subnet 198.51.100.0/24 lan >/dev/null
  expect 125 hoy run --name one --network lan --net-rate in=1mbit base true
  contains "$output" "--net-rate: network lan has the driver macvlan: a container's interface has no end on the host there"
  one_sentence "$output"
  hoy rm one >/dev/null
  hoy run -d --name one --network lan base sleep 600 >/dev/null
  expect 1 hoy update --net-rate in=1mbit one
  contains "$output" 'network lan has the driver macvlan'
  is "$(field one .HostConfig.NetRate)" null
  hoy run -d --name two --net-rate in=1mbit base sleep 600 >/dev/null
  expect 1 hoy network connect lan two
  contains "$output" 'network lan has the driver macvlan'
  is "$(hoy exec two ls /sys/class/net | tr '\n' ' ')" 'eth0 lo '
  is "$(field two '.NetworkSettings.Networks | keys | join(" ")')" bridge
  hoy rm -f one two >/dev/null
  hoy network rm lan >/dev/null
  ip link delete eth9
}
