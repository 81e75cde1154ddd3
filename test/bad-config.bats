#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# config.json files that are wrong in every way: refused in one sentence, quickly, without a crash, and nothing is left.

load lib
load bundle

file_setup() { bundle_setup; }
test_teardown() {
  local status=0
  bundle_teardown || status=1
  is "$(find "$RUNTIME_ROOT" -mindepth 1 -maxdepth 1 ! -name .seccomp)" '' || status=1
  return $status
}

VECTORS=$BATS_TEST_DIRNAME/../src/oci/vectors

# tries BUNDLE: it runs and says what it has to say, or is refused in one sentence that says what of.
tries() {
  run timeout -s KILL 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$1" c </dev/null
  # Of a build with sanitizers.
  lacks "$output" Sanitizer && lacks "$output" 'runtime error' || return 1
  case $status in
    0) return 0 ;;
    1) matches "${lines[-1]}" '^hoy-runtime: .{10,}' ;;
    *) echo "$1: ended with $status: $output"; return 1 ;;
  esac
}
refused() {
  tries "$1" || return 1
  ((status == 1)) || { echo "$1 was not refused: $output"; return 1; }
}

@test "the vectors of the specification: what is right runs or is refused with a reason, what is wrong is refused" {
  bundle a
  local file
  for file in "$VECTORS"/bad/*.json; do
    cp "$file" "$bundle/config.json"
    refused "$bundle"
  done
  for file in "$VECTORS"/good/*.json; do
    cp "$file" "$bundle/config.json"
    tries "$bundle"
    echo "${file##*/}: $status ${lines[-1]}"
    ((status == 0)) || matches "${lines[-1]}" '(ociVersion|root|process|linux|mounts|hooks)'
  done
}

@test "cut at every byte" {
  bundle a
  local whole size at
  whole=$(jq -c . "$bundle/config.json")
  size=${#whole}
  for ((at = 0; at < size; at++)); do
    printf %s "${whole:0:at}" >"$bundle/config.json"
    # A whole `tries` each would take a minute.
    if "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" c </dev/null &>"$bundle/out"; then echo "$at bytes ran"; return 1; fi
    [[ $(wc -l <"$bundle/out") == 1 && $(<"$bundle/out") == "hoy-runtime: "*config.json* ]] || { echo "$at bytes: $(<"$bundle/out")"; return 1; }
  done
}

# Every value of a config.json, one at a time, becomes each of these.
mutations() {
  python3 - "$1" "$2" "$3" <<'END'
import copy, json, os, sys
bundle, out, every = sys.argv[1:]
config = json.load(open(f"{bundle}/config.json"))
config["root"]["path"] = f"{bundle}/rootfs"
values = [None, True, -1, 0, 1 << 64, 1e300, 1.5, "", "x", "\0", "x" * 5000, "../../../..", [], {}, [[]], [{}], {"x": {}}]

def places(value, path=()):
    yield path
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(below, path + (key,))

number = 0
for i, path in enumerate(places(config)):
    for j, value in enumerate(values):
        if not path or (i + j) % int(every):
            continue
        changed = copy.deepcopy(config)
        at = changed
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value
        os.makedirs(f"{out}/{number}")
        with open(f"{out}/{number}/config.json", "w") as file:
            json.dump(changed, file)
        with open(f"{out}/{number}/what", "w") as file:
            print(path, repr(value)[:60], file=file)
        number += 1
END
}

try_mutations() {
  local one refused=0 ran=0
  mkdir "$BATS_TEST_TMPDIR/out"
  mutations "$bundle" "$BATS_TEST_TMPDIR/out" "$1"
  for one in "$BATS_TEST_TMPDIR"/out/*; do
    tries "$one" || { cat "$one/what"; return 1; }
    if ((status)); then refused=$((refused + 1)); else ran=$((ran + 1)); fi
    # Who is refused for what the document says is told where.
    [[ $output != *"must be"* ]] || matches "$output" '(process|root|mounts|linux|hooks|annotations|hostname|domainname|ociVersion)'
  done
  echo "$refused refused, $ran ran"
  ((refused > 20 && ran > 5))
}

@test "every value of another type or size" {
  bundle a
  config '.process.user = {uid: 0, gid: 0, additionalGids: [5]} | .process.oomScoreAdj = 10 | .hostname = "h" | .domainname = "d"
    | .linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 438, uid: 0, gid: 0}]
    | .linux.resources = {memory: {limit: 100000000}, pids: {limit: 100}, cpu: {shares: 100}}
    | .linux.sysctl = {"net.ipv4.ip_forward": "1"} | .annotations = {a: "b"}
    | .hooks = {poststop: [{path: "/bin/true", args: ["true"], env: ["A=B"], timeout: 5}]}'
  try_mutations 7
}

@test "every value of a seccomp filter of another type or size" {
  bundle a
  config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"], flags: ["SECCOMP_FILTER_FLAG_LOG"],
      syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 5, args: [{index: 0, value: 1, valueTwo: 2, op: "SCMP_CMP_EQ"}]}]}
    | {ociVersion, process, root, mounts, linux: {namespaces: .linux.namespaces, seccomp: .linux.seccomp}}'
  try_mutations 9
}

@test "a seccomp filter that refuses the command's start, and even an end" {
  bundle a
  command_is sleep 600
  local rules
  for rules in '["read"]' '["read", "write", "exit_group"]'; do
    config '.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO", architectures: ["SCMP_ARCH_X86_64"],
      syscalls: [{names: $rules, action: "SCMP_ACT_ALLOW"}]}' --argjson rules "$rules"
    expect 1 timeout -s KILL 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" c
    one_line "$output"
    contains "$output" 'exec: "sleep": the seccomp filter refuses execve'
  done
  # It is in force from the start on, and at once for who comes in.
  rt create -b "$bundle" c </dev/null >/dev/null 2>&1
  expect 255 timeout -s KILL 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" exec c true
  contains "$output" 'exec: "true": the seccomp filter refuses execve'
  expect 1 timeout -s KILL 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" start c
  contains "$output" 'exec: "sleep": the seccomp filter refuses execve'
  rt delete -f c
}

@test "what the kernel refuses later is told by the field's path as well" {
  local field change
  while IFS='|' read -r field change; do
    bundle "n$((++n))"
    config "$change"
    expect 1 timeout 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" c
    one_line "$output"
    contains "$output" "$field"
  done <<'ROWS'
mounts[1]|.mounts[1].options += ["size=nonsense"]
mounts[7]|.mounts[7] = {destination: "/m", type: "tmpfs", source: "x", options: ["nosuch=1"]}
mounts[7]|.mounts[7] = {destination: "/m", type: "bind", source: "/no/such", options: ["bind"]}
linux.sysctl.net.ipv4.nosuch|.linux.sysctl = {"net.ipv4.nosuch": "1"}
linux.sysctl.net.ipv4.ip_forward|.linux.sysctl = {"net.ipv4.ip_forward": "many"}
linux.devices[1]|.linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 3}, {path: "/etc", type: "c", major: 1, minor: 3}]
linux.namespaces.network|.linux.namespaces = [.linux.namespaces[] | select(.type != "network")] + [{type: "network", path: "/no/such"}]
linux.namespaces.ipc|.linux.namespaces = [.linux.namespaces[] | select(.type != "ipc")] + [{type: "ipc", path: "/etc/passwd"}]
(process.cwd)|.process.cwd = "/bin/busybox"
(process.rlimits[0])|.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100000000000, hard: 100000000000}]
the hostname|.hostname = ("x" * 65)
(hooks.createRuntime[1])|.hooks.createRuntime = [{path: "/bin/true"}, {path: "/bin/false"}]
(hooks.startContainer[0])|.hooks.startContainer = [{path: "/no/such"}]
(linux.resources.cpu.cpus)|.linux.resources.cpu.cpus = "4000"
ROWS
}

@test "fields that nobody knows are passed over, wherever they are" {
  bundle a
  config '.unknown = {deep: [1]} | .process.unknown = 1 | .linux.unknown = [] | .mounts[0].unknown = null | .root.unknown = "x"
    | .linux.namespaces[0].unknown = {} | .process.user.unknown = 0'
  tries "$bundle"
  is "$status" 0
}

write_config() { python3 -c "import sys; sys.stdout.buffer.write($1)" >"$bundle/config.json"; }

@test "no JSON, or hardly any: empty, deep, long, NUL, no UTF-8" {
  bundle a
  local whole=$bundle/whole what
  mv "$bundle/config.json" "$whole"
  for what in "b''" "b' '" "b'null'" "b'[]'" "b'\"x\"'" "b'{}'" "b'0'" "b'{' * 100000" "b'[' * 1000000" "b'{\"a\":' * 100000 + b'1' + b'}' * 100000" \
    "b'{\"ociVersion\": \"' + b'x' * 10000000 + b'\"}'" "b' ' * 10000000 + open('$whole', 'rb').read()" "b'\\0' * 4096" \
    "open('$whole', 'rb').read() + b'\\0'" "open('$whole', 'rb').read() + b'}'" "b'\\xef\\xbb\\xbf' + open('$whole', 'rb').read()" \
    "open('$whole', 'rb').read().replace(b'hello', b'\\xff\\xfe\\x80')" "open('$whole', 'rb').read().replace(b'hello', b'\\\\u0000')" \
    "open('$whole', 'rb').read().replace(b'hello', b'\\xed\\xa0\\x80')" "open('$whole', 'rb').read().replace(b'\"', b\"'\")" \
    "open('$whole', 'rb').read().decode().encode('utf-16')" "b'{\"ociVersion\": \"1.0.0\", \"ociVersion\": 5}'" \
    "b'{\"ociVersion\": NaN}'" "b'{\"ociVersion\": 1e999999999}'" "b'{\"a\": ' + b'9' * 1000000 + b'}'"; do
    write_config "$what"
    tries "$bundle" || { echo "$what"; return 1; }
    ((status)) || contains "$what" replace
  done
}

@test "versions that are none of ours" {
  bundle a
  local version
  for version in '"2.0.0"' '"0.1.0"' '"x"' '""' 1 null '"99.0.0"'; do
    config ".ociVersion = $version"
    refused "$bundle"
    contains "$output" ociVersion
  done
}

@test "a config.json that is no file: no hang" {
  bundle a
  rm "$bundle/config.json"
  refused "$bundle"
  mkfifo "$bundle/config.json"
  refused "$bundle"
  rm "$bundle/config.json"
  mkdir "$bundle/config.json"
  refused "$bundle"
  rmdir "$bundle/config.json"
  ln -s config.json "$bundle/config.json"
  refused "$bundle"
  ln -sfn /dev/zero "$bundle/config.json"
  refused "$bundle"
  ln -sfn /dev/tty "$bundle/config.json"
  refused "$bundle"
  ln -sfn /proc/self/mem "$bundle/config.json"
  refused "$bundle"
  refused "$BATS_TEST_TMPDIR/not/there"
  refused "$bundle/rootfs/bin/busybox"
}

@test "a root that is none" {
  bundle a
  local kind
  mv "$bundle/rootfs" "$bundle/real"
  for kind in nothing file fifo device socket dangling loop empty long; do
    config '.root.path = "rootfs"'
    case $kind in
      file) echo x >"$bundle/rootfs" ;;
      fifo) mkfifo "$bundle/rootfs" ;;
      device) mknod "$bundle/rootfs" c 1 3 ;;
      socket) python3 -c "import socket, os; os.chdir('$bundle'); socket.socket(socket.AF_UNIX).bind('rootfs')" ;;
      dangling) ln -s nowhere "$bundle/rootfs" ;;
      loop) ln -s rootfs "$bundle/rootfs" ;;
      empty) config '.root.path = ""' ;;
      long) config '.root.path = ("x/" * 3000)' ;;
    esac
    refused "$bundle"
    contains "$output" root.path
    rm -rf "$bundle/rootfs"
  done
  config 'del(.root)'
  refused "$bundle"
  # One that is a link is the caller's own doing.
  config '.root = {path: "rootfs"}'
  ln -s real "$bundle/rootfs"
  tries "$bundle"
  is "$status" 0
}

@test "a root that vanishes and comes back while it starts" {
  bundle a
  "$ATTACKER" flip "$bundle/rootfs" nowhere 3>&- &
  attacks+=($!)
  for_seconds 3 tries "$bundle"
}

@test "a root without a /proc, without anything" {
  bundle a
  rm -rf "$bundle/rootfs"
  mkdir "$bundle/rootfs"
  # Mount points are made; the command is not there.
  refused "$bundle"
  contains "$output" 'executable file not found'
}

@test "mounts that cannot be" {
  bundle a
  local change original
  original=$(<"$bundle/config.json")
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  ln -s loop "$bundle/rootfs/loop"
  for change in '{destination: "/x", type: "bind", source: "/no/such", options: ["bind"]}' '{destination: "/loop/x", type: "tmpfs", source: "tmpfs"}' \
    '{destination: "/bin/busybox", type: "tmpfs", source: "tmpfs"}' '{destination: "/bin/busybox/x", type: "tmpfs", source: "tmpfs"}' \
    '{destination: "/x", type: "nosuchfs", source: "x"}' '{destination: "/x", type: "tmpfs", source: "x", options: ["nosuchoption=1"]}' '{destination: "", type: "tmpfs", source: "x"}' \
    '{destination: ("/x" * 3000), type: "tmpfs", source: "x"}' '{destination: ("/" + "x" * 300), type: "tmpfs", source: "x"}' '{type: "tmpfs"}' '{destination: "/x", type: "bind"}' \
    '{destination: "/x", type: "ext4", source: "/dev/null"}' '{destination: "/bin", type: "bind", source: $fifo, options: ["bind"]}'; do
    echo "$original" >"$bundle/config.json"
    config ".mounts += [$change]" --arg fifo "$BATS_TEST_TMPDIR/fifo"
    refused "$bundle"
  done
  # Two thousand levels are no more than a path can have.
  echo "$original" >"$bundle/config.json"
  config '.mounts += [{destination: ("/d" * 1900), type: "tmpfs", source: "tmpfs"}]'
  tries "$bundle"
  is "$status" 0
  # A thousand mounts.
  echo "$original" >"$bundle/config.json"
  config '.mounts += [range(1000) | {destination: "/many/\(.)", type: "tmpfs", source: "tmpfs", options: ["size=4k"]}]'
  tries "$bundle"
}

@test "ids, names and files that are none" {
  bundle a
  local id
  for id in '' . .. / a/b ../a 'a b' $'a\nb' a: 'é' "$(printf 'a%.0s' $(seq 1025))"; do
    run timeout 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" -- "$id" </dev/null
    is "$status" 1
    matches "${lines[-1]}" '^hoy-runtime: '
  done
  expect 1 rt run -b "$bundle" --pid-file /no/such/file c
  expect 1 rt run -b "$bundle" --console-socket /no/such/socket c
  expect 1 rt --log /no/such/log run -b "$bundle" c
  expect 1 rt --root "$bundle/config.json" run -b "$bundle" c
  expect 1 rt --root /proc/none run -b "$bundle" c
}

@test "exec: a process.json that is wrong" {
  bundle a
  command_is sleep 600
  start c
  local text file=$BATS_TEST_TMPDIR/process.json
  for text in '' null '[]' '{}' '{"args":[],"cwd":"/"}' '{"args":["true"]}' '{"args":["true"],"cwd":"x"}' '{"args":"true","cwd":"/"}' '{"args":[1],"cwd":"/"}' \
    '{"args":["true"],"cwd":"/","user":{"uid":-1}}' '{"args":["true"],"cwd":"/","capabilities":[]}' '{"args":["\u0000"],"cwd":"/"}' '{"args":["true"],"cwd":"/","rlimits":[{}]}'; do
    echo "$text" >"$file"
    run timeout 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" exec --process "$file" c </dev/null
    ((status == 255)) || { echo "$text: $status $output"; return 1; }
    matches "${lines[-1]}" '^hoy-runtime: '
  done
  rm "$file"
  mkfifo "$file"
  expect 255 timeout 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" exec --process "$file" c
  rt delete -f c
}

@test "a state that somebody broke" {
  bundle a
  command_is sleep 600
  start c
  local plan=$RUNTIME_ROOT/c/plan size at
  size=$(stat -c %s "$plan")
  cp "$plan" "$BATS_TEST_TMPDIR/plan"
  for ((at = 0; at < size; at += size / 40 + 1)); do
    head -c "$at" "$BATS_TEST_TMPDIR/plan" >"$BATS_TEST_TMPDIR/cut"
    mkdir -p "$RUNTIME_ROOT/broken"
    cp "$BATS_TEST_TMPDIR/cut" "$RUNTIME_ROOT/broken/plan"
    run timeout 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" state broken
    ((status < 124))
    run timeout 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" list
    ((status < 124))
    run timeout 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" delete -f broken
    ((status < 124))
    rm -rf "$RUNTIME_ROOT/broken"
  done
  rt delete -f c
}
