# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2034,SC2010
# What the scripts that run in the machine stand on, by busybox's shell: `ok N name` or `not ok N name`, with the
# reason in lines after it. After each check an audit compares what is there with what was there before.

# Saying what is expected

is() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; return 1; }; }
contains() {
  case $1 in *"$2"*) return 0 ;; esac
  echo "expected '$2' in: $1"
  return 1
}
lacks() {
  case $1 in *"$2"*) echo "did not expect '$2' in: $1"; return 1 ;; esac
}
# expect STATUS COMMAND...: leaves what it wrote in $output.
expect() {
  wanted=$1
  shift
  status=0
  output=$("$@" 2>&1) || status=$?
  [ $status = "$wanted" ] || { echo "'$*' ended with $status instead of $wanted: $output"; return 1; }
}
# within SECONDS COMMAND...: for what has no event that a shell could wait for.
within() {
  deadline=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt $deadline ] || { echo "waited in vain for: $*"; return 1; }
    usleep 50000
  done
}

# The audit

audit_list() {
  awk '$1 != "" {print "mount", $5}' /proc/self/mountinfo
  find /sys/fs/cgroup -mindepth 1 -type d | sed 's/^/cgroup /'
  ip -o link | awk -F'[:@ ]+' '$2 !~ /^hoy[0-9]$/ {print "interface", $2}'
  # A shim is a sealed file without a name; what a container runs has a mount namespace of its own.
  ls -l /proc/[0-9]*/exe 2>/dev/null | grep -e '/memfd:' -e bin/hoy | sed 's/.* -> /program /'
  ls -l /proc/[0-9]*/ns/mnt 2>/dev/null | sed 's/.*-> /namespace /' | sort -u
  ls -d /run/hoy/containers/* /var/lib/hoy/containers/* /var/lib/hoy/tmp/* /run/hoy-runtime/* 2>/dev/null
}
audit_take() { audit_list | sort -u >"$1"; }
audit_same() {
  audit_take /tmp/after
  left=$(awk 'FNR == NR {seen[$0]; next} !($0 in seen)' /tmp/before /tmp/after)
  [ -z "$left" ]
}
audit_compare() {
  within 5 audit_same >/dev/null || { echo "left behind: $left"; return 1; }
}

# check NAME FUNCTION
n=0
check() {
  n=$((n + 1))
  # In a shell of its own, which ends at the first command that fails: but not where || would take it up.
  (set -e; "$2") >/tmp/said 2>&1
  status=$?
  rows=$(hoy ps -aq)
  # shellcheck disable=SC2086
  [ -z "$rows" ] || { hoy ps -a; hoy rm -f $rows; } >>/tmp/said 2>&1
  audit_compare >>/tmp/said 2>&1 || status=1
  mv /tmp/after /tmp/before
  [ -z "$rows" ] && [ $status = 0 ] && echo "ok $n $1" && return
  echo "not ok $n $1"
  sed 's/^/# /' /tmp/said
}
