// SPDX-License-Identifier: Apache-2.0
// What a shim and its clients (run, start, attach, exec) say to each other, over a SOCK_STREAM unix socket:
// frames of a head and at most SHIM_FRAME_MAX bytes.
//
// The first client of `run` and `exec` has its end of a socketpair from birth; later ones connect to
// <runroot>/containers/<id>/shim.sock. Any number may be connected; each gets all output from then on, unless
// it says otherwise with HELLO. Everyone's input goes to the container.
//
// A client may have sent at most SHIM_STDIN_WINDOW bytes of input that the container has not taken yet; the
// shim says with STDIN_TAKEN what it took. So a shim never has to stop reading from a client, and a RESIZE or
// SIGNAL is never stuck behind input that nobody reads. A client that breaks a rule is disconnected.
#pragma once

#include <stdint.h>

#define SHIM_FRAME_MAX    16384
#define SHIM_STDIN_WINDOW 65536

enum shim_frame_type {
    // client to shim
    SHIM_HELLO = 1, // optional first frame: struct shim_hello; without it: all output wanted
    SHIM_STDIN,     // bytes; an empty frame is the end of input
    SHIM_RESIZE,    // struct shim_size
    SHIM_SIGNAL,    // uint32_t: a signal for the container's pid 1 (or the exec'd process)
    SHIM_STOP,      // uint32_t: the same; it is to end, and is not started again
    SHIM_NAMES,     // empty: the container has come to a network that gives names (shim/names.h)
    SHIM_PORTS, // empty; with two descriptors, a bag and an epoll (shim/ports.h), in place of those it has
    // shim to client
    SHIM_STARTED = 32, // uint32_t: the container's pid on the host; the command is being executed. The first
                       // frame for later clients, too
    SHIM_FAILED,       // struct err: the start failed, everything is undone; nothing follows
    SHIM_STDOUT,       // bytes
    SHIM_STDERR,       // bytes
    SHIM_EXITED,       // struct shim_exit: it ended, all its output was sent. Everything is undone; the first
                       // client hears it before that, and when the shim closes the connection it is true for
                       // it, too
    SHIM_STDIN_TAKEN,  // uint32_t: this many bytes more of this client's input were taken
};

struct shim_frame {
    uint32_t type; // enum shim_frame_type
    uint32_t size; // bytes that follow
};

struct shim_hello {
    uint8_t want_stdout, want_stderr;
    uint8_t owns_stdin; // from the first client (`run -i`): when it goes, the container's standard input ends
    uint8_t reserved[5];
};

struct shim_size {
    uint16_t rows, columns;
};

struct shim_exit {
    int32_t status;    // the exit code; 128 + n after signal n
    uint32_t oom;      // the kernel killed something in the container for lack of memory
    int64_t exited_ns; // wall clock
    uint32_t restarts; // it will be started again: the shim waits for that, and can be reached
    uint32_t stopped;  // somebody asked it to end
};

// Descriptors that a shim is born with. Absent ones are closed. Where descriptors go to the container's
// command, those come first, and all of these so many numbers later; that number is the shim's argument.
enum shim_fd {
    SHIM_FD_PLAN = 3, // the plan's file, read-write
    SHIM_FD_CLIENT,   // the first client's socket
    SHIM_FD_LISTEN,   // listening socket, for a container
    SHIM_FD_LOG,      // the log's file, opened for append
    SHIM_FD_STATE,    // the container's directory in <root>: where the exit record "exit" is written;
                      // for an exec'd process <root>, where its events go
    SHIM_FD_SELF,     // the sealed memfd that the shim runs from (INIT executes it once more)
    SHIM_FD_START,    // what the container's START operation reads
    SHIM_FD_CONSOLE,  // a socket that gets the terminal's master
    SHIM_FD_PIDFD,    // a socket that gets a pidfd of the process
    SHIM_FD_ERRORS,   // an OCI runtime's log
    SHIM_FD_TERMINAL, // of a process that is there already: its terminal's master
    SHIM_FD_HEALTH,   // the record of health checks (shim/health_record.h)
    SHIM_FD_PORTS,    // a bag of the sockets that hold published ports (shim/ports.h)
    SHIM_FD_SERVED,   // an epoll of those in it that a proxy serves
    SHIM_FD_RECEIVER, // a connected socket of who gets the log's lines
    SHIM_FD_HOLD,     // a file that the shim's process holds (kernel/holders.h): never to be closed
    SHIM_FD_RESOLVER, // connected to the resolver of the container's network: open for as long as it runs
                      // (shim/names.h)
    SHIM_FD_NFT, // the starter's socket of nftables, which only is not to be closed (kernel/nft_socket.c)
    SHIM_FD_COUNT,
};
