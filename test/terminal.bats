#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A real terminal (tmux): what a person at a keyboard sees.

load lib
load tmux

test_setup() { terminal_start; }
test_teardown() { terminal_stop; }

start_shell() {
  text "$HOY run -it --rm --name shell base"
  shows '(/|~) # ?$'
}

@test "a shell, its exit code, and the terminal as it was" {
  text "cd $BATS_TEST_TMPDIR; stty -a >before"
  start_shell
  text 'echo $((40 + 2)); tty'
  shows '^42$'
  shows '^/dev/(pts/0|console)$'
  text 'exit 7'
  shows 'host\$ ?$'
  text 'echo status $?; stty -a >after; echo written'
  shows '^status 7'
  shows '^written'
  diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "make run: a shell, and what it ends with is no failure of make's" {
  text "clear; '$BATS_TEST_DIRNAME/../scripts/run-base' '$HOY'; echo ended with \$?"
  shows '(/|~) # ?$'
  text 'exit 3'
  shows '^ended with 0$'
  printf '#!/bin/sh\nexit 125\n' >"$BATS_TEST_TMPDIR/broken"
  chmod 755 "$BATS_TEST_TMPDIR/broken"
  text "clear; '$BATS_TEST_DIRNAME/../scripts/run-base' '$BATS_TEST_TMPDIR/broken'; echo ended with \$?"
  shows '^ended with 1$'
}

@test "job control and ctrl-C" {
  start_shell
  text 'sleep 600'
  # shellcheck disable=SC2016
  eventually 60 sh -c '"$HOY" top shell | grep -q "sleep 600"'
  keys C-c
  text 'echo interrupted $?'
  shows '^interrupted 130'
  text 'sleep 601'
  # A key that comes before the program has started is the shell's, which passes it by.
  stopped() { keys C-z && sleep 0.5 && visible Stopped; }
  eventually 60 stopped
  text 'fg'
  shows '^sleep 601$'
  keys C-c
  text 'echo back $?'
  shows '^back 130'
  text exit
  shows 'host\$ ?$'
}

@test "bash of Debian: no complaint about job control, colours, history" {
  "$HOY" pull -q "$REGISTRY/debian:12"
  text "$HOY run -it --rm $REGISTRY/debian:12"
  shows 'root@[0-9a-f]{12}:/# ?$'
  run tm capture-pane -p
  lacks "$output" 'no job control'
  text 'echo $TERM; tput colors 2>/dev/null; ls --color=always -d /usr | cat -v'
  shows '^xterm'
  shows '\^\[\[01;34m/usr'
  text 'ps -o pid,tpgid,tty,comm'
  shows '1 .* pts/0 +bash'
  shows 'root@[0-9a-f]{12}:/# ?$' # or ps would be told that its input ends
  keys C-d
  shows 'host\$ ?$'
  "$HOY" rmi "$REGISTRY/debian:12"
}

@test "the window's size, at the start and when it changes" {
  start_shell
  text 'stty size'
  shows '^24 80'
  tm resize-window -x 100 -y 30
  text 'stty size'
  shows '^30 100'
  text exit
  shows 'host\$ ?$'
}

@test "ctrl-P ctrl-Q detaches, attach comes back" {
  start_shell
  text 'marker=still-here'
  keys C-p C-q
  shows 'host\$ ?$'
  text 'echo detached $?'
  shows '^detached 0'
  is "$(field shell .State.Status)" running
  text "clear; $HOY attach shell"
  keys Enter
  text 'echo $marker'
  shows '^still-here'
  text 'exit 4'
  shows 'host\$ ?$'
  text 'echo status $?'
  shows '^status 4'
}

@test "exec -it has a terminal of its own" {
  "$HOY" run -d --name long base sleep 600 >/dev/null
  text "$HOY exec -it long sh"
  shows '/ # ?$'
  text 'stty size; exit 3'
  shows '^24 80'
  shows 'host\$ ?$'
  text 'echo status $?'
  shows '^status 3'
  "$HOY" rm -f long >/dev/null
}

# A terminal lost on its way from the container to the shim hangs up the command.
@test "exec -t a hundred times" {
  "$HOY" run -d --name long base sleep 600 >/dev/null
  text "for n in \$(seq 100); do $HOY exec -it long sh -c true || echo lost \$n; done; echo all done"
  shows '^all done' 60
  run tm capture-pane -p
  lacks "$output" $'\nlost'
  "$HOY" rm -f long >/dev/null
}

@test "the terminal is restored when hoy is killed by a signal" {
  text "cd $BATS_TEST_TMPDIR; stty -a >before"
  start_shell
  local pid
  pid=$(pgrep -f "run -it --rm --name shell" | head -n 1)
  kill -TERM "$pid"
  "$HOY" kill shell >/dev/null 2>&1 || true
  shows 'host\$ ?$'
  text 'stty -a >after; echo written'
  shows '^written'
  diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "-t without a terminal is refused" {
  expect 1 "$HOY" run -it --rm base true </dev/null
  contains "$output" 'not a TTY'
}

@test "a progress bar a layer at a terminal" {
  text "clear; $HOY pull $REGISTRY/layers:1"
  shows 'Status: Downloaded newer image' 30
  run tm capture-pane -p
  is "$(grep -c 'Pull complete' <<<"$output")" 4
  "$HOY" rmi "$REGISTRY/layers:1"
}

# types WORDS BECOMES: a word's beginning and the tab key. What was there is taken away without a signal, which a
# shell may heed only after what is typed next.
types() {
  keys C-e && keys C-u && keys C-l
  tm send-keys -l "$1"
  keys Tab
  shows "$2" 20
}

# typed_in SHELL HOW-TO-LOAD
typed_in() {
  PATH=$(dirname "$HOY"):$PATH tm new-session -d -x 100 -y 24 -s "$1" "$1" "${@:3}"
  text "$2; echo load''ed"
  shows '^loaded'
  types 'hoy ru' 'hoy run *$'
  types 'hoy run --network=ho' 'run --network=host'
  types 'hoy run --rm --pull al' '--pull always'
  types 'hoy rm completem' 'hoy rm completeme'
  types 'hoy run --rm base:oth' 'run --rm base:other'
  types 'hoy run --env-file /etc/passw' '--env-file /etc/passwd'
  tm kill-session -t "$1"
}

@test "completion, typed: bash, zsh, fish" {
  local shell
  cd "$BATS_TEST_TMPDIR"
  touch base:otherfile
  hoy create --name completeme base >/dev/null
  hoy tag base base:other
  tm kill-server 2>/dev/null || true
  typed_in bash 'source <(hoy completion bash)' --norc
  for shell in zsh fish; do type -P "$shell" >/dev/null || skip "$shell is not installed"; done
  typed_in zsh 'autoload -U compinit; compinit -u; source <(hoy completion zsh)' -f
  typed_in fish 'hoy completion fish | source' --no-config
  hoy rm completeme >/dev/null
  hoy rmi base:other >/dev/null
}
