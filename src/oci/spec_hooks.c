// SPDX-License-Identifier: Apache-2.0
// hooks.
#include "oci/field_rows.h"
#include "oci/spec_parts.h"

static const struct field hook_fields[] = {
    STRING(spec_hook, "path", path, .required = true),
    STRINGS(spec_hook, "args", args),
    STRINGS(spec_hook, "env", env),
    NUMBER(spec_hook, "timeout", timeout_s, .min = 1, .max = INT64_MAX),
    END,
};

#define HOOKS(name, member) LIST(spec_hooks, name, member, spec_hook, hook_fields)
const struct field spec_hooks_fields[] = {
    HOOKS("prestart", prestart),
    HOOKS("createRuntime", create_runtime),
    HOOKS("createContainer", create_container),
    HOOKS("startContainer", start_container),
    HOOKS("poststart", poststart),
    HOOKS("poststop", poststop),
    END,
};

static int check_hooks(const struct spec_hook_list *hooks, const char *name, struct err *err) {
    for (size_t i = 0; i < hooks->count; i++) {
        if (!is_absolute(hooks->items[i].path))
            return invalid(err, "hooks.%s[%zu].path must be an absolute path", name, i);
    }
    return 0;
}

int spec_hooks_check(const struct spec_hooks *hooks, struct err *err) {
    const struct {
        const struct spec_hook_list *list;
        const char *name;
    } lists[] = {
        {&hooks->prestart, "prestart"},
        {&hooks->create_runtime, "createRuntime"},
        {&hooks->create_container, "createContainer"},
        {&hooks->start_container, "startContainer"},
        {&hooks->poststart, "poststart"},
        {&hooks->poststop, "poststop"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        if (check_hooks(lists[i].list, lists[i].name, err) < 0) return -1;
    }
    return 0;
}
