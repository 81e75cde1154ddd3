// SPDX-License-Identifier: Apache-2.0
// A blob on its way to a registry: out of a file, compressed as it goes, or out of another registry. A thread
// makes the bytes while others send them. Bytes that don't have the digest that they should have are never
// given out whole: the last of them stay here.
#pragma once

#include "fetch/encode.h"
#include "fetch/ring.h"
#include "registry/upload.h"

#include <stdatomic.h>

struct feed {
    // From a file
    int fd; // borrowed; -1: from a registry
    enum layer_compression compression;
    int level;
    // From a registry
    struct registry *registry;
    struct http *http;

    const char *digest;                              // that it must have; NULL: whatever it is
    uint64_t size;                                   // with a digest
    void (*progress)(struct feed *feed, void *data); // may be called often
    void *data;

    atomic_uint_least64_t consumed; // of the file, or of the blob from a registry
    uint64_t produced;              // after the end: the blob's size
    char made[DIGEST_SIZE];         // after the end: its digest
    bool failed;                    // what ended the upload was the making of the bytes

    bool running;
    pthread_t thread;
    struct ring ring;
    struct hash *hash;
    struct ring_block *filling;     // the maker's
    const struct ring_block *block; // the reader's
    size_t taken;
    struct err err;
};

// The feed has to outlive it.
struct blob_source feed_source(struct feed *feed);
void feed_finish(struct feed *feed);
