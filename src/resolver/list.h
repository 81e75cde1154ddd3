// SPDX-License-Identifier: Apache-2.0
// Lists of things that have their links in themselves, in a member `list`. A list of zeros is empty.
#pragma once

#include <stddef.h>

#define LIST_OF(type)              \
    struct {                       \
        struct type *first, *last; \
    }
#define LIST_LINK(type)               \
    struct {                          \
        struct type *next, *previous; \
    }

// At the end.
#define list_add(of, item)                  \
    do {                                    \
        (item)->list.next = NULL;           \
        (item)->list.previous = (of)->last; \
        if ((of)->last)                     \
            (of)->last->list.next = (item); \
        else                                \
            (of)->first = (item);           \
        (of)->last = (item);                \
    } while (0)

#define list_remove(of, item)                                         \
    do {                                                              \
        if ((item)->list.next)                                        \
            (item)->list.next->list.previous = (item)->list.previous; \
        else                                                          \
            (of)->last = (item)->list.previous;                       \
        if ((item)->list.previous)                                    \
            (item)->list.previous->list.next = (item)->list.next;     \
        else                                                          \
            (of)->first = (item)->list.next;                          \
    } while (0)
