// SPDX-License-Identifier: Apache-2.0
// Values of D-Bus in GVariant's text form, as the annotations org.systemd.property.* have them: true, 'text',
// 5, uint64 5, 1.5, [byte 3, 4], ('a', true), @as [].
#pragma once

#include <systemd/sd-bus.h>

// Appends the value to the message as a variant. -EINVAL when the text is not one value, -EOPNOTSUPP for a
// type that no property of a unit has (dictionaries, maybe, handles).
int variant_append(sd_bus_message *message, const char *text);
