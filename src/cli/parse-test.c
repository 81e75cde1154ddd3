// SPDX-License-Identifier: Apache-2.0
// The inner grammars of options: parse_mount.c and parse_value.c.
#include "cli/parse_device.h"
#include "cli/parse_mount.h"
#include "cli/parse_network.h"
#include "cli/parse_value.h"

#include "base/str.h"
#include "engine/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

typedef const char *text_field;

static struct arena arena;
static struct err err;

static int finish(void **state) {
    (void)state;
    arena_finish(&arena);
    return 0;
}

static int give(option_store *store, const char *text, void *field) {
    struct parse parse = {.arena = &arena, .spelled = "-v"};
    err = (struct err){0};
    return store(&parse, text, field, &err);
}

// Every text is refused, with a sentence that has a part in it, and changes nothing.
struct refused {
    const char *text, *part;
};

#define REFUSE(store, type, ...)                                                                        \
    do {                                                                                                \
        static const struct refused cases[] = {__VA_ARGS__};                                            \
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {                                                \
            type before = {0}, after = {0};                                                             \
            if (give(store, cases[i].text, (void *)&after) != -1) fail_msg("taken: %s", cases[i].text); \
            if (!strstr(err.text, cases[i].part)) fail_msg("%s: %s", cases[i].text, err.text);          \
            assert_memory_equal(&before, &after, sizeof after);                                         \
        }                                                                                               \
    } while (0)

static void test_volume(void **state) {
    (void)state;
    struct container_config config = {0};
    assert_int_equal(give(store_volume, "/a:/b", &config), 0);
    assert_int_equal(give(store_volume, "/a:/c:ro,rslave", &config), 0);
    assert_int_equal(give(store_volume, "data:/d:nocopy", &config), 0);
    assert_int_equal(give(store_volume, "/e", &config), 0);
    assert_int_equal(give(store_volume, "./x:/f", &config), 0);
    const struct container_mount *m = config.mounts.items;
    assert_int_equal(m[0].type, CONTAINER_MOUNT_BIND);
    assert_true(m[0].create_source && !m[0].readonly);
    assert_string_equal(m[0].why, "-v /a:/b");
    assert_true(m[1].readonly);
    assert_string_equal(m[1].propagation, "rslave");
    assert_int_equal(m[2].type, CONTAINER_MOUNT_VOLUME);
    assert_true(m[2].volume_nocopy && !m[2].create_source);
    assert_int_equal(m[3].type, CONTAINER_MOUNT_VOLUME);
    assert_string_equal(m[3].target, "/e");
    char cwd[4096], path[4200];
    snprintf(path, sizeof path, "%s/x", getcwd(cwd, sizeof cwd));
    assert_string_equal(m[4].source, path);
    REFUSE(store_volume, struct container_config, {"", "empty"}, {":", "empty"}, {"/a:", "empty"},
           {":/a", "empty"}, {"/a:b", "absolute"}, {"/a:/", "can't be '/'"}, {"/a:///", "can't be '/'"},
           {"a", "absolute"}, {"/a:/b:ro:x", "too many colons"}, {"/a:/b:foo", "no option"},
           {"/a:/b:ro,", "no option"}, {"/a:/b:nocopy", "for volumes"},
           {"vol:/b:rshared", "for host directories"}, {"a b:/c", "no name"}, {"x:/c", "no name"},
           {"rel/path:/c", "no name"}, {"-vol:/c", "no name"});
}

static void test_mount(void **state) {
    (void)state;
    struct container_config config = {0};
    assert_int_equal(give(store_mount, "type=bind,src=/a,dst=/b,ro,bind-propagation=shared", &config), 0);
    assert_int_equal(give(store_mount, "TYPE=tmpfs,Target=/t,tmpfs-size=1m,tmpfs-mode=1777", &config), 0);
    assert_int_equal(give(store_mount, "source=data,destination=/v,volume-nocopy,readonly=false", &config),
                     0);
    assert_int_equal(
        give(store_mount, "\"type=bind\",\"source=/a,\"\"b\",target=/c,bind-recursive=disabled", &config), 0);
    const struct container_mount *m = config.mounts.items;
    assert_true(m[0].readonly && !m[0].create_source);
    assert_string_equal(m[0].propagation, "shared");
    assert_int_equal(m[1].type, CONTAINER_MOUNT_TMPFS);
    assert_string_equal(m[1].tmpfs_options, "size=1048576,mode=1777");
    assert_int_equal(m[2].type, CONTAINER_MOUNT_VOLUME);
    assert_true(m[2].volume_nocopy && !m[2].readonly);
    assert_string_equal(m[3].source, "/a,\"b");
    assert_true(m[3].non_recursive);
    REFUSE(
        store_mount, struct container_config, {"", "unexpected key"}, {"type=bind", "target is required"},
        {"target=", "target is required"}, {"type=bind,target=/a", "source is required"},
        {"type=bind,source=a,target=/a", "absolute"}, {"type=foo,target=/a", "no mount type"},
        {"type=bind,source=/a,target=/b,volume-nocopy", "cannot mix 'volume-nocopy' with mount type 'bind'"},
        {"target=/b,Bind-Idmap", "cannot mix 'bind-idmap' with mount type 'volume'"},
        {"type=image,source=a,target=/b,image-subpath=c,tmpfs-mode=700",
         "cannot mix 'tmpfs-mode' with mount type 'image'"},
        {"type=tmpfs,target=/b,tmpfs-size=1m,image-subpath=c",
         "cannot mix 'image-subpath' with mount type 'tmpfs'"},
        {"type=image,target=/a", "source is required"}, {"type=cluster,target=/a", "not supported yet"},
        {"target=/a,volume-driver=x", "plugin"}, {"target=/a,volume-subpath=../x", "leads out"},
        {"target=/a,volume-subpath=x/..", "leads out"}, {"target=/a,volume-subpath=x/../y", "leads out"},
        {"target=/a,volume-subpath=/x", "relative"}, {"type=bind,src=/a,dst=/b,volume-subpath=x", "mix"},
        {"type=bind,src=/a,dst=/b,bind-recursive=readonly", "requires 'readonly'"},
        {"type=bind,src=/a,dst=/b,bind-recursive=x", "must be"}, {"target=/a,consistency=x", "invalid value"},
        {"type=bind,src=/a,dst=/b,bind-idmap=match-user:", "invalid value"},
        {"target=/a,foo=1", "unexpected key"}, {"target=/a,source", "key=value"},
        {"target=/a,ro=x", "invalid value"}, {"target=a", "absolute"},
        {"type=tmpfs,target=/a,source=/b", "no source"}, {"type=tmpfs,target=/a,tmpfs-mode=999", "octal"},
        {"type=tmpfs,target=/a,tmpfs-size=x", "invalid value"},
        {"type=bind,src=/a,dst=/b,tmpfs-size=1", "mix"}, {"dst=/b,bind-propagation=shared", "mix"},
        {"type=tmpfs,dst=/b,volume-nocopy", "mix"},
        {"type=bind,src=/a,dst=/b,bind-propagation=x", "propagation"}, {"\"target=/a", "not closed"},
        {"\"target=/a\"x", "closing quote"}, {"tar\"get=/a", "quote"}, {"target=/a,", "unexpected key ''"});
}

static void test_tmpfs(void **state) {
    (void)state;
    struct container_config config = {0};
    assert_int_equal(give(store_tmpfs, "/run:rw,size=1m", &config), 0);
    assert_string_equal(config.mounts.items[0].tmpfs_options, "rw,size=1m");
    assert_string_equal(config.mounts.items[0].target, "/run");
    REFUSE(store_tmpfs, struct container_config, {"", "absolute"}, {"run", "absolute"},
           {"/:size=1", "can't be"});
}

static void test_env(void **state) {
    (void)state;
    struct strings env = {0};
    setenv("HOY_TEST_THERE", "yes", 1);
    unsetenv("HOY_TEST_NOT");
    const char *const words[] = {"A=1", "B=", "HOY_TEST_THERE", "HOY_TEST_NOT", "A=2", "AB=x=y"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) assert_int_equal(give(store_env, words[i], &env), 0);
    assert_int_equal(env.count, 5);
    assert_string_equal(env.items[0], "A=2");
    assert_string_equal(env.items[1], "B=");
    assert_string_equal(env.items[2], "HOY_TEST_THERE=yes");
    assert_string_equal(env.items[3], "HOY_TEST_NOT");
    assert_string_equal(env.items[4], "AB=x=y");
    assert_int_equal(give(store_env, "HOY_TEST_NOT=5", &env), 0);
    assert_int_equal(env.count, 5);
    assert_string_equal(env.items[3], "HOY_TEST_NOT=5");
    REFUSE(store_env, struct strings, {"", "missing"}, {"=x", "missing"});
}

static const char *file(const char *text, size_t size) {
    static char path[64];
    strcpy(path, "/tmp/hoy-parse-test-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), (ssize_t)size);
    close(fd);
    return path;
}

static void test_env_file(void **state) {
    (void)state;
    struct strings env = {0};
    static const char good[] = "\xef\xbb\xbf# comment\n\n  A=1 \r\nB=x=#y\nHOY_TEST_NOT\n  \nC=last";
    const char *path = file(good, sizeof good - 1);
    assert_int_equal(give(store_env_file, path, &env), 0);
    unlink(path);
    assert_int_equal(env.count, 3);
    assert_string_equal(env.items[0], "A=1 ");
    assert_string_equal(env.items[1], "B=x=#y");
    assert_string_equal(env.items[2], "C=last");

    static const struct {
        const char *text, *part;
    } bad[] = {{"A=1\nB C=2\n", "line 2: the name 'B C' has white space"},
               {"=x", "line 1: the name"},
               {"A=\xc3\xa9\n#\xe9\n", "contains invalid utf8 bytes at line 2"}};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        path = file(bad[i].text, strlen(bad[i].text));
        assert_int_equal(give(store_env_file, path, &env), -1);
        unlink(path);
        assert_non_null(strstr(err.text, bad[i].part));
    }
    path = file("A=\0b", 4);
    assert_int_equal(give(store_env_file, path, &env), -1);
    unlink(path);
    assert_int_equal(give(store_env_file, "/nonexistent/x", &env), -1);
    assert_int_equal(give(store_env_file, "/", &env), -1);
}

static void test_labels(void **state) {
    (void)state;
    struct container_config config = {0};
    assert_int_equal(give(store_label, "a=b=c", &config), 0);
    assert_int_equal(give(store_label, "only", &config), 0);
    assert_int_equal(give(store_label, "a=d", &config), 0);
    assert_int_equal(config.labels.count, 2);
    assert_string_equal(config.labels.items[0].value, "d");
    assert_string_equal(config.labels.items[1].value, "");
    REFUSE(store_label, struct container_config, {"", "missing"}, {"=b", "missing"});
}

static void test_ulimit(void **state) {
    (void)state;
    struct container_config config = {0};
    assert_int_equal(give(store_ulimit, "nofile=5:10", &config), 0);
    assert_int_equal(give(store_ulimit, "core=-1", &config), 0);
    assert_int_equal(give(store_ulimit, "nofile=7", &config), 0);
    assert_int_equal(config.ulimits.count, 2);
    assert_int_equal(config.ulimits.items[0].resource, RLIMIT_NOFILE);
    assert_int_equal(config.ulimits.items[0].soft, 7);
    assert_int_equal(config.ulimits.items[0].hard, 7);
    assert_true(config.ulimits.items[1].hard == (uint64_t)RLIM_INFINITY);
    REFUSE(store_ulimit, struct container_config, {"", "form"}, {"nofile", "form"}, {"nofile=", "no limit"},
           {"nofile=1:", "no limit"}, {"foo=1", "no ulimit called 'foo'"},
           {"RLIMIT_NOFILE=1", "no ulimit called"}, {"nofile=2:1", "less than or equal"},
           {"nofile=-1:5", "less than or equal"}, {"nofile=-2", "no limit"}, {"nofile=1:2:3", "no limit"},
           {"nofile=0x10", "no limit"}, {"nofile=99999999999999999999", "no limit"});
}

static void test_sysctl(void **state) {
    (void)state;
    struct container_config config = {0};
    assert_int_equal(give(store_sysctl, "net.ipv4.ip_forward=1", &config), 0);
    assert_int_equal(give(store_sysctl, "kernel.shmmax=1", &config), 0);
    assert_int_equal(config.sysctls.count, 2);
    REFUSE(store_sysctl, struct container_config, {"", "form"}, {"net.x", "form"}, {"=1", "form"},
           {"kernel.core_pattern=|/x", "not allowed"}, {"vm.swappiness=1", "not allowed"},
           {"net./../kernel/core_pattern=x", "not allowed"}, {"net...kernel.x=1", "not allowed"});
}

static void test_rates(void **state) {
    (void)state;
    struct container_config config = {0};
    assert_int_equal(give(store_bps, "/dev/sda:1mb", &config.read_bps), 0);
    assert_int_equal(give(store_bps, "/dev/disk/by-id/a:b:7", &config.write_bps), 0);
    assert_int_equal(config.read_bps.items[0].rate, 1 << 20);
    assert_string_equal(config.write_bps.items[0].path, "/dev/disk/by-id/a:b");
    REFUSE(store_bps, struct device_rates, {"", "form"}, {"/dev/sda", "form"}, {"sda:1", "form"},
           {"/dev/sda:", "no size"}, {"/dev/sda:-1", "no size"}, {"/dev/sda:x", "no size"});
}

static void test_net_rate(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t bits;
    } rates[] = {
        {"in=10mbit", 10000000},
        {"in=10MBit", 10000000},
        {"in=512k", 512000},
        {"in=9000", 9000},
        {"in=1.5mbit", 1500000},
        {"in=2kbps", 16000},
        {"in=1mibps", 8ull << 20},
        {"in=1gibit", 1ull << 30},
        {"in=1tbit", 1000000000000},
        {"in=0", 0},
        {"in=0mbit", 0},
        {"in=1000bps", 8000},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
        struct net_rate rate = {0};
        assert_int_equal(give(store_net_rate, rates[i].text, &rate), 0);
        assert_true(rate.in.set && !rate.out.set);
        assert_int_equal(rate.in.value, rates[i].bits);
    }
    struct net_rate rate = {0};
    assert_int_equal(
        give(store_net_rate, "out=1mbit,class=1:a,priority=eth0:5,priority=a:b:4294967295", &rate), 0);
    assert_int_equal(rate.out.value, 1000000);
    assert_int_equal(rate.class_id.value, 0x1000a);
    assert_int_equal(rate.priorities.count, 2);
    assert_string_equal(rate.priorities.items[1].name, "a:b");
    assert_int_equal(rate.priorities.items[1].priority, UINT32_MAX);
    assert_int_equal(give(store_net_rate, "class=0x10001", &rate), 0);
    assert_int_equal(rate.class_id.value, 0x10001);
    static const char *const refused[] = {"",
                                          "in",
                                          "in=",
                                          "in=mbit",
                                          "in=1 mbit",
                                          "in=1.mbit",
                                          "in=-1mbit",
                                          "in=0x10",
                                          "in=inf",
                                          "in=1mbits",
                                          "in=1mib",
                                          "in=7999",
                                          "in=1e9",
                                          "out=9999tbit",
                                          "class=",
                                          "class=0",
                                          "class=1:",
                                          "class=:1",
                                          "class=-1",
                                          "class=0x1ffffffff",
                                          "class=1:2:3",
                                          "priority=:5",
                                          "priority=eth0:",
                                          "priority=a-name-of-more-than-15:1",
                                          "priority=a/b:1",
                                          "priority=eth0:4294967296"};
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct net_rate none = {0};
        if (give(store_net_rate, refused[i], &none) != -1) fail_msg("%s is taken", refused[i]);
    }
}

static void test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t nano;
    } cpus[] = {{"1", 1000000000},
                {"0.5", 500000000},
                {".25", 250000000},
                {"2.", 2000000000},
                {"0.000000001", 1},
                {"1.5000000000", 1500000000},
                {"0", 0}};
    for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
        struct spec_i64 value = {0};
        assert_int_equal(give(store_cpus, cpus[i].text, &value), 0);
        assert_true(value.set);
        assert_int_equal(value.value, cpus[i].nano);
    }
    REFUSE(store_cpus, struct spec_i64, {"", "no number"}, {".", "no number"}, {"-1", "no number"},
           {"1e3", "no number"}, {"1.5.2", "no number"}, {"0.0000000001", "too precise"},
           {"99999999", "not"});
    struct spec_i64 swap = {0};
    assert_int_equal(give(store_memory_swap, "-1", &swap), 0);
    assert_int_equal(swap.value, -1);
    assert_int_equal(give(store_memory, "64M", &swap), 0);
    assert_int_equal(swap.value, 64 << 20);
    REFUSE(store_memory, struct spec_i64, {"-1", "no size"}, {"1x", "no size"},
           {"99999999999g", "out of range"});
}

static void test_addresses(void **state) {
    (void)state;
    struct strings hosts = {0};
    assert_int_equal(give(store_add_host, "a.b:1.2.3.4", &hosts), 0);
    assert_int_equal(give(store_add_host, "c=[::1]", &hosts), 0);
    assert_int_equal(give(store_add_host, "d:fe80::1", &hosts), 0);
    assert_int_equal(give(store_add_host, "e:host-gateway", &hosts), 0);
    assert_string_equal(hosts.items[1], "c:::1");
    assert_string_equal(hosts.items[2], "d:fe80::1");
    REFUSE(store_add_host, struct strings, {"", "form"}, {"a", "form"}, {":1.2.3.4", "form"}, {"a:", "no IP"},
           {"a:b", "no IP"}, {"a:1.2.3.4.5", "no IP"}, {"a:1.2.3.4\nx", "no IP"},
           {"a\nb:1.2.3.4", "white space"}, {"a:01.2.3.4", "no IP"});
    REFUSE(store_address, struct strings, {"", "no IP"}, {"dns.example", "no IP"}, {"1.2.3", "no IP"});
}

static void test_words(void **state) {
    (void)state;
    struct strings list = {0};
    const char *word = NULL;
    struct restart_policy policy = {0};
    assert_int_equal(give(store_capability, "net_admin", &list), 0);
    assert_int_equal(give(store_capability, "CAP_CHOWN", &list), 0);
    assert_int_equal(give(store_capability, "all", &list), 0);
    assert_int_equal(give(store_capability, "Chown", &list), 0);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0], "ALL");
    assert_string_equal(list.items[1], "CAP_CHOWN");
    assert_string_equal(list.items[2], "CAP_NET_ADMIN");
    assert_int_equal(give(store_restart, "on-failure:3", &policy), 0);
    assert_string_equal(policy.name, "on-failure");
    assert_int_equal(policy.max_retries, 3);
    assert_int_equal(give(store_restart, "no", &policy), 0);
    assert_null(policy.name);
    assert_int_equal(give(store_signal, "SIGRTMIN+3", (void *)&word), 0);
    assert_int_equal(give(store_pull, "ALWAYS", (void *)&word), 0);
    assert_string_equal(word, "always");
    struct strings security = {0};
    assert_int_equal(give(store_security, "no-new-privileges:true", &security), 0);
    assert_int_equal(give(store_security, "seccomp=unconfined", &security), 0);
    assert_string_equal(security.items[0], "no-new-privileges");
    assert_string_equal(security.items[1], "seccomp=unconfined");
    REFUSE(store_capability, struct strings, {"", "no such"}, {"CAP_", "no such"}, {"flying", "no such"});
    REFUSE(store_network, struct settings, {"", "not specified"}, {"container:", "invalid container format"},
           {"alias=x", "not specified"}, {"name=n,what=x", "invalid field key what"},
           {"name=n,ip", "invalid field ip"}, {"name=n,ip=fd00::1", "not an IPv4 address"},
           {"name=n,ip6=1.2.3.4", "not an IPv6 address"}, {"name=n,mac-address=1", "not a valid mac address"},
           {"name=n,gw-priority=x", "not a number"}, {"name=n,driver-opt=x", "not of the form KEY=VALUE"},
           {"name=n,link-local-ip=1.2.3.4", "not a link-local"},
           {"name=n,alias=a b", "no name for a container"}, {"name=", "not specified"});
    REFUSE(store_link, struct strings, {"", "bad format"}, {":a", "bad format"}, {"a:", "bad format"},
           {"a:b:c", "bad format"});
    REFUSE(store_restart, struct restart_policy, {"sometimes", "invalid restart policy"},
           {"always:3", "cannot be used with"}, {"on-failure:-1", "cannot be negative"},
           {"on-failure:x", "must be an integer"}, {"on-failure:99999999999", "must be an integer"},
           {":3", "no policy provided"});
    REFUSE(store_signal, text_field, {"NOPE", "no such signal"}, {"0", "no such signal"},
           {"", "no such signal"});
    REFUSE(store_security, struct strings, {"", "no such"}, {"foo", "no such"}, {"seccomp", "no such"},
           {"seccomp=", "no such"}, {"seccomp=/nonexistent", "/nonexistent"},
           {"no-new-privileges=x", "no such"}, {"apparmor=", "no such"}, {"label=x:y", "bad label option"});
    REFUSE(store_pull, text_field, {"", "one of"}, {"sometimes", "one of"});
    REFUSE(store_attach, struct strings, {"", "valid streams"}, {"stdlog", "valid streams"});
    REFUSE(store_hostname, text_field, {"a b", "white space"}, {"a\nb", "white space"},
           {"12345678901234567890123456789012345678901234567890123456789012345", "longer"});
}

static void test_networks(void **state) {
    (void)state;
    struct settings settings = {0};
    struct container_config *config = &settings.config;
    assert_int_equal(give(store_network, "default", &settings), 0);
    assert_string_equal(config->network_mode, "bridge");
    settings = (struct settings){0};
    assert_int_equal(
        give(store_network, "name=one,alias=a,alias=b,ip=10.0.0.2,\"driver-opt=x=1,2\"", &settings), 0);
    assert_int_equal(give(store_network, "two", &settings), 0);
    assert_int_equal(give(store_network, "two", &settings), -1);
    assert_string_equal(err.text, "network \"two\" is specified multiple times");
    assert_int_equal(give(store_ipv6, "fd00::2", (void *)&settings.endpoint.ipv6), 0);
    assert_int_equal(give(store_link, "db", &settings.endpoint.links), 0);
    assert_int_equal(networks_finish(&arena, &settings, &err), 0);
    assert_string_equal(config->network_mode, "one");
    assert_int_equal(config->networks.count, 2);
    const struct endpoint_settings *one = &config->networks.items[0];
    assert_int_equal(one->aliases.count, 2);
    assert_string_equal(one->ipv4, "10.0.0.2");
    assert_string_equal(one->ipv6, "fd00::2");
    assert_string_equal(one->driver_options.items[0].value, "1,2");
    assert_string_equal(one->links.items[0], "db:db");
    // The same twice, and what has no interface.
    settings = (struct settings){0};
    give(store_network, "name=one,ip=10.0.0.2", &settings);
    give(store_ipv4, "10.0.0.3", (void *)&settings.endpoint.ipv4);
    assert_int_equal(networks_finish(&arena, &settings, &err), -1);
    assert_string_equal(err.text,
                        "conflicting options: cannot specify both --ip and per-network IPv4 address");
    settings = (struct settings){0};
    give(store_network, "name=none,alias=x", &settings);
    assert_int_equal(networks_finish(&arena, &settings, &err), -1);
    assert_string_equal(err.text,
                        "network-scoped alias is supported only for containers in user defined networks");
    settings = (struct settings){0};
    assert_int_equal(networks_finish(&arena, &settings, &err), 0);
    assert_string_equal(config->network_mode, "bridge");
    assert_int_equal(config->networks.count, 1);
}

static void test_seccomp_profile(void **state) {
    (void)state;
    struct strings list = {0};
    const char *path = file("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", 35);
    assert_int_equal(give(store_security, arena_printf(&arena, "seccomp=%s", path), &list), 0);
    assert_string_equal(list.items[0], "seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}");
    unlink(path);
    path = file("not json", 8);
    assert_int_equal(give(store_security, arena_printf(&arena, "seccomp=%s", path), &list), -1);
    assert_non_null(strstr(err.text, "is not JSON"));
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_volume, finish),
        cmocka_unit_test_teardown(test_mount, finish),
        cmocka_unit_test_teardown(test_tmpfs, finish),
        cmocka_unit_test_teardown(test_env, finish),
        cmocka_unit_test_teardown(test_env_file, finish),
        cmocka_unit_test_teardown(test_labels, finish),
        cmocka_unit_test_teardown(test_ulimit, finish),
        cmocka_unit_test_teardown(test_sysctl, finish),
        cmocka_unit_test_teardown(test_rates, finish),
        cmocka_unit_test_teardown(test_numbers, finish),
        cmocka_unit_test_teardown(test_net_rate, finish),
        cmocka_unit_test_teardown(test_addresses, finish),
        cmocka_unit_test_teardown(test_words, finish),
        cmocka_unit_test_teardown(test_networks, finish),
        cmocka_unit_test_teardown(test_seccomp_profile, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
