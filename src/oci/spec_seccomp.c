// SPDX-License-Identifier: Apache-2.0
// linux.seccomp.
#include "oci/field_rows.h"
#include "oci/spec_parts.h"
#include "oci/words.h"

#include <stdio.h>

const struct field spec_seccomp_arg_fields[] = {
    NUMBER(spec_seccomp_arg, "index", index, .required = true, .max = 5),
    NUMBER(spec_seccomp_arg, "value", value, .required = true),
    NUMBER(spec_seccomp_arg, "valueTwo", value_two),
    {"op", FIELD_WORD, AT(spec_seccomp_arg, op), .required = true, .words = words_seccomp_operators},
    END,
};

#define ERRNO_MAX 4095  // the kernel makes no more of an errno
#define TRACE_MAX 65535 // what a tracer gets
static const struct spec_syscall_rule default_errno = {.errno_ret = -1};
static const struct field seccomp_rule_fields[] = {
    STRINGS(spec_syscall_rule, "names", names, .required = true),
    STRING(spec_syscall_rule, "action", action, .required = true, .words = words_seccomp_actions),
    NUMBER(spec_syscall_rule, "errnoRet", errno_ret, .min = -1, .max = TRACE_MAX),
    LIST(spec_syscall_rule, "args", args, spec_seccomp_arg, spec_seccomp_arg_fields),
    END,
};

const struct spec_seccomp spec_seccomp_default = {.default_errno_ret = -1};
const struct field spec_seccomp_fields[] = {
    STRING(spec_seccomp, "defaultAction", default_action, .required = true, .words = words_seccomp_actions),
    NUMBER(spec_seccomp, "defaultErrnoRet", default_errno_ret, .min = -1, .max = TRACE_MAX),
    STRINGS(spec_seccomp, "architectures", architectures, .words = words_seccomp_architectures),
    STRINGS(spec_seccomp, "flags", flags, .words = words_seccomp_flags),
    LIST(spec_seccomp, "syscalls", syscalls, spec_syscall_rule, seccomp_rule_fields,
         .defaults = &default_errno),
    STRING(spec_seccomp, "listenerPath", listener_path),
    STRING(spec_seccomp, "listenerMetadata", listener_metadata),
    END,
};

// Only two actions have a number to give back; with another one it would be lost without a word.
static int check_errno(const char *action, int number, const char *path, struct err *err) {
    bool is_errno = str_eq(action, "SCMP_ACT_ERRNO");
    if (number < 0 || str_eq(action, "SCMP_ACT_TRACE")) return 0;
    if (!is_errno) return invalid(err, "%s: the action %s has no number to return", path, action);
    if (number > ERRNO_MAX) return invalid(err, "%s must be at most %d", path, ERRNO_MAX);
    return 0;
}

static int check_rule(const struct spec_seccomp *seccomp, size_t i, struct err *err) {
    const struct spec_syscall_rule *rule = &seccomp->syscalls.items[i];
    char path[64];
    if (!rule->names.count) return invalid(err, "linux.seccomp.syscalls[%zu].names is empty", i);
    if (str_eq(rule->action, "SCMP_ACT_NOTIFY") && str_empty(seccomp->listener_path))
        return invalid(
            err, "linux.seccomp.syscalls[%zu].action: SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath", i);
    snprintf(path, sizeof path, "linux.seccomp.syscalls[%zu].errnoRet", i);
    return check_errno(rule->action, rule->errno_ret, path, err);
}

int spec_seccomp_check(const struct spec_seccomp *seccomp, struct err *err) {
    if (str_eq(seccomp->default_action, "SCMP_ACT_NOTIFY") && str_empty(seccomp->listener_path))
        return invalid(err, "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath");
    if (!str_empty(seccomp->listener_metadata) && str_empty(seccomp->listener_path))
        return invalid(err, "linux.seccomp.listenerMetadata needs linux.seccomp.listenerPath");
    if (check_errno(seccomp->default_action, seccomp->default_errno_ret, "linux.seccomp.defaultErrnoRet",
                    err) < 0)
        return -1;
    for (size_t i = 0; i < seccomp->syscalls.count; i++) {
        if (check_rule(seccomp, i, err) < 0) return -1;
    }
    return 0;
}

int spec_seccomp_parse(struct arena *arena, const struct json *json, struct spec_seccomp **ret_seccomp,
                       struct err *err) {
    struct spec_seccomp *seccomp = arena_memdup(arena, &spec_seccomp_default, sizeof *seccomp);
    const struct fields_part part = {.json = json, .path = "linux.seccomp"};
    if (fields_read_part(arena, spec_seccomp_fields, &part, seccomp, err) < 0 ||
        spec_seccomp_check(seccomp, err) < 0)
        return -1;
    *ret_seccomp = seccomp;
    return 0;
}

void spec_seccomp_write(const struct spec_seccomp *seccomp, struct json_writer *writer) {
    fields_write(spec_seccomp_fields, seccomp, &spec_seccomp_default, writer);
}
