#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The default bridge, seen from inside, from the host, and from beyond the host: a namespace behind a veth pair
# that knows the host's outer address only.

load lib
load outside

file_setup() {
  # As on a host where nobody forwards yet.
  echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
  outside_add
}

file_teardown() { outside_remove; }

inside() { hoy run --rm base "$@"; }

# The bridge's address, and its name. Each root has a bridge of its own: hoy0 is the first one's.
gateway() { inside ip route | awk '/^default/ {print $3}'; }
bridge() { ip -4 -o address show to "$(gateway)" | awk '{print $2}'; }

@test "an address of the bridge's network, a default route, both up" {
  expect 0 inside sh -c 'ip -4 -o address show eth0; ip route; cat /sys/class/net/eth0/operstate'
  matches "$output" "inet (10|172|192)\\.[0-9.]+/22"
  matches "$output" 'default via [0-9.]+\.1 dev eth0'
  matches "$(bridge)" '^hoy[0-9]+$'
  contains "$(ip -d link show "$(bridge)")" 'mcast_snooping 0' # no time for what is on it already
  contains "$output" up
}

@test "the host, and another container" {
  local address gateway
  gateway=$(gateway)
  expect 0 inside ping -c 1 -W 5 "$gateway"
  hoy run -d --name other base sleep 600 >/dev/null
  address=$(field other .NetworkSettings.Networks.bridge.IPAddress)
  expect 0 inside ping -c 1 -W 5 "$address"
  expect 0 busybox ping -c 1 -W 5 "$address"
  hoy rm -f other >/dev/null
}

@test "beyond the host, under the host's address" {
  ip netns exec beyond python3 -c '
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
    def log_message(self, *_): pass
http.server.HTTPServer(("198.51.100.2", 8000), Handler).handle_request()' 3>&- &
  local server=$!
  eventually 10 eval 'ip netns exec beyond ss -ltn | grep -q :8000'
  expect 0 inside wget -q -O - http://198.51.100.2:8000/
  is "$output" 198.51.100.1
  wait $server
}

@test "nobody beyond the host gets in" {
  hoy run -d --name closed base sleep 600 >/dev/null
  local address
  address=$(field closed .NetworkSettings.Networks.bridge.IPAddress)
  ip -n beyond route add "$address" via 198.51.100.1
  expect 1 ip netns exec beyond busybox ping -c 1 -W 1 "$address"
  ip -n beyond route delete "$address"
  hoy rm -f closed >/dev/null
}

@test "IPv6: an address of the network's own, settled, and a default route" {
  expect 0 inside sh -c 'ip -6 -o address show eth0; ip -6 route'
  matches "$output" 'inet6 fd[0-9a-f:]+/64 scope global'
  # The link's own, which the kernel makes, may just be asked for.
  lacks "$(grep 'scope global' <<<"$output")" tentative
  matches "$output" 'default via fd[0-9a-f:]+::1 dev eth0'
  expect 0 inside sh -c 'ping -6 -c 1 -W 5 "$(ip -6 route | awk "/^default/ {print \$3}")"'
}

@test "the host goes on hearing its routers when it forwards" {
  is "$(cat /proc/sys/net/ipv6/conf/all/forwarding)" 1
  is "$(cat /proc/sys/net/ipv6/conf/outer/accept_ra)" 2
  is "$(cat "/proc/sys/net/ipv6/conf/$(bridge)/accept_ra")" 0
}

@test "two roots have a bridge each, and do not see each other" {
  local other=$BATS_TEST_TMPDIR/other address
  mkdir "$other"
  address=$(HOY_ROOT=$other/root HOY_RUNROOT=$other/run "$HOY" run --rm base ip -4 -o address show eth0)
  lacks "$address" "$(inside ip -4 -o address show eth0 | awk '{sub(/\.[0-9]+\/.*/, "", $4); print $4}')"
  hoy run -d --name closed base sleep 600 >/dev/null
  expect 1 env HOY_ROOT="$other/root" HOY_RUNROOT="$other/run" "$HOY" run --rm base \
    ping -c 1 -W 1 "$(field closed .NetworkSettings.Networks.bridge.IPAddress)"
  hoy rm -f closed >/dev/null
}

@test "two roots without a bridge of the default network have their own rules" {
  local theirs=(env HOY_ROOT="$BATS_TEST_TMPDIR/root" HOY_RUNROOT="$BATS_TEST_TMPDIR/run" "$HOY")
  local mine=(env HOY_ROOT="$BATS_TEST_TMPDIR/root2" HOY_RUNROOT="$BATS_TEST_TMPDIR/run2" "$HOY")
  "${theirs[@]}" network create lan >/dev/null
  "${theirs[@]}" run -d --name theirs --network lan -p 8090:80 base sleep 600 >/dev/null
  "${mine[@]}" network create lan >/dev/null
  "${mine[@]}" run -d --name mine --network lan -p 8091:80 base sleep 600 >/dev/null
  nft flush ruleset
  "${theirs[@]}" ps >/dev/null
  "${mine[@]}" ps >/dev/null
  contains "$(nft list ruleset)" "tcp . 8090 :"
  contains "$(nft list ruleset)" "tcp . 8091 :"
  "${mine[@]}" rm -f mine >/dev/null
  "${mine[@]}" network rm lan >/dev/null
  contains "$(nft list ruleset)" "tcp . 8090 :"
  lacks "$(nft list ruleset)" "tcp . 8091 :"
  "${theirs[@]}" rm -f theirs >/dev/null
  "${theirs[@]}" network rm lan >/dev/null
}

@test "an address is given back" {
  local n first
  first=$(hoy run --rm base sh -c "ip -4 -o address show eth0 | awk '{print \$4}'")
  for n in 1 2 3; do is "$(hoy run --rm base echo $n)" $n; done
  hoy run -d --name holds base sleep 600 >/dev/null
  matches "$(field holds .NetworkSettings.Networks.bridge.IPAddress)" "^${first%.*}\\."
  hoy rm -f holds >/dev/null
}

@test "hoy has an nft table of its own and runs no program for it" {
  inside true
  contains "$(nft list tables)" "table inet $(own_table)"
  expect 0 strace -f -e trace=execve -o "$BATS_TEST_TMPDIR/trace" "$HOY" run --rm base true
  run grep -E 'execve\("[^"]*(iptables|nft|/ip)"' "$BATS_TEST_TMPDIR/trace"
  is "$output" ''
}

@test "--link on the default network: a line of hosts and variables; who does not run, or is elsewhere, is told apart" {
  hoy network create elsewhere >/dev/null
  hoy run -d --name target --expose 80 --expose 53/udp --expose 53 -e KEY=value base sleep 600 >/dev/null
  expect 0 hoy run --rm --link target:db base sh -c 'ping -c 1 -W 5 db >/dev/null && env'
  contains "$output" "DB_PORT_80_TCP_ADDR=$(hoy inspect -f '{{.NetworkSettings.IPAddress}}' target)"
  matches "$output" 'DB_PORT=tcp://[0-9.]*:53' # the lowest, of TCP before others
  contains "$output" 'DB_ENV_KEY=value'
  hoy network connect elsewhere target
  hoy network disconnect bridge target
  expect 125 hoy run --rm --name one --link target:db base true
  contains "$output" 'Cannot link to /target AS /one/db: it is not on network bridge, on which this one is: hoy network connect bridge target'
  hoy network connect bridge target
  expect 0 hoy run --rm --link target:db base true
  hoy stop -t 0 target >/dev/null
  expect 125 hoy run --rm --name one --link target:db base true
  contains "$output" 'Cannot link to a non running container: /target AS /one/db'
  hoy rm -f target >/dev/null
  hoy network rm elsewhere >/dev/null
}

@test "--network none has loopback alone, --network host has the host's" {
  is "$(hoy run --rm --network none base ip -o link | wc -l)" 1
  expect 0 hoy run --rm --network none base ping -c 1 -W 5 127.0.0.1
  contains "$(hoy run --rm --network host base ip -o link)" outer
}
