#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Published ports, by connections through them: from the host, from its loopback, from beyond the host (a
# namespace behind a veth pair), from containers. Servers say under which address they see who asks.

load lib
load outside
load agree

file_setup() {
  outside_add
  ip address add 198.51.100.11/24 dev outer
}

file_teardown() { outside_remove; }

test_teardown() {
  local left
  ((!${#SERVERS[@]})) || kill "${SERVERS[@]}" 2>/dev/null || true
  # shellcheck disable=SC2046
  hoy rm -f $(hoy ps -aq) >/dev/null 2>&1
  left=$(hoy network ls -q --filter type=custom)
  # shellcheck disable=SC2086
  [[ -z $left ]] || hoy network rm $left >/dev/null
  # Of ports nothing is left, wherever they are written down.
  is "$(database 'SELECT count(*) FROM port')" 0
  is "$(published)" 0
}

PEER=$BATS_TEST_DIRNAME/port-peer.py
SERVERS=()

database() { sqlite3 "$HOY_ROOT/hoy.db" "$1"; }
table() { nft list table inet "$(own_table)"; }
# Elements of the maps of ports: all, or those that contain a text.
published() { table 2>/dev/null | grep -oE '(tcp|udp|sctp) \. [^,}]*' | grep -c -- "${1:-}" || true; }
rules() { table | grep -cE '^\s+(chain|[a-z].* (accept|drop|jump|dnat|masquerade|goto|vmap|return|log))'; }
sleeper() { hoy run -d --name "$@" base sleep 600 >/dev/null; }
within() { nsenter -t "$(field "$1" .State.Pid)" -n "${@:2}"; }
# serve CONTAINER PROTOCOL:PORT...: in the container's network, until the test ends.
serve() { listen "$1" nsenter -t "$(field "$1" .State.Pid)" -n "$PEER" serve "${@:2}"; }
# The same on the host.
listens() { listen host "$PEER" serve "$@"; }
listen() {
  local ready=$BATS_TEST_TMPDIR/$1.ready
  : >"$ready"
  "${@:2}" >"$ready" 3>&- &
  SERVERS+=($!)
  wait_line "$ready" ready
}
# hang_up: the last one that listens.
hang_up() {
  kill "${SERVERS[-1]}"
  wait "${SERVERS[-1]}" || true
}
ask() { "$PEER" ask "$@"; }
asks() { ip netns exec beyond "$PEER" ask "$@"; }
# Nobody answers, or says no.
silent() { PATIENCE=0.5 expect 1 "$@"; }
address() { hoy inspect -f "{{(index .NetworkSettings.Networks \"${2:-bridge}\").IPAddress}}" "$1"; }
gateway() { hoy inspect -f "{{(index .NetworkSettings.Networks \"${2:-bridge}\").Gateway}}" "$1"; }
gateway6() { hoy inspect -f "{{(index .NetworkSettings.Networks \"${2:-bridge}\").IPv6Gateway}}" "$1"; }
ports_of() { hoy port "$@" | tr '\n' ' '; }
has_sctp() { grep -q SCTP /proc/net/protocols; }

@test "tcp and udp, from everywhere, over both IP versions" {
  local protocol
  sleeper web -p 8080:80 -p 8080:80/udp
  sleeper other
  serve web tcp:80 udp:80
  for protocol in tcp udp; do
    echo "$protocol"
    # From beyond the host the server sees who it is.
    is "$(asks $protocol 198.51.100.1 8080)" '198.51.100.2 80'
    is "$(asks $protocol 2001:db8::1 8080)" '2001:db8::2 80'
    # From the host under its outer address, which it is seen by.
    is "$(ask $protocol 198.51.100.1 8080)" '198.51.100.1 80'
    is "$(ask $protocol 2001:db8::1 8080)" '2001:db8::1 80'
    # From loopback, which has no way into a network but under the bridge's address.
    is "$(ask $protocol 127.0.0.1 8080)" "$(gateway web) 80"
    is "$(ask $protocol 127.9.8.7 8080)" "$(gateway web) 80"
    is "$(ask $protocol ::1 8080)" "$(gateway6 web) 80"
    # From another container and from itself, by way of the host.
    is "$(within other "$PEER" ask $protocol 198.51.100.1 8080)" "$(gateway web) 80"
    is "$(within other "$PEER" ask $protocol 2001:db8::1 8080)" "$(gateway6 web) 80"
    is "$(within other "$PEER" ask $protocol "$(gateway web)" 8080)" "$(gateway web) 80"
    is "$(within web "$PEER" ask $protocol 198.51.100.1 8080)" "$(gateway web) 80"
    is "$(within web "$PEER" ask $protocol 2001:db8::1 8080)" "$(gateway6 web) 80"
  done
}

@test "from a container of another network: by the host's address, and not straight" {
  hoy network create apart >/dev/null
  sleeper web -p 8080:80
  sleeper far --network apart
  serve web tcp:80
  within far "$PEER" ask tcp 198.51.100.1 8080
  within far "$PEER" ask tcp 2001:db8::1 8080
  silent within far "$PEER" ask tcp "$(address web)" 80
}

@test "the container's other ports, and its address, are nobody's beyond the host" {
  sleeper web -p 8080:80
  serve web tcp:80 tcp:81
  silent asks tcp 198.51.100.1 81
  ip -n beyond route add "$(address web)" via 198.51.100.1
  silent asks tcp "$(address web)" 80
  ip -n beyond route delete "$(address web)"
}

@test "sctp" {
  has_sctp || skip "this kernel has no SCTP"
  sleeper web -p 8080:80/sctp
  serve web sctp:80
  is "$(asks sctp 198.51.100.1 8080)" '198.51.100.2 80'
  is "$(ask sctp 127.0.0.1 8080)" "$(gateway web) 80"
}

@test "sctp is published where the kernel has no sockets for it, too" {
  sleeper web -p 8080:80/sctp
  is "$(hoy port web)" $'80/sctp -> 0.0.0.0:8080\n80/sctp -> [::]:8080'
  is "$(published 'sctp . 8080')" 2
  expect 125 hoy run -p 8080:1/sctp base true
  contains "$output" "port 8080/sctp of 0.0.0.0 is taken by container web"
}

@test "one address of the host's" {
  sleeper web -p 198.51.100.11:8080:80 -p '[2001:db8::1]:8080:80' -p 127.0.0.1:9090:80 -p '[::1]:9091:80'
  serve web tcp:80
  is "$(asks tcp 198.51.100.11 8080)" '198.51.100.2 80'
  is "$(asks tcp 2001:db8::1 8080)" '2001:db8::2 80'
  silent asks tcp 198.51.100.1 8080
  silent ask tcp 127.0.0.1 8080
  is "$(ask tcp 127.0.0.1 9090)" "$(gateway web) 80"
  is "$(ask tcp ::1 9091)" "$(gateway6 web) 80"
  silent ask tcp 198.51.100.1 9090
  silent asks tcp 198.51.100.1 9090
  is "$(hoy port web 80)" $'127.0.0.1:9090\n198.51.100.11:8080\n[2001:db8::1]:8080\n[::1]:9091'
  # The same port of another address is free.
  sleeper second -p 198.51.100.1:8080:80
  serve second tcp:80
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
  expect 125 hoy run -p 192.0.2.7:80:80 base true
  contains "$output" "cannot publish on 192.0.2.7: it is no address of this host"
}

@test "a container without IPv6 is reached by IPv6 all the same" {
  hoy network create --ipv6=false four >/dev/null
  sleeper web --network four -p 8080:80 -p 8080:80/udp
  serve web tcp:80 udp:80
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
  is "$(asks tcp 2001:db8::1 8080)" "$(gateway web four) 80"
  is "$(asks udp 2001:db8::1 8080)" "$(gateway web four) 80"
  is "$(ask tcp ::1 8080)" "$(gateway web four) 80"
  # Answers come from where the question went, which is not the host's address on the asker's bridge.
  sleeper other
  is "$(within other "$PEER" ask udp 2001:db8::1 8080)" "$(gateway web four) 80"
}

@test "a container without IPv4 is reached by IPv4 all the same, and directly once it has it" {
  hoy network create --ipv4=false six >/dev/null
  hoy network create both >/dev/null
  sleeper web --network six -p 8080:80 -p 8080:80/udp -p 127.0.0.1::80
  is "$(ports_of web 80 | wc -w)" 3
  serve web tcp:80 udp:80
  local gateway random
  gateway=$(gateway6 web six)
  random=$(hoy port web 80 | sed -n 's/^127.0.0.1://p')
  is "$(asks tcp 2001:db8::1 8080)" '2001:db8::2 80'
  is "$(asks tcp 198.51.100.1 8080)" "$gateway 80"
  is "$(asks udp 198.51.100.1 8080)" "$gateway 80"
  is "$(asks udp 198.51.100.1 8080)" "$gateway 80"
  is "$(asks udp 198.51.100.11 8080)" "$gateway 80"
  is "$(ask tcp 127.0.0.1 8080)" "$gateway 80"
  is "$(ask tcp 127.0.0.1 "$random")" "$gateway 80"
  is "$(ask tcp ::1 8080)" "$gateway 80"
  expect 125 hoy run --rm -p 8080:80 base true
  contains "$output" 'port 8080/tcp of 0.0.0.0 is taken by container web'
  agree
  hoy network connect both web
  hoy network disconnect six web
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
  is "$(asks udp 198.51.100.1 8080)" '198.51.100.2 80'
  hoy network connect six web
  hoy network disconnect both web
  is "$(asks tcp 198.51.100.1 8080)" "$gateway 80"
  agree
}

@test "-p in all its forms" {
  local range
  sleeper all -p 80 -p 8001:81 -p 8002-8004:82-84 -p 198.51.100.1::85 -p 198.51.100.1:8006:86/udp \
    -p published=8007,target=87,protocol=udp -p 8010-8019:88 -p 8010-8019:89 --publish 90-92
  matches "$(hoy port all 80)" $'^0\.0\.0\.0:([0-9]+)\n\[::\]:([0-9]+)$'
  is "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
  is "$(ports_of all 81)" '0.0.0.0:8001 [::]:8001 '
  for range in 0 1 2; do is "$(ports_of all $((82 + range)))" "0.0.0.0:$((8002 + range)) [::]:$((8002 + range)) "; done
  matches "$(hoy port all 85)" '^198\.51\.100\.1:[0-9]+$'
  is "$(hoy port all 86/udp)" 198.51.100.1:8006
  is "$(ports_of all 87/udp)" '0.0.0.0:8007 [::]:8007 '
  is "$(ports_of all 88)" '0.0.0.0:8010 [::]:8010 '
  is "$(ports_of all 89)" '0.0.0.0:8011 [::]:8011 '
  is "$(hoy port all | grep -cE '^9[012]/tcp -> ')" 6
  serve all tcp:83 tcp:91
  is "$(asks tcp 198.51.100.1 8003)" '198.51.100.2 83'
  is "$(asks tcp 198.51.100.1 "$(hoy port all 91 | sed -n 's/^0.0.0.0://p')")" '198.51.100.2 91'
  expect 1 hoy port all 93
  contains "$output" "No public port '93/tcp' published for all"
  expect 1 hoy port all x
  contains "$output" 'invalid port (x)'
}

@test "what -p does not take" {
  local text words
  while IFS='|' read -r text words; do
    expect 125 hoy run -p "$text" base true
    contains "$output" "$words"
  done <<'EOT'
0:0|Invalid containerPort: 0
65536|Invalid containerPort: 65536
80:65536|Invalid containerPort: 65536
70000:80|Invalid hostPort: 70000
8080:|No port specified: 8080:<empty>
80-82:80-81|Invalid ranges specified for container and host Ports: 80-81 and 80-82
82-80:80|Invalid hostPort: 82-80
80:80/icmp|Invalid proto: icmp
1.2.3:80:80|Invalid ip address: 1.2.3
::1:80:80|in brackets
[::1:80:80|has no ']'
example.com:80:80|Invalid ip address: example.com
published=1,to=2|there is no 'to'
EOT
}

@test "-P publishes what the image and --expose name, --expose alone nothing" {
  sleeper web -P --expose 81 --expose 90-91/udp -p 8082:82
  is "$(hoy port web | cut -d' ' -f1 | sort -u | tr '\n' ' ')" '81/tcp 82/tcp 90/udp 91/udp '
  sleeper shy --expose 81
  is "$(hoy port shy)" ''
  is "$(hoy inspect -f '{{json .NetworkSettings.Ports}}' shy)" '{"81/tcp":null}'
  is "$(hoy ps --filter name=shy --format '{{.Ports}}')" 81/tcp
  
  hoy commit -c 'EXPOSE 7000 7001/udp' shy exposing >/dev/null
  hoy run -d --name image -P exposing sleep 600 >/dev/null
  is "$(hoy port image | cut -d' ' -f1 | sort -u | tr '\n' ' ')" '7000/tcp 7001/udp 81/tcp '
  hoy rm -f image >/dev/null
  hoy rmi exposing >/dev/null
}

@test "inspect and ps say it as Docker does" {
  sleeper web -p 8080:80 -p 127.0.0.1:8000-8002:8000-8002 -p 127.0.0.1:9000:9/udp --expose 70
  is "$(hoy inspect web | jq -c '.[0].HostConfig.PortBindings["80/tcp"]')" '[{"HostIp":"","HostPort":"8080"}]'
  is "$(hoy inspect web | jq -c '.[0].HostConfig.PortBindings["8001/tcp"]')" '[{"HostIp":"127.0.0.1","HostPort":"8001"}]'
  is "$(hoy inspect web | jq -c '.[0].NetworkSettings.Ports["80/tcp"]')" \
    '[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"::","HostPort":"8080"}]'
  is "$(hoy inspect web | jq -c '.[0].NetworkSettings.Ports["9/udp"]')" '[{"HostIp":"127.0.0.1","HostPort":"9000"}]'
  is "$(hoy inspect web | jq -c '.[0].Config.ExposedPorts | keys')" '["70/tcp","80/tcp","8000/tcp","8001/tcp","8002/tcp","9/udp"]'
  is "$(hoy ps --format '{{.Ports}}')" \
    '70/tcp, 127.0.0.1:8000-8002->8000-8002/tcp, 127.0.0.1:9000->9/udp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp'
  hoy stop -t 0 web >/dev/null
  is "$(hoy ps -a --format '{{.Ports}}')" ''
  is "$(hoy inspect -f '{{json .NetworkSettings.Ports}}' web)" '{}'
  is "$(hoy port web)" ''
}

@test "ps --filter publish and expose" {
  sleeper one -p 8080:80
  sleeper two -p 127.0.0.1:9000:9000/udp --expose 70
  is "$(hoy ps --filter publish=80 --format '{{.Names}}')" one
  is "$(hoy ps --filter publish=9000/udp --format '{{.Names}}')" two
  is "$(hoy ps --filter publish=70-80/tcp --format '{{.Names}}')" one
  is "$(hoy ps --filter expose=70 --format '{{.Names}}')" two
  is "$(hoy ps --filter publish=9000/tcp -q)" ''
}

@test "a taken port is refused, with who has it" {
  sleeper web -p 8080:80
  expect 125 hoy run -p 8080:1 base true
  contains "$output" 'port 8080/tcp of 0.0.0.0 is taken by container web'
  expect 125 hoy run -p 8070-8090:70-90 base true
  contains "$output" 'is taken by container web'
  expect 125 hoy run -p 127.0.0.1:8080:1 base true
  contains "$output" 'is taken by container web'
  expect 0 hoy run --rm -p 8080:1/udp base true
  listens tcp:7070@127.0.0.1
  expect 125 hoy run -p 7070:1 base true
  matches "$output" "port 7070/tcp of 0\.0\.0\.0 is taken by python3 \(process [0-9]+, on 127\.0\.0\.1\)"
  one_sentence "$output"
  expect 0 hoy run --rm -p 198.51.100.1:7070:1 base true
  # Who takes IPv6 alone has nothing of IPv4's.
  listens tcp:7060@::
  expect 125 hoy run -p 7058-7061:1-4 base true
  matches "$output" "port 7060/tcp of :: is taken by python3 \(process [0-9]+, on ::\)"
  expect 0 hoy run --rm -p 0.0.0.0:7060:1 base true
  listens udp:7071
  expect 125 hoy run -p 7071:1/udp base true
  contains "$output" 'port 7071/udp of 0.0.0.0 is taken by python3 (process '
  # By a range of its own it picks what is free.
  sleeper picks -p 7070-7079:1
  is "$(hoy port picks 1 | head -n 1)" 0.0.0.0:7071
  expect 125 hoy run -p 7070-7071:1 base true
  contains "$output" 'none of the ports 7070-7071/tcp of 0.0.0.0 is free'
  expect 125 hoy run -p 7000:1 -p 7000:2 base true
  contains "$output" 'port 7000/tcp of 0.0.0.0 is asked for twice'
  # In ranges, the very one.
  expect 125 hoy run --rm -p 8079-8081:79-81 base true
  contains "$output" 'port 8080/tcp of 0.0.0.0 is taken by container web'
  expect 125 hoy run --rm -p 7000-7004:7000-7004 -p 7003:80 base true
  contains "$output" 'port 7003/tcp of 0.0.0.0 is asked for twice'
}

@test "a port is held whether somebody listens or not, against everybody" {
  sleeper web -p 8080:80 -p 8081:80/udp
  silent asks tcp 198.51.100.1 8080
  run timeout 5 busybox nc -l -p 8080
  contains "$output" 'ddress' # in use
  expect 1 timeout 5 "$PEER" serve tcp:8080
  contains "$output" 'in use'
  expect 1 timeout 5 "$PEER" serve udp:8081
  contains "$output" 'in use'
  hoy rm -f web >/dev/null
  # And free at once: nothing waits for connections that are over.
  listens tcp:8080 udp:8081
}

@test "ports come back with a container that is started, restarted, or that its policy starts" {
  sleeper web -p 8080:80 -p 90 --restart always
  hoy restart -t 0 web >/dev/null
  serve web tcp:80
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
  matches "$(hoy port web 90)" '0\.0\.0\.0:[0-9]+'
  kill -9 "$(field web .State.Pid)"
  eventually 10 eval '[[ $(hoy inspect -f "{{.RestartCount}} {{.State.Status}}" web) == "1 running" ]]'
  serve web tcp:80
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
  is "$(published)" 4
  hoy stop -t 0 web >/dev/null
  is "$(published)" 0
  hoy start web >/dev/null
  serve web tcp:80
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
}

@test "a container that is paused keeps its ports, and answers when it goes on" {
  sleeper web -p 8080:80
  hoy pause web >/dev/null
  expect 1 timeout 5 "$PEER" serve tcp:8080
  expect 125 hoy run -p 8080:1 base true
  hoy unpause web >/dev/null
  serve web tcp:80
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
}

@test "after kill -9 of the shim, and of a command that starts a container, ports are free" {
  local shim n pid
  sleeper web -p 8080:80 -p '[::1]:8081:80'
  ask tcp ::1 8081 || true
  shim=$(ps -o ppid= -p "$(field web .State.Pid)")
  kill -9 "$shim"
  wait_gone "$shim"
  expect 125 hoy run -p 127.0.0.1:8080:1 -p 127.0.0.1:8080:2 base true
  sleeper next -p 8080:80
  serve next tcp:80
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
  hoy rm -f next web >/dev/null
  for n in 1 2 3 4 5 6 7 8; do
    "$HOY" run -d --name "killed$n" -p 8080:80 -p 8000-8005:80-85 base sleep 600 >/dev/null 2>&1 3>&- &
    pid=$!
    busybox usleep $((n * 4000))
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    hoy rm -f "killed$n" >/dev/null 2>&1 || true
    is "$(published)" 0
    sleeper "after$n" -p 8080:80
    hoy rm -f "after$n" >/dev/null
  done
}

@test "20 at once with random ports: all distinct, all reached" {
  local n
  local starts=()
  for n in {1..20}; do
    hoy run -d --name "many$n" -p 80 base sleep 600 >/dev/null 3>&- &
    starts+=($!)
  done
  wait "${starts[@]}"
  is "$(hoy ps -q | wc -l)" 20
  is "$(for n in {1..20}; do hoy port "many$n" 80 | head -n 1; done | sort -u | wc -l)" 20
  for n in 1 10 20; do
    serve "many$n" tcp:80
    is "$(asks tcp 198.51.100.1 "$(hoy port "many$n" 80 | sed -n 's/^0.0.0.0://p')")" '198.51.100.2 80'
  done
}

@test "a thousand ports are a thousand elements, and not one rule more" {
  sleeper many -p 20000-20999:10000-10999
  serve many tcp:10999
  is "$(asks tcp 198.51.100.1 20999)" '198.51.100.2 10999'
  is "$(published '200[0-9][0-9]')" 200
  local with
  with=$(rules)
  [[ $with -gt 50 ]]
  hoy rm -f many >/dev/null
  sleeper one -p 20000:80
  is "$(published)" 2
  is "$(rules)" "$with"
}

@test "networks without ports: host and none discard them, container: refuses, internal and macvlan have none" {
  expect 0 hoy run --rm --network host -p 8080:80 base true
  contains "$output" 'Published ports are discarded when using host network mode'
  expect 0 hoy run --rm --network none -p 8080:80 base true
  contains "$output" 'Published ports are discarded when using none network mode'
  sleeper web
  expect 125 hoy run --network container:web -p 8080:80 base true
  contains "$output" 'conflicting options: port publishing and the container type network mode'
  hoy network create --internal closed >/dev/null
  expect 0 hoy run -d --name inner --network closed -p 8080:80 base sleep 600
  contains "$output" 'WARNING: Published ports lead to the container once it is on a network that is a bridge'
  is "$(hoy port inner)" ''
  is "$(published)" 0
  listens tcp:8080
}

@test "on a network whose containers are kept apart published ports still are the way" {
  hoy network create -o com.docker.network.bridge.enable_icc=false apart >/dev/null
  sleeper web --network apart -p 8080:80
  sleeper other --network apart
  serve web tcp:80 tcp:81
  silent within other "$PEER" ask tcp "$(address web apart)" 80
  is "$(within other "$PEER" ask tcp 198.51.100.1 8080)" "$(gateway web apart) 80"
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
}

@test "ports follow the container's default route from network to network" {
  hoy network create a >/dev/null
  hoy network create b >/dev/null
  hoy network create --ipv6=false four >/dev/null
  sleeper web --network b -p 8080:80 -p 8080:80/udp -p 90
  local random
  random=$(hoy port web 90)
  serve web tcp:80 udp:80
  hoy network connect a web # goes before b
  is "$(published "$(address web a) ")" 3
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
  is "$(ask tcp ::1 8080)" "$(gateway6 web a) 80"
  hoy network disconnect b web
  is "$(asks udp 198.51.100.1 8080)" '198.51.100.2 80'
  is "$(asks tcp 2001:db8::1 8080)" '2001:db8::2 80'
  is "$(hoy port web 90)" "$random"
  # To one that has no IPv6, which hoy-proxy then brings there, and back.
  hoy network connect four web
  hoy network disconnect a web
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
  is "$(asks tcp 2001:db8::1 8080)" "$(gateway web four) 80"
  is "$(ask udp ::1 8080)" "$(gateway web four) 80"
  hoy network connect b web
  is "$(asks tcp 2001:db8::1 8080)" '2001:db8::2 80'
  hoy network disconnect four web
  # Without a network no ports, and with one all of them again.
  hoy network disconnect b web
  is "$(hoy port web)$(published)" 0
  sleeper second -p 8080:80
  expect 1 hoy network connect b web
  contains "$output" 'port 8080/tcp of 0.0.0.0 is taken by container second'
  is "$(hoy inspect -f '{{len .NetworkSettings.Networks}}' web)" 0
  hoy rm -f second >/dev/null
  hoy network connect b web
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
  is "$(asks tcp 2001:db8::1 8080)" '2001:db8::2 80'
}

@test "the kernel takes ports over once hoy-proxy has let them go, and they are free when its container has ended" {
  local proxy
  hoy network create b >/dev/null
  hoy network create --ipv6=false four >/dev/null
  sleeper web --network four -p 8080:80
  serve web tcp:80
  is "$(asks tcp 2001:db8::1 8080)" "$(gateway web four) 80"
  proxy=$(pgrep -x hoy-proxy)
  kill -STOP "$proxy"
  hoy network connect b web &
  eventually 10 is_told_to_end "$proxy"
  kill -CONT "$proxy"
  wait $!
  is "$(asks tcp 2001:db8::1 8080)" '2001:db8::2 80'
  hoy rm -f web >/dev/null
  sleeper web --network four -p 8080:80
  serve web tcp:80
  is "$(ask tcp ::1 8080)" "$(gateway web four) 80"
  hoy rm -f web >/dev/null
  sleeper web --network four -p 8080:80
}
# Of the signals that it has not taken yet one is SIGTERM.
is_told_to_end() { (($(awk '$1 == "ShdPnd:" {print "0x" $2}' "/proc/$1/status") & 1 << 14)); }

@test "a container of an internal network has its ports when it comes to another" {
  hoy network create --internal closed >/dev/null
  hoy network create open >/dev/null
  sleeper web --network closed -p 8080-8120:80-120
  is "$(published)" 0
  hoy network connect open web
  serve web tcp:80 tcp:120
  is "$(asks tcp 198.51.100.1 8120)" '198.51.100.2 120'
  hoy network disconnect open web
  is "$(published)" 0
}

@test "update: ports come and go while the container runs, and connections through others stay" {
  sleeper web -p 8080:80
  serve web tcp:80 tcp:90
  expect 0 hoy update --publish-add 9090:90 --publish-add 127.0.0.1:9091:90 web
  is "$(asks tcp 198.51.100.1 9090)" '198.51.100.2 90'
  is "$(ask tcp 127.0.0.1 9091)" "$(gateway web) 90"
  is "$(ask tcp ::1 9090)" "$(gateway6 web) 90"
  expect 1 timeout 5 "$PEER" serve tcp:9090@198.51.100.1
  expect 0 hoy update --publish-rm 9090:90 web
  silent asks tcp 198.51.100.1 9090
  is "$(ask tcp 127.0.0.1 9091)" "$(gateway web) 90"
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
  sleeper second -p 9090:80
  expect 1 hoy update --publish-add 9090:90 web
  contains "$output" 'port 9090/tcp of 0.0.0.0 is taken by container second'
  expect 1 hoy update --publish-rm 9999:90 web
  contains "$output" 'no such port is published'
  hoy restart -t 0 web >/dev/null
  is "$(hoy port web)" $'80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n90/tcp -> 127.0.0.1:9091'
}

@test "an update that is killed leaves all or nothing" {
  local n pid
  sleeper web -p 8080:80
  for n in 1 2 3 4 5 6; do
    "$HOY" update --publish-add 9000-9002:90-92 web >/dev/null 2>&1 3>&- &
    pid=$!
    busybox usleep $((n * 2000))
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    hoy ps -a >/dev/null
    if [[ $(hoy port web) == *9001* ]]; then
      is "$(published)" 8
      hoy update --publish-rm 9000-9002:90-92 web >/dev/null
    fi
    is "$(published)" 2
  done
}

@test "a connect and a disconnect that are killed leave ports that lead somewhere" {
  local n pid verb
  hoy network create other >/dev/null
  hoy network create some >/dev/null
  sleeper web --network some -p 8080-8082:80-82
  serve web tcp:80
  for n in 1 2 3 4 5 6 7 8; do
    verb=connect
    [[ $(hoy inspect -f '{{len .NetworkSettings.Networks}}' web) == 1 ]] || verb=disconnect
    "$HOY" network $verb other web >/dev/null 2>&1 3>&- &
    pid=$!
    busybox usleep $((n * 1500))
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    hoy ps -a >/dev/null
    is "$(published)" 6
    is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
    is "$(asks tcp 2001:db8::1 8080)" '2001:db8::2 80'
  done
}

# A server as people have them, with the host's own files.
nginx_run() {
  mkdir -p "$BATS_TEST_TMPDIR/srv"
  echo hello >"$BATS_TEST_TMPDIR/srv/index.html"
  head -c 40M /dev/urandom >"$BATS_TEST_TMPDIR/srv/large"
  cat >"$BATS_TEST_TMPDIR/srv/nginx.conf" <<'CONF'
user root; daemon off; worker_processes 2; pid /tmp/nginx.pid; error_log stderr;
events {}
http {
  log_format who '$remote_addr $server_port $request_uri $status';
  access_log /dev/stdout who;
  server { listen 80; listen [::]:80; root /srv; }
}
CONF
  hoy run -d --name web -p 8080:80 --tmpfs /var/lib/nginx --stop-signal QUIT -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro \
    -v "$BATS_TEST_TMPDIR/srv:/srv:ro" base /usr/sbin/nginx -e stderr -c /srv/nginx.conf >/dev/null
  eventually 10 curl -fsS -o /dev/null http://127.0.0.1:8080/
}

@test "nginx: connections that are kept, a large file, both IP versions, and who came is in its log" {
  local from url sum way=()
  nginx_run
  sum=$(sha256sum <"$BATS_TEST_TMPDIR/srv/large")
  while read -r from url; do
    way=()
    [[ $from == host ]] || way=(ip netns exec "$from")
    is "$("${way[@]}" curl -fsS "$url/")" hello
    # One connection for all three.
    is "$("${way[@]}" curl -fsS -w '%{num_connects} ' -o /dev/null "$url/" -o /dev/null "$url/index.html" -o /dev/null "$url/")" "1 0 0 "
    is "$("${way[@]}" curl -fsS "$url/large" | sha256sum)" "$sum"
    is "$("${way[@]}" curl -fsS -r 1000000-1999999 "$url/large" | wc -c)" 1000000
  done <<'WAYS'
host http://127.0.0.1:8080
host http://[::1]:8080
host http://198.51.100.1:8080
host http://[2001:db8::1]:8080
beyond http://198.51.100.1:8080
beyond http://[2001:db8::1]:8080
WAYS
  contains "$(hoy logs web)" "198.51.100.2 80 /large 200"
  contains "$(hoy logs web)" "2001:db8::2 80 /large 200"
  # Who downloads is served to the end by a server that is asked to go, and nobody new is.
  ip netns exec beyond curl -fsS --limit-rate 20M http://198.51.100.1:8080/large >"$BATS_TEST_TMPDIR/got" &
  eventually 10 test -s "$BATS_TEST_TMPDIR/got"
  hoy stop web >/dev/null
  wait $!
  is "$(sha256sum <"$BATS_TEST_TMPDIR/got")" "$sum"
  is "$(field web .State.ExitCode)" 0
  expect 7 curl -sS http://127.0.0.1:8080/
}

# A process of much memory takes a while to die.
@test "a connect beside the end of the shim: done, or a clear word" {
  local i pid shim
  hoy network create aside >/dev/null
  for ((i = 0; i < 10; i++)); do
    hoy run -d --name web -p 8080:80 base sh -c 'mkfifo /f; sleep 600 </f & exec dd if=/dev/zero of=/f bs=300M' >/dev/null
    pid=$(field web .State.Pid)
    shim=$(awk '/^PPid/ {print $2}' "/proc/$pid/status")
    eventually 20 eval '(($(awk "/VmRSS/ {print \$2}" /proc/'"$pid"'/status) > 290000))'
    hoy network connect --gw-priority 5 aside web >"$BATS_TEST_TMPDIR/said" 2>&1 &
    sleep "0.0$((i % 2))$((i / 2))"
    kill -9 "$shim"
    wait $! || matches "$(cat "$BATS_TEST_TMPDIR/said")" '^hoy: Container [0-9a-f]{64} is not running$'
    hoy rm -f web >/dev/null
  done
  hoy network rm aside >/dev/null
}

# meanwhile COMMAND...: hoy's, and somebody takes the rules away and has them made anew, again and again.
meanwhile() {
  local table
  table=$(own_table)
  (for _ in {1..6}; do
    nft delete table inet "$table" 2>/dev/null
    hoy network ls >/dev/null
  done) 3>&- &
  hoy "$@" >/dev/null
  wait $!
  hoy network ls >/dev/null
}

@test "rules that are made anew at that moment: what an update or a connect publishes is there" {
  local i
  hoy network create aside >/dev/null
  sleeper web -p 8080:80
  for ((i = 0; i < 6; i++)); do
    meanwhile update --publish-add 8081:81 web
    is "$i: $(published 8081)" "$i: 2"
    meanwhile network connect --gw-priority 5 aside web
    is "$i: $(published "8080 : $(address web aside) ")" "$i: 1"
    is "$i: $(published 8081)" "$i: 2"
    meanwhile update --publish-rm 8081:81 web
    is "$i: $(published 8081)" "$i: 0"
    meanwhile network disconnect aside web
    is "$i: $(published "8080 : $(address web) ")" "$i: 1"
    is "$i: $(published)" "$i: 2"
  done
  hoy rm -f web >/dev/null
  hoy network rm aside >/dev/null
}

@test "the host's loopback stays its own when all of nftables is flushed" {
  sleeper web -p 8080:80
  # By the pid: every command of hoy's puts rules back that somebody flushed.
  local bridge pid
  pid=$(field web .State.Pid)
  bridge=$(ip -o -4 address show to "$(gateway web)" | awk '{print $2}')
  listens tcp:7777
  nsenter -t "$pid" -n sh -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet
    ip address delete 127.0.0.1/8 dev lo
    ip route add 127.0.0.1 via "$(ip route | awk "/^default/ {print \$3}")"'
  is "$(cat "/proc/sys/net/ipv4/conf/$bridge/route_localnet")" 1
  silent nsenter -t "$pid" -n "$PEER" ask tcp 127.0.0.1 7777
  nft flush ruleset
  silent nsenter -t "$pid" -n "$PEER" ask tcp 127.0.0.1 7777
  # That it would be heard but for the barrier: this very one is taken away.
  tc filter delete dev "$bridge" ingress
  nsenter -t "$pid" -n "$PEER" ask tcp 127.0.0.1 7777
  # The next start puts all of it back.
  ip link delete "$bridge"
  hoy rm -f web >/dev/null
  sleeper web -p 8080:80
  serve web tcp:80
  is "$(ask tcp 127.0.0.1 8080)" "$(gateway web) 80"
}

@test "after a flush the next command puts everybody's ports back" {
  sleeper web -p 8080:80
  serve web tcp:80
  nft flush ruleset
  silent asks tcp 198.51.100.1 8080
  hoy ps >/dev/null
  is "$(asks tcp 198.51.100.1 8080)" '198.51.100.2 80'
}

@test "the proxy of ::1: many at once, half-closed connections, and it goes when it has nothing to do" {
  sleeper web -p '[::1]:8080:80'
  serve web tcp:80
  is "$(seq 20 | xargs -P 20 -I{} "$PEER" ask tcp ::1 8080 | sort | uniq -c | tr -s ' ')" " 20 $(gateway6 web) 80"
  local proxy
  proxy=$(pgrep -f -n hoy-proxy)
  is "$(awk '/^Uid|^CapEff|^Seccomp:/ {print $2}' "/proc/$proxy/status" | tr '\n' ' ')" '78674 0000000000000000 2 '
  kill -9 "$proxy"
  wait_gone "$proxy"
  eventually 10 eval '[[ $(ask tcp ::1 8080) == "$(gateway6 web) 80" ]]'
  hoy rm -f web >/dev/null
  eventually 10 eval '! pgrep -f hoy-proxy'
}

@test "who goes on sending by udp meets each container in its turn" {
  local reply=$BATS_TEST_TMPDIR/heard
  # The same flow all the while, from before there is a container.
  ip netns exec beyond python3 -c '
import socket, time
flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
flow.bind(("", 23001))
flow.settimeout(0.1)
while True:
    try:
        flow.sendto(b"?", ("198.51.100.1", 5002))
        print(flow.recv(100).decode(), flush=True)
    except OSError:
        pass
    time.sleep(0.05)' >"$reply" 3>&- &
  SERVERS+=($!)
  sleep 0.3
  for name in first second; do
    sleeper "$name" -p 5002:80/udp
    serve "$name" udp:80
    : >"$reply"
    wait_line "$reply" 80
    hoy rm -f "$name" >/dev/null
    lacks "$(grep sport=23001 /proc/net/nf_conntrack)" 'dport=5002 src=10.'
  done
  # The rules of all are gone, and come back.
  sleeper third -p 5002:80/udp
  serve third udp:80
  nft flush ruleset
  sleep 0.2
  hoy ps >/dev/null
  : >"$reply"
  wait_line "$reply" 80
}
