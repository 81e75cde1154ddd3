// SPDX-License-Identifier: Apache-2.0
// First the tar's headers become a tree (tree.h), then the tree becomes files: a path of the tar is never
// given to the kernel. Each directory is made by mkdirat and entered without following a link, so nothing
// that a layer holds can lead out of the target, which is private to hoy besides.
//
// All of it is done by a child that can see nothing but the target and has only the capabilities that making
// files needs. What takes more, the trusted.overlay.opaque attribute, it asks of its parent: it sends the
// directory's descriptor, no name.
#include "unpack/extract.h"
#include "base/fd.h"
#include "kernel/mount.h"
#include "unpack/enclose.h"
#include "unpack/path.h"
#include "unpack/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/openat2.h>
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

struct extraction {
    int tar, root, parent; // parent: the socket
    struct strings paths;  // of the first name of every file that has several: nodes' number - 1
    struct arena arena;
    struct err *err;
};

static int fail(struct extraction *x, const char *path, const char *what) {
    char shown[PATH_SHOWN];
    return err_set(x->err, ERR_SYSTEM, errno, "extract %s: %s", path_show(path, shown), what);
}

// To the parent

static int ask_opaque(const struct extraction *x, int directory) {
    char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
    struct iovec text = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &directory, sizeof directory);
    if (sendmsg(x->parent, &message, MSG_NOSIGNAL) < 0) return -1;
    // The answer, so that the attribute is there before the directory's time is set.
    int answer;
    if (recv(x->parent, &answer, sizeof answer, 0) != sizeof answer) return -1;
    errno = answer;
    return answer ? -1 : 0;
}

// Files

static int copy_data(const struct extraction *x, const struct tree_node *node, int fd) {
    off_t from = (off_t)node->offset;
    uint64_t left = node->size;
    while (left) {
        size_t want = left < (1u << 30) ? (size_t)left : 1u << 30;
        ssize_t n = copy_file_range(x->tar, &from, fd, NULL, want, 0);
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
            char block[65536];
            n = pread(x->tar, block, want < sizeof block ? want : sizeof block, from);
            int r = n > 0 ? fd_write_all(fd, block, (size_t)n) : 0;
            if (r) {
                errno = -r;
                return -1;
            }
            if (n > 0) from += n;
        }
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (!n) errno = ENODATA;
            return -1;
        }
        left -= (uint64_t)n;
    }
    return 0;
}

static void times_of(const struct tree_node *node, struct timespec ret_times[2]) {
    ret_times[0] = ret_times[1] = (struct timespec){node->mtime_s, node->mtime_ns};
}

// The owner first: a change of it takes setuid bits and capabilities away.
static int set_metadata(const struct extraction *x, const struct tree_node *node, int fd) {
    struct timespec times[2];
    times_of(node, times);
    if (fchown(fd, node->uid, node->gid) || fchmod(fd, node->mode & 07777)) return -1;
    for (const struct tree_xattr *xattr = node->xattrs; xattr; xattr = xattr->next)
        if (fsetxattr(fd, xattr->name, xattr->value, xattr->size, 0) && errno != EOPNOTSUPP) return -1;
    if (node->opaque && ask_opaque(x, fd)) return -1;
    return futimens(fd, times);
}

static int set_metadata_at(const struct tree_node *node, int dir, const char *name) {
    struct timespec times[2];
    times_of(node, times);
    if (fchownat(dir, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW)) return -1;
    if (!S_ISLNK(node->mode) && fchmodat(dir, name, node->mode & 07777, 0)) return -1;
    return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
}

static int make_file(const struct extraction *x, const struct tree_node *node, int dir, const char *name) {
    _cleanup_(fd_closep) int fd =
        openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    return copy_data(x, node, fd) || set_metadata(x, node, fd) ? -1 : 0;
}

static int make_special(const struct tree_node *node, int dir, const char *name) {
    if (node->whiteout) return mknodat(dir, name, S_IFCHR, 0);
    int r = S_ISLNK(node->mode) ? symlinkat(node->target, dir, name)
                                : mknodat(dir, name, (node->mode & S_IFMT) | 0600,
                                          makedev(node->rdev_major, node->rdev_minor));
    return r || set_metadata_at(node, dir, name) ? -1 : 0;
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

static int make_directory(struct extraction *x, const struct tree_node *node, int dir, const char *name,
                          const char *path) {
    if (mkdirat(dir, name, 0700)) return fail(x, path, "make the directory");
    _cleanup_(fd_closep) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fail(x, path, "enter the directory");
    if (make_entries(x, node, fd, path)) return -1;
    return set_metadata(x, node, fd) ? fail(x, path, "set owner, mode and attributes") : 0;
}

static int make_entry(struct extraction *x, const struct tree_entry *entry, int dir, const char *path) {
    struct tree_node *node = entry->node;
    if (node->below) {
        char shown[PATH_SHOWN];
        return err_set(x->err, ERR_INVALID, 0,
                       "%s is a hard link to what only a lower layer has, which the storage driver \"dir\" "
                       "can't make",
                       path_show(path, shown));
    }
    if (S_ISDIR(node->mode)) return make_directory(x, node, dir, entry->name, path);
    if (node->number) // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): whoever has a number has a path
        return make_link(x, x->paths.items[node->number - 1], dir, entry->name)
                   ? fail(x, path, "make the hard link")
                   : 0;
    if (S_ISREG(node->mode) ? make_file(x, node, dir, entry->name) : make_special(node, dir, entry->name))
        return fail(x, path, "make the file");
    strings_add(&x->arena, &x->paths, arena_strdup(&x->arena, path));
    node->number = x->paths.count;
    return 0;
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

// The child

static int drop_privileges(void) {
    const uint32_t kept = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID |
                          1u << CAP_MKNOD | 1u << CAP_SETFCAP;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_capget, &header, data)) return -1;
    data[0].effective = data[0].permitted = data[0].permitted & kept;
    data[1].effective = data[1].permitted = 0;
    data[0].inheritable = data[1].inheritable = 0;
    return (int)syscall(SYS_capset, &header, data);
}

// Every descriptor but these two and the standard streams.
static int close_others(int a, int b) {
    unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);
    if (low > 3 && syscall(SYS_close_range, 3u, low - 1, 0u)) return -1;
    if (high > low + 1 && syscall(SYS_close_range, low + 1, high - 1, 0u)) return -1;
    return (int)syscall(SYS_close_range, high + 1, ~0u, 0u);
}

static int extract_here(struct extraction *x) {
    struct tree tree = {0};
    struct tree_source source = {.fd = x->tar};
    if (tree_from_tar(&source, &tree, x->err)) return -1;
    umask(0);
    if (make_entries(x, tree.root, x->root, "")) return -1;
    return set_metadata(x, tree.root, x->root) ? fail(x, "/", "set owner, mode and attributes") : 0;
}

static void run_child(int tar, int target, int parent) {
    struct err err = {0};
    struct extraction x = {.tar = tar, .parent = parent, .root = -1, .err = &err};
    _cleanup_(fd_closep) int tree = mount_clone(target, "", 0);
    if ((errno = tree < 0 ? -tree : -enclose(tree)) || close_others(tar, parent) || drop_privileges() ||
        (x.root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        err_set(&err, ERR_SYSTEM, errno, "confine the extraction of a layer");
    else
        extract_here(&x);
    send(parent, &err, sizeof err, MSG_NOSIGNAL);
    _exit(0);
}

// The parent

static int receive_fd(struct msghdr *message) {
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd = -1;
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

// Serves the child until it has told how it went.
static int serve(int child, struct err *ret_result) {
    for (;;) {
        char control[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec text = {ret_result, sizeof *ret_result};
        struct msghdr message = {
            .msg_iov = &text, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        ssize_t n = recvmsg(child, &message, MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR) continue;
        if (n == (ssize_t)sizeof *ret_result) return 0;
        if (n != 1) return -1;
        _cleanup_(fd_closep) int directory = receive_fd(&message);
        int answer = fsetxattr(directory, "trusted.overlay.opaque", "y", 1, 0) ? errno : 0;
        if (send(child, &answer, sizeof answer, MSG_NOSIGNAL) < 0) return -1;
    }
}

int extract_tar(int tar_fd, int target_dir, struct err *err) {
    int pair[2], status;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return err_set(err, ERR_SYSTEM, errno, "extract a layer");
    _cleanup_(fd_closep) int ours = pair[0];
    pid_t pid = fork();
    if (pid == 0) run_child(tar_fd, target_dir, pair[1]);
    close(pair[1]);
    if (pid < 0) return err_set(err, ERR_SYSTEM, errno, "extract a layer");
    struct err result = {0};
    int r = serve(ours, &result);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (r) return err_set(err, ERR_SYSTEM, 0, "the process that extracts a layer was killed");
    if (result.kind != ERR_NONE) {
        *err = result;
        return -1;
    }
    if (syncfs(target_dir)) return err_set(err, ERR_SYSTEM, errno, "write a layer to the disk");
    return 0;
}
