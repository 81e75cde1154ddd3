#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every field of the runtime specification, in a container that hoy-runtime made: that it does what it says. Where
# runc or crun has the field, too, it has to look the same there. The last test counts.

load lib
load oci/lib

# The root

@test "ociVersion: another major version is refused" {
  look '.ociVersion = "1.0.0"' 'echo ran'
  is "$output" ran
  refuses ociVersion '.ociVersion = "2.0.0"'
  shown ociVersion
}

@test "hostname and domainname" {
  look '.hostname = "somewhere" | .domainname = "example.org"' 'hostname; cat /proc/sys/kernel/domainname'
  is "$output" $'somewhere\nexample.org'
  look '.hostname = "somewhere"' hostname
  same runc crun
  look '.hostname = "" | .domainname = ""' 'hostname; cat /proc/sys/kernel/domainname'
  same runc
  is "$output" "$(hostname)"$'\n'"$(</proc/sys/kernel/domainname)"
  look '.hostname = "" | .linux.namespaces |= map(select(.type != "uts"))' true
  refuses hostname '.hostname = "x" | .linux.namespaces |= map(select(.type != "uts"))'
  # The host's by path. Without a host of its own this would name the machine.
  config '.hostname = "x" | .linux.namespaces |= map(if .type == "uts" then .path = "/proc/self/ns/uts" else . end)' true
  run unshare --uts sh -c 'hostname mine; ! "$@" || exit 1; hostname' sh "$HOY_RUNTIME" --root "$state" run --bundle "$bundle" "$id"
  contains "$output" "a hostname without a UTS namespace would be the host's"
  is "${lines[-1]}" mine
  shown hostname domainname
}

@test "annotations are in the state" {
  config '.annotations = {"org.example.a": "b"}' 'true'
  runtime create --bundle "$bundle" "$id" 3>&-
  runtime state "$id" >"$BATS_TEST_TMPDIR/state.json"
  runtime delete --force "$id"
  is "$(jq -r '.annotations["org.example.a"]' "$BATS_TEST_TMPDIR/state.json")" b
  shown annotations
}

@test "annotations of crun's: each does what it does there, or is refused by its name" {
  local name kind hooks out=$BATS_TEST_TMPDIR/said
  annotate() { echo ".annotations = {\"run.oci.$1\": \"$2\"}"; }
  # The caller's groups, also of a user that the root inside becomes, and of further processes.
  config "$(annotate keep_original_groups 1) | .process.user = {uid: 7, gid: 8, additionalGids: [9]}" 'id -G; read _'
  mkfifo "$BATS_TEST_TMPDIR/hold"
  setpriv --groups 4,27 "$HOY_RUNTIME" --root "$state" run --bundle "$bundle" "$id" <"$BATS_TEST_TMPDIR/hold" >"$out" 2>&1 3>&- &
  holder=$!
  exec 9>"$BATS_TEST_TMPDIR/hold"
  wait_line "$out" .
  is "$(<"$out")" '8 4 27'
  is "$(setpriv --groups 5 "$HOY_RUNTIME" --root "$state" exec "$id" id -G </dev/null)" '8 5'
  let_go
  reachable
  config "$(annotate keep_original_groups 1) | .linux.namespaces += [{type: \"user\"}]
    | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}] | .linux.gidMappings = [{containerID: 0, hostID: 4, size: 1}]" 'id -G'
  chown -R 100000:4 "$bundle/rootfs"
  expect 0 setpriv --groups 4,27 "$HOY_RUNTIME" --root "$state" run --bundle "$bundle" "$id"
  is "$output" '0 65534'
  chown -R 0:0 "$bundle/rootfs"
  # What hooks say, all of them into the host's file.
  for kind in prestart createRuntime createContainer startContainer poststart poststop; do
    hooks+="\"$kind\": [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo $kind; echo no $kind >&2\"]}],"
  done
  look ".annotations = {\"run.oci.hooks.stdout\": \"$out.1\", \"run.oci.hooks.stderr\": \"$out.2\"} | .hooks = {${hooks%,}}
    | .process.rlimits = [{type: \"RLIMIT_NOFILE\", soft: 64, hard: 64}]" 'echo hello'
  is "$output" hello
  is "$(sort "$out.1" | tr '\n' ' ')" 'createContainer createRuntime poststart poststop prestart startContainer '
  is "$(grep -c '^no ' "$out.2")" 6
  refuses "cannot open /nosuch/file" "$(annotate hooks.stdout /nosuch/file) | .hooks.createRuntime = [{path: \"/bin/true\"}]"
  refuses "context_type" "$(annotate mount_context_type sideways)"
  refuses "cannot connect to $out.socket" "$(annotate pidfd_receiver "$out.socket")"
  refuses "cannot connect to linux.seccomp.listenerPath $out.socket" "$(annotate seccomp.receiver "$out.socket")
    | $(rule '{syscalls: [{names: ["getpriority"], action: "SCMP_ACT_NOTIFY"}]}')"
  for name in handler seccomp.plugins seccomp_bpf_data seccomp_fail_unknown_syscall systemd.force_cgroup_v1 systemd.subgroup; do
    refuses "annotation run.oci.$name is not supported" "$(annotate $name 1)"
    look "$(annotate $name '')" true
  done
}

@test "root.path: relative to the bundle, absolute, missing" {
  mv "$bundle/rootfs" "$bundle/other"
  touch "$bundle/other/mark"
  look '.root.path = "other"' 'ls /mark'
  same runc crun
  look ".root.path = \"$bundle/other\"" 'ls /mark'
  refuses root.path '.root.path = "nothing"'
  refuses root.path 'del(.root)'
  shown root.path
}

@test "root.readonly, with a writable mount below" {
  look '.root.readonly = true | .mounts += [{destination: "/mnt", type: "tmpfs", source: "t"}]' \
    'touch /mark 2>&1; touch /mnt/mark && echo below; mkdir /mnt/a && ls /mnt'
  contains "$output" 'Read-only'
  contains "$output" below
  same runc crun
  shown root.readonly
}

@test "process and linux can be missing without a crash" {
  refuses 'process is missing' 'del(.process)'
  refuses 'mount namespace' 'del(.linux)'
  refuses 'mount namespace' '.linux.namespaces = []'
}

# The process

@test "process.terminal and consoleSize" {
  look '.process.terminal = true | .process.consoleSize = {height: 31, width: 97}' 'stty size; ls -l /dev/console; tty'
  contains "$output" '31 97'
  contains "$output" '/dev/console'
  shown process.terminal process.consoleSize.height process.consoleSize.width
}

@test "process.user: uid, gid, additionalGids, umask" {
  look '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 6], umask: 63}' 'id -u; id -g; id -G; umask'
  is "$output" $'1000\n1001\n1001 5 6\n0077'
  same runc crun
  look . umask
  is "$output" 0022
  shown process.user.{uid,gid,additionalGids,umask}
}

@test "process.args, env, cwd" {
  look '.process.args = ["printf", "%s|", "a b", "", "c"]'
  is "$output" 'a b||c|'
  same runc crun
  look '.process.env += ["A=b c", "PATH=/bin"] | .process.cwd = "/mnt"' 'echo "$A"; pwd'
  is "$output" $'b c\n/mnt'
  same runc crun
  look '.process.cwd = "/made/on/the/way"' pwd
  same runc crun
  refuses process.cwd '.process.cwd = "mnt"'
  refuses 'process.env: "X" is not NAME=VALUE' '.process.env += ["X"]'
  refuses 'process.env: "=x" is not NAME=VALUE' '.process.env += ["=x"]'
  shown process.args process.env process.cwd
}

@test "process.capabilities: the five sets, and one that is unknown" {
  look '.process.capabilities = {
      bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_TIME"], permitted: ["CAP_CHOWN", "CAP_KILL"],
      effective: ["CAP_CHOWN"], inheritable: ["CAP_KILL"], ambient: ["CAP_KILL"]} | .process.user.uid = 7' \
    'grep ^Cap /proc/self/status'
  # After execve as a user that is not root: permitted and effective are the ambient ones.
  is "$(awk '{print $2}' <<<"$output" | tr '\n' ' ')" \
    '0000000000000020 0000000000000020 0000000000000020 0000000002000021 0000000000000020 '
  same runc crun
  look '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL"], permitted: ["CAP_CHOWN"],
      effective: ["CAP_CHOWN"]}' 'grep ^Cap /proc/self/status'
  same runc crun
  config '.process.capabilities.bounding += ["CAP_OF_THE_FUTURE"]' true
  run runtime run --bundle "$bundle" "$id"
  is "$status" 0
  contains "$output" CAP_OF_THE_FUTURE
  # One that nobody can give any more is left out, and said.
  config '.process.capabilities |= map_values(. + ["CAP_SYSLOG"])' 'grep ^CapBnd /proc/self/status'
  run capsh --drop=cap_syslog -- -c 'exec "$0" --root "$1" run --bundle "$2" "$3" </dev/null' "$HOY_RUNTIME" "$state" "$bundle" "$id"
  is "$status" 0
  contains "$output" CAP_SYSLOG
  is "$(($((0x${output##*[[:space:]]})) >> 34 & 1))" 0
  # In a user namespace it is to be had.
  config '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 1000}]
      | .linux.gidMappings = .linux.uidMappings | .process.capabilities |= map_values(. + ["CAP_SYSLOG"])' 'grep ^CapBnd /proc/self/status'
  run capsh --drop=cap_syslog -- -c 'exec "$0" --root "$1" run --bundle "$2" "$3" </dev/null' "$HOY_RUNTIME" "$state" "$bundle" "$id"
  is "$status" 0
  lacks "$output" CAP_SYSLOG
  is "$(($((0x${output##*[[:space:]]})) >> 34 & 1))" 1
  # What is in no permitted set can't be in force; nor can what is not inheritable be ambient, which `runc spec` writes.
  config '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL"], permitted: ["CAP_KILL"], effective: ["CAP_CHOWN"], ambient: ["CAP_KILL"]}' \
    'grep ^CapAmb /proc/self/status'
  run runtime run --bundle "$bundle" "$id" </dev/null
  contains "$output" 'CAP_CHOWN is not in permitted'
  lacks "$output" 'CAP_KILL is not'
  contains "$output" $'CapAmb:\t0000000000000000'
  shown process.capabilities.{bounding,effective,inheritable,permitted,ambient}
}

@test "process.rlimits: all sixteen" {
  local nice='["NICE", 1, 2], ["RTPRIO", 3, 4]' expected='1:2 3:4'
  can_raise_limits || { nice='["NICE", 0, 0], ["RTPRIO", 0, 0]' expected='0:0 0:0'; }
  look '.process.args = ["probe", "limits"] | .process.rlimits = ([["CPU", 1000, 2000], ["FSIZE", 10000000, 20000000],
      ["DATA", 300000000, 400000000], ["STACK", 8000000, 9000000], ["CORE", 1, 2], ["RSS", 100000, 200000],
      ["NPROC", 500, 600], ["NOFILE", 100, 200], ["MEMLOCK", 4096, 8192], ["AS", 4000000000, 5000000000],
      ["LOCKS", 10, 20], ["SIGPENDING", 30, 40], ["MSGQUEUE", 50, 60], '"$nice"',
      ["RTTIME", 1000000, 2000000]] | map({type: ("RLIMIT_" + .[0]), soft: .[1], hard: .[2]}))'
  is "$output" "1000:2000 10000000:20000000 300000000:400000000 8000000:9000000 1:2 100000:200000 500:600 100:200 \
4096:8192 4000000000:5000000000 10:20 30:40 50:60 $expected 1000000:2000000"
  same runc crun
  refuses rlimits '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 2, hard: 1}]'
  shown process.rlimits.{type,hard,soft}
}

@test "process.rlimits and oomScoreAdj that take privileges, in a user namespace" {
  can_raise_limits || skip 'they are not here'
  reachable
  prlimit --pid $BASHPID --nofile=512:1024
  look '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}]
      | .linux.gidMappings = .linux.uidMappings | .process.oomScoreAdj = -500
      | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 2000, hard: 3000}]' \
    'ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj'
  is "$output" $'2000\n3000\n-500'
}

@test "process.noNewPrivileges" {
  look '.process.noNewPrivileges = true' 'grep NoNewPrivs /proc/self/status'
  is "${output##*[[:space:]]}" 1
  same runc crun
  look '.process.noNewPrivileges = false' 'grep NoNewPrivs /proc/self/status'
  is "${output##*[[:space:]]}" 0
  shown process.noNewPrivileges
}

@test "process.oomScoreAdj" {
  look '.process.oomScoreAdj = 321' 'cat /proc/self/oom_score_adj'
  is "$output" 321
  same runc crun
  shown process.oomScoreAdj
}

@test "process.apparmorProfile: refused by name where there is no AppArmor" {
  if [[ -e /sys/module/apparmor/parameters/enabled ]]; then
    look '.process.apparmorProfile = "unconfined"' 'cat /proc/self/attr/apparmor/current'
    is "$output" unconfined
    shown process.apparmorProfile
  else
    refuses process.apparmorProfile '.process.apparmorProfile = "some"'
    cannot_show 'no AppArmor' process.apparmorProfile
  fi
}

@test "process.selinuxLabel and linux.mountLabel: refused by name where there is no SELinux" {
  [[ ! -e /sys/fs/selinux/enforce ]] || cannot_show 'no policy for tests' process.selinuxLabel linux.mountLabel
  refuses process.selinuxLabel '.process.selinuxLabel = "a:b:c:d"'
  refuses linux.mountLabel '.linux.mountLabel = "a:b:c:d"'
  cannot_show 'no SELinux' process.selinuxLabel linux.mountLabel
}

@test "process.scheduler: policies, nice, priority, flags" {
  look '.process.scheduler = {policy: "SCHED_OTHER", nice: 7} | .process.args = ["probe", "scheduler"]'
  contains "$output" 'policy 0 flags 0 nice 7'
  look '.process.scheduler = {policy: "SCHED_BATCH", nice: -5} | .process.args = ["probe", "scheduler"]'
  contains "$output" 'policy 3 flags 0 nice -5'
  look '.process.scheduler = {policy: "SCHED_IDLE", flags: ["SCHED_FLAG_RESET_ON_FORK"]}
    | .process.args = ["probe", "scheduler"]'
  contains "$output" 'policy 5 flags 1 '
  refuses process.scheduler '.process.scheduler = {policy: "SCHED_OTHER", priority: 5}'
  shown process.scheduler.{policy,nice,flags}
}

@test "process.scheduler: real time" {
  config '.process.scheduler = {policy: "SCHED_FIFO", priority: 21} | .process.args = ["probe", "scheduler"]'
  # With real time groups the container's own has no time to give before it has some.
  jq '.linux.resources.cpu = {realtimePeriod: 1000000, realtimeRuntime: 1000}' "$bundle/config.json" >"$bundle/new"
  [[ ! -e /sys/fs/cgroup/cpu/cpu.rt_runtime_us ]] || mv "$bundle/new" "$bundle/config.json"
  run runtime run --bundle "$bundle" "$id"
  ((status == 0)) || cannot_show "no real time for this group ($output)" process.scheduler.priority \
    linux.resources.cpu.realtimeRuntime linux.resources.cpu.realtimePeriod
  contains "$output" 'policy 1 flags 0 nice 0 priority 21'
  shown process.scheduler.priority
}

@test "process.scheduler: deadline" {
  config '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 1000000, deadline: 20000000, period: 30000000}
    | .process.args = ["probe", "scheduler"]'
  run runtime run --bundle "$bundle" "$id"
  ((status == 0)) || cannot_show "no deadline for this group ($output)" process.scheduler.{runtime,deadline,period}
  contains "$output" 'policy 6 flags 0 nice 0 priority 0 runtime 1000000 deadline 20000000 period 30000000'
  shown process.scheduler.{runtime,deadline,period}
}

@test "process.ioPriority" {
  local class number=1
  for class in RT BE IDLE; do
    look ".process.ioPriority = {class: \"IOPRIO_CLASS_$class\", priority: 5} | .process.args = [\"probe\", \"io-priority\"]"
    is "$output" "class $number priority 5"
    number=$((number + 1))
  done
  shown process.ioPriority.{class,priority}
}

@test "process.execCPUAffinity: of exec, before and in its cgroups" {
  config '.process.execCPUAffinity = {initial: "0", final: "1"}' 'cat'
  (($(nproc) > 1)) || cannot_show 'one CPU' process.execCPUAffinity.{initial,final}
  mkfifo "$BATS_TEST_TMPDIR/hold"
  runtime run --bundle "$bundle" "$id" <"$BATS_TEST_TMPDIR/hold" >/dev/null 2>&1 3>&- &
  holder=$!
  exec 9>"$BATS_TEST_TMPDIR/hold"
  eventually 10 running
  runtime exec "$id" grep Cpus_allowed_list /proc/self/status >"$BATS_TEST_TMPDIR/both"
  jq '{cwd: "/", env: ["PATH=/bin"], args: ["grep", "Cpus_allowed_list", "/proc/self/status"], execCPUAffinity: {initial: "0"}}' -n \
    >"$BATS_TEST_TMPDIR/process.json"
  runtime exec --process "$BATS_TEST_TMPDIR/process.json" "$id" >"$BATS_TEST_TMPDIR/first"
  jq 'del(.execCPUAffinity)' "$BATS_TEST_TMPDIR/process.json" >"$BATS_TEST_TMPDIR/other.json"
  runtime exec --process "$BATS_TEST_TMPDIR/other.json" "$id" >"$BATS_TEST_TMPDIR/none"
  let_go
  matches "$(<"$BATS_TEST_TMPDIR/both")" '[[:space:]]1$'
  matches "$(<"$BATS_TEST_TMPDIR/first")" '[[:space:]]0$'
  matches "$(<"$BATS_TEST_TMPDIR/none")" '[[:space:]]1$'
  shown process.execCPUAffinity.{initial,final}
}
running() { [[ $(runtime state "$id" 2>/dev/null | jq -r .status) == running ]]; }
let_go() {
  exec 9>&-
  wait "$holder" 2>/dev/null || true
  holder=
}

@test "the container has a session keyring of its own" {
  look '.process.args = ["probe", "keyring"]'
  is "$output" "_ses.$id"
  config '.process.args = ["probe", "keyring"]'
  run runtime run --no-new-keyring --bundle "$bundle" "$id"
  lacks "$output" "_ses.$id"
}

# Mounts

# line PATH: the last mount there, from inside: its options, then its propagation, then its super block's options.
line='line() { awk -v p="$1" '\''$5 == p { l = $6; s = ""; for (i = 7; $i != "-"; i++) s = s " " $i; l = l s " | " $NF }
  END { print l }'\'' /proc/self/mountinfo; };'

@test "mounts: destination, type, source, options" {
  look '.mounts += [{destination: "/made/here", type: "tmpfs", source: "some", options: ["size=64k", "mode=755"]}]' \
    'grep " /made/here " /proc/self/mounts; stat -c %a /made/here'
  matches "$output" '^some /made/here tmpfs rw,relatime,size=64k,mode=755'
  same runc crun
  # Without a mode it has that of the directory there.
  chmod 711 "$bundle/rootfs/mnt"
  look '.mounts += [{destination: "/mnt", type: "tmpfs", source: "t"}]' 'stat -c %a /mnt'
  is "$output" 711
  same runc
  # What older tools wrote without a slash.
  look '.mounts += [{destination: "mnt", type: "tmpfs", source: "t"}]' 'grep -c " /mnt " /proc/self/mounts'
  is "$output" 1
  refuses mounts '.mounts += [{type: "tmpfs"}]'
  refuses nonsense '.mounts += [{destination: "/mnt", type: "nonsense", source: "x"}]'
  refuses source '.mounts += [{destination: "/mnt", type: "bind"}]'
  shown mounts.{destination,type,source,options}
}

@test "mounts: files and directories, relative sources, what is missing" {
  mkdir -p "$bundle/dir"
  echo content >"$bundle/file"
  touch "$bundle/dir/in"
  look '.mounts += [{destination: "/a/file", source: "file", options: ["bind"]},
      {destination: "/a/dir", type: "bind", source: "dir", options: ["rbind", "ro"]},
      {destination: "/etc/over", type: "none", source: "file", options: ["bind"]}]' \
    'cat /a/file /etc/over; ls /a/dir; touch /a/dir/x 2>&1; true'
  contains "$output" $'content\ncontent\nin\n'
  contains "$output" Read-only
  same runc crun
  refuses nothing '.mounts += [{destination: "/mnt", type: "bind", source: "/nothing", options: ["bind"]}]'
  mkdir -p "$bundle/rootfs/etc/folder"
  refuses directory '.mounts += [{destination: "/etc/folder", type: "bind", source: "file", options: ["bind"]}]'
}

@test "mounts: proc, sysfs, devpts, mqueue, tmpfs, cgroup, cgroup2, others" {
  look '.mounts += [{destination: "/dev/mqueue", type: "mqueue", source: "mqueue"},
      {destination: "/m/ram", type: "ramfs", source: "x"}, {destination: "/m/v2", type: "cgroup2", source: "x"},
      {destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"]}]
      | .linux.namespaces += [{type: "cgroup"}]' \
    'awk "{print \$2, \$3}" /proc/self/mounts; ls /sys/fs/cgroup/pids /m/v2'
  local row
  for row in '/dev/mqueue mqueue' '/m/ram ramfs' '/m/v2 cgroup2' '/proc proc' '/sys sysfs' '/dev/pts devpts'; do
    contains "$output" "$row"
  done
  contains "$output" cgroup.procs
  look '.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup"}]' 'ls /sys/fs/cgroup'
  [[ -n $output ]]
}

@test "mounts: a destination that is a link stays inside of the root" {
  ln -s /etc "$bundle/rootfs/absolute"
  ln -s ../../../../../../../../../../../tmp "$bundle/rootfs/up"
  mkdir "$bundle/rootfs/tmp/below" "$bundle/rootfs/etc/below"
  touch "$bundle/file"
  look '.mounts += [{destination: "/absolute/below", type: "tmpfs", source: "t"},
      {destination: "/up/below/new", type: "bind", source: "file", options: ["bind"]}]' \
    'awk "{print \$2}" /proc/self/mounts | grep below'
  is "$output" $'/etc/below\n/tmp/below/new'
  same runc crun
  [[ ! -e /tmp/below && ! -e /etc/below ]]
}

@test "mounts: a destination that somebody swaps for a link to the host" {
  local canary=$BATS_TEST_TMPDIR/canary swapper
  mkdir "$canary" "$bundle/rootfs/mnt/real"
  ln -s "$canary" "$bundle/rootfs/mnt/link"
  config '.mounts += [{destination: "/mnt/real/a/b", type: "tmpfs", source: "t"}]' true
  cc -static -O1 -o "$BATS_TEST_TMPDIR/swap" "$OCI/swap.c"
  "$BATS_TEST_TMPDIR/swap" "$bundle/rootfs/mnt/real" "$bundle/rootfs/mnt/link" 3>&- &
  swapper=$!
  for _ in {1..60}; do runtime run --bundle "$bundle" "$id" >/dev/null 2>&1 || true; done
  kill "$swapper"
  wait "$swapper" || true
  is "$(ls "$canary")" ''
}

@test "mounts: options of a file system" {
  local tmpfs='{destination: "/mnt", type: "tmpfs", source: "t", options: $o}' row
  # word, what the mount has then, what it has without
  while read -r row expected; do
    look ".mounts += [(\"$row\" / \",\") as \$o | $tmpfs]" "$line line /mnt"
    [[ " ${output//[,|]/ } " == *" $expected "* ]] || { echo "$row: no $expected in $output"; return 1; }
  done <<'ROWS'
ro ro
ro,rw rw
nosuid nosuid
nodev nodev
noexec noexec
nosymfollow nosymfollow
noatime noatime
nodiratime nodiratime
relatime relatime
sync sync
dirsync dirsync
lazytime lazytime
mand mand
defaults rw
ROWS
  while read -r row unwanted; do
    look ".mounts += [(\"$row\" / \",\") as \$o | $tmpfs]" "$line line /mnt"
    [[ " ${output//[,|]/ } " != *" $unwanted "* ]] || { echo "$row: $unwanted in $output"; return 1; }
  done <<'ROWS'
ro,rw ro
nosuid,suid nosuid
nodev,dev nodev
noexec,exec noexec
nosymfollow,symfollow nosymfollow
noatime,atime noatime
nodiratime,diratime nodiratime
sync,async sync
lazytime,nolazytime lazytime
mand,nomand mand
noatime,relatime noatime
relatime,norelatime noatime
strictatime relatime
strictatime,nostrictatime noatime
strictatime,norelatime relatime
ROWS
  look ".mounts += [[\"strictatime\", \"nostrictatime\"] as \$o | $tmpfs]" "$line line /mnt"
  contains "$output" relatime
  # Without anything to see: that they are taken at all.
  look ".mounts += [[\"iversion\", \"noiversion\", \"silent\", \"loud\"] as \$o | $tmpfs]" "$line line /mnt"
  shown mounts.options:{ro,rw,nosuid,suid,nodev,dev,noexec,exec,nosymfollow,symfollow,noatime,atime,nodiratime,diratime}
  shown mounts.options:{sync,async,dirsync,lazytime,nolazytime,mand,nomand,relatime,norelatime,strictatime}
  shown mounts.options:{nostrictatime,defaults,iversion,noiversion,silent,loud}
}

# A directory of the host with mounts that have every flag, and one below.
make_source() {
  source=$BATS_TEST_TMPDIR/source
  mkdir -p "$source"
  mount -t tmpfs -o "$1" source "$source"
  mount -o remount,bind,rw "$source"
  mkdir -p "$source/below"
  mount -t tmpfs -o "$1" below "$source/below"
  mount -o "remount,bind,$1" "$source"
}
test_teardown() {
  [[ -z ${holder-} ]] || let_go
  [[ -z ${source-} ]] || umount -R "$source" || true
  [[ -z ${shared-} ]] || umount -R "$shared" || true
}

@test "mounts: options of a bind, and back" {
  make_source nosuid,nodev
  local row expected bind='{destination: "/mnt", type: "bind", source: $s, options: $o}'
  while read -r row expected; do
    look ".mounts += [(\"$row\" / \",\") as \$o | \"$source\" as \$s | $bind]" "$line line /mnt; line /mnt/below"
    is "$(awk '{print $1}' <<<"$output" | tr '\n' ' ')" "$expected "
  done <<'ROWS'
bind rw,nosuid,nodev,relatime
rbind rw,nosuid,nodev,relatime rw,nosuid,nodev,relatime
rbind,ro ro,nosuid,nodev,relatime rw,nosuid,nodev,relatime
rbind,rro ro,nosuid,nodev,relatime ro,nosuid,nodev,relatime
rbind,suid rw,nodev,relatime rw,nosuid,nodev,relatime
rbind,rsuid rw,nodev,relatime rw,nodev,relatime
rbind,dev rw,nosuid,relatime rw,nosuid,nodev,relatime
rbind,rdev rw,nosuid,relatime rw,nosuid,relatime
rbind,rnoexec rw,nosuid,nodev,noexec,relatime rw,nosuid,nodev,noexec,relatime
rbind,rnoexec,rexec rw,nosuid,nodev,relatime rw,nosuid,nodev,relatime
rbind,rro,rrw rw,nosuid,nodev,relatime rw,nosuid,nodev,relatime
rbind,rnodiratime rw,nosuid,nodev,nodiratime,relatime rw,nosuid,nodev,nodiratime,relatime
rbind,rnodiratime,rdiratime rw,nosuid,nodev,relatime rw,nosuid,nodev,relatime
rbind,rnosymfollow rw,nosuid,nodev,relatime,nosymfollow rw,nosuid,nodev,relatime,nosymfollow
rbind,rnosymfollow,rsymfollow rw,nosuid,nodev,relatime rw,nosuid,nodev,relatime
rbind,rnoatime rw,nosuid,nodev,noatime rw,nosuid,nodev,noatime
rbind,rstrictatime rw,nosuid,nodev rw,nosuid,nodev
rbind,rnoatime,ratime rw,nosuid,nodev,relatime rw,nosuid,nodev,relatime
rbind,rnoatime,rrelatime rw,nosuid,nodev,relatime rw,nosuid,nodev,relatime
rbind,rnorelatime rw,nosuid,nodev rw,nosuid,nodev
rbind,rnostrictatime rw,nosuid,nodev,relatime rw,nosuid,nodev,relatime
rbind,noatime rw,nosuid,nodev,noatime rw,nosuid,nodev,relatime
rbind,strictatime rw,nosuid,nodev rw,nosuid,nodev,relatime
ROWS
  umount -R "$source"
  source=
  mkdir -p "$BATS_TEST_TMPDIR/source"
  make_source rw
  while read -r row expected; do
    look ".mounts += [(\"$row\" / \",\") as \$o | \"$source\" as \$s | $bind]" "$line line /mnt; line /mnt/below"
    is "$(awk '{print $1}' <<<"$output" | tr '\n' ' ')" "$expected "
  done <<'ROWS'
rbind,rnosuid,rnodev rw,nosuid,nodev,relatime rw,nosuid,nodev,relatime
rbind,nosuid,noexec,nodev rw,nosuid,nodev,noexec,relatime rw,relatime
ROWS
  shown mounts.options:{bind,rbind,rro,rrw,rsuid,rnosuid,rdev,rnodev,rexec,rnoexec,rdiratime,rnodiratime,rsymfollow}
  shown mounts.options:{rnosymfollow,ratime,rnoatime,rrelatime,rnorelatime,rstrictatime,rnostrictatime}
}

@test "mounts: remount" {
  look '.mounts += [{destination: "/mnt", type: "tmpfs", source: "t", options: ["nosuid", "size=64k"]},
      {destination: "/mnt", type: "bind", source: "", options: ["bind", "remount", "ro", "noexec"]}]' \
    "$line line /mnt; grep -c ' /mnt ' /proc/self/mounts"
  matches "$output" '^ro,noexec,relatime \| rw,size=64k.*1$'
  look '.mounts += [{destination: "/mnt", type: "tmpfs", source: "t", options: ["size=64k"]},
      {destination: "/mnt", type: "tmpfs", source: "t", options: ["remount", "nodev", "size=128k"]}]' "$line line /mnt"
  is "$output" 'rw,nodev,relatime | rw,size=128k'
  shown mounts.options:remount
}

@test "mounts: a tmpfs that is read-only, and what is mounted and made in it" {
  local seen='touch /mnt/x 2>&1; touch /mnt/sub/x && ls /mnt; touch /dev/x 2>&1; ls -l /dev/null | cut -c1; readlink /dev/fd; ls -d /dev/pts'
  local mounts='.mounts += [{destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["ro"]},
      {destination: "/mnt/sub", type: "tmpfs", source: "tmpfs"}] | .mounts |= map(if .destination == "/dev" then .options += ["ro"] else . end)'
  look "$mounts" "$seen"
  is "$output" 'touch: /mnt/x: Read-only file system
sub
touch: /dev/x: Read-only file system
c
/proc/self/fd
/dev/pts'
  same runc crun
  # A hook comes before that, and the last one at a place says what it is.
  look "$mounts | .mounts += [{destination: \"/mnt/sub\", type: \"tmpfs\", source: \"tmpfs\", options: [\"ro\"]},
      {destination: \"/mnt/sub\", type: \"tmpfs\", source: \"tmpfs\"}] | .hooks.createContainer = [{path: \"/bin/sh\",
      args: [\"sh\", \"-c\", \"echo hook >$bundle/rootfs/mnt/hook\"]}]" "$seen; cat /mnt/hook"
  is "${lines[-1]}" hook
}

@test "mounts: one at / is the root" {
  local root
  for root in / /etc/..; do
    look ".mounts = [{destination: \"$root\", type: \"tmpfs\", source: \"tmpfs\"}, {destination: \"/\", type: \"bind\",
        source: \"$OCI_BASE\", options: [\"rbind\", \"ro\"]}] + .mounts" 'touch /x 2>&1; ls -d /proc/self; touch /tmp 2>&1; true'
    is "$output" $'touch: /x: Read-only file system\n/proc/self\ntouch: /tmp: Read-only file system'
  done
  same runc
}

@test "mounts: propagation" {
  shared=$BATS_TEST_TMPDIR/shared
  mkdir -p "$shared"
  mount -t tmpfs shared "$shared"
  mount --make-shared "$shared"
  mkdir "$shared/below"
  mount -t tmpfs below "$shared/below"
  mount --make-shared "$shared/below"
  local word expected
  while read -r word expected; do
    look ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$shared\",
      options: [\"rbind\", \"$word\"]}]" "$line line /mnt; line /mnt/below"
    is "$(sed 's/^[^ ]* //; s/ *|.*//; s/:[0-9]*//g' <<<"$output" | tr '\n' ';')" "$expected"
  done <<'ROWS'
private ;master;
rprivate ;;
slave master;master;
rslave master;master;
shared shared master;master;
rshared shared master;shared master;
unbindable unbindable;master;
runbindable unbindable;unbindable;
ROWS
  shown mounts.options:{private,rprivate,slave,rslave,shared,rshared,unbindable,runbindable}
}

@test "linux.rootfsPropagation: of the root, and of what the container mounts" {
  shared=$BATS_TEST_TMPDIR/shared
  mkdir -p "$shared"
  mount -t tmpfs shared "$shared"
  mount --make-shared "$shared"
  mkdir "$shared/in"
  local word expected
  while read -r word expected; do
    look ".linux.rootfsPropagation = \"$word\"" "$line line /"
    is "$(sed 's/^[^ ]* //; s/ *|.*//; s/:[0-9]*//g' <<<"$output")" "$expected"
    case $word in
    *unbindable) ;; # it cannot bind the root that it has made unbindable
    *) ! command -v crun >/dev/null || peer crun >"$BATS_TEST_TMPDIR/crun"
      [[ ! -e $BATS_TEST_TMPDIR/crun ]] ||
        is "$(sed 's/^[^ ]* //; s/ *|.*//; s/:[0-9]*//g' "$BATS_TEST_TMPDIR/crun")" "$expected" ;;
    esac
    shown "linux.rootfsPropagation:$word"
  done <<'ROWS'
private
rprivate
slave
rslave
shared shared
rshared shared
unbindable unbindable
runbindable unbindable
ROWS
  # What is mounted in there is seen out here, and only with that.
  local mounting='mount -t tmpfs inner /mnt/in && echo mounted'
  look ".linux.rootfsPropagation = \"rshared\" | .mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$shared\",
      options: [\"rbind\", \"rshared\"]}]" "$mounting"
  is "$output" mounted
  grep -q " $shared/in " /proc/self/mounts
  umount "$shared/in"
  look ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$shared\", options: [\"rbind\", \"rslave\"]}]" "$mounting"
  is "$output" mounted
  run ! grep -q " $shared/in " /proc/self/mounts
}

@test "mounts: tmpcopyup" {
  mkdir -p "$bundle/rootfs/data/sub"
  echo one >"$bundle/rootfs/data/sub/file"
  chmod 711 "$bundle/rootfs/data"
  look '.mounts += [{destination: "/data", type: "tmpfs", source: "t", options: ["tmpcopyup", "ro"]}]' \
    'cat /data/sub/file; stat -c %a /data; stat -f -c %T /data; touch /data/x 2>&1; true'
  matches "$output" $'^one\n711\ntmpfs\n.*Read-only'
  shown mounts.options:tmpcopyup
}

@test "mounts: options that are longer than fsconfig takes" {
  local lower='' i
  for i in {1..9}; do
    mkdir -p "$BATS_TEST_TMPDIR/lower/a-long-name-$i"
    touch "$BATS_TEST_TMPDIR/lower/a-long-name-$i/file$i"
    lower+=:$BATS_TEST_TMPDIR/lower/a-long-name-$i
  done
  local mount='.mounts += [{destination: "/m", type: "overlay", source: "overlay", options: ["nosuid", "'"lowerdir=${lower#:}"'"]}]'
  for i in . '.linux.rootfsPropagation = "shared"'; do
    look "$mount | $i" 'ls /m; grep -c " /m .*nosuid" /proc/self/mountinfo; ls /proc/self/status'
    is "$output" "$(printf 'file%s\n' {1..9})"$'\n1\n/proc/self/status'
  done
  same runc
  refuses 'longer than the 4095 bytes' '.mounts += [{destination: "/m", type: "overlay", source: "overlay",
    options: ["lowerdir=" + ("/x:" * 2000)]}]'
}

@test "mounts: copy-symlink, src-nofollow, dest-nofollow" {
  ln -s /somewhere/else "$bundle/link"
  ln -s /etc/target "$bundle/rootfs/there"
  touch "$bundle/file"
  look '.mounts += [{destination: "/made", type: "bind", source: "link", options: ["bind", "copy-symlink"]}]' \
    'readlink /made; grep -c " /made " /proc/self/mounts'  || true
  is "$output" $'/somewhere/else\n0'
  refuses /there '.mounts += [{destination: "/there", type: "bind", source: "link", options: ["bind", "copy-symlink"]}]'
  look '.mounts += [{destination: "/other", type: "bind", source: "link", options: ["bind", "src-nofollow"]}]' \
    'readlink /other; awk "{print \$2}" /proc/self/mounts | tail -n 1'
  is "$output" $'/somewhere/else\n/other'
  look '.mounts += [{destination: "/there", type: "bind", source: "file", options: ["bind", "dest-nofollow"]}]' \
    'awk "{print \$2}" /proc/self/mounts | tail -n 1; ls /etc'
  is "$output" /there
  shown mounts.options:{copy-symlink,src-nofollow,dest-nofollow}
}

@test "mounts: ids that are mapped" {
  make_source rw
  touch "$source/mine" "$source/below/mine"
  chown 0:0 "$source/mine" "$source/below/mine"
  local maps='uidMappings: [{containerID: 0, hostID: 5000, size: 10}, {containerID: 20, hostID: 7000, size: 5}],
    gidMappings: [{containerID: 0, hostID: 6000, size: 10}]'
  look ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$source\", options: [\"rbind\", \"idmap\"], $maps}]" \
    'stat -c %u:%g /mnt/mine /mnt/below/mine'
  is "$output" $'5000:6000\n0:0'
  look ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$source\", options: [\"rbind\", \"ridmap\"], $maps}]" \
    'stat -c %u:%g /mnt/mine /mnt/below/mine'
  is "$output" $'5000:6000\n5000:6000'
  chown 21:3 "$source/mine"
  look ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$source\", options: [\"bind\", \"ro\"], $maps}]" \
    "stat -c %u:%g /mnt/mine; $line line /mnt"
  matches "$output" $'^7001:6003\nro,relatime,idmapped'
  # Without maps of their own they have the container's.
  chown 0:0 "$source/mine"
  reachable
  look ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$source\", options: [\"bind\", \"idmap\"]}]
      | .linux.namespaces += [{type: \"user\"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}]
      | .linux.gidMappings = [{containerID: 0, hostID: 100000, size: 1000}]" \
    'stat -c %u:%g /mnt/mine; touch /mnt/new && echo made'
  is "$output" $'0:0\nmade'
  is "$(stat -c %u "$source/new")" 0
  refuses 'mounts[4]' ".mounts += [{destination: \"/mnt\", type: \"tmpfs\", source: \"t\", options: [\"idmap\"], $maps}]"
  refuses 'cannot be mounted with mapped ids' \
    ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"/proc\", options: [\"bind\", \"idmap\"], $maps}]"
  refuses 'user namespace' ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$source\", options: [\"bind\", \"idmap\"]}]"
  shown mounts.uidMappings.{containerID,hostID,size} mounts.gidMappings.{containerID,hostID,size}
  shown mounts.options:{idmap,ridmap}
}

# Hooks

@test "hooks: path, args, env and timeout of all six" {
  local kind hooks='.hooks = {' out=$BATS_TEST_TMPDIR/out
  for kind in prestart createRuntime createContainer poststart poststop; do
    hooks+="\"$kind\": [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"(echo \$KIND; cat) >$out.$kind\"], env: [\"KIND=$kind\"]}],"
  done
  hooks+='"startContainer": [{path: "/bin/sh", args: ["sh", "-c", "(echo $KIND; cat) >/tmp/out"], env: ["KIND=inside"]}]}'
  look "$hooks" 'cat /tmp/out'
  matches "$output" '^inside.*"status":"created"'
  for kind in prestart createRuntime createContainer poststart poststop; do
    is "$(head -n 1 "$out.$kind")" $kind
    is "$(tail -n 1 "$out.$kind" | jq -r .id)" "$id"
    shown hooks.$kind.{path,args,env}
  done
  shown hooks.startContainer.{path,args,env}
  for kind in prestart createRuntime createContainer startContainer poststart; do
    refuses "$kind hook" ".hooks.$kind = [{path: \"/bin/sleep\", args: [\"sleep\", \"600\"], timeout: 1}]"
    shown hooks.$kind.timeout
  done
  config '.hooks.poststop = [{path: "/bin/sleep", args: ["sleep", "600"], timeout: 1}]' true
  SECONDS=0
  run runtime run --bundle "$bundle" "$id"
  ((SECONDS < 30))
  shown hooks.poststop.timeout
}

@test "hooks: one without env has that of whom it belongs to" {
  look '.process.env = ["PATH=/bin", "FOO=bar"] | .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "env >/tmp/out"]}]
      | .hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "env >'"$bundle"'/out"]}]' "grep -E 'FOO|HOME|PATH' /tmp/out | sort"
  is "$output" $'FOO=bar\nHOME=/\nPATH=/bin'
  same runc
  lacks "$(<"$bundle/out")" FOO
}

# Namespaces

@test "linux.namespaces: new ones" {
  local type file
  while read -r type file; do
    config ".linux.namespaces |= (map(select(.type != \"$type\")) + [{type: \"$type\"}])" "readlink /proc/self/ns/$file"
    [[ $type != user ]] || jq '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 10}]
      | .linux.gidMappings = .linux.uidMappings' "$bundle/config.json" >"$bundle/new"
    [[ $type != user ]] || mv "$bundle/new" "$bundle/config.json"
    run --separate-stderr runtime run --bundle "$bundle" "$id" </dev/null
    matches "$output" "^$file:"
    [[ $output != "$(readlink "/proc/self/ns/$file")" ]]
    # And without it is the host's.
    [[ $type == mount ]] || look ".linux.namespaces |= map(select(.type != \"$type\"))
      | .mounts |= map(select(.type != \"sysfs\" and (\"$type\" != \"pid\" or .type != \"x\")))" "readlink /proc/self/ns/$file"
    [[ $type == mount ]] || is "$output" "$(readlink "/proc/self/ns/$file")"
    shown "linux.namespaces.type:$type"
  done <<'ROWS'
pid pid
network net
ipc ipc
uts uts
mount mnt
user user
cgroup cgroup
time time
ROWS
}

# A process in namespaces of its own, for others to join. HOLDER: words before, of who makes them.
hold() {
  rm -f "$BATS_TEST_TMPDIR/hold"
  mkfifo "$BATS_TEST_TMPDIR/hold"
  "${HOLDER[@]}" unshare "$@" sh -c 'echo $$; exec cat' <"$BATS_TEST_TMPDIR/hold" >"$BATS_TEST_TMPDIR/held" 3>&- &
  exec 9>"$BATS_TEST_TMPDIR/hold"
  wait_line "$BATS_TEST_TMPDIR/held" .
  holder=$!
}

@test "linux.namespaces: by path" {
  hold --net --ipc --uts --time --cgroup --pid --fork
  local child type file
  child=$(pgrep -P "$holder")
  while read -r type file; do
    look ".linux.namespaces |= (map(select(.type != \"$type\")) + [{type: \"$type\", path: \"/proc/$child/ns/$file\"}])" \
      "readlink /proc/self/ns/$file"
    is "$output" "$(readlink "/proc/$child/ns/$file")"
    shown "linux.namespaces.path:$type"
  done <<'ROWS'
network net
ipc ipc
uts uts
cgroup cgroup
time time
pid pid
ROWS
  # One of mounts, in which the container is made: its sources are what is there, and all in it get its root.
  let_go
  hold --mount --propagation private
  nsenter -t "$holder" -m mount -t tmpfs t "$bundle/rootfs/mnt"
  # The order in which they are said is of no matter.
  look ".linux.namespaces |= ([{type: \"mount\", path: \"/proc/$holder/ns/mnt\"}, {type: \"uts\", path: \"/proc/$holder/ns/uts\"}]
      + map(select(.type != \"mount\" and .type != \"uts\"))) | del(.hostname, .domainname)" \
    'readlink /proc/self/ns/mnt; ls /; grep " /mnt " /proc/self/mountinfo'
  is "$(head -n 1 <<<"$output")" "$(readlink "/proc/$holder/ns/mnt")"
  contains "$output" bin
  contains "$output" ' - tmpfs t '
  lacks "$output" work
  shown linux.namespaces.path:mount
  for file in self 1; do
    refuses 'or the host' ".linux.namespaces |= (map(select(.type != \"mount\")) + [{type: \"mount\", path: \"/proc/$file/ns/mnt\"}])"
  done
  # A path to another one than is said.
  refuses 'another type' ".linux.namespaces |= (map(select(.type != \"uts\")) + [{type: \"uts\", path: \"/proc/$holder/ns/net\"}])"
  let_go
}

@test "linux.namespaces: a user namespace by path, and what belongs to the host beside it" {
  reachable
  hold --user --fork
  local child
  child=$(pgrep -P "$holder")
  echo '0 100000 1000' >"/proc/$child/uid_map"
  echo '0 100000 1000' >"/proc/$child/gid_map"
  look ".linux.namespaces += [{type: \"user\", path: \"/proc/$child/ns/user\"}]" \
    'readlink /proc/self/ns/user; id -u; cat /proc/self/uid_map; hostname inside && hostname; ls -l /dev/null'
  contains "$output" "$(readlink "/proc/$child/ns/user")"
  matches "$output" '0 +100000 +1000'
  contains "$output" inside
  # The host's network, and its own of all else.
  look ".linux.namespaces |= (map(select(.type != \"network\")) + [{type: \"user\", path: \"/proc/$child/ns/user\"},
      {type: \"network\", path: \"/proc/self/ns/net\"}])" 'readlink /proc/self/ns/net'
  is "$output" "$(readlink /proc/self/ns/net)"
  let_go
  shown linux.namespaces.path:user
}

@test "linux.namespaces: what belongs to a user namespace by path, with that and without" {
  reachable
  hold --user --net --uts --ipc --fork
  local child with net
  child=$(pgrep -P "$holder")
  echo '0 100000 1000' >"/proc/$child/uid_map"
  echo '0 100000 1000' >"/proc/$child/gid_map"
  net=".linux.namespaces |= (map(select(.type != \"network\" and .type != \"uts\" and .type != \"ipc\")) +
    [[\"network\", \"net\"], [\"uts\", \"uts\"], [\"ipc\", \"ipc\"] | {type: .[0], path: \"/proc/$child/ns/\(.[1])\"}])"
  for with in . ".linux.namespaces += [{type: \"user\", path: \"/proc/$child/ns/user\"}]"; do
    look "$net | $with" 'for name in net uts ipc; do readlink /proc/self/ns/$name; done'
    is "$output" "$(readlink "/proc/$child/ns/net" "/proc/$child/ns/uts" "/proc/$child/ns/ipc")"
  done
  let_go
}

# A file that somebody left where the config looks for one.
@test "linux.namespaces: by path, of a user namespace that another user made" {
  reachable
  local child type file HOLDER=(setpriv --reuid 1234 --regid 1234 --clear-groups)
  hold --user --net --ipc --uts --cgroup --time --pid --fork
  child=$(pgrep -P "$holder")
  while read -r type file; do
    local path=/proc/$child/ns/$file
    refuses "linux.namespaces.$type: the user namespace of $path was made by user 1234, and user 0 joins" \
      ".linux.namespaces |= (map(select(.type != \"$type\")) + [{type: \"$type\", path: \"$path\"}])"
    is "${#lines[@]}" 1
    # Nor from a user namespace of the container's own.
    refuses "$path was made by user 1234" ".linux.namespaces |= (map(select(.type != \"$type\")) +
      [{type: \"$type\", path: \"$path\"}, (\"user\" | select(. != \"$type\") | {type: .})])
      | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] | .linux.gidMappings = .linux.uidMappings"
  done <<'ROWS'
network net
ipc ipc
uts uts
cgroup cgroup
time time
pid pid
user user
ROWS
  let_go
}

@test "linux.namespaces: the host's network by path beside a new user namespace" {
  reachable
  hold --net --uts --fork
  local child
  child=$(pgrep -P "$holder")
  look ".linux.namespaces |= (map(select(.type != \"network\" and .type != \"uts\")) + [{type: \"user\"},
      {type: \"network\", path: \"/proc/$child/ns/net\"}, {type: \"uts\", path: \"/proc/$child/ns/uts\"}])
      | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] | .linux.gidMappings = .linux.uidMappings" \
    'readlink /proc/self/ns/net; readlink /proc/self/ns/uts; id -u'
  is "$output" "$(readlink "/proc/$child/ns/net" "/proc/$child/ns/uts")"$'\n0'
  let_go
}

@test "linux.uidMappings and gidMappings: several ranges, and root must be in one" {
  reachable
  local userns='.linux.namespaces += [{type: "user"}]'
  look "$userns"' | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}, {containerID: 10, hostID: 300000, size: 5}]
      | .linux.gidMappings = [{containerID: 0, hostID: 200000, size: 20}, {containerID: 50, hostID: 400000, size: 1}]' \
    'tr -s " " </proc/self/uid_map; tr -s " " </proc/self/gid_map; ls -ln /dev/null; echo x >/dev/null && echo written'
  contains "$output" $' 0 100000 10\n 10 300000 5\n 0 200000 20\n 50 400000 1\n'
  contains "$output" written
  refuses 'root (0)' "$userns"' | .linux.uidMappings = [{containerID: 1, hostID: 100000, size: 10}]
      | .linux.gidMappings = .linux.uidMappings'
  refuses 'linux.gidMappings' "$userns"' | .linux.gidMappings = [{containerID: 1, hostID: 100000, size: 10}]
      | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}]'
  refuses 'user namespace' '.linux.uidMappings = [{containerID: 0, hostID: 1, size: 1}]'
  shown linux.uidMappings.{containerID,hostID,size} linux.gidMappings.{containerID,hostID,size}
}

# A user who was given a cgroup of v2's and begins in it, and has nothing else. Those of v1 are for root alone.
as_user() {
  reachable
  mkdir -p "$state-user"
  chown 65534 "$state-user"
  cp "$HOY_RUNTIME" "$BATS_TEST_TMPDIR/hoy-runtime"
  run unshare --mount sh -c 'for directory in $(awk "/ - cgroup / { print \$5 }" /proc/self/mountinfo); do umount "$directory"; done
    for group in /sys/fs/cgroup/unified/oci-user /sys/fs/cgroup/oci-user; do
      [ -e "${group%/*}/cgroup.procs" ] || continue
      mkdir -p "$group/own"
      chown -R 65534 "$group"
      echo 0 >"$group/own/cgroup.procs"
      break
    done
    exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"' sh \
    "$BATS_TEST_TMPDIR/hoy-runtime" --root "$state-user" run --bundle "$bundle" "$id" </dev/null
  find /sys/fs/cgroup -depth -type d -path '*oci-user*' -exec rmdir {} + 2>/dev/null || true
}

@test "linux.uidMappings of a user without privileges: the one id that is its own, or what newuidmap grants" {
  local own='.linux.cgroupsPath = "/oci-user/one" | .linux.namespaces += [{type: "user"}]
      | .linux.uidMappings = [{containerID: 0, hostID: 65534, size: 1}] | .linux.gidMappings = .linux.uidMappings'
  config "$own" 'id -u; tr -s " " </proc/self/uid_map; cat /proc/self/setgroups'
  as_user
  is "$output" $'0\n 0 65534 1\ndeny'
  if [[ ! -x /usr/bin/newuidmap ]]; then
    # More is asked for than there is without it.
    config "$own | .linux.uidMappings += [{containerID: 1, hostID: 100000, size: 100}]" 'tr -s " " </proc/self/uid_map'
    as_user
    contains "$output" 'not installed'
    return
  fi
  echo 'nobody:100000:1000' | tee /etc/subuid.oci >/etc/subgid.oci
  mount --bind /etc/subuid.oci /etc/subuid
  mount --bind /etc/subgid.oci /etc/subgid
  rm /etc/subuid.oci /etc/subgid.oci
  config "$own | .linux.uidMappings += [{containerID: 1, hostID: 100000, size: 100}]
      | .linux.gidMappings = .linux.uidMappings" 'tr -s " " </proc/self/uid_map'
  as_user
  is "$output" $' 0 65534 1\n 1 100000 100'
  config "$own | .linux.uidMappings += [{containerID: 1, hostID: 5, size: 100}]" true
  as_user
  umount /etc/subuid /etc/subgid
  contains "$output" /etc/subuid
}

@test "linux.timeOffsets" {
  local before after
  before=$("$OCI_BASE/bin/probe" clocks)
  look '.linux.namespaces += [{type: "time"}] | .process.args = ["probe", "clocks"]
      | .linux.timeOffsets = {monotonic: {secs: 10000, nanosecs: 500000000}, boottime: {secs: 70000, nanosecs: 1}}'
  after=$output
  read -r _ a _ b <<<"$before"
  read -r _ c _ d <<<"$after"
  ((c - a >= 10000 && c - a < 10030 && d - b >= 70000 && d - b < 70030))
  refuses timeOffsets '.linux.timeOffsets = {monotonic: {secs: 1, nanosecs: 0}}'
  look '.linux.namespaces += [{type: "time"}]
      | .linux.timeOffsets = {monotonic: {secs: 7, nanosecs: 500000000}, boottime: {secs: 8, nanosecs: 250}}' \
    'tr -s " " </proc/self/timens_offsets'
  is "$output" $'monotonic 7 500000000\nboottime 8 250'
  refuses 'set the time offsets monotonic -99999999 0 boottime 8 0: ' '.linux.namespaces += [{type: "time"}]
      | .linux.timeOffsets = {monotonic: {secs: -99999999}, boottime: {secs: 8}}'
  # In a new user namespace they are its root's, whoever that is outside.
  config '.linux.cgroupsPath = "/oci-user/clocks" | .linux.namespaces += [{type: "time"}, {type: "user"}]
      | .linux.uidMappings = [{containerID: 0, hostID: 65534, size: 1}] | .linux.gidMappings = .linux.uidMappings
      | .linux.timeOffsets = {monotonic: {secs: 7}, boottime: {secs: 8}}' 'tr -s " " </proc/self/timens_offsets'
  as_user
  is "$output" $'monotonic 7 0\nboottime 8 0'
  shown linux.timeOffsets.{monotonic,boottime}.{secs,nanosecs}
}

# Devices

@test "linux.devices: types, numbers, modes, owners" {
  # 24992 is 060640: of some callers a mode has the type in it.
  look '.linux.devices = [{path: "/dev/c", type: "c", major: 1, minor: 3, fileMode: 384, uid: 5, gid: 6},
      {path: "/dev/u", type: "u", major: 1, minor: 5}, {path: "/dev/b", type: "b", major: 7, minor: 200, fileMode: 24992},
      {path: "/dev/sub/p", type: "p", fileMode: 292}]' \
    'for f in c u b sub/p; do stat -c "%n %F %t:%T %a %u:%g" /dev/$f; done'
  is "$output" '/dev/c character special file 1:3 600 5:6
/dev/u character special file 1:5 666 0:0
/dev/b block special file 7:c8 640 0:0
/dev/sub/p fifo 0:0 444 0:0'
  same runc crun
  shown linux.devices.{path,type:c,type:b,type:u,type:p,major,minor,fileMode,uid,gid}
}

@test "linux.devices: the default ones, with a /dev of the root's own, too, and twice" {
  local names='for f in null zero full random urandom tty; do stat -c "%n %t:%T %a" /dev/$f; done
    for f in fd stdin stdout stderr ptmx; do readlink /dev/$f; done'
  look . "$names"
  is "$(head -n 2 <<<"$output")" $'/dev/null 1:3 666\n/dev/zero 1:5 666'
  same runc crun
  look '.mounts |= map(select(.destination | startswith("/dev") | not))' "$names"
  is "$(head -n 1 <<<"$output")" '/dev/null 1:3 666'
  look '.mounts |= map(select(.destination | startswith("/dev") | not))' "$names"
  rm -rf "$bundle/rootfs/dev/null"
  echo mine >"$bundle/rootfs/dev/null"
  refuses /dev/null '.mounts |= map(select(.destination | startswith("/dev") | not))'
  shown linux.devices.default
}

@test "linux.devices: a /dev that is a link does not lead out (CVE-2026-41579)" {
  local canary=$BATS_TEST_TMPDIR/canary
  mkdir "$canary"
  rmdir "$bundle/rootfs/dev"
  ln -s "$canary" "$bundle/rootfs/dev"
  config '.mounts |= map(select(.destination | startswith("/dev") | not))' true
  run runtime run --bundle "$bundle" "$id"
  is "$(ls "$canary")" ''
}

@test "linux.devices: in a user namespace they are the host's nodes" {
  reachable
  local userns='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}]
      | .linux.gidMappings = .linux.uidMappings'
  look "$userns"' | .linux.devices = [{path: "/dev/kmsg", type: "c", major: 1, minor: 11},
      {path: "/dev/pipe", type: "p", fileMode: 420}]' \
    'stat -c "%t:%T" /dev/kmsg /dev/null; echo x >/dev/null && echo written; stat -c %F /dev/pipe'
  is "$output" $'1:b\n1:3\nwritten\nfifo'
  refuses 'no device 1:200' "$userns"' | .linux.devices = [{path: "/dev/nothing", type: "c", major: 1, minor: 200}]'
}

# The network

@test "linux.netDevices: with a new name, and its addresses" {
  ip link add oci-a type veth peer name oci-b
  ip address add 10.77.0.1/24 dev oci-a
  ip address add 10.77.1.5 peer 10.77.1.6/32 dev oci-a
  ip address add fd77::1/64 dev oci-a nodad 2>/dev/null || true
  ip link set oci-a mtu 1400 up
  ip link add oci-c type veth peer name oci-d
  look '.linux.netDevices = {"oci-a": {name: "eth0"}, "oci-c": {}}' 'ip address; ls /sys/class/net'
  contains "$output" 'inet 10.77.0.1/24'
  contains "$output" 'inet 10.77.1.5 peer 10.77.1.6/32'
  matches "$output" 'eth0@[^ ]+ <[^>]*UP[^>]*> mtu 1400'
  contains "$output" oci-c
  [[ ! -e /proc/sys/net/ipv6 ]] || contains "$output" 'fd77::1/64'
  ip link delete oci-b 2>/dev/null || true
  ip link delete oci-d 2>/dev/null || true
  refuses linux.netDevices.nothing '.linux.netDevices = {"nothing": {}}'
  ip link add oci-a type veth peer name oci-b
  refuses linux.netDevices.oci-a '.linux.netDevices = {"oci-a": {name: "lo"}}'
  ip link show oci-a
  ip link delete oci-a
  refuses linux.netDevices '.linux.netDevices = {"lo": {name: "x"}}'
  refuses 'network namespace' '.linux.netDevices = {"x": {}} | .linux.namespaces |= map(select(.type != "network"))'
  shown linux.netDevices.name
}

@test "linux.netDevices: none is lost when the container comes to nothing" {
  local changes
  ip link add oci-a type veth peer name oci-c
  ip link add oci-b type veth peer name oci-d
  ip address add 10.77.0.1/24 dev oci-a
  ip link set oci-a up
  refuses linux.netDevices.oci-b.name '.linux.netDevices = {"oci-a": {name: "eth0"}, "oci-b": {name: "a%d"}}'
  for changes in '.linux.netDevices.nothing = {}' '.linux.netDevices["oci-b"].name = "lo"' '.process.args = ["/nothing"]' \
    '.hooks.createRuntime = [{path: "/bin/false"}]' '.hooks.createContainer = [{path: "/bin/false"}]'; do
    refuses '' '.linux.netDevices = {"oci-a": {name: "eth0"}, "oci-b": {}} | '"$changes"
    contains "$(ip -o address show oci-a)" 10.77.0.1/24
    ip link show oci-b >/dev/null
  done
  # One by path stays: what was in it is not taken for what was moved there.
  ip netns add oci-net
  ip -n oci-net link add eth0 type veth peer name eth1
  refuses linux.netDevices.oci-b '.linux.netDevices = {"oci-a": {}, "oci-b": {name: "eth0"}}
      | .linux.namespaces |= map(if .type == "network" then .path = "/run/netns/oci-net" else . end)'
  is "$(ip -n oci-net -o link | cut -d " " -f 2 | sort | tr "\n" " ")" "eth0@eth1: eth1@eth0: lo: "
  # Nor one whose addresses can't be had there.
  if [[ -e /proc/sys/net/ipv6 ]]; then
    ip netns exec oci-net sysctl -q net.ipv6.conf.default.disable_ipv6=1
    ip address add fd77::1/64 dev oci-a nodad
    refuses linux.netDevices '.linux.netDevices = {"oci-a": {name: "eth7"}}
        | .linux.namespaces |= map(if .type == "network" then .path = "/run/netns/oci-net" else . end)'
    matches "$(ip -o address show oci-a)" 'inet 10.77.0.1/24.*inet6 fd77::1/64'
    contains "$(ip -o link show oci-a)" ',UP'
  fi
  ip link delete oci-a
  ip link delete oci-b
  ip netns delete oci-net
}

@test "linux.netDevices: into a namespace by path" {
  ip netns add oci-net
  ip link add oci-a type veth peer name oci-b
  ip address add 10.77.0.1/24 dev oci-a
  look '.linux.netDevices = {"oci-a": {name: "eth7"}}
      | .linux.namespaces |= map(if .type == "network" then .path = "/run/netns/oci-net" else . end)' 'ip address show eth7'
  contains "$output" 'inet 10.77.0.1/24'
  ip netns delete oci-net
  ip link delete oci-b 2>/dev/null || true
}

# Resources

# v1 FILE: of this container's cgroup, from outside while it runs.
@test "linux.cgroupsPath and linux.resources of v1" {
  [[ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]] || skip 'cgroup v2 alone'
  look '.linux.cgroupsPath = "/oci-place/one" | .linux.namespaces += [{type: "cgroup"}] | .linux.resources = {
      memory: {limit: 67108864, reservation: 33554432, swap: 134217728, swappiness: 20, kernelTCP: 1000000, kernel: 1000000,
        checkBeforeUpdate: true},
      cpu: {shares: 300, quota: 50000, period: 100000, burst: 10000, cpus: "0", mems: "0"}, pids: {limit: 77}}
      | .mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"]}]' \
    'cd /sys/fs/cgroup; for f in memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes memory/memory.memsw.limit_in_bytes \
      memory/memory.swappiness cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.cfs_burst_us \
      cpuset/cpuset.cpus cpuset/cpuset.mems pids/pids.max; do [ ! -e $f ] || echo "$f $(cat $f)"; done'
  local row
  for row in 'memory.limit_in_bytes 67108864' 'soft_limit_in_bytes 33554432' 'memory.swappiness 20' 'cpu.shares 300' \
    'cfs_quota_us 50000' 'cfs_period_us 100000' 'cfs_burst_us 10000' 'cpuset.cpus 0' 'cpuset.mems 0' 'pids.max 77'; do
    contains "$output" "$row"
  done
  shown linux.cgroupsPath linux.resources.memory.{limit,reservation,swappiness,kernel,kernelTCP,checkBeforeUpdate} linux.resources.pids.limit
  shown linux.resources.cpu.{shares,quota,period,burst,cpus,mems}
  if [[ $output == *memsw* ]]; then
    contains "$output" 'memsw.limit_in_bytes 134217728'
    shown linux.resources.memory.swap
  else
    not_here 'no accounting of swap' linux.resources.memory.swap
  fi
  find /sys/fs/cgroup -type d -path '*oci-place*' -depth -exec rmdir {} + 2>/dev/null || true
}

@test "linux.resources.cpu.cpus: more than there are" {
  refuses "there are no CPUs 0-8191: this machine has $(</sys/devices/system/cpu/possible) (linux.resources.cpu.cpus)" \
    '.linux.resources.cpu.cpus = "0-8191"'
}

@test "linux.resources: more of v1" {
  [[ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]] || skip 'cgroup v2 alone'
  local mount='.linux.namespaces += [{type: "cgroup"}] | .mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "c"}] | '
  look "$mount"'.linux.resources = {memory: {disableOOMKiller: true, limit: 67108864}, cpu: {idle: 1}}' \
    'grep oom_kill_disable /sys/fs/cgroup/memory/memory.oom_control; cat /sys/fs/cgroup/cpu/cpu.idle'
  is "$output" $'oom_kill_disable 1\n1'
  shown linux.resources.memory.disableOOMKiller linux.resources.cpu.idle
  config "$mount"'.linux.resources.memory.useHierarchy = true' 'cat /sys/fs/cgroup/memory/memory.use_hierarchy'
  run runtime run --bundle "$bundle" "$id"
  if ((status == 0)); then is "$output" 1; else contains "$output" useHierarchy; fi
  shown linux.resources.memory.useHierarchy
  if [[ -e /sys/fs/cgroup/cpu/cpu.rt_runtime_us ]]; then
    config "$mount"'.linux.resources.cpu = {realtimePeriod: 500000, realtimeRuntime: 1000}' \
      'cat /sys/fs/cgroup/cpu/cpu.rt_period_us /sys/fs/cgroup/cpu/cpu.rt_runtime_us'
    run runtime run --bundle "$bundle" "$id"
    if ((status == 0)); then
      is "$output" $'500000\n1000'
      shown linux.resources.cpu.{realtimeRuntime,realtimePeriod}
    else
      not_here 'the group above has no real time' linux.resources.cpu.{realtimeRuntime,realtimePeriod}
    fi
  else
    not_here 'no real time groups' linux.resources.cpu.{realtimeRuntime,realtimePeriod}
  fi
}

@test "linux.resources.devices" {
  look '.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 11, access: "w"},
      {allow: true, type: "b", major: 7, access: "m"}]
      | .linux.devices = [{path: "/dev/kmsg", type: "c", major: 1, minor: 11}, {path: "/dev/port", type: "c", major: 1, minor: 4}]' \
    'try() { (eval "$1") >/dev/null 2>&1 && echo yes || echo no; }
     try "head -c 1 /dev/zero"; try ": >>/dev/kmsg"; try ": </dev/kmsg"; try ": </dev/port"; try "mknod /dev/x b 7 77"; try ": </dev/x"'
  is "$(tr '\n' ' ' <<<"$output")" 'yes yes no no yes no '
  same runc
  shown linux.resources.devices.{allow,type,major,minor,access}
}

@test "linux.resources.blockIO" {
  local device
  device=$(stat -c '%Hd:%Ld' / 2>/dev/null)
  [[ -b /dev/block/$device || -e /sys/dev/block/$device ]] || device=$(sed -n 's/^ *\([0-9]*\) *\([0-9]*\) [0-9]* [a-z]*$/\1:\2/p' /proc/partitions | head -n 1)
  [[ -e /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device && -n $device ]] || cannot_show 'no blkio here' \
    linux.resources.blockIO.{weight,leafWeight,weightDevice.{major,minor,weight,leafWeight},throttle{Read,Write}{Bps,IOPS}Device.{major,minor,rate}}
  local d="major: ${device%:*}, minor: ${device#*:}"
  look ".linux.namespaces += [{type: \"cgroup\"}] | .mounts += [{destination: \"/sys/fs/cgroup\", type: \"cgroup\", source: \"c\"}]
      | .linux.resources.blockIO = {throttleReadBpsDevice: [{$d, rate: 1001}], throttleWriteBpsDevice: [{$d, rate: 1002}],
        throttleReadIOPSDevice: [{$d, rate: 1003}], throttleWriteIOPSDevice: [{$d, rate: 1004}]}" \
    'cd /sys/fs/cgroup/blkio; cat blkio.throttle.*_bps_device blkio.throttle.*_iops_device'
  is "$(sort <<<"$output" | tr '\n' ' ')" "$device 1001 $device 1002 $device 1003 $device 1004 "
  shown linux.resources.blockIO.throttle{Read,Write}{Bps,IOPS}Device.{major,minor,rate}
  config ".linux.namespaces += [{type: \"cgroup\"}] | .mounts += [{destination: \"/sys/fs/cgroup\", type: \"cgroup\", source: \"c\"}]
      | .linux.resources.blockIO = {weight: 300, weightDevice: [{$d, weight: 400}]}" 'cat /sys/fs/cgroup/blkio/blkio*.weight*'
  run runtime run --bundle "$bundle" "$id"
  if ((status == 0)) && [[ $output == *300* && $output == *400* ]]; then
    shown linux.resources.blockIO.{weight,weightDevice.{major,minor,weight}}
  else
    not_here "no weights of disks ($output)" linux.resources.blockIO.{weight,weightDevice.{major,minor,weight}}
  fi
  not_here 'no kernel since 5.0 has it' linux.resources.blockIO.{leafWeight,weightDevice.leafWeight}
}

@test "linux.resources: what needs controllers that are rare" {
  local cgroup='.linux.namespaces += [{type: "cgroup"}] | .mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "c"}] |'
  if [[ -d /sys/fs/cgroup/hugetlb ]] || grep -qs hugetlb /sys/fs/cgroup/cgroup.controllers; then
    look "$cgroup"' .linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]' \
      'cat /sys/fs/cgroup/hugetlb/hugetlb.2MB.limit_in_bytes /sys/fs/cgroup/hugetlb.2MB.max 2>/dev/null'
    is "$output" 4194304
    shown linux.resources.hugepageLimits.{pageSize,limit}
  else
    refuses hugetlb '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
    not_here 'no hugetlb controller' linux.resources.hugepageLimits.{pageSize,limit}
  fi
  not_here 'no net_cls or net_prio' linux.resources.network.{classID,priorities.{name,priority}}
  not_here 'no rdma controller' linux.resources.rdma.{hcaHandles,hcaObjects}
}

@test "linux.resources.unified" {
  local key
  for key in freeze kill procs threads type; do
    refuses "linux.resources.unified: \"cgroup.$key\" is no limit" ".linux.resources.unified = {\"cgroup.$key\": \"1\"}"
  done
  [[ -e /sys/fs/cgroup/cgroup.controllers ]] || cannot_show 'no cgroup v2 with controllers' linux.resources.unified
  look '.linux.namespaces += [{type: "cgroup"}] | .mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "c"}]
      | .linux.resources.unified = {"memory.high": "50000000"}' 'cat /sys/fs/cgroup/memory.high'
  shown linux.resources.unified
}

# Seccomp

# A rule for getpriority (140), whose first two arguments are free.
rule() { echo ".linux.seccomp = ({defaultAction: \"SCMP_ACT_ALLOW\", architectures: [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"]} + $1)"; }
[[ $(uname -m) == x86_64 ]] && getpriority=140 || getpriority=141

@test "linux.seccomp: actions" {
  local action expected
  while read -r action expected; do
    look "$(rule "{syscalls: [{names: [\"getpriority\"], action: \"SCMP_ACT_$action\"}]}") | .process.args = [\"probe\", \"call:$getpriority,0,0\"]"
    is "$output" "$expected"
    case $action in KILL_PROCESS | LOG) ;; *) same runc ;; esac
    shown "linux.seccomp.action:SCMP_ACT_$action"
  done <<'ROWS'
KILL signal 31
KILL_THREAD signal 31
KILL_PROCESS signal 31
TRAP signal 31
ERRNO errno 1
TRACE errno 38
ALLOW errno 0
LOG errno 0
ROWS
  look "$(rule "{syscalls: [{names: [\"getpriority\"], action: \"SCMP_ACT_ERRNO\", errnoRet: 77}]}") | .process.args = [\"probe\", \"call:$getpriority,0,0\"]"
  is "$output" 'errno 77'
  refuses action "$(rule '{syscalls: [{names: ["getpriority"], action: "SCMP_ACT_WISH"}]}')"
  shown linux.seccomp.syscalls.{names,action,errnoRet}
}

@test "linux.seccomp: defaultAction and defaultErrnoRet" {
  look '.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 55, syscalls: [{action: "SCMP_ACT_ALLOW", names:
      ["execve", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "readlink", "readlinkat", "getrandom",
       "mprotect", "newfstatat", "fstat", "ioctl", "write", "read", "exit_group", "clone", "fork", "vfork", "wait4", "uname", "close", "mmap",
       "munmap", "futex", "rt_sigaction", "rt_sigprocmask", "exit", "prctl", "close_range", "setuid", "sched_yield", "access", "openat"]}]}
      | .process.noNewPrivileges = true | .process.args = ["probe", "call:'"$getpriority"',0,0"]'
  is "$output" 'errno 55'
  shown linux.seccomp.{defaultAction,defaultErrnoRet}
}

@test "linux.seccomp: operators" {
  local op value two yes no
  while read -r op value two yes no; do
    look "$(rule "{syscalls: [{names: [\"getpriority\"], action: \"SCMP_ACT_ERRNO\", errnoRet: 99,
        args: [{index: 1, value: $value, valueTwo: $two, op: \"SCMP_CMP_$op\"}]}]}")
        | .process.args = [\"probe\", \"call:$getpriority,0,$yes\", \"call:$getpriority,0,$no\"]"
    is "$(head -n 1 <<<"$output")" 'errno 99'
    [[ $(tail -n 1 <<<"$output") != 'errno 99' ]] || { echo "$op also took $no"; return 1; }
    same runc
    shown "linux.seccomp.op:SCMP_CMP_$op"
  done <<'ROWS'
NE 5 0 6 5
LT 5 0 4 5
LE 5 0 5 6
EQ 5 0 5 6
GE 5 0 5 4
GT 5 0 6 5
MASKED_EQ 12 8 9 4
ROWS
  shown linux.seccomp.syscalls.args.{index,value,valueTwo}
}

@test "linux.seccomp: architectures" {
  [[ $(uname -m) == x86_64 ]] || cannot_show 'another machine' linux.seccomp.architectures
  look '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
      syscalls: [{names: ["getpid"], action: "SCMP_ACT_ERRNO"}]} | .process.args = ["probe", "call32"]'
  is "$output" refused
  look '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
      syscalls: [{names: ["getsid"], action: "SCMP_ACT_ERRNO"}]} | .process.args = ["probe", "call32"]'
  is "$output" allowed
  same runc
  refuses ARCH '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_PDP11"]}'
  shown linux.seccomp.architectures
}

@test "linux.seccomp: flags" {
  look "$(rule '{flags: ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
      syscalls: [{names: ["getpriority"], action: "SCMP_ACT_ERRNO"}]}')" \
    'grep -E "Seccomp:|Speculation_Store_Bypass" /proc/self/status'
  matches "$output" 'Seccomp:[[:space:]]2'
  lacks "$output" 'force mitigated'
  refuses flag "$(rule '{flags: ["SECCOMP_FILTER_FLAG_OTHER"]}')"
  shown linux.seccomp.flags:SECCOMP_FILTER_FLAG_{TSYNC,LOG,SPEC_ALLOW}
}

@test "linux.seccomp: SCMP_ACT_NOTIFY, its listener and its metadata" {
  local nnp socket=$BATS_TEST_TMPDIR/agent.sock message=$BATS_TEST_TMPDIR/message agent
  for nnp in true false; do
    rm -f "$socket" "$message"
    "$OCI/agent.py" "$socket" "$message" 3>&- &
    agent=$!
    eventually 10 test -S "$socket"
    look "$(rule "{listenerPath: \"$socket\", listenerMetadata: \"some \\\"words\\\"\", flags: [\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"],
        syscalls: [{names: [\"getpriority\"], action: \"SCMP_ACT_NOTIFY\"}]}") | .process.noNewPrivileges = $nnp
        | .process.args = [\"probe\", \"call:$getpriority,0,0\"] | .annotations = {a: \"b\"}"
    is "$output" 'errno 42'
    wait "$agent"
    is "$(jq -r '.fds[0], .metadata, .state.id, .state.status, .state.annotations.a, .state.bundle' "$message" | tr '\n' '|')" \
      "seccompFd|some \"words\"|$id|creating|b|$bundle|"
    is "$(jq -r '.pid == .state.pid' "$message")" true
  done
  # Another process in it has a filter, and a listener, of its own.
  rm -f "$socket" "$message"
  mkfifo "$BATS_TEST_TMPDIR/hold"
  config "$(rule "{listenerPath: \"$socket\", syscalls: [{names: [\"getpriority\"], action: \"SCMP_ACT_NOTIFY\"}]}")" cat
  "$OCI/agent.py" "$socket" "$message" 3>&- &
  agent=$!
  eventually 10 test -S "$socket"
  runtime run --bundle "$bundle" "$id" <"$BATS_TEST_TMPDIR/hold" >/dev/null 2>&1 3>&- &
  holder=$!
  exec 9>"$BATS_TEST_TMPDIR/hold"
  eventually 10 running
  rm -f "$socket"
  "$OCI/agent.py" "$socket" "$message.exec" 3>&- &
  eventually 10 test -S "$socket"
  expect 0 runtime exec "$id" probe "call:$getpriority,0,0"
  is "$output" 'errno 42'
  is "$(jq -r .state.status,.state.id "$message.exec" | tr '\n' ' ')" "running $id "
  is "$(jq -r .state.pid "$message.exec")" "$(jq -r .pid "$message")"
  let_go
  wait "$agent"
  refuses listenerPath "$(rule "{listenerPath: \"$socket.none\", syscalls: [{names: [\"getpriority\"], action: \"SCMP_ACT_NOTIFY\"}]}")"
  refuses listenerPath "$(rule '{syscalls: [{names: ["getpriority"], action: "SCMP_ACT_NOTIFY"}]}')"
  refuses defaultAction '.linux.seccomp = {defaultAction: "SCMP_ACT_NOTIFY", listenerPath: "/x"}'
  refuses write "$(rule '{listenerPath: "/x", syscalls: [{names: ["write"], action: "SCMP_ACT_NOTIFY"}]}')"
  shown linux.seccomp.{listenerPath,listenerMetadata} linux.seccomp.action:SCMP_ACT_NOTIFY
  shown linux.seccomp.flags:SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
}

# The rest

@test "linux.intelRdt: refused by name where there is no resctrl" {
  if grep -q ' resctrl ' /proc/self/mounts; then
    look '.linux.intelRdt = {enableMonitoring: true}' true
    cannot_show 'what schemata there may be is the machine'"'"'s business' linux.intelRdt.{closID,schemata,l3CacheSchema,memBwSchema,enableMonitoring}
  fi
  refuses linux.intelRdt '.linux.intelRdt = {closID: "a", schemata: ["L3:0=f"]}'
  cannot_show 'no resctrl' linux.intelRdt.{closID,schemata,l3CacheSchema,memBwSchema,enableMonitoring}
}

@test "linux.memoryPolicy" {
  [[ -e /proc/self/numa_maps ]] || cannot_show 'no NUMA' linux.memoryPolicy.{mode,nodes,flags}
  local mode number
  while read -r mode number; do
    look ".linux.memoryPolicy = {mode: \"MPOL_$mode\", nodes: \"0\"} | .process.args = [\"probe\", \"memory-policy\"]"
    is "$output" "mode $number nodes 1"
  done <<'ROWS'
PREFERRED 1
BIND 2
INTERLEAVE 3
PREFERRED_MANY 5
ROWS
  look '.linux.memoryPolicy = {mode: "MPOL_WEIGHTED_INTERLEAVE", nodes: "0"} | .process.args = ["probe", "memory-policy"]'
  is "$output" 'mode 6 nodes 1'
  look '.linux.memoryPolicy = {mode: "MPOL_LOCAL"} | .process.args = ["probe", "memory-policy"]'
  contains "$output" 'mode 4'
  look '.linux.memoryPolicy = {mode: "MPOL_DEFAULT"} | .process.args = ["probe", "memory-policy"]'
  contains "$output" 'mode 0'
  look '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]} | .process.args = ["probe", "memory-policy"]'
  is "$output" 'mode 32770 nodes 1'
  look '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_RELATIVE_NODES"]} | .process.args = ["probe", "memory-policy"]'
  is "$output" 'mode 16386 nodes 1'
  look '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_NUMA_BALANCING"]} | .process.args = ["probe", "memory-policy"]'
  is "$output" 'mode 8194 nodes 1'
  refuses linux.memoryPolicy '.linux.memoryPolicy = {mode: "MPOL_BIND"}'
  shown linux.memoryPolicy.{mode,nodes,flags}
}

@test "linux.personality" {
  look '.linux.personality = {domain: "LINUX32"} | .process.args = ["probe", "personality"]'
  matches "$output" 'personality 8 machine i[36]86'
  look '.linux.personality = {domain: "LINUX"} | .process.args = ["probe", "personality"]'
  is "$output" "personality 0 machine $(uname -m)"
  same crun
  config '.linux.personality = {domain: "LINUX", flags: ["some"]}' true
  run runtime run --bundle "$bundle" "$id"
  contains "$output" linux.personality.flags
  shown linux.personality.{domain,flags}
}

@test "linux.sysctl: what belongs to a namespace of the container's, and nothing else" {
  look '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "9000", "fs.mqueue.msg_max": "20", "kernel.domainname": "here"}' \
    'cd /proc/sys; cat net/ipv4/ip_forward kernel/msgmax fs/mqueue/msg_max kernel/domainname'
  is "$output" $'1\n9000\n20\nhere'
  same crun
  local key
  for key in kernel.panic vm.swappiness kernel.hostname kernel.core_pattern net.../../kernel.panic; do
    refuses "${key/net*panic/kernel}" ".linux.sysctl = {\"$key\": \"1\"}"
  done
  refuses linux.sysctl.net.ipv4.ip_forward '.linux.sysctl = {"net.ipv4.ip_forward": "1"} | .linux.namespaces |= map(select(.type != "network"))'
  refuses linux.sysctl.kernel.msgmax '.linux.sysctl = {"kernel.msgmax": "1"} | .linux.namespaces |= map(select(.type != "ipc"))'
  refuses linux.sysctl.net.ipv4.ip_forward '.linux.sysctl = {"net.ipv4.ip_forward": "1"}
      | .linux.namespaces |= map(if .type == "network" then .path = "/proc/self/ns/net" else . end)'
  shown linux.sysctl
}

@test "linux.maskedPaths and readonlyPaths" {
  look '.linux.maskedPaths = ["/proc/keys", "/sys/firmware", "/no/such"] | .linux.readonlyPaths = ["/proc/sys", "/etc", "/no/such"]' \
    'wc -c </proc/keys; ls /sys/firmware | wc -l; touch /etc/x 2>&1; (echo 1 >/proc/sys/kernel/msgmax) 2>&1; true'
  matches "$output" $'^0\n0\n.*Read-only'
  local root
  for root in / /etc/..; do
    look ".linux.readonlyPaths = [\"$root\"]" 'touch /x 2>&1; touch /dev/x && echo and no more'
    is "$output" $'touch: /x: Read-only file system\nand no more'
  done
  shown linux.maskedPaths linux.readonlyPaths
}

# The count

@test "every field was shown, or is named" {
  local missing
  missing=$(LC_ALL=C comm -23 <(LC_ALL=C sort -u "$OCI/fields") <(LC_ALL=C sort -u "$OCI_SHOWN" "$OCI_HIDDEN"))
  # WHAT PATTERN: how many of the list's lines were shown. A word after a colon is a value of its field.
  tally() { echo "# $(grep -E "$2" "$OCI/fields" | LC_ALL=C sort -u | LC_ALL=C comm -12 - <(LC_ALL=C sort -u "$OCI_SHOWN") | wc -l) of $(grep -cE "$2" "$OCI/fields") $1 shown" >&3; }
  tally "fields" '^[^:]*$'
  tally "mount options" '^mounts.options:'
  tally "values of others" '^([^m]|mounts[^:]*[^s:])[^:]*:'
  is "$(grep -oE '^hooks\.[A-Za-z]+' "$OCI/fields" | sort -u | wc -l)" 6
  # Who asks what this runtime can do hears of what was shown, and of nothing else.
  promised() { rt=$(runtime features | jq -r "$1") && is "$(LC_ALL=C sort <<<"$rt")" "$(sed -n "s/^$2//p" "$OCI/fields" | LC_ALL=C sort)"; }
  promised '.mountOptions[]' mounts.options:
  promised '.linux.seccomp.actions[]' linux.seccomp.action:
  promised '.linux.seccomp.operators[]' linux.seccomp.op:
  promised '.linux.seccomp.knownFlags[]' linux.seccomp.flags:
  promised '.linux.namespaces[]' linux.namespaces.type:
  is "$missing" ''
  # And nothing is shown that the list does not have.
  is "$(LC_ALL=C comm -13 <(LC_ALL=C sort -u "$OCI/fields") <(LC_ALL=C sort -u "$OCI_SHOWN" "$OCI_HIDDEN"))" ''
}
