#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Random operations on networks, several at once, with kills in the middle; NETWORK_RANDOM_SECONDS=300 for five minutes of them,
# NETWORK_RANDOM_SEED to have the same again.

load lib
load agree

file_setup() {
  export SECONDS_OF_IT=${NETWORK_RANDOM_SECONDS:-20}
  export BATS_TEST_TIMEOUT=$((SECONDS_OF_IT + 120))
}

@test "what agree finds" {
  local bridge
  hoy network create one >/dev/null
  hoy run -d --name aa --network one -p 8081:80 -p 9000-9001:9000-9001/udp base sleep 600 >/dev/null
  expect 0 agree
  bridge=$(hoy network inspect -f '{{.Id}}' one | head -c 10)
  nft add element inet "$(own_table)" ports4 '{ tcp . 99 : 10.0.0.1 . 99 }'
  ip link add "stray" type veth peer name stray2
  ip link set stray master "hoy-$bridge"
  AGREE_PATIENCE=1 expect 1 agree
  contains "$output" 'nft map ports4: too much: tcp 99 -> 10.0.0.1 99'
  contains "$output" "interfaces on bridges: too much: ('stray', 'hoy-$bridge')"
  nft delete element inet "$(own_table)" ports4 '{ tcp . 99 }'
  nft delete element inet "$(own_table)" ports4 '{ udp . 9001 }' # one of many, which no look misses
  ip link delete stray
  rm "$HOY_RUNROOT"/networks/*/"$(hoy inspect -f '{{.Id}}' aa)"
  AGREE_PATIENCE=1 expect 1 agree
  contains "$output" 'nft map ports4: not there: udp 9001'
  contains "$output" 'files of names: not there'
  hoy rm -f aa >/dev/null
  hoy network rm one >/dev/null
  expect 0 agree
}

@test "twenty random operations a second by four at once, and all agrees at the end" {
  hoy run --rm base true
  run "$BATS_TEST_DIRNAME/network-random" "$SECONDS_OF_IT" ${NETWORK_RANDOM_SEED:+"$NETWORK_RANDOM_SEED"}
  echo "# ${lines[0]}" >&3
  [[ $status -eq 0 ]] || { echo "$output"; false; }
}
