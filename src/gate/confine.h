// SPDX-License-Identifier: Apache-2.0
// What the gate keeps once its sockets are open: reading from them, sending by them, and looking whether it
// is still needed.
#pragma once

// Gives root and every capability away and leaves only those system calls. 0 or -errno.
int gate_confine(void);
