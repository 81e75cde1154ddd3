// SPDX-License-Identifier: Apache-2.0
// What the administrator says about registries, in the files of Podman and of Docker:
// containers/registries.conf and registries.conf.d/*.conf (version 2; containers-registries.conf(5)),
// docker/daemon.json (registry-mirrors, insecure-registries, proxies), and the certificates in docker/certs.d
// and containers/certs.d, all below `etc` ("/etc").
//
// unqualified-search-registries and short names have no meaning here: a short name is Docker Hub's, as for
// Docker.
#pragma once

#include "registry/endpoint.h"
#include "registry/reference.h"

// Where the image is to be asked for, in this order: mirrors, and the registry itself as the last.
// ERR_INVALID when the registry is blocked, or a file is wrong. Without a path (reference->path NULL) it is
// about the registry as such. Credentials are not filled in.
int settings_endpoints(struct arena *arena, const char *etc, const struct reference *reference,
                       struct endpoints *ret_endpoints, struct err *err);
