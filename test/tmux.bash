# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A real terminal (tmux), one a test, with a shell in it.

terminal_start() {
  export TMUX_TMPDIR=$BATS_TEST_TMPDIR
  tm new-session -d -x 80 -y 24 'PS1="host\$ " HISTFILE= bash --norc'
  shows 'host\$ ?$'
}

terminal_stop() {
  tm kill-server 2>/dev/null || true
}

tm() { tmux -f /dev/null -L test "$@" 3>&-; }
# keys KEY...: as tmux names them. text WORDS: and Enter.
keys() { tm send-keys "$@"; }
text() { tm send-keys -l "$1" && tm send-keys Enter; }
# shows REGEX [SECONDS]: until the visible screen matches.
visible() { tm capture-pane -p | grep -Eq -- "$1"; }
shows() { eventually "${2:-60}" visible "$1" || { tm capture-pane -p; return 1; }; }
# resizes: what runs in the terminal learns that it is smaller. It has to be a shell.
shows_size() { text 'stty size' && sleep 0.2 && visible '^20 70'; }
resizes() { tm resize-window -x 70 -y 20 && eventually 20 shows_size; }
