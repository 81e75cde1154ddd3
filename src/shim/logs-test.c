// SPDX-License-Identifier: Apache-2.0
// The writer and the reader of the log, against each other and against text written by hand.
#include "shim/logs.h"

#include "base/clock.h"
#include "base/fd.h"
#include "shim/jsonlog.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1795473148887202000LL // 2026-11-23T22:32:28.887202Z

static char path[] = "/tmp/hoy-logs-XXXXXX";
static struct json_log writer;

static int file_open(bool empty) {
    return open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | (empty ? O_TRUNC : 0), 0600);
}

static void write_text(const char *text) {
    int fd = file_open(true);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
    close(fd);
}

static char *read_all(int fd) {
    static char text[4 << 20];
    lseek(fd, 0, SEEK_SET);
    ssize_t n = fd_read_full(fd, text, sizeof text - 1);
    text[n] = 0;
    return text;
}

static char *file_text(void) {
    int fd = file_open(false);
    char *text = read_all(fd);
    close(fd);
    return text;
}

static void begin_writing(void) {
    memset(&writer, 0, sizeof writer);
    writer.fd = file_open(true);
}

static void log_out(const char *bytes, size_t size) {
    json_log_add(&writer, JSON_LOG_STDOUT, bytes, size, NOW);
}

static void end_writing(void) {
    json_log_end(&writer, JSON_LOG_STDOUT, NOW);
    json_log_end(&writer, JSON_LOG_STDERR, NOW);
    close(writer.fd);
}

// What logs_print gives, its stdout and stderr in one or apart.
static char *print_to(const struct logs_options *options, bool want_err) {
    static char text[4 << 20];
    FILE *out = tmpfile(), *other = tmpfile();
    struct err err;
    assert_int_equal(logs_print(path, options, fileno(out), fileno(other), -1, &err), 0);
    strcpy(text, read_all(fileno(want_err ? other : out)));
    fclose(out);
    fclose(other);
    return text;
}
static char *print(const struct logs_options *options) {
    return print_to(options, false);
}

static void test_format(void **state) {
    (void)state;
    static const char text[] =
        "a<b>&\"\\\t\001\r\177\377\303\251\xe2\x80\xa8\xe2\x80\xa9\xed\xa0\x80\xc0\xaf\n";
    begin_writing();
    log_out(text, sizeof text - 1);
    json_log_add(&writer, JSON_LOG_STDERR, "err\n", 4, 1795473148000000000LL);
    log_out("no end", 6);
    end_writing();
    assert_string_equal(
        file_text(),
        "{\"log\":\"a\\u003cb\\u003e\\u0026\\\"\\\\\\u0009\\u0001\\r\177\\ufffd\303\251\\u2028\\u2029"
        "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\n\",\"stream\":\"stdout\","
        "\"time\":\"2026-11-23T22:32:28.887202Z\"}\n"
        "{\"log\":\"err\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-23T22:32:28Z\"}\n"
        "{\"log\":\"no end\",\"stream\":\"stdout\",\"time\":\"2026-11-23T22:32:28.887202Z\"}\n");
}

static void test_times(void **state) {
    (void)state;
    begin_writing();
    static const int64_t seconds[] = {1, 951782399, 951782400, 951868800, 1709164800, 4102444799, 1735689599};
    for (size_t i = 0; i < 7; i++) {
        char expected[CLOCK_RFC3339_SIZE];
        clock_rfc3339(seconds[i] * 1000000000, expected);
        assert_int_equal(ftruncate(writer.fd, 0), 0);
        json_log_add(&writer, JSON_LOG_STDOUT, "\n", 1, seconds[i] * 1000000000);
        assert_non_null(strstr(file_text(), expected));
    }
    end_writing();
}

// A line of every length around the limit, in pieces of several sizes, reads back as it was.
static void test_long_lines(void **state) {
    (void)state;
    static char text[3 * JSON_LOG_LINE];
    for (size_t length = JSON_LOG_LINE - 3; length < JSON_LOG_LINE + 3; length++)
        for (size_t piece = 1000; piece < 70000; piece *= 3) {
            // Two-byte characters at odd places: none is cut in two.
            for (size_t i = 0; i < sizeof text; i++) text[i] = "x\303\251"[i % 3];
            text[length] = '\n';
            if ((uint8_t)text[length - 1] == 0303) text[length - 1] = 'y';
            memcpy(text + length + 1, "next\n", 6);
            begin_writing();
            for (size_t at = 0, n; at < length + 6; at += n) {
                n = length + 6 - at < piece ? length + 6 - at : piece;
                log_out(text + at, n);
            }
            end_writing();
            assert_null(strstr(file_text(), "fffd"));
            assert_string_equal(print(&(struct logs_options){.tail = -1}), text);
            assert_string_equal(print(&(struct logs_options){.tail = 1}), "next\n");
            assert_string_equal(print(&(struct logs_options){.tail = 2}), text);
        }
}

static void test_random_bytes(void **state) {
    (void)state;
    static char text[100000];
    srand(2);
    for (int round = 0; round < 30; round++) {
        for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(rand() % 128 ? rand() % 127 + 1 : '\n');
        text[sizeof text - 1] = 0;
        begin_writing();
        for (size_t at = 0, n; at < sizeof text - 1; at += n) {
            n = (size_t)(rand() % 40000);
            if (n > sizeof text - 1 - at) n = sizeof text - 1 - at;
            log_out(text + at, n);
        }
        end_writing();
        assert_string_equal(print(&(struct logs_options){.tail = -1}), text);
    }
}

static void test_streams_and_stamps(void **state) {
    (void)state;
    begin_writing();
    log_out("one\n", 4);
    json_log_add(&writer, JSON_LOG_STDERR, "two\n", 4, NOW + 1000000000);
    json_log_add(&writer, JSON_LOG_STDOUT, "three\n", 6, NOW + 2000000000);
    end_writing();
    assert_string_equal(print(&(struct logs_options){.tail = -1}), "one\nthree\n");
    assert_string_equal(print_to(&(struct logs_options){.tail = -1}, true), "two\n");
    assert_string_equal(print_to(&(struct logs_options){.tail = -1, .no_stderr = true}, true), "");
    assert_string_equal(print(&(struct logs_options){.tail = -1, .timestamps = true}),
                        "2026-11-23T22:32:28.887202000Z one\n2026-11-23T22:32:30.887202000Z three\n");
    assert_string_equal(print(&(struct logs_options){.tail = -1, .since_ns = NOW + 1}), "three\n");
    assert_string_equal(print(&(struct logs_options){.tail = -1, .until_ns = NOW + 1}), "one\n");
    assert_string_equal(print(&(struct logs_options){.tail = 2}), "three\n");
    assert_string_equal(print(&(struct logs_options){.tail = 0}), "");
    assert_string_equal(print(&(struct logs_options){.tail = 99}), "one\nthree\n");
}

static void test_tail_of_many(void **state) {
    (void)state;
    char text[32], expected[64] = "";
    begin_writing();
    for (int i = 0; i < 20000; i++) log_out(text, (size_t)sprintf(text, "line %d\n", i));
    end_writing();
    for (int i = 19997; i < 20000; i++) sprintf(expected + strlen(expected), "line %d\n", i);
    assert_string_equal(print(&(struct logs_options){.tail = 3}), expected);
    for (int64_t tail = 500; tail < 20000; tail += 997) { // over many block borders
        char *got = print(&(struct logs_options){.tail = tail});
        sprintf(text, "line %d\n", 20000 - (int)tail);
        assert_int_equal(strncmp(got, text, strlen(text)), 0);
    }
}

#define GOOD "{\"log\":\"good\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T22:32:28Z\"}\n"

static void test_damage(void **state) {
    (void)state;
    static const char *const damage[] = {
        "{\"log\":\"torn by a power c", // and on the same line:
        "\n\n{}\n{\"log\":\"\n",
        "{\"log\":\"x\\n\",\"stream\":\"stdout\"}\n",
        "{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T22:32:28Z\"\n",
        "{\"log\":\"\\q\",\"stream\":\"stdout\",\"time\":\"2026-11-23T22:32:28Z\"}\n",
        "{\"log\":\"\\u12\",\"stream\":\"stdout\",\"time\":\"2026-11-23T22:32:28Z\"}\n",
        "{\"log\":\"x\\",
    };
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s%s%s", GOOD, damage[i], GOOD);
        write_text(text);
        assert_string_equal(print(&(struct logs_options){.tail = -1}), "good\ngood\n");
        snprintf(text, sizeof text, "%s%s", GOOD, damage[i]);
        write_text(text);
        assert_string_equal(print(&(struct logs_options){.tail = -1}), "good\n");
    }
    write_text("{\"log\":\"a\\u00e9\\ud83d\\/"
               "\\b\\n\",\"stream\":\"stdout\",\"attrs\":{\"a\":\"b\"},\"time\":\"2026-11-"
               "23T22:32:28Z\"}\n");
    assert_string_equal(print(&(struct logs_options){.tail = -1}), "a\303\251\357\277\275/\b\n");
    write_text("");
    assert_string_equal(print(&(struct logs_options){.tail = 5}), "");
    unlink(path);
    assert_string_equal(print(&(struct logs_options){.tail = -1}), "");
}

// A line longer than any of ours is skipped, whatever it is.
static void test_endless_line(void **state) {
    (void)state;
    int fd = file_open(true);
    static char junk[600000];
    memset(junk, 'j', sizeof junk);
    memcpy(junk, "{\"log\":\"", 8);
    junk[sizeof junk - 1] = '\n';
    assert_int_equal(fd_write_all(fd, GOOD, strlen(GOOD)), 0);
    assert_int_equal(fd_write_all(fd, junk, sizeof junk), 0);
    assert_int_equal(fd_write_all(fd, GOOD, strlen(GOOD)), 0);
    close(fd);
    assert_string_equal(print(&(struct logs_options){.tail = -1}), "good\ngood\n");
}

// Whatever the bytes are, scanning stays inside of them (the sanitizers look) and what it yields, too.
static void test_fuzz(void **state) {
    (void)state;
    static const char *const words[] = {"{\"log\":\"", "\",\"stream\":\"",
                                        "stdout",      "\",\"time\":\"",
                                        "\"}",         "\\n",
                                        "\\u00",       "\\",
                                        "\"",          "2026",
                                        "\n",          "x"};
    srand(3);
    for (int round = 0; round < 200000; round++) {
        char text[256] = "";
        for (int i = rand() % 12; i > 0; i--) strcat(text, words[(size_t)rand() % 12]);
        size_t size = strlen(text);
        if (size && rand() % 3 == 0) text[(size_t)rand() % size] = (char)(rand() % 255 + 1);
        char *bytes = malloc(size + 1);
        memcpy(bytes, text, size + 1);
        struct logs_entry entry;
        if (logs_scan(bytes, size, &entry)) {
            assert_true(entry.text >= bytes && entry.text + entry.size <= bytes + size);
            assert_true(entry.time >= bytes && entry.time + strlen(entry.time) <= bytes + size);
        }
        free(bytes);
    }
}

static void test_follow(void **state) {
    (void)state;
    int alive[2], out[2];
    write_text(GOOD);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, alive), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t reader = fork();
    if (reader == 0) {
        struct err err;
        close(alive[0]);
        _exit(logs_print(path, &(struct logs_options){.tail = 1, .follow = true}, out[1], 2, alive[1], &err)
                  ? 1
                  : 0);
    }
    close(alive[1]);
    close(out[1]);
    char text[64] = "";
    assert_int_equal(read(out[0], text, sizeof text), 5);
    int fd = file_open(false);
    assert_int_equal(fd_write_all(fd, GOOD GOOD, 2 * strlen(GOOD)), 0);
    assert_int_equal(fd_read_full(out[0], text, 10), 10);
    assert_int_equal(fd_write_all(fd, GOOD, strlen(GOOD)), 0);
    close(fd);
    close(alive[0]); // the container has ended; what it wrote last is still read
    assert_int_equal(fd_read_full(out[0], text, sizeof text), 5);
    int status;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_equal(status, 0);
    close(out[0]);
}

static void test_parse_time(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"10m", NOW - 600000000000},
        {"1h30m", NOW - 5400000000000},
        {"1.5s", NOW - 1500000000},
        {"100ms", NOW - 100000000},
        {"-10s", NOW + 10000000000},
        {"1700000000", 1700000000000000000},
        {"1700000000.5", 1700000000500000000},
        {"2026-11-23T22:32:28.887202Z", NOW},
        {"2026-11-23T23:32:28.887202+01:00", NOW},
        {"2026-11-23T22:32Z", 1795473120000000000},
        {"2026-11-23Z", 1795392000000000000},
        {"2026-11-23", 1795392000000000000},
        {"2026-11-23T22", 1795471200000000000},
    };
    static const char *const bad[] = {
        "",     "x", "10x", "m", "1h2", "2026-13-01", "2026-11-23T22:32:28+1", "yesterday", "17000000000000",
        "1..5s"};
    struct err err;
    int64_t ns;
    setenv("TZ", "UTC", 1);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(clock_parse_time(good[i].text, NOW, &ns, &err), 0);
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(clock_parse_time(bad[i], NOW, &ns, &err), -1);
}

// A full disk: what is in the log afterwards are whole entries.
static void test_full_disk(void **state) {
    (void)state;
    char text[64];
    begin_writing();
    for (int i = 0; i < 10; i++) log_out(text, (size_t)sprintf(text, "line %d\n", i));
    close(writer.fd);
    writer.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    log_out("lost\n", 5);
    close(writer.fd);
    writer.fd = file_open(false);
    log_out("back\n", 5);
    end_writing();
    assert_null(strstr(file_text(), "lost"));
    assert_string_equal(print(&(struct logs_options){.tail = 2}), "line 9\nback\n");
}

// The same when the room ends in the middle of a write.
static void test_disk_full_within_a_write(void **state) {
    (void)state;
    struct rlimit before, little;
    signal(SIGXFSZ, SIG_IGN);
    begin_writing();
    log_out("first\n", 6);
    getrlimit(RLIMIT_FSIZE, &before);
    little = (struct rlimit){.rlim_cur = strlen(file_text()) * 2 + 10, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &little);
    log_out("second\nthird\n", 13);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(file_text()[strlen(file_text()) - 1], '\n');
    log_out("fourth\n", 7);
    end_writing();
    assert_string_equal(print(&(struct logs_options){.tail = -1}), "first\nsecond\nfourth\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_streams_and_stamps),
        cmocka_unit_test(test_tail_of_many),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_endless_line),
        cmocka_unit_test(test_fuzz),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_parse_time),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_disk_full_within_a_write),
    };
    int fd = mkstemp(path);
    close(fd);
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return r;
}
