#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# update: new limits, at once and for later.

load lib

v1() { [[ -d /sys/fs/cgroup/memory ]]; }
group() { echo "/sys/fs/cgroup/$2/hoy-$(field "$1" .Id)"; }
value() { cat "$(group "$1" "$2")/$3"; }

# kernel CONTAINER: what the kernel has of the limits that these tests change.
kernel() {
  echo "$(value "$1" memory memory.limit_in_bytes) $(value "$1" memory memory.memsw.limit_in_bytes)" \
    "$(value "$1" cpu cpu.cfs_quota_us) $(value "$1" cpu cpu.cfs_period_us) $(value "$1" cpu cpu.shares)" \
    "$(value "$1" pids pids.max)"
}

stored() {
  field "$1" '.HostConfig | [.Memory, .MemorySwap, .NanoCpus, .CpuQuota, .CpuPeriod, .CpuShares, .PidsLimit] | map(tostring) | join(" ")'
}

running() { hoy run -d --name one "$@" base sleep 1000 >/dev/null; }
test_teardown() { hoy rm -f one two >/dev/null 2>&1 || true; }

refused() {
  local words=$1
  shift
  expect 1 hoy update "$@" one
  contains "$output" "$words"
  one_sentence "$output"
}

# is_now NAME TEMPLATE TEXT: for eventually.
is_now() { [[ $(hoy inspect -f "$2" "$1") == "$3" ]]; }

@test "another restart policy, for one that runs, and kept" {
  hoy run -d --name one base sleep 600 >/dev/null
  expect 0 hoy update --restart always one
  is "$(hoy inspect -f '{{.HostConfig.RestartPolicy.Name}}' one)" always
  kill -9 "$(hoy inspect -f '{{.State.Pid}}' one)"
  eventually 10 is_now one '{{.RestartCount}} {{.State.Status}}' '1 running'
  expect 0 hoy update --restart no one
  kill -9 "$(hoy inspect -f '{{.State.Pid}}' one)"
  eventually 10 is_now one '{{.RestartCount}} {{.State.Status}}' '1 exited'
  expect 0 hoy update --restart on-failure:3 one
  is "$(hoy inspect -f '{{json .HostConfig.RestartPolicy}}' one)" '{"Name":"on-failure","MaximumRetryCount":3}'
  hoy rm one
  hoy run -d --rm --name one base sleep 600 >/dev/null
  expect 1 hoy update --restart always one
  contains "$output" 'AutoRemove is enabled'
  hoy rm -f one
}

@test "a container that runs has them at once, and after a restart" {
  v1 || skip "v1's files"
  running -m 64m
  is "$(kernel one)" "$((64 << 20)) $((128 << 20)) -1 100000 1024 4096"
  expect 0 hoy update -m 100m --cpus 0.5 -c 256 --pids-limit 77 one
  is "$output" one
  is "$(kernel one)" "$((100 << 20)) $((128 << 20)) 50000 100000 256 77"
  is "$(stored one)" "$((100 << 20)) $((128 << 20)) 500000000 0 0 256 77"
  hoy stop -t 0 one >/dev/null
  hoy start one >/dev/null
  is "$(kernel one)" "$((100 << 20)) $((128 << 20)) 50000 100000 256 77"
  expect 0 hoy container update --pids-limit -1 --memory 200m --memory-swap 300m one
  is "$(kernel one)" "$((200 << 20)) $((300 << 20)) 50000 100000 256 max"
  # Down again: memory has to be written before memory and swap together.
  expect 0 hoy update -m 32m --memory-swap 32m one
  is "$(kernel one)" "$((32 << 20)) $((32 << 20)) 50000 100000 256 max"
  expect 0 hoy update --memory-swap -1 one
  matches "$(value one memory memory.memsw.limit_in_bytes)" '^92233'
}

@test "a container that does not run has them from its start on" {
  v1 || skip "v1's files"
  hoy create --name one base sleep 1000 >/dev/null
  expect 0 hoy update -m 64m --cpu-quota 20000 --cpu-period 40000 --cpuset-cpus 0 --cpuset-mems 0 --blkio-weight 200 \
    --memory-reservation 16m one
  is "$(stored one)" "$((64 << 20)) $((128 << 20)) 0 20000 40000 0 null"
  hoy start one >/dev/null
  is "$(kernel one)" "$((64 << 20)) $((128 << 20)) 20000 40000 1024 4096"
  is "$(value one cpuset cpuset.cpus) $(value one cpuset cpuset.mems)" '0 0'
  is "$(value one memory memory.soft_limit_in_bytes)" $((16 << 20))
  hoy stop -t 0 one >/dev/null
  expect 0 hoy update --cpu-quota -1 one
  hoy start one >/dev/null
  is "$(value one cpu cpu.cfs_quota_us)" -1
}

@test "a hierarchy that the container had no group in gets one" {
  v1 || skip "v1's groups"
  running
  [[ ! -d $(group one cpuset) ]]
  expect 0 hoy update --cpuset-cpus 0 one
  is "$(value one cpuset cpuset.cpus)" 0
  contains "$(value one cpuset cgroup.procs)" "$(field one .State.Pid)"
  # Who comes later is in it as well.
  is "$(hoy exec one awk '/Cpus_allowed_list/ {print $2}' /proc/self/status)" 0
  local folder
  folder=$(group one cpuset)
  hoy stop -t 0 one >/dev/null
  [[ ! -d $folder ]]
}

@test "Docker's checks" {
  running -m 64m --cpus 0.5
  local before
  before=$(stored one)
  refused 'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time' -m 200m
  refused 'Minimum memory limit allowed is 6MB' -m 1m
  refused 'Minimum memoryswap limit should be larger than memory limit' --memory-swap 32m
  refused 'Minimum memory limit can not be less than memory reservation' --memory-reservation 65m
  refused 'CPU Period cannot be updated as NanoCPUs has already been set' --cpu-period 50000
  refused 'CPU Quota cannot be updated as NanoCPUs has already been set' --cpu-quota 50000
  refused 'range of CPUs is from 0.01' --cpus 4096
  refused 'range of CPUs is from 0.01' --cpus 0.001
  refused 'Range of blkio weight is from 10 to 1000' --blkio-weight 5
  refused 'Requested CPUs are not available' --cpuset-cpus 4000
  refused 'invalid value x for cpuset cpus' --cpuset-cpus x
  refused 'Requested memory nodes are not available' --cpuset-mems 99
  refused 'real-time runtime cannot be higher' --cpu-rt-runtime 2000 --cpu-rt-period 1000
  refused 'a number of processes' --pids-limit -7
  is "$(stored one)" "$before"
  hoy rm -f one >/dev/null
  running --cpu-quota 50000 --cpu-period 100000
  refused 'Nano CPUs cannot be updated as CPU Period has already been set' --cpus 1
  refused 'You should always set the Memory limit when using Memoryswap limit' --memory-swap 64m
  # Where there was no limit at all, there is no swap to be in the way.
  expect 0 hoy update -m 64m one
  is "$(field one .HostConfig.MemorySwap)" $((128 << 20))
}

@test "all or nothing: what the kernel refuses changes neither it nor the row" {
  v1 || skip "v1's files"
  hoy run -d --name one -m 200m --tmpfs /fill base sh -c 'head -c 60000000 /dev/zero >/fill/x; touch /done; sleep 1000' >/dev/null
  eventually 20 hoy exec one test -e /done
  local kernel stored
  kernel=$(kernel one) stored=$(stored one)
  # There is no swap to put a tmpfs's content into (or not that much as the limit allows).
  expect 1 hoy update -c 100 --pids-limit 50 -m 20m --memory-swap 20m one
  one_sentence "$output"
  is "$(kernel one)" "$kernel"
  is "$(stored one)" "$stored"
  # And a real time that nobody above has.
  if [[ -e /sys/fs/cgroup/cpu/cpu.rt_runtime_us ]]; then
    expect 1 hoy update -c 100 --cpu-rt-runtime 900000 one
    is "$(kernel one)" "$kernel"
    is "$(stored one)" "$stored"
  fi
}

@test "several containers; one that is not there" {
  running
  hoy create --name two base >/dev/null
  expect 1 hoy update --pids-limit 33 one nobody two
  is "$output" "one
hoy: No such container: nobody
two"
  is "$(field one .HostConfig.PidsLimit) $(field two .HostConfig.PidsLimit)" '33 33'
}

@test "two at once lose nothing" {
  running -m 64m
  local i pids=()
  for i in 1 2 3 4 5; do
    hoy update --pids-limit $((100 + i)) one >/dev/null 3>&- &
    pids+=($!)
    hoy update -c $((200 + i)) one >/dev/null 3>&- &
    pids+=($!)
  done
  wait "${pids[@]}"
  matches "$(field one '.HostConfig | "\(.PidsLimit) \(.CpuShares)"')" '^10[1-5] 20[1-5]$'
  if v1; then is "$(value one pids pids.max) $(value one cpu cpu.shares)" "$(field one '.HostConfig | "\(.PidsLimit) \(.CpuShares)"')"; fi
}

@test "wrong words" {
  expect 125 hoy update --pids-limit 1 && return 1
  expect 1 hoy update one
  contains "$output" 'you must provide one or more flags'
  expect 125 hoy update --no-such one
  expect 125 hoy update -m '' one
  expect 125 hoy update -m -1 one
  expect 125 hoy update --cpus x one
  expect 125 hoy update --restart sometimes one
  expect 125 hoy update --device /dev/null one
  contains "$output" 'unknown flag: --device'
  expect 0 hoy update --help
  contains "$output" '--memory-reservation'
  lacks "$output" '--device'
}
