// SPDX-License-Identifier: Apache-2.0
// linux.cgroupsPath and linux.resources as operations, for v1, v2 and hybrid hosts. A limit that this host
// has no controller for is an error that names both; nothing is passed over.
#pragma once

#include "kernel/cgroup.h"
#include "oci/spec.h"
#include "plan/plan.h"

// path is the cgroup below each hierarchy's root ("/hoy/ab12…"); the spec's own cgroupsPath comes first.
// Without a slash in front it begins at the caller's own group in each (in v2 at the one above that), as with
// runc: then only the plan knows later where it was. A group that has processes in it already is refused when
// it is to be made. At the end the container's own group goes and those above it stay, whoever made them.
// ret_v2 (allocated in arena): the v2 cgroup for the clone, NULL where there is none.
int runtime_cgroup_plan_host(const struct spec *spec, const char *path, struct arena *arena,
                             struct plan *plan, const char **ret_v2, struct err *err);
// Which of the host's hierarchies containers of this process get groups in: all; those where one can be made
// (somebody who is not root may have been given a part of one, or nothing); none. Without a group the
// container stays in its caller's, and a limit is an error.
enum runtime_cgroup_use { RUNTIME_CGROUP_ALL, RUNTIME_CGROUP_WRITABLE, RUNTIME_CGROUP_NONE };
void runtime_cgroup_set_use(enum runtime_cgroup_use use);

// Whether containers of this process get a group in v1's blkio that no limit asks for, to be counted in.
void runtime_cgroup_count_io(bool counted);

// The files by which a process leaves the unit of systemd that it is in, with "0": a container that was
// started by a service, or from a session, is to outlive it, and its shim as well. In arena; NULL where there
// is nothing to leave.
#define RUNTIME_CGROUP_EXITS 2 // in v2, and where systemd keeps track of v1
void runtime_cgroup_exits(struct arena *arena, const char *ret_files[static RUNTIME_CGROUP_EXITS]);
// By them, where it is allowed; for a child of vfork.
void runtime_cgroup_leave(const char *const files[static RUNTIME_CGROUP_EXITS]);

// The child joins v1's hierarchies itself.
int runtime_cgroup_plan_child(const struct spec *spec, const char *path, struct plan *plan, struct err *err);
// After the child's own cgroup namespace is made: it moves to the group of the annotation
// run.oci.delegate-cgroup.
int runtime_cgroup_plan_delegate(const struct spec *spec, const char *path, struct plan *plan,
                                 struct err *err);

// The groups of a container that is there, as its plan has them: for statistics, the freezer, signals. Those
// that are gone or were never made are not among them; one that has no place in any is an error.
int runtime_cgroup_groups(const struct plan_block *block, struct arena *arena,
                          struct cgroup_groups *ret_groups, struct err *err);
// For statistics alone: v1's cpuset counts nothing, and where a container has no group of its own in it, its
// CPUs are those of the group that its first process is in.
void runtime_cgroup_add_cpuset(const struct plan_block *block, struct arena *arena,
                               struct cgroup_groups *groups);
// The groups with its place in every hierarchy, also where no group is: for new limits, which may need one
// (runtime/update.h), and for the end. None for a container without cgroups.
int runtime_cgroup_places(const struct plan_block *block, struct arena *arena,
                          struct cgroup_groups *ret_places, struct err *err);
// A signal to all of the container's processes: they stand still meanwhile, so that none is born unseen.
// SIGKILL returns when they are gone. A container that was frozen stays so, but SIGKILL acts.
int runtime_cgroup_signal(const struct cgroup_groups *groups, int signal, struct err *err);
// Removes the groups in all places, also those that the plan did not make.
int runtime_cgroup_remove(const struct cgroup_groups *places, struct err *err);

// What /sys/fs/cgroup of a container shows.
struct runtime_cgroup_mounts {
    bool unified; // v2 only: mount cgroup2 itself
    struct {
        const char *name, *source; // a folder, and the host's cgroup that is bound there
    } items[20];
    size_t count;
    struct {
        const char *name, *target; // "cpu" -> "cpu,cpuacct"
    } links[40];
    size_t link_count;
};
int runtime_cgroup_mounts(const struct spec *spec, const char *path, struct arena *arena,
                          struct runtime_cgroup_mounts *ret_mounts, struct err *err);
