// SPDX-License-Identifier: Apache-2.0
// Paths inside a root filesystem that somebody else may have written: resolved by the kernel with openat2(2)
// against a descriptor of the root, where no link leads out of it, and used through descriptors from then on.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

// An O_PATH descriptor of path inside root, links resolved inside root; or with flags instead of O_PATH when
// they are not 0. -errno.
int path_open_in(int root, const char *path, int flags);
// The same, O_PATH, where no mount inside root is on the way; else -EXDEV.
int path_open_own(int root, const char *path);

// path_open_in, and makes what is missing: directories (0755) on the way, and at the end a directory, or,
// when file is set, an empty file. What a link names that should be a directory and is missing is made, too,
// inside root; in place of a file, a link that leads nowhere is what it opens.
int path_make_in(int root, const char *path, bool file);
// The same, but a link at the end of the path is not followed.
int path_make_in_nofollow(int root, const char *path, bool file);

// Opens a path below dir with flags, on the very file system that dir is on: no way out, no mount on the way,
// no magic link. For procfs, where a mount over a file would take what is written to it.
int path_open_below(int dir, const char *path, int flags);

// The same for trees that go on in other mounts: no link anywhere on the way. With O_PATH | O_NOFOLLOW the
// last part may be one.
int path_open_plain(int dir, const char *path, int flags);

// The directory that path's last component is in, made when missing, and that component's name (which is
// "." for the root itself). The name points into path.
int path_parent_in(int root, const char *path, const char **ret_name);
