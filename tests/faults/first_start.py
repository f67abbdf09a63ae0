#!/usr/bin/env python3
"""Kills first starts and upgrades at many moments, and starts again each time.

    first_start.py --binary target/release/lyceum [--kills 60] [--database postgres://…/] [--no-strace]

After each kill the next start has to become ready, answer a sign-in and a
query, and leave the tables and the content of a start that nobody disturbed.
See README.md beside it.
"""
import argparse
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import checks
import clients
import database
import processes

# The last migrations, newest first, and what takes them back: an older data
# directory is made of a new one. Rows that they made go with their tables.
UNDO = [
    ("m0022_background_work", ["DROP TABLE outbox_failure", "DROP TABLE task_lease"], []),
    # The table of codes is made anew with fewer checks, which nothing notices.
    ("m0021_own_account", ["ALTER TABLE user_account DROP COLUMN links", "ALTER TABLE user_account DROP COLUMN time_zone"],
     ["ALTER TABLE mail_code RENAME CONSTRAINT mail_code_key TO mail_code_pkey"]),
    ("m0020_tier_rank", ["DROP INDEX tier_rank"], []),
    ("m0019_entitlement_interval", ["ALTER TABLE entitlement DROP COLUMN interval"], []),
    # It only took out rows.
    ("m0018_orphans", [], []),
    ("m0017_outbox_order", ["DROP TABLE write_check"],
     ["DROP TRIGGER outbox_order ON outbox", "DROP FUNCTION outbox_order()"]),
    ("m0016_retention", ["DROP INDEX webhook_inbox_stored", "DROP INDEX webhook_refusal_sample_age",
                         "DROP INDEX refresh_token_expiry", "DROP INDEX session_expiry"], []),
    ("m0015_idempotency_keys", [
        "DROP INDEX refund_idempotency", "DROP INDEX comment_idempotency",
        "ALTER TABLE refund DROP COLUMN request_hash", "ALTER TABLE refund DROP COLUMN idempotency_key",
        "ALTER TABLE comment DROP COLUMN request_hash", "ALTER TABLE comment DROP COLUMN idempotency_key"], []),
]
# Where files and the database are written: killed at the first of them, the second, and so on.
WRITES = {"SQLite": ("pwrite64", "write", "fdatasync,fsync", "rename,renameat,link,linkat", "unlink,unlinkat", "ftruncate"),
          "PostgreSQL": ("sendto", "fsync", "rename,renameat,link,linkat")}
# Every one of the first so many, then ever wider steps.
EACH = 20
CLEAR = "\r\x1b[K" if sys.stdout.isatty() else ""
CONTENT = {
    "people": "user_account", "people with a proven address": "user_account WHERE email_verified_at IS NOT NULL",
    "roles of people": "user_role", "tiers": "tier", "names of tiers": "tier_locale", "plans": "plan", "comments": "comment",
    "comments that are visible": "comment WHERE state = 'visible'", "decisions": "moderation_item",
    "plugins that run": "plugin WHERE state = 'enabled'", "secrets": "plugin_secret",
    **{kind: kind for kind in ("article", "category", "course", "lesson", "tag", "course_tag", "article_tag")},
    **{f"published: {kind}": f"{kind} WHERE status = 'published'" for kind in ("article", "category", "course", "lesson", "tag")},
    **{f"texts: {kind}": f"{kind}_locale" for kind in ("article", "category", "course", "lesson", "tag")},
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--binary", default="target/release/lyceum", help="the server [target/release/lyceum]")
    parser.add_argument("--kills", type=int, default=60, help="by time, of each kind of start [60]")
    parser.add_argument("--database", default="", help="postgres://USER@HOST:PORT/: databases are made there; else SQLite")
    parser.add_argument("--no-strace", action="store_true", help="by time only, not at each write as well")
    parser.add_argument("--stories", default="demo,serve,upgrade", help="which starts [demo,serve,upgrade]")
    return parser.parse_args()


class Place:
    """A data directory and a database, empty or a copy of older ones."""

    def __init__(self, folder, url, older=None):
        self.folder, self.data, self.url = folder, os.path.join(folder, "data"), url
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        if url:
            database.Postgres(url).create()
        if older:
            shutil.copytree(older.data, self.data)
            if url:
                self.database().drop()
                older.database().psql(f'CREATE DATABASE "{self.database().database}" TEMPLATE "{older.database().database}"',
                                      self.database().elsewhere("postgres"))

    def database(self):
        return database.open_database(self.url or "sqlite:" + os.path.join(self.data, "lyceum.db"))

    def process(self, binary, story, port):
        command = [binary, *story.command, "--data-dir", self.data, "--port", str(port)]
        if story.command[0] == "demo":
            command += ["--gateway-port", str(processes.free_port()), "--admin-password", processes.ADMIN[1]]
        env = {name: value for name, value in os.environ.items() if not name.startswith("LYCEUM_")}
        if self.url:
            env["LYCEUM_DATABASE_URL"] = self.url
        return processes.Process(command, os.path.join(self.folder, "log"), env, f"http://127.0.0.1:{port}/readyz")

    def remove(self):
        if self.url:
            self.database().drop()
        shutil.rmtree(self.folder)


class Story:
    """One kind of start: what is there before it, and what has to be there after it."""

    def __init__(self, name, chosen, folder, kind):
        self.name, self.chosen, self.kind = name, chosen, kind
        self.binary = os.path.abspath(chosen.binary)
        self.folder = os.path.join(folder, name)
        self.command = ["demo"] if name == "demo" else ["serve", "--dev"]
        self.older = self.make_older() if name == "upgrade" else None
        self.wrong = collections.defaultdict(list)
        self.kills = 0

    def place(self, name):
        url = self.chosen.database and database.Postgres(self.chosen.database).elsewhere(
            f"lyceum_first_{os.getpid()}_{self.name}_{name}")
        return Place(os.path.join(self.folder, name), url, getattr(self, "older", None))

    def make_older(self):
        place = self.place("older")
        first = Story("demo", self.chosen, self.folder, self.kind)
        process = place.process(self.binary, first, processes.free_port())
        process.start()
        process.stop()
        db = place.database()
        versions = [row["version"] for row in db.rows("SELECT version FROM seaql_migrations ORDER BY version DESC")]
        if versions[0] != UNDO[0][0]:
            raise SystemExit(f"the newest migration is {versions[0]}: put what takes it back into UNDO")
        for version, both, on_postgres in UNDO:
            for statement in [*(on_postgres if db.name == "PostgreSQL" else []), *both,
                              f"DELETE FROM seaql_migrations WHERE version = '{version}'"]:
                db.execute(statement)
        return place

    def undisturbed(self):
        place = self.place("undisturbed")
        process = place.process(self.binary, self, processes.free_port())
        process.start()
        self.seconds = process.starts[0]
        process.stop()
        self.schema, self.content = place.database().schema(), content(place.database())
        # Compiling plugins takes most of a first start, and is the same each time.
        self.compiled = shutil.copytree(os.path.join(place.data, "plugins"), os.path.join(self.folder, "compiled"))
        place.remove()

    def by_time(self):
        for number in range(self.chosen.kills):
            delay = self.seconds * number / self.chosen.kills
            place = self.place("killed")
            process = place.process(self.binary, self, processes.free_port())
            with open(process.log, "ab") as log:
                child = subprocess.Popen(process.command, stdout=log, stderr=log, env=process.env, cwd=place.folder)
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
            child.wait()
            self.kills += 1
            self.again(place, f"after {delay * 1000:.0f} ms")

    def by_write(self, calls):
        """Kills at the first of these calls of a thread, the second, … until a start gets through."""
        number = 1
        while self.killed_at(calls, number):
            number += 1 if number < EACH else max(1, number // 6)

    def killed_at(self, calls, number):
        place, port = self.place("killed"), processes.free_port()
        if not self.older:
            os.makedirs(place.data, mode=0o700)
            shutil.copytree(self.compiled, os.path.join(place.data, "plugins"))
        process = place.process(self.binary, self, port)
        traced = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
                  f"inject={calls}:signal=KILL:when={number}", *process.command]
        with open(process.log, "ab") as log:
            child = subprocess.Popen(traced, stdout=log, stderr=log, env=process.env, cwd=place.folder, start_new_session=True)
        until = time.monotonic() + processes.READY_SECONDS
        while child.poll() is None and not process.ready() and time.monotonic() < until:
            time.sleep(0.02)
        ended = child.poll() is not None
        if not ended:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            wait_until_free(port)
        self.kills += 1
        self.again(place, f"at {calls} {number}")
        return ended

    def again(self, place, moment):
        """Starts normally, and looks whether all is there."""
        port = processes.free_port()
        process = place.process(self.binary, self, port)
        try:
            process.start()
            found = [*self.differences(place), *serves(port, self)]
            code = process.stop()
            found += [f"it ended with {code}"] * (code != 0) + list(left_over(place.data))
        except processes.StartFailed:
            found = [f"it does not start: {last_line(process.log)}"]
        for what in found:
            self.wrong[without_numbers(what)].append(moment)
        if sys.stdout.isatty():
            print(f"{CLEAR}{self.kind}, {self.name}: {self.kills} kills, {len(self.wrong)} kinds of violations; {moment}",
                  end="", flush=True)
        place.remove()

    def differences(self, place):
        schema = place.database().schema()
        for line in sorted(set(self.schema) ^ set(schema)):
            yield f"the schema {'lacks' if line in self.schema else 'has also'}: {line[:100]}"
        now = content(place.database())
        for what, count in self.content.items():
            if now[what] != count:
                yield f"{what}: {now[what]} instead of {count}"

    def run(self):
        self.undisturbed()
        self.by_time()
        if not self.chosen.no_strace:
            for calls in WRITES[self.kind]:
                self.by_write(calls)
        if self.older:
            self.older.remove()
        print(f"{CLEAR}{self.kind}, {self.name}: {self.kills} kills, undisturbed start {self.seconds:.2f} s: "
              f"{'everything holds' if not self.wrong else str(len(self.wrong)) + ' kinds of violations'}")
        for what, moments in self.wrong.items():
            print(f"    {len(moments)} times: {what}\n        {', '.join(moments[:8])}")
        return not self.wrong


def wait_until_free(port):
    """A killed tracer leaves its child to us for a moment."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
        except urllib.error.HTTPError:
            pass
        except OSError:
            return
        time.sleep(0.02)


def content(db):
    return {what: db.rows(f"SELECT COUNT(*) AS n FROM {source}")[0]["n"] for what, source in CONTENT.items()}


def serves(port, story):
    """A sign-in, a query and a write."""
    api = clients.Api([port], clients.Records())
    try:
        if story.name == "serve":
            person = {"email": "a@storm.example", "password": clients.PASSWORD, "name": "A"}
            token = api.ask(clients.REGISTER, person)["register"]["accessToken"]
        else:
            api.ask("{ courses(first: 3) { nodes { slug title } totalCount } }")
            person = {"email": processes.ADMIN[0], "password": processes.ADMIN[1]}
            token = api.ask(clients.SIGN_IN, person)["signIn"]["accessToken"]
        if not api.ask(clients.ME, token=token)["me"]:
            yield "who has just signed in is nobody"
    except clients.Refused as refused:
        yield f"it does not serve: {refused}"
    yield from api.problems


def left_over(data):
    """Files that were begun, half keys, empty files."""
    for folder, _, names in os.walk(data):
        for name in names:
            path = os.path.join(folder, name)
            yield from (f"{os.path.relpath(path, data)} {what}" for what in checks.wrong_with_file(path))


def last_line(log):
    lines = [line for line in open(log, errors="replace").read().splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no word"


def without_numbers(text):
    """So that the same violation is counted as one."""
    return re.sub(r"(?<=\.)\d+-\d+|(?<=\.probe-)\d+|(?<=\.tmp)\w{6}|[0-9a-f]{32,}|(?<=\s)/\S*/", "…", text)


def main():
    chosen = arguments()
    kind = "PostgreSQL" if chosen.database else "SQLite"
    if not chosen.no_strace and not shutil.which("strace"):
        raise SystemExit("strace is not there; install it, or say --no-strace")
    with tempfile.TemporaryDirectory(prefix="lyceum-first-start-") as folder:
        good = [Story(name, chosen, folder, kind).run() for name in chosen.stories.split(",")]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
