#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The command line itself: help, what is refused and how, listings, --format, completion, the manual page.

load lib

file_teardown() { hoy rmi base >/dev/null 2>&1 || true; }

@test "hoy alone, help, and a group print what there is" {
  contains "$(hoy)" 'Usage:  hoy [OPTIONS] COMMAND'
  is "$(hoy)" "$(hoy --help)"
  is "$(hoy)" "$(hoy help)"
  contains "$(hoy container)" 'Usage:  hoy container COMMAND'
  contains "$(hoy container)" '  ls '
  contains "$(hoy image --help)" '  rm '
  is "$(hoy help run)" "$(hoy run --help)"
  is "$(hoy ps --help=true)" "$(hoy ps --help)"
  is "$(hoy ps -q --help=false)" "$(hoy ps -q)"
  expect 125 hoy run --help=perhaps base
  contains "$output" 'invalid argument "perhaps" for "--help" flag'
  contains "$(hoy container ls --help)" 'Usage:  hoy container ls [OPTIONS]'
  contains "$(hoy ps --help)" 'hoy container ls, hoy container list, hoy container ps, hoy ps'
  contains "$(hoy run --help)" 'Usage:  hoy run [OPTIONS] IMAGE [COMMAND] [ARG...]'
  matches "$(hoy --version)" '^hoy version [0-9.]+$'
}

@test "every command has help, and no line of it is wider than a terminal" {
  local command
  for command in $(hoy __complete '' | cut -f 1); do
    expect 0 hoy "$command" --help
    contains "$output" "Usage:  hoy $command"
    is "$(awk 'length($0) > 80 && !/^Usage:|^  hoy|^ +name=NAME,|^Attach local|^Create|^Show every/' <<<"$output" |
      grep -v '^  [a-z]' || true)" ''
  done
}

@test "what is unknown, missing or not there yet is said in a sentence" {
  expect 125 hoy ps --nonsense
  contains "$output" 'hoy: unknown flag: --nonsense'
  contains "$output" "See 'hoy ps --help'."
  expect 125 hoy run -Z base
  contains "$output" "hoy: unknown shorthand flag: 'Z' in -Z"
  expect 125 hoy run --name
  contains "$output" 'hoy: flag needs an argument: --name'
  expect 1 hoy run
  contains "$output" "hoy: 'hoy run' requires at least 1 argument"
  expect 1 hoy logs one two
  contains "$output" "hoy: 'hoy logs' requires 1 argument"
  expect 1 hoy nonsense
  contains "$output" 'hoy: unknown command: hoy nonsense'
  expect 1 hoy container nonsense
  contains "$output" 'hoy: unknown command: hoy container nonsense'
  expect 1 hoy build .
  contains "$output" 'hoy: hoy build is not supported yet'
  expect 1 hoy swarm init
  contains "$output" 'hoy: hoy swarm is not supported yet'
  expect 1 hoy network create --ingress net
  contains "$output" 'hoy: --ingress is not supported: '
  expect 125 hoy start --checkpoint one two
  contains "$output" 'hoy: --checkpoint is not supported: hoy-runtime restore'
  expect 125 hoy volume create --availability drain vol
  contains "$output" "hoy: --availability is not supported: it is about the volumes of a Docker swarm's cluster"
  expect 125 hoy -H tcp://somewhere ps
  contains "$output" 'hoy: --host is not supported: hoy works on this machine itself, and talks to no daemon'
  expect 125 hoy rmi --no-prune base
  contains "$output" 'hoy: --no-prune is not supported: no image has parents'
  expect 125 hoy push --disable-content-trust=false base
  contains "$output" 'hoy has no Notary'
}

@test "the arguments of run's flags are checked before anything is made" {
  local flag
  for flag in -v=a:b -v=/a:/ -v=/a:/b:what -v=a:/b:ro,rw -v=/a:/b:shared,private -v=a:/b:z,ro,Z --mount=type=bind,dst=/a --mount=type=volume,dst=/a,volume-driver=x \
    --tmpfs=here --ulimit=nofile --ulimit=nofile=2:1 --sysctl=kernel.core_pattern=x --add-host=a \
    --add-host=a:b --dns=name --dns-search=-x --dns-search=a..b --dns-search=1 '-l= ' --cpus=1,5 -m=1q --device-read-bps=sda:1 --cap-add=FLY --security-opt=what \
    --security-opt=seccomp=/no/such/file --network=container: --restart=maybe --pull=maybe --stop-signal=NO \
    -a=stdlog -w=relative --env-file=/no/such/file -e==x -l==x --detach-keys=ctrl-1 --pids-limit=many; do
    expect 125 hoy run --rm "$flag" base true
    contains "$output" 'hoy: invalid argument'
  done
  expect 125 hoy run --rm --network mine base true
  is "$output" 'hoy: network mine not found'
  expect 125 hoy run --rm -m 1m base true
  one_sentence "$output"
  expect 125 hoy run --rm --memory-swap 64m base true
  one_sentence "$output"
  expect 125 hoy run --rm -v /tmp:/x --tmpfs /x/ base true
  contains "$output" 'duplicate mount point'
  expect 125 hoy run -d -a stdout base true
  one_sentence "$output"
  is "$(hoy ps -aq)" ''
}

# odd OPTION VALUE TAKEN...: the option takes the value if it is one of those, or refuses it by a name.
odd() {
  local option=$1 value=$2 taken said code=0 should=1
  for taken in "${@:3}"; do [[ $taken != "$value" ]] || should=0; done
  # A network goes by the beginning of its id as well.
  if [[ $option == --network && $value ]] && hoy network ls -q | grep -q "^$value"; then should=0; fi
  said=$("$HOY" create "$option=$value" base true 2>&1 </dev/null) || code=$?
  if ((!code)); then hoy rm "${said##*$'\n'}" >/dev/null; fi
  echo "$option='$value' ended with $code: $said"
  ((!code == !should)) || return 1
  ((code)) || return 0
  ((code == 1 || code == 125)) && [[ $said == 'hoy: '* ]] || return 1
  [[ $value && $said == *"$value"* ]] || grep -qiE "$(sed "s/^--//; s/-/|/g" <<<"$option")" <<<"$said" || return 1
  is "$(grep -vc '^See .hoy create --help' <<<"$said")" 1
}

@test "every option of run, with words that are odd: taken as by Docker, or refused by name" {
  local option value line words
  cd "$BATS_TEST_TMPDIR"
  while read -r line; do
    eval "words=($line)"
    option=${words[0]}
    for value in '' ' ' -1 0 99999999999999999999 nonsense a=b=c /../.. : ','; do odd "$option" "$value" "${words[@]:1}"; done
    rm -f ./*
  done < <(grep '^--' "$BATS_TEST_DIRNAME/flag-values")
  is "$(grep -o '^--[a-z0-9-]*' "$BATS_TEST_DIRNAME/flag-values")" \
    "$(hoy run --help | grep -oE '^ +(-., )?--[a-z0-9-]+ [a-z]' | grep -oE -- '--[a-z0-9-]+')"
}

@test "an empty value of these is none, as with Docker" {
  expect 0 hoy run --rm --pull '' --platform '' --log-driver '' --volume-driver '' --stop-signal '' --mac-address '' --ip '' \
    --ip6 '' base true
  expect 125 hoy run --rm --memory '' base true
}

@test "names of ten thousand characters are refused for their length" {
  local long command
  long=$(printf 'x%.0s' {1..10000})
  for command in "run --rm --name $long base true" "volume create $long" "network create $long"; do
    # shellcheck disable=SC2086 # words
    run hoy $command
    ((status == 1 || status == 125))
    one_sentence "$output"
    contains "$output" 'xxxxxxxx…'
    contains "$output" 'is longer than 255 characters'
    ((${#output} < 150))
  done
  for command in inspect logs rm stop why; do
    run hoy $command "$long"
    is "$status" 1
    contains "$output" 'No such'
  done
  expect 127 hoy run --rm base "$long"
  expect 125 hoy run --rm -h "$long" base true
  is "$(hoy run --rm -e "A=$long" -l "$long=1" base sh -c 'echo ${#A}')" 10000
}

@test "management forms do what the short ones do" {
  hoy container create --name form base true >/dev/null
  is "$(hoy container ls -aq)" "$(hoy ps -aq)"
  is "$(hoy image ls -q)" "$(hoy images -q)"
  is "$(hoy container inspect -f '{{.Id}}' form)" "$(hoy inspect -f '{{.Id}}' form)"
  is "$(hoy container start -a form)" ''
  is "$(hoy container rm form)" form
}

@test "ps: columns, filters, templates" {
  hoy create --name one -l tier=front -l x base sh -c 'a "quoted" and long command line' >/dev/null
  hoy run --name two -l tier=back base sh -c 'exit 3' || true
  is "$(hoy ps -a | head -1 | tr -s ' ')" 'CONTAINER ID IMAGE COMMAND CREATED STATUS PORTS NAMES'
  matches "$(hoy ps -a)" 'base +"sh -c .a \\"quoted\\" a…" .* Created +one'
  matches "$(hoy ps -a)" 'base +"sh -c .exit 3." .* Exited \(3\) [A-Za-z0-9 ]+ ago +two'
  contains "$(hoy ps -a --no-trunc)" '"sh -c '\''a \"quoted\" and long command line'\''"'
  is "$(hoy ps -q)" ''
  is "$(hoy ps -a --format '{{.Names}}')" $'two\none'
  is "$(hoy ps -a -f name=one --format '{{.Names}} {{.State}} {{.Image}}')" 'one created base'
  is "$(hoy ps -a -f label=tier --format '{{.Names}}')" $'two\none'
  is "$(hoy ps -a -f label=tier=front -f label=x --format '{{.Names}}')" one
  is "$(hoy ps -f status=exited --format '{{.Names}}')" two
  is "$(hoy ps -a -f exited=3 --format '{{.Names}}')" two
  is "$(hoy ps -a -f ancestor=base:latest -f name=two --format '{{.Names}}')" two
  is "$(hoy ps -l --format '{{.Names}}')" two
  is "$(hoy ps -n 2 -q | wc -l)" 2
  is "$(hoy ps -a --format 'table {{.Names}}\t{{.State}}')" $'NAMES     STATE\ntwo       exited\none       created'
  is "$(hoy ps -a --format json | python3 -c 'import json, sys; print([json.loads(l)["Names"] for l in sys.stdin])')" \
    "['two', 'one']"
  expect 125 hoy ps -f volume
  contains "$output" "bad format of filter (expected name=value)"
  hoy rm one two >/dev/null
}

@test "inspect: templates, several, what is not there" {
  hoy create --name look -l a=1 -e K=V --network none base sleep 9 >/dev/null
  is "$(hoy inspect -f '{{.Name}} {{.Path}} {{.Args}} {{.State.Running}}' look)" '/look sleep [9] false'
  is "$(hoy inspect -f '{{index .Config.Labels "a"}} {{len .Args}} {{json .Args}}' look)" '1 1 ["9"]'
  is "$(hoy inspect -f '{{range .Config.Env}}{{println .}}{{end}}' look | grep K=)" K=V
  is "$(hoy inspect -f '{{if .State.Running}}up{{else}}down{{end}}' look)" down
  is "$(hoy inspect -f '{{.RepoTags}}' base)" '[base:latest]'
  expect 1 hoy inspect -f '{{.Nonsense}}' look
  contains "$output" 'map has no entry for key "Nonsense"'
  expect 64 hoy inspect -f '{{nonsense .Id}}' look
  contains "$output" 'hoy: template parsing error: template: :1: function "nonsense" not defined'
  run hoy inspect look nobody
  is "$status" 1
  contains "$output" '"Name": "/look"'
  contains "$output" 'hoy: No such object: nobody'
  expect 1 hoy inspect --type image look
  contains "$(hoy inspect -s base 2>&1 >/dev/null)" 'WARNING: --size ignored for image'
  is "$(hoy inspect -s -f '{{.SizeRw}}' look 2>&1)" 0
  for nobody in '' 'No Body' a//b; do
    run hoy inspect "$nobody"
    is "$status $output" $'1 []\nhoy: No such object: '"$nobody"
  done
  hoy inspect look base | python3 -c 'import json, sys; assert len(json.load(sys.stdin)) == 2'
  hoy rm look >/dev/null
}

@test "several names: what works is done, what does not is said, the code is 1" {
  hoy create --name here base true >/dev/null
  run hoy rm nobody here neither
  is "$status" 1
  is "$output" $'hoy: No such container: nobody\nhere\nhoy: No such container: neither'
  expect 0 hoy rm -f nobody
}

@test "--cidfile is written, and never over" {
  local file=$BATS_TEST_TMPDIR/cid id
  id=$(hoy create --cidfile "$file" base true)
  is "$(<"$file")" "$id"
  expect 125 hoy run --rm --cidfile "$file" base true
  one_sentence "$output"
  is "$(<"$file")" "$id"
  hoy rm "$id" >/dev/null
  expect 125 hoy run --rm --cidfile "$file.new" --pull never nobody/knows true
  [[ ! -e $file.new ]]
}

@test "-a takes the streams that are named" {
  is "$(hoy run --rm -a stdout base sh -c 'echo out; echo err >&2' 2>&1)" out
  is "$(hoy run --rm -a stderr base sh -c 'echo out; echo err >&2' 2>&1)" err
  is "$(echo in | hoy run --rm -a stdin -a stdout base cat)" in
}

@test "a reader that goes away ends it quietly" {
  is "$(hoy run --rm base yes 2>&1 | head -1)" y
  is "$(hoy --help 2>&1 | head -1)" 'Usage:  hoy [OPTIONS] COMMAND'
  is "$(hoy explain base 2>&1 | head -1 | cut -c 1-4)" side
}

@test "a full device for the output is an error" {
  run -1 bash -c '"$HOY" version >/dev/full'
  contains "$output" 'hoy: write to standard output: No space left on device'
  hoy save -o "$BATS_TEST_TMPDIR/base.tar" base
  run -1 bash -c '"$HOY" load -i "$1" >/dev/full' bash "$BATS_TEST_TMPDIR/base.tar"
  is "$output" 'hoy: write to standard output: a part of it could not be written'
}

@test "completion knows commands, options, their values, containers and images" {
  completes() { hoy __complete "$@" | cut -f 1 | tr '\n' ' '; }
  hoy create --name complete-me base true >/dev/null
  contains " $(completes '')" ' run '
  is "$(completes ru)" 'run '
  is "$(completes container st)" 'start stats stop '
  is "$(completes run --netw)" '--network --network-alias '
  is "$(completes run --network '')" 'bridge none host container: '
  is "$(completes run --network=h)" '--network=host '
  is "$(completes run base --network=h)" ''
  is "$(completes --storage-driver '')" 'erofs dir '
  is "$(completes rm comp)" 'complete-me '
  is "$(completes run --rm --name x ba)" 'base:latest '
  is "$(completes run base --he)" ''
  is "$(completes completion '')" 'bash zsh fish '
  bash -n <(hoy completion bash)
  is "$(PATH=$(dirname "$HOY"):$PATH bash -c 'source <(hoy completion bash)
    COMP_WORDS=(hoy rm comp) COMP_CWORD=2; _hoy; echo "${COMPREPLY[*]}"')" complete-me
  expect 1 hoy completion csh
  one_sentence "$output"
  hoy rm complete-me >/dev/null
}

@test "the manual page has every command and option, and is sound" {
  local page=$BATS_TEST_TMPDIR/hoy.1
  hoy __manual >"$page"
  contains "$(<"$page")" '.SS "hoy run [OPTIONS] IMAGE [COMMAND] [ARG...]"'
  contains "$(<"$page")" '\fB\-\-memory\-swap\fR'
  expect 1 grep -n '\.\.$' "$page"
  # Whatever hoy reads of its environment.
  local variable variables
  variables=$(strings "$HOY" | grep -ox 'HOY_[A-Z_]*' | sort -u)
  contains "$variables" HOY_ROOT
  for variable in $variables; do contains "$(<"$page")" "\\fB$variable\\fR"; done
  if type -P groff >/dev/null; then is "$(groff -man -ww -z "$page" 2>&1)" ''; fi
}
