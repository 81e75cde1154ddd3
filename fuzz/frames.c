// SPDX-License-Identifier: Apache-2.0
// What a client says to a shim, in pieces of any size: it has an answer or is disconnected.
#include "fuzz/fuzz.h"
#include "shim/peer.h"

#include <sys/socket.h>
#include <unistd.h>

static void nothing(struct peer *peer) {
    (void)peer;
}
static void resize(struct shim_size size) {
    (void)size;
}
static void signal_(int number) {
    must(number > 0 && number <= 64);
}
static void ports(int bag, int served) {
    close(bag), close(served);
}
static void names(void) {}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct peer_buffers buffers;
    static const struct peer_requests requests = {nothing, resize, signal_, signal_, ports, names};
    struct peer peer;
    int pair[2];
    must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    peer_init(&peer, &buffers, pair[0], true);
    for (size_t step = size ? bytes[0] + 1u : 1; size && peer_present(&peer);) {
        size_t n = step < size ? step : size;
        must(send(pair[1], bytes, n, MSG_NOSIGNAL) == (ssize_t)n);
        bytes += n, size -= n;
        peer_receive(&peer, &requests);
        must(queue_used(&peer.input) <= SHIM_STDIN_WINDOW);
        if (n & 1 && peer_present(&peer)) {
            size_t taken = queue_used(&peer.input);
            queue_drop(&peer.input, taken);
            peer_input_taken(&peer, taken);
            peer_flush(&peer);
        }
    }
    if (peer_present(&peer)) peer_drop(&peer);
    close(pair[1]);
    return 0;
}
