#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# pull, images, rmi: from a registry that serves, and from one that lies.

load lib

file_setup() {
  LIES_LOG=$BATS_FILE_TMPDIR/lies.log
  "$BATS_TEST_DIRNAME/lying-registry.py" "$LIES_LOG" >"$BATS_FILE_TMPDIR/port" 2>"$BATS_FILE_TMPDIR/lies.err" 3>&- 4>&- &
  LIES_PID=$!
  wait_line "$BATS_FILE_TMPDIR/port" '[0-9]'
  LIES=127.0.0.1:$(<"$BATS_FILE_TMPDIR/port")
  export LIES LIES_PID LIES_LOG
}

file_teardown() { kill "$LIES_PID"; }

# A test that fails in the middle is not the next one's business.
test_teardown() { hoy images -q --no-trunc | xargs -r "$HOY" rmi -f >/dev/null; }

# What a failed pull must leave: nothing. And the next command works.
nothing_left() {
  is "$(hoy images -q)" ''
  is "$(find "$HOY_ROOT"/{layers,images,tmp} -type f 2>/dev/null)" ''
  is "$(hoy run --rm base echo works)" works
  hoy rmi base >/dev/null
}

# lie NAME REGEX: the pull fails with one sentence that says so.
lie() {
  expect 1 hoy pull "$LIES/$1:1"
  one_sentence "${lines[-1]}"
  contains "$output" "$1"
  matches "$output" "$2"
  nothing_left
}

@test "Debian, run, removed" {
  expect 0 hoy pull "$REGISTRY/debian:12"
  contains "$output" 'Status: Downloaded newer image for'
  matches "$output" 'Digest: sha256:[0-9a-f]{64}'
  is "${lines[-1]}" "$REGISTRY/debian:12"
  expect 0 hoy pull "$REGISTRY/debian:12"
  contains "$output" 'Image is up to date'
  is "$(hoy run --rm "$REGISTRY/debian:12" bash -c 'echo ${BASH_VERSION:0:1}')" 5
  is "$(hoy run --rm "$REGISTRY/debian:12" python3 -c 'print(6 * 7)')" 42
  contains "$(hoy run --rm "$REGISTRY/debian:12" apt list --installed 2>/dev/null)" bash/
  expect 0 hoy rmi "$REGISTRY/debian:12"
  contains "$output" Untagged:
  contains "$output" Deleted:
  nothing_left
}

@test "images, image inspect, by tag, id and digest" {
  hoy pull -q "$REGISTRY/tiny:1"
  matches "$(hoy images)" 'REPOSITORY +TAG +IMAGE ID +CREATED +SIZE'
  matches "$(hoy images)" "$REGISTRY/tiny +1 +[0-9a-f]{12} "
  local id digest
  id=$(hoy images -q --no-trunc)
  matches "$id" '^sha256:[0-9a-f]{64}$'
  is "$(hoy image inspect "${id:7:12}" | jq -r '.[0].Id')" "$id"
  digest=$(hoy image inspect "$REGISTRY/tiny:1" | jq -r '.[0].RepoDigests[0]')
  matches "$digest" "^$REGISTRY/tiny@sha256:"
  is "$(hoy run --rm "$digest" echo by digest)" 'by digest'
  is "$(hoy run --rm "${id:7:10}" echo by id)" 'by id'
  is "$(hoy image inspect "$REGISTRY/tiny:1" | jq -r '.[0].Os')" linux
  hoy rmi "$REGISTRY/tiny:1"
  hoy pull -q "$digest"
  hoy rmi "$digest"
  nothing_left
}

# What layers:1 must look like, whoever unpacked it.
look_at_layers() {
  look() { hoy run --rm --entrypoint sh -u 0 "$image" -c "$words"; }
  image=$1
  words='cd /; cat data/kept data/changed data/tree/back; (cd data && printf "%s\n" *); ls opaque; cat becomes-file; ls becomes-directory'
  is "$(look)" $'kept\nnew\nback again\nañejo ünïcode\nchanged\nkept\ntree\nupper\na file now\ninside'
  words='stat -c "%a %u %g" /setuid /owned /big-ids; stat -c %h /linked/one /linked/three'
  is "$(look)" $'4755 0 0\n640 1000 2000\n644 3000000000 2500000000\n2\n2'
  words='[ /linked/one -ef /linked/two ] && [ /linked/three -ef /data/tree/back ] && echo same'
  is "$(look)" same
  words='readlink /absolute-link; readlink /dangling; cat /absolute-link; [ -p /fifo ] && stat -c %s /empty /megabyte; md5sum </megabyte'
  is "$(look)" "/data/kept
nowhere
kept
0
1048576
$(python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 4096)' | md5sum)"
  words='cat /long-*; cat /deep*/*/*/*/*/*/*/*/*/*/*/*/file; ls /.wh* /data/.wh* 2>/dev/null | wc -l'
  is "$(look)" $'long name\ndeep\n0'
}

@test "layers: whiteouts, opaque directories, links, modes, long names" {
  hoy pull -q "$REGISTRY/layers:1"
  look_at_layers "$REGISTRY/layers:1"
  hoy rmi "$REGISTRY/layers:1"
  nothing_left
}

@test "layers, with the dir driver" {
  HOY_ROOT=$BATS_TEST_TMPDIR/root
  hoy --storage-driver dir pull -q "$REGISTRY/layers:1"
  look_at_layers "$REGISTRY/layers:1"
  hoy rmi "$REGISTRY/layers:1"
}

@test "xattrs arrive, the overlay's own do not" {
  hoy run -d --name holder --entrypoint sleep "$REGISTRY/layers:1" 600
  local root
  root=/proc/$(field holder .State.Pid)/root
  is "$(getfattr --only-values -n user.colour "$root/xattr")" blue
  expect 1 getfattr -n trusted.overlay.opaque "$root/xattr"
  hoy rm -f holder
  hoy rmi "$REGISTRY/layers:1"
}

@test "zstd layers are the same image" {
  hoy pull -q "$REGISTRY/zstd:1"
  look_at_layers "$REGISTRY/zstd:1"
  hoy rmi "$REGISTRY/zstd:1"
}

@test "an index: this machine's platform, or the one asked for" {
  hoy pull -q "$REGISTRY/multi:1"
  matches "$(hoy run --rm "$REGISTRY/multi:1" cat /text)" "I am $(dpkg --print-architecture)"
  hoy rmi "$REGISTRY/multi:1"
  hoy pull -q --platform linux/arm64 "$REGISTRY/multi:1"
  is "$(hoy image inspect "$REGISTRY/multi:1" | jq -r '.[0].Architecture')" arm64
  hoy rmi "$REGISTRY/multi:1"
  export DOCKER_DEFAULT_PLATFORM=linux/arm64
  hoy pull -q "$REGISTRY/multi:1"
  is "$(hoy image inspect "$REGISTRY/multi:1" | jq -r '.[0].Architecture')" arm64
  hoy rmi "$REGISTRY/multi:1"
  hoy create --name user "$REGISTRY/multi:1"
  is "$(hoy image inspect "$REGISTRY/multi:1" | jq -r '.[0].Architecture')" arm64
  hoy rm user
  DOCKER_DEFAULT_PLATFORM=linux/s390x expect 125 hoy run --rm "$REGISTRY/multi:1"
  contains "$output" linux/s390x
  hoy pull -q --platform linux/amd64 "$REGISTRY/multi:1"
  is "$(hoy image inspect "$REGISTRY/multi:1" | jq -r '.[0].Architecture')" amd64
  hoy images -q | xargs "$HOY" rmi -f
  for command in pull create run; do
    DOCKER_DEFAULT_PLATFORM=a/b/c/d run hoy "$command" "$REGISTRY/multi:1"
    [[ $status != 0 ]]
    contains "$output" 'DOCKER_DEFAULT_PLATFORM: "a/b/c/d" is an invalid platform'
  done
  unset DOCKER_DEFAULT_PLATFORM
  expect 1 hoy pull --platform linux/s390x "$REGISTRY/multi:1"
  contains "$output" s390x
  nothing_left
}

@test "layers that images share are stored once" {
  hoy pull -q "$REGISTRY/tiny:1"
  local before
  before=$(find "$HOY_ROOT/layers" -type f | wc -l)
  hoy pull -q "$REGISTRY/nocmd:1"
  is "$(find "$HOY_ROOT/layers" -type f | wc -l)" "$before"
  hoy rmi "$REGISTRY/tiny:1"
  is "$(hoy run --rm "$REGISTRY/nocmd:1" echo still)" still
  hoy rmi "$REGISTRY/nocmd:1"
  nothing_left
}

@test "an image in use stays" {
  hoy create --name user "$REGISTRY/tiny:1" true
  expect 1 hoy rmi "$REGISTRY/tiny:1"
  contains "$output" 'is using'
  hoy rm user
  hoy rmi "$REGISTRY/tiny:1"
}

@test "run pulls what is missing; --pull never and always" {
  expect 125 hoy run --rm --pull never "$REGISTRY/tiny:1" true
  expect 0 hoy run --rm "$REGISTRY/tiny:1" echo pulled
  contains "$output" 'Unable to find image'
  matches "${lines[-2]}" '^Status: '
  is "${lines[-1]}" pulled
  expect 0 hoy run --rm --pull always "$REGISTRY/tiny:1" true
  contains "$output" 'up to date'
  hoy rmi "$REGISTRY/tiny:1"
}

@test "a name that is none, a registry that is not there" {
  for name in UPPER a//b 'sp ace' x:y:z host:port/x @sha256:12 ''; do
    expect 1 hoy pull "$name"
    one_sentence "${lines[-1]}"
  done
  expect 1 hoy pull 127.0.0.1:1/x
  contains "$output" '127.0.0.1:1'
  expect 1 hoy pull "$REGISTRY/tiny:nowhere"
  contains "$output" nowhere
  expect 1 hoy pull "$REGISTRY/nowhere"
  nothing_left
}

@test "basic and bearer credentials from config.json" {
  mkdir -p "$HOME/.docker"
  for name in basic bearer; do
    rm -f "$HOME/.docker/config.json"
    expect 1 hoy pull "$LIES/$name:1"
    printf '{"auths":{"%s":{"auth":"%s"}}}' "$LIES" "$(printf user:secret | base64)" >"$HOME/.docker/config.json"
    expect 0 hoy pull "$LIES/$name:1"
    hoy rmi "$LIES/$name:1"
  done
  printf '{"auths":{"%s":{"auth":"%s"}}}' "$LIES" "$(printf user:wrong | base64)" >"$HOME/.docker/config.json"
  expect 1 hoy pull "$LIES/basic:1"
  lacks "$output" wrong
  # Of a part of the registry there are others: its own go first, wherever they stand.
  local good bad
  good=$(printf user:secret | base64) bad=$(printf user:wrong | base64)
  for text in "\"$LIES\":{\"auth\":\"$good\"},\"$LIES/other\":{\"auth\":\"$bad\"}" \
    "\"$LIES/other\":{\"auth\":\"$bad\"},\"http://$LIES/v1/\":{\"auth\":\"$bad\"},\"$LIES\":{\"auth\":\"$good\"}"; do
    echo "{\"auths\":{$text}}" >"$HOME/.docker/config.json"
    expect 0 hoy pull "$LIES/basic:1"
    hoy rmi "$LIES/basic:1"
  done
  hoy logout "$LIES"
  is "$(jq -r '.auths | keys[]' "$HOME/.docker/config.json")" "$LIES/other"
  # Another registry's credentials are not sent.
  : >"$LIES_LOG"
  printf '{"auths":{"other.example":{"auth":"%s"}}}' "$(printf user:secret | base64)" >"$HOME/.docker/config.json"
  expect 1 hoy pull "$LIES/basic:1"
  lacks "$(<"$LIES_LOG")" Basic
  # Nothing in it is as good as no file.
  echo >"$HOME/.docker/config.json"
  expect 0 hoy pull "$LIES/good:1"
  hoy rmi "$LIES/good:1"
  rm "$HOME/.docker/config.json"
  nothing_left
}

@test "the lying registry's truth" {
  for name in good plain foreign chunked entry entry-unsaid; do
    expect 0 hoy pull "$LIES/$name:1"
    hoy rmi "$LIES/$name:1"
  done
  nothing_left
}

@test "pull --all-tags, page by page" {
  expect 0 hoy pull --all-tags "$LIES/tagged"
  contains "$output" 't2b: Pulling from tagged'
  is "${lines[-2]}" "Status: Downloaded newer image for $LIES/tagged"
  is "${lines[-1]}" "$LIES/tagged"
  is "$(hoy images --format '{{.Tag}}' "$LIES/tagged" | sort | xargs)" 't0a t0b t1a t1b t2a t2b'
  expect 0 hoy pull -a "$LIES/tagged"
  is "${lines[-2]}" "Status: Image is up to date for $LIES/tagged"
  expect 1 hoy pull -a "$LIES/tagged:t0a"
  contains "$output" "tag can't be used with --all-tags/-a"
  expect 1 hoy pull -a "$LIES/nowhere"
  contains "${lines[-1]}" 'repository'
  hoy rmi -f "$(hoy images -q)"
  nothing_left
}

@test "lies: bytes that are not what the digest says" { lie flipped 'digest'; }
@test "lies: a diff id of something else" { lie diff-id 'diff|digest'; }
@test "lies: a blob cut off" { lie truncated '.'; }
@test "lies: a blob too short" { lie short '.'; }
@test "lies: a blob too long" { lie long '.'; }
@test "lies: a blob without an end" { lie endless '.'; }
@test "lies: a size too small" { lie size-small '.'; }
@test "lies: a size of 2^60" { lie size-huge '.'; }
@test "lies: a negative size" { lie size-negative '.'; }
@test "lies: redirects in a circle" { lie circle 'redirect'; }
@test "lies: a blob's redirects in a circle" { lie circle-blob 'redirect'; }
@test "lies: a page of HTML for a manifest" { lie html '.'; }
@test "lies: a page of HTML for a blob" { lie html-blob '.'; }
@test "lies: no manifest" { lie missing 'not found|unknown'; }
@test "lies: no blob" { lie missing-blob 'not found|404'; }
@test "lies: 500" { lie broken '500'; }
@test "lies: a manifest without an end" { lie endless-manifest '.'; }
@test "lies: a manifest that is two things" { lie ambiguous '.'; }
@test "lies: a manifest of another type than it says" { lie other-type 'calls itself'; }
@test "lies: an index that calls a manifest an index" { lie entry-index 'manifest.v1\+json, the index says .*index.v1\+json'; }
@test "lies: an index that does not say for what machine it is" {
  lie entry-unsaid-other 'actual: linux/s390x'
}
@test "lies: an index that calls OCI's manifest Docker's" { lie entry-docker 'the index says .*docker'; }
@test "lies: a layer of a type that is none" { lie type-unknown '"application/x-foo" is no type of a layer'; }
@test "lies: a layer that is encrypted" { lie type-encrypted 'encrypted" is no type of a layer'; }
@test "lies: a layer more than the config has" { lie one-more 'manifest has 2 layers, its config 1'; }
@test "lies: a foreign layer that is another" { lie foreign-flipped 'digest'; }
@test "lies: no answer, and one that does not come to an end" {
  export HOY_STALL_TIMEOUT=1
  lie silent 'does not answer: nothing came for 1 second( |$)'
  lie trickle 'stalls: less than a kilobyte a second for 1 second( |$)'
}
@test "lies: a way to log in that hoy does not have, and one that leads nowhere" {
  lie scheme-digest 'wants the authentication scheme Digest, which hoy does not speak'
  lie realm-empty 'wants a token, and does not say who gives it'
}
@test "lies: tags without an end" {
  expect 1 hoy pull -a "$LIES/tagged-endless"
  contains "${lines[-1]}" 'more than 10000 tags'
}
@test "lies: tags that are none" {
  expect 1 hoy pull -a "$LIES/tagged-badly"
  contains "${lines[-1]}" 'is no tag'
}
@test "lies: a layer more often than an image has layers" { lie ten-thousand 'lists 10000 parts'; }
@test "lies: a manifest of a gigabyte" { lie gigabyte 'a document of more than 4096 KiB'; }
@test "lies: an index that names itself" { lie itself 'its digest is'; }
@test "lies: a thousand indexes, one in the other" { lie nested 'too many other indexes'; }
@test "lies: a config that is HTML" { lie config-no-json 'config is invalid: it is not a JSON object'; }
@test "lies: a config that is another, and meanwhile a layer that does not come" { lie config-flipped 'wrong config'; }
@test "lies: half a JSON document" { lie no-json '.'; }
@test "lies: a digest that is a path" { lie bad-digest '.'; }
@test "lies: no diff ids" { lie no-diff-ids '.'; }
@test "lies: gzip that is none" { lie not-gzip '.'; }
@test "lies: a member of 2^60 bytes" { lie tar-huge '.'; }
@test "lies: a tar that ends in a member" { lie tar-truncated '.'; }
@test "lies: a tar that is none" { lie tar-garbage '.'; }

@test "lies: 64 GiB of zeros in 64 MiB" {
  lie gzip-bomb '.'
}

@test "lies stay lies when the store has the image that they are of" {
  hoy pull -q "$LIES/good:1"
  for name in size-small size-huge size-negative type-unknown type-encrypted one-more ambiguous other-type entry-index; do
    expect 1 hoy pull "$LIES/$name:1"
    one_sentence "${lines[-1]}"
    contains "${lines[-1]}" "$LIES/$name:1"
  done
  is "$(hoy images --digests --format '{{.Repository}}')" "$LIES/good"
  expect 0 hoy pull "$LIES/entry:1"
  hoy rmi -f "$(hoy images -q | head -n 1)"
  nothing_left
}

@test "an image for another machine that is in no index is taken as it is, unless another is asked for" {
  local own warning
  own=linux/$(dpkg --print-architecture)
  warning="WARNING: The requested image's platform (linux/s390x) does not match the detected host platform ($own) and no specific platform was requested"
  expect 1 hoy pull --platform "$own" "$LIES/other-machine:1"
  contains "$output" "does not match the specified platform: wanted $own, actual: linux/s390x"
  nothing_left
  expect 0 hoy create --name user "$LIES/other-machine:1"
  is "${lines[-2]}" "$warning"
  hoy rm user
  expect 0 hoy pull "$LIES/other-machine:1"
  expect 1 hoy pull --platform "$own" "$LIES/other-machine:1"
  hoy rmi "$LIES/other-machine:1"
  expect 0 hoy pull -aq "$LIES/other-machine"
  hoy rmi -f "$(hoy images -q | head -n 1)"
  nothing_left
}

@test "a layer that is listed twice comes once" {
  : >"$LIES_LOG"
  expect 0 hoy pull "$LIES/twice:1"
  is "$(grep -c ': Pulling fs layer' <<<"$output") $(grep -c ': Pull complete' <<<"$output")" '2 2'
  is "$(grep -c 'GET .*/blobs/' "$LIES_LOG")" 2 # the config's, and the layer's
  is "$(hoy image inspect "$LIES/twice:1" | jq -c '.[0].RootFS.Layers | [length, (unique | length)]')" '[2,1]'
  is "$(ls "$HOY_ROOT/layers" | wc -l)" 1
  # Its config does not say when it was made.
  is "$(hoy images --format '{{.CreatedSince}} {{.CreatedAt}}')" 'N/A N/A'
  matches "$(hoy system df -v)" 'twice +1 +[0-9a-f]{12} +N/A '
  expect 0 hoy image verify "$LIES/twice:1"
  hoy rmi "$LIES/twice:1"
  nothing_left
}

@test "a layer is asked for while the config comes, unless it is here" {
  expect 0 hoy pull -q "$LIES/together:1"
  is "$(ls "$HOY_ROOT/layers" | wc -l)" 1
  : >"$LIES_LOG"
  expect 0 hoy pull -q "$LIES/good-again:1"
  is "$(grep -c 'GET .*/blobs/' "$LIES_LOG")" 1 # the config's
  hoy rmi "$LIES/together:1" "$LIES/good-again:1" >/dev/null
  nothing_left
}

@test "an image that is here, but for another machine" {
  local own
  own=$(dpkg --print-architecture)
  local other=arm64
  [[ $own == arm64 ]] && other=amd64
  hoy pull -q "$REGISTRY/tiny:1"
  for command in "pull" "run --rm"; do
    # shellcheck disable=SC2086 # words
    run hoy $command --platform "linux/$other" "$REGISTRY/tiny:1"
    is "$status" "$([[ $command == pull ]] && echo 1 || echo 125)"
    contains "${lines[-1]}" "does not match the specified platform: wanted linux/$other, actual: linux/$own"
  done
  expect 125 hoy run --rm --platform "linux/$other" base true
  contains "$output" "wanted linux/$other, actual: linux/$own"
  expect 0 hoy run --rm --platform "linux/$own" base true
  is "$output" ''
  hoy pull -q --platform "linux/$other" "$REGISTRY/multi:1"
  expect 0 hoy run --rm "$REGISTRY/multi:1" true
  is "$output" "WARNING: The requested image's platform (linux/$other) does not match the detected host platform (linux/$own) and no specific platform was requested"
  expect 0 hoy run --rm --platform "linux/$other" "$REGISTRY/multi:1" true
  is "$output" ''
}

@test "ctrl-C in the middle of a pull" {
  for name in stall slow; do
    : >"$LIES_LOG"
    "$HOY" pull "$LIES/$name:1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    local pid=$! worker ended=0
    wait_line "$LIES_LOG" "GET /v2/$name/blobs/"
    worker=$(pgrep -P "$pid" || true)
    kill -INT "$pid"
    wait "$pid" || ended=$?
    is "$ended" 130
    [[ -z $worker ]] || wait_gone "$worker"
    nothing_left
  done
}

@test "kill -9 in the middle of a pull" {
  : >"$LIES_LOG"
  "$HOY" pull "$LIES/slow:1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  local pid=$! worker
  wait_line "$LIES_LOG" 'GET /v2/slow/blobs/'
  worker=$(pgrep -P "$pid" || true)
  kill -KILL "$pid"
  [[ -z $worker ]] || wait_gone "$worker"
  hoy images >/dev/null
  nothing_left
}

@test "the worker that faces the network has no root" {
  : >"$LIES_LOG"
  "$HOY" pull "$LIES/slow:1" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  local pid=$! worker
  wait_line "$LIES_LOG" 'GET /v2/slow/blobs/'
  worker=$(pgrep -P "$pid")
  local status_text
  status_text=$(<"/proc/$worker/status")
  kill -INT "$pid"
  wait "$pid" || true
  lacks "$status_text" $'Uid:\t0'
  contains "$status_text" $'CapEff:\t0000000000000000'
  contains "$status_text" $'NoNewPrivs:\t1'
  contains "$status_text" $'Seccomp:\t2'
}

@test "a worker that can't begin" {
  local status said
  mkdir "$BATS_TEST_TMPDIR/bin"
  cp "$HOY" "$BATS_TEST_TMPDIR/bin/hoy"
  while read -r status said; do
    printf '#!/bin/sh\nexit %d\n' "$status" >"$BATS_TEST_TMPDIR/bin/hoy-fetch"
    chmod 755 "$BATS_TEST_TMPDIR/bin/hoy-fetch"
    expect 1 "$BATS_TEST_TMPDIR/bin/hoy" pull "$REGISTRY/tiny:1"
    one_sentence "${lines[-1]}"
    contains "${lines[-1]}" "$said"
  done <<'END'
127 a library that it needs can't be loaded
125 hoy-fetch: Cannot allocate memory
1 ended with status 1
END
  nothing_left
}
