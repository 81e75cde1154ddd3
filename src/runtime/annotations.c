// SPDX-License-Identifier: Apache-2.0
// crun's annotations, which its callers (Podman) write whatever the runtime is. Each is honoured where it
// belongs or refused here by its name: one that is passed over may be less confinement than was asked for.
#include "runtime/compile_parts.h"

// What asks for nothing is no reason to refuse a container.
static bool asks(const char *value) {
    return !str_empty(value) && !str_eq(value, "0") && !str_eq(value, "false");
}

static const struct {
    const char *name, *instead;
} refused[] = {
    {"run.oci.handler", "a program for WASM or a virtual machine is not this runtime's"},
    {"run.oci.seccomp.plugins", "give the agent's socket, as linux.seccomp.listenerPath"},
    {"run.oci.seccomp_bpf_data", "give the filter as linux.seccomp"},
    {"run.oci.seccomp_fail_unknown_syscall", "rules about system calls that nobody knows are passed over"},
    {"run.oci.systemd.force_cgroup_v1", "mount the hierarchy from the host, as a bind"},
    {"run.oci.systemd.subgroup", "for a group below the scope there is run.oci.delegate-cgroup"},
};

bool compile_keeps_groups(const struct spec *spec) {
    return str_eq(spec_annotation(spec, "run.oci.keep_original_groups"), "1");
}

const char *compile_label_word(const struct spec *spec) {
    const char *word = spec_annotation(spec, "run.oci.mount_context_type");
    return str_empty(word) ? "context" : word;
}

static int check_label_word(struct compiler *c) {
    static const char *const words[] = {"context", "fscontext", "defcontext", "rootcontext"};
    const char *word = compile_label_word(c->spec);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_eq(word, words[i])) return 0;
    return err_set(c->err, ERR_INVALID, 0,
                   "annotation run.oci.mount_context_type: \"%.60s\" is none of context, fscontext, "
                   "defcontext and rootcontext",
                   word);
}

int compile_check_annotations(struct compiler *c) {
    if (!c->spec->annotations.count) return 0;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        if (asks(spec_annotation(c->spec, refused[i].name)))
            return err_set(c->err, ERR_INVALID, 0, "annotation %s is not supported: %s", refused[i].name,
                           refused[i].instead);
    return check_label_word(c);
}
