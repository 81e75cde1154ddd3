#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# events: what happened and what happens, whoever listens.

load lib
load tmux

# shellcheck disable=SC2034 # read by past
test_setup() { START=$(date +%s.%N); }

test_teardown() { terminal_stop; }

# past [OPTION...]: what happened since the test began, "action attribute" a line.
past() { hoy events --since "$START" --until 0s "$@"; }
actions() { past -f type=container --format '{{.Action}}' "$@" | paste -sd' '; }
# follow FILE [OPTION...]: listens in the background, from now on; PID is the listener's.
follow() {
  local file=$1
  shift
  "$HOY" events "$@" >"$file" 2>&1 3>&- &
  PID=$!
  eventually 10 listens "$PID"
}
listens() { grep -qs inotify "/proc/$1"/fdinfo/*; }

@test "the life of a container, in Docker's order" {
  hoy run --rm --name life base true
  is "$(actions -f container=life)" 'create attach start die destroy'
}

@test "a line of text, a JSON message, a template" {
  hoy create --name said -l k=v -l a=b base
  hoy rm said
  matches "$(past -f event=create)" \
    '^20[0-9-]{8}T[0-9:]{8}\.[0-9]{9}Z container create [0-9a-f]{64} \(a=b, image=base, k=v, name=said, org\.'
  past -f event=create --format '{{json .}}' >"$BATS_TEST_TMPDIR/json"
  past -f event=create --format json | diff - "$BATS_TEST_TMPDIR/json"
  is "$(jq -r 'keys_unsorted | join(" ")' "$BATS_TEST_TMPDIR/json")" 'status id from Type Action Actor scope time timeNano'
  is "$(jq -r '.status, .from, .Type, .Action, .scope, .Actor.Attributes.k' "$BATS_TEST_TMPDIR/json" | paste -sd' ')" \
    'create base container create local v'
  is "$(jq '.time == (.timeNano / 1e9 | floor) and .id == .Actor.ID' "$BATS_TEST_TMPDIR/json")" true
  is "$(past -f event=destroy --format 'Type={{.Type}} Status={{.Status}} From={{.From}} {{.Actor.Attributes.name}}')" \
    'Type=container Status=destroy From=base said'
  expect 1 hoy events --since 1 --until 0s --format '{{.Nope}}'
}

@test "local time, with its offset" {
  hoy create --name zone base
  hoy rm zone
  matches "$(TZ=UTC-5:30 past -f event=create)" 'T[0-9:]{8}\.[0-9]{9}\+05:30 container create '
}

@test "every action, with what it says" {
  hoy run -d --name many base sleep 1000
  hoy pause many
  hoy unpause many
  hoy rename many more
  run hoy exec more sh -c 'exit 4'
  hoy top more
  hoy export more >/dev/null
  hoy commit -m 'a comment' more committed:1
  hoy kill -s USR1 more
  hoy restart -t 0 more
  hoy stop -t 0 more
  hoy rm more
  is "$(actions -f container="$(past -f event=rename --format '{{.ID}}')")" \
    "create start pause unpause rename exec_create: sh -c exit 4 exec_start: sh -c exit 4 exec_die top export commit kill \
kill kill die stop start restart kill kill die stop destroy"
  is "$(past -f event=exec_die --format '{{.Actor.Attributes.exitCode}}')" 4
  is "$(past -f event=rename --format '{{.Actor.Attributes.oldName}} {{.Actor.Attributes.name}}')" '/many more'
  # Its shim has learnt the new name.
  is "$(past -f event=die --format '{{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}' | sort -u)" 'more 137'
  is "$(past -f event=kill --format '{{.Actor.Attributes.signal}}' | paste -sd' ')" '10 15 9 15 9'
  is "$(past -f event=commit --format '{{.Actor.Attributes.comment}} {{.Actor.Attributes.imageRef}}')" 'a comment committed:1'
  hoy rmi committed:1
}

@test "images" {
  local id
  hoy pull -q "$REGISTRY/tiny:1"
  id=$(hoy inspect -f '{{.Id}}' "$REGISTRY/tiny:1")
  hoy tag "$REGISTRY/tiny:1" other:2
  hoy save -o "$BATS_TEST_TMPDIR/tar" other:2
  hoy rmi other:2
  hoy rmi "$REGISTRY/tiny:1"
  hoy load -qi "$BATS_TEST_TMPDIR/tar"
  hoy rmi other:2
  is "$(past -f type=image --format '{{.Action}}' | paste -sd' ')" 'pull tag save untag untag untag delete load untag delete'
  is "$(past -f event=pull --format '{{.ID}} {{.Actor.Attributes.name}}')" "$REGISTRY/tiny:1 $REGISTRY/tiny"
  is "$(past -f event=tag --format '{{.ID}} {{.Actor.Attributes.name}}')" "$id other:2"
  is "$(past -f event=load --format '{{.ID}} {{.Actor.Attributes.name}}')" "$id $id"
}

@test "resize: a terminal has another size" {
  terminal_start
  text "exec $HOY run -it --rm --name sized base sh"
  shows '/ # ?$'
  tm resize-window -x 70 -y 20
  eventually 20 was_resized
  text exit
  eventually 20 hoy_is_gone
}
was_resized() { past -f event=resize --format '{{.Actor.Attributes.width}}x{{.Actor.Attributes.height}}' | grep -qx 70x20; }
hoy_is_gone() { [[ -z $(hoy ps -aq) ]]; }

@test "attach and detach" {
  hoy run -dit --name held base sh
  terminal_start
  text "$HOY attach held"
  eventually 20 heard attach
  keys C-p
  keys C-q
  eventually 20 heard detach
  hoy rm -f held
}
heard() { past -f "event=$1" -f container=held | grep -q "$1"; }

@test "die is written though nobody listens, and oom when it happens" {
  local id
  id=$(hoy run -d --name alone base sh -c 'read x; exit 5')
  eventually 10 died
  is "$(past -f event=die --format '{{.ID}} {{.Actor.Attributes.exitCode}}')" "$id 5"
  hoy rm alone
  hoy run --rm --name second base sleep 1
  is "$(past -f event=die -f container=second --format '{{.Actor.Attributes.execDuration}}')" 1
  hoy run -d --name hungry -m 20m --memory-swap 20m base sh -c 'dd if=/dev/zero of=/dev/shm/f bs=1M count=60; exec sleep 1000'
  eventually 10 was_hungry
  is "$(field hungry .State.Running)" true
  hoy rm -f hungry
  # One killing is one event, or two where the kernel tells of it before and after, whoever else wanted memory.
  hoy run --rm --name greedy -m 16m base sh -c 'x=$(yes | head -c 100000000); echo $x | wc' || true
  (($(past -f event=oom -f container=greedy | wc -l) <= 2))
}
died() { past -f event=die -f container=alone | grep -q die; }
was_hungry() { past -f event=oom -f container=hungry | grep -q oom; }

@test "a shim that was killed: whoever finds that says so" {
  hoy run -d --name lost base sleep 1000
  kill -KILL "$(ps -o ppid= -p "$(field lost .State.Pid)")"
  eventually 10 gone
  is "$(past -f event=die --format '{{.Actor.Attributes.exitCode}}')" 137
  hoy rm lost
}
gone() { [[ $(hoy ps -q) == '' ]]; }

@test "--rm, detached: destroyed by itself" {
  hoy run -d --rm --name brief base true
  eventually 10 destroyed
  is "$(actions -f container=brief)" 'create start die destroy'
}
destroyed() { past -f event=destroy -f container=brief | grep -q destroy; }

@test "following: each at once, from now on, until a moment" {
  hoy run --rm --name before base true
  follow "$BATS_TEST_TMPDIR/followed" -f type=container --format '{{.Action}} {{.Actor.Attributes.name}}'
  hoy run --rm --name after base true
  wait_line "$BATS_TEST_TMPDIR/followed" 'destroy after'
  kill "$PID"
  ends_with 143 "$PID"
  is "$(paste -sd, "$BATS_TEST_TMPDIR/followed")" 'create after,attach after,start after,die after,destroy after'
  follow "$BATS_TEST_TMPDIR/until" -f type=container --since 0s --until "$(date -d '+2 seconds' +%s.%N)" --format '{{.Action}}'
  hoy create --name late base
  ends_with 0 "$PID"
  is "$(cat "$BATS_TEST_TMPDIR/until")" create
  hoy rm late
}

@test "filters" {
  hoy create --name one -l color=red base
  hoy create --name two -l color=blue base
  hoy rm one two
  name() { past --format '{{.Action}} {{.Actor.Attributes.name}}' "$@" | paste -sd,; }
  is "$(name -f container=one)" 'create one,destroy one'
  is "$(name -f container=one -f container=two -f event=create)" 'create one,create two'
  is "$(name -f event=create -f event=destroy -f label=color=blue)" 'create two,destroy two'
  is "$(name -f label=color -f event=destroy)" 'destroy one,destroy two'
  is "$(name -f label=color -f label=color=red -f event=destroy)" 'destroy one'
  is "$(name -f image=base -f event=create)" 'create one,create two'
  is "$(name -f image=other)" ''
  is "$(name -f type=volume)" ''
  is "$(name -f scope=swarm)" ''
  is "$(name -f scope=local -f event=create -f container=one)" 'create one'
}

@test "an event that can't be printed, or read, is told of and ends it" {
  follow "$BATS_TEST_TMPDIR/said" --format '{{index .Actor.Attributes 3}}'
  hoy volume create data >/dev/null
  hoy volume rm data >/dev/null
  ends_with 1 "$PID"
  matches "$(<"$BATS_TEST_TMPDIR/said")" '^hoy: template: .*error calling index'
  local n call usual
  usual=$(past)
  for call in read:error=EIO newfstatat:error=EIO openat:error=EMFILE; do
    for n in {1..15}; do
      run strace -qq -o /dev/null -e trace="${call%%:*}" -e "inject=$call:when=$n" \
        "$HOY" events --since "$START" --until "$(date -d '0.1 seconds' +%s.%N)"
      ((status == 0)) || { one_sentence "${lines[-1]}" && continue; }
      is "$call $n: $output" "$call $n: $usual"
    done
  done
}

@test "what is wrong on the command line" {
  expect 125 hoy events -f event
  contains "$output" 'bad format of filter (expected name=value)'
  expect 1 hoy events -f nope=x
  contains "$output" "invalid filter 'nope'"
  expect 1 hoy events --since yesterday
  contains "$output" yesterday
  expect 1 hoy events --since 20 --until 10
  contains "$output" '`since` time (20) cannot be after `until` time (10)'
  expect 1 hoy events extra
}

@test "many write at once: no line is lost, none is mixed" {
  local writers=()
  for writer in 1 2 3 4 5 6; do
    (for _ in {1..20}; do "$HOY" tag base "busy:$writer"; done) 3>&- &
    writers+=($!)
  done
  wait "${writers[@]}"
  is "$(past -f event=tag | wc -l)" 120
  jq -es length "$HOY_ROOT/events" >/dev/null
  hoy rmi busy:1 busy:2 busy:3 busy:4 busy:5 busy:6
}

@test "a long file makes room, and who follows goes on" {
  local size
  follow "$BATS_TEST_TMPDIR/followed" -f type=container --format '{{.Action}} {{.Actor.Attributes.name}}'
  hoy create --name early base
  # As if four megabytes had been written.
  yes "$(printf '%01000d' 0)" | head -n 4300 >>"$HOY_ROOT/events"
  hoy create --name turn base
  [[ -s $HOY_ROOT/events.1 && ! -s $HOY_ROOT/events ]]
  hoy create --name next base
  wait_line "$BATS_TEST_TMPDIR/followed" 'create next'
  kill "$PID"
  ends_with 143 "$PID"
  is "$(paste -sd, "$BATS_TEST_TMPDIR/followed")" 'create early,create turn,create next'
  is "$(past -f event=create --format '{{.Actor.Attributes.name}}' | paste -sd,)" early,turn,next
  size=$(stat -c %s "$HOY_ROOT/events")
  ((size > 0 && size < 2000))
  hoy rm early turn next
}

@test "a file that is taken away: who follows goes on" {
  follow "$BATS_TEST_TMPDIR/followed" -f type=container --format '{{.Action}} {{.Actor.Attributes.name}}'
  hoy create --name early base
  rm "$HOY_ROOT/events"
  eventually 10 test -e "$HOY_ROOT/events"
  hoy create --name next base
  wait_line "$BATS_TEST_TMPDIR/followed" 'create next'
  kill "$PID"
  ends_with 143 "$PID"
  is "$(paste -sd, "$BATS_TEST_TMPDIR/followed")" 'create early,create next'
  hoy rm early next
}

@test "rubbish in the file is nobody's failure" {
  hoy create --name sound base
  printf 'no JSON\n{"Type":1}\n[]\n{"timeNano":"x"}\n\0\n' >>"$HOY_ROOT/events"
  hoy rm sound
  is "$(actions)" 'create destroy'
}

@test "a full disk: the command works, and no half line stays" {
  local root=$BATS_TEST_TMPDIR/full
  hoy create --name full base
  mkdir "$root"
  mount -t tmpfs -o size=16k none "$root"
  mv "$HOY_ROOT/events" "$BATS_TEST_TMPDIR/events"
  head -c 12200 /dev/zero | tr '\0' '\n' >"$root/events"
  head -c 4000 /dev/zero >"$root/rest" || true
  touch "$HOY_ROOT/events"
  mount --bind "$root/events" "$HOY_ROOT/events"
  hoy rename full full2
  hoy rename full2 full3
  hoy rename full3 full4
  is "$(tail -c 1 "$HOY_ROOT/events" | od -An -c | tr -d ' ')" '\n'
  umount "$HOY_ROOT/events" "$root"
  mv "$BATS_TEST_TMPDIR/events" "$HOY_ROOT/events"
  hoy rm full4
}
