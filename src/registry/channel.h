// SPDX-License-Identifier: Apache-2.0
// What hoy and its fetch worker say to each other: JSON messages on a SOCK_SEQPACKET socket, each whole or
// not at all, may be with a descriptor. The first is hoy's request. Then come the worker's events:
//   {"event":"resolved","digest":D,"manifest":D,"image":D,"names":[N],"indexes":[D]}  the manifest is in the
//   staging directory; answered. names: what an archive calls the image. indexes: those between, when the
//   digest's index leads to another
//   {"event":"signature","payload":T,"signature":S}         before "resolved", when the request wants them
//   {"event":"layers"}                                      the config is there too; answered, layer by layer
//   {"event":"layer","layer":N}                             with the driver "dir": its tar is staged, or
//   grows from now on, and with the event comes a pipe that tells of it (unpack/extract.h)
//   {"event":"progress","layer":N,"current":B}              bytes of the blob so far
//   {"event":"complete","layer":N}                          verified and written
//   {"event":"member","id":I,"size":B}                      an archive has what may be a layer, and then
//   {"event":"staged","current":B,"digest":D}               of the last one: bytes so far; at the end what it
//   is
//   {"event":"image"}                                       the image is complete. An archive may have
//   another
//   {"event":"tags","tags":[T…]}                            some of a repository's tags (mode "tags")
//   {"event":"done"}                                        everything is in the staging directory; with
//   {"digest":D,"size":B,"any":bool}                        of a layer, what was written and if there is any
//   {"event":"error","kind":K,"code":E,"text":T}            the last one
// Answers: {"answer":"have","diff_id":D} with a descriptor of that layer, any number of them; then
// {"answer":"go","index":NAME} (what the merged index is to be staged by; null: it is in the store), or
// {"answer":"stop"}: hoy has the image. To "resolved" {"answer":"go","missing":[bool…]}: which of the
// manifest's layers hoy lacks for sure, and are worth asking for before the config is there.
//
// To the worker that extracts hoy says {"diff_id":D}, with such a pipe or without, for a staged tar that is
// to become the directory <diff id hex> beside it; {"diff_id":D,"verified":true} when it is what it should
// be; and in the end {}. The answer is "done", or "error", which may also come before.
#pragma once

#include "base/str.h"

// Names in the staging directory. A layer is <diff id hex>.tar; what there is of a large blob, as long as it
// is not complete, <digest hex>.part; so is a blob that is to be kept.
#define STAGED_INDEX_DOCUMENT "index.json"     // what the reference led to, when that is an index
#define STAGED_INDEX_FORMAT   "index.%zu.json" // and the indexes that it led to, from 1 on
#define INDEX_DEPTH_MAX       4
#define STAGED_MANIFEST       "manifest.json"
#define STAGED_CONFIG         "config.json"
#define STAGED_EROFS          "index.erofs" // of an import; else hoy says the name
#define STAGED_PART           ".part"
#define STAGED_MADE           ".made" // of a layer's directory: the digest of what is in it (unpack/pack.h)
#define STAGED_TAR            "layer.tar" // of a layer whose diff id was not known before

#define CHANNEL_MESSAGE_MAX (128u << 10)

// fd: -1 for none. -errno; never raises SIGPIPE.
int channel_send(int socket, const char *text, size_t size, int fd);
// Waits for a message: 1, 0 when the other side has gone, -errno. *ret_fd is -1 when none came with it.
int channel_receive(int socket, struct str *ret_text, int *ret_fd);
