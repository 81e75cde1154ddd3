// SPDX-License-Identifier: Apache-2.0
// Files of a tree of mounts (4), which becomes all that the worker sees: what is there, and a tar of a part
// of it, or a tar (5) that becomes files in it. Requests and answers:
//   {"do":"look","path":P}  {"event":"look","found":bool,"mode":M,"target":T}   a link at the end is not
//   followed
//   {"do":"pack","path":P,"whole":bool,"name":N}  {"event":"done","bytes":B}    whole: what is in the
//   directory P
//   {"do":"unpack","path":P,"owner":bool,"rights":bool}  {"event":"done","bytes":B}
// A tree of the host's gets no devices, and its worker could not make any.
#pragma once

#include "fetch/worker.h"

int files_run_read(struct worker *worker);
int files_run_write(struct worker *worker);
int files_run_host(struct worker *worker);
