# SPDX-License-Identifier: Apache-2.0
"""The bench's part on names: look-ups of containers, by dnsperf, which has a core of its own; the resolver has another one
alone. What it takes of that core is counted besides: a resolver with many threads gets more of a busy machine."""
import json
import os
import re
import statistics
import subprocess

CONTAINERS = 20
PROCESSES = {"hoy": "hoy-resolver", "podman": "aardvark-dns", "docker": "dockerd"}


class Names:
    """What Bench and Networks have besides: engines, engine, peer_command, verdicts, problems, rounds, quick, quiet, work."""

    def section_names(self):
        rates, cores = {}, sorted(os.sched_getaffinity(0))
        able = [who for who, *_ in self.engines() if self.names_try(who, lambda who=who: self.names_begin(who))]
        for _ in range(self.rounds):
            for who in list(able):
                for way in ("udp", "tcp"):
                    if (who, way) == ("podman", "tcp") or who not in able:
                        continue
                    if not self.names_try(who, lambda who=who, way=way: rates.setdefault((who, way), []).append(
                            self.names_ask(who, way, cores))):
                        able.remove(who)
        for who, *_ in self.engines():
            self.names_try(who, lambda who=who: self.names_end(who))
        self.names_say({key: [statistics.median(each) for each in zip(*values)] for key, values in rates.items()
                        if key[0] in able})

    def names_try(self, who, function):
        """A subject that can't do it is named with its reason, and the others go on."""
        try:
            function()
            return True
        except (RuntimeError, OSError) as error:
            self.problems.append(f"look-ups by {who}: {error}")
            return False

    def names_end(self, who):
        self.engine(who, "rm", "-f", *[f"n{i}" for i in range(CONTAINERS)])
        self.engine(who, "network", "rm", "names")

    def names_begin(self, who):
        _, _, image, more = next(engine for engine in self.engines() if engine[0] == who)
        self.engine(who, "network", "create", "names")
        for i in range(CONTAINERS):
            self.engine(who, "run", "-d", "--name", f"n{i}", *more, "--network", "names", image, "sleep", "9999")

    @staticmethod
    def names_cpu(process):
        with open(f"/proc/{process}/stat", encoding="utf8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def names_ask(self, who, way, cores):
        """Look-ups of both record types in turn: how many a second, and how many a second of the resolver's on a core."""
        document = json.loads(self.quiet(self.peer_command(who, "inspect", "n0"), env=self.env))
        pid = document[0]["State"]["Pid"]
        with open(f"/proc/{pid}/root/etc/resolv.conf", encoding="utf8") as file:
            server = re.search(r"^nameserver (\S+)", file.read(), re.M)[1]
        questions = self.work / "questions"
        questions.write_text("".join(f"n{i} {kind}\n" for i in range(CONTAINERS) for kind in ("A", "AAAA")))
        process = self.quiet(["pgrep", "-o", "-x", PROCESSES[who]]).split()[0]
        # The kernel's part of a question is done by whoever sends it: the two must not share a core.
        self.quiet(["taskset", "-acp", str(cores[0]), process])
        before = self.names_cpu(process)
        try:
            said = self.quiet(["nsenter", "-t", str(pid), "-n", "taskset", "-c", str(cores[-1]), "dnsperf", "-s", server, "-m",
                               way, "-d", str(questions), "-l", "1" if self.quick else "3", "-c", "4", "-q", "100"])
        finally:
            subprocess.run(["taskset", "-acp", ",".join(map(str, cores)), process], capture_output=True, check=False)
        took = self.names_cpu(process) - before
        completed, good = (int(found[1]) if (found := re.search(what, said)) else 0
                           for what in (r"Queries completed: +(\d+)", r"NOERROR (\d+)"))
        if not completed:
            raise RuntimeError(f"no answer by {way} from {server}")
        if good < completed:
            raise RuntimeError(f"{completed - good} of {completed} look-ups found nothing")
        return float(re.search(r"Queries per second: +([0-9.]+)", said)[1]), completed / max(took, 0.01)

    def names_say(self, rates):
        print("\nLook-ups of containers, the resolver on one core (median)   a second    a second of its own")
        for (who, way), (rate, own) in rates.items():
            print(f"  {f'{who}, {way}':56} {rate:9.0f} {own:15.0f}")
        for way in ("udp", "tcp"):
            if ("hoy", way) not in rates:
                continue
            rate, own = rates["hoy", way]
            self.verdicts.append((rate >= 20000, f"look-ups by {way} on one core: at least 20,000 a second: {rate:.0f}"))
            for who in ("docker", "podman"):
                if (who, way) in rates:
                    theirs = rates[who, way][1]
                    self.verdicts.append((own >= theirs, f"look-ups by {way} on one core: at least {who}'s: {own / theirs:.1f} ×"))
