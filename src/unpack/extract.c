// SPDX-License-Identifier: Apache-2.0
// The tar's headers become a tree (tree.h), and the tree becomes files: a path of the tar is never given to
// the kernel. Each directory is made by mkdirat and entered without following a link, so nothing that a layer
// holds can lead out of the target, which is private to hoy besides.
//
// A regular file is made as soon as its bytes are there, while the tree still grows: by then the target has
// nothing but directories and files. All the rest is made when the tree is complete, since only then it is
// known what is there in the end. A tar that names something twice may have left what is not to be there:
// something is in the way of what is to come. Then everything is taken away, and made once more from the
// complete tree alone.
//
// All of it is done by a child that can see nothing but the target and has only the capabilities that making
// files needs. What takes more, overlayfs's own attributes, it asks of its parent: it sends the directory's
// descriptor, no name.
#include "unpack/extract.h"
#include "base/fd.h"
#include "kernel/caps.h"
#include "kernel/mount.h"
#include "kernel/overlay.h"
#include "unpack/enclose.h"
#include "unpack/inode.h"
#include "unpack/pack.h"
#include "unpack/path.h"
#include "unpack/tree_build.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COPY_BYTES (1u << 20)
#define MADE       1 // the number of a directory that is there already

// The child's last word.
struct result {
    struct err err;
    char made[DIGEST_SIZE];
};

struct extraction {
    int tar, root, parent; // parent: the socket
    int grown;             // a byte comes when the tar has more, its end when it has all; -1: it has
    struct strings paths;  // of the first name of every file: nodes' number - 1
    struct arena arena;
    // While the tree grows: the directory of the file before
    const struct tree_node *here;
    int here_fd;                    // -1: the root
    bool again;                     // something was in the way
    bool hides;                     // there are whiteouts
    bool links;                     // some are left to the cover
    const struct tree_xattr *xattr; // that could not be set
    struct err *err;
};

static int fail(struct extraction *x, const char *path, const char *what) {
    char shown[PATH_SHOWN];
    return err_set(x->err, ERR_SYSTEM, errno, "extract %s: %s", path_show(path, shown), what);
}

// To the parent

static const char *const marks[] = {EXTRACT_OPAQUE, EXTRACT_IMPLIED, EXTRACT_IMPLIES,
                                    EXTRACT_HIDES,  EXTRACT_LINK,    EXTRACT_LINKS};
enum mark { OPAQUE, IMPLIED, IMPLIES, HIDES, LINK, LINKS };

static int ask_for(const struct extraction *x, int directory, enum mark mark) {
    unsigned char number = (unsigned char)mark;
    if ((errno = -fd_send(x->parent, &number, 1, &directory, 1))) return -1;
    // The answer, so that the attribute is there before the directory's time is set.
    int answer;
    if (recv(x->parent, &answer, sizeof answer, 0) != sizeof answer) return -1;
    errno = answer;
    return answer ? -1 : 0;
}

// The tar, while it grows

static int64_t wait_available(void *data, uint64_t upto) {
    struct extraction *x = data;
    char bytes[4096];
    for (;;) {
        struct stat st;
        bool complete = x->grown < 0;
        if (fstat(x->tar, &st)) return -errno;
        if (complete || (uint64_t)st.st_size >= upto) return st.st_size;
        ssize_t n = read(x->grown, bytes, sizeof bytes);
        if (n < 0 && errno != EINTR) return -errno;
        if (n == 0) x->grown = -1;
    }
}

// Files

static int cut_off(struct extraction *x, const char *path) {
    char shown[PATH_SHOWN];
    return err_set(x->err, ERR_INVALID, 0, "the layer is cut off: the bytes of %s lie behind its end",
                   path_show(path, shown));
}

// As many bytes as there are now: how many, or -1.
static ssize_t copy_some(const struct extraction *x, off_t *from, int fd, size_t want) {
    ssize_t n = copy_file_range(x->tar, from, fd, NULL, want, 0);
    if (n >= 0 || (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)) return n;
    char block[65536];
    n = pread(x->tar, block, want < sizeof block ? want : sizeof block, *from);
    int r = n > 0 ? fd_write_all(fd, block, (size_t)n) : 0;
    if (n > 0) *from += n;
    if (r) errno = -r;
    return r ? -1 : n;
}

static int copy_run(struct extraction *x, uint64_t offset, uint64_t left, int fd, const char *path) {
    off_t from = (off_t)offset;
    while (left) {
        size_t want = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
        int64_t end = wait_available(x, (uint64_t)from + want);
        if (end < 0) errno = (int)-end;
        ssize_t n = end > from ? copy_some(x, &from, fd, want) : end < 0 ? -1 : 0;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(x, path, "write the file");
        if (n == 0) return cut_off(x, path);
        left -= (uint64_t)n;
    }
    return 0;
}

static int copy_data(struct extraction *x, const struct tree_node *node, int fd, const char *path) {
    const struct tree_runs *runs = node->runs;
    uint64_t from = node->offset;
    if (!runs) return copy_run(x, from, node->size, fd, path);
    if (ftruncate(fd, (off_t)node->size)) return fail(x, path, "make it as large as it is to be");
    for (size_t i = 0; i < runs->count; from += runs->items[i++].size) {
        if (lseek(fd, (off_t)runs->items[i].at, SEEK_SET) < 0) return fail(x, path, "write the file");
        if (copy_run(x, from, runs->items[i].size, fd, path)) return -1;
    }
    return 0;
}

// The times come last: everything else changes them.
static int set_metadata(struct extraction *x, const struct tree_node *node, int fd) {
    if (node->opaque && ask_for(x, fd, OPAQUE)) return -1;
    if (node->implicit && ask_for(x, fd, IMPLIED)) return -1;
    return inode_set(node, fd, &x->xattr);
}

// Something is there. In the complete tree every name is once, so that came before.
static int in_the_way(struct extraction *x, const char *path) {
    if (errno != EEXIST) return fail(x, path, "make it");
    x->again = true;
    return fail(x, path, "make it a second time");
}

static int xattr_failed(struct extraction *x, const char *path) {
    bool room = errno == ENOSPC || errno == E2BIG || errno == ERANGE;
    char shown[PATH_SHOWN];
    return err_set(x->err, ERR_SYSTEM, errno, "extract %s: set its extended attribute %s of %u bytes%s",
                   path_show(path, shown), x->xattr->name, x->xattr->size,
                   room
                       ? " (a file system keeps only so many of a file, ext4 4 KiB: the storage driver erofs "
                         "keeps all)"
                       : "");
}

// Else an owner that is not mapped, in a user namespace.
static int metadata_failed(struct extraction *x, const struct tree_node *node, const char *path) {
    char shown[PATH_SHOWN];
    if (x->xattr) return xattr_failed(x, path);
    if (errno != EINVAL) return fail(x, path, "set owner, mode and attributes");
    return err_set(x->err, ERR_SYSTEM, 0,
                   "%s belongs to %u:%u, and an ordinary user has only as many ids as /etc/subuid and "
                   "/etc/subgid grant: install uidmap (newuidmap), and add a range with usermod "
                   "--add-subuids 100000-165535 --add-subgids 100000-165535 USER",
                   path_show(path, shown), node->uid, node->gid);
}

static int make_file(struct extraction *x, struct tree_node *node, int dir, const char *name,
                     const char *path) {
    _cleanup_(fd_closep) int fd =
        openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return in_the_way(x, path);
    if (copy_data(x, node, fd, path)) return -1;
    if (set_metadata(x, node, fd)) return metadata_failed(x, node, path);
    strings_add(&x->arena, &x->paths, arena_strdup(&x->arena, path));
    node->number = x->paths.count;
    return 0;
}

static bool is_device(const struct tree_node *node) {
    return !node->whiteout && (S_ISCHR(node->mode) || S_ISBLK(node->mode));
}

static int make_special(const struct tree_node *node, int dir, const char *name) {
    return node->whiteout ? mknodat(dir, name, S_IFCHR, 0) : inode_make_other(node, dir, name);
}

// path is of hoy's own making: every directory in it was made just before, and none is a link.
static int make_link(const struct extraction *x, const char *path, int dir, const char *name) {
    const char *slash = strrchr(path, '/');
    if (!slash) return linkat(x->root, path, dir, name, 0);
    char parent[PATH_MAX];
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = 0;
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    _cleanup_(fd_closep) int fd = (int)syscall(SYS_openat2, x->root, parent, &how, sizeof how);
    return fd < 0 ? -1 : linkat(fd, slash + 1, dir, name, 0);
}

static int make_entries(struct extraction *x, const struct tree_node *directory, int dir, const char *path);

static int directory_enter(struct extraction *x, struct tree_node *node, int dir, const char *name,
                           const char *path) {
    if (!node->number && mkdirat(dir, name, 0700)) return in_the_way(x, path);
    node->number = MADE;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? fail(x, path, "enter the directory") : fd;
}

static int make_directory(struct extraction *x, struct tree_node *node, int dir, const char *name,
                          const char *path) {
    _cleanup_(fd_closep) int fd = directory_enter(x, node, dir, name, path);
    if (fd < 0 || make_entries(x, node, fd, path)) return -1;
    return set_metadata(x, node, fd) ? metadata_failed(x, node, path) : 0;
}

static int make_other(struct extraction *x, struct tree_node *node, int dir, const char *name,
                      const char *path) {
    if (make_special(node, dir, name)) {
        // Root of a user namespace makes no devices, and would not see those that are there.
        if (errno == EPERM && is_device(node)) return 0;
        return errno == EINVAL ? metadata_failed(x, node, path) : in_the_way(x, path);
    }
    strings_add(&x->arena, &x->paths, arena_strdup(&x->arena, path));
    node->number = x->paths.count;
    return 0;
}

// "./a//b" as "a/b": as the tree's own walk makes it.
static char *path_clean(const char *path) {
    char *clean = xmalloc(strlen(path) + 1), *end = clean;
    for (struct path_part part; path_next(&path, &part); end += part.length) {
        if (end > clean) *end++ = '/';
        memcpy(end, part.name, part.length);
    }
    *end = 0;
    return clean;
}

// To what only a lower layer has. Which layers lie below is not known here: it is left to the cover
// (cover_links.c).
static int leave_link(struct extraction *x, const struct tree_node *node, int dir, const char *name,
                      const char *path) {
    _cleanup_(fd_closep) int fd =
        openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return in_the_way(x, path);
    _cleanup_(freep) char *target = path_clean(node->below);
    int r = fd_write_all(fd, target, strlen(target));
    if ((errno = -r) || ask_for(x, fd, LINK)) return fail(x, path, "leave a hard link to a lower layer");
    x->links = true;
    return 0;
}

static int make_entry(struct extraction *x, const struct tree_entry *entry, int dir, const char *path) {
    struct tree_node *node = entry->node;
    if (node->below) return leave_link(x, node, dir, entry->name, path);
    if (S_ISDIR(node->mode)) return make_directory(x, node, dir, entry->name, path);
    x->hides |= node->whiteout;
    const char *first = node->number ? x->paths.items[node->number - 1] : NULL;
    if (!first)
        return S_ISREG(node->mode) ? make_file(x, node, dir, entry->name, path)
                                   : make_other(x, node, dir, entry->name, path);
    if (strcmp(first, path) == 0) return 0; // it was made early
    return make_link(x, first, dir, entry->name) ? in_the_way(x, path) : 0;
}

static int make_entries(struct extraction *x, const struct tree_node *directory, int dir, const char *path) {
    size_t length = strlen(path);
    for (size_t i = 0; i < directory->children.count; i++) {
        const struct tree_entry *entry = &directory->children.items[i];
        _cleanup_(freep) char *below = xmalloc(length + strlen(entry->name) + 2);
        memcpy(below, path, length);
        strcpy(below + length, length ? "/" : "");
        strcat(below, entry->name);
        if (make_entry(x, entry, dir, below)) return -1;
    }
    return 0;
}

// Early

static int enter_parents(struct extraction *x, const struct tree_build *build, const char *path) {
    const struct tree_node *directory = build->tree.root;
    struct path_part part = {0}, next;
    const char *rest = path;
    _cleanup_(fd_closep) int fd = -1;
    path_next(&rest, &part);
    for (; path_next(&rest, &next); part = next) {
        char name[NAME_MAX + 1];
        struct tree_entry *entry = tree_build_find(build, directory, part.name, part.length);
        snprintf(name, sizeof name, "%.*s", (int)part.length, part.name);
        int below = directory_enter(x, entry->node, fd < 0 ? x->root : fd, name, path);
        fd_closep(&fd);
        if ((fd = below) < 0) return -1;
        directory = entry->node;
    }
    fd_closep(&x->here_fd);
    x->here_fd = take_fd(&fd);
    x->here = directory;
    return 0;
}

static int file_early(void *data, const struct tree_build *build, const struct tree_entry *entry,
                      const struct tree_node *directory, const char *path, struct err *err) {
    struct extraction *x = data;
    if (x->again) return 0;
    _cleanup_(freep) char *clean = path_clean(path);
    int r = directory == x->here ? 0 : enter_parents(x, build, clean);
    if (!r) r = make_file(x, entry->node, x->here_fd < 0 ? x->root : x->here_fd, entry->name, clean);
    if (!r || !x->again) return r;
    *err = (struct err){0};
    return 0;
}

// The child

static int drop_privileges(void) {
    const uint64_t kept = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID |
                          1u << CAP_MKNOD | 1u << CAP_SETFCAP;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : caps_set(kept, kept, 0);
}

static int take_away(struct extraction *x) {
    struct strings names = {0};
    int r = directory_list(x->root, "", &x->arena, &names);
    for (size_t i = 0; r >= 0 && i < names.count; i++) r = dir_remove_all_at(x->root, names.items[i]);
    errno = r < 0 ? -r : 0;
    return r < 0 ? fail(x, "/", "begin again") : 0;
}

static void forget_made(struct tree_node *directory) {
    for (size_t i = 0; i < directory->children.count; i++) {
        struct tree_node *node = directory->children.items[i].node;
        node->number = 0;
        if (S_ISDIR(node->mode)) forget_made(node);
    }
}

static int make_again(struct extraction *x, struct tree *tree) {
    *x->err = (struct err){0};
    forget_made(tree->root);
    x->paths.count = 0;
    return take_away(x) || make_entries(x, tree->root, x->root, "") ? -1 : 0;
}

static bool implies(const struct tree_node *directory) {
    for (size_t i = 0; i < directory->children.count; i++) {
        const struct tree_node *node = directory->children.items[i].node;
        if (S_ISDIR(node->mode) && (node->implicit || implies(node))) return true;
    }
    return false;
}

static int extract_here(struct extraction *x) {
    struct tree tree = {0};
    const struct tree_source source = {
        .fd = x->tar, .available = wait_available, .file = file_early, .data = x};
    struct strings before = {0};
    int r = directory_list(x->root, "", &x->arena, &before);
    if (r < 1 || before.count)
        return err_set(x->err, ERR_SYSTEM, r < 0 ? -r : EEXIST, "extract a layer over what is there");
    umask(0);
    if (tree_from_tar(&source, &tree, x->err)) return -1;
    r = x->again ? -1 : make_entries(x, tree.root, x->root, "");
    if (r && x->again) r = make_again(x, &tree);
    if (r) return -1;
    if ((implies(tree.root) && ask_for(x, x->root, IMPLIES)) || (x->hides && ask_for(x, x->root, HIDES)) ||
        (x->links && ask_for(x, x->root, LINKS)))
        return fail(x, "/", "set attributes");
    return set_metadata(x, tree.root, x->root) ? metadata_failed(x, tree.root, "/") : 0;
}

static void run_child(const struct extract_job *job, int parent, pid_t parent_pid) {
    struct result result = {0};
    int kept[] = {job->tar, job->grown, parent};
    struct extraction x = {.tar = job->tar,
                           .grown = job->grown,
                           .parent = parent,
                           .root = -1,
                           .here_fd = -1,
                           .err = &result.err};
    _cleanup_(fd_closep) int tree = mount_clone(job->target, "", false);
    int r = tree < 0 ? tree : enclose(tree);
    fd_close_others(3, kept, ARRAY_SIZE(kept));
    if (!r) r = drop_privileges();
    if (!r && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) r = -errno;
    if (!r) r = x.root = fd_open_at(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0);
    if (r < 0)
        err_set(&result.err, ERR_SYSTEM, -r, "confine the extraction of a layer");
    else if (getppid() == parent_pid && !extract_here(&x))
        pack_digest(x.root, result.made, &result.err);
    send(parent, &result, sizeof result, MSG_NOSIGNAL);
    _exit(0);
}

// The parent

static int give_attribute(const struct extract *extract, unsigned char number, int directory) {
    if (number >= ARRAY_SIZE(marks)) return -1;
    int answer = -overlay_mark(directory, marks[number]);
    return send(extract->socket, &answer, sizeof answer, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int extract_serve(struct extract *extract, struct err *err) {
    struct result result = {0};
    _cleanup_(fd_closep) int directory = -1;
    ssize_t n = fd_receive(extract->socket, 0, &result, sizeof result, &directory, 1);
    if (n == 1 && !give_attribute(extract, *(unsigned char *)&result, directory)) return 0;
    extract_end(extract);
    if (n != (ssize_t)sizeof result)
        return err_set(err, ERR_SYSTEM, 0, "the process that extracts a layer was killed");
    result.err.text[sizeof result.err.text - 1] = result.err.file[sizeof result.err.file - 1] = 0;
    result.made[sizeof result.made - 1] = 0;
    memcpy(extract->made, result.made, sizeof extract->made);
    if (result.err.kind == ERR_NONE) return 1;
    *err = result.err;
    return -1;
}

int extract_start(const struct extract_job *job, struct extract *ret_extract, struct err *err) {
    int pair[2];
    pid_t self = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return err_set(err, ERR_SYSTEM, errno, "extract a layer");
    pid_t pid = fork();
    if (pid == 0) run_child(job, pair[1], self);
    int error = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return err_set(err, ERR_SYSTEM, error, "extract a layer");
    }
    *ret_extract = (struct extract){pid, pair[0]};
    return 0;
}

void extract_end(struct extract *extract) {
    fd_closep(&extract->socket);
    if (extract->pid <= 0) return;
    kill(extract->pid, SIGKILL);
    while (waitpid(extract->pid, NULL, 0) < 0 && errno == EINTR) continue;
    extract->pid = 0;
}
