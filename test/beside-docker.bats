#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The same command lines (test/command-lines), given to the real docker and to hoy, print the same and end alike.

# shellcheck disable=SC2317 # X and engine are what the lines call

load lib

file_setup() {
  export E=$BATS_FILE_TMPDIR
  local name=base
  hoy save -o "$E/base.tar" $name
}

file_teardown() {
  [[ ! -e $E/process ]] || { kill "$(cat "$E/process")" 2>/dev/null && wait_gone "$(cat "$E/process")"; }
  awk -v e="$E/" 'index($5, e) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount -l
}

docker_is_there() {
  [[ -x /usr/bin/docker && -n $(command -v dockerd) ]] || skip "docker.io is not installed"
  [[ ! -e $E/process ]] || return 0
  dockerd -H "unix://$E/docker.sock" --data-root "$E/docker" --exec-root "$E/docker-run" --pidfile "$E/docker.pid" \
    --iptables=false --bridge=none </dev/null >"$E/log" 2>&1 3>&- &
  echo $! >"$E/process"
  eventually 30 docker version >/dev/null 2>&1 || { tail -n 5 "$E/log"; return 1; }
  docker load -q -i "$E/base.tar" >/dev/null
  audit_take "$BATS_TEST_TMPDIR/.audit"
}
docker() { /usr/bin/docker -H "unix://$E/docker.sock" "$@"; }
X() { engine "$@"; }

# What each engine has of its own.
normal() {
  sed -E 's/[0-9a-f]{64}|\b[0-9a-f]{12}\b/ID/g; s/(About )?(an?|[0-9]+|Less than a) (second|minute)s?( ago)?/TIME/gI
    s/[0-9.]+[kM]?B\b/SIZE/g; s/\b10\.7[78]\.0\./SUBNET./g; s/02:42:0a:4[de]:/02:42:SUBNET:/g; s/\b180([89][0-9])\b/PORT/g' "$1"
}

# Both are on one host: each has a subnet and ports of its own, $S and $P.
declare -A subnet=([docker]=10.77.0 [hoy]=10.78.0) port=([docker]=18080 [hoy]=18090)

# say ENGINE LINE: its standard output, whether it said something on standard error, and how it ended.
say() {
  local line=$2 status=0
  engine() { "$engine_name" "$@"; }
  engine_name=$1
  # shellcheck disable=SC2034 # the lines use them
  local S=${subnet[$1]} P=${port[$1]}
  (eval "$line") >out 2>err 3>&- </dev/null || status=$?
  normal out
  [[ ! -s err ]] || echo "(and something on standard error)"
  echo "ended with $status"
}

# group NAME: runs its lines with both, and names those that differ.
group() {
  local name=$1 line inside=0 differ=0 count=0
  docker_is_there
  mkdir -p "$BATS_TEST_TMPDIR/docker" "$BATS_TEST_TMPDIR/hoy"
  while IFS= read -r line; do
    [[ $line != '# '* ]] || { inside=0; [[ $line != "# $name" ]] || inside=1; continue; }
    if ((!inside)) || [[ -z $line ]]; then continue; fi
    count=$((count + 1))
    (cd "$BATS_TEST_TMPDIR/docker" && say docker "$line" >../said.docker)
    (cd "$BATS_TEST_TMPDIR/hoy" && say hoy "$line" >../said.hoy)
    if ! diff "$BATS_TEST_TMPDIR/said.docker" "$BATS_TEST_TMPDIR/said.hoy" >"$BATS_TEST_TMPDIR/diff"; then
      differ=$((differ + 1))
      echo "differs: $line"
      cat "$BATS_TEST_TMPDIR/diff"
      head -n 3 "$BATS_TEST_TMPDIR"/{docker,hoy}/err
    fi
  done <"$BATS_TEST_DIRNAME/command-lines"
  echo "$count lines, $differ differ"
  ((count > 0 && differ == 0))
}

test_teardown() {
  local left
  left=$(hoy ps -aq)
  # shellcheck disable=SC2086
  [[ -z $left ]] || hoy rm -fv $left >/dev/null
  # What docker mounts for the first container with the host's network, and keeps.
  umount "$E/docker-run/netns/default" 2>/dev/null || true
  if [[ -e $E/process ]]; then docker ps -aq | xargs -r /usr/bin/docker -H "unix://$E/docker.sock" rm -fv >/dev/null; fi
}

@test "run: what comes out" { group "run: what comes out"; }
@test "run: who, where, with what" { group "run: who, where, with what"; }
@test "run: limits" { group "run: limits"; }
@test "run: files" { group "run: files"; }
@test "the life of a container" { group "the life of a container"; }
@test "what is different, in and out" { group "what is different, in and out"; }
@test "restart and health" { group "restart and health"; }
@test "volumes" { group "volumes"; }
@test "labels, templates, lists" { group "labels, templates, lists"; }
@test "networks" { group "networks"; }

@test "every group of lines is run" {
  local name
  while IFS= read -r name; do
    grep -qF "group \"${name#\# }\"" "$BATS_TEST_FILENAME" || { echo "no test runs $name"; return 1; }
  done < <(sed '1,/^$/d' "$BATS_TEST_DIRNAME/command-lines" | grep '^# ')
}
