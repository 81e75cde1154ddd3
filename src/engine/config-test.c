// SPDX-License-Identifier: Apache-2.0
#include "engine/config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>
#include <sys/resource.h>

#define STRINGS(...)                                                               \
    (struct strings) {                                                             \
        (const char *[]){__VA_ARGS__}, ARRAY_SIZE(((const char *[]){__VA_ARGS__})) \
    }

static char *text_as(void (*write)(const struct container_config *config, struct json_writer *writer),
                     const struct container_config *config) {
    struct json_writer w = {0};
    json_begin_object(&w, NULL);
    write(config, &w);
    json_end_object(&w);
    return str_take(&w.text);
}

static char *text_of(const struct container_config *config) {
    return text_as(container_config_write, config);
}

static int read_text(struct arena *arena, const char *text, struct container_config *ret_config,
                     struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    assert_int_equal(json_parse(text, strlen(text), &json), 0);
    return container_config_read(arena, json, ret_config, err);
}

static const struct container_config full = {
    .image = "debian:12",
    .has_entrypoint = true,
    .user = "1000:1000",
    .working_dir = "/srv",
    .hostname = "ship",
    .domainname = "sea",
    .stop_signal = "SIGINT",
    .tty = true,
    .open_stdin = true,
    .attach_stdout = true,
    .stop_timeout = {true, 0},
    .auto_remove = true,
    .privileged = true,
    .readonly_rootfs = true,
    .init = true,
    .firewall = "respect",
    .network_mode = "none",
    .shm_size = 1 << 20,
    .nano_cpus = {true, 500000000},
    .memory = {true, 64 << 20},
    .memory_swap = {true, -1},
    .pids_limit = {true, 0},
    .net_rate = {.in = {true, 10000000},
                 .class_id = {true, 0x10001},
                 .priorities = {(struct spec_network_priority[]){{"eth0", 5}}, 1}},
    .cpu_shares = {true, 512},
    .cpuset_cpus = "0-1",
    .cpuset_mems = "0",
    .cpu_period = {true, 50000},
    .cpu_quota = {true, -1},
    .cpu_rt_period = {true, 1000},
    .cpu_rt_runtime = {true, 500},
    .memory_reservation = {true, 32 << 20},
    .memory_swappiness = {true, 0},
    .oom_score_adj = {true, -5},
    .oom_kill_disable = true,
    .blkio_weight = {true, 300},
    .cgroup_parent = "/p",
    .pid_mode = "host",
    .ipc_mode = "shareable",
    .uts_mode = "host",
    .userns_mode = "host",
    .cgroupns_mode = "host",
    .runtime = "runc",
    .isolation = "default",
    .mac_address = "92:d0:c6:0a:29:33",
};

static void test_round_trip(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container_config config = full, again;
    struct err err = {0};
    struct container_mount mounts[] = {
        {.type = CONTAINER_MOUNT_BIND,
         .source = "/srv/a",
         .target = "/a",
         .readonly = true,
         .create_source = true,
         .propagation = "rslave",
         .why = "-v /srv/a:/a:ro,rslave"},
        {.type = CONTAINER_MOUNT_VOLUME, .source = "plain", .target = "/plain", .why = "-v plain:/plain"},
        {.type = CONTAINER_MOUNT_VOLUME,
         .source = "data",
         .target = "/data",
         .volume_nocopy = true,
         .why = "-v data:/data:nocopy"},
        {.type = CONTAINER_MOUNT_TMPFS,
         .target = "/run",
         .tmpfs_options = "size=64k,mode=700",
         .why = "--tmpfs /run:size=64k,mode=700"},
        {.type = CONTAINER_MOUNT_BIND,
         .source = "/s",
         .target = "/t",
         .non_recursive = true,
         .why = "--mount type=bind,source=/s,target=/t"},
        {.type = CONTAINER_MOUNT_TMPFS,
         .target = "/u",
         .tmpfs_options = "size=4194304,mode=700,noexec",
         .why = "--mount type=tmpfs,target=/u"},
        {.type = CONTAINER_MOUNT_VOLUME,
         .source = "abc",
         .target = "/v",
         .anonymous = true,
         .why = "image Volumes"},
    };
    config.mounts.items = mounts;
    config.mounts.count = ARRAY_SIZE(mounts);
    config.restart = (struct restart_policy){.name = "on-failure", .max_retries = 3};
    config.health = &(struct health_config){
        .test = STRINGS("CMD", "a"), .interval_ns = 1000000, .timeout_ns = 2000000, .retries = 4};
    config.health_on_failure = "kill";
    config.cmd = STRINGS("sh", "-c", "echo \"x\"\n");
    config.env = STRINGS("A=1", "B");
    config.cap_add = STRINGS("NET_ADMIN");
    config.exposed_ports = STRINGS("80/tcp", "53/udp");
    config.device_rules = STRINGS("c 1:3 r");
    config.annotations.items = (struct spec_key_value[]){{"org.example", "x"}};
    config.annotations.count = 1;
    config.read_iops.items = config.write_iops.items = config.blkio_weights.items =
        (struct device_rate[]){{"/dev/a", 10}, {"/dev/b", 20}};
    config.read_iops.count = config.write_iops.count = 1;
    config.blkio_weights.count = 2;
    config.devices.items = (struct container_device[]){{"/dev/a", "/dev/b", "rw"}};
    config.devices.count = 1;
    config.device_requests.items = (struct device_request[]){
        {.driver = "cdi", .ids = STRINGS("vendor.com/class=x")},
        {.driver = "", .count = -1, .capabilities = STRINGS("gpu")},
    };
    config.device_requests.count = 2;
    config.security_opt = STRINGS("no-new-privileges");
    config.add_host = STRINGS("a:1.2.3.4");
    config.labels.items = (struct spec_key_value[]){{"k", "v"}, {"empty", ""}};
    config.labels.count = 2;
    config.sysctls.items = (struct spec_key_value[]){{"net.core.somaxconn", "1"}};
    config.sysctls.count = 1;
    config.ulimits.items = (struct spec_rlimit[]){{RLIMIT_NOFILE, 2048, 1024}, {RLIMIT_CORE, UINT64_MAX, 0}};
    config.ulimits.count = 2;
    config.read_bps.items = (struct device_rate[]){{"/dev/sda", 1 << 20}};
    config.read_bps.count = 1;

    _cleanup_(freep) char *first = text_of(&config);
    assert_int_equal(read_text(&arena, first, &again, &err), 0);
    _cleanup_(freep) char *second = text_of(&again);
    assert_string_equal(first, second);

    assert_non_null(
        strstr(first, "\"TmpfsOptions\":{\"SizeBytes\":4194304,\"Mode\":448,\"Options\":[[\"noexec\"]]}"));

    // What is stored is shorter, and the same.
    _cleanup_(freep) char *stored = text_as(container_config_store, &config);
    assert_true(strlen(stored) < strlen(first));
    struct container_config from_stored;
    assert_int_equal(read_text(&arena, stored, &from_stored, &err), 0);
    _cleanup_(freep) char *third = text_of(&from_stored);
    assert_string_equal(first, third);

    assert_true(again.has_entrypoint);
    assert_int_equal(again.entrypoint.count, 0);
    assert_int_equal(again.memory_swap.value, -1);
    assert_true(again.pids_limit.set && again.pids_limit.value == 0);
    assert_true(again.stop_timeout.set);
    assert_int_equal(again.net_rate.in.value, 10000000);
    assert_false(again.net_rate.out.set);
    assert_int_equal(again.net_rate.class_id.value, 0x10001);
    assert_int_equal(again.net_rate.priorities.items[0].priority, 5);
    assert_int_equal(again.ulimits.items[1].hard, UINT64_MAX);
    assert_int_equal(again.mounts.count, ARRAY_SIZE(mounts));
    assert_non_null(
        strstr(first, "\"Binds\":[\"/srv/a:/a:ro,rslave\",\"plain:/plain\",\"data:/data:nocopy\"]"));
    assert_non_null(strstr(first, "\"Tmpfs\":{\"/run\":\"size=64k,mode=700\"}"));
    assert_non_null(strstr(first, "\"Volumes\":{\"/v\":{}}"));
}

static void test_old_tmpfs(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container_config config;
    struct err err = {0};
    static const char old[] =
        "{\"HostConfig\":{\"Mounts\":[{\"Type\":\"tmpfs\",\"Target\":\"/t\",\"TmpfsOptions\":"
        "{\"Options\":[[\"size\",\"64k\"],[\"mode\",\"700\"]]}}]}}";
    assert_int_equal(read_text(&arena, old, &config, &err), 0);
    assert_string_equal(config.mounts.items[0].tmpfs_options, "size=64k,mode=700");
}

static void test_empty(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container_config config = {0}, again;
    struct err err = {0};
    _cleanup_(freep) char *text = text_of(&config);
    assert_non_null(strstr(text, "\"Entrypoint\":null"));
    assert_non_null(strstr(text, "\"ShmSize\":67108864"));
    assert_int_equal(read_text(&arena, text, &again, &err), 0);
    assert_false(again.has_entrypoint || again.memory.set || again.pids_limit.set || again.stop_timeout.set);
    assert_null(again.user);
}

static void test_bad(void **state) {
    (void)state;
    static const struct {
        const char *text, *field;
    } rows[] = {
        {"{\"Config\":{\"Env\":[1]}}", "Config.Env"},
        {"{\"Config\":{\"Hostname\":7}}", "Config.Hostname"},
        {"{\"Config\":{\"Labels\":{\"a\":1}}}", "Config.Labels"},
        {"{\"HostConfig\":{\"Memory\":\"64m\"}}", "HostConfig.Memory"},
        {"{\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"x\"}}}", "HostConfig.RestartPolicy"},
        {"{\"Config\":{\"Healthcheck\":{\"Test\":\"x\"}}}", "Config.Healthcheck"},
        {"{\"HostConfig\":{\"Binds\":[\"nothing\"]}}", "HostConfig.Binds"},
        {"{\"HostConfig\":{\"Mounts\":[{\"Type\":\"x\",\"Target\":\"/\"}]}}", "HostConfig.Mounts"},
        {"{\"HostConfig\":{\"Ulimits\":[{\"Name\":\"x\"}]}}", "HostConfig.Ulimits"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct container_config config;
        struct err err = {0};
        assert_int_equal(read_text(&arena, rows[i].text, &config, &err), -1);
        assert_non_null(strstr(err.text, rows[i].field));
    }
}

static struct image_config debian(void) {
    static const char *entrypoint[] = {"/entry"}, *cmd[] = {"bash"},
                      *env[] = {"PATH=/old", "LANG=C", "PATH=/bin", "LANG=D"}, *volumes[] = {"/data"};
    return (struct image_config){
        .working_dir = "/w",
        .user = "app",
        .stop_signal = "SIGQUIT",
        .entrypoint = {entrypoint, 1},
        .cmd = {cmd, 1},
        .env = {env, 4},
        .volumes = {volumes, 1},
    };
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check_command(const struct container_config *given, const char *entrypoint, const char *cmd) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container_config config = *given, again;
    struct image_config image = debian();
    struct err err = {0};
    container_config_merge(&arena, &image, ID, &config);
    for (int i = 0; i < 2; i++) { // what is stored and merged once more stays the same
        assert_int_equal(config.entrypoint.count, entrypoint ? 1 : 0);
        if (entrypoint) assert_string_equal(config.entrypoint.items[0], entrypoint);
        assert_int_equal(config.cmd.count, cmd ? 1 : 0);
        if (cmd) assert_string_equal(config.cmd.items[0], cmd);
        _cleanup_(freep) char *text = text_of(&config);
        assert_int_equal(read_text(&arena, text, &again, &err), 0);
        container_config_merge(&arena, &image, ID, &again);
        config = again;
    }
}

// Docker's rules: --entrypoint clears the image's command.
static void test_merge_command(void **state) {
    (void)state;
    check_command(&(struct container_config){0}, "/entry", "bash");
    check_command(&(struct container_config){.cmd = STRINGS("ls")}, "/entry", "ls");
    check_command(&(struct container_config){.has_entrypoint = true, .entrypoint = STRINGS("x")}, "x", NULL);
    check_command(&(struct container_config){.has_entrypoint = true}, NULL, NULL);
    check_command(&(struct container_config){.has_entrypoint = true, .cmd = STRINGS("ls")}, NULL, "ls");
}

static void test_merge(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container_config config = {.user = "root"};
    struct image_config image = debian();
    strings_add(&arena, &config.env, "LANG=de");
    strings_add(&arena, &config.env, "X");
    container_config_merge(&arena, &image, ID, &config);
    assert_string_equal(config.user, "root");
    assert_string_equal(config.working_dir, "/w");
    assert_string_equal(config.stop_signal, "SIGQUIT");
    assert_string_equal(config.hostname, "0123456789ab");
    assert_string_equal(config.network_mode, "bridge");
    assert_int_equal(config.env.count, 3);
    assert_string_equal(config.env.items[0], "LANG=de");
    assert_string_equal(config.env.items[2], "PATH=/bin");
    assert_int_equal(config.mounts.count, 1);
    assert_true(config.mounts.items[0].anonymous);
    assert_int_equal(strlen(config.mounts.items[0].source), 64);

    // A mount of the user's own takes the volume's place.
    struct container_config own = {0};
    *arena_push(&arena, &own.mounts) =
        (struct container_mount){.type = CONTAINER_MOUNT_BIND, .source = "/x", .target = "/data"};
    container_config_merge(&arena, &image, ID, &own);
    assert_int_equal(own.mounts.count, 1);

    // Some images say so that they have no entrypoint.
    struct container_config without = {0};
    image.entrypoint = STRINGS("");
    container_config_merge(&arena, &image, ID, &without);
    assert_false(without.has_entrypoint);
    assert_string_equal(without.cmd.items[0], "bash");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_empty),
        cmocka_unit_test(test_old_tmpfs),     cmocka_unit_test(test_bad),
        cmocka_unit_test(test_merge_command), cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
