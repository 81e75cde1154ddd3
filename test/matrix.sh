# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2046,SC2086 # words, not strings
# Who reaches whom: drivers, directions, protocols and IP versions, each cell a connection (test/speak.c). For bash and
# busybox's shell: the end-to-end tests have it, and the emulated machines, for the drivers that this kernel lacks.
#
# This network namespace is the host. It has a neighbour on its up0, the namespace outside, whose routes lead to everything by the host:
#
#     containers -- host 192.0.2.1, 2001:db8::1 (up0) -------- (out0) 192.0.2.2, 2001:db8::2 outside
#
# On a driver's network there are two containers, server (which has port 7000, published as 8000) and client. The
# host itself serves port 7100, and outside 7200.

# What each cell has to be, for tcp, udp, sctp and icmp, and for IPv4 and IPv6:
#   itself       it works, and the asker is seen by its own address
#   as-host      it works, and the asker is seen as 192.0.2.1 or 2001:db8::1
#   works        it works
#   refused      the kernel says that nobody is there (a ping of such a cell is answered: by the host)
#   unreachable  nothing comes back, or word that there is no way
#   -            there is no such address
#
# peer: client to server; host: client to the host's port; from-host: the host to server; outside: client to outside;
# published: outside to the host's published port; hairpin: client to the same; past: outside to server's own address
matrix_table() {
  cat <<'TABLE'
driver      peer     host         from-host    outside      published  hairpin      past
bridge      itself   works        works        as-host      itself     works        unreachable
own         itself   works        works        as-host      itself     works        unreachable
internal    itself   unreachable  works        unreachable  refused    unreachable  unreachable
macvlan     itself   unreachable  unreachable  itself       refused    unreachable  itself
ipvlan-l2   itself   unreachable  unreachable  itself       refused    unreachable  itself
ipvlan-l3   itself   unreachable  unreachable  itself       refused    unreachable  itself
host        works    works        works        as-host      refused    refused      itself
none        -        unreachable  -            unreachable  refused    unreachable  -
container   itself   works        works        as-host      itself     works        unreachable
cni         itself   works        works        as-host      itself     works        itself
TABLE
}

matrix_drivers() { matrix_table | awk 'NR > 1 {print $1}'; }
# matrix_cell DRIVER DIRECTION
matrix_cell() {
  matrix_table | awk -v driver="$1" -v direction="$2" 'NR == 1 {for (i = 1; i <= NF; i++) column[$i] = i}
    $1 == driver {print $column[direction]}'
}

# matrix_world SPEAK: the host, outside, and who serves there; $matrix_processes are ours.
matrix_world() {
  matrix_speak=$1
  ip netns add outside
  ip link add up0 type veth peer name out0 netns outside
  ip link set lo up
  for matrix_end in "up0 1" "out0 2"; do
    set -- $matrix_end
    matrix_in="ip"
    [ "$1" = up0 ] || matrix_in="ip -n outside"
    $matrix_in address add "192.0.2.$2/24" dev "$1"
    $matrix_in address add "2001:db8::$2/64" dev "$1" nodad
    $matrix_in link set "$1" up
  done
  ip route add default via 192.0.2.2
  ip route add default via 2001:db8::2
  ip -n outside link set lo up
  # A host, no router.
  ip netns exec outside sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
  ip -n outside route add default via 192.0.2.1
  ip -n outside route add default via 2001:db8::1
  matrix_serve host "$matrix_speak" serve 7100 192.0.2.1 2001:db8::1
  matrix_serve outside ip netns exec outside "$matrix_speak" serve 7200
}

matrix_processes=
# matrix_serve NAME COMMAND...
matrix_serve() {
  matrix_fifo=$(mktemp -u)
  mkfifo "$matrix_fifo"
  shift
  "$@" >"$matrix_fifo" 3>&- &
  matrix_processes="$matrix_processes $!"
  read -r _ <"$matrix_fifo"
  rm "$matrix_fifo"
}

matrix_end() {
  # shellcheck disable=SC2086
  kill $matrix_processes
  ip link delete up0
  ip netns delete outside
}

# matrix_network DRIVER: makes the network own where the driver wants one; $matrix_on is the container's flags.
matrix_network() {
  matrix_on="--network own"
  matrix_lan="-o parent=up0 --subnet 192.0.2.0/24 --ip-range 192.0.2.128/25 --gateway 192.0.2.2
    --subnet 2001:db8::/64 --ip-range 2001:db8::8000/113 --gateway 2001:db8::2"
  case $1 in
    bridge) matrix_on= ;;
    own | container) hoy network create own ;;
    internal) hoy network create --internal own ;;
    macvlan) hoy network create -d macvlan $matrix_lan own ;;
    ipvlan-l2) hoy network create -d ipvlan $matrix_lan own ;;
    ipvlan-l3) hoy network create -d ipvlan -o ipvlan_mode=l3 -o parent=up0 --subnet 198.51.100.0/24 --subnet 2001:db8:3::/64 own ;;
    host | none) matrix_on="--network $1" ;;
    cni) matrix_on="--network cni:matrix" ;;
  esac >/dev/null
}

matrix_ports="-p 8000:7000/tcp -p 8000:7000/udp -p 8000:7000/sctp"
matrix_serves() { hoy logs server 2>&1 | grep -q ready; }
# matrix_up DRIVER: the two containers; $matrix_addresses are server's, and $matrix_own client's.
matrix_up() {
  # The same address had another link's before.
  ip -n outside neighbour flush dev out0
  matrix_network "$1"
  if [ "$1" = container ]; then
    hoy run -d --name holder $matrix_on $matrix_ports base sleep 600
    hoy run -d --name server --network container:holder -v "$matrix_speak:/speak:ro" base /speak serve 7000
  else
    hoy run -d --name server $matrix_on $matrix_ports -v "$matrix_speak:/speak:ro" base /speak serve 7000
  fi
  hoy run -d --name client $matrix_on -v "$matrix_speak:/speak:ro" base sleep 600
  matrix_tries=0
  until matrix_serves; do
    matrix_tries=$((matrix_tries + 1))
    [ $matrix_tries -lt 200 ] || { hoy logs server; return 1; }
    sleep 0.05
  done
  matrix_addresses=$(matrix_address server)
  [ "$1" != container ] || matrix_addresses=$(matrix_address holder)
  matrix_own=$(matrix_address client)
  case $1 in host) matrix_addresses="192.0.2.1 2001:db8::1" ;; esac
} >/dev/null
matrix_address() { hoy inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}}{{end}}' "$1"; }

matrix_down() {
  hoy rm -f client server holder >/dev/null 2>&1 || true
  hoy network rm own >/dev/null 2>&1 || true
}

# matrix_cells DRIVER DIRECTION...: a line for each: what it has to be, who the asker is, and what speak is to ask. A
# ping is not of a port: what is published is answered by the host itself.
matrix_cells() {
  matrix_driver=$1
  shift
  for direction; do
    for version in 4 6; do
      case $direction in
        peer | from-host | past) target="7000/$(echo "$matrix_addresses" | cut -d' ' -f$((version / 2 - 1)))" ;;
        host) target=7100/$([ $version = 4 ] && echo 192.0.2.1 || echo 2001:db8::1) ;;
        outside) target=7200/$([ $version = 4 ] && echo 192.0.2.2 || echo 2001:db8::2) ;;
        published | hairpin) target=8000/$([ $version = 4 ] && echo 192.0.2.1 || echo 2001:db8::1) ;;
      esac
      case $direction in
        published | past) own=$([ $version = 4 ] && echo 192.0.2.2 || echo 2001:db8::2) ;;
        *) own=$(echo "$matrix_own" | cut -d' ' -f$((version / 2 - 1))) ;;
      esac
      for protocol in tcp udp sctp icmp; do
        wanted=$(matrix_cell "$matrix_driver" "$direction")
        [ "$wanted" != - ] || continue
        [ $protocol != icmp ] || case $direction-$wanted in *-refused) wanted=works ;; esac
        # Without sockets of SCTP nobody refuses.
        [ $protocol-$wanted != sctp-refused ] || "$matrix_speak" has sctp || wanted=unreachable
        patience=1000
        case $wanted in works | itself | as-host) patience=15000 ;; esac
        echo "$direction $protocol IPv$version $wanted ${own:--} $patience/$protocol/$target"
      done
    done
  done
}

# matrix_compare: cells on standard input, each with what came of it behind it. Pings tell of no address.
matrix_compare() {
  awk '{
      wanted = $4; got = $7; seen = $8; host = $3 == "IPv4" ? "192.0.2.1" : "2001:db8::1"
      good = got == wanted
      if (wanted == "itself" || wanted == "as-host") {
        good = got == "works"
        if ($2 != "icmp" && seen != (wanted == "itself" ? $5 : host)) good = 0
      }
      if (good) next
      print $1, $2, $3 ": " $4 " expected, not " $7, $8, "(" $6 ")"
      bad = 1
    }
    END {exit bad}'
}

# matrix_ask DRIVER "DIRECTIONS" COMMAND...: has the command ask, and says what is not as it should be.
matrix_ask() {
  matrix_list=$(matrix_cells "$1" $2)
  [ -n "$matrix_list" ] || return 0
  shift 2
  matrix_answers=$("$@" ask $(echo "$matrix_list" | cut -d' ' -f6))
  matrix_count=$((matrix_count + $(echo "$matrix_list" | wc -l)))
  echo "$matrix_list" >"$matrix_scratch.cells"
  echo "$matrix_answers" >"$matrix_scratch.answers"
  paste -d' ' "$matrix_scratch.cells" "$matrix_scratch.answers" | matrix_compare
}

# matrix_row DRIVER: all of a driver's cells; $matrix_count of them.
matrix_row() {
  matrix_count=0 matrix_bad=0 matrix_scratch=$(mktemp)
  matrix_up "$1" || return 1
  matrix_ask "$1" "peer host outside hairpin" hoy exec client /speak || matrix_bad=1
  matrix_ask "$1" from-host "$matrix_speak" || matrix_bad=1
  matrix_ask "$1" "published past" ip netns exec outside "$matrix_speak" || matrix_bad=1
  matrix_down
  rm -f "$matrix_scratch" "$matrix_scratch".*
  return $matrix_bad
}
