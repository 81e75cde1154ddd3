// SPDX-License-Identifier: Apache-2.0
// The layers of an image become directories, each in a process of its own (unpack/extract.h), as many at once
// as there are CPUs. hoy names them one by one, as their tars begin to grow in the staging directory.
//
// What is wrong with a tar is told when its bytes are known to be what they should be: if they are not, the
// worker that writes them finds that out, which says more. What this machine lacks is told at once.
#include "unpack/extract.h"
#include "base/fd.h"
#include "base/id.h"
#include "fetch/layer.h"
#include "fetch/worker.h"
#include "unpack/cover.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOBS_MAX 4096

enum state { WAITS, RUNS, ENDED };

struct job {
    const char *diff_id;
    enum state state;
    int grown;     // -1: the tar is complete
    bool verified; // hoy says so
    struct extract extract;
    struct err err;
};

struct extractor {
    struct worker *worker;
    struct arena arena;
    struct {
        struct job *items;
        size_t count;
    } jobs;
    size_t running, most;
    bool complete; // hoy names no more
};

static size_t cpu_count(void) {
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    return count > 1 ? (size_t)count : 1;
}

// Jobs

static int job_fail(struct job *job, int r, const char *what) {
    err_set(&job->err, ERR_SYSTEM, -r, "%s", what);
    return -1;
}

static int directory_make(const struct extractor *x, struct job *job) {
    const char *name = digest_hex(job->diff_id);
    int r = dir_remove_all_at(x->worker->staging, name); // of a try before
    if (!r && mkdirat(x->worker->staging, name, 0755)) r = -errno;
    return r ? job_fail(job, r, "can't make a directory")
             : fd_open_at(x->worker->staging, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

static int job_begin(const struct extractor *x, struct job *job) {
    char name[LAYER_NAME_SIZE];
    struct stat st;
    _cleanup_(fd_closep) int target = directory_make(x, job);
    if (job->err.kind) return -1;
    _cleanup_(fd_closep) int tar =
        fd_open_at(x->worker->staging, layer_name(job->diff_id, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (tar < 0 || target < 0) return job_fail(job, tar < 0 ? tar : target, "can't open a staged layer");
    if (fstat(tar, &st) || !S_ISREG(st.st_mode)) return job_fail(job, -EINVAL, "a staged layer is no file");
    const struct extract_job what = {tar, job->grown, target};
    int r = extract_start(&what, &job->extract, &job->err);
    fd_closep(&job->grown);
    return r;
}

static void job_judge(struct extractor *x, const struct job *job) {
    if (job->err.kind == ERR_SYSTEM || (job->err.kind && job->verified)) worker_fail(x->worker, &job->err);
}

// What the directory is has to be known to whoever looks whether it still is.
static void job_tell(struct extractor *x, struct job *job) {
    char name[ID_SIZE + sizeof STAGED_MADE];
    snprintf(name, sizeof name, "%s" STAGED_MADE, digest_hex(job->diff_id));
    (void)worker_write(x->worker, name, job->extract.made, strlen(job->extract.made), &job->err);
}

static void job_end(struct extractor *x, struct job *job) {
    x->running -= job->state == RUNS;
    job->state = ENDED;
    if (!job->err.kind) job_tell(x, job);
    if (job->err.kind) err_wrap(&job->err, "layer %.19s", job->diff_id);
    job_judge(x, job);
}

static void jobs_begin(struct extractor *x) {
    for (size_t i = 0; i < x->jobs.count && x->running < x->most; i++) {
        struct job *job = &x->jobs.items[i];
        if (job->state != WAITS) continue;
        if (job_begin(x, job)) {
            job_end(x, job);
            continue;
        }
        job->state = RUNS;
        x->running++;
    }
}

// The channel

static struct job *job_find(struct extractor *x, const char *diff_id) {
    for (size_t i = 0; i < x->jobs.count; i++)
        if (str_eq(x->jobs.items[i].diff_id, diff_id)) return &x->jobs.items[i];
    if (x->jobs.count == JOBS_MAX) _exit(1);
    struct job *job = arena_push(&x->arena, &x->jobs);
    *job = (struct job){.diff_id = arena_strdup(&x->arena, diff_id), .grown = -1, .extract = EXTRACT_NONE};
    return job;
}

// A layer, for the first time or once more; or the word that one is verified.
static void on_message(struct extractor *x) {
    _cleanup_(fd_closep) int grown = -1;
    _cleanup_(json_freep) struct json *message = worker_receive(x->worker, &grown);
    const char *diff_id = json_get_string(message, "diff_id");
    x->complete = !diff_id;
    if (!diff_id) return;
    if (!digest_valid(diff_id)) _exit(1);
    struct job *job = job_find(x, diff_id);
    if (json_boolean(json_get(message, "verified"))) {
        job->verified = true;
        job_judge(x, job);
        return;
    }
    extract_end(&job->extract);
    fd_closep(&job->grown);
    x->running -= job->state == RUNS;
    job->state = WAITS;
    job->verified = false;
    job->err = (struct err){0};
    job->grown = take_fd(&grown);
}

static void on_job(struct extractor *x, struct job *job) {
    if (extract_serve(&job->extract, &job->err)) job_end(x, job);
}

static void wait_for_all(struct extractor *x) {
    _cleanup_(freep) struct pollfd *fds = xmalloc((x->jobs.count + 1) * sizeof *fds);
    size_t count = x->jobs.count; // a message may bring one more
    for (size_t i = 0; i < count; i++)
        fds[i] =
            (struct pollfd){x->jobs.items[i].state == RUNS ? x->jobs.items[i].extract.socket : -1, POLLIN, 0};
    fds[count] = (struct pollfd){x->worker->channel, POLLIN, 0};
    while (poll(fds, count + 1, -1) < 0)
        if (errno != EINTR) _exit(1);
    for (size_t i = 0; i < count; i++)
        if (fds[i].revents) on_job(x, &x->jobs.items[i]);
    if (fds[count].revents) on_message(x);
}

static bool is_done(const struct extractor *x) {
    for (size_t i = 0; i < x->jobs.count; i++)
        if (x->jobs.items[i].state != ENDED) return false;
    return x->complete;
}

int extract_run(struct worker *worker) {
    struct extractor x = {.worker = worker, .arena = ARENA_INIT, .most = cpu_count()};
    while (!is_done(&x)) {
        wait_for_all(&x);
        jobs_begin(&x);
    }
    for (size_t i = 0; i < x.jobs.count; i++)
        if (x.jobs.items[i].err.kind) worker_fail(worker, &x.jobs.items[i].err);
    worker_event(worker, "done");
    return 0;
}

// The cover of an image's layers (unpack/cover.h), which come uppermost first.

static void tell_cover(struct worker *worker, bool any) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "done");
    json_put_bool(&w, "any", any);
    json_end_object(&w);
    worker_send(worker, &w);
}

int cover_run(struct worker *worker) {
    int layers[IMAGE_LAYERS_MAX], unwanted = -1;
    _cleanup_(json_freep) struct json *request = worker_receive(worker, &unwanted);
    struct err err = {0};
    bool any = false;
    uint64_t count = 0;
    fd_allow_many(); // a directory of every layer is open for each level of a path
    json_u64(json_get(request, "layers"), &count);
    for (uint64_t i = 0; i < count && i < IMAGE_LAYERS_MAX; i++)
        json_free(worker_receive(worker, &layers[i]));
    if (cover_write(layers, count, worker->staging, &any, &err)) worker_fail(worker, &err);
    tell_cover(worker, any);
    return 0;
}
