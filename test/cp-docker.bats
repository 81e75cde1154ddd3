#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cp and volume beside the real docker: the same command lines, what they say, how they end, and what is there
# afterwards. The differences are named where they are taken out.

load lib

file_setup() {
  export E=$BATS_FILE_TMPDIR/engine
  [[ -x /usr/bin/docker && -n $(command -v dockerd) ]] || return 0
  mkdir -p "$E"
  dockerd -H "unix://$E/docker.sock" --data-root "$E/docker" --exec-root "$E/docker-run" --pidfile "$E/docker.pid" \
    --iptables=false --bridge=none </dev/null >"$E/log" 2>&1 3>&- &
  echo $! >"$E/process"
  eventually 30 docker -H "unix://$E/docker.sock" version >/dev/null 2>&1 || { tail -n 5 "$E/log"; return 1; }
  ./make-tar busybox "$(command -v busybox)" "$E/tiny.tar"
  docker -H "unix://$E/docker.sock" import "$E/tiny.tar" tiny:1 >/dev/null
  hoy import "$E/tiny.tar" tiny:1 >/dev/null
}

file_teardown() {
  [[ -e $E/process ]] || return 0
  kill "$(cat "$E/process")" && wait_gone "$(cat "$E/process")"
  awk -v e="$E/" 'index($5, e) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r umount -l
}

test_setup() { cd "$BATS_TEST_TMPDIR" || return; }
test_teardown() {
  [[ -e $E/process ]] || return 0
  for engine in hoy docker; do with "$engine" rm -fv box >/dev/null 2>&1 || true; done
}

there() { [[ -e $E/process ]] || skip "docker.io is not installed"; }
with() {
  if [[ $1 == docker ]]; then
    /usr/bin/docker -H "unix://$E/docker.sock" "${@:2}" 3>&-
  else
    hoy "${@:2}" 3>&-
  fi
}

# each NAME: runs the function with each engine in a directory of its own, and compares what it wrote. Docker's
# client and daemon say who they are, its tar library how it ended; errno has a capital letter in C.
compare() {
  local engine
  for engine in docker hoy; do
    mkdir -p "$engine"
    (cd "$engine" && "$1" "$engine") >"$engine.out" 2>&1 </dev/null || { cat "$engine.out"; return 1; }
    sed -Ei "s#$PWD/$engine#HERE#g; s/^hoy: //; s/Error response from daemon: //; /^time=.* level=error/d
      s/Error processing tar file\\(exit status 1\\): //; s/[0-9a-f]{64}/ID/g; 
      s/(No such|Not a|Is a)/\\L\\1/; s/^Error: no such container:path: box:(.*)/could not find the file \\1 in container box/
      s/^Error: no such container:path: nosuch.*/no such container: nosuch/; s/^Error: no such volume: (.*)/get \\1: no such volume/
      s/^Could/could/; s#^lstat /[^ ]*/merged/#lstat /#" "$engine.out"
  done
  diff -u docker.out hoy.out
}

files() {
  mkdir -p src/sub x/new y/q
  echo hello >src/f
  echo x >src/sub/g
  ln -s f src/l
  echo one >one
  chmod 640 one
  ln -s src slink
  ln -s one flink
  touch y/q/newdir
}
try() {
  echo "\$ cp $*"
  with "$engine" cp "$@" && echo "=> 0" || echo "=> $?"
}

copy_in() {
  local engine=$1
  files
  with "$engine" create --name box tiny:1 sh >/dev/null
  try one box:/; try one box:/new; try one box:/nodir/; try one box:/nodir/x; try src box:/tmp
  try src box:/newdir; try src/. box:/newdir2; try src/. box:/tmp; try src box:/new; try nosuch box:/
  try one box:; try flink box:/fl; try -L flink box:/fl2; try slink box:/sl; try slink/ box:/sl2
  try -L slink box:/sl3; try slink/. box:/sl4
  try -a one box:/arch; try x/. box:/; try y/q/. box:/; try one box:relative; try one box:/sl4/l
  try one two; try box:/one box:/two; try nosuch:/x .; try ./a:b box:/
  for path in /new /newdir /newdir2 /tmp /newdir/. /fl /fl2 /sl /sl2 /sl3 /sl4 /arch /relative; do
    echo "in $path"
    with "$engine" cp "box:$path" - | tar -tv --numeric-owner | awk '{print $1, $2, $3, $6, $7, $8}'
  done
}

@test "cp into a container" {
  there
  compare copy_in
}

copy_out() {
  local engine=$1
  files
  with "$engine" create --name box tiny:1 sh >/dev/null
  try src box:/dir; try one box:/file; try flink box:/link
  try box:/dir out1; try box:/file out1; try box:/file out2; try box:/file/ out3; try box:/dir/. out4
  try box:/dir out4; try box:/file out9/; try box:/file nod/x; try box:/dir out2; try box:/file /dev/null
  try box:/dir/f/. zz; try box:/link copied; try box:/nosuch .; try box:/file .
  find out* file copied -printf '%p %y %m %U:%G %l\n' | sort
}

@test "cp out of a container" {
  there
  compare copy_out
}

streams() {
  local engine=$1
  files
  with "$engine" create --name box --read-only -v /rw -v "$PWD/src:/ro:ro" tiny:1 sh >/dev/null
  try one box:/x; try one box:/rw/x; try one box:/ro/x; try box:/ro out; try box:/rw/x got
  tar -c src one >a.tar
  for target in /rw /rw/x /nodir /tmp; do
    echo "cp - $target"
    with "$engine" cp - "box:$target" <a.tar && echo "=> 0" || echo "=> $?"
  done
  gzip -c a.tar | with "$engine" cp - box:/rw
  find out got | sort
}

@test "cp and read-only places, volumes, tars" {
  there
  compare streams
}

volumes() {
  local engine=$1
  v() { echo "\$ volume $*"; with "$engine" volume "$@" && echo "=> 0" || echo "=> $?"; }
  v create; v create foo; v create foo; v create --label a=b -o type=tmpfs -o device=tmpfs -o o=size=1m bar
  v create foo --driver nosuch; v create "a b"; v create x; v create -o type=tmpfs q2; v create -o device=/x q4
  v create -o size=zz q6; v ls -q -f name=o; v ls -f label=a; v ls -q -f label=a=b; v inspect -f '{{.Name}} {{.Options}}' bar
  v ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}} {{.Links}} {{.Size}}' -f name=bar
  v inspect nosuch; v rm nosuch; v rm -f nosuch
  with "$engine" create --name box -v foo:/foo -v /anon --mount type=tmpfs,dst=/t -v /tmp:/b:ro --tmpfs /u tiny:1 sh
  v rm foo; v rm -f foo; v rm bar; v ls -q -f dangling=false -f name=foo
  with "$engine" inspect box | jq -cS '.[0].Mounts | map(del(.Source, .Propagation)) | sort_by(.Destination)[]'
  with "$engine" create --volumes-from nosuch tiny:1 sh || echo "=> $?"
  with "$engine" rm -v box; v ls -q; v rm foo
}

@test "volume" {
  there
  compare volumes
}
