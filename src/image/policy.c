// SPDX-License-Identifier: Apache-2.0
#include "image/policy.h"

#include "base/fd.h"
#include "base/json.h"
#include "registry/base64.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX     (1u << 20)
#define PAYLOAD_TYPE "cosign container image signature"

struct reader {
    struct arena *arena;
    const char *file, *scope;
    struct err *err;
    bool aside; // the scope does not count: its keys are not read, and what is known may be unsupported
};

static _printf_(2, 3) int fail(struct reader *r, const char *format, ...) {
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return err_set(r->err, ERR_INVALID, 0, "%s: %s%s%s", r->file, r->scope ? r->scope : "",
                   r->scope ? ": " : "", what);
}

// Members that a document may have: everything else makes it one that is not understood.
struct members {
    const char *const *names;
    size_t count;
};

static int is_member(const char *key, const struct json *value, void *data) {
    const struct members *members = data;
    (void)value;
    for (size_t i = 0; i < members->count; i++)
        if (str_eq(key, members->names[i])) return 0;
    return -1;
}

static bool has_only(const struct json *json, const char *const *names, size_t count) {
    struct members members = {names, count};
    return json_is_object(json) && !json_each(json, is_member, &members);
}
#define HAS_ONLY(json, ...)                                \
    ({                                                     \
        static const char *const names_[] = {__VA_ARGS__}; \
        has_only(json, names_, ARRAY_SIZE(names_));        \
    })

// Requirements

static const struct {
    const char *name;
    enum policy_identity identity;
} identities[] = {
    {"matchRepoDigestOrExact", POLICY_REPOSITORY_DIGEST_OR_EXACT},
    {"matchExact", POLICY_EXACT},
    {"matchRepository", POLICY_REPOSITORY},
    {"exactReference", POLICY_EXACT_REFERENCE},
    {"exactRepository", POLICY_EXACT_REPOSITORY},
    {"remapIdentity", POLICY_REMAP},
};

static int read_identity(struct reader *r, const struct json *json, struct policy_requirement *requirement) {
    if (json_is_null(json)) return 0;
    const char *type = json_get_string(json, "type");
    size_t i = 0;
    while (i < ARRAY_SIZE(identities) && !str_eq(type, identities[i].name)) i++;
    if (i == ARRAY_SIZE(identities)) return fail(r, "the type of signedIdentity is unknown");
    requirement->identity = identities[i].identity;
    bool reference = requirement->identity == POLICY_EXACT_REFERENCE;
    bool repository = requirement->identity == POLICY_EXACT_REPOSITORY,
         remap = requirement->identity == POLICY_REMAP;
    bool known = reference    ? HAS_ONLY(json, "type", "dockerReference")
                 : repository ? HAS_ONLY(json, "type", "dockerRepository")
                 : remap      ? HAS_ONLY(json, "type", "prefix", "signedPrefix")
                              : HAS_ONLY(json, "type");
    requirement->reference =
        arena_strdup(r->arena, json_get_string(json, reference ? "dockerReference" : "dockerRepository"));
    requirement->prefix = arena_strdup(r->arena, json_get_string(json, "prefix"));
    requirement->signed_prefix = arena_strdup(r->arena, json_get_string(json, "signedPrefix"));
    bool whole = reference || repository ? requirement->reference != NULL
                 : remap                 ? requirement->prefix && requirement->signed_prefix
                                         : true;
    return known && whole ? 0 : fail(r, "signedIdentity lacks a member, or has one that is unknown");
}

static int add_key_data(struct reader *r, const char *data, struct strings *keys) {
    const char *key = base64_decode(r->arena, data, NULL);
    if (!key) return fail(r, "keyData is no base64 of a key");
    strings_add(r->arena, keys, key);
    return 0;
}

static int add_key_file(struct reader *r, const char *path, struct strings *keys) {
    _cleanup_(str_finish) struct str text = {0};
    int error = r->aside ? 0 : file_read_at(AT_FDCWD, path, FILE_MAX, &text);
    if (error)
        return err_set(r->err, ERR_INVALID, -error, "%s: %s: read the key %s", r->file, r->scope, path);
    strings_add(r->arena, keys, arena_strdup(r->arena, str_get(&text)));
    return 0;
}

static const struct {
    const char *name;
    bool list;
    int (*add)(struct reader *r, const char *text, struct strings *keys);
} key_members[] = {
    {"keyPath", false, add_key_file},
    {"keyPaths", true, add_key_file},
    {"keyData", false, add_key_data},
    {"keyDatas", true, add_key_data},
};

// One of the members, no more.
static int read_keys(struct reader *r, const struct json *json, struct strings *keys) {
    const char *given = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(key_members); i++) {
        const struct json *value = json_get(json, key_members[i].name);
        if (json_is_null(value)) continue;
        if (given) return fail(r, "sigstoreSigned has both %s and %s", given, key_members[i].name);
        given = key_members[i].name;
        size_t count = key_members[i].list ? json_length(value) : 1;
        for (size_t j = 0; j < count; j++) {
            const char *text = json_string(key_members[i].list ? json_at(value, j) : value);
            if (!text) return fail(r, "%s holds something that is no string", given);
            if (key_members[i].add(r, text, keys)) return -1;
        }
    }
    return keys->count ? 0 : fail(r, "sigstoreSigned wants a key: keyPath, keyPaths, keyData or keyDatas");
}

static int refuse_keyless(const char *key, const struct json *value, void *data) {
    static const char *const names[] = {"fulcio",
                                        "pki",
                                        "rekorPublicKeyPath",
                                        "rekorPublicKeyPaths",
                                        "rekorPublicKeyData",
                                        "rekorPublicKeyDatas"};
    struct reader *r = data;
    (void)value;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(key, names[i]))
            return fail(r, "sigstoreSigned with %s is not supported: use keyPath or keyData", key);
    return 0;
}

static int read_sigstore(struct reader *r, const struct json *json, struct policy_requirement *requirement) {
    requirement->kind = POLICY_SIGSTORE;
    if (json_each(json, refuse_keyless, r)) return r->aside ? 0 : -1;
    if (!HAS_ONLY(json, "type", "keyPath", "keyPaths", "keyData", "keyDatas", "signedIdentity"))
        return fail(r, "sigstoreSigned has a member that is unknown");
    return read_keys(r, json, &requirement->keys) ||
           read_identity(r, json_get(json, "signedIdentity"), requirement);
}

static int read_requirement(struct reader *r, const struct json *json,
                            struct policy_requirement *requirement) {
    const char *type = json_get_string(json, "type");
    if (str_eq(type, "sigstoreSigned")) return read_sigstore(r, json, requirement);
    if (str_eq(type, "signedBy") || str_eq(type, "signedBaseLayer")) {
        if (r->aside) return 0;
        return fail(r, "%s is not supported: use sigstoreSigned, or another scope for this image",
                    str_eq(type, "signedBy") ? "signedBy (GPG)" : type);
    }
    bool accept = str_eq(type, "insecureAcceptAnything");
    if (!accept && !str_eq(type, "reject"))
        return fail(r, "the requirement's type \"%.80s\" is unknown", type ? type : "");
    if (!HAS_ONLY(json, "type")) return fail(r, "%s has a member that is unknown", type);
    requirement->kind = accept ? POLICY_ACCEPT : POLICY_REJECT;
    return 0;
}

static int read_requirements(struct reader *r, const struct json *json, struct policy_requirements *result) {
    if (!json_length(json)) return fail(r, "it is no list of requirements, or an empty one");
    for (size_t i = 0; i < json_length(json); i++)
        if (read_requirement(r, json_at(json, i), arena_push(r->arena, result))) return -1;
    result->scope = r->scope;
    return 0;
}

// Scopes: the name with its tag or digest, its repository, what that is below of, the host, the host's
// domains.

static const struct json *of_domain(struct reader *r, const struct json *scopes, const char *domain) {
    const char *host = arena_strndup(r->arena, domain, strcspn(domain, ":")); // whatever its port
    for (const char *dot = strchr(host, '.'); dot; dot = strchr(dot + 1, '.')) {
        r->scope = arena_printf(r->arena, "*%s", dot);
        const struct json *found = json_get(scopes, r->scope);
        if (found) return found;
    }
    return NULL;
}

static const struct json *of_scope(struct reader *r, const struct json *scopes,
                                   const struct reference *reference) {
    r->scope = reference_full(r->arena, reference);
    const struct json *found = json_get(scopes, r->scope);
    char *scope = arena_strdup(r->arena, reference_repository(r->arena, reference));
    for (char *slash = scope; !found && slash;) {
        r->scope = scope;
        found = json_get(scopes, scope);
        if (!found && (slash = strrchr(scope, '/'))) *slash = 0;
    }
    if (!found) found = of_domain(r, scopes, reference->domain);
    if (!found) r->scope = "docker", found = json_get(scopes, "");
    return found;
}

const char *policy_file(struct arena *arena) {
    const char *home = getenv("HOME");
    const char *own = arena_printf(arena, "%s/.config/containers/policy.json", home ? home : "");
    bool absent = !home || (access(own, F_OK) && (errno == ENOENT || errno == ENOTDIR));
    return absent ? "/etc/containers/policy.json" : own;
}

// All of the file has to be understood, also what is about other images.

static int look_at_scope(const char *scope, const struct json *json, void *data) {
    struct reader *r = data;
    struct policy_requirements unused = {0};
    r->scope = *scope ? scope : "a transport";
    return read_requirements(r, json, &unused);
}

static int look_at_transport(const char *name, const struct json *json, void *data) {
    (void)name;
    return json_is_object(json) ? json_each(json, look_at_scope, data)
                                : fail(data, "\"transports\" is no object of objects");
}

static int look_at_all(struct reader *r, const struct json *json) {
    const struct json *transports = json_get(json, "transports");
    r->aside = true;
    if (transports && !json_is_object(transports)) return fail(r, "\"transports\" is no object of objects");
    if (json_each(transports, look_at_transport, r) ||
        look_at_scope("the default", json_get(json, "default"), r))
        return -1;
    r->aside = false;
    return 0;
}

// reference NULL: the transport has no scopes but the empty one.
static int read_policy(struct reader *r, const struct json *json, const char *transport,
                       const struct reference *reference, struct policy_requirements *result) {
    if (!HAS_ONLY(json, "default", "transports"))
        return fail(r, "it is no JSON object with \"default\" and \"transports\"");
    if (look_at_all(r, json)) return -1;
    const struct json *scopes = json_get(json_get(json, "transports"), transport);
    const struct json *found = !scopes     ? NULL
                               : reference ? of_scope(r, scopes, reference)
                                           : json_get(scopes, "");
    if (found && !reference) r->scope = transport;
    if (!found) r->scope = "the default", found = json_get(json, "default");
    return read_requirements(r, found, result);
}

static int read_file(struct arena *arena, const char *file, const char *transport,
                     const struct reference *reference, struct policy_requirements *ret_requirements,
                     struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    struct policy_requirements result = {0};
    struct reader reader = {.arena = arena, .file = file, .err = err};
    int r = file_read_at(AT_FDCWD, file, FILE_MAX, &text);
    if (r == -ENOENT) {
        *arena_push(arena, &result) = (struct policy_requirement){.kind = POLICY_ACCEPT};
        *ret_requirements = result;
        return 0;
    }
    if (r) return err_set(err, ERR_SYSTEM, -r, "read %s", file);
    if (json_parse(text.data, text.len, &json)) return fail(&reader, "it is no JSON");
    if (json_has_repeated_keys(json)) return fail(&reader, "it has a key twice in one object");
    if (read_policy(&reader, json, transport, reference, &result)) return -1;
    *ret_requirements = result;
    return 0;
}

int policy_read(struct arena *arena, const char *file, const struct reference *reference,
                struct policy_requirements *ret_requirements, struct err *err) {
    return read_file(arena, file, "docker", reference, ret_requirements, err);
}

int policy_check_local(const char *transport, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct policy_requirements requirements = {0};
    const char *file = policy_file(&arena);
    if (read_file(&arena, file, transport, NULL, &requirements, err)) return -1;
    for (size_t i = 0; i < requirements.count; i++)
        if (requirements.items[i].kind != POLICY_ACCEPT)
            return err_set(err, ERR_UNAUTHORIZED, 0, "%s %s (%s)", file,
                           requirements.items[i].kind == POLICY_REJECT ? "rejects it"
                                                                       : "wants it signed, which it can't be",
                           requirements.scope);
    return 0;
}

// Signatures

// Beginning with the prefix, which ends where a part of the name does.
static const char *after_prefix(const char *name, const char *prefix) {
    const char *rest = str_after(name, prefix);
    return rest && (!*rest || strchr("/:@", *rest)) ? rest : NULL;
}

// The reference under the name that the signer knows it by.
static const char *remapped(struct arena *arena, const struct policy_requirement *requirement,
                            const char *name) {
    const char *rest = requirement->identity == POLICY_REMAP ? after_prefix(name, requirement->prefix) : NULL;
    return rest ? arena_printf(arena, "%s%s", requirement->signed_prefix, rest) : name;
}

static bool is_named(struct arena *arena, const struct policy_requirement *requirement,
                     const struct reference *reference, const char *claimed) {
    struct reference signed_one, exact;
    struct err ignored;
    if (reference_parse(arena, claimed, &signed_one, &ignored)) return false;
    const char *last = strrchr(claimed, '/'), *repository = reference_repository(arena, &signed_one);
    bool tagged = strpbrk(last ? last : claimed, ":@"); // else "latest" was put in, which nobody signed
    const char *own = remapped(arena, requirement, reference_repository(arena, reference));
    switch (requirement->identity) {
    case POLICY_REPOSITORY: return str_eq(repository, own);
    case POLICY_EXACT_REPOSITORY:
        return !reference_parse(arena, requirement->reference, &exact, &ignored) &&
               str_eq(repository, reference_repository(arena, &exact));
    case POLICY_EXACT_REFERENCE:
        return tagged && !reference_parse(arena, requirement->reference, &exact, &ignored) &&
               str_eq(reference_full(arena, &signed_one), reference_full(arena, &exact));
    case POLICY_REPOSITORY_DIGEST_OR_EXACT:
    case POLICY_REMAP:
        if (reference->digest) return str_eq(repository, own);
        break;
    case POLICY_EXACT: break;
    }
    return tagged && str_eq(reference_full(arena, &signed_one),
                            remapped(arena, requirement, reference_full(arena, reference)));
}

int policy_check_payload(const struct policy_requirement *requirement, const struct reference *reference,
                         const char *manifest_digest, const char *payload, size_t size, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(json_freep) struct json *json = NULL;
    const struct json *critical = NULL, *image = NULL, *identity = NULL;
    bool parsed = !json_parse(payload, size, &json) && HAS_ONLY(json, "critical", "optional");
    if (parsed) {
        critical = json_get(json, "critical");
        image = json_get(critical, "image");
        identity = json_get(critical, "identity");
    }
    if (!critical || !HAS_ONLY(critical, "type", "image", "identity") ||
        !HAS_ONLY(image, "docker-manifest-digest") || !HAS_ONLY(identity, "docker-reference") ||
        !str_eq(json_get_string(critical, "type"), PAYLOAD_TYPE))
        return err_set(err, ERR_INVALID, 0, "a signature is of a form that is unknown");
    const char *digest = json_get_string(image, "docker-manifest-digest");
    if (!str_eq(digest, manifest_digest))
        return err_set(err, ERR_INVALID, 0, "a signature is of another image, %.80s", digest ? digest : "");
    const char *claimed = json_get_string(identity, "docker-reference");
    if (claimed && is_named(&arena, requirement, reference, claimed)) return 0;
    return err_set(err, ERR_INVALID, 0, "a signature is of an image called %.200s", claimed ? claimed : "");
}
