// SPDX-License-Identifier: Apache-2.0
#include "engine/why.h"

#include "base/fd.h"
#include "engine/log.h"
#include "engine/parts.h"
#include "engine/why_parts.h"
#include "runtime/seccomp.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct arena *arena, struct strings *list, const char *format, va_list args) {
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    strings_add(arena, list, arena_strdup(arena, text));
}

void why_say(struct inquiry *inquiry, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(inquiry->arena, &inquiry->why->sentences, format, args);
    va_end(args);
}

void why_advise(struct inquiry *inquiry, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(inquiry->arena, &inquiry->why->advice, format, args);
    va_end(args);
}

int64_t record_number(const struct inquiry *inquiry, const char *key) {
    int64_t number = 0;
    return json_i64(json_get(inquiry->record, key), &number) ? 0 : number;
}

static const char *record_text(const struct inquiry *inquiry, const char *key) {
    const char *text = json_get_string(inquiry->record, key);
    return text ? text : "";
}

static const char *signal_word(int64_t number) {
    const char *name = number > 0 && number < NSIG ? sigabbrev_np((int)number) : NULL;
    return name ? name : "?";
}

static const char *bytes_word(struct arena *arena, int64_t bytes) {
    return arena_printf(arena, bytes < 1 << 20 ? "%.4gKiB" : "%.4gMiB",
                        (double)bytes / (bytes < 1 << 20 ? 1 << 10 : 1 << 20));
}

// A start that failed

static const struct {
    const char *words, *advice;
} start_hints[] = {
    {"executable file not found in $PATH", "look what the image has: hoy run --rm -it --entrypoint sh IMAGE, "
                                           "and mind that the command's words stand one by one"},
    {"as Windows ends lines", "convert the file's line ends, such as with sed -i 's/\\r$//' FILE"},
    {"its loader ", "use an image with that C library, or a program that is linked statically"},
    {"its interpreter ", "install the interpreter in the image, or name another in the first line"},
    {"it is a program for ", "use an image for this machine: hoy run --platform"},
    {"neither a program nor", "begin the script with #! and its interpreter"},
    {" is taken", "publish another port of the host (-p), or end what has this one"},
    {"unable to find user", "name a user of the image's /etc/passwd, or a number (--user)"},
    {"unable to find group", "name a group of the image's /etc/group, or a number"},
    {"cannot set the resource limit",
     "a smaller --ulimit: nofile is at most /proc/sys/fs/nr_open, and more than the caller's own "
     "limit takes CAP_SYS_RESOURCE"},
    {"Not a directory", "mount a file at a file, and a directory at a directory"},
    {"permission denied", "chmod +x the file in the image, and look whether its mount is noexec"},
    {"no such file or directory", "look for the path in the image: hoy run --rm -it --entrypoint sh IMAGE"},
};

static void explain_start(struct inquiry *inquiry) {
    const char *error = inquiry->container->error;
    if (str_empty(error)) {
        inquiry->why->cause = "created";
        why_say(inquiry, "It was never started.");
        why_advise(inquiry, "hoy start %s", inquiry->container->name);
        return;
    }
    inquiry->why->cause = "start-failed";
    why_say(inquiry, WHY_START_FAILED, error);
    for (size_t i = 0; i < ARRAY_SIZE(start_hints); i++) {
        if (!strcasestr(error, start_hints[i].words)) continue;
        why_advise(inquiry, "%s", start_hints[i].advice);
        return;
    }
    why_advise(inquiry, "hoy run --explain shows every step of a start, and the one that failed");
}

// Out of memory

static bool is_own_group(const struct inquiry *inquiry, const char *group) {
    return strstr(group, inquiry->container->id) != NULL;
}

static void say_biggest(struct inquiry *inquiry) {
    const struct json *biggest = json_get(inquiry->record, "biggest");
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < json_length(biggest); i++) {
        const struct json *row = json_at(biggest, i);
        const char *name = json_get_string(row, "name");
        int64_t bytes = 0;
        if (json_i64(json_get(row, "bytes"), &bytes) || !name) continue;
        str_printf(&text, "%s%s with %s", text.len ? ", " : "", name, bytes_word(inquiry->arena, bytes));
    }
    if (text.len) why_say(inquiry, "Its biggest processes were %s.", str_get(&text));
}

static void explain_oom(struct inquiry *inquiry) {
    const char *group = record_text(inquiry, "oom_group"), *killed = record_text(inquiry, "killed");
    int64_t limit = record_number(inquiry, "oom_limit");
    const char *who = *killed ? arena_printf(inquiry->arena, "%s (pid %lld)", killed,
                                             (long long)record_number(inquiry, "killed_pid"))
                              : "a process of it";
    inquiry->why->cause = "oom";
    if (!*killed) {
        why_say(inquiry, "The kernel killed %s for want of memory.", who);
        why_say(inquiry, "Which limit it was is in the kernel's log only%s.",
                record_number(inquiry, "kernel_log") ? "" : ", which had nothing of it any more");
    } else if (!*group) {
        why_say(inquiry, "The kernel killed %s: the whole machine was out of memory.", who);
        why_advise(inquiry, "give containers limits (--memory), or the machine more memory or swap");
    } else if (is_own_group(inquiry, group)) {
        why_say(inquiry,
                "The kernel killed %s for want of memory: the container's own limit of %s was reached.", who,
                bytes_word(inquiry->arena, limit));
        why_advise(inquiry, "a larger --memory, or a program that takes less");
    } else {
        why_say(inquiry,
                "The kernel killed %s for want of memory: the limit of %s of the control group %s, which "
                "the container is in, was reached.",
                who, bytes_word(inquiry->arena, limit), group);
        why_advise(inquiry, "a larger limit of %s, or a --memory for each container in it", group);
    }
    say_biggest(inquiry);
    if (inquiry->container->exit_code == 0)
        why_say(inquiry, "The container's own process went on, and ended by itself with success.");
}

// Health checks

static void explain_health(struct inquiry *inquiry) {
    int64_t failed = record_number(inquiry, "unhealthy");
    const char *output = record_text(inquiry, "health_output"), *got = record_text(inquiry, "unhealthy_got");
    if (!failed) return;
    why_say(inquiry,
            "It was unhealthy: its last %lld health checks had failed, the last one with the code %lld%s%s.",
            (long long)failed, (long long)record_number(inquiry, "health_code"), *output ? ": " : "", output);
    why_advise(inquiry,
               "hoy inspect -f '{{json .State.Health}}' %s shows the last checks; --health-timeout and "
               "--health-start-period give it more time",
               inquiry->container->name);
    if (*got) {
        inquiry->why->cause = "unhealthy";
        why_say(inquiry, "That is why it was ended (--health-on-failure %s).", got);
    }
}

// A signal

static const struct {
    int number;
    const char *meaning;
} crashes[] = {
    {SIGSEGV, "it used memory that it does not have"},
    {SIGBUS, "it used memory that is not behind its mapping: a file that was cut, or a full /dev/shm"},
    {SIGILL, "it came upon an instruction that this processor does not have"},
    {SIGFPE, "it divided by zero, or the like"},
    {SIGABRT, "it gave up by itself (abort)"},
    {SIGTRAP, "it came upon a breakpoint"},
};

static const char *crash_meaning(int64_t number) {
    for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
        if (crashes[i].number == number) return crashes[i].meaning;
    return NULL;
}

// SIGABRT does not end the first process of a container, so abort() goes on to an instruction that does.
static bool may_be_abort(const struct inquiry *inquiry, int64_t number) {
    return number == SIGSEGV && strstr(record_text(inquiry, "fault"), "general protection fault");
}

static void say_core(struct inquiry *inquiry) {
    _cleanup_(str_finish) struct str text = {0};
    (void)file_read_at(AT_FDCWD, "/proc/sys/kernel/core_pattern", PATH_MAX, &text);
    const char *pattern = str_get(&text);
    int length = (int)strcspn(pattern, " \n");
    if (*pattern == '|')
        why_say(inquiry, "It left a core dump, which the host's %.*s got.", length - 1, pattern + 1);
    else if (*pattern == '/')
        why_say(inquiry, "It left a core dump in its own file system: %.*s, as the host's core_pattern says.",
                length, pattern);
    else
        why_say(inquiry,
                "It left a core dump in the directory that it was in: %.*s, as the host's core_pattern says.",
                length, pattern);
}

static void explain_crash(struct inquiry *inquiry, int64_t number) {
    inquiry->why->cause = "crash";
    why_say(inquiry, "Its process crashed with SIG%s: %s.", signal_word(number), crash_meaning(number));
    if (*record_text(inquiry, "fault"))
        why_say(inquiry, "The kernel says: %s", record_text(inquiry, "fault"));
    if (may_be_abort(inquiry, number))
        why_say(inquiry, "That is also how abort() ends the first process of a container.");
    if (json_boolean(json_get(inquiry->record, "core")))
        say_core(inquiry);
    else
        why_advise(inquiry,
                   "--ulimit core=-1 for a core dump, which goes where /proc/sys/kernel/core_pattern says");
    if (number == SIGBUS) why_advise(inquiry, "a larger --shm-size");
    if (number == SIGILL) why_advise(inquiry, "an image that was built for an older processor");
}

// "… arch=c000003e syscall=39 …"
static const char *refused_call(const struct inquiry *inquiry) {
    const char *line = record_text(inquiry, "seccomp"), *arch = strstr(line, "arch="),
               *call = strstr(line, "syscall=");
    if (!arch || !call) return NULL;
    return seccomp_call_name(inquiry->arena, (uint32_t)strtoul(arch + 5, NULL, 16),
                             (int)strtol(call + 8, NULL, 10));
}

static void explain_seccomp(struct inquiry *inquiry) {
    const char *name = refused_call(inquiry);
    inquiry->why->cause = "seccomp";
    if (name)
        why_say(inquiry, "Its seccomp filter killed it when it made the system call %s.", name);
    else
        why_say(inquiry,
                "It got SIGSYS: its seccomp filter does not allow a system call that it made, and the "
                "kernel's log does not say which.");
    why_advise(inquiry, "--security-opt seccomp=FILE with a profile that allows %s", name ? name : "it");
}

#define GOING_DOWN "systemd-shutdow" // as far as the kernel keeps a program's name

// Who asked for it: what went through the shim is known.
static void explain_asked(struct inquiry *inquiry, int64_t ended_by, int64_t first) {
    const char *by = record_text(inquiry, "asked_by");
    const char *who = *record_text(inquiry, "unhealthy_got") ? "hoy, because it was unhealthy"
                      : !*by                   ? "hoy (stop, kill, rm -f, or ctrl-C at its terminal)"
                      : str_eq(by, GOING_DOWN) ? "systemd, because the machine was shut down or restarted"
                                               : by;
    bool handled = json_boolean(json_get(inquiry->record, "handled"));
    inquiry->why->cause = "stopped";
    if (ended_by == first || ended_by != SIGKILL) {
        why_say(inquiry, "It was ended by SIG%s, which came from %s.", signal_word(ended_by), who);
        return;
    }
    why_say(inquiry, "It was asked to end with SIG%s by %s, and then killed.", signal_word(first), who);
    if (handled) {
        why_say(inquiry, "It catches SIG%s, but had not ended when the time was up.", signal_word(first));
        why_advise(inquiry, "a longer --stop-timeout, or a program that ends sooner");
    } else {
        why_say(inquiry,
                "It has no handler for SIG%s, and the first process of a container is not ended by a signal "
                "that it does not handle.",
                signal_word(first));
        why_advise(inquiry, "--init, a handler for SIG%s, or another --stop-signal", signal_word(first));
    }
}

static void explain_signal(struct inquiry *inquiry, int64_t number) {
    int64_t first = record_number(inquiry, "asked"), last = record_number(inquiry, "asked_last");
    if (number == SIGSYS) {
        explain_seccomp(inquiry);
    } else if (last == number) {
        explain_asked(inquiry, number, first);
    } else if (crash_meaning(number)) {
        explain_crash(inquiry, number);
    } else {
        inquiry->why->cause = "signal";
        why_say(inquiry,
                "Somebody on the host killed it with SIG%s: not hoy, and not the kernel for want of memory. "
                "The kernel keeps no record of who it was.",
                signal_word(number));
        why_advise(inquiry, "look for what kills processes there: scripts, earlyoom, systemd-oomd");
    }
}

// An end of its own

static bool has_init(const struct inquiry *inquiry) {
    return json_boolean(json_get(inquiry->record, "init"));
}

static void explain_exit(struct inquiry *inquiry) {
    int code = inquiry->container->exit_code;
    int64_t asked = record_number(inquiry, "asked");
    inquiry->why->cause = asked ? "stopped" : "exit";
    if (asked)
        why_say(inquiry, "It was asked to end with SIG%s, and ended by itself with the code %d.",
                signal_word(asked), code);
    else if (!code)
        why_say(inquiry, "It ended by itself, with success.");
    else
        why_say(inquiry, "Its command ended by itself with the code %d.", code);
    if (code > 128 && code < 128 + NSIG && sigabbrev_np(code - 128))
        why_say(inquiry, "That is what %s ends with when its own command was ended by SIG%s.",
                has_init(inquiry) ? "hoy's init, or a shell," : "a shell", signal_word(code - 128));
}

// Limits that did not end it, and may be why it ended.
static void explain_limits(struct inquiry *inquiry) {
    int64_t refused = record_number(inquiry, "pids_refused"), ran_us = record_number(inquiry, "ran_us"),
            waited_us = record_number(inquiry, "throttled_us");
    if (refused) {
        why_say(inquiry, "Its limit of processes refused a new one %lld time%s.", (long long)refused,
                refused > 1 ? "s" : "");
        why_advise(inquiry, "a larger --pids-limit, or fewer processes and threads");
    }
    if (waited_us > ran_us / 10) {
        why_say(inquiry, "Its processes waited %.3g seconds because their share of the CPUs was used up.",
                (double)waited_us / 1e6);
        why_advise(inquiry, "more --cpus");
    }
    if (!str_eq(inquiry->why->cause, "seccomp") && refused_call(inquiry)) {
        why_say(inquiry, "Its seccomp filter refused the system call %s.", refused_call(inquiry));
        why_advise(inquiry, "--security-opt seccomp=FILE with a profile that allows it");
    }
    if (*record_text(inquiry, "denial")) {
        why_say(inquiry, "A security module refused something: %s", record_text(inquiry, "denial"));
        why_advise(inquiry, "a profile that allows it (--security-opt apparmor=PROFILE or label=…)");
    }
    if (record_number(inquiry, "kernel_log"))
        why_say(inquiry, "The kernel's log could not be read (%s): what it says of this is not known.",
                strerror((int)record_number(inquiry, "kernel_log")));
}

static void explain_end(struct inquiry *inquiry) {
    const struct container *container = inquiry->container;
    int64_t number = record_number(inquiry, "signal");
    if (!str_empty(container->error)) { // what was found later: no shim said a word
        inquiry->why->cause = "lost";
        why_say(inquiry, WHY_LOST, container->error);
        return;
    }
    if (!number && has_init(inquiry) && crash_meaning(container->exit_code - 128))
        number = container->exit_code - 128;
    if (container->oom_killed)
        explain_oom(inquiry);
    else if (number)
        explain_signal(inquiry, number);
    else
        explain_exit(inquiry);
    explain_health(inquiry);
    explain_limits(inquiry);
}

static struct json *read_record(struct engine *engine, const char *id, const char *name) {
    struct json *record = NULL;
    _cleanup_(str_finish) struct str text = {0};
    if (exit_record_read(engine, id, name, &text) || json_parse(str_get(&text), text.len, &record))
        return NULL;
    return record;
}

// One that its policy starts again: the run before the one that is, or will be.
static void explain_restarts(struct inquiry *inquiry, struct container *container) {
    const char *count = arena_printf(inquiry->arena, "%lld time%s", (long long)container->restart_count,
                                     container->restart_count > 1 ? "s" : "");
    why_say(inquiry, "It %s; its restart policy (%s) has started it again %s. Its last run ended like this:",
            str_eq(container->state, "restarting") ? "is about to be started" : "runs",
            container->config.restart.name, count);
    if (!inquiry->record) return explain_end(inquiry); // found later: nobody wrote one
    container->exit_code = (int)record_number(inquiry, "status");
    container->oom_killed = record_number(inquiry, "oom") != 0;
    container->finished = record_number(inquiry, "exited_ns");
    explain_end(inquiry);
}

// What ended it by itself would have said why.
static void explain_silence(struct inquiry *inquiry) {
    if (!str_eq(inquiry->why->cause, "exit")) return;
    if (inquiry->container->exit_code == 127)
        why_say(inquiry,
                "That is what a shell ends with when a command is not there, and a loader when a library "
                "is not.");
    why_say(inquiry, "What it said is not known: its output was not kept (--log-driver none).");
    why_advise(inquiry, "run it once with another log driver");
}

void container_why(struct engine *engine, struct arena *arena, const struct container *container,
                   struct why *ret_why) {
    struct why why = {.cause = "running"};
    struct container before = *container;
    bool restarting = str_eq(container->state, "restarting");
    bool again = restarting || (str_eq(container->state, "running") && container->restart_count);
    const char *name = again && !restarting ? "exit.last" : "exit";
    _cleanup_(json_freep) struct json *record = read_record(engine, container->id, name);
    struct inquiry inquiry = {.arena = arena, .container = &before, .record = record, .why = &why};
    if (str_eq(container->state, "exited") || (again && (record || !str_empty(container->error)))) {
        again ? explain_restarts(&inquiry, &before) : explain_end(&inquiry);
        if (before.exit_code && log_driver_is(&before.config.log, "none"))
            explain_silence(&inquiry);
        else if (before.exit_code)
            why_read_output(&inquiry, engine);
        why_explain_output(&inquiry);
    } else if (str_eq(container->state, "created")) {
        explain_start(&inquiry);
    } else {
        why_say(&inquiry, "It has not ended.");
    }
    *ret_why = why;
}

bool why_of_event(struct arena *arena, const struct json *event, struct why *ret_why) {
    const struct json *actor = json_get(event, "Actor");
    struct why why = {.cause = "exit"};
    struct inquiry inquiry = {.arena = arena, .record = json_get(event, "Cause"), .why = &why};
    if (!inquiry.record) return false;
    struct container container = {
        .id = arena_strdup(arena, json_get_string(actor, "ID")),
        .name = arena_strdup(arena, json_get_string(json_get(actor, "Attributes"), "name")),
        .exit_code = (int)record_number(&inquiry, "status"),
        .oom_killed = record_number(&inquiry, "oom") != 0,
    };
    inquiry.container = &container;
    explain_end(&inquiry);
    *ret_why = why;
    return true;
}
