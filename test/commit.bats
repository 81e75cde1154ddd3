#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# diff, export, commit, import: a container's files and settings as a list, a tar, an image.

load lib

test_teardown() {
  hoy ps -aq | xargs -r "$HOY" rm -f >/dev/null
  hoy images -q --no-trunc | sort -u | xargs -r "$HOY" rmi -f >/dev/null
  if mountpoint -q "$BATS_TEST_TMPDIR/small"; then umount "$BATS_TEST_TMPDIR/small"; fi
}

# all_of CONTAINER: every file as the container sees it, with all that a tar can keep of it.
all_of() {
  python3 - "/proc/$(field "$1" .State.Pid)/root" <<'END'
import hashlib, os, stat, sys
root = os.fsencode(sys.argv[1])
skip = {b"dev", b"proc", b"sys", b"etc/hosts", b"etc/hostname", b"etc/resolv.conf"}
inodes = {}
def show(path):
    full = root + b"/" + path
    st = os.lstat(full)
    kind, what = stat.S_IFMT(st.st_mode), b""
    if kind == stat.S_IFREG:
        with open(full, "rb") as file:
            what = hashlib.md5(file.read()).hexdigest().encode()
        first = inodes.setdefault((st.st_dev, st.st_ino), path)
        what += b" links to " + first if first != path else b""
    if kind == stat.S_IFLNK:
        what = os.readlink(full)
    device = st.st_rdev if kind in (stat.S_IFCHR, stat.S_IFBLK) else 0
    xattrs = b""
    if kind in (stat.S_IFREG, stat.S_IFDIR):
        for name in sorted(os.listxattr(full)):
            xattrs += b" " + name.encode() + b"=" + os.getxattr(full, name).hex().encode()
    size = st.st_size if kind == stat.S_IFREG else 0
    print(repr(path), oct(st.st_mode), st.st_uid, st.st_gid, size, st.st_mtime_ns, device, what, xattrs)
    if kind == stat.S_IFDIR:
        for name in sorted(os.listdir(full)):
            below = path + b"/" + name if path else name
            if below not in skip:
                show(below)
for name in sorted(os.listdir(root)):
    if name not in skip:
        show(name)
END
}

same() { diff "$1" "$2" | head -20; cmp "$1" "$2"; }

# A container with something of everything. Names are given as octal, so that they stay what they are.
everything() {
  hoy run -d --name "$1" "${@:2}" base sleep 600 >/dev/null
  local root
  root=/proc/$(field "$1" .State.Pid)/root
  python3 - "$root" <<'END'
import os, socket, sys
os.chroot(sys.argv[1])
os.chdir("/")
os.umask(0)
def write(path, text=b"x", mode=0o644):
    with open(path, "wb") as file:
        file.write(text)
    os.chmod(path, mode)
os.makedirs("data/deep/er")
write("data/setuid", mode=0o4755)
os.chown("data/setuid", 12, 34)
os.chmod("data/setuid", 0o6755)
write("data/big-ids")
os.chown("data/big-ids", 3000000000, 2500000000)
write("data/secret", b"nobody reads this", 0)
write(b"data/not-utf-8-\xff\xfe", b"bytes")
write("data/ünïcode")
write("data/new\nline")
write("data/" + "l" * 200, b"long name")
os.makedirs("data/" + "/".join(["directory-of-some-length"] * 12))
write("data/" + "/".join(["directory-of-some-length"] * 12) + "/file", b"deep")
write("data/linked")
os.link("data/linked", "data/deep/linked")
os.link("data/linked", "linked-too")
os.symlink("/data/linked", "data/symlink")
os.symlink("t" * 300, "data/long-symlink")
os.mkfifo("data/fifo", 0o600)
os.mknod("data/null", 0o20666, os.makedev(1, 3))
os.mknod("data/block", 0o60600, os.makedev(7, 200))
socket.socket(socket.AF_UNIX).bind("data/socket")
with open("data/sparse", "wb") as file:
    file.truncate(5 << 20)
    file.seek(1 << 20)
    file.write(b"in the middle")
write("data/empty", b"")
write("data/capable", mode=0o755)
os.setxattr("data/capable", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
os.setxattr("data/empty", "user.colour", b"bl\0ue")
os.setxattr("data/deep", "user.of", b"a directory")
os.setxattr("data/deep", "system.posix_acl_default",
            bytes.fromhex("0200000001000700ffffffff02000700e803000004000500ffffffff10000700ffffffff20000500ffffffff"))
os.utime("data/empty", ns=(0, -2000000000))
os.utime("data/deep/er", ns=(0, 1234567890123456789))
# Of the image: changed, gone, replaced.
with open("etc/passwd", "ab") as file:
    file.write(b"more\n")
os.remove("bin/vi")
os.remove("etc/profile")
os.mkdir("etc/profile")
write("etc/profile/inside")
for name in os.listdir("var/spool"):
    os.remove("var/spool/" + name)
os.rmdir("var/spool")
write("var/spool", b"a file now")
os.chmod("srv", 0o700)
os.setxattr("opt", "user.only", b"this")
END
  hoy exec "$1" sh -c 'rm -rf /sbin && mkdir /sbin && echo new >/sbin/new && rm -rf /usr/local && mkdir -p /usr/local/bin'
}

@test "diff: added, changed, deleted, and no more" {
  hoy run -d --name c1 -v "$BATS_TEST_TMPDIR:/tmp" -v vol:/mnt base sleep 600
  is "$(hoy diff c1)" ''
  hoy exec c1 sh -c 'echo x >/tmp/in-volume; echo y >/mnt/in-volume; cat /etc/hosts >/dev/null; echo 1.2.3.4 x >>/etc/hosts'
  is "$(hoy diff c1)" ''
  hoy exec c1 sh -c 'mkdir /a && echo x >/a/b && echo >>/etc/passwd && rm /bin/vi && chmod 700 /srv &&
    rm /bin/ls && /bin/busybox touch /bin/ls && rm /etc/group && mkdir /etc/group && touch /etc/group/x;
    mv /etc/shells /etc/moved; touch /opt/gone; rm /opt/gone; touch -d 2020-01-01 /opt; ln /etc/profile /etc/twice' || true
  is "$(hoy diff c1)" 'A /a
A /a/b
C /bin
C /bin/ls
D /bin/vi
C /etc
C /etc/group
A /etc/group/x
A /etc/moved
C /etc/passwd
D /etc/shells
A /etc/twice
C /srv'
  hoy stop -t 0 c1
  contains "$(hoy container diff c1)" 'D /bin/vi'
  expect 1 hoy diff nobody
  one_sentence "$output"
}

@test "diff: a directory that was made anew hides what was in it" {
  hoy run --name c1 base sh -c 'rm -rf /etc/../var/www /usr/share /sbin; mkdir /sbin; echo >/sbin/init; mkdir /usr/share'
  contains "$(hoy diff c1)" 'D /var/www'
  contains "$(hoy diff c1)" $'C /sbin\n'
  contains "$(hoy diff c1)" 'C /sbin/init'
  contains "$(hoy diff c1)" 'D /sbin/ifconfig'
  lacks "$(hoy diff c1)" 'A /sbin'
}

@test "export: what the container sees, into tar and back, and by import into a container" {
  everything c1
  all_of c1 >"$BATS_TEST_TMPDIR/before"
  hoy export -o "$BATS_TEST_TMPDIR/tar" c1
  is "$(stat -c %a "$BATS_TEST_TMPDIR/tar")" 600
  mkdir "$BATS_TEST_TMPDIR/out"
  tar --numeric-owner --xattrs --xattrs-include='*' --acls -xpf "$BATS_TEST_TMPDIR/tar" -C "$BATS_TEST_TMPDIR/out"
  is "$(cat "$BATS_TEST_TMPDIR/out/data/"$'not-utf-8-\xff\xfe')" bytes
  is "$(stat -c '%a %u %g' "$BATS_TEST_TMPDIR/out/data/setuid")" '6755 12 34'
  is "$(stat -c %u "$BATS_TEST_TMPDIR/out/data/big-ids")" 3000000000
  is "$(stat -c %h "$BATS_TEST_TMPDIR/out/data/linked")" 3
  is "$(getfattr --only-values -n user.of "$BATS_TEST_TMPDIR/out/data/deep")" 'a directory'
  [[ -n $(getcap "$BATS_TEST_TMPDIR/out/data/capable") ]]
  is "$(readlink "$BATS_TEST_TMPDIR/out/data/long-symlink" | wc -c)" 301
  is "$(stat -c %.9Y "$BATS_TEST_TMPDIR/out/data/deep/er")" 1234567890.123456789
  [[ ! -e $BATS_TEST_TMPDIR/out/data/socket && ! -e $BATS_TEST_TMPDIR/out/bin/vi && -z $(ls "$BATS_TEST_TMPDIR/out/proc") ]]
  hoy import "$BATS_TEST_TMPDIR/tar" copy:1
  hoy run -d --name d1 copy:1 sleep 600
  all_of d1 >"$BATS_TEST_TMPDIR/after"
  sed -i '/data\/socket/d' "$BATS_TEST_TMPDIR/before"
  same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  is "$(hoy export d1 | tar t | wc -l)" "$(tar tf "$BATS_TEST_TMPDIR/tar" | wc -l)"
}

@test "export: the same bytes each time, running, stopped or never started" {
  hoy create --name c1 base
  hoy export c1 | md5sum >"$BATS_TEST_TMPDIR/created"
  hoy run --name d1 base true
  hoy export d1 | md5sum | cmp - "$BATS_TEST_TMPDIR/created"
  hoy run -d --name e1 base sleep 600
  hoy export e1 | md5sum | cmp - "$BATS_TEST_TMPDIR/created"
}

@test "export: nowhere to write to" {
  hoy create --name c1 base
  run script -qc "$HOY export c1" /dev/null
  contains "$output" 'cowardly refusing to save to a terminal. Use the -o flag or redirect'
  run bash -c "'$HOY' export c1 >/dev/full"
  one_sentence "$output" && contains "$output" 'No space left'
  expect 1 hoy export -o "$BATS_TEST_TMPDIR/none/x" c1
  contains "$output" 'does not exist'
  expect 1 hoy export -o "$BATS_TEST_TMPDIR" c1
  one_sentence "$output"
  mkdir "$BATS_TEST_TMPDIR/small"
  mount -t tmpfs -o size=1m tmpfs "$BATS_TEST_TMPDIR/small"
  echo old >"$BATS_TEST_TMPDIR/small/x"
  expect 1 hoy export -o "$BATS_TEST_TMPDIR/small/x" c1
  one_sentence "$output" && contains "$output" 'No space left'
  is "$(ls -A "$BATS_TEST_TMPDIR/small"; cat "$BATS_TEST_TMPDIR/small/x")" $'x\nold'
  set -o pipefail
  run bash -c "set -o pipefail; '$HOY' export c1 | head -c 1 >/dev/null"
  is "$status $output" '141 '
}

@test "export: the worker sees the container's root alone, and may only read" {
  hoy create --name c1 base
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  hoy export c1 >"$BATS_TEST_TMPDIR/pipe" 3>&- 4>&- &
  exec 8<"$BATS_TEST_TMPDIR/pipe"
  head -c 1000 <&8 >/dev/null
  local worker
  worker=$(pgrep -P "$(pgrep -f "$HOY export c1")" hoy-fetch)
  is "$(awk '/^CapEff/ {print $2}' "/proc/$worker/status")" 0000000000000004
  is "$(awk '/^CapBnd/ {print $2}' "/proc/$worker/status")" 0000000000000000
  is "$(awk '/^Seccomp:/ {print $2}' "/proc/$worker/status")" 2
  lacks "$(awk '/^Uid/ {print $2}' "/proc/$worker/status")" '^0$'
  is "$(ls "/proc/$worker/root")" $'lower\nmerged\nupper'
  is "$(awk '$5 != "/" && $6 !~ /^ro,nosuid,nodev,noexec/' "/proc/$worker/mountinfo")" ''
  lacks "$(cat /proc/self/mountinfo)" "$HOY_RUNROOT"
  cat <&8 >/dev/null
  exec 8<&-
  ends_with 0 $!
}

@test "commit: the same files, file by file" {
  everything c1
  all_of c1 >"$BATS_TEST_TMPDIR/before"
  expect 0 hoy commit c1 made:1
  matches "$output" '^sha256:[0-9a-f]{64}$'
  hoy run -d --name d1 made:1
  sed -i '/data\/socket/d' "$BATS_TEST_TMPDIR/before"
  all_of d1 >"$BATS_TEST_TMPDIR/after"
  same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  is "$(hoy diff d1)" ''
  # Once more on top of it.
  hoy exec d1 sh -c 'rm -r /data /sbin; echo again >/etc/profile/again'
  all_of d1 >"$BATS_TEST_TMPDIR/before"
  hoy commit d1 made:2
  hoy run -d --name e1 made:2
  all_of e1 >"$BATS_TEST_TMPDIR/after"
  same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  is "$(hoy image inspect made:2 | jq '.[0].RootFS.Layers | length')" 3
}

@test "commit: the same files for skopeo and umoci, which read the layer by themselves" {
  everything c1
  hoy commit c1 made:1
  hoy save -o "$BATS_TEST_TMPDIR/archive" made:1
  skopeo --insecure-policy copy -q "docker-archive:$BATS_TEST_TMPDIR/archive" "oci:$BATS_TEST_TMPDIR/oci:made"
  umoci unpack --image "$BATS_TEST_TMPDIR/oci:made" "$BATS_TEST_TMPDIR/bundle" 2>"$BATS_TEST_TMPDIR/said"
  local root=$BATS_TEST_TMPDIR/bundle/rootfs
  [[ ! -e $root/bin/vi && -d $root/etc/profile && -f $root/var/spool ]]
  is "$(ls "$root/sbin" "$root/usr/local/bin")" "$root/sbin:
new

$root/usr/local/bin:"
  is "$(stat -c '%a %u %g' "$root/data/setuid")" '6755 12 34'
  is "$(stat -c %h "$root/data/linked")" 3
  [[ -n $(getcap "$root/data/capable") ]]
  is "$(tail -1 "$root/etc/passwd")" more
  is "$(cat "$root/data/"$'not-utf-8-\xff\xfe')" bytes
  tar --wildcards -xOf "$BATS_TEST_TMPDIR/archive" "$(tar -xOf "$BATS_TEST_TMPDIR/archive" manifest.json | jq -r '.[0].Layers[1]')" |
    tar t >"$BATS_TEST_TMPDIR/names"
  grep -qx bin/.wh.vi "$BATS_TEST_TMPDIR/names"
  grep -qx sbin/.wh..wh..opq "$BATS_TEST_TMPDIR/names"
  is "$(grep -c ^sbin/.wh "$BATS_TEST_TMPDIR/names")" 1
  is "$(grep -E '^(dev|proc|sys|etc/hosts|etc/hostname|etc/resolv.conf)' "$BATS_TEST_TMPDIR/names")" ''
}

@test "commit, with the dir driver" {
  HOY_ROOT=$BATS_TEST_TMPDIR/root
  hoy() { "$HOY" --storage-driver dir "$@"; }
  everything c1
  contains "$(hoy diff c1)" 'D /bin/vi'
  lacks "$(hoy diff c1)" /etc/hosts
  all_of c1 >"$BATS_TEST_TMPDIR/before"
  hoy commit c1 made:1
  hoy commit c1 made:2 # the layer is there already, and in use
  hoy run -d --name d1 made:1
  sed -i '/data\/socket/d' "$BATS_TEST_TMPDIR/before"
  all_of d1 >"$BATS_TEST_TMPDIR/after"
  sed -i "/^b'etc'/d" "$BATS_TEST_TMPDIR"/{before,after} # a start makes mount points in it
  same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  is "$(hoy diff d1)" ''
  hoy export d1 | hoy import - copy
  hoy run --rm copy cat /sbin/new
  expect 1 "$HOY" --storage-driver erofs commit c1 made:3
  one_sentence "$output" && contains "$output" '--storage-driver dir'
  hoy rm -f c1 d1
  hoy images -q --no-trunc | xargs "$HOY" rmi -f >/dev/null
}

@test "commit: settings, changes, history" {
  hoy run --name c1 -e A=1 -l own=yes -u 12 -w /tmp -v /anonymous --stop-signal QUIT --entrypoint echo base hello
  hoy commit -a 'me <me@x>' -m 'what I did' -c 'ENV B="two words" C=$A' -c 'EXPOSE 80' -c 'VOLUME /v' \
    -c 'LABEL more=1' -c 'HEALTHCHECK --interval=5s CMD true' -c 'ONBUILD RUN x' c1 made:1
  hoy image inspect made:1 | jq -c '.[0]' >"$BATS_TEST_TMPDIR/image"
  is "$(jq -r '.Author' "$BATS_TEST_TMPDIR/image")" 'me <me@x>'
  is "$(jq -cr '.Config | .Cmd, .Entrypoint, .WorkingDir, .User, .StopSignal' "$BATS_TEST_TMPDIR/image")" \
    $'["hello"]\n["echo"]\n/tmp\n12\nQUIT'
  is "$(jq -cr '.Config.Env[]' "$BATS_TEST_TMPDIR/image" | grep -v PATH)" $'A=1\nB=two words\nC=1'
  is "$(jq -cr '.Config.Labels | .own, .more, ."org.opencontainers.image.title"' "$BATS_TEST_TMPDIR/image")" $'yes\n1\nbase'
  is "$(hoy run --rm made:1)" hello
  hoy save made:1 -o "$BATS_TEST_TMPDIR/archive"
  tar -xOf "$BATS_TEST_TMPDIR/archive" "$(tar -xOf "$BATS_TEST_TMPDIR/archive" manifest.json | jq -r '.[0].Config')" \
    >"$BATS_TEST_TMPDIR/config"
  is "$(jq -c '.history[-1] | .created_by, .comment, .author' "$BATS_TEST_TMPDIR/config")" $'"hello"\n"what I did"\n"me <me@x>"'
  is "$(jq -c '.config | .ExposedPorts, .Volumes, .OnBuild, .Healthcheck.Test' "$BATS_TEST_TMPDIR/config")" \
    '{"80/tcp":{}}
{"/anonymous":{},"/v":{}}
["RUN x"]
["CMD-SHELL","true"]'
  # ENTRYPOINT takes away a command that did not come with it.
  hoy commit -c 'ENTRYPOINT ["echo", "other"]' c1 made:2
  is "$(hoy run --rm made:2)" other
  # The name moves; what had it stays.
  hoy commit c1 made:2
  is "$(hoy images -q | sort -u | wc -l)" 4
}

@test "commit: on top of an image from a registry, with several layers" {
  hoy pull -q "$REGISTRY/layers:1"
  hoy run --name c1 --entrypoint sh -u 0 "$REGISTRY/layers:1" -c 'rm /data/kept; rm -r /data/tree; echo x >/data/changed'
  contains "$(hoy diff c1)" $'D /data/kept\nD /data/tree'
  hoy commit -c 'ENTRYPOINT ["sh", "-c"]' c1 made:1
  hoy rm c1
  hoy rmi "$REGISTRY/layers:1"
  is "$(hoy run --rm made:1 'cat /data/changed; cd /data; echo *; ls /opaque; echo $COLOUR; id -u; pwd')" \
    $'x\nañejo ünïcode changed\nupper\nblue\n0\n/data'
  is "$(hoy image inspect made:1 | jq '.[0].RootFS.Layers | length')" 5
}

@test "commit: nothing has changed" {
  hoy create --name c1 base
  hoy commit c1 same
  is "$(hoy image inspect same | jq -c '.[0].RootFS')" "$(hoy image inspect base | jq -c '.[0].RootFS')"
  is "$(hoy run --rm same echo works)" works
}

@test "commit: what is refused" {
  hoy run --name c1 base sh -c 'touch /srv/.wh.x'
  expect 1 hoy commit c1 x
  one_sentence "$output" && contains "$output" 'srv/.wh.x'
  expect 1 hoy commit -c 'RUN true' c1
  one_sentence "$output" && contains "$output" 'RUN is not a valid change command'
  expect 1 hoy commit c1 Upper
  contains "$output" 'must be lowercase'
  expect 1 hoy commit c1 "x@sha256:$(printf '%064d' 0)"
  contains "$output" 'refusing to create a tag with a digest reference'
  expect 1 hoy commit nobody
  one_sentence "$output"
  is "$(hoy images -q | wc -l)" 1
  is "$(ls "$HOY_ROOT/tmp")" ''
}

# freezer CONTAINER: the file that says whether it stands still, and how that looks: of v1's freezer, or of v2.
freezer() {
  local groups group
  groups=/proc/$(field "$1" .State.Pid)/cgroup
  group=$(awk -F: '$2 == "freezer" && $3 != "/" {print "/sys/fs/cgroup/freezer" $3}' "$groups")
  if [[ -n $group ]]; then
    echo "FROZEN $group/freezer.state"
  else
    echo "frozen.1 $(findmnt -n -t cgroup2 -o TARGET | head -n 1)$(awk -F: '$1 == 0 {print $3}' "$groups")/cgroup.events"
  fi
}
has_counted() { [[ $(hoy exec "$1" cat /count 2>/dev/null) != "$2" ]]; }
goes_on() { eventually 10 has_counted "$1" "$(hoy exec "$1" cat /count)"; }
busy() {
  hoy run -d --name "$1" base sh -c \
    'dd if=/dev/urandom of=/big bs=1M count=300 2>/dev/null; i=0; while true; do i=$((i+1)); echo $i >/new; mv /new /count; done'
  eventually 20 has_counted "$1" ''
}

# shellcheck disable=SC2086 # $freezer is two words
@test "commit: a container that is at work stands still meanwhile, and goes on whatever happens" {
  busy c1
  local freezer
  freezer=$(freezer c1)
  hoy commit c1 made:1 >/dev/null 3>&- 4>&- &
  eventually 10 grep -q $freezer
  ends_with 0 $!
  goes_on c1
  hoy run --rm made:1 test -s /count
  for signal in KILL TERM; do
    "$HOY" commit c1 made:2 >/dev/null 2>&1 3>&- 4>&- &
    eventually 10 grep -q $freezer
    kill -$signal $!
    wait $! || true
    goes_on c1
  done
  hoy images >/dev/null # takes away what was left
  is "$(ls "$HOY_ROOT/tmp")" ''
  is "$(hoy images -q | wc -l)" 2
  hoy commit --no-pause c1 made:3
  hoy commit -p=false c1 made:4
  hoy run --rm made:4 test -s /big
  hoy export c1 | tar t >/dev/null
  contains "$(hoy diff c1)" 'A /big'
}

@test "commit and import: a full disk" {
  mkdir "$BATS_TEST_TMPDIR/small"
  mount -t tmpfs -o size=24m tmpfs "$BATS_TEST_TMPDIR/small"
  export HOY_ROOT=$BATS_TEST_TMPDIR/small/root
  hoy run --name c1 base dd if=/dev/urandom of=/big bs=1M count=12
  local before
  before=$(hoy images --no-trunc)
  expect 1 hoy commit c1 made:1
  one_sentence "$output" && contains "$output" 'No space left on device'
  run bash -c "'$HOY' export c1 | '$HOY' import - made:1"
  contains "$output" 'No space left on device'
  is "$(hoy images --no-trunc)" "$before"
  is "$(ls "$HOY_ROOT/tmp")" ''
  is "$(hoy run --rm base echo works)" works
  hoy rm c1
}

@test "import: compressed or not, from a file, standard input, a URL" {
  hoy run --name c1 base sh -c 'echo inside >/file'
  local tar=$BATS_TEST_TMPDIR/x.tar n=0
  hoy export -o "$tar" c1
  gzip -k "$tar" && zstd -qk "$tar" && xz -k "$tar" && bzip2 -k "$tar"
  local layer
  layer=$(sha256sum <"$tar" | cut -d' ' -f1)
  for file in "$tar"*; do
    hoy import -c 'CMD ["cat", "/file"]' "$file" "in:$((++n))"
    is "$(hoy run --rm "in:$n")" inside
    is "$(hoy image inspect "in:$n" | jq -r '.[0].RootFS.Layers[]')" "sha256:$layer"
  done
  is "$n" 5
  hoy import - <"$tar.zst" >/dev/null
  python3 -u -m http.server 0 --bind 127.0.0.1 -d "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/http" 2>&1 3>&- 4>&- &
  wait_line "$BATS_TEST_TMPDIR/http" 'port [0-9]+'
  local url
  url=http://127.0.0.1:$(sed -E 's/.*port ([0-9]+).*/\1/;q' "$BATS_TEST_TMPDIR/http")
  hoy import -m 'from afar' --platform linux/arm64 "$url/x.tar.gz" url:1
  is "$(hoy image inspect url:1 | jq -r '.[0].Architecture')" arm64
  expect 1 hoy import "$url/none" url:2
  one_sentence "$output" && contains "$output" 404
  kill $!
  expect 1 hoy import http://example.com/x.tar
  one_sentence "$output" && contains "$output" TLS
}

@test "import: what is no tar, cut off, endless, a bomb" {
  hoy create --name c1 base
  hoy export -o "$BATS_TEST_TMPDIR/x.tar" c1
  bad() { # REGEX COMMAND...: its output, imported
    run bash -c "{ ${*:2}; } 2>/dev/null | timeout 60 '$HOY' import - bad:1"
    one_sentence "$output"
    matches "$output" "$1"
  }
  bad 'is empty' true
  bad 'not a tar' 'echo hello'
  bad 'not a tar' cat /dev/urandom
  bad 'not a tar' 'gzip </dev/urandom'
  bad 'cut off|Truncated' head -c 300000 "$BATS_TEST_TMPDIR/x.tar"
  for tool in gzip 'zstd -q' xz bzip2; do bad 'cut off' "$tool <$BATS_TEST_TMPDIR/x.tar | head -c 200000"; done
  truncate -s 1100M "$BATS_TEST_TMPDIR/zeros"
  bad 'bomb' "tar -cC $BATS_TEST_TMPDIR zeros | gzip -1"
  HOY_LAYER_LIMIT=1m bad 'limit for a layer' "cat $BATS_TEST_TMPDIR/x.tar"
  "$BATS_TEST_DIRNAME/make-tar" hostile-parent "$BATS_TEST_TMPDIR/hostile"
  bad '\.\.' cat "$BATS_TEST_TMPDIR/hostile"
  expect 1 hoy import "$BATS_TEST_TMPDIR/none"
  one_sentence "$output"
  is "$(hoy images -q | wc -l)" 1
  is "$(ls "$HOY_ROOT/tmp")" ''
}

@test "import: ctrl-C, kill -9" {
  for signal in TERM KILL; do
    mkfifo "$BATS_TEST_TMPDIR/$signal"
    exec 8<>"$BATS_TEST_TMPDIR/$signal"
    "$HOY" import - <"$BATS_TEST_TMPDIR/$signal" 2>/dev/null 3>&- 4>&- 8>&- &
    eventually 10 compgen -G "$HOY_ROOT/tmp/*/layer.tar" >/dev/null
    kill -$signal $!
    wait $! || true
    exec 8>&-
    hoy images >/dev/null
    is "$(ls "$HOY_ROOT/tmp")" ''
  done
  is "$(hoy images -q)" ''
}
