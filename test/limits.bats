#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The limits of run and create, devices, and the flags that choose between what hoy has and what others have.
# What the kernel has is read from outside: the container's group in the host's hierarchies.

load lib
load refused

v1() { [[ -d /sys/fs/cgroup/memory ]]; }

# group CONTAINER CONTROLLER: its folder.
group() { echo "/sys/fs/cgroup/$2/hoy-$(field "$1" .Id)"; }

# value CONTAINER CONTROLLER FILE
value() { cat "$(group "$1" "$2")/$3"; }

running() { hoy run -d --rm --name limited "$@" base sleep 1000 >/dev/null; }
test_teardown() { hoy rm -f limited >/dev/null 2>&1 || true; }

@test "CPU: period and quota, sets, what contradicts" {
  v1 || skip "v1's files"
  running --cpu-period 50000 --cpu-quota 25000 --cpuset-cpus 0 --cpuset-mems 0 -c 512
  is "$(value limited cpu cpu.cfs_period_us)" 50000
  is "$(value limited cpu cpu.cfs_quota_us)" 25000
  is "$(value limited cpu cpu.shares)" 512
  is "$(value limited cpuset cpuset.cpus)" 0
  is "$(value limited cpuset cpuset.mems)" 0
  is "$(field limited '.HostConfig | [.CpuPeriod, .CpuQuota, .CpuShares, .CpusetCpus, .CpusetMems] | join(" ")')" \
    '50000 25000 512 0 0'
  hoy rm -f limited
  running --cpu-quota -1
  is "$(value limited cpu cpu.cfs_quota_us)" -1
  refused 'Nano CPUs and CPU Period cannot both be set' --cpus 1 --cpu-period 50000
  refused 'Nano CPUs and CPU Quota cannot both be set' --cpus 1 --cpu-quota 50000
  refused 'CPU cfs period can not be less than 1ms' --cpu-period 999
  refused 'CPU cfs period can not be less than 1ms' --cpu-period 1000001
  refused 'CPU cfs period can not be less than 1ms' --cpu-period -1
  refused 'CPU cfs quota can not be less than 1ms' --cpu-quota 999
  refused 'CPU cfs quota can not be less than 1ms' --cpu-quota -2
  refused 'no whole number' --cpu-period ''
  refused 'no whole number' --cpu-quota 1e3
  refused 'out of range' --cpu-quota 99999999999999999999
  refused 'Requested memory nodes are not available - requested 77' --cpuset-mems 77
  refused 'invalid value 0- for cpuset mems' --cpuset-mems 0-
}

@test "CPU: real time" {
  refused 'cpu real-time runtime cannot be higher than cpu real-time period' --cpu-rt-period 1000 --cpu-rt-runtime 1001
  refused 'can not be negative' --cpu-rt-runtime -1
  if ! [[ -e /sys/fs/cgroup/cpu/cpu.rt_runtime_us ]]; then
    refused 'does not support CPU real-time' --cpu-rt-runtime 1000
    return
  fi
  # What is above has to have it to give.
  echo 400000 >/sys/fs/cgroup/cpu/cpu.rt_runtime_us || skip "no real time is left on this host"
  running --cpu-rt-period 500000 --cpu-rt-runtime 100000
  is "$(value limited cpu cpu.rt_period_us)" 500000
  is "$(value limited cpu cpu.rt_runtime_us)" 100000
  is "$(field limited '.HostConfig | [.CpuRealtimePeriod, .CpuRealtimeRuntime] | join(" ")')" '500000 100000'
  hoy rm -f limited
  # A group is given up when the kernel comes to it.
  eventually 5 sh -c 'echo 0 >/sys/fs/cgroup/cpu/cpu.rt_runtime_us' 2>/dev/null
}

@test "memory: reservation, swappiness, the killer that is off" {
  v1 || skip "v1's files"
  running -m 64m --memory-reservation 32m --memory-swappiness 7 --oom-kill-disable --oom-score-adj 321
  is "$(value limited memory memory.limit_in_bytes)" $((64 << 20))
  is "$(value limited memory memory.memsw.limit_in_bytes)" $((128 << 20))
  is "$(value limited memory memory.soft_limit_in_bytes)" $((32 << 20))
  is "$(value limited memory memory.swappiness)" 7
  contains "$(value limited memory memory.oom_control)" 'oom_kill_disable 1'
  is "$(cat "/proc/$(field limited .State.Pid)/oom_score_adj")" 321
  is "$(field limited '.HostConfig | [.MemoryReservation, .MemorySwappiness, .OomKillDisable, .OomScoreAdj, .MemorySwap] | join(" ")')" \
    "$((32 << 20)) 7 true 321 $((128 << 20))"
  hoy rm -f limited
  expect 0 hoy run --rm --oom-kill-disable base true
  contains "$output" 'WARNING: OOM killer is disabled for the container, but no memory limit is set'
  refused 'memory reservation allowed is 6MB' --memory-reservation 1m
  refused 'can not be less than memory reservation' -m 64m --memory-reservation 65m
  refused 'Valid memory swappiness range is 0-100' --memory-swappiness 101
  refused 'Valid memory swappiness range is 0-100' --memory-swappiness -2
  refused 'range for oom score adj is [-1000, 1000]' --oom-score-adj 1001
  refused 'range for oom score adj is [-1000, 1000]' --oom-score-adj -1001
  refused 'no size' --memory-reservation=
  refused 'no size' --memory-reservation -1
  refused 'true or false' --oom-kill-disable=perhaps
  # -1 is the default.
  expect 0 hoy run --rm --memory-swappiness -1 base true
  is "$output" ''
}

@test "what cgroups of v2 lack is discarded with Docker's warning" {
  v1 && skip "this host has v1: see vm.bats"
  expect 0 hoy run --rm --memory-swappiness 7 --oom-kill-disable base true
  contains "$output" 'WARNING: Your kernel does not support memory swappiness'
  contains "$output" 'WARNING: Your kernel does not support OomKillDisable. OomKillDisable discarded.'
}

@test "block I/O: weights, operations and bytes a second" {
  local disk number
  disk=$(lsblk -dnpo NAME | head -n 1)
  number=$(lsblk -dno MAJ:MIN "$disk" | tr -d ' ')
  [[ -d /sys/fs/cgroup/blkio ]] || skip "v1's files"
  running --device-read-iops "$disk:100" --device-write-iops "$disk:200" --blkio-weight 300 \
    --device-read-bps "$disk:1mb" --device-write-bps "$disk:2mb"
  is "$(value limited blkio blkio.throttle.read_iops_device)" "$number 100"
  is "$(value limited blkio blkio.throttle.write_iops_device)" "$number 200"
  is "$(value limited blkio blkio.throttle.read_bps_device)" "$number 1048576"
  is "$(value limited blkio blkio.throttle.write_bps_device)" "$number 2097152"
  if [[ -e $(group limited blkio)/blkio.bfq.weight ]]; then
    is "$(value limited blkio blkio.bfq.weight)" 300
    is "$(field limited .HostConfig.BlkioWeight)" 300
  else
    is "$(field limited .HostConfig.BlkioWeight)" 0
  fi
  is "$(field limited '.HostConfig.BlkioDeviceReadIOps[0] | "\(.Path) \(.Rate)"')" "$disk 100"
  refused 'Range of blkio weight is from 10 to 1000' --blkio-weight 9
  refused 'Range of blkio weight is from 10 to 1000' --blkio-weight 1001
  refused 'no whole number' --blkio-weight -5
  refused 'not between 10 and 1000' --blkio-weight-device "$disk:9"
  refused 'not of the form' --blkio-weight-device "$disk"
  refused '/dev/null is not a block device' --device-read-iops /dev/null:1
  refused 'is no number' --device-read-iops "$disk:1m"
  refused 'No such file' --device-write-iops /dev/nowhere:1
}

@test "a host with v1 alone" {
  [[ -d /sys/fs/cgroup/unified && -d /sys/fs/cgroup/memory ]] || skip "v1 beside a v2 tree"
  cat >"$BATS_TEST_TMPDIR/alone" <<'END'
set -e
umount /sys/fs/cgroup/unified
"$HOY" run -d --name v1 -m 64m --pids-limit 30 base sh -c 'cat /proc/self/cgroup; exec sleep 1000' >/dev/null
"$HOY" exec v1 cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max
"$HOY" pause v1
"$HOY" inspect -f '{{.State.Status}}' v1
"$HOY" unpause v1
"$HOY" stats --no-stream --format '{{.PIDs}}' v1
"$HOY" rm -f v1
"$HOY" run --name v1 -m 8m base sh -c 'dd if=/dev/zero of=/dev/null bs=32M' 2>/dev/null || echo "$?"
"$HOY" inspect -f '{{.State.OOMKilled}}' v1
"$HOY" rm v1
END
  is "$(unshare -m bash "$BATS_TEST_TMPDIR/alone")" $'67108864\n30\nv1\npaused\nv1\n1\nv1\n137\ntrue\nv1'
}

@test "--blkio-weight-device" {
  local disk number
  disk=$(lsblk -dnpo NAME | head -n 1)
  number=$(lsblk -dno MAJ:MIN "$disk" | tr -d ' ')
  if hoy run -d --rm --name limited --blkio-weight-device "$disk:77" base sleep 1000; then
    is "$(field limited '.HostConfig.BlkioWeightDevice[0] | "\(.Path) \(.Weight)"')" "$disk 77"
    contains "$(value limited blkio blkio.bfq.weight_device)" "$number 77"
  else
    # The device has a scheduler without weights.
    refused "$number 77" --blkio-weight-device "$disk:77"
  fi
}

@test "--cgroup-parent" {
  v1 || skip "v1's paths"
  for parent in /hoy-test-parent/below hoy-test-parent/below/; do
    running --cgroup-parent "$parent"
    [[ -d /sys/fs/cgroup/memory/hoy-test-parent/below/hoy-$(field limited .Id) ]]
    contains "$(grep :pids: "/proc/$(field limited .State.Pid)/cgroup")" /hoy-test-parent/below/hoy-
    is "$(field limited .HostConfig.CgroupParent)" "$parent"
    hoy rm -f limited
  done
  for parent in ../x /a/../.. a/./b 'x:y'; do
    refused 'is no path of a cgroup' --cgroup-parent "$parent"
  done
  refused 'longer than 512' --cgroup-parent "$(printf 'x%.0s' {1..600})"
  find /sys/fs/cgroup/*/hoy-test-parent -depth -type d -exec rmdir {} + 2>/dev/null || true
}

@test "devices: one, under another name, with fewer permissions" {
  expect 125 hoy run --rm --device /dev/nowhere base true
  contains "$output" 'error gathering device information while adding custom device "/dev/nowhere"'
  mknod "$BATS_TEST_TMPDIR/loop" b 7 99
  mknod "$BATS_TEST_TMPDIR/fuse" c 10 229
  expect 0 hoy run --rm --device "$BATS_TEST_TMPDIR/fuse:/dev/other/fuse:r" --cap-add SYS_ADMIN base sh -c \
    'ls -l /dev/other/fuse; exec 3</dev/other/fuse && echo readable; (exec 4>/dev/other/fuse) 2>&1 || echo unwritable'
  contains "$output" '10, 229'
  contains "$output" readable
  contains "$output" unwritable
  # Without the flag not even root may open such a node.
  expect 0 hoy run --rm base sh -c 'mknod /fuse c 10 229; (exec 3</fuse) 2>/dev/null || echo closed'
  is "$output" closed
  hoy create --name limited --device "$BATS_TEST_TMPDIR/fuse:rw" --device "$BATS_TEST_TMPDIR/loop:/dev/loop99" base
  is "$(field limited '.HostConfig.Devices[] | "\(.PathOnHost) \(.PathInContainer) \(.CgroupPermissions)"')" \
    "$BATS_TEST_TMPDIR/fuse $BATS_TEST_TMPDIR/fuse rw
$BATS_TEST_TMPDIR/loop /dev/loop99 rwm"
  refused 'not a device node' --device /etc/passwd
  refused 'there is none in this directory' --device /etc
  refused 'not an absolute path' --device fuse
  refused 'not an absolute path' --device /dev/fuse:fuse
  refused 'bad mode specified: rx' --device /dev/zero:/dev/x:rx
  refused 'bad format for path' --device /dev/zero:/dev/x:r:w
  refused 'not an absolute path' --device ''
  refused 'leads out of its directory' --device /dev/zero:/dev/../etc/x
}

@test "devices: a directory of them; a name of the default ones" {
  mkdir -p "$BATS_TEST_TMPDIR/many/below"
  mknod "$BATS_TEST_TMPDIR/many/one" c 1 3
  mknod "$BATS_TEST_TMPDIR/many/below/two" c 1 5
  touch "$BATS_TEST_TMPDIR/many/file"
  expect 0 hoy run --rm --device "$BATS_TEST_TMPDIR/many:/dev/many" base find /dev/many -type c
  contains "$output" /dev/many/one
  contains "$output" /dev/many/below/two
  lacks "$output" file
  expect 0 hoy run --rm --device /dev/zero:/dev/null base sh -c 'head -c 1 /dev/null | od -An -tx1'
  is "$output" ' 00'
  expect 0 hoy run --rm --privileged --device /dev/zero:/dev/another base sh -c '[ -c /dev/another ] && ls /dev | wc -l'
  ((output > 20)) || ((output >= $(find /dev -maxdepth 1 -type c | wc -l)))
}

@test "--device-cgroup-rule" {
  v1 || skip "v1's list"
  running --device-cgroup-rule 'c 10:229 rw' --device-cgroup-rule 'b 7:* r'
  contains "$(value limited devices devices.list)" 'c 10:229 rw'
  contains "$(value limited devices devices.list)" 'b 7:* r'
  expect 0 hoy exec limited sh -c 'mknod /fuse c 10 229 && exec 3<>/fuse && echo open'
  is "$output" open
  is "$(field limited .HostConfig.DeviceCgroupRules[1])" 'b 7:* r'
  for rule in '' x 'c 1:3' 'c 1:3 x' 'd 1:3 r' 'c 1 r' 'c -1:3 r' 'c *:*:* r' 'c 99999999999:1 r' 'c 1:3 rwmr'; do
    refused 'invalid device cgroup format' --device-cgroup-rule "$rule"
  done
}

cdi_begin() {
  mkdir -p /etc/cdi && mount -t tmpfs cdi /etc/cdi
  mknod "$BATS_TEST_TMPDIR/cam" c 10 229
  cat >/etc/cdi/vendor.json <<END
{"cdiVersion": "0.6.0", "kind": "vendor.com/cam",
 "containerEdits": {"env": ["ALL=yes"]},
 "devices": [
  {"name": "one", "containerEdits": {
    "env": ["CAM=one"], "additionalGids": [77],
    "deviceNodes": [{"path": "/dev/cam", "hostPath": "$BATS_TEST_TMPDIR/cam", "permissions": "r"}],
    "mounts": [{"hostPath": "$BATS_TEST_TMPDIR", "containerPath": "/lib/cam", "options": ["ro", "bind"]}]}},
  {"name": "wired", "containerEdits": {"netDevices": [{"hostInterfaceName": "eth9", "name": "eth9"}]}},
  {"name": "lost", "containerEdits": {"deviceNodes": [{"path": "/dev/nowhere"}]}}]}
END
}
cdi_end() {
  umount /etc/cdi
  rmdir /etc/cdi 2>/dev/null || true
}

@test "CDI: nodes, mounts, environment; what is missing or not supported is named" {
  cdi_begin
  run hoy run --rm --device vendor.com/cam=one base sh -c \
    'echo $CAM $ALL; ls -l /dev/cam; exec 3</dev/cam && echo readable; ls /lib/cam; touch /lib/cam/x 2>&1; id -G'
  local got=$output
  run hoy run --rm --device vendor.com/cam=two base true
  local unknown=$output
  run hoy run --rm --device vendor.com/cam=wired base true
  local wired=$output
  run hoy run --rm --device vendor.com/cam=lost base true
  local lost=$output
  run hoy run --rm --gpus all base true
  local gpus=$output
  echo 'x: y' >/etc/cdi/nvidia.yaml
  run hoy run --rm --gpus all base true
  local yaml=$output
  hoy create --name limited --device vendor.com/cam=one base
  local stored
  stored=$(field limited '.HostConfig.DeviceRequests[0] | "\(.Driver) \(.DeviceIDs[0])"')
  echo '{' >/etc/cdi/broken.json
  run hoy run --rm --device vendor.com/cam=one base true
  local broken=$output
  cdi_end
  contains "$got" 'one yes'
  contains "$got" '10, 229'
  contains "$got" readable
  contains "$got" cam
  contains "$got" 'Read-only'
  contains "$got" 77
  contains "$unknown" 'unresolvable CDI device vendor.com/cam=two'
  contains "$wired" 'has netDevices, which hoy does not support yet'
  contains "$lost" '/dev/nowhere is no device of this host'
  contains "$gpus" 'could not select device driver'
  contains "$yaml" 'is YAML'
  contains "$broken" '/etc/cdi/broken.json is not JSON'
  is "$stored" 'cdi vendor.com/cam=one'
}

# What a vendor's hook does: it finds the container's root by the state, and changes something in it.
@test "CDI: hooks run when they are due, and find the container by its state" {
  local kind hooks=() T=$BATS_TEST_TMPDIR
  cat >"$T/hook" <<END
#!/bin/sh
state=\$(cat)
echo "\$1 \$A \$(echo "\$state" | jq -r '.status + " " + .id')" >>$T/said
bundle=\$(echo "\$state" | jq -r .bundle)
[ "\$1" != createContainer ] || echo linked >"\$(jq -r .root.path "\$bundle/config.json")/etc/by-hook"
END
  chmod +x "$T/hook"
  for kind in prestart createRuntime createContainer poststart poststop; do
    hooks+=("{\"hookName\": \"$kind\", \"path\": \"$T/hook\", \"args\": [\"hook\", \"$kind\"], \"env\": [\"A=b\", \"PATH=$PATH\"]}")
  done
  mkdir -p /etc/cdi && mount -t tmpfs cdi /etc/cdi
  cat >/etc/cdi/v.json <<END
{"cdiVersion": "0.6.0", "kind": "v.com/x", "devices": [
  {"name": "all", "containerEdits": {"hooks": [$(IFS=, && echo "${hooks[*]}")]}},
  {"name": "fails", "containerEdits": {"hooks": [{"hookName": "createContainer", "path": "/bin/sh", "args": ["sh", "-c", "echo no such card >&2; exit 3"]}]}},
  {"name": "slow", "containerEdits": {"hooks": [{"hookName": "createRuntime", "path": "/bin/sleep", "args": ["sleep", "60"], "timeout": 1}]}},
  {"name": "none", "containerEdits": {"hooks": [{"hookName": "preStart", "path": "/bin/true"}]}}]}
END
  run hoy run --rm --name hooked --device v.com/x=all base cat /etc/by-hook
  local found=$output
  local fails slow none id
  run hoy run --rm --device v.com/x=fails base true
  fails="$status $output"
  run hoy run --rm --device v.com/x=slow base true
  slow="$status $output"
  run hoy run --rm --device v.com/x=none base true
  none="$status $output"
  id=$(hoy run -d --name killed --device v.com/x=all base sleep 600)
  kill -9 "$(awk '/^PPid/ {print $2}' "/proc/$(field killed .State.Pid)/status")"
  eventually 10 eval '[[ $(field killed .State.Status) == exited ]]'
  hoy rm killed
  umount /etc/cdi
  rmdir /etc/cdi 2>/dev/null || true
  is "$found" linked
  is "$(head -n 5 "$T/said" | cut -d' ' -f1-3 | tr '\n' ,)" \
    'prestart b creating,createRuntime b creating,createContainer b creating,poststart b running,poststop b stopped,'
  is "$(grep -c "^poststop b stopped $id\$" "$T/said")" 1
  is "$fails" '125 hoy: error running createContainer hook /bin/sh: exit status 3: no such card'
  is "$slow" '125 hoy: error running createRuntime hook /bin/sleep: it did not end within 1 s'
  is "$none" '125 hoy: CDI device v.com/x=none: a hook has no valid hookName or path'
}

@test "--gpus: its grammar, and a GPU that a specification has" {
  refused 'could not select device driver' --gpus all
  refused 'could not select device driver' --gpus 2
  refused 'could not select device driver "amd"' --gpus driver=amd,count=1
  refused 'could not select device driver' --gpus '"device=0,1"'
  refused 'value must be either "all" or an integer' --gpus many
  refused 'unexpected key' --gpus colour=red
  refused 'cannot set both Count and DeviceIDs' --gpus 'count=1,device=0'
  refused 'it says no GPU' --gpus ''
  cdi_begin
  echo '{"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": [
    {"name": "all", "containerEdits": {"env": ["GPU=all"]}}, {"name": "0", "containerEdits": {"env": ["GPU=0"]}}]}' >/etc/cdi/gpu.json
  run hoy run --rm --gpus all base sh -c 'echo $GPU'
  local all=$output
  run hoy run --rm --gpus device=0 base sh -c 'echo $GPU'
  local first=$output
  cdi_end
  is "$all" all
  is "$first" 0
}

@test "--ulimit nofile: few descriptors are enough to start with" {
  for count in 6 10 24; do is "$(hoy run --rm --ulimit nofile=$count base sh -c 'ulimit -n')" $count; done
  is "$(hoy run --rm --init -u 7:8 -w /tmp --ulimit nofile=6 base sh -c 'id -u; pwd')" $'7\n/tmp'
}

@test "security options" {
  [[ -e /sys/module/apparmor/parameters/enabled ]] ||
    refused 'AppArmor is not enabled on this host' --security-opt apparmor=docker-default
  expect 0 hoy run --rm --security-opt apparmor=unconfined --security-opt label=type:x_t base true
  refused 'bad label option' --security-opt label=colour:red
  refused 'true or false' --security-opt writable-cgroups=perhaps
  refused 'conflicts with --privileged' --privileged --security-opt writable-cgroups=false
  if v1; then
    refused 'needs a host with cgroup v2 alone' --security-opt writable-cgroups=true
  fi
  expect 0 hoy run --rm --security-opt no-new-privileges:true base grep NoNewPrivs /proc/self/status
  matches "$output" '1$'
  expect 0 hoy run --rm --security-opt no-new-privileges=false base grep NoNewPrivs /proc/self/status
  matches "$output" '0$'
  refused 'no such security option' --security-opt colour=red
}

@test "annotations; runtimes; isolation; content trust; what is of Windows" {
  hoy create --name limited --annotation org.example.a=1 --annotation b= --annotation org.example.a=2 \
    --runtime io.containerd.runc.v2 --isolation default --disable-content-trust base sleep 1000
  is "$(field limited '.HostConfig.Annotations | tojson')" '{"org.example.a":"2","b":""}'
  is "$(field limited '.HostConfig | .Runtime + " " + .Isolation')" 'io.containerd.runc.v2 default'
  hoy start limited
  contains "$(tr -d '\0' <"$HOY_RUNROOT/containers/$(field limited .Id)/plan")" '"org.example.a":"2"'
  for name in runc hoy-runtime hoy; do expect 0 hoy run --rm --runtime $name base true; done
  refused 'unknown or invalid runtime name: kata' --runtime kata
  refused "hoy's own" --annotation hoy.user=0
  refused 'not of the form KEY=VALUE' --annotation x
  refused 'the name is missing' --annotation =x
  refused "only 'default'" --isolation hyperv
  refused 'Notary' --disable-content-trust=false
  refused 'of Windows' --cpu-count 1
  refused 'of Windows' --cpu-percent 1
  refused 'of Windows' --io-maxbandwidth 1m
  refused 'of Windows' --io-maxiops 1
  refused 'no limit for the kernel' --kernel-memory 50m
  refused 'no API socket' --use-api-socket
}

@test "--expose is recorded and shown; --mac-address" {
  hoy create --name limited --expose 80 --expose 5000-5002/udp base
  is "$(field limited '.Config.ExposedPorts | keys | join(" ")')" '5000/udp 5001/udp 5002/udp 80/tcp'
  refused 'invalid port format' --expose 80:80
  refused 'invalid range format' --expose 90-80
  refused 'invalid range format' --expose 0
  refused 'invalid range format' --expose 70000
  refused 'invalid proto' --expose 80/icmp
  hoy rm limited
  running --mac-address 92:d0:c6:0a:29:33
  is "$(hoy ps --format '{{.Ports}}')" ''
  is "$(hoy exec limited cat /sys/class/net/eth0/address)" 92:d0:c6:0a:29:33
  is "$(field limited .NetworkSettings.MacAddress)" 92:d0:c6:0a:29:33
  is "$(field limited .Config.MacAddress)" 92:d0:c6:0a:29:33
  hoy rm -f limited
  running --expose 443 --expose 5000-5002/udp --expose 5001-5003/udp
  is "$(hoy ps --format '{{.Ports}}')" '443/tcp, 5000-5003/udp'
  refused 'not a valid mac address' --mac-address 92:d0
  refused 'not a valid mac address' --mac-address ' '
  refused 'no address of a single interface' --mac-address ff:ff:ff:ff:ff:ff
  refused 'conflicting options: mac-address' --mac-address 92:d0:c6:0a:29:33 --network host
}

@test "explain names the flag of each limit" {
  v1 || skip "v1's files"
  mknod "$BATS_TEST_TMPDIR/fuse" c 10 229
  expect 0 hoy run --rm --explain --cpu-period 50000 --cpu-quota 25000 --cpuset-mems 0 -m 64m --memory-reservation 32m \
    --memory-swappiness 7 --oom-kill-disable --oom-score-adj 5 --device "$BATS_TEST_TMPDIR/fuse:/dev/fuse" \
    --device-cgroup-rule 'b 7:* r' --cgroup-parent /hoy-test-parent base true
  for flag in '--cpu-period 50000' '--cpu-quota 25000' '--cpuset-mems 0' '--memory-reservation 32m' \
    '--memory-swappiness 7' --oom-kill-disable '--oom-score-adj 5' "--device $BATS_TEST_TMPDIR/fuse" \
    --device-cgroup-rule '--cgroup-parent /hoy-test-parent'; do
    contains "$output" "$flag"
  done
  rmdir /sys/fs/cgroup/*/hoy-test-parent 2>/dev/null || true
}

@test "--expose, and ps by it" {
  hoy create --name one --expose 80 --expose 90-91/udp base true >/dev/null
  hoy create --name two base true >/dev/null
  is "$(hoy ps -a --filter expose=80 --format '{{.Names}}')" one
  is "$(hoy ps -a --filter expose=85-95/udp --format '{{.Names}}')" one
  is "$(hoy ps -aq --filter expose=90)" ''
  hoy rm one two >/dev/null
}

@test "a tree that is deeper than a process may have files open is counted, and removed" {
  hoy run --name deep base sh -c 'for i in $(seq 300); do mkdir d && cd -P d && echo x >f || exit 1; done'
  ulimit -n 128
  hoy ps -as
  is "$(hoy ps -as --format '{{.Size}}' | cut -d' ' -f1)" 600B
  hoy system df >/dev/null
  hoy rm deep
}
