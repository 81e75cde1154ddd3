// SPDX-License-Identifier: Apache-2.0
// The writer and the reader of the log, against each other and against text written by hand.
#include "shim/logs.h"

#include "base/clock.h"
#include "base/fd.h"
#include "shim/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1795473148887202000LL // 2026-11-23T22:32:28.887202Z

static char folder[] = "/tmp/hoy-logs-XXXXXX";
static char path[64]; // of the file that is written
static int folder_fd;
static struct log writer;
static struct plan_block *block;
static struct plan_log form; // of the next writer

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

static void map_plan(const struct plan_log *log) {
    struct plan plan;
    struct err err;
    plan_init(&plan);
    plan.head.log = *log;
    plan.head.log.name = plan_string(&plan, "log");
    int fd = plan_memfd(&plan, &err);
    plan_unmap(block);
    assert_int_equal(plan_map(fd, &block), 0);
    close(fd);
    plan_finish(&plan);
}

static void empty_folder(void) {
    char name[80];
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, i ? "%s.%d" : "%s", path, i);
        unlink(name);
    }
}

static void go_on_writing(void) {
    memset(&writer, 0, sizeof writer);
    map_plan(&form);
    log_init(&writer, block, file_open(false), folder_fd, -1);
}
static void begin_writing(void) {
    empty_folder();
    go_on_writing();
}

static void log_out(const char *bytes, size_t size) {
    log_add(&writer, LOG_STDOUT, bytes, size, NOW);
}

static void end_writing(void) {
    log_end(&writer, LOG_STDOUT, NOW);
    log_end(&writer, LOG_STDERR, NOW);
    close(writer.file.fd);
}

// What logs_print gives, its stdout and stderr in one or apart.
static char *print_to(const struct logs_options *options, bool want_err) {
    static char text[4 << 20];
    FILE *out = tmpfile(), *other = tmpfile();
    struct err err;
    const struct logs_source source = {
        .folder = folder_fd, .name = "log", .local = form.file == PLAN_LOG_LOCAL};
    assert_int_equal(logs_print(&source, options, fileno(out), fileno(other), -1, &err), 0);
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
    log_add(&writer, LOG_STDERR, "err\n", 4, 1795473148000000000LL);
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
        assert_int_equal(ftruncate(writer.file.fd, 0), 0);
        log_add(&writer, LOG_STDOUT, "\n", 1, seconds[i] * 1000000000);
        assert_non_null(strstr(file_text(), expected));
    }
    end_writing();
}

// A line of every length around the limit, in pieces of several sizes, reads back as it was.
static void test_long_lines(void **state) {
    (void)state;
    static char text[3 * LOG_LINE];
    for (size_t length = LOG_LINE - 3; length < LOG_LINE + 3; length++)
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
    log_add(&writer, LOG_STDERR, "two\n", 4, NOW + 1000000000);
    log_add(&writer, LOG_STDOUT, "three\n", 6, NOW + 2000000000);
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
        if (logs_scan_json(bytes, size, &entry)) {
            assert_true(entry.text >= bytes && entry.text + entry.size <= bytes + size);
            assert_true(entry.time >= bytes && entry.time + strlen(entry.time) <= bytes + size);
        }
        free(bytes);
    }
}

// Who reads the log as it grows, until alive is closed.
struct follower {
    pid_t pid;
    int alive, out;
};

static struct follower follow(int64_t tail) {
    int alive[2], out[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, alive), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err err;
        close(alive[0]);
        const struct logs_source source = {
            .folder = folder_fd, .name = "log", .local = form.file == PLAN_LOG_LOCAL};
        const struct logs_options options = {.tail = tail, .follow = true};
        _exit(logs_print(&source, &options, out[1], 2, alive[1], &err) ? 1 : 0);
    }
    close(alive[1]);
    close(out[1]);
    return (struct follower){pid, alive[0], out[0]};
}

static void follower_end(struct follower *reader) {
    int status;
    assert_int_equal(waitpid(reader->pid, &status, 0), reader->pid);
    assert_int_equal(status, 0);
    close(reader->out);
}

static void test_follow(void **state) {
    (void)state;
    write_text(GOOD);
    struct follower reader = follow(1);
    char text[64] = "";
    assert_int_equal(read(reader.out, text, sizeof text), 5);
    int fd = file_open(false);
    assert_int_equal(fd_write_all(fd, GOOD GOOD, 2 * strlen(GOOD)), 0);
    assert_int_equal(fd_read_full(reader.out, text, 10), 10);
    assert_int_equal(fd_write_all(fd, GOOD, strlen(GOOD)), 0);
    close(fd);
    close(reader.alive); // the container has ended; what it wrote last is still read
    assert_int_equal(fd_read_full(reader.out, text, sizeof text), 5);
    follower_end(&reader);
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
    close(writer.file.fd);
    writer.file.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    log_out("lost\n", 5);
    close(writer.file.fd);
    writer.file.fd = file_open(false);
    log_out("back\n", 5);
    end_writing();
    assert_null(strstr(file_text(), "lost"));
    assert_string_equal(print(&(struct logs_options){.tail = 3}), "line 9\nback\n");
    assert_string_equal(print_to(&(struct logs_options){.tail = -1}, true),
                        "hoy: 1 lines of output are missing here: No space left on device\n");
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

static size_t size_of(const char *suffix) {
    char name[80];
    struct stat st;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &st) ? 0 : (size_t)st.st_size;
}

// Three files of a thousand bytes, and what is in them is the end of what was written, whole.
static void test_rotation(void **state) {
    (void)state;
    char text[32], expected[8192] = "";
    form.max_bytes = 1000, form.max_files = 3;
    begin_writing();
    for (int i = 0; i < 200; i++) log_out(text, (size_t)sprintf(text, "line %d\n", i));
    log_add(&writer, LOG_STDERR, "last\n", 5, NOW);
    end_writing();
    assert_in_range(size_of(".1"), 1000, 1100);
    assert_in_range(size_of(".2"), 1000, 1100);
    assert_int_equal(size_of(".3"), 0);
    char *all = print(&(struct logs_options){.tail = -1});
    int first = atoi(all + 5);
    assert_in_range(first, 120, 180);
    for (int i = first; i < 200; i++) sprintf(expected + strlen(expected), "line %d\n", i);
    assert_string_equal(all, expected);
    assert_string_equal(print_to(&(struct logs_options){.tail = -1}, true), "last\n");
    for (int tail = 2; tail < 200 - first; tail++) {
        sprintf(text, "line %d\n", 200 - tail + 1); // the other one is stderr's
        char *got = print(&(struct logs_options){.tail = tail});
        assert_int_equal(strncmp(got, text, strlen(text)), 0);
        assert_string_equal(got + strlen(got) - 9, "line 199\n");
    }
    // One is removed by hand.
    snprintf(text, sizeof text, "%s.1", path);
    unlink(text);
    assert_non_null(strstr(print_to(&(struct logs_options){.tail = -1}, true), "a rotated file is missing"));
    form.max_files = 1;
    begin_writing();
    for (int i = 0; i < 200; i++) log_out(text, (size_t)sprintf(text, "line %d\n", i));
    end_writing();
    assert_int_equal(size_of(".1"), 0);
    assert_in_range(size_of(""), 1, 1100);
    form.max_bytes = 0;
}

// Everything comes once, however often the file is rotated meanwhile (as long as it is there).
static void test_follow_rotation(void **state) {
    (void)state;
    char text[32], got[32];
    form.max_bytes = 2000, form.max_files = 9;
    begin_writing();
    struct follower reader = follow(-1);
    for (int i = 0; i < 3000; i++) {
        log_out(text, (size_t)sprintf(text, "line %04d\n", i));
        // It may be a few files behind, but not more than there are.
        if (i % 60) continue;
        for (int j = i ? i - 59 : 0; j <= i; j++) {
            sprintf(text, "line %04d\n", j);
            assert_int_equal(fd_read_full(reader.out, got, 10), 10);
            got[10] = 0;
            assert_string_equal(got, text);
        }
    }
    end_writing();
    close(reader.alive);
    while (read(reader.out, got, sizeof got) > 0) {}
    follower_end(&reader);
    form.max_bytes = 0;
}

static void test_local_format(void **state) {
    (void)state;
    static const char line[] =
        "\0\0\0\025\n\006stdout\020\300\270\224\271\231\356\306\365\030\032\001p\0\0\0\025";
    begin_writing();
    log_add(&writer, LOG_STDOUT, "p\n", 2, 1795473148000246848);
    end_writing();
    int fd = file_open(false);
    char bytes[64];
    assert_int_equal(fd_read_full(fd, bytes, sizeof bytes), 29);
    close(fd);
    assert_memory_equal(bytes, line, 13);
    assert_memory_equal(bytes + 22, line + 22, 7);
}

static void test_local_damage(void **state) {
    (void)state;
    begin_writing();
    log_out("one\ntwo\n", 8);
    end_writing();
    size_t size = size_of("") / 2;
    // Cut within the second entry.
    assert_int_equal(truncate(path, (off_t)(size + size / 2)), 0);
    assert_string_equal(print(&(struct logs_options){.tail = -1}), "one\n");
    assert_string_equal(print(&(struct logs_options){.tail = 1}), "one\n");
    // What follows cannot be found.
    int fd = file_open(false);
    assert_int_equal(fd_write_all(fd, "\377\377\377\377junk", 8), 0);
    close(fd);
    go_on_writing();
    log_out("three\n", 6);
    end_writing();
    assert_string_equal(print(&(struct logs_options){.tail = -1}), "one\n");
    assert_non_null(strstr(print_to(&(struct logs_options){.tail = -1}, true), "damaged"));
}

static void test_local_fuzz(void **state) {
    (void)state;
    srand(4);
    for (int round = 0; round < 200000; round++) {
        size_t size = (size_t)rand() % 40;
        char *bytes = malloc(size + 1);
        for (size_t i = 0; i < size; i++) bytes[i] = (char)(rand() % 4 ? rand() % 52 : rand());
        struct logs_entry entry;
        _cleanup_(str_finish) struct str text = {0};
        if (logs_scan_local(bytes, size, &entry)) {
            assert_true(entry.text >= bytes && entry.text + entry.size <= bytes + size);
            logs_entry_details(&entry, &text);
        }
        free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_endless_line),
        cmocka_unit_test(test_fuzz),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_parse_time),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_disk_full_within_a_write),
    };
    const struct CMUnitTest local[] = {
        cmocka_unit_test(test_local_format),
        cmocka_unit_test(test_local_damage),
        cmocka_unit_test(test_local_fuzz),
    };
    const struct CMUnitTest both[] = {
        cmocka_unit_test(test_long_lines),         cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_streams_and_stamps), cmocka_unit_test(test_tail_of_many),
        cmocka_unit_test(test_rotation),           cmocka_unit_test(test_follow_rotation),
    };
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/log", folder);
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    form = (struct plan_log){.file = PLAN_LOG_JSON};
    int r = cmocka_run_group_tests(tests, NULL, NULL) + cmocka_run_group_tests(both, NULL, NULL);
    form.file = PLAN_LOG_LOCAL;
    r += cmocka_run_group_tests(both, NULL, NULL) + cmocka_run_group_tests(local, NULL, NULL);
    empty_folder();
    rmdir(folder);
    return r;
}
