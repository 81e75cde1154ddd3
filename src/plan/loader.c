// SPDX-License-Identifier: Apache-2.0
#include "plan/loader.h"

#include "base/fd.h"
#include "base/macro.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct head {
    char bytes[4096 + 1];
    size_t size;
};

static bool read_head(const char *path, struct head *ret_head) {
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    ssize_t n = fd < 0 ? fd : fd_read_full(fd, ret_head->bytes, sizeof ret_head->bytes - 1);
    if (n < 0) return false;
    ret_head->size = (size_t)n;
    memset(ret_head->bytes + n, 0, sizeof ret_head->bytes - (size_t)n);
    return true;
}

// "#!/bin/sh -e": the name ends with a space or the line. NULL when it is no script.
static const char *script_interpreter(struct head *head) {
    if (head->bytes[0] != '#' || head->bytes[1] != '!') return NULL;
    char *name = head->bytes + 2;
    name += strspn(name, " \t");
    name[strcspn(name, " \t\n")] = '\0';
    return *name ? name : NULL;
}

// PT_INTERP of a program for this machine's word size. What lies beyond the first bytes is not looked for.
static const char *program_loader(const struct head *head) {
    Elf64_Ehdr elf;
    if (head->size < sizeof elf || memcmp(head->bytes, ELFMAG, SELFMAG) != 0 ||
        head->bytes[EI_CLASS] != ELFCLASS64)
        return NULL;
    memcpy(&elf, head->bytes, sizeof elf);
    for (size_t i = 0; i < elf.e_phnum; i++) {
        Elf64_Phdr segment;
        size_t at = elf.e_phoff + i * sizeof segment;
        if (elf.e_phoff > head->size || at + sizeof segment > head->size) return NULL;
        memcpy(&segment, head->bytes + at, sizeof segment);
        if (segment.p_type == PT_INTERP && segment.p_offset < head->size)
            return head->bytes + segment.p_offset;
    }
    return NULL;
}

const char *loader_missing(const char *path, char *buffer, size_t size) {
    struct head head;
    if (!read_head(path, &head)) return NULL;
    const char *loader = program_loader(&head);
    const char *name = loader ? loader : script_interpreter(&head);
    if (!name || !access(name, F_OK)) return NULL;
    size_t length = strlen(name);
    if (!loader && name[length - 1] == '\r')
        snprintf(buffer, size, "its first line ends as Windows ends lines, so that it asks for \"%.*s\\r\"",
                 (int)length - 1, name);
    else
        snprintf(buffer, size, "its %s %s is not in the image", loader ? "loader" : "interpreter", name);
    return buffer;
}

#if defined __x86_64__
#define OWN_MACHINE EM_X86_64
#elif defined __aarch64__
#define OWN_MACHINE EM_AARCH64
#else
#define OWN_MACHINE EM_NONE
#endif

static const char *machine_name(unsigned machine) {
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {
        {EM_386, "i386"},      {EM_X86_64, "x86_64"}, {EM_ARM, "arm"},    {EM_AARCH64, "aarch64"},
        {EM_RISCV, "riscv64"}, {EM_PPC64, "ppc64"},   {EM_S390, "s390x"}, {EM_MIPS, "mips"},
        {EM_68K, "m68k"},      {EM_SPARCV9, "sparc"},

    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].machine == machine) return names[i].name;
    return NULL;
}

const char *loader_mismatch(const char *path, char *buffer, size_t size) {
    struct head head;
    if (!read_head(path, &head)) return NULL;
    if (!head.size) return "it is empty";
    if (memcmp(head.bytes, ELFMAG, SELFMAG) != 0) return "it is neither a program nor does it begin with #!";
    unsigned char low = (unsigned char)head.bytes[18], high = (unsigned char)head.bytes[19];
    bool big = head.bytes[EI_DATA] == ELFDATA2MSB;
    unsigned machine = big ? low << 8U | high : high << 8U | low;
    if (machine == OWN_MACHINE) return "it is a damaged program, or only the beginning of one";
    const char *name = machine_name(machine);
    if (!name) return NULL;
    snprintf(buffer, size, "it is a program for %s", name);
    return buffer;
}
