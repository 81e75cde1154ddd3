// SPDX-License-Identifier: Apache-2.0
// The script of a plan is checked by a shell and by shellcheck, and run: a root of nothing but busybox.
#include "plan/shell.h"

#include "base/fd.h"
#include "base/macro.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int setup(void **state) {
    (void)state;
    strcpy(dir, "/tmp/hoy-shell-test.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    return dir_remove_all_at(AT_FDCWD, dir);
}

static bool have(const char *command) {
    char line[128];
    snprintf(line, sizeof line, "command -v %s > /dev/null", command);
    return system(line) == 0;
}

static int shell(const char *format, ...) _printf_(1, 2);
static int shell(const char *format, ...) {
    char *line = NULL;
    va_list args;
    va_start(args, format);
    assert_true(vasprintf(&line, format, args) > 0);
    va_end(args);
    int status = system(line);
    free(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Writes the plan's script to <dir>/script.
static void print(const struct plan *plan) {
    char path[96];
    int fd = -1;
    struct plan_block *block = NULL;
    snprintf(path, sizeof path, "%s/plan", dir);
    assert_int_equal(plan_save(plan, AT_FDCWD, path, &fd, &block), 0);
    close(fd);
    snprintf(path, sizeof path, "%s/script", dir);
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    plan_print_shell(block, out);
    fclose(out);
    plan_unmap(block);
}

static void check_syntax(void) {
    assert_int_equal(shell("sh -n %s/script", dir), 0);
    if (have("shellcheck")) assert_int_equal(shell("shellcheck --severity=warning %s/script", dir), 0);
    // The two here-documents are scripts as well.
    assert_int_equal(shell("sed -n \"/<<'CHILD'/,/^CHILD/p\" %s/script | sed '1d;$d' | sh -n", dir), 0);
    assert_int_equal(
        shell("sed -n '/^CHILD/,/^CONTAINER/p' %s/script | sed '1d;$d' > %s/inner; sh -n %s/inner", dir, dir,
              dir),
        0);
    if (have("shellcheck"))
        assert_int_equal(shell("shellcheck --severity=warning -s sh -e SC2154 %s/inner", dir), 0);
}

// A file's text, for comparing.
static void assert_file(const char *name, const char *expected) {
    _cleanup_(str_finish) struct str text = {0};
    char path[96];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &text), 0);
    assert_string_equal(str_get(&text), expected);
}

static void add_path(struct plan *plan, enum plan_op_type type, const char *path) {
    plan_str s = plan_string(plan, path);
    plan_add(plan, type, "test")->path = s;
}

static struct plan_op *add_mount(struct plan *plan, const char *type, const char *source, const char *target,
                                 uint64_t flags, const char *data) {
    plan_str t = plan_string(plan, type), s = plan_string(plan, source), p = plan_string(plan, target),
             d = plan_string(plan, data);
    struct plan_op *op = plan_add(plan, PLAN_MOUNT, "test");
    op->mount.type = t;
    op->mount.source = s;
    op->mount.target = p;
    op->mount.flags = flags;
    op->mount.data = d;
    return op;
}

static void add_device(struct plan *plan, const char *path, uint32_t major, uint32_t minor) {
    plan_str s = plan_string(plan, path);
    struct plan_op *op = plan_add(plan, PLAN_DEVICE, "test");
    op->device.path = s;
    op->device.mode = S_IFCHR | 0666;
    op->device.major = major;
    op->device.minor = minor;
}

static void add_root(struct plan *plan) {
    plan_str lower = plan_printf(plan, "%s/image", dir), up = plan_string(plan, "/not/used");
    const char *path = plan->strings + lower;
    char copy[96];
    snprintf(copy, sizeof copy, "%s", path);
    struct plan_list list = plan_strings(plan, (const char *[]){copy}, 1);
    plan_add(plan, PLAN_PROPAGATION, "test")->propagation.flags = MS_PRIVATE | MS_REC;
    struct plan_op *op = plan_add(plan, PLAN_ROOT_OVERLAY, "test");
    op->overlay.lower = list;
    op->overlay.upper = op->overlay.work = op->overlay.attach = up;
    plan_add(plan, PLAN_ROOT_ATTACH, "test")->root.attach = up;
}

static void add_process(struct plan *plan, const char *user, const char *command) {
    struct plan_op *op = plan_add(plan, PLAN_RLIMIT, "test");
    op->rlimit.resource = RLIMIT_NOFILE;
    op->rlimit.soft = 100;
    op->rlimit.hard = 200;
    plan_add(plan, PLAN_UMASK, "test")->mode.mode = 027;
    plan_str cwd = plan_string(plan, "/work dir");
    op = plan_add(plan, PLAN_WORKDIR, "test");
    op->workdir.path = cwd;
    op->workdir.create = 1;
    op = plan_add(plan, PLAN_BOUNDING_CAPS, "test");
    op->caps.bounding = 1 << 0 | 1 << 5; // chown, kill
    plan_str name = plan_string(plan, user);
    plan_add(plan, PLAN_USER, "test")->user.name = name;
    op = plan_add(plan, PLAN_CAPS, "test");
    op->caps.effective = op->caps.permitted = 1 << 0 | 1 << 5;
    plan_add(plan, PLAN_NO_NEW_PRIVS, "test");
    struct sock_filter filter[] = {BPF_STMT(BPF_RET | BPF_K, 0x7fff0000)};
    struct plan_blob blob = plan_bytes(plan, filter, sizeof filter);
    plan_add(plan, PLAN_SECCOMP, "test")->bpf.program = blob;
    struct plan_list argv = plan_strings(plan, (const char *[]){"sh", "-c", command}, 3),
                     env = plan_strings(plan, (const char *[]){"PATH=/bin", "ODD=it's \"$x\" `y` \\z\nnext"},
                                        2);
    op = plan_add(plan, PLAN_EXEC, "test");
    op->exec.argv = argv;
    op->exec.env = env;
}

static void add_container(struct plan *plan, const char *user, const char *command) {
    plan_str id = plan_string(plan, "0123456789ab"), name = plan_string(plan, "by-hand"),
             lo = plan_string(plan, "lo"), file = plan_string(plan, "net/ipv4/ip_unprivileged_port_start"),
             value = plan_string(plan, "0"), fd = plan_string(plan, "/proc/self/fd"),
             dev_fd = plan_string(plan, "/dev/fd");
    plan->head.id = id;
    plan_add(plan, PLAN_CLONE, "test")->clone.flags =
        CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC;
    plan_add(plan, PLAN_UNSHARE, "test")->unshare.flags = CLONE_NEWNET;
    plan_add(plan, PLAN_UNSHARE, "test")->unshare.flags = CLONE_NEWCGROUP;
    plan_add(plan, PLAN_HOSTNAME, "test")->text = name;
    add_root(plan);
    add_mount(plan, "proc", "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    add_mount(plan, "tmpfs", "tmpfs", "/dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
    add_mount(plan, "devpts", "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620,gid=5");
    add_mount(plan, "tmpfs", "tmpfs", "/etc", 0, NULL)->mount.options = PLAN_MOUNT_COPY_UP;
    char source[96];
    snprintf(source, sizeof source, "%s/run/containers/0123456789ab/hosts", dir);
    add_mount(plan, "bind", source, "/etc/hosts", MS_BIND | MS_REC | MS_RDONLY, NULL)->mount.propagation =
        MS_PRIVATE | MS_REC;
    add_device(plan, "/dev/null", 1, 3);
    struct plan_op *op = plan_add(plan, PLAN_SYMLINK, "test");
    op->link_to.target = fd;
    op->link_to.path = dev_fd;
    plan_add(plan, PLAN_LINK_UP, "test")->link.name = lo;
    op = plan_add(plan, PLAN_SYSCTL, "test");
    op->write.file = file;
    op->write.value = value;
    add_path(plan, PLAN_READONLY_PATH, "/proc/sys");
    add_path(plan, PLAN_MASK_PATH, "/proc/interrupts");
    add_path(plan, PLAN_MASK_PATH, "/proc/nosuch");
    add_path(plan, PLAN_MASK_PATH, "/proc/fs");
    plan_add(plan, PLAN_PIVOT_ROOT, "test");
    add_process(plan, user, command);
}

static void make_image(void) {
    assert_int_equal(
        shell("cd %s && mkdir -p image/bin image/etc run/containers/0123456789ab && "
              "cp \"$(command -v busybox)\" image/bin/busybox && "
              "for a in sh ls cat id grep hostname ps pwd wc readlink; do "
              "ln -s busybox image/bin/$a; done && "
              "printf 'root:x:0:0::/root:/bin/sh\\nweb:x:33:34::/srv/web:/bin/sh\\n' > image/etc/passwd && "
              "printf 'web:x:34:\\nmore:x:40:a,web\\nother:x:41:webb\\n' > image/etc/group && "
              "printf '10.0.0.2\\tby-hand\\n' > run/containers/0123456789ab/hosts",
              dir),
        0);
}

static bool can_run(void) {
    return geteuid() == 0 && have("busybox") && have("setpriv") && have("nsenter") &&
           shell("unshare --mount true 2> /dev/null") == 0 &&
           shell("ldd \"$(command -v busybox)\" > /dev/null 2>&1") != 0;
}

static void test_run(void **state) {
    (void)state;
    struct plan plan;
    plan_init(&plan);
    make_image();
    add_container(
        &plan, "web",
        "echo $$; hostname; id; pwd; umask; ulimit -n; ulimit -Hn; echo \"$ODD\"; echo $HOME; "
        "grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status; ls / /dev; "
        "grep -c . /proc/self/mountinfo; wc -c < /proc/interrupts; ls /proc/fs | wc -l; "
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start; cat /etc/hosts; "
        "(echo 1 > /proc/sys/net/ipv4/ip_unprivileged_port_start) 2>&1 | grep -o 'Read-only.*'; "
        "(echo x > /etc/hosts) 2>/dev/null || echo hosts kept; cat /proc/self/cgroup | grep -vc :/$; "
        "ls /proc/self/fd | wc -l; readlink /dev/fd; ls -a /.. | wc -l; exit 7");
    print(&plan);
    plan_finish(&plan);
    check_syntax();
    if (!can_run()) skip();
    assert_int_equal(shell("rm -r %s/run", dir), 0); // what hoy made for the container is gone by now
    assert_int_equal(shell("sh %s/script > %s/out 2>&1 < /dev/null", dir, dir), 7);
    assert_file("out",
                "1\nby-hand\nuid=33(web) gid=34(web) groups=34(web),40(more)\n/work dir\n0027\n100\n200\n"
                "it's \"$x\" `y` \\z\nnext\n/srv/web\nCapEff:\t0000000000000000\n"
                "CapBnd:\t0000000000000021\nNoNewPrivs:\t1\n/:\nbin\ndev\netc\nproc\nwork dir\n\n/dev:\n"
                "fd\nnull\npts\n9\n0\n0\n0\n10.0.0.2\tby-hand\nRead-only file system\nhosts kept\n0\n4\n"
                "/proc/self/fd\n7\n");
    assert_int_equal(shell("ls -d /tmp/hoy-by-hand.* 2> /dev/null | grep -q ."), 1);
}

// A cgroup, and the command's input; and nothing stays when it fails.
static void test_cgroup(void **state) {
    (void)state;
    static const char hierarchy[] = "/sys/fs/cgroup/pids";
    struct plan plan;
    char path[128];
    plan_init(&plan);
    make_image();
    snprintf(path, sizeof path, "%s/hoy-shell-test-%d", hierarchy, getpid());
    add_path(&plan, PLAN_CGROUP_CREATE, path);
    plan_str file = plan_printf(&plan, "%s/pids.max", path), value = plan_string(&plan, "20");
    struct plan_op *op = plan_add(&plan, PLAN_CGROUP_WRITE, "--pids-limit 20");
    op->write.file = file;
    op->write.value = value;
    plan_str tasks = plan_printf(&plan, "%s/tasks", path);
    plan_add(&plan, PLAN_CGROUP_JOIN, "test")->path = tasks;
    add_container(&plan, "0", "cat; id -u; grep pids: /proc/self/cgroup; no-such-command");
    print(&plan);
    plan_finish(&plan);
    check_syntax();
    if (!can_run() || access(hierarchy, W_OK)) skip();
    assert_int_equal(shell("echo input | sh %s/script > %s/out 2> /dev/null", dir, dir), 127);
    assert_int_equal(
        shell("grep -q '^input$' %s/out && grep -q '^0$' %s/out && grep -q ':pids:/$' %s/out", dir, dir, dir),
        0);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_network(void **state) {
    (void)state;
    struct plan plan;
    plan_init(&plan);
    plan_str link = plan_string(&plan, "eth0"), parent = plan_string(&plan, "eno1"),
             kind = plan_string(&plan, "macvlan"), mode = plan_string(&plan, "vepa"),
             host = plan_string(&plan, "hoy1");
    for (int i = 0; i < 2; i++) {
        struct plan_op *op = plan_add(&plan, PLAN_LINK_ADD, "test");
        *op = (struct plan_op){.type = PLAN_LINK_ADD, .side = op->side};
        op->child_link.kind = kind;
        op->child_link.mode = i ? mode : 0;
        op->child_link.parent = parent;
        op->child_link.name = link;
        op->child_link.has_mac = 1;
        op->child_link.mtu = 1400;
    }
    plan_add(&plan, PLAN_CLONE, "test");
    struct plan_op *op = plan_add(&plan, PLAN_ROUTE_ADD, "test");
    op->address.link = link;
    op->address.family = AF_INET;
    op->address.metric = 7;
    op->address.prefix = 8;
    op->address.destination[0] = 10;
    op->address.bytes[0] = 192;
    op->address.is_outside = 1;
    op = plan_add(&plan, PLAN_NET_RATE, "test");
    op->net_rate.host = host;
    op->net_rate.in = 10000000;
    op->net_rate.out = 5000000;
    print(&plan);
    plan_finish(&plan);
    assert_int_equal(shell("grep -qx 'tc qdisc replace dev hoy1 root tbf rate 10000000bit burst 32k latency "
                           "100ms' %s/script",
                           dir),
                     0);
    assert_int_equal(shell("grep -qx '    ip link delete ifb1 2> /dev/null' %s/script", dir), 0);
    assert_int_equal(shell("sh -n %s/script", dir), 0);
    assert_int_equal(shell("[ \"$(grep -c '^unshare --net=' %s/script)\" = 1 ]", dir), 0);
    assert_int_equal(shell("grep -qxF 'ip link add link eno1 name eth0 netns \"$dir\"/net "
                           "address 00:00:00:00:00:00 mtu 1400 type macvlan mode vepa' %s/script",
                           dir),
                     0);
    assert_int_equal(
        shell("grep -qx 'ip route add 10.0.0.0/8 via 192.0.0.0 dev eth0 metric 7 onlink' %s/script", dir), 0);
    assert_int_equal(shell("grep -q '^nsenter --net=' %s/script", dir), 0);
}

// Every operation in one script: at least its words are a shell's.
static void test_all(void **state) {
    (void)state;
    struct plan plan;
    plan_init(&plan);
    plan_str odd = plan_string(&plan, "it's $(reboot) `reboot` \"x\" \\ \n#");
    for (int type = 0; type < PLAN_OP_COUNT; type++) {
        if (type == PLAN_ID_MAP) continue;
        struct plan_op *op = plan_add(&plan, (enum plan_op_type)type, "test");
        // The text that is first in most of the operations.
        if (type != PLAN_CLONE && type != PLAN_UMASK && type != PLAN_CONSOLE && type != PLAN_RLIMIT)
            op->path = odd;
    }
    print(&plan);
    assert_int_equal(shell("sh -n %s/script", dir), 0);
    plan_add(&plan, PLAN_ID_MAP, "test");
    print(&plan);
    plan_finish(&plan);
    assert_int_equal(shell("sh %s/script 2> /dev/null", dir), 1); // says that it can't
}

int main(void) {
    close_range(3, ~0U, 0); // the command's descriptors are counted
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cgroup, setup, teardown),
        cmocka_unit_test_setup_teardown(test_network, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
