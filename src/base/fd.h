// SPDX-License-Identifier: Apache-2.0
// Descriptors and small files. Every descriptor is close-on-exec from birth. All return -errno on failure.
#pragma once

#include "base/macro.h"
#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>

void fd_closep(int *fd); // for _cleanup_(fd_closep) int fd = -1;

// Hands a descriptor over: yields it and leaves -1 behind.
static inline int take_fd(int *fd) {
    int taken = *fd;
    *fd = -1;
    return taken;
}

// Opens /dev/null for each of 0, 1 and 2 that is closed; a program's first act. Else the next file that is
// opened gets the number, and what is printed goes into it.
void fd_ensure_standard(void);

// Closes all from first on but those kept, which are sorted; -1 among them is none.
void fd_close_others(unsigned first, int *kept, size_t count);

// Before a program is executed: each of them to its number, from first on; where there is none (-1) that
// number is closed. They are lost by their old numbers. 0 or -errno: one that is missing would pass for one
// that was not given. Allocates nothing.
int fd_place(int *fds, size_t count, int first);

// As many descriptors as the system lets this process have: it begins with 1024 of them.
void fd_allow_many(void);

// The whole of it, whatever signals come between.
int fd_write_all(int fd, const void *bytes, size_t size);
ssize_t fd_read_full(int fd, void *buffer, size_t size); // less than size only at the end of the file

// Descriptors through a unix socket, with at least one byte; never raises SIGPIPE. Of a stream's bytes all
// are sent, the descriptors with the first. The caller keeps his descriptors.
#define FD_SEND_MAX 253 // as many as the kernel takes
int fd_send(int socket, const void *bytes, size_t size, const int *fds, size_t count);
// One message, or what a stream has: its size, 0 at the end. flags: recvmsg's. The descriptors that came, at
// most count, are in ret_fds, whose others are left as they are. -EMSGSIZE: the message is larger; -EMFILE:
// more descriptors came, or than this process can have. Then none stays open.
ssize_t fd_receive(int socket, int flags, void *buffer, size_t size, int *ret_fds, size_t count);

// flock(2), whatever signals come between.
int fd_lock(int fd, int how);

// open(2) with O_CLOEXEC, and errno in the return value.
int fd_open_at(int dir, const char *path, int flags, mode_t mode);

// Reads a regular file of at most limit bytes; -EFBIG when it is longer, -EINVAL when it is no regular file.
int file_read_at(int dir, const char *path, size_t limit, struct str *ret_text);
// The same of whatever a user names: a pipe is waited for.
int file_read_any(const char *path, size_t limit, struct str *ret_text);
// Writes one string with one write(2) into a file that is there (a cgroup's or /proc's).
int file_write_at(int dir, const char *path, const char *text);
// Makes path hold exactly these bytes, or leaves what was there: a temporary file beside it, renamed over.
// With sync the bytes and the name have reached the disk when it returns.
int file_replace_at(int dir, const char *path, const void *bytes, size_t size, mode_t mode, bool sync);

void dir_closep(DIR **stream); // for _cleanup_(dir_closep) DIR *stream = NULL;
// A directory's names; path's last part is no link.
int dir_open_at(int dir, const char *path, DIR **ret_stream);
// The next entry but "." and "..": 1, or 0 at the end.
int dir_read(DIR *stream, struct dirent **ret_entry);
// mkdir -p below dir. The path is trusted (hoy's own folders); never for paths inside a root filesystem.
int dir_make_all_at(int dir, const char *path, mode_t mode);
// rm -rf of name in dir, however deep, never following a link and never leaving the file system. A missing
// name is fine.
int dir_remove_all_at(int dir, const char *name);
