// SPDX-License-Identifier: Apache-2.0
// What the kernel keeps of a process itself: namespaces, id maps, capabilities, seccomp, the label of a
// security module.
#include "base/fd.h"
#include "isolation/parts.h"
#include "oci/words.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void read_namespaces(struct subject *subject) {
    static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct stat st, own;
        char path[16], value[24] = "missing";
        snprintf(path, sizeof path, "ns/%s", names[i]);
        bool found = !fstatat(subject->proc, path, &st, 0);
        if (found) snprintf(value, sizeof value, "%" PRIu64, st.st_ino);
        fact_add(subject, "namespaces", names[i], value);
        if (!str_eq(names[i], "net")) continue;
        subject->own_net = !found || stat("/proc/self/ns/net", &own) || own.st_ino != st.st_ino;
    }
}

static void read_map(struct subject *subject, const char *name, const char *file) {
    _cleanup_(str_finish) struct str words = {0};
    FILE *map = proc_open(subject, file);
    char inside[16], outside[16], count[16], word[64];
    while (map && fscanf(map, "%15s %15s %15s", inside, outside, count) == 3) {
        snprintf(word, sizeof word, "%s:%s:%s", inside, outside, count);
        word_add(&words, word);
    }
    if (map) fclose(map);
    fact_add_words(subject, "ids", name, &words);
}

static void read_ids(struct subject *subject) {
    char text[16] = "unknown";
    FILE *file = proc_open(subject, "setgroups");
    if (file && fscanf(file, "%15s", text) != 1) snprintf(text, sizeof text, "unknown");
    if (file) fclose(file);
    read_map(subject, "uid", "uid_map");
    read_map(subject, "gid", "gid_map");
    fact_add(subject, "ids", "setgroups", text);
}

// The kernel's last capability: what "all" is.
static uint64_t all_capabilities(void) {
    unsigned last = 0;
    FILE *file = host_open("/proc/sys/kernel/cap_last_cap");
    if (file && fscanf(file, "%u", &last) != 1) last = 0;
    if (file) fclose(file);
    return last && last < 63 ? (UINT64_C(2) << last) - 1 : 0;
}

static void add_capabilities(struct subject *subject, const char *name, uint64_t set, uint64_t all) {
    _cleanup_(str_finish) struct str words = {0};
    for (const struct field_word *word = words_capabilities; word->word; word++) {
        char lower[32] = "";
        if (!(set >> word->number & 1)) continue;
        const char *text = str_after(word->word, "CAP_");
        for (size_t i = 0; text && text[i] && i + 1 < sizeof lower; i++)
            lower[i] = (char)tolower((unsigned char)text[i]);
        word_add(&words, lower);
    }
    if (all && (set & all) == all)
        fact_add(subject, "capabilities", name, "all");
    else
        fact_add_words(subject, "capabilities", name, &words);
}

static const struct {
    const char *field, *topic, *name;
} status_rows[] = {
    {"CapEff", "capabilities", "effective"},   {"CapPrm", "capabilities", "permitted"},
    {"CapInh", "capabilities", "inheritable"}, {"CapBnd", "capabilities", "bounding"},
    {"CapAmb", "capabilities", "ambient"},     {"Seccomp", "seccomp", "mode"},
    {"Seccomp_filters", "seccomp", "filters"}, {"NoNewPrivs", "seccomp", "no-new-privileges"},
};

static const char *status_value(size_t row, const char *text) {
    static const char *const modes[] = {"disabled", "strict", "filter"};
    if (str_eq(status_rows[row].name, "mode"))
        return *text >= '0' && *text <= '2' ? modes[*text - '0'] : "unknown";
    if (str_eq(status_rows[row].name, "no-new-privileges")) return *text == '1' ? "yes" : "no";
    return text;
}

static int read_status(struct subject *subject, struct err *err) {
    char line[256], values[ARRAY_SIZE(status_rows)][32] = {{0}};
    uint64_t all = all_capabilities();
    FILE *file = proc_open(subject, "status");
    if (!file) return err_set(err, ERR_NOT_FOUND, 0, "its process has ended");
    while (fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (!value) continue;
        *value++ = '\0';
        value += strspn(value, " \t");
        value[strcspn(value, "\n")] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(status_rows); i++)
            if (str_eq(line, status_rows[i].field)) snprintf(values[i], sizeof values[i], "%s", value);
    }
    fclose(file);
    for (size_t i = 0; i < ARRAY_SIZE(status_rows); i++) {
        if (str_eq(status_rows[i].topic, "capabilities"))
            add_capabilities(subject, status_rows[i].name, strtoull(values[i], NULL, 16), all);
        else
            fact_add(subject, status_rows[i].topic, status_rows[i].name,
                     *values[i] ? status_value(i, values[i]) : "unknown");
    }
    return 0;
}

// Without a security module that labels processes the file can't be read.
static void read_label(struct subject *subject) {
    _cleanup_(str_finish) struct str words = {0};
    char text[512] = "";
    _cleanup_(fd_closep) int fd = fd_open_at(subject->proc, "attr/current", O_RDONLY, 0);
    ssize_t n = fd < 0 ? fd : fd_read_full(fd, text, sizeof text - 1);
    if (n > 0) {
        text[strcspn(text, "\n")] = '\0';
        word_add(&words, text);
    }
    fact_add_words(subject, "lsm", "label", &words);
}

int read_process(struct subject *subject, struct err *err) {
    read_namespaces(subject);
    read_ids(subject);
    if (read_status(subject, err)) return -1;
    read_label(subject);
    return 0;
}
