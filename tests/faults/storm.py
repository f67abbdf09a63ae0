#!/usr/bin/env python3
"""Kills servers under load, starts them again, and checks that nothing is lost.

    storm.py --binary target/release/lyceum [--kills 100] [--nodes 1] [--database postgres://…/]
    storm.py --check FOLDER        checks a run that has ended once more
    storm.py --self-test FOLDER    damages copies of it, and expects each check to notice

See README.md beside it.
"""
import argparse
import collections
import json
import os
import random
import sys
import tempfile
import time

import checks
import clients
import database
import gateway
import processes
import tamper

SETTLE_SECONDS = 900
# The server asks after 15, 60, 300 seconds … by itself; buyers are not that patient.
BACK_SECONDS = 120
# One of the provider for so many of the servers.
KILLS_OF_SERVERS_FOR_ONE_OF_THE_PROVIDER = 8


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--binary", default="target/release/lyceum", help="the server [target/release/lyceum]")
    parser.add_argument("--kills", type=int, default=100, help="of servers; those of the provider come on top [100]")
    parser.add_argument("--nodes", type=int, default=1, help="servers over one database; more than one need PostgreSQL [1]")
    parser.add_argument("--database", default="", help="postgres://USER@HOST:PORT/: a database is made there; else SQLite")
    parser.add_argument("--buyers", type=int, default=5, help="clients that buy [5]")
    parser.add_argument("--others", type=int, default=1, help="clients of each other kind [1]")
    parser.add_argument("--seed", type=int, default=1, help="of what the clients do and when is killed [1]")
    parser.add_argument("--longest", type=float, default=3.0, help="seconds between a start and its kill, at most [3]")
    parser.add_argument("--folder", help="for everything that is written [a new one]")
    parser.add_argument("--check", metavar="FOLDER", help="only checks a run that has ended")
    parser.add_argument("--self-test", metavar="FOLDER", help="shows on copies of a run that each check can fail")
    parser.add_argument("--drop", metavar="FOLDER", help="drops the PostgreSQL database of a run")
    chosen = parser.parse_args()
    if chosen.nodes > 1 and not chosen.database:
        parser.error("several nodes need --database postgres://…")
    return chosen


class Storm:
    def __init__(self, chosen):
        self.chosen, self.chance = chosen, random.Random(chosen.seed)
        self.folder = os.path.abspath(chosen.folder or tempfile.mkdtemp(prefix="lyceum-storm-"))
        os.makedirs(self.folder, exist_ok=True)
        self.keys, self.records = processes.new_keys(), clients.Records()
        self.kills, self.gateway_kills, self.failed_starts = 0, 0, []
        self.url = chosen.database and database.Postgres(chosen.database).elsewhere(f"lyceum_storm_{os.getpid()}")

    def prepare(self):
        binary, ports = os.path.abspath(self.chosen.binary), [processes.free_port() for _ in range(self.chosen.nodes + 1)]
        if self.url:
            database.Postgres(self.url).create()
        processes.fill(binary, self.folder, ports[0], ports[-1], self.keys, self.url)
        self.provider = processes.provider(self.folder, ports[-1], self.keys)
        self.provider.start()
        self.ports = ports[:-1]
        self.nodes = [processes.node(binary, self.folder, number, port, ports[-1], self.keys, self.url)
                      for number, port in enumerate(self.ports)]
        for node in self.nodes:
            node.start()

    def rage(self):
        """Kills until there were enough, each time some moments after the last start."""
        while self.kills < self.chosen.kills and not self.failed_starts:
            # As many soon after the start as long after it.
            time.sleep(self.chosen.longest ** self.chance.uniform(-1, 1) * self.chance.random())
            if self.chance.random() < 1 / (KILLS_OF_SERVERS_FOR_ONE_OF_THE_PROVIDER + 1):
                self.gateway_kills += 1
                self.again(self.provider)
            else:
                self.again(self.nodes[self.kills % len(self.nodes)])
                self.kills += 1
            self.show("storm")

    def again(self, process):
        process.kill()
        try:
            process.start()
        except processes.StartFailed as error:
            self.failed_starts.append(str(error))

    def show(self, what):
        counts = self.records.counts
        names = ("orders", "presses", "refunds", "comments", "publishes", "accounts", "sign-ins", "lost")
        told = ", ".join(f"{counts[name]} {name}" for name in names)
        line = f"{what}: {self.kills}/{self.chosen.kills} kills, {self.gateway_kills} of the provider; {told}"
        end = "" if sys.stdout.isatty() else "\n"
        if end == "" or self.kills % 20 == 0 or what != "storm":
            print(("\r\x1b[K" if not end else "") + line, end=end, flush=True)

    def settle(self, people):
        """Waits until nothing is under way any more; returns what still is at the deadline."""
        until, shown = time.monotonic() + SETTLE_SECONDS, ""
        back = time.monotonic() + BACK_SECONDS
        open_flush(self.provider.ready_url, self.keys)
        while left := list(self.unsettled()):
            if time.monotonic() > until:
                return left
            if left[0] != shown:
                shown = left[0]
                self.show(f"settling ({shown})")
            if time.monotonic() > back:
                back += BACK_SECONDS
                self.come_back(people)
            time.sleep(1)
        return []

    def come_back(self, people):
        """Who was never told of goes to the shop again, which asks the provider."""
        for reference in self.open_here():
            people.come_back(people.ways_back[reference])

    def open_here(self):
        """References of payments that are decided at the provider only."""
        decided = {ref for ref, payment in self.books().payments.items() if payment["status"] != "open"}
        rows = self.database().rows("""SELECT p.merchant_ref AS ref FROM payment p JOIN customer_order o
            ON o.id = p.order_id WHERE o.state = 'placed'""")
        return [row["ref"] for row in rows if row["ref"] in decided]

    def unsettled(self):
        books, db = self.books(), self.database()
        waiting = books.undelivered()
        if waiting:
            yield f"{len(waiting)} webhooks are not delivered"
        waiting = self.open_here()
        if waiting:
            yield f"{len(waiting)} decided payments are open here, such as {waiting[0]}"
        waiting = db.rows("SELECT id FROM refund WHERE state NOT IN ('succeeded', 'failed', 'canceled')")
        if waiting:
            yield f"{len(waiting)} refunds are under way"
        behind = db.rows("""SELECT name FROM outbox_consumer
            WHERE position < (SELECT COALESCE(MAX(position), 0) FROM outbox)""")
        if behind:
            yield f"consumers have not read all events: {[row['name'] for row in behind]}"

    def books(self):
        return gateway.Books(os.path.join(self.folder, "gateway.jsonl"))

    def database(self):
        return database.open_database(self.url or "sqlite:" + os.path.join(self.folder, "data0", "lyceum.db"))

    def run(self):
        self.prepare()
        began = time.monotonic()
        api = clients.Api(self.ports, self.records)
        people = clients.Clients(api, self.records, self.chosen.seed)
        people.start(self.chosen.buyers, self.chosen.others)
        self.rage()
        raged = time.monotonic() - began
        if not self.failed_starts:
            self.show("the last kill was; clients end")
            people.stop()
            outcome = {"cannot_sign_in": people.can_sign_in(self.chance), "not_settled": self.settle(people),
                       "found": self.found(people)}
        else:
            outcome = {"cannot_sign_in": [], "not_settled": ["a server did not start"], "found": {}}
        outcome.update(raged=raged, settled=time.monotonic() - began - raged)
        self.end(outcome, api.problems + people.failed)

    def found(self, people):
        """What search finds, through each node alone."""
        found = {}
        for port in self.ports:
            people.api.ports = [port]
            found[port] = people.found()
        people.api.ports = self.ports
        return found

    def end(self, outcome, problems):
        codes = {f"node {n}": node.stop() for n, node in enumerate(self.nodes)}
        self.provider.kill()
        starts = {f"node {n}": node.starts for n, node in enumerate(self.nodes)}
        outcome.update(problems=problems, exit_codes=codes, starts=starts, failed_starts=self.failed_starts,
                       kills=self.kills, gateway_kills=self.gateway_kills)
        kept = {"records": self.records.of, "counts": self.records.counts, "keys": self.keys, "outcome": outcome,
                "database": self.url, "nodes": len(self.nodes)}
        with open(os.path.join(self.folder, "run.json"), "w") as file:
            json.dump(kept, file)


def open_flush(url, keys):
    """The provider sends what it holds back."""
    port = int(url.split(":")[2].split("/")[0])
    clients.request(port, "POST", "/control/flush", b"", {"authorization": "Bearer " + keys["api_key"]})


def stored(folder):
    """A run that has ended, as the checks read it."""
    kept = json.load(open(os.path.join(folder, "run.json")))
    at = lambda name: os.path.join(folder, name)
    db = database.open_database(kept["database"] or "sqlite:" + at("data0/lyceum.db"))
    nodes = range(kept["nodes"])
    return checks.Run(db, kept["records"], gateway.Books(at("gateway.jsonl")), [at(f"data{n}") for n in nodes],
                      [at(f"node{n}.log") for n in nodes], kept["keys"], kept["outcome"]), kept


def report(folder):
    """Prints the table; whether all is as it must be."""
    run, kept = stored(folder)
    outcome, counts = run.outcome, collections.Counter(kept["counts"])
    starts = sorted(second for seconds in outcome["starts"].values() for second in seconds[1:]) or [0]
    print(f"\n{run.database.name}, {kept['nodes']} node(s): {outcome['kills']} kills of servers, {outcome['gateway_kills']} of the"
          f" provider in {outcome['raged']:.0f} s; settled {outcome['settled']:.1f} s after the last one")
    print("answered: " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items()) if name not in ("lost", "again")))
    print(f"not answered and asked again: {counts['lost']}; told to ask again: {counts['again']}")
    print(f"time to ready: median {starts[len(starts) // 2]:.2f} s, longest {starts[-1]:.2f} s of {len(starts)}\n")
    wrong = 0
    for check in checks.ALL:
        found = list(check(run))
        wrong += len(found)
        print(f"  {check.__name__:<14} {'ok' if not found else str(len(found)) + ' violations'}")
        for line in found[:10]:
            print(f"      {line}")
    print(f"\n{'everything holds' if not wrong else str(wrong) + ' violations'}; {folder}")
    return wrong == 0


def main():
    chosen = arguments()
    folder = chosen.check or chosen.self_test or chosen.drop
    if chosen.drop:
        stored(folder)[0].database.drop()
        return 0
    if chosen.self_test:
        return 0 if tamper.self_test(stored, os.path.abspath(folder)) else 1
    if not chosen.check:
        storm = Storm(chosen)
        folder = storm.folder
        try:
            storm.run()
        finally:
            for process in [*getattr(storm, "nodes", []), *([storm.provider] if hasattr(storm, "provider") else [])]:
                if process.process and process.process.poll() is None:
                    process.kill()
    return 0 if report(os.path.abspath(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
