// SPDX-License-Identifier: Apache-2.0
// What each instruction makes of a config, told as the JSON that is written of it.
#include "base/clock.h"
#include "oci/change.h"
#include "oci/image_write.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BASE                                                                                 \
    "{\"config\":{\"Env\":[\"PATH=/bin\",\"A=1\"],\"Cmd\":[\"old\"],\"WorkingDir\":\"/w\"}," \
    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"

struct result {
    char config[2048];
    struct err err;
    int r;
};

static struct result change(const char *a, const char *b) {
    struct result result = {0};
    struct arena arena = ARENA_INIT;
    struct image_config config;
    struct strings changes = {0};
    assert_int_equal(image_config_parse(&arena, BASE, strlen(BASE), &config, &result.err), 0);
    strings_add(&arena, &changes, a);
    if (b) strings_add(&arena, &changes, b);
    result.r = image_changes_apply(&arena, &changes, &config, &result.err);
    struct json_writer w = {0};
    json_begin_object(&w, NULL);
    image_config_write(&config, &w);
    json_end_object(&w);
    snprintf(result.config, sizeof result.config, "%s", str_get(&w.text));
    json_writer_finish(&w);
    arena_finish(&arena);
    return result;
}

#define HAS(a, b, part)                                                 \
    do {                                                                \
        struct result result_ = change(a, b);                           \
        if (result_.r || !strstr(result_.config, part))                 \
            fail_msg("%s: %s %s", a, result_.err.text, result_.config); \
    } while (0)
#define REFUSED(a, part)                                                              \
    do {                                                                              \
        struct result result_ = change(a, NULL);                                      \
        if (!result_.r || !strstr(result_.err.text, part))                            \
            fail_msg("%s: %d %s %s", a, result_.r, result_.err.text, result_.config); \
    } while (0)

static void test_commands(void **state) {
    (void)state;
    HAS("CMD [\"a\", \"b c\"]", NULL, "\"Cmd\":[\"a\",\"b c\"]");
    HAS("cmd echo $A", NULL, "\"Cmd\":[\"/bin/sh\",\"-c\",\"echo $A\"]");
    HAS("CMD [not json", NULL, "\"Cmd\":[\"/bin/sh\",\"-c\",\"[not json\"]");
    HAS("ENTRYPOINT [\"x\"]", NULL, "\"Entrypoint\":[\"x\"],\"WorkingDir\"");
    HAS("ENTRYPOINT [\"x\"]", "CMD [\"y\"]", "\"Entrypoint\":[\"x\"],\"Cmd\":[\"y\"]");
    HAS("CMD [\"y\"]", "ENTRYPOINT x z", "\"Entrypoint\":[\"/bin/sh\",\"-c\",\"x z\"],\"Cmd\":[\"y\"]");
    REFUSED("CMD [1]", "strings only");
    REFUSED("CMD", "requires at least one argument");
    REFUSED("RUN true", "RUN is not a valid change command");
}

static void test_pairs(void **state) {
    (void)state;
    HAS("ENV B=2 C=\"x y\" D=a\\ b", NULL, "\"A=1\",\"B=2\",\"C=x y\",\"D=a b\"]");
    HAS("ENV A two words", NULL, "\"PATH=/bin\",\"A=two words\"]");
    HAS("ENV PATH=$PATH:/x A=${A}2", NULL, "\"PATH=/bin:/x\",\"A=12\"]");
    HAS("ENV B='$A' C=${Z:-d} D=${A:+yes} E=\"$A\\$\"", NULL, "\"B=$A\",\"C=d\",\"D=yes\",\"E=1$\"]");
    HAS("LABEL a=b \\\n c.d='e f'", NULL, "\"Labels\":{\"a\":\"b\",\"c.d\":\"e f\"}");
    HAS("LABEL a 1", "LABEL a=2", "\"Labels\":{\"a\":\"2\"}");
    HAS("ENV X=1\n# nothing\nENV Y=$X", NULL, "\"X=1\",\"Y=1\"]");
    REFUSED("ENV A", "ENV must have two arguments");
    REFUSED("ENV \f", "ENV requires at least one argument");
    REFUSED("LABEL \v \t", "LABEL requires at least one argument");
    REFUSED("ENV A=1 B", "can't find = in \"B\"");
    REFUSED("ENV =1", "names can not be blank");
    REFUSED("ENV A='x", "single-quote");
    REFUSED("ENV A=${Z?gone}", "Z: gone");
    REFUSED("ENV A=${Z", "change");
    REFUSED("ENV A=${}", "bad substitution");
}

static void test_sets(void **state) {
    (void)state;
    HAS("EXPOSE 80 53/UDP 8000-8002", NULL,
        "\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{},\"8000/tcp\":{},\"8001/tcp\":{},\"8002/tcp\":{}}");
    HAS("ENV P=\"1 2\"", "EXPOSE $P", "{\"1/tcp\":{},\"2/tcp\":{}}");
    HAS("VOLUME /a /b /a", NULL, "\"Volumes\":{\"/a\":{},\"/b\":{}}");
    HAS("VOLUME [\"/a b\"]", NULL, "\"Volumes\":{\"/a b\":{}}");
    REFUSED("EXPOSE 80000", "invalid containerPort: 80000");
    REFUSED("EXPOSE 80/xyz", "invalid proto");
    REFUSED("EXPOSE 9-1", "invalid containerPort");
    REFUSED("VOLUME \"\"", "empty string");
}

static void test_texts(void **state) {
    (void)state;
    HAS("USER me:us", NULL, "\"User\":\"me:us\"");
    HAS("WORKDIR a/../b", NULL, "\"WorkingDir\":\"/w/b\"");
    HAS("WORKDIR /x/./y//", NULL, "\"WorkingDir\":\"/x/y\"");
    HAS("WORKDIR ../../..", NULL, "\"WorkingDir\":\"/\"");
    HAS("STOPSIGNAL SIGQUIT", NULL, "\"StopSignal\":\"SIGQUIT\"");
    HAS("ONBUILD RUN make", "ONBUILD COPY . /", "\"OnBuild\":[\"RUN make\",\"COPY . /\"]");
    REFUSED("STOPSIGNAL SIGNONE", "invalid signal");
    REFUSED("ONBUILD onbuild RUN x", "ONBUILD isn't allowed");
    REFUSED("ONBUILD FROM x", "FROM isn't allowed");
}

static void test_health(void **state) {
    (void)state;
    HAS("HEALTHCHECK NONE", NULL, "\"Healthcheck\":{\"Test\":[\"NONE\"]}");
    HAS("HEALTHCHECK --interval=1m30s --retries=3 --timeout=1.5s CMD [\"a\",\"b\"]", NULL,
        "{\"Test\":[\"CMD\",\"a\",\"b\"],\"Interval\":90000000000,\"Timeout\":1500000000,\"Retries\":3}");
    HAS("HEALTHCHECK CMD curl -f x || exit 1", NULL, "[\"CMD-SHELL\",\"curl -f x || exit 1\"]");
    REFUSED("HEALTHCHECK CMD", "missing command");
    REFUSED("HEALTHCHECK --interval=5 CMD x", "no duration");
    REFUSED("HEALTHCHECK --interval=1us CMD x", "no duration");
    REFUSED("HEALTHCHECK --what=1 CMD x", "unknown or invalid flag");
    REFUSED("HEALTHCHECK x", "unknown type");
}

static void test_durations(void **state) {
    int64_t ns = 0;
    (void)state;
    assert_int_equal(clock_parse_duration("1h2m3.5s", &ns), 0);
    assert_int_equal(ns, 3723500000000);
    assert_int_equal(clock_parse_duration("0", &ns), 0);
    assert_int_equal(clock_parse_duration("-2ms", &ns), 0);
    assert_int_equal(ns, -2000000);
    static const char *const bad[] = {"", "1", "s", "1x", ".s", "99999999999h", "1s2", "1.2.3s", "-"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (clock_parse_duration(bad[i], &ns) != -EINVAL) fail_msg("%s", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands), cmocka_unit_test(test_pairs),  cmocka_unit_test(test_sets),
        cmocka_unit_test(test_texts),    cmocka_unit_test(test_health), cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
