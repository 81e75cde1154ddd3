#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# save and load: what hoy writes is read by Docker, Podman, containerd, skopeo and hoy; what they write is read by
# hoy; and archives that lie.

load lib

file_setup() {
  export A=$BATS_FILE_TMPDIR/archives
  mkdir "$A"
  local name
  for name in layers tiny nocmd; do hoy pull -q "$REGISTRY/$name:1"; done >&2
  hoy pull base >&2
  hoy save -o "$A/hoy.tar" "$REGISTRY/layers:1" "$REGISTRY/tiny:1" base
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$A/policy.json"
}

file_teardown() {
  [[ ! -e $A/dockerd.process ]] || { kill "$(<"$A/dockerd.process")" && wait_gone "$(<"$A/dockerd.process")"; }
  awk -v a="$A/" 'index($5, a) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount -l
}

test_setup() { cd "$BATS_TEST_TMPDIR" || return; }
test_teardown() { [[ ! -e $BATS_TEST_TMPDIR/small ]] || umount -l "$BATS_TEST_TMPDIR/small" 2>/dev/null || true; }

copy() { skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false "$@"; }
id_of() { hoy image inspect "$1" | jq -r '.[0].Id'; }

# other COMMAND...: hoy with a root of the test's own.
other() { HOY_ROOT=$BATS_TEST_TMPDIR/root HOY_RUNROOT=$BATS_TEST_TMPDIR/run "$HOY" "$@"; }
other_id_of() { other image inspect "$1" | jq -r '.[0].Id'; }
afresh() { rm -rf "$BATS_TEST_TMPDIR/root" "$BATS_TEST_TMPDIR/run"; }

# Everything that a container of the image can see of its files.
files_of() {
  # shellcheck disable=SC2016
  "$1" run --rm --network none -u 0 --entrypoint sh "$2" -c '
    cd / && paths() { find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./etc \) -prune -o "$@" -print0; }
    paths -type f | xargs -0 md5sum | sort
    paths -mindepth 1 | xargs -0 stat -c "%n %a %u %g %Y %F" | sort'
}
# loaded_alike NAME LOADED: in the other root it is the same image, to the last file.
loaded_alike() {
  is "$(other_id_of "$2")" "$(id_of "$1")"
  files_alike "$@"
}
files_alike() {
  files_of hoy "$1" >files
  grep -q . files
  files_of other "$2" | diff -u files -
  rm files
}

# save

@test "an archive is an OCI layout and docker save's form at once" {
  hoy save "$REGISTRY/layers:1" "$REGISTRY/nocmd:1" >a.tar
  mkdir a
  tar -xf a.tar -C a
  is "$(jq -r .imageLayoutVersion a/oci-layout)" 1.0.0
  is "$(jq -r '.manifests[].annotations["io.containerd.image.name"]' a/index.json)" "$REGISTRY/layers:1"$'\n'"$REGISTRY/nocmd:1"
  is "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' a/index.json)" 1
  is "$(jq -r '.[].RepoTags[]' a/manifest.json)" "$REGISTRY/layers:1"$'\n'"$REGISTRY/nocmd:1"
  local blob path
  for blob in a/blobs/sha256/*; do is "$(sha256sum <"$blob" | cut -d' ' -f1)" "${blob##*/}"; done
  for path in $(jq -r '.[] | .Config, .Layers[]' a/manifest.json); do [[ -f a/$path ]]; done
  is "sha256:$(jq -r '.[0].Config' a/manifest.json | cut -d/ -f3)" "$(id_of "$REGISTRY/layers:1")"
  # Layers as they stand; a shared one once.
  is "$(jq -r '.layers[].mediaType' "a/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' a/index.json)" | sort -u)" \
    application/vnd.oci.image.layer.v1.tar
  is "$(jq -r '.[0].Layers[0]' a/manifest.json)" "$(jq -r '.[1].Layers[0]' a/manifest.json)"
  is "$(tar -tf a.tar | sort | uniq -d)" ''
}

@test "saving twice gives the same bytes; to a file, a pipe, the end of a file" {
  hoy save -o a.tar "$REGISTRY/layers:1" base
  hoy image save "$REGISTRY/layers:1" base | cmp - a.tar
  hoy save "$REGISTRY/layers:1" base >>b.tar
  cmp a.tar b.tar
  echo old >c.tar
  hoy save --output c.tar "$REGISTRY/layers:1" base
  cmp a.tar c.tar
  is "$(stat -c %a a.tar)" 600
  is "$(ls)" $'a.tar\nb.tar\nc.tar'
}

@test "in 64 MiB of memory" {
  hoy pull -q "$REGISTRY/debian:12"
  (ulimit -v 65536 && "$HOY" save "$REGISTRY/debian:12") | tar -tf - | grep -c blobs/sha256/.
  hoy rmi "$REGISTRY/debian:12"
}

@test "names: several, a repository, an id, a digest" {
  local id digest
  id=$(id_of "$REGISTRY/tiny:1")
  digest=$(hoy image inspect "$REGISTRY/tiny:1" | jq -r '.[0].RepoDigests[0]')
  tags() { hoy save "$@" | tar -xOf - manifest.json | jq -c '[.[].RepoTags]'; }
  copy "docker-archive:$A/hoy.tar:$REGISTRY/tiny:1" docker-archive:two.tar:many:1
  hoy load -q -i two.tar
  copy "docker-archive:$A/hoy.tar:$REGISTRY/tiny:1" docker-archive:three.tar:many:3
  hoy load -q -i three.tar
  is "$(tags many:3 many:1)" '[["many:3","many:1"]]'
  is "$(tags many:3 many:3)" '[["many:3"]]'
  is "$(tags many)" '[["many:1","many:3"]]'
  is "$(tags many base)" '[["many:1","many:3"],["base:latest"]]'
  is "$(tags docker.io/library/many)" '[["many:1","many:3"]]'
  is "$(tags "$id")" '[null]'
  is "$(tags "${id:7:12}")" '[null]'
  is "$(tags "$id" many:1)" '[["many:1"]]'
  is "$(tags "$digest")" '[null]'
  expect 1 hoy save many:2
  one_sentence "$output"
  contains "$output" 'No such image: many:2'
  hoy rmi many:1 many:3
}

@test "what save refuses, and what it leaves then: nothing" {
  local words
  for words in nosuch "base nosuch" "base UPPER" "--platform linux/s390x base" "--platform a/b/c/d base" "-o . base" \
    "-o nowhere/x base" "-o /dev/null base" "-o x nosuch"; do
    # shellcheck disable=SC2086
    expect 1 hoy save $words
    one_sentence "$output"
  done
  is "$(ls)" ''
  expect 1 hoy save
  expect 1 script -qec "'$HOY' save base" /dev/null
  contains "$output" 'cowardly refusing to save to a terminal. Use the -o flag or redirect'
  run bash -c "'$HOY' save base >/dev/full"
  is "$status" 1
  contains "$output" 'No space left'
  mkdir small
  mount -t tmpfs -o size=1m none small
  expect 1 hoy save -o small/x base
  one_sentence "$output"
  contains "$output" 'No space left'
  is "$(ls -A small)" ''
  umount small
  is "$(hoy save --platform linux/amd64 base | tar -t | head -n 1)" oci-layout
}

@test "ctrl-C while a file is written leaves no file" {
  local signal nameless name=$REGISTRY/tiny:1 tracing
  tracing=(timeout 20 env --default-signal strace -qq -o trace -e "trace=openat,sendfile")
  "${tracing[@]}" "$HOY" save -o a.tar "$name" 3>&-
  nameless=$(grep openat trace | grep -n O_TMPFILE | cut -d: -f1)
  # Where a file can be without a name.
  for signal in INT TERM KILL; do
    rm -f a.tar trace
    "${tracing[@]}" -e "inject=sendfile:signal=$signal" "$HOY" save -o a.tar "$name" 3>&- || true
    grep -q "killed by SIG$signal" trace
    is "$(find . -type f ! -name '.audit*')" ./trace
  done
  # Where it can't.
  for signal in INT TERM HUP; do
    "${tracing[@]}" -e "inject=openat:error=EOPNOTSUPP:when=$nameless" -e "inject=sendfile:signal=$signal" \
      "$HOY" save -o a.tar "$name" 3>&- || true
    grep -q 'openat.*/.hoy-' trace
    grep -q "killed by SIG$signal" trace
    is "$(find . -type f ! -name '.audit*')" ./trace
  done
  "${tracing[@]}" -e "inject=openat:error=EOPNOTSUPP:when=$nameless" "$HOY" save -o a.tar "$name" 3>&-
  hoy save "$name" | cmp - a.tar
}

@test "the dir driver has no tars to save" {
  other --storage-driver dir pull -q "$REGISTRY/tiny:1"
  expect 1 other save -o a.tar "$REGISTRY/tiny:1"
  one_sentence "$output"
  contains "$output" 'driver "dir" keeps layers as directories'
  contains "$output" 'pull --keep-blobs'
  contains "$output" erofs
  is "$(ls a.tar 2>&1)" "ls: cannot access 'a.tar': No such file or directory"
}

# What others read

@test "skopeo reads it, both ways; through a registry it is the same image" {
  hoy save -o a.tar "$REGISTRY/layers:1"
  local from name
  for from in oci-archive docker-archive; do
    is "$(skopeo inspect --config "$from:a.tar" | jq -r .architecture)" "$(dpkg --print-architecture)"
    copy "$from:a.tar" "dir:$from"
    is "$(jq -r .config.digest "$from/manifest.json")" "$(id_of "$REGISTRY/layers:1")"
    name=$REGISTRY/again-$from:1
    copy "$from:a.tar" "docker://$name"
    other pull -q "$name"
    loaded_alike "$REGISTRY/layers:1" "$name"
    afresh
  done
}

podman() {
  command podman --root "$A/podman" --runroot "$A/podman-run" --tmpdir "$A/podman-tmp" --cgroup-manager cgroupfs \
    --events-backend none --storage-driver overlay "$@" 3>&-
}

@test "Podman reads it; hoy reads what Podman writes" {
  podman load -q --signature-policy "$A/policy.json" -i "$A/hoy.tar"
  is "sha256:$(podman image inspect "$REGISTRY/layers:1" | jq -r '.[0].Id')" "$(id_of "$REGISTRY/layers:1")"
  is "sha256:$(podman image inspect localhost/base | jq -r '.[0].Id')" "$(id_of base)"
  podman save -q --format docker-archive -m -o many.tar "$REGISTRY/layers:1" "$REGISTRY/tiny:1"
  expect 0 other load -i many.tar
  is "$output" "Loaded image: $REGISTRY/layers:1"$'\n'"Loaded image: $REGISTRY/tiny:1"
  loaded_alike "$REGISTRY/layers:1" "$REGISTRY/layers:1"
  is "$(other_id_of "$REGISTRY/tiny:1")" "$(id_of "$REGISTRY/tiny:1")"
  afresh
  # In this form Podman writes the config anew.
  podman save -q --format oci-archive -o oci.tar "$REGISTRY/layers:1"
  expect 0 other load -i oci.tar
  files_alike "$REGISTRY/layers:1" "$REGISTRY/layers:1"
}

d() { /usr/bin/docker -H "unix://$A/docker.sock" "$@" 3>&-; }
docker_is_there() {
  [[ -x /usr/bin/docker && -n $(command -v dockerd) ]] || skip "docker.io is not installed"
  dockerd -H "unix://$A/docker.sock" --data-root "$A/docker" --exec-root "$A/docker-run" --pidfile "$A/docker.pid" \
    --iptables=false --bridge=none </dev/null >"$A/log" 2>&1 3>&- &
  echo $! >"$A/dockerd.process"
  eventually 30 d version >/dev/null 2>&1 || { tail -n 5 "$A/log"; return 1; }
  audit_take "$BATS_TEST_TMPDIR/.audit"
}

buildah() {
  command buildah --root "$A/buildah" --runroot "$A/buildah-run" --storage-driver vfs "$@" 3>&-
}

@test "Buildah builds on what hoy saved; hoy reads what Buildah makes, and Buildah what hoy pushed of it" {
  local box id place form
  hoy save -o a.tar "$REGISTRY/layers:1"
  box=$(buildah from -q --signature-policy "$A/policy.json" oci-archive:a.tar)
  is "$(buildah inspect -f '{{.FromImageID}}' "$box")" "$(id_of "$REGISTRY/layers:1" | cut -d: -f2)"
  buildah run --isolation chroot --user 0 "$box" -- /bin/sh -c 'echo built >/data/built; rm -r /opaque /becomes-file; mkdir /opaque /volume; ln /data/built /data/linked'
  buildah config --env BUILT=yes --label made=by-buildah --volume /volume --user 0 --entrypoint '["/bin/sh"]' --cmd '' "$box"
  for form in oci docker; do
    id=$(buildah commit -q --format $form --signature-policy "$A/policy.json" "$box" built:$form)
    buildah push -q --signature-policy "$A/policy.json" built:$form $form-archive:$form.tar:built:$form
    other load -q -i $form.tar
    is "$(other_id_of built:$form)" "sha256:$id"
    is "$(other image inspect built:$form | jq -c '.[0].Config | [.Env[-1], .Labels.made, .Volumes]')" '["BUILT=yes","by-buildah",{"/volume":{}}]'
    # Buildah's own view of it, by the host's tools. Directories that no layer has are as old as its copy.
    place=$(buildah mount "$box")
    (cd "$place" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./etc \) -prune -o -mindepth 1 -print0 |
      xargs -0 stat -c "%n %a %u %g %Y %F" | sed 's/ [0-9]* directory$/ directory/' | sort) >theirs
    files_of other built:$form | grep '^\./' | sed 's/ [0-9]* directory$/ directory/' >ours
    diff theirs ours
    buildah umount "$box" >/dev/null
    other tag built:$form "$REGISTRY/built:$form"
    other push -q "$REGISTRY/built:$form"
    buildah rmi -f "built:$form" >/dev/null
    is "$(buildah pull -q --tls-verify=false --signature-policy "$A/policy.json" "$REGISTRY/built:$form")" "$id"
    afresh
  done
  buildah rm -a >/dev/null
  buildah rmi -a >/dev/null
}

@test "Docker and containerd read it; hoy reads what they write" {
  docker_is_there
  d load -q -i "$A/hoy.tar"
  is "$(d image inspect "$REGISTRY/layers:1" | jq -r '.[0].Id')" "$(id_of "$REGISTRY/layers:1")"
  # With a link where two images share a layer.
  d tag "$REGISTRY/layers:1" second:2
  d save -o a.tar "$REGISTRY/layers:1" second:2 "$REGISTRY/tiny:1"
  expect 0 other load -i a.tar
  is "$(sort <<<"$output")" "$(sort <<<"Loaded image: $REGISTRY/layers:1
Loaded image: second:2
Loaded image: $REGISTRY/tiny:1")"
  loaded_alike "$REGISTRY/layers:1" second:2
  is "$(other_id_of "$REGISTRY/tiny:1")" "$(id_of "$REGISTRY/tiny:1")"
  afresh
  d save "$(id_of "$REGISTRY/tiny:1")" | (expect 0 other load && is "$output" "Loaded image ID: $(id_of "$REGISTRY/tiny:1")")
  afresh
  c() { ctr -a "$A/docker-run/containerd/containerd.sock" -n archive "$@" 3>&-; }
  c images import "$A/hoy.tar" >/dev/null
  c images export b.tar "$REGISTRY/layers:1"
  other load -i b.tar
  loaded_alike "$REGISTRY/layers:1" "$REGISTRY/layers:1"
  # An index of which only this machine's part is there.
  c images pull --plain-http "$REGISTRY/multi:1" >/dev/null
  c images export c.tar "$REGISTRY/multi:1"
  expect 0 other load -i c.tar
  is "$output" "Loaded image: $REGISTRY/multi:1"
}

# load

@test "save, load elsewhere, run" {
  hoy save base "$REGISTRY/layers:1" | other load >out
  is "$(<out)" "Loaded image: base:latest"$'\n'"Loaded image: $REGISTRY/layers:1"
  is "$(other_id_of base)" "$(id_of base)"
  loaded_alike "$REGISTRY/layers:1" "$REGISTRY/layers:1"
  other save base "$REGISTRY/layers:1" | cmp - <(hoy save base "$REGISTRY/layers:1")
  other rmi base "$REGISTRY/layers:1" >/dev/null
  is "$(find root/layers root/images root/tmp -mindepth 1)" ''
  afresh
  other --storage-driver dir image load --quiet --input "$A/hoy.tar"
  is "$(other_id_of "$REGISTRY/layers:1")" "$(id_of "$REGISTRY/layers:1")"
  is "$(other run --rm --network none --entrypoint cat "$REGISTRY/layers:1" /data/changed)" new
}

@test "archives of skopeo's" {
  copy "docker://$REGISTRY/layers:1" docker-archive:a.tar:layers:7
  copy "docker://$REGISTRY/layers:1" oci-archive:b.tar:some/layers:8
  copy "docker://$REGISTRY/zstd:1" oci-archive:c.tar:zstd:9
  copy "docker://$REGISTRY/tiny:1" oci-archive:d.tar
  local i
  for i in a:layers:7 b:some/layers:8 c:zstd:9; do
    expect 0 other load -i "${i%%:*}.tar"
    is "$output" "Loaded image: ${i#*:}"
    loaded_alike "$REGISTRY/layers:1" "${i#*:}"
    afresh
  done
  expect 0 other load -i d.tar
  is "$output" "Loaded image ID: $(id_of "$REGISTRY/tiny:1")"
  # A layout that is a directory, as the refusal of one says.
  copy "docker://$REGISTRY/layers:1" oci:layout:as/directory:1
  afresh
  expect 1 other load -i layout
  one_sentence "$output"
  contains "$output" 'tar -C DIRECTORY -c . | hoy load'
  tar -C layout -c . | other load
  loaded_alike "$REGISTRY/layers:1" as/directory:1
}

@test "platforms: this machine's, the one asked for, none" {
  copy --all "docker://$REGISTRY/multi:1" oci-archive:a.tar:multi:1
  other load -i a.tar
  is "$(other image inspect multi:1 | jq -r '.[0].Architecture')" "$(dpkg --print-architecture)"
  expect 0 other load --platform linux/arm64 -i a.tar
  contains "$output" 'The image multi:1 already exists, renaming the old one with ID sha256:'
  is "$(other image inspect multi:1 | jq -r '.[0].Architecture')" arm64
  expect 1 other load --platform linux/s390x -i a.tar
  one_sentence "$output"
  contains "$output" linux/s390x
  expect 1 other load --platform linux/s390x -i "$A/hoy.tar"
  # An image for another machine alone is taken as it is.
  other save -o b.tar multi:1
  afresh
  other load -i b.tar
  is "$(other image inspect multi:1 | jq -r '.[0].Architecture')" arm64
}

@test "compressed archives" {
  local program
  hoy save "$REGISTRY/tiny:1" >plain
  for program in gzip zstd xz bzip2; do
    "$program" -c <plain >a
    expect 0 other load <a
    is "$output" "Loaded image: $REGISTRY/tiny:1"
    other load -q -i a
    afresh
  done
}

@test "archives that were packed by hand, with compressed layers" {
  mkdir d
  tar -xf "$A/hoy.tar" -C d
  # An OCI layout alone; names begin with "./".
  mv d/manifest.json docker
  tar -cf a -C d .
  other load -i a
  loaded_alike "$REGISTRY/layers:1" "$REGISTRY/layers:1"
  afresh
  # docker save's form alone, with layers as no docker save has them.
  rm d/index.json d/oci-layout
  local layer
  for layer in $(jq -r '.[].Layers[]' docker | sort -u); do
    if [[ -e d/gzip ]]; then zstd -q --rm "d/$layer" -o "d/${layer##*/}"; else gzip -n <"d/$layer" >"d/${layer##*/}"; fi
    touch d/gzip
  done
  jq -c 'map(.Layers |= map(sub("blobs/sha256/"; "")))' docker >d/manifest.json
  tar -cf a -C d .
  other load -i a
  loaded_alike "$REGISTRY/layers:1" "$REGISTRY/layers:1"
}

@test "layers that the store has are not stored twice; a name moves" {
  local before
  before=$(find "$HOY_ROOT/layers" -printf '%i %p\n' | sort)
  expect 0 hoy load -i "$A/hoy.tar"
  is "$(find "$HOY_ROOT/layers" -printf '%i %p\n' | sort)" "$before"
  other load -q -i "$A/hoy.tar"
  is "$(find root/layers -type f | wc -l)" "$(tar -xOf "$A/hoy.tar" manifest.json | jq -r '.[].Layers[]' | sort -u | wc -l)"
  local old
  old=$(other_id_of base)
  copy "docker-archive:$A/hoy.tar:$REGISTRY/tiny:1" docker-archive:a.tar:base:latest
  expect 0 other load -i a.tar
  is "$output" "The image base:latest already exists, renaming the old one with ID $old to empty string
Loaded image: base:latest"
  is "$(other_id_of base)" "$(id_of "$REGISTRY/tiny:1")"
  other image inspect "$old" >/dev/null
}

# Lies

lie() { "$BATS_TEST_DIRNAME/lying-archive.py" "$1"; }
nothing_left() {
  is "$(other images -q)" ''
  is "$(find root/layers root/images root/tmp -mindepth 1 2>/dev/null)" ''
}
# A lie ends with one sentence that says so, and nothing is left.
refused() {
  expect 1 other load -i a
  one_sentence "$output"
  matches "$output" "$1"
  nothing_left
}

@test "the truth that lies are made of" {
  local name
  for name in good-oci good-nested good-docker good-link good-hardlink; do
    lie "$name" >a
    expect 0 other load -i a
    is "$output" 'Loaded image: lie:1'
    other rmi lie:1 >/dev/null
    nothing_left
  done
  lie untagged >a
  expect 0 other load -i a
  matches "$output" '^Loaded image ID: sha256:[0-9a-f]{64}$'
}

@test "lies about names, links and sizes" {
  local name what
  while read -r name what; do
    lie "$name" >a
    refused "$what" || { echo "lie: $name"; return 1; }
  done <<END
absolute absolute name
dots leads out of the archive
device neither a file nor
long-name too long a name
link-out leads out of the archive
link-absolute leads out of the archive
link-circle leads to no file
link-nowhere lacks "nowhere"
huge more bytes than
sparse holes
twice is there twice
many more than 65536 members
flipped another digest
manifest-size another size
config-size another size
cut-off cut off
cut-header cut off
garbage no tar
empty-tar empty
END
}

@test "lies about what is in it" {
  local name what
  while read -r name what; do
    lie "$name" >a
    refused "$what" || { echo "lie: $name"; return 1; }
  done <<END
nested nested more than
config-no-json not a JSON object
config-huge larger than 4 MiB
index-huge larger than 4 MiB
index-no-json not a JSON object
index-is-manifest no index
index-empty lists no image
bad-digest no SHA-256 digest
missing-manifest lacks a manifest
missing-config lacks the image's config
missing-layer lacks
diff-id diff id
gzip-diff-id diff id
not-gzip gzip data is corrupt
no-layers 1 layers, its config 0
bad-name invalid reference format
layer-dots leads out of
layer-garbage not a tar
docker-no-json no JSON array
docker-object no JSON array
docker-no-config without config
docker-missing-config lacks "nowhere.json"
docker-missing-layer lacks "nowhere/layer.tar"
docker-config-no-json not a JSON object
docker-outside lacks
docker-bad-tag invalid reference format
docker-many-layers too many layers
no-documents neither index.json
END
}

@test "a gigabyte of zeros in a few kilobytes" {
  lie zeros | zstd -q >a
  refused 'decompression bomb'
}

@test "what is no archive at all" {
  expect 1 other load -i nowhere
  one_sentence "$output"
  contains "$output" nowhere
  expect 1 other load -i .
  one_sentence "$output"
  contains "$output" directory
  expect 1 other load </dev/null
  one_sentence "$output"
  contains "$output" empty
  expect 1 script -qec "'$HOY' load" /dev/null
  contains "$output" 'requested load from stdin, but stdin is empty'
  expect 1 other load -i a b
}

@test "one bad image of several: none is loaded" {
  mkdir a.d
  tar -xf "$A/hoy.tar" -C a.d
  rm a.d/index.json
  rm "a.d/$(jq -r '.[2].Layers[0]' a.d/manifest.json)"
  tar -cf a -C a.d .
  refused lacks
}

# Ends that come too early

@test "ctrl-C and kill -9 in the middle of an archive" {
  local signal pid worker status_text ended
  mkfifo pipe
  mkdir root run
  for signal in INT TERM KILL; do
    HOY_ROOT=$PWD/root HOY_RUNROOT=$PWD/run "$HOY" load <pipe >out 2>&1 3>&- &
    pid=$!
    exec 7>pipe
    head -c 3000000 "$A/hoy.tar" >&7
    eventually 10 test -e root/tmp/pull-*/member
    worker=$(pgrep -P "$pid")
    status_text=$(<"/proc/$worker/status")
    kill -"$signal" "$pid"
    ended=0
    wait "$pid" || ended=$?
    exec 7>&-
    wait_gone "$worker"
    is "$ended" $((128 + $(kill -l "$signal")))
    [[ $signal == KILL ]] || is "$(ls -A root/tmp)" ''
    nothing_left
  done
  # Who reads what strangers made has no rights.
  lacks "$status_text" $'Uid:\t0'
  contains "$status_text" $'CapEff:\t0000000000000000'
  contains "$status_text" $'NoNewPrivs:\t1'
  contains "$status_text" $'Seccomp:\t2'
  other load -q -i "$A/hoy.tar"
}

@test "a full disk" {
  mkdir small
  mount -t tmpfs -o size=4m none small
  expect 1 env HOY_ROOT="$PWD/small/root" HOY_RUNROOT="$PWD/run" "$HOY" load -i "$A/hoy.tar"
  one_sentence "$output"
  contains "$output" 'No space left'
  is "$(find small/root/tmp small/root/layers -mindepth 1 2>/dev/null)" ''
  umount small
}
