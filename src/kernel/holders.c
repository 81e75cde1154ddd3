// SPDX-License-Identifier: Apache-2.0
#include "kernel/holders.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum byte { HELD, EXCLUSIVE };

static int lock(int fd, enum byte byte, short type, int command) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    while (fcntl(fd, command, &lock))
        if (errno != EINTR) return -errno;
    return 0;
}

int holders_join(int fd) {
    return lock(fd, HELD, F_RDLCK, F_SETLK);
}

int holders_find(int fd, pid_t *ret_pid) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = HELD, .l_len = 1};
    if (fcntl(fd, F_GETLK, &lock)) return -errno;
    if (lock.l_type != F_UNLCK && lock.l_pid <= 0) return -ESRCH;
    *ret_pid = lock.l_type == F_UNLCK ? 0 : lock.l_pid;
    return 0;
}

int holders_exclude(int fd) {
    return lock(fd, EXCLUSIVE, F_WRLCK, F_SETLKW);
}

int holders_admit(int fd) {
    return lock(fd, EXCLUSIVE, F_UNLCK, F_SETLK);
}
