#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --network cni:NAME, with Debian's plugins, and with small ones of the tests' own that write down what they are
# told.

load lib

file_setup() {
  [[ -x /usr/lib/cni/bridge ]] || { echo "no CNI plugins: scripts/install-packages test"; return 1; }
  export NETCONFPATH=$BATS_FILE_TMPDIR/net.d PLUGINS=$BATS_FILE_TMPDIR/plugins LEASES=$BATS_FILE_TMPDIR/leases
  export SAID=$BATS_FILE_TMPDIR/said
  export CNI_PATH=$PLUGINS:/usr/lib/cni
  mkdir "$NETCONFPATH" "$PLUGINS" "$SAID"
  conflist >"$NETCONFPATH/10-lan.conflist"
  # One that is told of and passes on what the one before has said.
  printf '#!/bin/sh\nSAID=%s\n' "$SAID" >"$PLUGINS/scribe"
  cat >>"$PLUGINS/scribe" <<'PLUGIN'
input=$(cat)
who=$(echo "$input" | jq -r .who)
echo "$CNI_COMMAND $who" >>"$SAID/order"
echo "$input" >"$SAID/$who.$CNI_COMMAND"
env | grep ^CNI_ >"$SAID/$who.$CNI_COMMAND.env"
# Whether the namespace is there, and what is in it.
if [ -n "$CNI_NETNS" ]; then nsenter --net="$CNI_NETNS" ip -o link show eth0 >"$SAID/$who.$CNI_COMMAND.link" 2>&1; fi
if [ -e "$SAID/$who.$CNI_COMMAND.fails" ]; then cat "$SAID/$who.$CNI_COMMAND.fails"; exit 1; fi
[ "$CNI_COMMAND" = DEL ] || echo "$input" | jq '.prevResult // {cniVersion: "1.0.0", dns: {}}'
PLUGIN
  chmod 755 "$PLUGINS/scribe"
}

conflist() {
  cat <<JSON
{"cniVersion": "${VERSION-1.0.0}", "name": "${NAME:-lan}", "plugins": [
  {"type": "bridge", "bridge": "cnitest0", "isGateway": true, "capabilities": {"mac": true},
   "ipam": {"type": "host-local", "dataDir": "$LEASES", "routes": [{"dst": "0.0.0.0/0"}],
            "ranges": [[{"subnet": "10.77.0.0/24"}], [{"subnet": "fd00:77::/64"}]]},
   "dns": {"nameservers": ["10.77.0.1", "fd00:77::1"], "search": ["lan.test", "test"], "options": ["ndots:2"]}}${MORE:-}]}
JSON
}

with() { MORE=",$1" conflist >"$NETCONFPATH/10-lan.conflist"; }

test_teardown() {
  rm -f "$SAID"/*.fails
  hoy rm -f one two >/dev/null 2>&1 || true
  rm -f "$SAID"/*
  conflist >"$NETCONFPATH/10-lan.conflist"
  # The plugin leaves its bridge, as hoy does.
  ! ip link show cnitest0 >/dev/null 2>&1 || ip link delete cnitest0
}

leases() { find "$LEASES" -type f -name '*[.:]*' ! -name 'last_reserved*' 2>/dev/null | wc -l; }
nothing_left() {
  is "$(leases)" 0
  is "$(ip -o link show master cnitest0)" ''
  ! grep -q "$HOY_RUNROOT/.*/netns" /proc/self/mountinfo
}
one() { hoy run -d --name one --network cni:lan "$@" base sleep 600 >/dev/null; }

@test "addresses, a way to the host, names, inspect; and nothing stays" {
  one --hostname cabin
  local network='.NetworkSettings.Networks."cni:lan"'
  is "$(field one "$network | \"\\(.IPPrefixLen) \\(.Gateway) \\(.GlobalIPv6PrefixLen)\"")" '24 10.77.0.1 64'
  local address address6
  address=$(field one "$network.IPAddress")
  address6=$(field one "$network.GlobalIPv6Address")
  is "$(field one "$network.MacAddress")" "$(hoy exec one cat /sys/class/net/eth0/address)"
  is "$(field one .HostConfig.NetworkMode)" cni:lan
  contains "$(hoy exec one ip -o address show eth0)" "$address/24"
  contains "$(hoy exec one ip -o address show eth0)" "$address6/64"
  busybox ping -c 1 -W 5 "$address"
  hoy exec one ping -c 1 -W 5 10.77.0.1
  contains "$(hoy exec one cat /etc/hosts)" "$address	cabin"
  contains "$(hoy exec one cat /etc/hosts)" "$address6	cabin"
  is "$(hoy exec one cat /etc/resolv.conf)" 'nameserver 10.77.0.1
nameserver fd00:77::1
search lan.test test
options ndots:2'
  is "$(leases)" 2
  hoy rm -f one >/dev/null
  nothing_left
}

@test "two containers of a network reach each other; --dns goes before the network's" {
  one
  expect 0 hoy run --rm --network cni:lan --dns 192.0.2.1 base sh -c \
    "ping -c 1 -W 5 $(field one '.NetworkSettings.IPAddress') >/dev/null && cat /etc/resolv.conf"
  contains "$output" 'nameserver 192.0.2.1'
  lacks "$output" 10.77.0.1
  is "$(leases)" 2
  hoy rm -f one >/dev/null
  nothing_left
}

@test "every plugin gets what the one before has said, and at the end the other way round" {
  with '{"type": "scribe", "who": "first", "kept": {"x": [1, null]}}, {"type": "scribe", "who": "second"}'
  one --mac-address 02:42:00:11:22:33
  is "$(cat "$SAID/order")" $'ADD first\nADD second'
  local id address
  id=$(field one .Id)
  address=$(field one .NetworkSettings.IPAddress)
  is "$(jq -c '[.name, .cniVersion, .kept, (.prevResult.ips | length)]' "$SAID/first.ADD")" '["lan","1.0.0",{"x":[1,null]},2]'
  is "$(jq -r '.prevResult.ips[0].address' "$SAID/second.ADD")" "$address/24"
  contains "$(cat "$SAID/first.ADD.env")" "CNI_CONTAINERID=$id"
  contains "$(cat "$SAID/first.ADD.env")" CNI_IFNAME=eth0
  contains "$(cat "$SAID/first.ADD.env")" 'MAC=02:42:00:11:22:33'
  contains "$(cat "$SAID/first.ADD.link")" 02:42:00:11:22:33
  is "$(field one .NetworkSettings.MacAddress)" 02:42:00:11:22:33
  # Whatever becomes of the file meanwhile.
  rm "$NETCONFPATH/10-lan.conflist"
  hoy stop -t 0 one >/dev/null
  is "$(cat "$SAID/order")" $'ADD first\nADD second\nDEL second\nDEL first'
  is "$(jq -r '.prevResult.ips[0].address' "$SAID/first.DEL")" "$address/24"
  contains "$(cat "$SAID/first.DEL.link")" 02:42:00:11:22:33
  nothing_left
  expect 1 hoy start one
  contains "$output" "there is no CNI network lan in $NETCONFPATH"
  conflist >"$NETCONFPATH/10-lan.conflist"
  expect 0 hoy start one
  is "$(leases)" 2
}

@test "a crash: whoever comes next has the plugins take it away" {
  with '{"type": "scribe", "who": "first"}'
  one
  local pid shim
  pid=$(field one .State.Pid)
  shim=$(awk '{print $4}' "/proc/$pid/stat")
  kill -9 "$shim" "$pid"
  eventually 10 is_exited
  contains "$(cat "$SAID/order")" 'DEL first'
  contains "$(cat "$SAID/first.DEL.link")" eth0
  nothing_left
}
is_exited() { [[ $(hoy inspect -f '{{.State.Status}}' one) == exited ]]; }

@test "a plugin that fails on the way in: said in a sentence, and taken back" {
  with '{"type": "scribe", "who": "first"}, {"type": "scribe", "who": "second"}'
  echo '{"cniVersion": "1.0.0", "code": 11, "msg": "the cable is cut", "details": "at the third pole"}' >"$SAID/second.ADD.fails"
  expect 125 hoy run --name one --network cni:lan base true
  contains "$output" 'CNI network lan: the plugin scribe failed to add the container: the cable is cut (at the third pole)'
  one_sentence "$output"
  is "$(tail -n 2 "$SAID/order")" $'DEL second\nDEL first'
  nothing_left
  # Without a document it is what it prints.
  hoy rm -f one >/dev/null
  echo 'Segmentation fault' >"$SAID/second.ADD.fails"
  expect 125 hoy run --rm --network cni:lan base true
  contains "$output" 'the plugin scribe failed to add the container: exit status 1'
  nothing_left
  printf '#!/bin/sh\necho no document\n' >"$PLUGINS/liar"
  chmod 755 "$PLUGINS/liar"
  with '{"type": "liar"}'
  expect 125 hoy run --rm --network cni:lan base true
  contains "$output" 'what the plugin liar prints is no result: "no document'
  nothing_left
}

@test "a plugin that fails on the way out: the container stays until it works" {
  with '{"type": "scribe", "who": "first"}'
  one
  echo '{"code": 11, "msg": "not now"}' >"$SAID/first.DEL.fails"
  expect 1 hoy rm -f one
  contains "$output" 'the plugin scribe failed to remove the container: not now'
  contains "$output" 'is still on its CNI network (remove '
  # The others were asked nevertheless.
  is "$(leases)" 0
  rm "$SAID/first.DEL.fails"
  expect 0 hoy rm -f one
  nothing_left
}

@test "no such network, plugin or version; names; other modes' flags" {
  NAME=other conflist >"$NETCONFPATH/20-other.conf"
  expect 125 hoy run --rm --network cni:nosuch base true
  contains "$output" "there is no CNI network nosuch in $NETCONFPATH (there are: lan, other)"
  one_sentence "$output"
  with '{"type": "nosuch-plugin"}'
  expect 125 hoy run --rm --network cni:lan base true
  contains "$output" "CNI network lan: the CNI plugin nosuch-plugin is in none of $CNI_PATH"
  with '{"type": "../../bin/sh"}'
  expect 125 hoy run --rm --network cni:lan base true
  contains "$output" 'plugin 2 has no type'
  local version
  for version in 0.2.0 2.0.0 x ''; do
    VERSION=$version conflist >"$NETCONFPATH/10-lan.conflist"
    expect 125 hoy run --rm --network cni:lan base true
    contains "$output" "its cniVersion is $version"
  done
  echo '{"name": "lan", "cniVersion": "1.0.0", "plugins": []}' >"$NETCONFPATH/10-lan.conflist"
  expect 125 hoy run --rm --network cni:lan base true
  contains "$output" 'there are no plugins in it'
  echo '{broken' >"$NETCONFPATH/10-lan.conflist"
  expect 125 hoy run --rm --network cni:lan base true
  contains "$output" '10-lan.conflist (unreadable), other'
  rm "$NETCONFPATH/20-other.conf"
  for version in '' a/b '.hidden' 'a b'; do
    expect 125 hoy run --rm --network "cni:$version" base true
    contains "$output" 'is no name of a CNI network'
  done
  NETCONFPATH=/nonexistent expect 125 hoy run --rm --network cni:lan base true
  contains "$output" 'there is no CNI network lan in /nonexistent, nor any other'
}

@test "older versions, a file of one plugin, and several versions to choose from" {
  local version
  for version in 0.3.1 0.4.0; do
    VERSION=$version conflist >"$NETCONFPATH/10-lan.conflist"
    expect 0 hoy run --rm --network cni:lan base ip -o address show eth0
    contains "$output" 'inet 10.77.0.'
  done
  rm "$NETCONFPATH/10-lan.conflist"
  conflist | jq '.plugins[0] + {name: "lan", cniVersion: "0.4.0"}' >"$NETCONFPATH/10-lan.conf"
  expect 0 hoy run --rm --network cni:lan base ip -o address show eth0
  contains "$output" 'inet 10.77.0.'
  rm "$NETCONFPATH/10-lan.conf"
  MORE=',{"type": "scribe", "who": "first"}' conflist | jq '.cniVersions = ["0.3.0", "1.0.0", "0.4.0", "7.0.0"] | .cniVersion = "0.4.0"' >"$NETCONFPATH/10-lan.conflist"
  expect 0 hoy run --rm --network cni:lan base true
  is "$(jq -r .cniVersion "$SAID/first.ADD")" 1.0.0
  nothing_left
}

@test "--net-rate is for a plugin with that capability" {
  expect 125 hoy run --rm --network cni:lan --net-rate in=4mbit base true
  contains "$output" '--net-rate: no plugin of the CNI network lan has the capability bandwidth'
  with '{"type": "scribe", "who": "first", "capabilities": {"bandwidth": true, "portMappings": true}}'
  one --net-rate in=4mbit,out=2mbit
  is "$(jq -c .runtimeConfig "$SAID/first.ADD")" '{"bandwidth":{"ingressRate":4000000,"ingressBurst":80000,"egressRate":2000000,"egressBurst":65536}}'
  expect 1 hoy update --net-rate in=1mbit one
  contains "$output" "is its plugins' business"
  is "$(field one .HostConfig.NetRate.In)" 4000000
}

@test "explain says it; a restart policy asks the plugins anew" {
  expect 0 hoy explain --network cni:lan base true
  contains "$output" 'have the plugins of the CNI network lan add eth0'
  hoy create --name one --network cni:lan base true >/dev/null
  expect 0 hoy as run one
  contains "$output" '--network cni:lan'
  hoy rm one >/dev/null
  nothing_left_of_leases
  with '{"type": "scribe", "who": "first"}'
  one --restart always
  kill -9 "$(field one .State.Pid)"
  eventually 10 was_added_again
  eventually 10 is_running_again
  is "$(leases)" 2
}
was_added_again() { [[ $(<"$SAID/order") == $'ADD first\nDEL first\nADD first' ]]; }
is_running_again() { [[ $(hoy inspect -f '{{.RestartCount}} {{.State.Status}}' one) == '1 running' ]]; }
nothing_left_of_leases() { is "$(leases)" 0; }

# plugin NAME: a program of the test's own, from standard input.
plugin() {
  { echo '#!/bin/sh'; echo "SAID=$SAID"; cat; } >"$PLUGINS/$1"
  chmod 755 "$PLUGINS/$1"
}

@test "-p is for a plugin with the capability portMappings; seen in port, ps and inspect" {
  expect 125 hoy run --rm --network cni:lan -p 8000:80 base true
  contains "$output" '--publish: no plugin of the CNI network lan has the capability portMappings'
  with '{"type": "scribe", "who": "first", "capabilities": {"portMappings": true}}'
  one -p 8000-8001:80-81 -p 192.0.2.1:53:53/udp -p '[::1]:90:90/sctp'
  is "$(jq -c '.runtimeConfig.portMappings[]' "$SAID/first.ADD")" '{"hostPort":8000,"containerPort":80,"protocol":"tcp"}
{"hostPort":8001,"containerPort":81,"protocol":"tcp"}
{"hostPort":53,"containerPort":53,"protocol":"udp","hostIP":"192.0.2.1"}
{"hostPort":90,"containerPort":90,"protocol":"sctp","hostIP":"::1"}'
  is "$(hoy port one 80)" $'0.0.0.0:8000\n[::]:8000'
  contains "$(hoy ps)" '192.0.2.1:53->53/udp'
  is "$(field one '.NetworkSettings.Ports."90/sctp" | tostring')" '[{"HostIp":"::1","HostPort":"90"}]'
  hoy stop -t 0 one >/dev/null
  is "$(jq -c '.runtimeConfig.portMappings | length' "$SAID/first.DEL")" 4
  local words
  for words in '-p 80' '-p 8000-8010:80' '--expose 80 -P'; do
    # shellcheck disable=SC2086
    expect 125 hoy run --rm --network cni:lan $words base true
    contains "$output" 'the plugins of a CNI network choose no host port: say which one'
  done
}

@test "plugins that hang, flood and write rubbish" {
  local case
  # What it started goes, too.
  plugin hangs <<<'cat >/dev/null; [ "$CNI_COMMAND" = ADD ] || exit 0; sleep 987 & echo $! >$SAID/child; wait'
  plugin flood <<<'[ "$CNI_COMMAND" = ADD ] || exit 0; exec cat /dev/zero'
  plugin flood-errors <<<'[ "$CNI_COMMAND" = ADD ] || exit 0; head -c 3000000 /dev/zero | tr "\0" x >&2; exit 1'
  plugin leaves <<<'[ "$CNI_COMMAND" = ADD ] || exit 0; sleep 986 & echo $! >$SAID/child; echo "{\"cniVersion\": \"1.0.0\"}"'
  plugin escapes <<<'[ "$CNI_COMMAND" = ADD ] || exit 0; printf "\033[31mred\033[0m\nmore\n" >&2; exit 1'
  plugin rubbish <<<'[ "$CNI_COMMAND" = ADD ] || exit 0; printf "\377\000\033[2J["'
  plugin deep <<<'[ "$CNI_COMMAND" = ADD ] || exit 0; head -c 500000 /dev/zero | tr "\0" "["'
  plugin killed <<<'[ "$CNI_COMMAND" = ADD ] || exit 0; kill -SEGV $$'
  plugin list <<<'[ "$CNI_COMMAND" = ADD ] || exit 0; echo "[1, 2]"'
  for case in 'hangs|did not end within 1 s, and was killed (HOY_CNI_TIMEOUT gives it longer)' \
    'flood|prints more than a result can be (1048576 bytes), and was killed' \
    'flood-errors|failed to add the container: xxxxxxxx' 'escapes|failed to add the container:  [31mred [0m' \
    'rubbish|is no result' 'deep|is no result' 'killed|signal 11' 'list|is no result'; do
    with "{\"type\": \"${case%%|*}\"}"
    HOY_CNI_TIMEOUT=1 expect 125 hoy run --rm --network cni:lan base true
    contains "$output" "CNI network lan: "
    contains "$output" "${case#*|}"
    one_sentence "$output"
    matches "$output" '^[[:print:]]*$'
    nothing_left
  done
  run ! kill -0 "$(<"$SAID/child")"
  # One that leaves a process with its standard output is not waited for.
  with '{"type": "leaves"}'
  expect 0 timeout 60 "$HOY" run --rm --network cni:lan base true
  kill "$(<"$SAID/child")"
  HOY_CNI_TIMEOUT=soon expect 125 hoy run --rm --network cni:lan base true
  contains "$output" "HOY_CNI_TIMEOUT: 'soon' is no number of seconds"
  rm "$PLUGINS"/{hangs,flood,flood-errors,leaves,escapes,rubbish,deep,killed,list}
}

@test "killed while a plugin adds: taken back by the next command" {
  local hoy shim
  mkfifo "$SAID/gate"
  plugin waits <<<'[ "$CNI_COMMAND" = ADD ] || { echo "$CNI_COMMAND" >>$SAID/order; exit 0; }; echo >$SAID/there; read -r _ <$SAID/gate; echo "{}"'
  with '{"type": "waits"}'
  hoy run -d --name one --network cni:lan base sleep 600 >/dev/null 2>&1 3>&- &
  hoy=$!
  eventually 20 test -e "$SAID/there"
  shim=$(pgrep -P "$hoy") || shim=
  # hoy, the shim, and its helper: whoever there is of them.
  # shellcheck disable=SC2046,SC2086
  kill -9 "$hoy" $shim $(pgrep -f "cni-add $HOY_RUNROOT") 2>/dev/null || true
  wait "$hoy" || true
  echo >"$SAID/gate" & # the plugin itself may go on
  hoy rm -f one >/dev/null 2>&1
  contains "$(cat "$SAID/order")" DEL
  nothing_left
  kill $! 2>/dev/null || true
  rm "$SAID/gate" "$PLUGINS/waits"
}

@test "network why asks the plugins whether all is as they made it" {
  with '{"type": "scribe", "who": "first"}'
  one
  run hoy network why one host
  contains "$output" 'one is on the CNI network lan, whose plugins find all as they made it'
  is "$(jq -r '.prevResult.ips | length' "$SAID/first.CHECK")" 2
  contains "$(cat "$SAID/first.CHECK.env")" "CNI_CONTAINERID=$(field one .Id)"
  hoy exec --privileged one ip address flush dev eth0
  run hoy network why one host
  contains "$output" 'CNI network lan: the plugin bridge failed to find all as it was'
  # A list may say that its plugins are not to be asked.
  hoy rm -f one >/dev/null
  rm "$SAID"/first.CHECK
  MORE=',{"type": "scribe", "who": "first"}' conflist | jq '.disableCheck = true' >"$NETCONFPATH/10-lan.conflist"
  one
  run hoy network why one host
  [[ ! -e $SAID/first.CHECK ]]
}

@test "update and connect are refused by name" {
  one
  hoy network create beside >/dev/null
  expect 1 hoy network connect beside one
  contains "$output" 'container one is on a CNI network, and can be on no other one beside it'
  hoy run -d --name two base sleep 600 >/dev/null
  expect 1 hoy update --network-add cni:lan two
  contains "$output" 'cni:lan'
  one_sentence "$output"
  expect 1 hoy network connect cni:lan two
  contains "$output" 'network cni:lan not found'
  expect 125 hoy run --rm --network beside --network cni:lan base true
  contains "$output" 'cannot attach both'
  expect 1 hoy update --publish-add 8000:80 one
  is "$(field two '.NetworkSettings.Networks | keys | join(" ")')" bridge
  hoy rm -f one two >/dev/null
  hoy network rm beside >/dev/null
}
