#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The host's own firewall: ufw, firewalld, nftables, and the rules of iptables that Docker and others make. By
# default published ports go past it, as Docker's do, and --firewall respect has it decide. hoy changes none of
# its rules, and comes back after it has flushed hoy's. Whoever is outside is a namespace behind a veth pair.

load lib
load outside

PRIVATE="/etc/ufw /etc/default /lib/ufw /etc/firewalld /run/dbus"
HOST="198.51.100.1 2001:db8::1"
OUTSIDE="198.51.100.2 2001:db8::2"

file_setup() {
  outside_add
  # What the firewalls keep is this file's alone.
  local directory
  for directory in $PRIVATE; do
    mkdir -p "$directory" "$BATS_FILE_TMPDIR/private$directory"
    cp -a "$directory/." "$BATS_FILE_TMPDIR/private$directory/"
    mount --bind "$BATS_FILE_TMPDIR/private$directory" "$directory"
  done
}

file_teardown() {
  local directory
  for directory in $PRIVATE; do umount "$directory"; done
  outside_remove
}

test_setup() {
  BACKGROUND=''
  serve_in beyond ip netns exec beyond
}

test_teardown() {
  local pid
  [[ -z ${GATE:-} ]] || kill -CONT "$GATE" 2>/dev/null # that a test stopped
  # Who asks first, and servers while their networks are there: a connection whose end nobody hears of keeps a
  # network namespace.
  for pid in $(tac -s ' ' <<<"$BACKGROUND"); do
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  done
  # shellcheck disable=SC2046
  hoy rm -f $(hoy ps -aq) >/dev/null 2>&1
  hoy network rm one >/dev/null 2>&1
  ufw --force disable >/dev/null
  nft flush ruleset
}

background() {
  local log=$1
  shift
  "$@" </dev/null >"$log" 2>&1 3>&- &
  BACKGROUND="$BACKGROUND $!"
}

serve_in() {
  local name=$1 log=$BATS_TEST_TMPDIR/$1.log
  shift
  rm -f "$log" # of an earlier one of the same name, which was ready
  background "$log" "$@" ./peer.py serve 7000
  wait_line "$log" ready
}

# container NAME ARG...: one in which the server runs.
container() {
  local name=$1
  shift
  hoy run -d --name "$name" "$@" base sleep 600 >/dev/null
  serve_in "$name" nsenter --net="/proc/$(field "$name" .State.Pid)/ns/net"
}
address() { field "$1" ".NetworkSettings.Networks.$2.IPAddress"; }
addresses() { echo "$(address "$1" "$2") $(field "$1" ".NetworkSettings.Networks.$2.GlobalIPv6Address")"; }
inside() {
  local name=$1
  shift
  nsenter --net="/proc/$(field "$name" .State.Pid)/ns/net" "$@"
}

# reached PORT ADDRESSES SEEN FROM...: each address, by TCP and UDP, and who asks is seen under his own.
reached() {
  local port=$1 addresses=$2 seen=$3 wanted='' address n=1
  shift 3
  for address in $addresses; do
    wanted+="tcp $address $(cut -d ' ' -f $n <<<"$seen")"$'\n'"udp $address $(cut -d ' ' -f $n <<<"$seen")"$'\n'
    ((++n))
  done
  # shellcheck disable=SC2086
  is "$("$@" ./peer.py ask 5 "$port" $addresses)" "${wanted%$'\n'}"
}
# unreached PORT ADDRESSES FROM...: nothing comes back.
unreached() {
  local port=$1 addresses=$2
  shift 2
  # shellcheck disable=SC2086
  "$@" ./peer.py ask 0.5 "$port" $addresses >"$BATS_TEST_TMPDIR/told"
  ! grep -v -e ' silence$' -e ' refused$' -e ' EHOSTUNREACH$' -e ' EACCES$' -e ' ENETUNREACH$' "$BATS_TEST_TMPDIR/told" ||
    { cat "$BATS_TEST_TMPDIR/told"; false; }
}
from_outside=(ip netns exec beyond)

# A connection that stays, hold PORT ADDRESS FROM...: say TEXT, and what comes back.
hold() {
  local port=$1 address=$2
  shift 2
  coproc HELD { "$@" ./peer.py hold "$port" "$address" 3>&-; }
  BACKGROUND="$BACKGROUND $HELD_PID"
  read -r -t 5 HELD_AS <&"${HELD[0]}"
}
connect() {
  hold "$1" 198.51.100.1 "${from_outside[@]}"
  is "$HELD_AS" 198.51.100.2
}
say() {
  local line
  echo "$1" >&"${HELD[1]}"
  read -r -t 5 line <&"${HELD[0]}"
  is "$line" "$1"
}

# What others have of rules, without what counts packets.
others() {
  local table
  nft list tables | grep -v ' hoy-' | while read -r _ table; do nft -s list table "${table% *}" "${table#* }"; done
}

# The firewalls, as their users have them

ufw_start() {
  ufw --force reset >/dev/null
  ufw --force enable >/dev/null
}

firewalld_start() {
  background "$BATS_TEST_TMPDIR/bus" dbus-daemon --system --nofork --nopidfile
  eventually 10 test -S /run/dbus/system_bus_socket
  background "$BATS_TEST_TMPDIR/firewalld" firewalld --nofork --nopid
  eventually 20 eval 'firewall-cmd --state >/dev/null 2>&1'
}

nftables_start() {
  nft -f - <<'RULES'
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iif lo accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
  }
}
RULES
}

# Of a machine that is no router: connections are known at input, and nothing at all is forwarded.
server_start() {
  nftables_start
  nft flush chain inet filter forward
}

# Docker's, which let pass only what goes to Docker's own bridge.
docker_start() {
  local program
  for program in iptables ip6tables; do
    $program -P INPUT DROP
    $program -A INPUT -i lo -j ACCEPT
    $program -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
    $program -P FORWARD DROP
    $program -N DOCKER-USER
    $program -N DOCKER
    $program -A FORWARD -j DOCKER-USER
    $program -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    $program -A FORWARD -o docker0 -j DOCKER
    $program -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
    $program -A FORWARD -i docker0 -o docker0 -j ACCEPT
    $program -A DOCKER-USER -j RETURN
  done
  ip6tables -A INPUT -p icmpv6 -j ACCEPT
}

opens() {
  case $1 in
    ufw) ufw allow 8080 ;;
    firewalld) firewall-cmd --add-port=8080/tcp && firewall-cmd --add-port=8080/udp ;;
    nftables) nft add rule inet filter input meta l4proto '{ tcp, udp }' th dport 8080 accept ;;
    docker)
      for program in iptables ip6tables; do
        $program -A INPUT -p tcp --dport 8080 -j ACCEPT
        $program -A INPUT -p udp --dport 8080 -j ACCEPT
      done ;;
  esac >/dev/null
}
closes() {
  case $1 in
    ufw) ufw delete allow 8080 ;;
    firewalld) firewall-cmd --remove-port=8080/tcp && firewall-cmd --remove-port=8080/udp ;;
    nftables) nft flush chain inet filter input && nft add rule inet filter input 'ct state established accept' ;;
    docker) iptables -D INPUT -p tcp --dport 8080 -j ACCEPT && iptables -D INPUT -p udp --dport 8080 -j ACCEPT ;;
  esac >/dev/null
}

# What Docker does: ports, and all that containers send, whatever the firewall has for others.
goes_past() {
  "$1_start"
  others >"$BATS_TEST_TMPDIR/before"
  hoy network create one >/dev/null
  container web -p 8080:7000 -p 8080:7000/udp
  container first --network one
  container second --network one
  reached 8080 "$HOST" "$OUTSIDE" "${from_outside[@]}"
  reached 7000 "$OUTSIDE" "$HOST" inside web
  lacks "$(./peer.py ask 5 8080 127.0.0.1 198.51.100.1)" silence
  # One network's containers, and a published port by way of the host.
  reached 7000 "$(addresses second one)" "$(addresses first one)" inside first
  # (There the networks' borders want another source.)
  reached 8080 "$HOST" "$(field web .NetworkSettings.Networks.bridge.Gateway) $(field web .NetworkSettings.Networks.bridge.IPv6Gateway)" \
    inside first
  unreached 7000 "$(addresses web bridge)" inside first
  hoy rm -f web first second >/dev/null
  hoy network rm one >/dev/null
  is "$(others)" "$(cat "$BATS_TEST_TMPDIR/before")"
}

# The firewall decides who comes in: for new connections, at once.
respects() {
  "$1_start"
  others >"$BATS_TEST_TMPDIR/before"
  container web --firewall respect -p 8080:7000 -p 8080:7000/udp
  unreached 8080 "$HOST" "${from_outside[@]}"
  is "$(others)" "$(cat "$BATS_TEST_TMPDIR/before")"
  opens "$1"
  reached 8080 "$HOST" "$OUTSIDE" "${from_outside[@]}"
  connect 8080
  closes "$1"
  say "still there"
  unreached 8080 198.51.100.1 "${from_outside[@]}"
  # The host itself was never in question, nor what the container sends.
  is "$(./peer.py ask 5 8080 198.51.100.1 | cut -d ' ' -f 1,2)" $'tcp 198.51.100.1\nudp 198.51.100.1'
  reached 7000 "$OUTSIDE" "$HOST" inside web
}

@test "ufw: published ports and what containers send go past it" { goes_past ufw; }
@test "ufw: --firewall respect, and ufw allow" { respects ufw; }
@test "firewalld: published ports and what containers send go past it" { goes_past firewalld; }
@test "firewalld: --firewall respect, and --add-port" { respects firewalld; }
@test "nftables: published ports and what containers send go past it" { goes_past nftables; }
@test "nftables: --firewall respect, and a rule" { respects nftables; }
@test "a FORWARD policy without a rule, and others at input: everything goes past it" { goes_past server; }
@test "Docker's policy, which also drops what is known: everything goes past it" { goes_past docker; }
@test "Docker's policy: --firewall respect, and a rule" { respects docker; }

# Flushed, and back

hoyd_start() {
  background "$BATS_TEST_TMPDIR/hoyd" "$BUILD/src/hoyd/hoyd"
  eventually 10 test -e "$HOY_RUNROOT/hoyd.lock"
}

default_bridge() { ip -4 -o address show to "$(hoy run --rm base ip route | awk '/^default/ {print $3}')" | awk '{print $2}'; }
published() { reached 8080 "$HOST" "$OUTSIDE" "${from_outside[@]}"; }

# says_without_gate PORT ADDRESSES FROM...: a connection to each goes on while the gate is stopped.
says_without_gate() {
  local port=$1 addresses=$2 address
  shift 2
  for address in $addresses; do
    hold "$port" "$address" "$@"
    kill -STOP "$GATE"
    say "to $address"
    kill -CONT "$GATE"
    kill "$HELD_PID"
    wait "$HELD_PID" 2>/dev/null || true
  done
}

@test "Docker's policy: a connection of TCP goes past it in the kernel, where nobody looks at what the host sends" {
  docker_start
  hoy network create one >/dev/null
  container web -p 8080:7000
  container first --network one
  container second --network one
  GATE=$(pgrep -x hoy-gate)
  contains "$(nft list tables)" "table ip hoy-"
  contains "$(nft list tables)" "table ip6 hoy-"
  says_without_gate 8080 "$HOST" "${from_outside[@]}"
  says_without_gate 8080 "$HOST" inside first
  says_without_gate 7000 "$OUTSIDE" inside web
  says_without_gate 7000 "$(addresses second one)" inside first
  # Who took one of the tables away did not mean that.
  nft delete "$(nft list tables | grep 'table ip6 hoy-')"
  hoy ps >/dev/null
  says_without_gate 8080 "$HOST" "${from_outside[@]}"
  # What the kernel sends on is of no connection for OUTPUT: where that has rules the gate does all of it.
  iptables -A OUTPUT -p tcp --dport 9 -j DROP
  hoy ps >/dev/null
  lacks "$(nft list tables | grep -v inet)" hoy-
  connect 8080
  say "by the gate"
  iptables -F OUTPUT
  hoy ps >/dev/null
  contains "$(nft list tables)" "table ip hoy-"
  say "in the kernel again"
}

@test "rules that somebody flushed are back with the next command, whichever that is" {
  local way table bridge
  bridge=$(default_bridge)
  hoy run -d --name other -p 8001:7000 base sleep 600 >/dev/null
  container web -p 8080:7000 -p 8080:7000/udp
  hoy stop -t 0 other >/dev/null # whose port is not to be put back
  container gated --firewall respect -p 8081:7000 -p 8081:7000/udp
  table=$(own_table)
  for way in 'nft flush ruleset' "nft delete table inet $table" "nft flush chain inet $table prerouting" \
    'iptables -F; iptables -t nat -F' "printf 'flush ruleset\ntable inet t { }\n' | nft -f -" \
    "nft flush map inet $table ports4" "nft flush map inet $table ports6" "nft flush map inet $table respected4" \
    "nft flush set inet $table gate_ports4" "nft flush set inet $table gate_ports6" \
    "ip -6 address flush dev $bridge scope global" "ip address flush dev $bridge" "ip route flush dev $bridge" \
    "ip -6 route flush dev $bridge"; do
    eval "$way"
    hoy images >/dev/null
    published || { echo "after: $way"; false; }
    reached 8081 "$HOST" "$OUTSIDE" "${from_outside[@]}" || { echo "after: $way"; false; }
  done
  lacks "$(nft list table inet "$table")" 8001
}

@test "rules that somebody flushes again and again while containers start: each has its ports in the end" {
  local i port
  background "$BATS_TEST_TMPDIR/flushes" sh -c 'while sleep 0.005; do nft flush ruleset; done'
  for i in {1..20}; do
    hoy run -d --name "http$i" -p 127.0.0.1::80 base sh -c 'echo here >index.html && exec httpd -f' >/dev/null
  done
  kill "${BACKGROUND##* }"
  wait_gone "${BACKGROUND##* }"
  hoy ps >/dev/null # what was flushed after the last start
  for i in {1..20}; do
    port=$(hoy port "http$i" 80)
    eventually 5 curl -s -m 1 -o /dev/null "http://$port/"
    is "$i: $(curl -s -m 1 "http://$port/")" "$i: here"
  done
}

@test "hoyd puts rules back at once, and what else others take away" {
  local way bridge table
  bridge=$(default_bridge)
  table=$(own_table)
  container web -p 8080:7000 -p 8080:7000/udp
  hoyd_start
  for way in 'nft flush ruleset' "nft delete table inet $table" "nft flush chain inet $table prerouting" \
    "nft flush map inet $table ports4" "nft flush map inet $table ports6" \
    "ip link set $bridge down" "ip -6 address flush dev $bridge scope global" "ip address flush dev $bridge" "ip link delete $bridge" \
    "ip link set $(ip -o link show master "$bridge" | sed -E 's/^[0-9]+: ([^@]+)@.*/\1/') nomaster"; do
    eval "$way"
    eventually 10 eval 'published >/dev/null' || { echo "after: $way"; cat "$BATS_TEST_TMPDIR/hoyd"; false; }
  done
}

@test "without its gate nobody new comes in; the next command has it back, and it goes with the last container" {
  nftables_start
  opens nftables
  container web --firewall respect -p 8080:7000 -p 8080:7000/udp
  connect 8080
  local gate
  gate=$(pgrep -x hoy-gate)
  kill "$gate"
  wait_gone "$gate"
  say "still there"
  unreached 8080 "$HOST" "${from_outside[@]}"
  hoy ps >/dev/null
  published
  hoyd_start
  gate=$(pgrep -x hoy-gate)
  kill -9 "$gate"
  wait_gone "$gate"
  eventually 10 eval 'published >/dev/null'
  gate=$(pgrep -x hoy-gate)
  hoy rm -f web >/dev/null
  wait_gone "$gate"
}

@test "the host's administrator sets what --firewall does not say; a container's own word goes before" {
  nftables_start
  export HOY_FIREWALL=respect
  container web -p 8080:7000 -p 8080:7000/udp
  unreached 8080 "$HOST" "${from_outside[@]}"
  is "$(field web .HostConfig.Firewall)" null
  hoy rm -f web >/dev/null
  container web --firewall bypass -p 8080:7000 -p 8080:7000/udp
  published
  contains "$(hoy as run web)" "--firewall bypass"
  export HOY_FIREWALL=maybe
  expect 125 hoy run -p 8090:80 base true
  contains "$output" "HOY_FIREWALL: 'maybe' is neither respect nor bypass"
  unset HOY_FIREWALL
  expect 125 hoy run --firewall maybe base true
  contains "$output" "'maybe' is neither respect nor bypass"
  contains "$(hoy run --help)" "--firewall"
}

@test "ports that come while a container runs, and one address of the host's, respect it, too" {
  nftables_start
  container web --firewall respect -p 198.51.100.1:8080:7000 -p 198.51.100.1:8080:7000/udp
  unreached 8080 198.51.100.1 "${from_outside[@]}"
  opens nftables
  reached 8080 198.51.100.1 198.51.100.2 "${from_outside[@]}"
  hoy update --publish-add 8081:7000 --publish-add 8081:7000/udp web >/dev/null
  unreached 8081 "$HOST" "${from_outside[@]}"
  nft add rule inet filter input meta l4proto '{ tcp, udp }' th dport 8081 accept
  reached 8081 "$HOST" "$OUTSIDE" "${from_outside[@]}"
  # Also when the rules were made anew.
  nft delete table inet "$(own_table)"
  hoy ps >/dev/null
  reached 8081 "$HOST" "$OUTSIDE" "${from_outside[@]}"
  nft delete chain inet filter input
  nft add chain inet filter input '{ type filter hook input priority 0; policy drop; }'
  unreached 8081 "$HOST" "${from_outside[@]}"
}

# How many elements lead past the firewall, and how many to it.
lead() {
  nft -j list table inet "$(own_table)" | jq -r '[.nftables[].map | select(. != null) | {name, n: (.elem // [] | length)}] |
    "\([.[] | select(.name | test("(^|_)ports[46]$")).n] | add) \([.[] | select(.name | test("respected")).n] | add)"'
}

@test "update --firewall: of all published ports at once, while the container runs, and from then on" {
  nftables_start
  container web -p 8080:7000 -p 8080:7000/udp -p 198.51.100.1:9000-9099:7000-7099
  is "$(lead)" "104 0"
  published
  connect 8080
  expect 0 hoy update --firewall respect web
  is "$(lead)" "0 104"
  say "still there"
  is "$(field web .HostConfig.Firewall)" respect
  unreached 8080 "$HOST" "${from_outside[@]}"
  opens nftables
  published
  nft flush chain inet filter input
  nft add rule inet filter input icmpv6 type '{ nd-neighbor-solicit, nd-neighbor-advert }' accept
  unreached 8080 "$HOST" "${from_outside[@]}"
  # Ports that come have the new word, also when both are said at once.
  expect 0 hoy update --publish-add 8081:7000 web
  is "$(lead)" "0 106"
  hoy restart -t 0 web >/dev/null
  is "$(lead)" "0 106"
  expect 0 hoy update --firewall bypass --publish-rm 8081:7000 --publish-add 8082:7000 web
  is "$(lead)" "106 0"
  serve_in web nsenter --net="/proc/$(field web .State.Pid)/ns/net"
  eventually 10 eval 'published >/dev/null' # the host may still have a neighbour of the run before
  # As the rows have it when rules are made anew; and nothing stays.
  nft delete table inet "$(own_table)"
  hoy ps >/dev/null
  is "$(lead)" "106 0"
  expect 125 hoy update --firewall maybe web
  contains "$output" "'maybe' is neither respect nor bypass"
  # What is refused for another reason changes nothing.
  expect 1 hoy update --firewall respect --publish-add 198.51.100.1:9000:7000 web
  is "$(lead)" "106 0"
  is "$(field web .HostConfig.Firewall)" bypass
  hoy stop -t 0 web >/dev/null
  is "$(lead)" "0 0"
  expect 0 hoy update --firewall respect web
  hoy start web >/dev/null
  is "$(lead)" "0 106"
}

@test "an update of --firewall that is killed leaves all ports as the container's settings say" {
  local n pid word=respect
  container web -p 8080:7000 -p 9000-9099:7000-7099 -p 8080:7000/udp
  for n in 1 2 3 4 5 6 7 8; do
    "$HOY" update --firewall $word web >/dev/null 2>&1 3>&- &
    pid=$!
    busybox usleep $((n * 1500))
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    hoy ps -a >/dev/null
    if [[ $(field web .HostConfig.Firewall) == respect ]]; then
      is "$(lead)" "0 204"
      word=bypass
    else
      is "$(lead)" "204 0"
      word=respect
    fi
  done
}

@test "a firewall that is switched on later: with hoyd containers go on" {
  container web -p 8080:7000 -p 8080:7000/udp
  hoyd_start
  published
  nftables_start
  eventually 10 eval 'published >/dev/null'
  reached 7000 "$OUTSIDE" "$HOST" inside web
}

@test "containers that are kept apart stay so behind a firewall" {
  nftables_start
  hoy network create -o com.docker.network.bridge.enable_icc=false one >/dev/null
  container first --network one
  container second --network one
  unreached 7000 "$(addresses second one)" inside first
  reached 7000 "$OUTSIDE" "$HOST" inside first
  hoy rm -f first second >/dev/null
  hoy network rm one >/dev/null
  hoy network create --internal one >/dev/null
  container first --network one
  container second --network one
  reached 7000 "$(addresses second one)" "$(addresses first one)" inside first
  unreached 7000 "$OUTSIDE" inside first
}
