// SPDX-License-Identifier: Apache-2.0
#include "image/probe.h"

// Everything that is not named is 0.
// clang-format off
const uint8_t probe_image[PROBE_SIZE] = {
    // the superblock: magic, mtimes, 512-byte blocks, the root's number, 2 inodes, 3 blocks, chunks and devices
    [1024] = 0xe2, 0xe1, 0xf5, 0xe0,
    [1032] = 0x02,
    [1036] = 0x09, 0x00, 0x28, 0x00, 0x02,
    [1060] = 0x03,
    [1104] = 0x0c,
    [1110] = 0x01, 0x00, 0x09,
    // the device: 1 block
    [1216] = 0x01,
    // the root: a directory of mode 0755, and in it ".", ".." and "probe"
    [1280] = 0x05,
    [1284] = 0xed, 0x41, 0x00, 0x00, 0x2c,
    [1296] = 0x03,
    [1300] = 0x01,
    [1324] = 0x02,
    [1344] = 0x28,
    [1352] = 0x24, 0x00, 0x02, 0x00, 0x28,
    [1364] = 0x25, 0x00, 0x02, 0x00, 0x2c,
    [1376] = 0x27, 0x00, 0x01, 0x00, '.', '.', '.', 'p', 'r', 'o', 'b', 'e',
    // the file: mode 0644, 4 bytes, one chunk of device 1
    [1408] = 0x09,
    [1412] = 0xa4, 0x81, 0x00, 0x00, 0x04,
    [1424] = 0x20,
    [1428] = 0x02,
    [1452] = 0x01,
    [1474] = 0x01,
};
