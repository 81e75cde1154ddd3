# SPDX-License-Identifier: Apache-2.0
"""The bench's part on networks: what a place on a bridge costs, what goes through it, and many at once."""
import json
import os
import pathlib
import re
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor


class Networks:
    """What Bench has besides: peers, measure, table, verdicts (a list) and quiet (a function)."""

    def section_network(self):
        self.network_starts()
        self.network_throughput()
        self.network_many()

    # A place on a bridge, with two published ports

    def engines(self):
        tiny = f"{self.registry}/tiny:1"
        if "hoy" in self.peers:
            yield "hoy", self.hoy, "base", []
        if "podman" in self.peers:
            yield "podman", self.podman, tiny, self.podman_limits
        if "docker" in self.peers:
            yield "docker", self.docker, tiny, []

    def engine(self, who, *arguments):
        command = [*dict((name, command) for name, command, *_ in self.engines())[who], *arguments]
        return self.quiet(command if who == "hoy" else self.theirs(command), env=self.env).splitlines()[-1]

    def network_starts(self):
        ports = ["-p", "127.0.0.1::80", "-p", "127.0.0.1::81"]
        for who, *_ in self.engines():
            # Room for all of the others.
            self.engine(who, "network", "create", *(["--subnet", "10.233.0.0/22"] if who == "hoy" else []), "bench")
        self.start_rounds("no others", ports, [name for name, *_ in self.engines()])
        others = 50 if self.quick else 500
        if "hoy" in self.peers:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda i: self.engine("hoy", "run", "-d", "--name", f"other{i}", "--network", "bench", *ports,
                                                    "base", "sleep", "9999"), range(others)))
            self.start_rounds(f"{others} others", ports, ["hoy"])
            self.engine("hoy", "rm", "-f", *[f"other{i}" for i in range(others)])
        for suffix, title in (("", "back to back"), (" +200", "200 ms idle before each")):
            self.table(f"Starting `true` on a network, with two published ports, {title} (ms, median)",
                       [[key.removesuffix(suffix), key] for key in self.timings
                        if key.startswith("network ") and key.endswith("others" + suffix)])
        for beside in ("no others", f"{others} others"):
            for suffix, title in (("", "back to back"), (" +200", "200 ms idle")):
                none, ours = (self.median(f"network hoy, {what}, {beside}{suffix}") for what in ("none", "ports"))
                if none and ours:
                    self.verdicts.append((ours - none <= 3, f"a bridge and two ports, {beside}, {title}: at most 3 ms over "
                                          f"none: {ours - none:.1f} ms"))
        for who in ("docker", "podman"):
            self.target(f"hoy on a network with two ports: as fast as {who}", "network hoy, ports, no others",
                        f"network {who}, ports, no others", at_least=1)

    def start_rounds(self, beside, ports, names):
        for _ in range(self.rounds):
            for who, command, image, more in self.engines():
                if who not in names:
                    continue
                for gap, suffix in ((0, ""), (200, " +200")):
                    runs = 20 if who == "hoy" else 5
                    for what, place in (("none", ["none"]), ("ports", ["bench", *ports])):
                        self.measure(f"network {who}, {what}, {beside}{suffix}",
                                     [*command, "run", "--rm", *more, "--network", *place, image, "true"], runs, gap,
                                     who != "hoy")

    # Throughput: iperf3 in namespaces that the engines made

    def network_throughput(self):
        """Between two containers, and from a namespace outside of the host to a published port; a veth pair between
        two namespaces is what the kernel itself gives."""
        self.outside()
        places = {"veth pair": (self.namespace("left"), self.namespace("right"), "192.0.2.2", 5201)}
        pids = []
        for who, _, image, more in self.engines():
            port = {"hoy": 15201, "podman": 15202, "docker": 15203}[who]
            for name in ("server", "client"):
                publish = ["-p", f"{port}:5201"] if name == "server" else []
                self.engine(who, "run", "-d", "--name", f"iperf-{name}", *more, "--network", "bench", *publish, image,
                            "sleep", "9999")
            document = json.loads(self.quiet(self.peer_command(who, "inspect", "iperf-server", "iperf-client"), env=self.env))
            server, client = (["nsenter", "-t", str(one["State"]["Pid"]), "-n"] for one in document)
            address = document[0]["NetworkSettings"]["Networks"]["bench"]["IPAddress"]
            places[f"{who}: between containers"] = (client, server, address, 5201)
            places[f"{who}: published port"] = (["ip", "netns", "exec", "outside"], server, "198.51.100.1", port)
            pids.append(who)
        self.throughput_of(places, "iperf3, one connection (Gbit/s, median)", "")
        settings = [pathlib.Path(f"/proc/sys/net/bridge/bridge-nf-call-{which}") for which in ("iptables", "ip6tables")]
        if all(path.exists() for path in settings):
            # As on a host that has no such module: most have not, until a Docker or a Kubernetes loads it.
            for path in settings:
                path.write_text("0")
            self.throughput_of(places, "iperf3, one connection, without br_netfilter (Gbit/s, median)",
                               " without br_netfilter")
            for path in settings:
                path.write_text("1")
        for who in pids:
            self.engine(who, "rm", "-f", "iperf-server", "iperf-client")

    def throughput_of(self, places, title, where):
        rates = {name: [] for name in places}
        for _ in range(self.rounds):
            for name in list(rates):
                try:
                    rates[name].append(self.iperf(*places[name]))
                except RuntimeError as error:  # the rules of one engine can shut out another
                    self.problems.append(f"{name}: {error}")
                    del rates[name]
        print(f"\n{title}")
        medians = {name: statistics.median(values) for name, values in rates.items()}
        for name, value in medians.items():
            print(f"  {name:36} {value:9.2f}")
        for way in ("between containers", "published port"):
            ours, bare, theirs = (medians.get(key) for key in (f"hoy: {way}", "veth pair", f"docker: {way}"))
            if ours and bare:
                self.verdicts.append((ours >= 0.95 * bare,
                                      f"iperf3 {way}{where}: at least 0.95 of a veth pair: {ours / bare:.2f}"))
            if ours and theirs:
                self.verdicts.append((ours >= theirs, f"iperf3 {way}{where}: at least docker's: {ours / theirs:.2f} ×"))

    def peer_command(self, who, *arguments):
        command = {name: command for name, command, *_ in self.engines()}[who]
        return [*command, *arguments] if who == "hoy" else self.theirs([*command, *arguments])

    def outside(self):
        for command in ("ip netns add outside", "ip netns add left", "ip netns add right",
                        "ip link add towards type veth peer name eth0 netns outside",
                        "ip address add 198.51.100.1/24 dev towards", "ip link set towards up",
                        "ip -n outside address add 198.51.100.2/24 dev eth0", "ip -n outside link set eth0 up",
                        "ip -n left link add eth0 type veth peer name eth0 netns right",
                        "ip -n left address add 192.0.2.1/24 dev eth0", "ip -n left link set eth0 up",
                        "ip -n right address add 192.0.2.2/24 dev eth0", "ip -n right link set eth0 up"):
            self.quiet(command.split())

    @staticmethod
    def namespace(name):
        return ["ip", "netns", "exec", name]

    def iperf(self, client, server, address, port):
        with subprocess.Popen([*server, "iperf3", "-s", "-1", "-p", "5201"], stdout=subprocess.DEVNULL) as listener:
            try:
                for _ in range(20):
                    result = subprocess.run([*client, "iperf3", "-J", "-c", address, "-p", str(port), "-t",
                                             "1" if self.quick else "3", "--connect-timeout", "1000"],
                                            capture_output=True, text=True, check=False)
                    document = json.loads(result.stdout or "{}")
                    if "sum_received" in document.get("end", {}):  # it ends with 0 when nobody listens yet, too
                        return document["end"]["sum_received"]["bits_per_second"] / 1e9
                    time.sleep(0.05)
                raise RuntimeError(f"iperf3 to {address} port {port}: {document.get('error', 'no answer')}")
            finally:
                listener.kill()

    # Many at once

    def network_many(self):
        """200 at once on one network: every address is another, all can be reached, and nothing stays."""
        if "hoy" not in self.peers:
            return
        count = 50 if self.quick else 200
        before = self.links()
        began = time.monotonic()
        starts = [subprocess.Popen([*self.hoy, "run", "-d", "--name", f"many{i}", "--network", "bench", "base", "sleep", "9999"],
                                   env=self.env, stdout=subprocess.DEVNULL) for i in range(count)]
        failed = sum(start.wait() != 0 for start in starts)
        took = time.monotonic() - began
        names = [f"many{i}" for i in range(count)]
        document = json.loads(self.quiet([*self.hoy, "inspect", *names], env=self.env))
        addresses = {one["NetworkSettings"]["Networks"]["bench"]["IPAddress"] for one in document}
        with ThreadPoolExecutor(20) as pool:
            reached = sum(pool.map(self.answers, addresses))
        self.engine("hoy", "rm", "-f", *names)
        self.until(lambda: self.gone(before), "the last interface")
        print(f"\n{count} containers at once on one network: {took * 1000:.0f} ms")
        good = not failed and len(addresses) == count and reached == count
        self.verdicts.append((good, f"{count} at once on one network: {count - failed} started, {len(addresses)} addresses, "
                              f"{reached} reached, no interface left"))

    @staticmethod
    def answers(address):
        return subprocess.run(["busybox", "ping", "-c", "1", "-W", "5", address], capture_output=True, check=False).returncode == 0

    @staticmethod
    def links():
        return set(os.listdir("/sys/class/net"))

    def gone(self, before):
        left = [link for link in self.links() - before if re.match("hoy", link)]
        if left:
            raise RuntimeError(f"{len(left)} are left, {left[0]} for one")
