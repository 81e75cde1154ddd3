// SPDX-License-Identifier: Apache-2.0
// A command line becomes settings, and these a command line again.
#include "cli/as.h"
#include "plan/words.h"

#include "base/str.h"
#include "cli/commands.h"
#include "cli/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool is_said_otherwise(const char *name) {
    // Said by others, or of how a container is made and not of what it is.
    static const char *const others[] = {
        "attach",
        "cidfile",
        "disable-content-trust",
        "entrypoint",
        "env-file",
        "isolation",
        "interactive",
        "label-file",
        "log-opt",
        "name",
        "net",
        "no-healthcheck",
        "platform",
        "pull",
        "quiet",
        "tty",
        // Part of --network.
        "ip",
        "ip6",
        "link-local-ip",
        "net-alias",
        "network-alias",
    };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (str_eq(name, others[i])) return true;
    return false;
}

// An option that is new has to be said by `as run`, too.
static void test_every_option(void **state) {
    (void)state;
    static const struct option_table *const tables[] = {&settings_options, &limits_options};
    for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct option *row = &tables[t]->rows[i];
            if (row->store && row->help && !as_knows_option(row->name) && !is_said_otherwise(row->name))
                fail_msg("as run does not know --%s", row->name);
        }
}

static struct json *document(const struct container_config *config) {
    struct json_writer w = {0};
    struct json *json = NULL;
    json_begin_object(&w, NULL);
    container_config_write(config, &w);
    json_end_object(&w);
    assert_int_equal(json_parse(str_get(&w.text), w.text.len, &json), 0);
    json_writer_finish(&w);
    return json;
}

static void say_again(struct arena *arena, const char *const *argv, const struct image_config *image,
                      struct str *text) {
    static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct err err = {0};
    struct settings settings = {0};
    const struct option_table *tables[] = {&settings_options, &limits_options, NULL};
    struct options_reader reader = {.tables = tables, .values = &settings, .stops = true};
    if (options_read(arena, &reader, argv, &err)) fail_msg("%s: %s", argv[0], err.text);
    for (size_t i = reader.taken; argv[i]; i++) strings_add(arena, &reader.arguments, argv[i]);
    struct invocation invocation = {.arena = *arena, .options = &settings, .arguments = reader.arguments};
    if (settings_finish(&invocation, false, &err)) fail_msg("%s: %s", argv[0], err.text);
    *arena = invocation.arena;
    struct container_config plain = {0};
    container_config_merge(arena, image, id, &settings.config);
    container_config_merge(arena, image, id, &plain);
    struct json *own = document(&settings.config), *other = document(&plain);
    struct as_settings as = {
        .own = own, .plain = other, .id = id, .name = "n", .image = settings.config.image};
    struct strings words;
    as_run_words(arena, &as, &words);
    for (size_t i = 0; i < words.count; i++) {
        if (i) str_add_char(text, ' ');
        words_add_quoted(text, words.items[i]);
    }
    json_free(own);
    json_free(other);
}

#define LINE(...) \
    { __VA_ARGS__, NULL }
#define START "hoy run --name n "

static const struct {
    const char *argv[12], *again;
} cases[] = {
    {LINE("i"), START "i"},
    {LINE("-it", "i", "sh", "-c", "echo 'a b'"),
     "hoy run --name n --tty --interactive i sh -c 'echo '\\''a b'\\'''"},
    {LINE("-m", "64m", "--cpus", "1.5", "--pids-limit", "20", "i"),
     START "--memory 67108864 --pids-limit 20 --cpus 1.5 i"},
    {LINE("--net-rate", "in=1mbit,out=10kbps,class=1:1,priority=eth0:5", "i"),
     START "--net-rate in=1000000bit,out=80000bit,class=65537,priority=eth0:5 i"},
    {LINE("-e", "A=1", "-e", "PATH=/image", "-e", "B=x y", "-l", "k=v", "-l", "empty", "i"),
     START "--env A=1 --env 'B=x y' --label k=v --label empty i"},
    {LINE("--entrypoint", "/bin/x", "i", "a"), START "--entrypoint /bin/x i a"},
    {LINE("--entrypoint", "", "i", "a"), START "--entrypoint '' i a"},
    {LINE("-v", "/a:/b:ro", "-v", "name:/c", "--tmpfs", "/t:size=1m", "--tmpfs", "/u", "i"),
     START "--volume /a:/b:ro --volume name:/c --tmpfs /t:size=1m --tmpfs /u i"},
    {LINE("--mount", "type=bind,source=/a,target=/b,readonly,bind-recursive=disabled", "i"),
     START "--mount type=bind,source=/a,target=/b,readonly,bind-recursive=disabled i"},
    {LINE("--ulimit", "nofile=1:2", "--sysctl", "net.ipv4.ip_forward=1", "--shm-size", "1m", "i"),
     START "--shm-size 1048576 --ulimit nofile=1:2 --sysctl net.ipv4.ip_forward=1 i"},
    {LINE("--cap-add", "NET_ADMIN", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
          "--privileged", "i"),
     START "--privileged --cap-add CAP_NET_ADMIN --cap-drop ALL --security-opt no-new-privileges i"},
    {LINE("--network", "none", "--dns", "1.1.1.1", "--add-host", "a:1.2.3.4", "-h", "host", "i"),
     START "--hostname host --network none --add-host a:1.2.3.4 --dns 1.1.1.1 i"},
    {LINE("--rm", "--init", "--read-only", "-u", "1:2", "-w", "/w", "--stop-timeout", "3", "i"),
     START "--user 1:2 --workdir /w --stop-timeout 3 --rm --init --read-only i"},
};

static void test_round_trip(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct image_config image = {0};
        struct str text = {0};
        strings_add(&arena, &image.env, "PATH=/image");
        strings_add(&arena, &image.cmd, "from-image");
        say_again(&arena, cases[i].argv, &image, &text);
        if (!str_eq(str_get(&text), cases[i].again))
            fail_msg("%s\n  is not\n%s", str_get(&text), cases[i].again);
        str_finish(&text);
        arena_finish(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_option),
                                       cmocka_unit_test(test_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
