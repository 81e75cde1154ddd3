// SPDX-License-Identifier: Apache-2.0
// Mounts by descriptor: built detached, given their flags, and only then attached to a checked descriptor.
// All return -errno. Flags are the MS_* of mount(2).
#pragma once

#include <stdbool.h>
#include <stdint.h>

// A new file system, not attached anywhere. data is comma separated options, as for mount(8); source may be
// NULL. MS_RDONLY and the like become the mount's attributes.
int mount_new(const char *type, const char *source, uint64_t flags, const char *data);

// The same step by step: a context, its options one by one (value NULL: a flag; the kernel takes 255 bytes
// each), and the mount.
int mount_context(const char *type);
int mount_context_set(int context, const char *key, const char *value);
int mount_context_create(int context, uint64_t flags);

// A detached copy of what is mounted at a path or, with path "", at a descriptor; recursive with what is
// below.
int mount_clone(int dir, const char *path, bool recursive);

// The same, but a symbolic link at the end of path is not followed: it is mounted itself.
int mount_clone_nofollow(int dir, const char *path, bool recursive);

// Sets attributes (MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOSYMFOLLOW, access times) on a mount given
// by a descriptor, and clears the access time ones that contradict them. Before Linux 5.12: not recursive
// (-ENOSYS), and only a mount that is attached (-EINVAL).
int mount_set_flags(int mount, uint64_t flags, bool recursive);
// Whether this kernel can set attributes of everything below a mount (Linux 5.12).
bool mount_can_recurse(void);

// Sets and clears attributes (MOUNT_ATTR_*) on a mount and on all below it. -ENOSYS before Linux 5.12.
int mount_set_all(int mount, uint64_t set, uint64_t clear);

// Takes the same flags off a mount, for itself alone. -EPERM where a user namespace's parent has locked them,
// -ENOSYS before Linux 5.12.
int mount_clear_flags(int mount, uint64_t flags);

// Lets the files of a detached mount (and with recursive of those below it) change owner by the map of a user
// namespace. -EINVAL: this file system can't; -ENOSYS before Linux 5.12; -EPERM: not in a user namespace.
int mount_idmap(int mount, int userns, bool recursive);

// Options of the file system that is mounted at a descriptor: data as in mount_new, and those of flags.
int mount_reconfigure(int mount, uint64_t flags, const char *data);

// MS_PRIVATE, MS_SHARED, MS_SLAVE or MS_UNBINDABLE, with MS_REC.
int mount_set_propagation(int mount, uint64_t propagation);

// Attaches a detached mount on top of the target descriptor.
int mount_attach(int mount, int target);

// Makes root the root of this mount namespace, drops the old one, and stands in it. shared: some of the old
// one's mounts are the host's peers.
int mount_pivot(int root, bool shared);

// The same where pivot_root does not work, as on a ramdisk: the mount is moved over the old root.
int mount_move_to_root(int root);

// Which mount the descriptor is on, and whether it is that mount's root. Linux 5.8.
int mount_identify(int fd, uint64_t *ret_id, bool *ret_is_root);

// Takes a mount away, and what is below it, as soon as nobody uses it. By a descriptor of its root; proc is
// one of a /proc in which the caller finds itself, from before it joined another mount namespace.
int mount_detach(int mount, int proc);
