// SPDX-License-Identifier: Apache-2.0
// hoy-fetch: the only program of hoy that reads what a registry sends, or a tar holds. hoy starts it with a
// socket as descriptor 3 and a directory as descriptor 4; it is of no use by hand.
//
//   hoy-fetch pull      downloads an image into the staging directory 4
//   hoy-fetch push      uploads an image
//   hoy-fetch manifest  downloads a manifest alone, into 4
//   hoy-fetch referrers what refers to an image
//   hoy-fetch tags      the names of a repository's tags
//   hoy-fetch login     asks a registry whether it takes credentials
//   hoy-fetch search    asks a registry for repositories
//   hoy-fetch verify    checks a signature, without a network
//   hoy-fetch load      takes an archive of images apart, which comes with the request
//   hoy-fetch import    indexes the tars of an image, which come with messages
//   hoy-fetch tar       a tar, compressed or not, which comes with the request, becomes an image's layer
//   hoy-fetch download  the same from a URL
//   hoy-fetch gzip      compresses a file, which comes with the request, into one that comes with a message
//   hoy-fetch gunzip    the reverse
//   hoy-fetch extract   staged tars of 4 become directories there, each in a process that is confined to it
//   hoy-fetch cover     the cover of such directories, which come with messages, into the directory 4
//   hoy-fetch export    the root file system 4 (image/view.h), written to 5; so do layer and changes
//   hoy-fetch digest    what a layer's directory 4 is
//   hoy-fetch files     the same, a part of it; new-files, host-files: a tar (5) becomes files in it
#include "base/fd.h"
#include "base/str.h"
#include "fetch/confine.h"
#include "fetch/files.h"
#include "fetch/login.h"
#include "fetch/pack.h"
#include "fetch/referrers.h"
#include "fetch/search.h"
#include "fetch/signature.h"
#include "fetch/tags.h"
#include "fetch/worker.h"

#include <curl/curl.h>
#include <errno.h>
#include <sched.h>
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
    worker->keep_blobs = json_boolean(json_get(request, "keep_blobs"));
    worker->stall_s = (unsigned)stall;
}

static void begin(struct worker *worker, bool network) {
    struct err err = {0};
    // Its threads work on one stream: whoever is woken waits for a processor, and takes none away from
    // another.
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    signal(SIGPIPE, SIG_IGN); // who extracts what is written may be gone
    // Before there is no way back to the files that they read.
    if (network && curl_global_init(CURL_GLOBAL_DEFAULT)) err_set(&err, ERR_SYSTEM, 0, "can't start libcurl");
    if (err.kind || confine(worker->staging, network, &err)) {
        err_wrap(&err, "hoy-fetch");
        worker_fail(worker, &err);
    }
}

// Most begin with a request, and end in what is done with it; a descriptor may come along. The others see to
// themselves.
static const struct mode {
    const char *name;
    int last_fd;
    bool network;
    int (*request)(struct worker *worker, const struct json *request, struct err *err);
    int (*request_with)(struct worker *worker, const struct json *request, int fd, struct err *err);
    int (*run)(struct worker *worker);
} modes[] = {
    {"pull", WORKER_STAGING_FD, true, .request = pull_run},
    {"push", WORKER_CHANNEL_FD, true, .request = push_run},
    {"manifest", WORKER_STAGING_FD, true, .request = manifest_run},
    {"login", WORKER_CHANNEL_FD, true, .request = login_run},
    {"referrers", WORKER_CHANNEL_FD, true, .request = referrers_run},
    {"tags", WORKER_CHANNEL_FD, true, .request = tags_run},
    {"search", WORKER_CHANNEL_FD, true, .request = search_run},
    {"verify", WORKER_CHANNEL_FD, false, .request = verify_run},
    {"load", WORKER_STAGING_FD, false, .request_with = load_run},
    {"import", WORKER_STAGING_FD, false, .request = import_run},
    {"tar", WORKER_STAGING_FD, false, .request_with = import_tar_run},
    {"download", WORKER_STAGING_FD, true, .request_with = import_tar_run},
    {"gzip", WORKER_CHANNEL_FD, false, .request_with = gzip_run},
    {"gunzip", WORKER_CHANNEL_FD, false, .request_with = gunzip_run},
    {"extract", WORKER_STAGING_FD, .run = extract_run},
    {"cover", WORKER_STAGING_FD, .run = cover_run},
    {"export", WORKER_TAR_FD, .run = pack_run_export},
    {"digest", WORKER_STAGING_FD, .run = pack_run_digest},
    {"layer", WORKER_TAR_FD, .run = pack_run_layer},
    {"changes", WORKER_TAR_FD, .run = pack_run_changes},
    {"files", WORKER_TAR_FD, .run = files_run_read},
    {"new-files", WORKER_TAR_FD, .run = files_run_write},
    {"host-files", WORKER_TAR_FD, .run = files_run_host},
};

static int run_mode(const struct mode *mode, struct worker *worker) {
    if (mode->run) return mode->run(worker);
    begin(worker, mode->network);
    struct err err = {0};
    _cleanup_(fd_closep) int fd = -1;
    _cleanup_(json_freep) struct json *request = worker_receive(worker, &fd);
    settings_read(worker, request);
    int r =
        mode->request ? mode->request(worker, request, &err) : mode->request_with(worker, request, fd, &err);
    if (r) worker_fail(worker, &err);
    return 0;
}

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
    struct worker worker = {.channel = WORKER_CHANNEL_FD,
                            .staging = mode->last_fd >= WORKER_STAGING_FD ? WORKER_STAGING_FD : -1,
                            .lock = PTHREAD_MUTEX_INITIALIZER};
    _exit(run_mode(mode, &worker)); // what libraries put away at exit takes them longer than the kernel
}
