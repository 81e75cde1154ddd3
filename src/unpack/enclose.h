// SPDX-License-Identifier: Apache-2.0
// A process that reads or writes what somebody else made sees nothing but that.
#pragma once

// A detached mount (with what is mounted below it) becomes the root of mount, network and IPC namespaces of
// this process's own; it stands there afterwards. Needs root. 0 or -errno.
int enclose(int mount);
