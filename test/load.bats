#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What hoy load shows while it works: a bar a layer at a terminal, otherwise Docker's lines of names alone.

load lib
load tmux

file_setup() {
  export A=$BATS_FILE_TMPDIR
  mkdir "$A/files"
  head -c 3000000 /dev/urandom >"$A/files/large"
  tar -C "$A/files" -c large | hoy import - large >&2
  hoy pull base >&2
  hoy save -o "$A/save.tar" large base
  LAYER=$(hoy image inspect large | jq -r '.[0].RootFS.Layers[0][7:19]')
  export LAYER
  skopeo --insecure-policy copy -q "docker-archive:$A/save.tar:base:latest" "oci-archive:$A/oci.tar:zipped:1"
}
test_teardown() { terminal_stop; hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null; }

# at_terminal COLUMNS ROWS COMMAND...: what hoy says at one.
at_terminal() {
  local columns=$1 rows=$2
  shift 2
  script -qec "stty cols $columns rows $rows; '$HOY' $*" /dev/null </dev/null
}

@test "at a terminal: a bar a layer, in place" {
  hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null
  expect 0 at_terminal 100 40 load -i "$A/save.tar"
  contains "$output" "$LAYER: Loading layer [=================================================="
  contains "$output" '3.011MB/3.011MB'
  contains "$output" $'\e[1A\r\e[2K'
  contains "$output" "$LAYER: Load complete"
  contains "$output" 'Loaded image: large:latest'
  # No config, no manifest, no index.
  is "$(grep -c 'Loading layer'$'\r''$' <<<"$output")" 2
}

@test "layers that are compressed are extracted, and shown again" {
  hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null
  expect 0 at_terminal 100 40 load -i "$A/oci.tar"
  contains "$output" ': Loading layer ['
  contains "$output" ': Extracting ['
  contains "$output" ': Load complete'
  # What is there is said to be.
  hoy rmi zipped:1 >/dev/null
  hoy load -i "$A/save.tar" >/dev/null
  hoy rmi base >/dev/null
  expect 0 at_terminal 100 40 load -i "$A/save.tar"
  contains "$output" ': Already exists'
}

@test "an image's words do nothing to a terminal" {
  local layout=$BATS_TEST_TMPDIR/oci red=$'\e[31mred\302\233'
  umoci init --layout "$layout"
  umoci new --image "$layout:1"
  umoci config --image "$layout:1" --architecture "$red" --config.entrypoint "$red" \
    --config.user "$red" --history.created_by "$red"$'\nmore' --history.comment "$red"
  tar -C "$layout" -c . | hoy load -q
  hoy tag "$(hoy images -q --filter dangling=true)" coloured
  expect 125 at_terminal 100 40 run --rm --network none coloured
  contains "$output" '[31mred'
  lacks "$output" "$red"
  expect 0 at_terminal 100 40 history coloured
  contains "$output" '?[31mred?? more'
  lacks "$output" "$red"
}

@test "no terminal, -q, and a terminal that is too small" {
  expect 0 hoy load -i "$A/save.tar"
  is "$output" $'Loaded image: large:latest\nLoaded image: base:latest'
  expect 0 at_terminal 100 40 load -q -i "$A/save.tar"
  is "$(tr -d '\r' <<<"$output")" $'Loaded image: large:latest\nLoaded image: base:latest'
  hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null
  expect 0 at_terminal 100 2 load -i "$A/save.tar"
  lacks "$output" $'\e['
  contains "$output" "$LAYER: Loading layer"
  contains "$output" 'Loaded image: base:latest'
  expect 0 at_terminal 20 40 load -i "$A/save.tar"
  lacks "$output" $'\e['
}

# Some more of the archive, and then that is what is seen.
fed_shows() { dd bs=100000 count=1 status=none <&8 >&9 && visible "$1"; }

@test "a terminal that becomes narrower: the lines once more, below what became two" {
  local pipe=$BATS_TEST_TMPDIR/pipe larger=$BATS_TEST_TMPDIR/larger layer
  mkfifo "$pipe"
  head -c 12000000 /dev/urandom >"$larger"
  tar -C "$BATS_TEST_TMPDIR" -c larger | hoy import - larger >/dev/null
  layer=$(hoy image inspect larger | jq -r '.[0].RootFS.Layers[0][7:19]')
  hoy save -o "$larger" larger
  hoy rmi larger >/dev/null
  terminal_start
  text "clear; '$HOY' load <'$pipe'"
  exec 8<"$larger" 9>"$pipe"
  eventually 20 fed_shows "^$layer: Loading layer \\[=+> +\\] +[0-9.]+MB/12.01MB$"
  tm resize-window -x 60 -y 20
  eventually 20 fed_shows '> *\] +3\.[0-9]+MB/12.01MB$'
  eventually 20 fed_shows '> *\] +6\.[0-9]+MB/12.01MB$'
  cat <&8 >&9
  exec 8<&- 9>&-
  shows '^Loaded image: larger:latest'
  # One line that was left behind, in two rows, and the one that was drawn on.
  tm capture-pane -p -S - | tee "$BATS_TEST_TMPDIR/screen"
  is "$(grep -c "^$layer: Loading layer \[" "$BATS_TEST_TMPDIR/screen")" 1
  is "$(grep -c "^$layer: Load complete" "$BATS_TEST_TMPDIR/screen")" 1
  is "$(grep -vc '^[0-9a-f]\{12\}: \|^Loaded image: \|^host\$\|^$' "$BATS_TEST_TMPDIR/screen")" 1
}

@test "names of a stranger's are not printed" {
  local name
  printf 'x%.0s' {1..5000} >"$BATS_TEST_TMPDIR/x"
  for name in $'\e[31mred' 'A-long-name-without-a-digest' '../../0123456789abcdef'; do
    tar -C "$BATS_TEST_TMPDIR" -cPf "$BATS_TEST_TMPDIR/a.tar" --transform "s#^x\$#${name//\\/}#" x
    run at_terminal 100 40 load -i "$BATS_TEST_TMPDIR/a.tar"
    is "$status" 1
    lacks "$output" $'\e[31m'
    lacks "$output" 'A-long-name-without-a-digest:'
  done
  # More members than anybody wants to look at.
  mkdir "$BATS_TEST_TMPDIR/many"
  for name in {1..400}; do cp "$BATS_TEST_TMPDIR/x" "$BATS_TEST_TMPDIR/many/$name"; done
  tar -C "$BATS_TEST_TMPDIR" -cf "$BATS_TEST_TMPDIR/a.tar" many
  run at_terminal 100 2000 load -i "$BATS_TEST_TMPDIR/a.tar"
  is "$status" 1
  is "$(grep -o 'layer: Loading layer'$'\r' <<<"$output" | wc -l)" 256
}
