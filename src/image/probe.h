// SPDX-License-Identifier: Apache-2.0
// An EROFS image of one file, whose bytes are the first block of its one device. It is what erofs_write()
// makes (the test compares), kept here because only the fetch worker links the writer.
#pragma once

#include <stdint.h>

#define PROBE_SIZE 1536
#define PROBE_FILE "probe"
#define PROBE_TEXT "hoy\n"

extern const uint8_t probe_image[PROBE_SIZE];
