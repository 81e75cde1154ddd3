// SPDX-License-Identifier: Apache-2.0
// run, create and start: what begins a container's life.
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/ensure.h"
#include "cli/session.h"
#include "cli/settings.h"
#include "plan/explain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct run_options {
    struct settings settings; // first: its own rows count from here
    bool detach, explain, no_proxy;
    const char *detach_keys;
};

#define AT(member) offsetof(struct run_options, member)

static const struct option run_rows[] = {
    {"detach", 'd', NULL, "Run container in background and print container ID", store_flag, AT(detach)},
    {"detach-keys", 0, "string", "Override the key sequence for detaching a container", store_detach_keys,
     AT(detach_keys)},
    {"explain", 0, NULL, "Print every step that made the container, with its time and its cause", store_flag,
     AT(explain)},
    {"sig-proxy", 0, NULL, "Proxy received signals to the process (default true)", store_off, AT(no_proxy)},
};
const struct option_table run_options_table = OPTIONS(run_rows, struct run_options);

// --cidfile: made before the container, so that two of one name can't both go on.
static int open_cidfile(const char *path, int *ret_fd, struct err *err) {
    if (str_empty(path)) return 0;
    int fd = fd_open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd == -EEXIST)
        return err_set(err, ERR_CONFLICT, 0,
                       "container ID file found, make sure the other container isn't running or delete %s",
                       path);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "failed to create the container ID file: open %s", path);
    *ret_fd = fd;
    return 0;
}

// Finds the image and makes the container: container_create or container_begin.
typedef int make_container(struct engine *engine, struct arena *arena, const struct container_config *config,
                           const char *name, struct container *ret_container, struct err *err);
static int create_container(struct invocation *invocation, struct engine *engine, struct settings *settings,
                            make_container *make, struct container *ret_container, struct err *err) {
    _cleanup_(fd_closep) int cidfile = -1;
    struct image image;
    if (open_cidfile(settings->cidfile, &cidfile, err) < 0) return -1;
    int r = image_ensure(engine, &invocation->arena, settings, &image, err);
    if (r >= 0) {
        session_hold_signals();
        r = make(engine, &invocation->arena, &settings->config, settings->name, ret_container, err);
        for (size_t i = 0; r >= 0 && i < ret_container->warnings.count; i++)
            fprintf(stderr, "WARNING: %s\n", ret_container->warnings.items[i]);
    }
    if (cidfile < 0) return r;
    if (r < 0)
        unlink(settings->cidfile);
    else if (fd_write_all(cidfile, ret_container->id, strlen(ret_container->id)) < 0)
        return err_set(err, ERR_SYSTEM, errno, "write container ID file %s", settings->cidfile);
    return r;
}

static int create(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct container container;
    if (create_container(invocation, engine, invocation->options, container_create, &container, err) < 0)
        return -1;
    puts(container.id);
    return 0;
}

int run_create(struct invocation *invocation, struct err *err) {
    if (settings_finish(invocation, false, err) < 0) return -1;
    return cli_with_engine(invocation, create, err);
}

// A container that --rm would have removed at its end, but that never came to run.
static void discard(struct engine *engine, const struct container *container) {
    struct err ignored;
    if (container->auto_remove) container_remove(engine, container, true, &ignored);
}

static int start_detached(struct engine *engine, const struct container *container,
                          const struct start_options *options, struct err *err) {
    struct plan_block *block = NULL;
    int r = container_start(engine, container, options, NULL, options->explain ? &block : NULL, err);
    if (block) {
        plan_explain(block, stderr);
        plan_unmap(block);
    }
    return r;
}

static int start_attached(struct engine *engine, const struct container *container,
                          const struct start_options *options, const struct session *session,
                          struct err *err) {
    _cleanup_(fd_closep) int client = -1;
    struct plan_block *block = NULL;
    if (container_start(engine, container, options, &client, options->explain ? &block : NULL, err) < 0)
        return -1;
    int code = session_container(engine, container, client, session, block, err);
    if (block) plan_unmap(block);
    return code;
}

static int start(struct engine *engine, const struct container *container, const struct run_options *run,
                 const struct session *session, struct err *err) {
    struct start_options options = {.explain = run->explain};
    session_size(&options.rows, &options.columns);
    if (!run->detach) return start_attached(engine, container, &options, session, err);
    puts(container->id); // also of one that can't be started: it is there
    return start_detached(engine, container, &options, err);
}

static int run(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct run_options *options = invocation->options;
    const struct container_config *config = &options->settings.config;
    struct container container;
    struct session session = {.tty = config->tty,
                              .send_stdin = config->attach_stdin,
                              .no_stdout = !config->attach_stdout,
                              .no_stderr = !config->attach_stderr,
                              .proxy_signals = !options->no_proxy,
                              .detach_keys = options->detach_keys};
    if (session_check_terminal(&session, err) < 0) {
        invocation->failure = 1;
        return -1;
    }
    if (create_container(invocation, engine, &options->settings, container_begin, &container, err) < 0)
        return -1;
    int code = start(engine, &container, options, &session, err);
    if (code < 0) discard(engine, &container);
    return code;
}

int run_run(struct invocation *invocation, struct err *err) {
    const struct run_options *options = invocation->options;
    if (settings_finish(invocation, options->detach, err) < 0) return -1;
    return cli_with_engine(invocation, run, err);
}

// start

struct start_flags {
    bool attach, interactive;
    const char *detach_keys;
};

#define FROM_A_CHECKPOINT "hoy-runtime restore continues a container from one"

static const struct option start_rows[] = {
    {"attach", 'a', NULL, "Attach STDOUT/STDERR and forward signals", store_flag,
     offsetof(struct start_flags, attach)},
    {"detach-keys", 0, "string", "Override the key sequence for detaching a container", store_detach_keys,
     offsetof(struct start_flags, detach_keys)},
    {"interactive", 'i', NULL, "Attach container's STDIN", store_flag,
     offsetof(struct start_flags, interactive)},
    OPTION_REFUSED("checkpoint", 0, FROM_A_CHECKPOINT),
    OPTION_REFUSED("checkpoint-dir", 0, FROM_A_CHECKPOINT),
};
const struct option_table start_options_table = OPTIONS(start_rows, struct start_flags);

static int check_paused(const struct container *container, struct err *err) {
    if (!container->paused) return 0;
    return err_set(err, ERR_CONFLICT, 0, "cannot start a paused container, try unpause instead");
}

static int start_one(struct invocation *invocation, struct engine *engine, const char *name,
                     struct err *err) {
    struct container container;
    struct start_options options = {0};
    session_size(&options.rows, &options.columns);
    if (container_find(engine, &invocation->arena, name, &container, err) < 0 ||
        check_paused(&container, err) < 0)
        return -1;
    if (!container_runs(&container) && start_detached(engine, &container, &options, err) < 0) return -1;
    puts(name);
    return 0;
}

// One that runs already is attached to.
static int join(struct engine *engine, const struct container *container, struct session *session,
                struct err *err) {
    _cleanup_(fd_closep) int client = -1;
    session->joins = true;
    if (container_attach(engine, container, &client, err)) return -1;
    container_event(engine, container, "attach", NULL);
    return session_container(engine, container, client, session, NULL, err);
}

static int start_and_attach(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct start_flags *flags = invocation->options;
    struct container container;
    if (container_find(engine, &invocation->arena, invocation->arguments.items[0], &container, err) < 0 ||
        check_paused(&container, err) < 0)
        return -1;
    struct session session = {.tty = container.config.tty,
                              .send_stdin = flags->interactive && container.config.open_stdin,
                              .proxy_signals = true,
                              .detach_keys = flags->detach_keys};
    struct start_options options = {0};
    session_size(&options.rows, &options.columns);
    if (session_check_terminal(&session, err) < 0) return -1;
    session_hold_signals();
    if (str_eq(container.state, "running")) return join(engine, &container, &session, err);
    int code = start_attached(engine, &container, &options, &session, err);
    return code < 0 ? cli_plain_failure(err) : code;
}

int run_start(struct invocation *invocation, struct err *err) {
    const struct start_flags *flags = invocation->options;
    if (!flags->attach && !flags->interactive) return cli_for_each(invocation, start_one, err);
    if (invocation->arguments.count > 1)
        return err_set(err, ERR_INVALID, 0, "you cannot start and attach multiple containers at once");
    return cli_with_engine(invocation, start_and_attach, err);
}
