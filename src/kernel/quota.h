// SPDX-License-Identifier: Apache-2.0
// Project quotas: how much the files below a directory may take together (quotactl(2), ioctl_fs_xattr).
#pragma once

#include <stdint.h>

// The directory, empty still, and all that is made in it belong to the project, which gets that limit.
// project: a number of nobody else's on this file system. -ENOTSUP: the file system has no project quotas,
// they are not turned on, or Linux is older than 5.14.
int quota_limit_directory(int directory, uint32_t project, uint64_t bytes);
// A project of count from first on that has no limit and no files here. -ENOSPC: all have; -ENOTSUP.
int quota_project_find(int directory, uint32_t first, uint32_t count, uint32_t *ret_project);
// That of a directory; 0: none.
int quota_project_of(int directory, uint32_t *ret_project);
// For one that is about to have no files any more.
void quota_unlimit_project(int directory, uint32_t project);
