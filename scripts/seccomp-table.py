#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a seccomp profile in Docker's JSON format as tables in C: seccomp-table.py PROFILE OUTPUT."""
import hashlib
import json
import sys

OPERATORS = {"SCMP_CMP_NE": 1, "SCMP_CMP_LT": 2, "SCMP_CMP_LE": 3, "SCMP_CMP_EQ": 4,
             "SCMP_CMP_GE": 5, "SCMP_CMP_GT": 6, "SCMP_CMP_MASKED_EQ": 7}


# In the order of their numbers in linux/capability.h.
CAPABILITIES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE
SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF
CHECKPOINT_RESTORE""".split()


def mask(names):
    return "UINT64_C(0x%x)" % sum(1 << CAPABILITIES.index(name.removeprefix("CAP_")) for name in names)


def strings(name, items):
    body = ", ".join(f'"{item}"' for item in items)
    return f"static const char *{name}[] = {{{body}}};\n" if items else ""


def condition(rule, way, ref):
    of = rule.get(way, {})
    kernel = f'"{of["minKernel"]}"' if "minKernel" in of else "NULL"
    return f"{{.caps = {mask(of.get('caps', []))}, .arches = {ref(way + '_arches')}, .min_kernel = {kernel}}}"


def main(source, target):
    text = open(source, "rb").read()
    profile = json.loads(text)
    out = ["// SPDX-License-Identifier: Apache-2.0\n",
           f"// Made from {source.split('/')[-1]} by seccomp-table.py.\n",
           '#include "runtime/seccomp_profile.h"\n\n#include <stddef.h>\n\n']
    rows = []
    for i, rule in enumerate(profile["syscalls"]):
        lists = {"names": rule["names"]}
        for way in "includes", "excludes":
            lists[f"{way}_arches"] = rule.get(way, {}).get("arches") or []
        for name, items in lists.items():
            out.append(strings(f"{name}_{i}", items))
        args = rule.get("args") or []
        if args:
            body = ", ".join("{%d, %d, UINT64_C(%d), UINT64_C(%d)}" % (
                a["index"], OPERATORS[a["op"]], a["value"], a.get("valueTwo", 0)) for a in args)
            out.append(f"static struct spec_seccomp_arg args_{i}[] = {{{body}}};\n")
        ref = lambda n: f"{{{n}_{i}, {len(lists[n])}}}" if lists[n] else "{NULL, 0}"
        rows.append(
            f"    {{.rule = {{.names = {ref('names')}, .action = \"{rule['action']}\",\n"
            f"              .errno_ret = {rule.get('errnoRet', -1)}, .args = {{{f'args_{i}' if args else 'NULL'}, {len(args)}}}}},\n"
            f"     .includes = {condition(rule, 'includes', ref)},\n"
            f"     .excludes = {condition(rule, 'excludes', ref)}}},\n")
    arches = []
    for i, arch in enumerate(profile["archMap"]):
        subs = arch["subArchitectures"] or []
        out.append(strings(f"subs_{i}", subs))
        arches.append(f"    {{\"{arch['architecture']}\", {{{f'subs_{i}' if subs else 'NULL'}, {len(subs)}}}}},\n")
    out += ["\nstatic struct profile_rule rules[] = {\n", *rows, "};\n",
            "\nstatic struct profile_arch arches[] = {\n", *arches, "};\n",
            "\nconst struct seccomp_profile seccomp_profile_default = {\n",
            f'    .version = "{hashlib.sha256(text).hexdigest()[:16]}",\n',
            f'    .default_action = "{profile["defaultAction"]}",\n',
            f'    .default_errno_ret = {profile.get("defaultErrnoRet", -1)},\n',
            f"    .arch_map = {{arches, {len(arches)}}},\n    .rules = {{rules, {len(rows)}}},\n}};\n"]
    open(target, "w").write("".join(out))


main(*sys.argv[1:])
