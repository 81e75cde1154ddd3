// SPDX-License-Identifier: Apache-2.0
// Device rules on cgroup v2: a small eBPF program that the kernel asks before a device is opened or made.
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_device_rule {
    bool allow;
    char type;            // 'a', 'b' or 'c'
    int64_t major, minor; // -1: any
    const char *access;   // of r, w, m
};

#define BPF_DEVICE_INSTRUCTIONS(rules) (8 + 8 * (rules))

// Writes the program for the rules into ret_program, which has room for BPF_DEVICE_INSTRUCTIONS(count). As on
// v1 a later rule outweighs an earlier one, for the kinds of access that it names; allow is what holds where
// no rule says anything. Returns the number of instructions.
size_t bpf_device_compile(const struct bpf_device_rule *rules, size_t count, bool allow,
                          struct bpf_insn *ret_program);

// Loads the program (size in bytes) and attaches it to the v2 group at path. 0 or -errno.
int bpf_device_attach(const char *path, const void *program, size_t size);

// The same for a group that has one from bpf_device_attach: the kernel changes one for the other in one step,
// so that at no moment there are no rules or two sets of them. Without an old one it is attached.
int bpf_device_replace(const char *path, const void *program, size_t size);

// How many programs are attached to the group itself; 0 also where the kernel won't say.
size_t bpf_device_count(const char *path);
