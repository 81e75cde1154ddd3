// SPDX-License-Identifier: Apache-2.0
// hoy-fetch: the only program of hoy that reads bytes from a network or out of an image's tar. hoy starts it
// with a socket as descriptor 3 and a directory as descriptor 4; it is of no use by hand.
//
//   hoy-fetch pull      downloads an image into the staging directory 4
//   hoy-fetch manifest  downloads a manifest alone, into 4
//   hoy-fetch push      uploads an image; without a directory
//   hoy-fetch search    asks a registry for repositories; without a directory
//   hoy-fetch verify    checks a signature; without a directory and a network
//   hoy-fetch load      takes an archive of images apart, which comes with the first message
//   hoy-fetch import    indexes the tars of an image, which come with messages
//   hoy-fetch tar       a tar, compressed or not, which comes with the first message, becomes an image's
//   layer hoy-fetch download  the same from a URL hoy-fetch login     asks a registry whether it takes
//   credentials; without a directory hoy-fetch extract   a layer's tar (5) into the directory 4; confines
//   itself (unpack/extract.h) hoy-fetch export | layer | changes   of the root file system 4 (image/view.h),
//   written to 5
#include "base/fd.h"
#include "base/str.h"
#include "fetch/confine.h"
#include "fetch/login.h"
#include "fetch/pack.h"
#include "fetch/search.h"
#include "fetch/signature.h"
#include "fetch/worker.h"
#include "unpack/extract.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STALL_SECONDS 30

static void settings_read(struct worker *worker, const struct json *request) {
    uint64_t stall = STALL_SECONDS;
    json_u64(json_get(request, "layer_limit"), &worker->layer_limit);
    json_u64(json_get(request, "stall_s"), &stall);
    worker->any_ratio = json_boolean(json_get(request, "any_ratio"));
    worker->erofs = str_eq(json_get_string(request, "driver"), "erofs");
    worker->stall_s = (unsigned)stall;
}

static int begin(struct worker *worker, bool network) {
    struct err err = {0};
    // Before there is no way back to the files that they read.
    if (network && curl_global_init(CURL_GLOBAL_DEFAULT)) err_set(&err, ERR_SYSTEM, 0, "can't start libcurl");
    if (err.kind || confine(worker->staging, network, &err)) {
        err_wrap(&err, "hoy-fetch");
        worker_fail(worker, &err);
    }
    return 0;
}

static int run_pull(struct worker *worker) {
    begin(worker, true);
    struct err err = {0};
    _cleanup_(fd_closep) int none = -1;
    _cleanup_(json_freep) struct json *request = worker_receive(worker, &none);
    settings_read(worker, request);
    if (pull_run(worker, request, &err)) worker_fail(worker, &err);
    return 0;
}

static int run_manifest(struct worker *worker) {
    begin(worker, true);
    struct err err = {0};
    _cleanup_(fd_closep) int none = -1;
    _cleanup_(json_freep) struct json *request = worker_receive(worker, &none);
    settings_read(worker, request);
    if (manifest_run(worker, request, &err)) worker_fail(worker, &err);
    return 0;
}

static int run_push(struct worker *worker) {
    worker->staging = -1;
    begin(worker, true);
    struct err err = {0};
    _cleanup_(fd_closep) int none = -1;
    _cleanup_(json_freep) struct json *request = worker_receive(worker, &none);
    settings_read(worker, request);
    if (push_run(worker, request, &err)) worker_fail(worker, &err);
    return 0;
}

static int run_login(struct worker *worker) {
    worker->staging = -1;
    begin(worker, true);
    struct err err = {0};
    _cleanup_(fd_closep) int none = -1;
    _cleanup_(json_freep) struct json *request = worker_receive(worker, &none);
    settings_read(worker, request);
    if (login_run(worker, request, &err)) worker_fail(worker, &err);
    return 0;
}

static int run_search(struct worker *worker) {
    worker->staging = -1;
    begin(worker, true);
    struct err err = {0};
    _cleanup_(fd_closep) int none = -1;
    _cleanup_(json_freep) struct json *request = worker_receive(worker, &none);
    settings_read(worker, request);
    if (search_run(worker, request, &err)) worker_fail(worker, &err);
    return 0;
}

static int run_verify(struct worker *worker) {
    worker->staging = -1;
    begin(worker, false);
    struct err err = {0};
    _cleanup_(fd_closep) int none = -1;
    _cleanup_(json_freep) struct json *request = worker_receive(worker, &none);
    if (verify_run(worker, request, &err)) worker_fail(worker, &err);
    return 0;
}

static int run_load(struct worker *worker) {
    begin(worker, false);
    struct err err = {0};
    _cleanup_(fd_closep) int archive = -1;
    _cleanup_(json_freep) struct json *request = worker_receive(worker, &archive);
    settings_read(worker, request);
    if (load_run(worker, request, archive, &err)) worker_fail(worker, &err);
    return 0;
}

static int run_import(struct worker *worker) {
    begin(worker, false);
    struct err err = {0};
    _cleanup_(fd_closep) int none = -1;
    _cleanup_(json_freep) struct json *request = worker_receive(worker, &none);
    settings_read(worker, request);
    if (import_run(worker, request, &err)) worker_fail(worker, &err);
    return 0;
}

static int import_tar(struct worker *worker, bool network) {
    begin(worker, network);
    struct err err = {0};
    _cleanup_(fd_closep) int tar = -1;
    _cleanup_(json_freep) struct json *request = worker_receive(worker, &tar);
    settings_read(worker, request);
    if (import_tar_run(worker, request, tar, &err)) worker_fail(worker, &err);
    return 0;
}

static int run_tar(struct worker *worker) {
    return import_tar(worker, false);
}

static int run_download(struct worker *worker) {
    return import_tar(worker, true);
}

static int run_extract(struct worker *worker) {
    struct err err = {0};
    if (extract_tar(WORKER_TAR_FD, worker->staging, &err)) worker_fail(worker, &err);
    worker_event(worker, "done");
    return 0;
}

static const struct mode {
    const char *name;
    int (*run)(struct worker *worker);
    int last_fd;
} modes[] = {
    {"manifest", run_manifest, WORKER_STAGING_FD}, {"push", run_push, WORKER_CHANNEL_FD},
    {"pull", run_pull, WORKER_STAGING_FD},         {"login", run_login, WORKER_CHANNEL_FD},
    {"verify", run_verify, WORKER_CHANNEL_FD},     {"search", run_search, WORKER_CHANNEL_FD},
    {"load", run_load, WORKER_STAGING_FD},         {"import", run_import, WORKER_STAGING_FD},
    {"tar", run_tar, WORKER_STAGING_FD},           {"download", run_download, WORKER_STAGING_FD},
    {"extract", run_extract, WORKER_TAR_FD},       {"export", pack_run_export, WORKER_TAR_FD},
    {"layer", pack_run_layer, WORKER_TAR_FD},      {"changes", pack_run_changes, WORKER_TAR_FD},
};

static bool is_a(int fd, mode_t type) {
    struct stat st;
    return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

int main(int argc, char **argv) {
    const struct mode *mode = NULL;
    for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(modes); i++)
        if (str_eq(argv[1], modes[i].name)) mode = &modes[i];
    if (!mode || !is_a(WORKER_CHANNEL_FD, S_IFSOCK) ||
        (mode->last_fd >= WORKER_STAGING_FD && !is_a(WORKER_STAGING_FD, S_IFDIR))) {
        fprintf(stderr, "hoy-fetch is run by hoy, not by hand\n");
        return 2;
    }
    // Ctrl-C is for hoy, which ends this program then.
    signal(SIGINT, SIG_IGN);
    signal(SIGTSTP, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    close_range((unsigned)mode->last_fd + 1, ~0u, 0);
    for (int fd = WORKER_CHANNEL_FD; fd <= mode->last_fd; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
    srandom((unsigned)(getpid() ^ time(NULL)));
    struct worker worker = {
        .channel = WORKER_CHANNEL_FD, .staging = WORKER_STAGING_FD, .lock = PTHREAD_MUTEX_INITIALIZER};
    return mode->run(&worker);
}
