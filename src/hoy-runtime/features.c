// SPDX-License-Identifier: Apache-2.0
// features: what this runtime does, in the form of the runtime specification (features.md,
// features-linux.md). The lists are the tables that config.json is read by.
#include "hoy-runtime/commands.h"
#include "oci/spec.h"
#include "oci/words.h"
#include "runtime/seccomp.h"

#include <stdio.h>

static void put_list(struct json_writer *w, const char *key, const char *const *words) {
    json_begin_array(w, key);
    for (; *words; words++) json_put_string(w, NULL, *words);
    json_end_array(w);
}

static void put_words(struct json_writer *w, const char *key, const struct field_word *words) {
    json_begin_array(w, key);
    for (; words->word; words++) json_put_string(w, NULL, words->word);
    json_end_array(w);
}

static void put_enabled(struct json_writer *w, const char *key) {
    json_begin_object(w, key);
    json_put_bool(w, "enabled", true);
    json_end_object(w);
}

static void put_cgroup(struct json_writer *w) {
    json_begin_object(w, "cgroup");
    json_put_bool(w, "v1", true);
    json_put_bool(w, "v2", true);
    json_put_bool(w, "systemd", true);
    json_put_bool(w, "systemdUser", true);
    json_put_bool(w, "rdma", true);
    json_end_object(w);
}

static bool compiles(const struct spec_seccomp *seccomp) {
    _cleanup_(freep) void *program = NULL;
    struct err ignored;
    return !seccomp_compile(seccomp, (struct seccomp_program **)&program, &ignored);
}

static bool takes_action(const char *word) {
    struct spec_syscall_rule rule = {
        .names = {(const char *[]){"reboot"}, 1}, .action = word, .errno_ret = -1};
    // A rule that says what is done anyway is none.
    const char *otherwise = str_eq(word, "SCMP_ACT_ALLOW") ? "SCMP_ACT_ERRNO" : "SCMP_ACT_ALLOW";
    return compiles(&(struct spec_seccomp){.default_action = otherwise,
                                           .default_errno_ret = -1,
                                           .listener_path = "/", // for SCMP_ACT_NOTIFY
                                           .syscalls = {&rule, 1}});
}

static bool takes_architecture(const char *word) {
    return compiles(&(struct spec_seccomp){
        .default_action = "SCMP_ACT_ALLOW", .default_errno_ret = -1, .architectures = {&word, 1}});
}

static bool takes_flag(const char *word) {
    return compiles(&(struct spec_seccomp){
        .default_action = "SCMP_ACT_ALLOW", .default_errno_ret = -1, .flags = {&word, 1}});
}

static void put_taken(struct json_writer *w, const char *key, const struct field_word *words,
                      bool (*taken)(const char *word)) {
    json_begin_array(w, key);
    for (; words->word; words++)
        if (taken(words->word)) json_put_string(w, NULL, words->word);
    json_end_array(w);
}

// libseccomp may be older than the specification.
static void put_seccomp(struct json_writer *w) {
    json_begin_object(w, "seccomp");
    json_put_bool(w, "enabled", true);
    put_taken(w, "actions", words_seccomp_actions, takes_action);
    put_words(w, "operators", words_seccomp_operators);
    put_taken(w, "archs", words_seccomp_architectures, takes_architecture);
    put_words(w, "knownFlags", words_seccomp_flags);
    put_taken(w, "supportedFlags", words_seccomp_flags, takes_flag);
    json_end_object(w);
}

static void put_rdt(struct json_writer *w) {
    json_begin_object(w, "intelRdt");
    json_put_bool(w, "enabled", true);
    json_put_bool(w, "schemata", true);
    json_put_bool(w, "monitoring", true);
    json_end_object(w);
}

static void put_memory_policy(struct json_writer *w) {
    json_begin_object(w, "memoryPolicy");
    put_words(w, "modes", words_memory_modes);
    put_words(w, "flags", words_memory_flags);
    json_end_object(w);
}

static void put_linux(struct json_writer *w) {
    json_begin_object(w, "linux");
    put_words(w, "namespaces", words_namespace_types);
    put_words(w, "capabilities", words_capabilities);
    put_cgroup(w);
    put_seccomp(w);
    put_enabled(w, "apparmor");
    put_enabled(w, "selinux");
    put_rdt(w);
    put_memory_policy(w);
    json_begin_object(w, "mountExtensions");
    put_enabled(w, "idmap");
    json_end_object(w);
    put_enabled(w, "netDevices");
    json_end_object(w);
}

static void put_annotations(struct json_writer *w) {
    json_begin_object(w, "annotations");
    json_put_string(w, "io.github.seccomp.libseccomp.version", runtime_seccomp_version());
    json_put_string(w, "hoy.version", HOY_VERSION);
    json_end_object(w);
}

int run_features(struct invocation *invocation, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {.indent = 2};
    (void)invocation, (void)err;
    json_begin_object(&w, NULL);
    json_put_string(&w, "ociVersionMin", "1.0.0");
    json_put_string(&w, "ociVersionMax", "1.3.0");
    put_list(&w, "hooks",
             (const char *const[]){"prestart", "createRuntime", "createContainer", "startContainer",
                                   "poststart", "poststop", NULL});
    put_list(&w, "mountOptions", mount_option_words);
    put_linux(&w);
    put_annotations(&w);
    // What they say reaches systemd, CRIU, the cgroups, files and sockets of the host, or the groups of the
    // caller.
    put_list(&w, "potentiallyUnsafeConfigAnnotations",
             (const char *const[]){"org.systemd.property.", "org.criu.config", "run.oci.delegate-cgroup",
                                   "run.oci.hooks.stderr", "run.oci.hooks.stdout",
                                   "run.oci.keep_original_groups", "run.oci.mount_context_type",
                                   "run.oci.pidfd_receiver", "run.oci.seccomp.receiver", NULL});
    json_end_object(&w);
    puts(str_get(&w.text));
    return 0;
}
