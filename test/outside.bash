# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Who is outside of this host: the network namespace beyond, behind a veth pair. It knows the host's outer
# addresses alone, and has no route to what is behind them.
#
#     198.51.100.1, 2001:db8::1 outer (host) -------- (beyond) inner 198.51.100.2, 2001:db8::2

outside_add() {
  rm -f /run/netns/beyond # what a run that was killed left
  ip netns add beyond
  ip link add outer type veth peer name inner netns beyond
  ip address add 198.51.100.1/24 dev outer
  ip address add 2001:db8::1/64 dev outer nodad
  ip link set outer up
  ip -n beyond address add 198.51.100.2/24 dev inner
  ip -n beyond address add 2001:db8::2/64 dev inner nodad
  ip -n beyond link set inner up
  ip -n beyond link set lo up
}

outside_remove() {
  ip link delete outer
  ip netns delete beyond
}
