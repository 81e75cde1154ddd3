// SPDX-License-Identifier: Apache-2.0
#include "base/signal_name.h"

#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#define LAST 64 // SIGRTMAX of the kernel

static const struct {
    int number;
    const char *name;
} names[] = {
    {SIGHUP, "HUP"},       {SIGINT, "INT"},   {SIGQUIT, "QUIT"},  {SIGILL, "ILL"},     {SIGTRAP, "TRAP"},
    {SIGABRT, "ABRT"},     {SIGABRT, "IOT"},  {SIGBUS, "BUS"},    {SIGFPE, "FPE"},     {SIGKILL, "KILL"},
    {SIGUSR1, "USR1"},     {SIGSEGV, "SEGV"}, {SIGUSR2, "USR2"},  {SIGPIPE, "PIPE"},   {SIGALRM, "ALRM"},
    {SIGTERM, "TERM"},     {SIGCHLD, "CHLD"}, {SIGCHLD, "CLD"},   {SIGCONT, "CONT"},   {SIGSTOP, "STOP"},
    {SIGTSTP, "TSTP"},     {SIGTTIN, "TTIN"}, {SIGTTOU, "TTOU"},  {SIGURG, "URG"},     {SIGXCPU, "XCPU"},
    {SIGXFSZ, "XFSZ"},     {SIGPROF, "PROF"}, {SIGIO, "IO"},      {SIGIO, "POLL"},     {SIGPWR, "PWR"},
    {SIGVTALRM, "VTALRM"}, {SIGSYS, "SYS"},   {SIGSYS, "UNUSED"}, {SIGWINCH, "WINCH"}, {SIGSTKFLT, "STKFLT"},
};

static int real_time(const char *name) {
    uint32_t n = 0;
    char sign = name[5];
    if (sign && ((sign != '+' && sign != '-') || parse_u32(name + 6, &n))) return -EINVAL;
    // Past the end of the range in either direction there is nothing.
    if (n > (uint32_t)(SIGRTMAX - SIGRTMIN)) return -EINVAL;
    if (!strncasecmp(name, "RTMIN", 5) && sign != '-') return SIGRTMIN + (int)n;
    if (!strncasecmp(name, "RTMAX", 5) && sign != '+') return SIGRTMAX - (int)n;
    return -EINVAL;
}

int signal_parse(const char *text) {
    uint32_t number;
    if (parse_u32(text, &number) == 0) return number >= 1 && number <= LAST ? (int)number : -EINVAL;
    const char *name = !strncasecmp(text, "SIG", 3) ? text + 3 : text;
    if (!strncasecmp(name, "RTM", 3) && strlen(name) >= 5) return real_time(name);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (!strcasecmp(names[i].name, name)) return names[i].number;
    return -EINVAL;
}
