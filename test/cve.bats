#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Flaws of other runtimes, each with what must happen instead. Where a flaw is a race, an attacker races: with links
# and directories that change places as fast as the kernel exchanges them, from outside as another container with the
# same volume would, or with a program inside that traces whatever comes.

load lib
load bundle

SECONDS_OF_A_RACE=4

file_setup() { bundle_setup; }

test_setup() {
  # What escapes would show here.
  canary=$BATS_TEST_TMPDIR/canary
  mkdir "$canary"
  echo untouched >"$canary/file"
  canary_before=$(look "$canary")
  programs_before=$(sha256sum "$HOY" "$HOY_RUNTIME")
}

look() { find "$1" -printf '%p %y %m %U:%G %s %T@ %l\n' | LC_ALL=C sort; }

test_teardown() {
  local status=0
  bundle_teardown || status=1
  is "$(look "$canary")" "$canary_before" || status=1
  is "$(<"$canary/file")" untouched || status=1
  is "$(sha256sum "$HOY" "$HOY_RUNTIME")" "$programs_before" || status=1
  lacks "$(</proc/self/mountinfo)" "$canary" || status=1
  return $status
}

# A link to the canary that is right from the host's root, from the container's, and by climbing.
links() { printf '%s\n' "$canary" "../../../../../../../../../../../..$canary" "/proc/self/root/$canary" "/proc/1/root$canary"; }

# Starts: whatever comes of it, it ends within its time, by itself, and not by a signal.
starts() {
  run timeout -s KILL 20 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" racer </dev/null
  ((status < 124)) || { echo "$status: $output"; return 1; }
}

# Paths

@test "CVE-2015-3627: a link in the root to a descriptor of the runtime's" {
  bundle a
  local n
  mkdir "$BATS_TEST_TMPDIR/source"
  for n in 0 3 4 5 6 7 8 9 10 11 12; do
    rm -rf "$bundle/rootfs/etc"
    ln -s "/proc/self/fd/$n" "$bundle/rootfs/etc"
    config '.mounts += [{destination: "/etc/below", type: "bind", source: $source, options: ["rbind"]}]' \
      --arg source "$BATS_TEST_TMPDIR/source"
    starts
    ((status != 0))
  done
}

@test "CVE-2015-3629: a mount's target is a link that leads out" {
  bundle a
  local target
  mkdir "$BATS_TEST_TMPDIR/source"
  config '.mounts += [{destination: "/way/below", type: "bind", source: $source, options: ["bind"]},
    {destination: "/way/made", type: "tmpfs", source: "tmpfs"}]' --arg source "$BATS_TEST_TMPDIR/source"
  while read -r target; do
    ln -sfn "$target" "$bundle/rootfs/way"
    starts
  done < <(links)
}

@test "CVE-2021-30465, CVE-2024-45310: a directory on the way to a mount's target changes places with a link" {
  bundle a
  mkdir -p "$BATS_TEST_TMPDIR/volume/way/below" "$BATS_TEST_TMPDIR/source"
  echo marked >"$BATS_TEST_TMPDIR/source/mark"
  config '.mounts += [{destination: "/volume", type: "bind", source: $volume, options: ["rbind"]},
    {destination: "/volume/way/below/deep/er", type: "bind", source: $source, options: ["rbind"]},
    {destination: "/volume/way/file", type: "bind", source: $file, options: ["bind"]}]' \
    --arg volume "$BATS_TEST_TMPDIR/volume" --arg source "$BATS_TEST_TMPDIR/source" --arg file "$BATS_TEST_TMPDIR/source/mark"
  attack flip "$BATS_TEST_TMPDIR/volume/way" "../../../../../../../../../../../..$canary"
  for_seconds $SECONDS_OF_A_RACE starts
}

@test "CVE-2026-41579, CVE-2026-47766: /dev is a link that leads out" {
  bundle a
  local target
  config '.linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 3}]'
  while read -r target; do
    rm -rf "$bundle/rootfs/dev"
    ln -s "$target" "$bundle/rootfs/dev"
    starts
    # A /dev that is the root's own, without a mount.
    config 'del(.mounts[] | select(.destination | startswith("/dev")))'
    starts
  done < <(links)
}

@test "CVE-2026-41579: /dev changes places with a link while devices are made" {
  bundle a
  config '.linux.devices = [range(20) | {path: "/dev/mine\(.)", type: "c", major: 1, minor: 3}]'
  attack flip "$bundle/rootfs/dev" "../../../../../../../../../..$canary"
  for_seconds $SECONDS_OF_A_RACE starts
  attack_end
  # Nor in the root, where the host could open them.
  is "$(find "$bundle/rootfs" -type c -o -type b)" ''
}

@test "CVE-2024-5154, CVE-2024-9341, CVE-2025-24965: files that a runtime makes in a root" {
  bundle a
  local name
  for name in etc/mtab etc/hosts etc/resolv.conf run .krun_config.json; do
    rm -rf "${bundle:?}/rootfs/$name"
    ln -s "$canary/${name##*/}" "$bundle/rootfs/$name"
  done
  starts
  is "$status" 0
}

@test "CVE-2026-55686, CVE-2022-23648: a working directory behind a link is made in the root, or not at all" {
  bundle a
  ln -s "$canary" "$bundle/rootfs/way"
  local cwd
  for cwd in /way/made /way /../../../.."$canary"/made; do
    config '.process.cwd = $cwd' --arg cwd "$cwd"
    starts
  done
}

# Masks, /proc and /sys

SEE='
  for path in /proc/kcore /proc/keys /proc/timer_list; do
    [ ! -e $path ] || [ "$(stat -c %t:%T $path)" = 1:3 ] || echo "unmasked: $path $(stat -c %t:%T:%F $path)"
  done
  grep " - proc " /proc/self/mountinfo 2>/dev/null | grep -v " /proc" || true
'

@test "CVE-2019-18837, CVE-2023-28642, CVE-2025-54867: /proc or /sys is a link" {
  bundle a
  command_is sh -c "$SEE"
  local name target
  for name in proc sys; do
    while read -r target; do
      rm -rf "${bundle:?}/rootfs/$name"
      ln -s "$target" "$bundle/rootfs/$name"
      starts
    done < <(links)
    mkdir -p "$bundle/rootfs/elsewhere"
    ln -sfn elsewhere "$bundle/rootfs/$name"
    starts
    lacks "$output" unmasked
    rm "$bundle/rootfs/$name"
    mkdir "$bundle/rootfs/$name"
  done
}

# Whoever else has the root exchanges its directories, and a mount goes with its directory.
@test "CVE-2019-19921, CVE-2023-27561: /proc changes places while it is masked" {
  bundle a
  mkdir -p "$bundle/rootfs/other" "$bundle/rootfs/proc"
  # Wherever the procfs has come to be, it is masked. Whoever stands in it is not raced any more.
  command_is sh -c '
    for place in /proc /other; do
      cd $place && [ -e version ] || continue
      for name in keys timer_list interrupts; do
        [ "$(stat -c %t:%T $name)" = 1:3 ] || echo "unmasked: $place/$name"
      done
      (echo 0 >sys/kernel/printk_delay) 2>/dev/null && echo "writable: $place/sys"
      echo looked
    done'
  attack swap "$bundle/rootfs/proc" "$bundle/rootfs/other"
  local looked=0 end=$((SECONDS + 2 * SECONDS_OF_A_RACE))
  while ((SECONDS < end)); do
    starts
    lacks "$output" unmasked
    lacks "$output" writable
    [[ $output != *looked* ]] || looked=$((looked + 1))
  done
  attack_end
  echo "$looked starts"
  ((looked > 3))
}

@test "CVE-2015-3630, CVE-2017-16539, CVE-2018-10892, GHSA-7ww5-4wqc-m92c: what is masked and read-only" {
  bundle a
  command_is sh -c '
    for path in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /proc/interrupts /proc/latency_stats; do
      [ ! -e $path ] || [ "$(head -c 1 $path | wc -c)" = 0 ] || echo "unmasked: $path"
    done
    for path in /proc/acpi /proc/asound /proc/scsi /sys/firmware /sys/devices/virtual/powercap; do
      [ ! -e $path ] || [ "$(ls $path | wc -l)" = 0 ] || echo "unmasked: $path"
    done
    for path in /proc/bus /proc/fs /proc/irq /proc/sys /proc/sys/kernel/core_pattern /proc/sysrq-trigger; do
      [ ! -e $path ] || { [ -w $path ] && touch $path 2>/dev/null && echo "writable: $path"; }
    done
    (echo 1 >/proc/sys/kernel/panic) 2>/dev/null && echo "written"; true'
  expect 0 rt run -b "$bundle" c
  is "$output" ''
}

@test "CVE-2025-31133, CVE-2025-62161: /dev/null changes places while paths are masked with it" {
  bundle a
  mkdir "$BATS_TEST_TMPDIR/volume"
  mknod "$BATS_TEST_TMPDIR/volume/null" c 1 3
  ln -s /proc/sys/kernel/core_pattern "$BATS_TEST_TMPDIR/volume/link"
  ln -s /proc/sysrq-trigger "$BATS_TEST_TMPDIR/volume/zero"
  config '.mounts = [.mounts[] | select(.destination | startswith("/dev") | not)] +
    [{destination: "/dev", type: "bind", source: $volume, options: ["rbind"]}]' --arg volume "$BATS_TEST_TMPDIR/volume"
  command_is sh -c "$SEE"
  attack swap "$BATS_TEST_TMPDIR/volume/null" "$BATS_TEST_TMPDIR/volume/link"
  race() {
    starts
    lacks "$output" unmasked
  }
  for_seconds $SECONDS_OF_A_RACE race
}

@test "CVE-2025-52565: /dev/console and /dev/pts/0 are somebody else's" {
  bundle a
  config '.process.terminal = true'
  command_is sh -c "$SEE"
  local target
  # A devpts that is none, with an entry that is a link.
  mkdir "$BATS_TEST_TMPDIR/pts"
  ln -s /proc/sys/kernel/core_pattern "$BATS_TEST_TMPDIR/pts/0"
  ln -s /dev/null "$BATS_TEST_TMPDIR/pts/ptmx"
  config '.mounts = [.mounts[] | if .destination == "/dev/pts" then {destination, type: "bind", source: $pts, options: ["rbind"]} else . end]' \
    --arg pts "$BATS_TEST_TMPDIR/pts"
  run timeout 20 script -qec "$HOY_RUNTIME --root $RUNTIME_ROOT run -b $bundle c" /dev/null </dev/null
  ((status != 0))
  contains "$output" devpts
  # A console that leads elsewhere.
  bundle b
  config '.process.terminal = true | .mounts = [.mounts[] | select(.destination != "/dev")]'
  command_is sh -c "$SEE"
  while read -r target; do
    ln -sfn "$target" "$bundle/rootfs/dev/console"
    run timeout 20 script -qec "$HOY_RUNTIME --root $RUNTIME_ROOT run -b $bundle c" /dev/null </dev/null
    lacks "$output" unmasked
  done < <(links; echo /proc/kcore; echo "$canary/file")
}

# Writing to /proc

@test "CVE-2015-3631, CVE-2019-16884, CVE-2025-52881: a volume over /proc gets nothing that is the kernel's" {
  bundle a
  local volume=$BATS_TEST_TMPDIR/volume
  mkdir -p "$volume"/{self,thread-self,1}/attr/apparmor "$volume/sys/net/ipv4" "$volume/sys/kernel"
  for name in self thread-self 1; do
    touch "$volume/$name"/attr/{exec,keycreate,apparmor/exec} "$volume/$name/oom_score_adj"
  done
  echo none >"$volume/sys/net/ipv4/ip_forward"
  local before
  before=$(look "$volume")
  config '.mounts = [.mounts[] | if .destination == "/proc" then {destination, type: "bind", source: $volume, options: ["rbind"]} else . end]
    | .linux.sysctl = {"net.ipv4.ip_forward": "1"} | .process.oomScoreAdj = 321
    | .mounts += [{destination: "/true", type: "proc", source: "proc"}]' --arg volume "$volume"
  command_is cat /true/self/oom_score_adj /true/sys/net/ipv4/ip_forward
  starts
  # It may be refused.
  ((status != 0)) || is "$output" $'321\n1'
  is "$(look "$volume")" "$before"
}

@test "CVE-2025-52881, CVE-2025-62596: what is written while /proc changes places arrives where it belongs" {
  bundle a
  local name
  for name in proc other; do
    mkdir -p "$bundle/rootfs/$name/sys/net/ipv4" "$bundle/rootfs/$name/self/attr"
    echo none >"$bundle/rootfs/$name/sys/net/ipv4/ip_forward"
    ln -s "$canary/file" "$bundle/rootfs/$name/self/attr/exec"
    ln -s "$canary/file" "$bundle/rootfs/$name/self/oom_score_adj"
    rm "$bundle/rootfs/$name/sys/net/ipv4/ip_forward"
    ln -s "$canary/file" "$bundle/rootfs/$name/sys/net/ipv4/ip_forward"
  done
  config '.linux.sysctl = {"net.ipv4.ip_forward": "1"} | .process.oomScoreAdj = 321'
  attack swap "$bundle/rootfs/proc" "$bundle/rootfs/other"
  for_seconds $SECONDS_OF_A_RACE starts
}

@test "CVE-2022-0532, CVE-2022-0811: a kernel parameter of the host's is refused" {
  bundle a
  local name
  # Values that change nothing, should they be written.
  for name in kernel.core_pattern kernel/core_pattern vm.overcommit_memory fs.suid_dumpable kernel.printk_delay \
    net.ipv4../../../kernel/core_pattern ../sysrq-trigger; do
    config '.linux.sysctl = {($name): $value}' --arg name "$name" \
      --arg value "$(cat "/proc/sys/${name//.//}" 2>/dev/null || echo 0)"
    expect 1 rt run -b "$bundle" c
    one_line "$output"
  done
  config '.linux.sysctl = {"net.ipv4.ip_forward": "1"} | .linux.namespaces = [.linux.namespaces[] | select(.type != "network")]'
  expect 1 rt run -b "$bundle" c
  one_line "$output"
}

# Descriptors

@test "CVE-2024-21626: a working directory that is a descriptor of the runtime's" {
  bundle a
  local n
  command_is sh -c 'pwd; ls ../../../../../../../../work ../../../../../../etc/hostname 2>/dev/null'
  for n in $(seq 0 40) 1023; do
    config '.process.cwd = "/proc/self/fd/\($n)"' --arg n "$n"
    run rt run -b "$bundle" c </
    ((status != 0)) || { echo "$n: $output"; return 1; }
    one_line "$output"
  done
}

@test "CVE-2024-21626: exec, over every descriptor" {
  bundle a
  command_is sleep 600
  start victim
  local n
  ln -s /proc/self/fd/7 "$bundle/rootfs/seven"
  for n in $(seq 3 64) 100 255 512 1023; do
    run rt exec --cwd "/proc/self/fd/$n" victim pwd </
    ((status != 0)) || { echo "$n: $output"; return 1; }
  done
  run rt exec --cwd /seven victim pwd </
  ((status != 0))
  # With descriptors of the caller's, too, which it did not say are the command's.
  run rt exec --cwd /proc/self/fd/9 victim pwd 9</
  ((status != 0))
  rt delete -f victim
}

@test "CVE-2024-21626, CVE-2016-9962: nothing of the host's is open inside: run, start, exec" {
  bundle a
  command_is attacker fds 3
  expect 0 rt run -b "$bundle" c 9</ 20</etc/passwd
  is "$output" ''
  rt create -b "$bundle" d 9</ 20</etc/passwd </dev/null >"$BATS_TEST_TMPDIR/said" 2>&1
  rt start d 9</
  eventually 10 stopped d
  is "$(<"$BATS_TEST_TMPDIR/said")" ''
  rt delete -f d
  command_is sleep 600
  start victim
  expect 0 rt exec victim attacker fds 3 9</ 20</etc/passwd
  is "$output" ''
  # And of those that are asked for, no more.
  expect 0 rt exec --preserve-fds 2 victim attacker fds 3 3</dev/null 4</dev/null 5</
  is "$output" $'3 device foreign\n4 device foreign'
  rt delete -f victim
}
stopped() { [[ $(rt state "$1" | jq -r .status) == stopped ]]; }

@test "CVE-2016-9962, CVE-2019-5736: a program inside that traces and opens whatever comes in by exec" {
  bundle a
  # With every capability the kernel refuses it nothing that it would not refuse to a host's root.
  config '.process.capabilities |= with_entries(.value = $all) | .process.noNewPrivileges = false' \
    --argjson all "$(all_caps)"
  command_is attacker hunt 12
  start hunter
  local n=0 end=$((SECONDS + 8))
  while ((SECONDS < end)); do
    rt exec hunter true </dev/null
    rt exec --user 1000:1000 hunter true </dev/null
    rt exec hunter /proc/self/exe </dev/null || true
    n=$((n + 3))
  done 2>/dev/null
  eventually 20 stopped hunter
  echo "$n processes; $(<"$BATS_TEST_TMPDIR/hunter.out")"
  is "$(<"$BATS_TEST_TMPDIR/hunter.out")" 'looked often'
  rt delete -f hunter
}
all_caps() { capsh --print | sed -n 's/^Bounding set =//p' | tr '[:lower:]' '[:upper:]' | jq -Rc 'split(",")'; }

# It has the plan in its memory, with the hooks that whoever deletes the container will run, and descriptors of the
# host's.
waits_untouched() {
  command_is sleep 600
  rt create -b "$bundle" c </dev/null >/dev/null 2>&1
  expect 0 rt exec c attacker reach 1
  is "${lines[-1]}" nothing
  rt start c
  expect 1 rt exec c attacker reach 1
  is "$output" 'exe root cwd fd/0 maps mem traced'
  rt delete -f c
}

@test "CVE-2016-9962: a container that waits for its start is not reached by who comes in before" {
  bundle a
  waits_untouched
  # The kernel refuses nothing to who may trace: that is not given before the start. (The other two may know which addresses
  # are in use, without what is there.)
  config '.process.capabilities |= with_entries(.value = $all - ["CAP_PERFMON", "CAP_SYS_ADMIN"])' --argjson all "$(all_caps)"
  command_is sleep 600
  rt create -b "$bundle" c </dev/null >/dev/null 2>&1
  jq '.process | .args = ["attacker", "reach", "1"]' "$bundle/config.json" >"$BATS_TEST_TMPDIR/process.json"
  local words
  for words in '' '--cap CAP_SYS_PTRACE' "-p $BATS_TEST_TMPDIR/process.json"; do
    # shellcheck disable=SC2086
    expect 0 rt exec $words c attacker reach 1
    is "${lines[-1]}" nothing
    contains "$output" 'before the container'
  done
  rt pause c
  rt exec --ignore-paused c attacker reach 1 </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  eventually 10 grep -q 'before the container' "$BATS_TEST_TMPDIR/out"
  rt resume c
  wait $!
  contains "$(<"$BATS_TEST_TMPDIR/out")" nothing
  rt start c
  expect 1 rt exec c attacker reach 1
  is "$output" 'exe root cwd fd/0 maps mem traced'
  rt delete -f c
}

# With the same ids outside it is the same user before and after it becomes the user namespace's root.
@test "CVE-2016-9962: nor is one in a user namespace, whoever it is there" {
  bundle a
  chmod 755 "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" 2>/dev/null || true
  config '.linux.namespaces += [{type: "user"}]'
  local host user
  for host in 0 100000; do
    chown -R $host:$host "$bundle/rootfs"
    config '.linux.uidMappings = [{containerID: 0, hostID: $host, size: 2000}] | .linux.gidMappings = .linux.uidMappings' --argjson host $host
    for user in 0 1000; do
      config '.process.user = {uid: $user, gid: $user}' --argjson user $user
      waits_untouched
    done
    config '.process.capabilities |= with_entries(.value = $all) | .process.user = {uid: 0, gid: 0}' --argjson all "$(all_caps)"
    waits_untouched
  done
}

@test "CVE-2022-0847: what could be written to by way of the page cache is no file of the host's" {
  bundle a
  command_is sleep 600
  "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" victim </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  local shim=$!
  eventually 10 running victim
  is "$(readlink "/proc/$shim/exe")" '/memfd:hoy-shim (deleted)'
  # F_GET_SEALS: F_SEAL_SEAL, SHRINK, GROW and WRITE.
  is "$(python3 -c 'import fcntl, sys; print(fcntl.fcntl(open(sys.argv[1], "rb"), 1034))' "/proc/$shim/exe")" 15
  rt delete -f victim
  wait "$shim" || true
}
running() { [[ $(rt state "$1" | jq -r .status) == running ]]; }

@test "CVE-2019-5736: the program behind /proc/self/exe is nobody's file" {
  bundle a
  printf '#!/proc/self/exe\n' >"$bundle/rootfs/bin/loop"
  chmod 755 "$bundle/rootfs/bin/loop"
  local program
  for program in /proc/self/exe /bin/loop /proc/1/exe; do
    command_is "$program" -c 'echo bad'
    run timeout 20 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" c </dev/null
    ((status != 124))
    lacks "$output" bad
  done
  command_is sleep 600
  start victim
  for program in /proc/self/exe /bin/loop; do
    run rt exec victim "$program" features </dev/null
    lacks "$output" mountOptions
  done
  # The shim is a sealed file in memory, and the container's first process has only its own program.
  expect 0 rt exec victim readlink /proc/1/exe
  is "$output" /bin/busybox
  rt delete -f victim
}

# Who somebody is

@test "CVE-2022-29162, CVE-2022-24769, CVE-2022-27649 to 27652, CVE-2025-27612, CVE-2016-8867, CVE-2018-10856, CVE-2018-1000400: nothing inheritable, nothing ambient: run and exec, root and not" {
  bundle a
  command_is cat /proc/self/status
  expect 0 rt run -b "$bundle" c
  contains "$output" $'CapInh:\t0000000000000000'
  contains "$output" $'CapAmb:\t0000000000000000'
  contains "$output" $'CapEff:\t0000000020000420'
  contains "$output" $'CapBnd:\t0000000020000420'
  # Who is not root has none at all.
  config '.process.user = {uid: 1000, gid: 1000}'
  expect 0 rt run -b "$bundle" c
  contains "$output" $'CapEff:\t0000000000000000'
  contains "$output" $'CapInh:\t0000000000000000'
  contains "$output" $'CapAmb:\t0000000000000000'
  command_is sleep 600
  start victim
  expect 0 rt exec --cap CAP_CHOWN victim cat /proc/self/status
  contains "$output" $'CapInh:\t0000000000000000'
  contains "$output" $'CapAmb:\t0000000000000000'
  rt delete -f victim
}

@test "shocker: nobody opens a file by its handle" {
  bundle a
  command_is cat /proc/self/status
  expect 0 rt run -b "$bundle" c
  local mask
  mask=$(sed -n 's/^CapBnd:\t*//p' <<<"$output")
  (((0x$mask & 1 << 2) == 0))
}

@test "CVE-2022-36109, CVE-2022-2989, CVE-2022-2990, CVE-2022-2995, CVE-2023-25173: supplementary groups are those that were asked for" {
  bundle a
  local groups
  command_is id -G
  for groups in '' 5 5,6 0 1000,7 65534; do
    config '.process.user = {uid: 1000, gid: 1000, additionalGids: $gids}' --argjson gids "[$groups]"
    expect 0 setpriv --groups 4,27 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" c
    is "$(tr ' ' '\n' <<<"$output" | sort -nu | paste -sd,)" "$(tr , '\n' <<<"1000,$groups" | grep . | sort -nu | paste -sd,)"
  done
  # Root's, and those of a user whose group is another one's.
  for groups in 0:0: 0:5:6 1000:0: 1000:5:5,7; do
    config '.process.user = {uid: $uid, gid: $gid, additionalGids: $gids}' --argjson uid "${groups%%:*}" \
      --argjson gid "$(cut -d: -f2 <<<"$groups")" --argjson gids "[${groups##*:}]"
    expect 0 setpriv --groups 4,27 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" c
    is "$(tr ' ' '\n' <<<"$output" | sort -nu | paste -sd,)" "$(cut -d: -f2- <<<"$groups" | tr ':,' '\n' | grep . | sort -nu | paste -sd,)"
  done
  # Whoever may not set them does not pass on its own instead.
  config '.process.user = {uid: 0, gid: 0}'
  expect 1 setpriv --groups 4,27 --bounding-set=-setgid "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" c
  contains "$output" "cannot set the supplementary groups"
  command_is sleep 600
  config '.process.user = {uid: 1000, gid: 1000}'
  start victim
  is "$(rt exec victim id -G)" 1000
  is "$(rt exec -g 8 -g 9 victim id -G)" '1000 8 9'
  rt delete -f victim
}

@test "CVE-2016-3697: a name of digits in the passwd file" {
  bundle a
  printf '1000:x:0:0:root:/root:/bin/sh\n0:x:1234:1234::/:\n' >"$bundle/rootfs/etc/passwd"
  printf '1000:x:0:\n' >"$bundle/rootfs/etc/group"
  config '.process.user = {uid: 1000, gid: 1000, username: "1000"}'
  command_is id
  expect 0 rt run -b "$bundle" c
  contains "$output" 'uid=1000'
  command_is sleep 600
  start victim
  expect 0 rt exec --user 1000 victim id -u
  is "$output" 1000
  rt delete -f victim
}

@test "CVE-2022-4318, CVE-2026-15809: what a home or a user says makes no line of the passwd file" {
  bundle a
  local file=$bundle/rootfs/etc/passwd word line=$'x\nroot::0:0::/:/bin/sh\n'
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$file"
  cp "$file" "$BATS_TEST_TMPDIR/passwd"
  command_is sh -c 'id -u; echo "[$HOME]"'
  for word in "$line" 'a:b' $'/\r/x' ''; do
    config '.process.user = {uid: 1000, gid: 1000, username: $word} | .process.env += ["HOME=\($word)"]' --arg word "$word"
    expect 0 rt run -b "$bundle" c
    is "${lines[0]}" 1000
    cmp "$file" "$BATS_TEST_TMPDIR/passwd"
  done
  config '.process.user = {uid: 1000, gid: 1000}'
  command_is sleep 600
  start victim
  for word in "$line" "1000:$line" $'1000\n'; do
    run rt exec --user "$word" -e "HOME=$line" victim id -u
    ((status != 0))
  done
  cmp "$file" "$BATS_TEST_TMPDIR/passwd"
  rt delete -f victim
}

# Two hundred, none of which is a user's id, or one that nobody else has.
user_strings() {
  local word
  for word in {a..z} {A..Z}; do printf '%s\n' "$word"; done
  for word in '' ' ' - -- : :: ::: 0: :0 1: :1 a root root: root:root nobody 0:root 1:root; do printf '%s\n' "$word"; done
  for word in -1 -0 -2147483648 4294967295 4294967296 4294967297 8589934592 18446744073709551615 18446744073709551616 \
    99999999999999999999 999999999999999999999999999999999999; do
    printf '%s\n' "$word" "$word:0" "1:$word" "$word:$word" " $word" "$word "
  done
  for word in 0x0 0x1 0X10 0b1 0o7 1e3 1.0 1,0 1_000 +0 +1 ++1 1- 1+ '1 0' $'1\t' $'\t1' '1;0' '1|0' '1/0' ../0 '1%00' '1#0' ١ １ 1a a1 \
    '1:1:1' '1::1' '1:' '1:-1' '1:+1' '1:0x1' '1: 1' '1 :1' '1:1 ' 1:1e1 inf nan NaN INF true null '[]' '{}' '"1"' "'1'" '$0' '`id`' '$(id)' '*' '?' '~' \
    '1=0' uid=0 u:0 0,0 '0 0' 0.0 00x 0-0 0+0 0*0 '0&0' '0!' '@0' '#0' '%d' '%n' '%s%s%s' '\0' '\x30' '0\n'; do
    printf '%s\n' "$word"
  done
  printf '%s\n' "$(printf '1%.0s' $(seq 300))" "$(printf '0%.0s' $(seq 300))x"
}

@test "CVE-2026-30892, CVE-2024-40635, CVE-2026-46680: two hundred users of exec" {
  bundle a
  command_is sleep 600
  start victim
  local word n=0
  while IFS= read -r word; do
    n=$((n + 1))
    run -0 --keep-empty-lines true
    run rt exec "--user=$word" victim id -u </dev/null
    if ((status == 0)); then
      # Empty is not said.
      [[ $word == '' ]] || { echo "'$word' was taken as $output"; return 1; }
    else
      one_line "$output"
    fi
  done < <(user_strings)
  echo "$n strings"
  ((n >= 180))
  # What is right: digits are the number that they say, whatever comes before them.
  is "$(rt exec --user 1 victim id -u)" 1
  is "$(rt exec --user 2147483647:5 victim id -u)" 2147483647
  is "$(rt exec --user 4294967294 victim id -u)" 4294967294
  rt delete -f victim
}

@test "CVE-2024-40635: an id that means nothing to the kernel is no reason to stay root" {
  bundle a
  command_is id
  local user
  for user in '{uid: 4294967295, gid: 0}' '{uid: 1000, gid: 4294967295}' '{uid: 1000, gid: 1000, additionalGids: [4294967295]}' \
    '{uid: 4294967296, gid: 0}' '{uid: -1, gid: 0}' '{uid: 1.5, gid: 0}' '{uid: "0", gid: 0}' '{uid: 18446744073709551615, gid: 0}'; do
    config ".process.user = $user"
    expect 1 rt run -b "$bundle" c
    one_line "$output"
  done
}

@test "CVE-2024-9676, CVE-2026-47262: a passwd file that never ends, or is none" {
  bundle a
  command_is sh -c 'echo $HOME'
  local name=$bundle/rootfs/etc/passwd
  mkfifo "$name"
  starts
  is "$output" /
  rm "$name"
  truncate -s 2G "$name"
  starts
  is "$output" /
  rm "$name"
  mkdir "$name"
  starts
  is "$output" /
  rmdir "$name"
  head -c 600000 /dev/zero | tr '\0' a >"$name"
  printf '\nroot:x:0:0::/home/of/root:\n' >>"$name"
  starts
  is "$output" /home/of/root
}

# Devices, cgroups, namespaces

@test "CVE-2023-6476, CVE-2024-3154: an annotation is one property of systemd's, or refused; without systemd it is none" {
  bundle a
  local name
  for name in 'a b' 'ab' '' 'CPUQuota=1\nExecStart' 'CPU/Quota' '../CPUQuota' 'CPUQuota\n' 'CPUQuotaPerSec'; do
    config ".linux.cgroupsPath = \"system.slice:hoy:c\" | .annotations = {\"org.systemd.property.$name\": \"'x'\"}"
    expect 1 rt --systemd-cgroup run -b "$bundle" c
    one_line "$output"
    contains "$output" 'annotation org.systemd.property.'
  done
  config '.linux.cgroupsPath = "/hoy/c" | .linux.resources.pids.limit = 7 | .annotations = {"org.systemd.property.TasksMax": "uint64 70"}'
  command_is sleep 600
  start victim
  is "$(cat /sys/fs/cgroup/pids/hoy/c/pids.max /sys/fs/cgroup/hoy/c/pids.max 2>/dev/null)" 7
  rt delete -f victim
}

@test "runc's device list: what is not allowed is refused" {
  bundle a
  local disk
  disk=$(awk '$4 ~ /^(vd|sd|nvme|xvd|loop)/ {print $1, $2; exit}' /proc/partitions)
  disk=${disk:-7 0}
  config '.process.capabilities |= with_entries(.value += ["CAP_MKNOD"]) | .linux.resources.devices = [{allow: false, access: "rwm"}]'
  command_is sh -c "mknod /disk b $disk && head -c 1 /disk | wc -c; mknod /memory c 1 1 && head -c 1 /memory; head -c 1 /dev/zero | wc -c; echo x >/dev/null && echo fine"
  run rt run -b "$bundle" c
  contains "$output" 'Operation not permitted'
  contains "$output" $'1\nfine'
  [[ ! -e $bundle/rootfs/memory ]] || contains "$output" "/memory: Operation not permitted"
}

@test "CVE-2022-0492, CVE-2023-25809: no release_agent, and cgroups are read-only" {
  bundle a
  config '.process.capabilities |= with_entries(.value = $all)' --argjson all "$(all_caps)"
  command_is sh -c '
    cat /proc/self/cgroup | grep -v ":/$"
    for file in $(ls -d /sys/fs/cgroup/release_agent /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/notify_on_release /sys/fs/cgroup/*/notify_on_release /sys/fs/cgroup/cgroup.procs 2>/dev/null); do
      (echo 1 >$file) 2>/dev/null && echo "written: $file"
    done
    mkdir /sys/fs/cgroup/mine /sys/fs/cgroup/*/mine 2>/dev/null
    find /sys/fs/cgroup -name mine'
  ln -s busybox "$bundle/rootfs/bin/find"
  run rt run -b "$bundle" c
  is "$output" ''
  # Without a cgroup namespace of its own as well.
  config '.linux.namespaces = [.linux.namespaces[] | select(.type != "cgroup")]'
  run rt run -b "$bundle" c
  lacks "$output" written
  lacks "$output" mine
}

@test "CVE-2025-47291: with a user namespace it is in its own cgroup nevertheless" {
  bundle a
  chmod 755 "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" 2>/dev/null || true
  config '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}]
    | .linux.gidMappings = .linux.uidMappings | .linux.cgroupsPath = "/wanted"'
  command_is sleep 600
  chown -R 100000:100000 "$bundle/rootfs"
  start mapped || { cat "$BATS_TEST_TMPDIR/mapped.err"; return 1; }
  local pid
  pid=$(rt state mapped | jq .pid)
  contains "$(</proc/"$pid"/cgroup)" /wanted
  is "$(awk '/^Uid/ {print $2}' "/proc/$pid/status")" 100000
  rt delete -f mapped
}

@test "CVE-2021-43784: mappings of more than 64 KiB" {
  bundle a
  local count
  for count in 341 4000 100000; do
    config '.linux.namespaces = ([.linux.namespaces[] | select(.type != "user")] + [{type: "user"}])
      | .linux.uidMappings = [range($count) | {containerID: ., hostID: (100000 + .), size: 1}] | .linux.gidMappings = .linux.uidMappings' \
      --argjson count "$count"
    expect 1 rt run -b "$bundle" c
    one_line "$output"
  done
}

@test "a namespace to join that is none, or of another kind" {
  bundle a
  local path
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  for path in "$BATS_TEST_TMPDIR/fifo" /etc/passwd /proc/self/ns/mnt /dev/null "$BATS_TEST_TMPDIR" /no/such; do
    config '.linux.namespaces = ([.linux.namespaces[] | select(.type != "network")] + [{type: "network", path: $path}])' --arg path "$path"
    expect 1 timeout 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" c
    one_line "$output"
    [[ $path == /proc/* || $path == /no/such ]] || contains "$output" "$path is no namespace"
  done
}

@test "CVE-2022-1227: exec runs the container's programs inside it, with nothing of the host's reachable" {
  bundle a
  command_is sleep 600
  start victim
  expect 0 rt exec victim sh -c 'ls /; readlink /proc/self/ns/mnt; readlink /proc/1/ns/mnt; cat /proc/self/mountinfo | wc -l; cat /proc/1/mountinfo | wc -l'
  lacks "$output" work
  is "${lines[-4]}" "${lines[-3]}"
  is "${lines[-2]}" "${lines[-1]}"
  rt delete -f victim
}

# The rest

@test "CVE-2018-20699, CVE-2021-21285: numbers beyond everything" {
  bundle a
  local change
  for change in '.linux.resources.cpu.cpus = "0-4294967295"' '.linux.resources.cpu.cpus = "0-18446744073709551616"' \
    '.linux.resources.memory.limit = 99999999999999999999' '.linux.resources.pids.limit = 1e400' '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1e30, hard: 1e30}]' \
    '.linux.devices = [{path: "/dev/x", type: "c", major: 4294967296, minor: 0}]' '.process.oomScoreAdj = 100000' '.hooks = {poststop: [{path: "/bin/true", timeout: -1}]}'; do
    bundle "n$((++n))"
    config "$change"
    expect 1 timeout 10 "$HOY_RUNTIME" --root "$RUNTIME_ROOT" run -b "$bundle" c
    one_line "$output"
  done
}

@test "CVE-2026-17106: a word that nobody knows is an error, not less confinement" {
  bundle a
  local change original
  original=$(<"$bundle/config.json")
  for change in '.linux.seccomp = {defaultAction: "SCMP_ACT_NOTHING"}' '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mount"], action: "errno"}]}' \
    '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_PDP11"]}' '.linux.namespaces += [{type: "everything"}]' \
    '.linux.rootfsPropagation = "sideways"' '.process.rlimits = [{type: "RLIMIT_NONE", soft: 1, hard: 1}]' '.linux.devices = [{path: "/dev/x", type: "z"}]'; do
    echo "$original" >"$bundle/config.json"
    config "$change"
    expect 1 rt run -b "$bundle" c
    one_line "$output"
  done
}

@test "CVE-2024-0132, CVE-2024-0133, CVE-2025-23266: a hook has its own environment, and stands at no place of the container's" {
  bundle a
  cat >"$BATS_TEST_TMPDIR/hook" <<'END'
#!/bin/sh
{ env; readlink /proc/self/cwd; readlink /proc/$$/cwd; } >"$0.said"
END
  chmod 755 "$BATS_TEST_TMPDIR/hook"
  config '.hooks.createRuntime = [{path: $hook, env: ["ONLY=this"]}] | .process.env += ["LD_PRELOAD=/evil.so"]' --arg hook "$BATS_TEST_TMPDIR/hook"
  LD_PRELOAD_TEST=leaked expect 0 rt run -b "$bundle" c
  local said
  said=$(<"$BATS_TEST_TMPDIR/hook.said")
  contains "$said" ONLY=this
  lacks "$said" LD_PRELOAD
  lacks "$said" leaked
  is "$(tail -n 2 "$BATS_TEST_TMPDIR/hook.said")" $'/\n/'
  # Nor does it have a descriptor of the runtime's.
  config '.hooks.createRuntime = [{path: $attacker, args: ["attacker", "fds", "3"]}] | .annotations = {"run.oci.hooks.stdout": $said}' \
    --arg attacker "$ATTACKER" --arg said "$BATS_TEST_TMPDIR/fds"
  expect 0 rt run -b "$bundle" c 9</
  is "$(<"$BATS_TEST_TMPDIR/fds")" ''
}

@test "CVE-2020-15257: no socket that a network namespace's neighbours could reach" {
  bundle a
  command_is sleep 600
  local before
  before=$(grep -c ' @' /proc/net/unix || true)
  start victim
  is "$(grep -c ' @' /proc/net/unix || true)" "$before"
  rt delete -f victim
}

@test "CVE-2024-25621, CVE-2021-41091: the state is its owner's alone" {
  bundle a
  command_is sleep 600
  start victim
  is "$(stat -c %a "$RUNTIME_ROOT/victim")" 700
  is "$(find "$RUNTIME_ROOT/victim" -type f -perm /077)" ''
  is "$(find "$RUNTIME_ROOT/victim" -perm /6000)" ''
  rt delete -f victim
}

@test "CVE-2020-14370: the environment of one is not another's" {
  bundle a
  command_is sh -c 'echo "$SECRET-$OTHER"'
  config '.process.env += ["SECRET=one"]'
  OTHER=host expect 0 rt run -b "$bundle" c
  is "$output" one-
  config '.process.env = [.process.env[] | select(startswith("SECRET") | not)]'
  SECRET=host expect 0 rt run -b "$bundle" c
  is "$output" -
}
