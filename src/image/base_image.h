// SPDX-License-Identifier: Apache-2.0
// The image that is a part of the program: made at build time by scripts/make-base-image.
#pragma once

extern const char base_image_tar[], base_image_tar_end[];
extern const char base_image_config[], base_image_config_end[]; // without "rootfs"
