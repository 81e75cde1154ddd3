# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # for who asks
# Where mmdebstrap gets a Debian from.

# Sets suite to this machine's own, and sources to a file for apt, if there is one; else mmdebstrap's own choice.
debian_find() {
  local file
  sources=()
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    [[ -s $file ]] && sources=("$file") && break
  done
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
}
