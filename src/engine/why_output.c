// SPDX-License-Identifier: Apache-2.0
// The last lines of what a container wrote, and what is known of such lines.
#include "base/fd.h"
#include "engine/why_parts.h"
#include "shim/logs.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_BYTES 16384
#define LINES_MAX  5
#define LINE_BYTES 300

// Without what a terminal would obey, and not longer than a few lines of it.
static void add_line(struct inquiry *inquiry, const char *text, size_t size) {
    char line[LINE_BYTES + 1];
    size_t n = 0;
    for (size_t i = 0; i < size && n < LINE_BYTES; i++)
        if ((unsigned char)text[i] >= ' ' && text[i] != 0x7f) line[n++] = text[i];
    line[n] = '\0';
    if (!n) return;
    struct strings *output = &inquiry->why->output;
    if (output->count == LINES_MAX) {
        memmove(output->items, output->items + 1, (LINES_MAX - 1) * sizeof *output->items);
        output->count--;
    }
    strings_add(inquiry->arena, output, arena_strdup(inquiry->arena, line));
}

// Both streams as one, as they came.
void why_read_output(struct inquiry *inquiry, struct engine *engine) {
    static char tail[TAIL_BYTES + 1];
    struct logs_options options = {.tail = LINES_MAX};
    struct err ignored;
    struct stat st;
    _cleanup_(fd_closep) int file = memfd_create("output", MFD_CLOEXEC);
    const int out[2] = {file, file};
    if (file < 0 || container_logs(engine, inquiry->container, &options, out, -1, &ignored) ||
        fstat(file, &st))
        return;
    off_t at = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
    ssize_t n = pread(file, tail, TAIL_BYTES, at);
    char *rest = tail;
    tail[n < 0 ? 0 : n] = '\0';
    for (char *line; (line = strsep(&rest, "\n"));) add_line(inquiry, line, strlen(line));
}

// Capabilities

static bool has_word(const struct strings *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        const char *word = list->items[i];
        if (!strncasecmp(word, "CAP_", 4)) word += 4;
        if (!strcasecmp(word, name) || !strcasecmp(word, "ALL")) return true;
    }
    return false;
}

static bool has_capability(const struct container_config *config, const char *name, bool by_default) {
    if (config->privileged || has_word(&config->cap_add, name)) return true;
    return by_default && !has_word(&config->cap_drop, name);
}

// What programs say when they lack one.
static const struct {
    const char *words, *name, *what;
    bool by_default;
} capabilities[] = {
    {"mount", "SYS_ADMIN", "mounting", false},
    {"unshare", "SYS_ADMIN", "making namespaces", false},
    {"RTNETLINK", "NET_ADMIN", "changing the network", false},
    {"iptables", "NET_ADMIN", "changing the firewall", false},
    {"nft", "NET_ADMIN", "changing the firewall", false},
    {"ptrace", "SYS_PTRACE", "looking into other processes", false},
    {"date: ", "SYS_TIME", "setting the clock", false},
    {"settimeofday", "SYS_TIME", "setting the clock", false},
    {"insmod", "SYS_MODULE", "loading kernel modules", false},
    {"modprobe", "SYS_MODULE", "loading kernel modules", false},
    {"reboot", "SYS_BOOT", "rebooting", false},
    {"nice", "SYS_NICE", "a higher priority", false},
    {"mlock", "IPC_LOCK", "locking memory", false},
    {"chroot", "SYS_CHROOT", "chroot", true},
    {"mknod", "MKNOD", "making devices", true},
    {"chown", "CHOWN", "changing the owner of files", true},
    {"setuid", "SETUID", "becoming another user", true},
    {"setgid", "SETGID", "becoming another group", true},
    {"setgroups", "SETGID", "becoming another group", true},
    {"raw socket", "NET_RAW", "raw sockets", true},
    {"ping: ", "NET_RAW", "raw sockets", true},
    {"bind", "NET_BIND_SERVICE", "a port below 1024", true},
};

static bool explain_capability(struct inquiry *inquiry, const char *line) {
    const struct container_config *config = &inquiry->container->config;
    for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
        if (!strcasestr(line, capabilities[i].words) ||
            has_capability(config, capabilities[i].name, capabilities[i].by_default))
            continue;
        why_say(
            inquiry,
            "Its last output speaks of something that was not permitted; %s takes the capability %s, which "
            "the container does not have.",
            capabilities[i].what, capabilities[i].name);
        why_advise(inquiry, "--cap-add %s, if the container may be trusted with it", capabilities[i].name);
        return true;
    }
    return false;
}

// Libraries

// "sh: error while loading shared libraries: libx.so.1: cannot open …" (glibc), "Error loading shared library
// libx.so.1: No such file …" (musl).
static bool explain_library(struct inquiry *inquiry, const char *line) {
    const char *at = strstr(line, "error while loading shared libraries: ");
    if (at) at += strlen("error while loading shared libraries: ");
    if (!at && (at = strstr(line, "Error loading shared library ")))
        at += strlen("Error loading shared library ");
    if (!at) return false;
    why_say(inquiry, "The library %.*s is not in the image, or not where the loader looks.",
            (int)strcspn(at, ": "), at);
    why_advise(inquiry, "install the package that has it in the image, or set LD_LIBRARY_PATH");
    return true;
}

static const struct {
    const char *words, *sentence, *advice;
    bool by_limit; // of processes
} known[] = {
    {"Read-only file system", "It wrote where its file system is read-only.",
     "a volume (-v) or --tmpfs for the places that it writes to"},
    {"No space left on device", "A file system that it wrote to is full.",
     "look at hoy system df and df; a larger --tmpfs size or --shm-size"},
    {"Address already in use", "An address that it wanted to listen on is taken.",
     "another port, or a network of its own instead of --network host"},
    {"Resource temporarily unavailable", "The kernel refused it more processes, threads or locked memory.",
     "a larger --pids-limit, or --ulimit nproc=…", true},
    {"Too many open files", "It reached its limit of open files.", "--ulimit nofile=…"},
    {"Temporary failure in name resolution", "A name could not be looked up.",
     "look at its /etc/resolv.conf, --dns, and its network"},
    {"Could not resolve host", "A name could not be looked up.",
     "look at its /etc/resolv.conf, --dns, and its network"},
    {"Cannot allocate memory", "It was refused memory, and did not wait to be killed for it.",
     "a larger --memory"},
    {"Permission denied", "It was denied access to something: by a file's mode or owner, or by a mount.",
     "look at the files' owner and mode beside --user, and at :ro mounts"},
};

static bool explain_line(struct inquiry *inquiry, const char *line) {
    bool refused = strcasestr(line, "not permitted") || strcasestr(line, "permission denied") ||
                   strcasestr(line, "are you root");
    if (inquiry->container->exit_code == 127 && strcasestr(line, "not found")) {
        why_say(inquiry, "A command that it called is not in the image, or not in its PATH.");
        why_advise(inquiry, "install it in the image, or call it by its path");
        return true;
    }
    if (explain_library(inquiry, line) || (refused && explain_capability(inquiry, line))) return true;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (!strcasestr(line, known[i].words)) continue;
        if (known[i].by_limit && record_number(inquiry, "pids_refused")) return true; // that is said already
        why_say(inquiry, "%s", known[i].sentence);
        why_advise(inquiry, "%s", known[i].advice);
        return true;
    }
    if (!strcasestr(line, "Operation not permitted")) return false;
    why_say(inquiry,
            "Something was not permitted: it may lack a capability, or its seccomp filter refuses a system "
            "call.");
    why_advise(
        inquiry,
        "hoy isolation shows what a container may do; --cap-add and --security-opt seccomp=FILE change it");
    return true;
}

// The last line that is known to mean something.
void why_explain_output(struct inquiry *inquiry) {
    const struct strings *output = &inquiry->why->output;
    const char *cause = inquiry->why->cause;
    if (!str_eq(cause, "exit")) return;
    for (size_t i = output->count; i-- > 0;)
        if (explain_line(inquiry, output->items[i])) return;
}
