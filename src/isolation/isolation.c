// SPDX-License-Identifier: Apache-2.0
#include "isolation/isolation.h"

#include "base/fd.h"
#include "isolation/parts.h"
#include "kernel/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fact_add(struct subject *subject, const char *topic, const char *name, const char *value) {
    struct fact *fact = arena_push(subject->arena, subject->facts);
    *fact = (struct fact){.topic = topic,
                          .name = arena_strdup(subject->arena, name),
                          .value = arena_strdup(subject->arena, value)};
}

void fact_add_words(struct subject *subject, const char *topic, const char *name, const struct str *words) {
    fact_add(subject, topic, name, words->len ? str_get(words) : "none");
}

// Spaces and what a terminal would obey are written as mountinfo writes them.
void word_add(struct str *words, const char *word) {
    if (words->len) str_add_char(words, ' ');
    for (const unsigned char *c = (const unsigned char *)word; *c; c++) {
        if (*c <= ' ' || *c == 0x7f)
            str_printf(words, "\\%03o", *c);
        else
            str_add_char(words, (char)*c);
    }
}

FILE *proc_open(const struct subject *subject, const char *name) {
    _cleanup_(fd_closep) int fd = fd_open_at(subject->proc, name, O_RDONLY, 0);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
    if (file) take_fd(&fd);
    return file;
}

FILE *host_open(const char *path) {
    return fopen(path, "re");
}

// The descriptor stays this process's, whoever gets its number later.
static int open_process(struct subject *subject, pid_t pid, uint64_t start_time, struct err *err) {
    char path[32];
    struct process_stat stat;
    subject->pid = pid ? pid : getpid();
    snprintf(path, sizeof path, "/proc/%d", subject->pid);
    subject->proc = fd_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    if (subject->proc < 0 || process_stat(subject->pid, &stat) || stat.state == 'Z' ||
        (pid && stat.start_time != start_time))
        return err_set(err, ERR_NOT_FOUND, 0, "its process has ended");
    return 0;
}

int isolation_read(struct arena *arena, pid_t pid, uint64_t start_time, struct facts *ret_facts,
                   struct err *err) {
    struct facts facts = {0};
    struct host_mounts inside = {0}, host = {0};
    struct subject subject = {.arena = arena, .facts = &facts, .proc = -1, .is_host = pid == 0};
    int r = open_process(&subject, pid, start_time, err);
    if (!r) r = read_process(&subject, err);
    if (!r) r = read_paths(&subject, &inside, &host, err);
    if (!r) {
        read_devices(&subject);
        read_limits(&subject);
        r = read_sysctls(&subject, err);
    }
    if (!r) read_sockets(&subject, &inside, &host);
    fd_closep(&subject.proc);
    if (r) return -1;
    *ret_facts = facts;
    return 0;
}

// Looking at facts

static bool fact_is(const struct fact *fact, const char *name) {
    const char *rest = str_after(name, fact->topic);
    return rest && *rest == '.' && str_eq(rest + 1, fact->name);
}

const struct fact *facts_find(const struct facts *facts, const char *name) {
    for (size_t i = 0; i < facts->count; i++)
        if (fact_is(&facts->items[i], name)) return &facts->items[i];
    return NULL;
}

void facts_name_namespaces(struct facts *facts, const struct facts *others, const char *other) {
    for (size_t i = 0; i < facts->count && i < others->count; i++) {
        struct fact *fact = &facts->items[i];
        if (!str_eq(fact->topic, "namespaces") || str_eq(fact->value, "missing")) continue;
        fact->note = fact->value;
        fact->value = str_eq(fact->value, others->items[i].value) ? other : "own";
    }
}

// Assertions

static bool has_word(const char *value, const char *word) {
    size_t length = strlen(word);
    for (const char *at = value; *at;) {
        size_t n = strcspn(at, " ");
        if (!strncmp(at, word, length) && (n == length || at[length] == ':')) return true;
        at += n + (at[n] == ' ');
    }
    return str_eq(value, "all");
}

// What has no limit is more than any number.
static int read_number(const char *text, double *ret_number) {
    uint64_t bytes;
    char *end;
    if (str_eq(text, "unlimited")) return *ret_number = 1e300, 0;
    double number = strtod(text, &end);
    if (end != text && !*end && number >= 0) return *ret_number = number, 0;
    if (parse_size(text, &bytes)) return -EINVAL;
    *ret_number = (double)bytes;
    return 0;
}

static int compare(const char *value, const char *operator, const char * wanted, struct err *err) {
    double a, b;
    if (str_eq(operator, "=")) return str_eq(value, wanted);
    if (str_eq(operator, "!=")) return !str_eq(value, wanted);
    if (str_eq(operator, "has")) return has_word(value, wanted);
    if (str_eq(operator, "lacks")) return !has_word(value, wanted);
    if (!str_eq(operator, "<=") && !str_eq(operator, ">="))
        return err_set(err, ERR_INVALID, 0, "\"%s\" is none of = != has lacks <= >=", operator);
    if (read_number(wanted, &b)) return err_set(err, ERR_INVALID, 0, "\"%s\" is no number", wanted);
    if (read_number(value, &a)) return err_set(err, ERR_INVALID, 0, "its value, %s, is no number", value);
    return *operator== '<' ? a <= b : a >= b;
}

int facts_assert(const struct facts *facts, const char *line, struct err *err) {
    char copy[1024], *rest = copy;
    if ((size_t)snprintf(copy, sizeof copy, "%s", line) >= sizeof copy)
        return err_set(err, ERR_INVALID, 0, "it has more than %zu characters", sizeof copy - 1);
    const char *name = strsep(&rest, " "), *operator= rest ? strsep(&rest, " ") : NULL;
    if (!rest || !*rest) return err_set(err, ERR_INVALID, 0, "it is not of the form NAME OPERATOR VALUE");
    const struct fact *fact = facts_find(facts, name);
    if (!fact) return err_set(err, ERR_INVALID, 0, "there is no fact called %s", name);
    return compare(fact->value, operator, rest, err);
}
