# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What every end-to-end test stands on. A file has a root of its own; after each test an audit compares what is
# there with what was there before, and fails a test that leaves anything behind.

bats_require_minimum_version 1.5.0

setup_file() {
  export HOY_ROOT=$BATS_FILE_TMPDIR/root HOY_RUNROOT=$BATS_FILE_TMPDIR/run
  mkdir -p "$HOY_ROOT" "$HOY_RUNROOT"
  if declare -F file_setup >/dev/null; then file_setup; fi
}

teardown_file() {
  if declare -F file_teardown >/dev/null; then file_teardown; fi
  # A root's bridge and nft table stay, as docker0 does: the next file wants the first name again.
  local bridge table
  for bridge in $(ip -o link show type bridge 2>/dev/null | awk -F': ' '$2 ~ /^hoy[0-9][0-9]?$/ {print $2}'); do
    ip link delete "$bridge"
  done
  nft list tables 2>/dev/null | awk '$3 ~ /^hoy-[0-9a-f]+$/ {print $2, $3}' | while read -r table; do
    # shellcheck disable=SC2086
    nft delete table $table
  done
}

setup() {
  audit_take "$BATS_TEST_TMPDIR/.audit"
  if declare -F test_setup >/dev/null; then test_setup; fi
}

teardown() {
  local status=0 left
  if declare -F test_teardown >/dev/null; then test_teardown || status=1; fi
  left=$(hoy ps -aq 2>/dev/null)
  if [[ -n $left ]]; then
    echo "left behind: containers: $(hoy ps -a)"
    # The tests after this one should not suffer.
    # shellcheck disable=SC2086
    hoy rm -f $left >/dev/null
    status=1
  fi
  audit_compare "$BATS_TEST_TMPDIR/.audit" || status=1
  return $status
}

hoy() { "$HOY" "$@"; }

# The audit

# Descendants of this test's own shell are its own business; what we look for has lost its parent, or is
# inside namespaces.
audit_processes() {
  local pid exe
  for pid in /proc/[0-9]*; do
    exe=$(readlink "$pid/exe") || continue
    if [[ $exe == "$HOY"* || $exe == /memfd:* || $exe == */hoy-fetch || $exe == */hoy-resolver || $exe == */hoy-runtime ||
      $(readlink "$pid/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]]; then
      echo "process ${pid#/proc/} $(tr '\0' ' ' <"$pid/cmdline" | head -c 100)"
    fi
  done 2>/dev/null
}

# Exceptions, each with its reason:
#   hoy0 to hoy99   the bridge of a root's default network stays, as docker0 does
#   a network's own row in the database, an image's lock file and the empty directory of its mount
audit_list() {
  awk '{print "mount", $5, $3}' /proc/self/mountinfo
  find /sys/fs/cgroup -mindepth 1 -type d -path '*hoy[-/]*' -printf 'cgroup %p\n' 2>/dev/null
  awk -F: 'NR > 2 { gsub(/ /, "", $1); if ($1 !~ /^(lo|hoy[0-9][0-9]?)$/) print "interface", $1 }' /proc/net/dev
  ip netns list 2>/dev/null | sed 's/^/netns /'
  audit_processes
  find "$HOY_RUNROOT/containers" "$HOY_ROOT/containers" "$HOY_ROOT/tmp" -mindepth 1 -maxdepth 1 \
    -printf 'file %p\n' 2>/dev/null
}

audit_take() { audit_list | LC_ALL=C sort -u >"$1"; }

# The kernel takes interfaces of a dead network namespace away when it comes to it: a moment is allowed.
audit_compare() {
  local deadline=$((SECONDS + 5)) left
  while true; do
    audit_take "$1.after"
    left=$(LC_ALL=C comm -13 "$1" "$1.after")
    [[ -z $left ]] && return 0
    ((SECONDS >= deadline)) && break
    sleep 0.05
  done
  head -n 20 <<<"$left" | sed 's/^/left behind: /'
  return 1
}

# Saying what is expected

# expect STATUS COMMAND...: runs it like `run` and looks at the status.
expect() {
  local wanted=$1
  shift
  if ((wanted == 127)); then run -127 "$@"; else run "$@"; fi
  if ((status != wanted)); then
    echo "'$*' ended with $status instead of $wanted:"
    echo "$output"
    return 1
  fi
}

# contains TEXT PART, matches TEXT REGEX, is TEXT TEXT
contains() {
  [[ $1 == *"$2"* ]] || { printf 'expected "%s" in:\n%s\n' "$2" "$1"; return 1; }
}
lacks() {
  [[ $1 != *"$2"* ]] || { printf 'did not expect "%s" in:\n%s\n' "$2" "$1"; return 1; }
}
matches() {
  [[ $1 =~ $2 ]] || { printf 'expected /%s/ in:\n%s\n' "$2" "$1"; return 1; }
}
is() {
  [[ $1 == "$2" ]] || { printf 'expected "%s", got "%s"\n' "$2" "$1"; return 1; }
}
# One clear sentence: an error is one line that starts with the program's name.
one_sentence() {
  is "$(grep -c . <<<"$1")" 1 && matches "$1" '^hoy: '
}

# Waiting

# wait_line FILE REGEX [SECONDS]: until a line of a growing file matches.
wait_line() {
  touch "$1"
  eventually "${3:-20}" grep -Eq -- "$2" "$1" || { cat "$1"; return 1; }
}

# wait_gone PID [SECONDS]
wait_gone() { timeout "${2:-20}" tail --pid="$1" -s 0.05 -f /dev/null; }

# ends_with STATUS PID: a child of the test's own shell, which `run` could not wait for.
ends_with() {
  local status=0
  wait "$2" || status=$?
  is "$status" "$1"
}

# eventually SECONDS COMMAND...: for what has no event that a shell could wait for.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    if ((SECONDS >= deadline)); then
      echo "waited in vain for: $*"
      return 1
    fi
    sleep 0.05
  done
}

# The name of the root's table of nftables. Not asked of hoy, which would put back what is missing.
own_table() { sqlite3 "$HOY_ROOT/hoy.db" "SELECT 'hoy-' || substr(id, 1, 10) FROM network WHERE name = 'bridge'"; }

# field CONTAINER JQ-PATH: of its inspect document.
field() { hoy inspect "$1" | jq -r ".[0]$2"; }

# raw IMAGE: its manifest as its registry has it, byte for byte.
raw() { skopeo inspect --raw --tls-verify=false "docker://$1"; }
