"""Reads, copies and changes a database of Lyceum that no server uses, or that
one is writing to: SQLite by Python's module, PostgreSQL by `psql`."""
import json
import os
import shutil
import sqlite3
import subprocess
import urllib.parse


class Sqlite:
    name = "SQLite"

    def __init__(self, path):
        self.path = path

    def connect(self):
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        connection.row_factory = sqlite3.Row
        return connection

    def rows(self, sql):
        connection = self.connect()
        try:
            return [dict(row) for row in connection.execute(sql)]
        finally:
            connection.close()

    def run(self, *statements):
        """Changes what no server would: without the checks of the tables."""
        connection = self.connect()
        try:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
        finally:
            connection.close()

    def execute(self, script):
        connection = self.connect()
        try:
            connection.executescript(script)
        finally:
            connection.close()

    def copy(self, path):
        """For when no server runs: a copy of the file with its log."""
        for end in ("", "-wal"):
            if os.path.exists(self.path + end):
                shutil.copyfile(self.path + end, path + end)
        return Sqlite(path)

    def drop(self):
        for end in ("", "-wal", "-shm"):
            if os.path.exists(self.path + end):
                os.remove(self.path + end)

    def broken(self):
        """What the database says of its own soundness."""
        found = [row["integrity_check"] for row in self.rows("PRAGMA integrity_check")]
        bad = [f"integrity_check: {text}" for text in found if text != "ok"]
        return bad + [f"foreign_key_check: {row}" for row in self.rows("PRAGMA foreign_key_check")]

    def schema(self):
        rows = self.rows("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
        return [" ".join(f"{row['type']} {row['name']} {row['sql']}".split()) for row in rows]

    unordered = "rowid"


class Postgres:
    name = "PostgreSQL"
    unordered = "ctid"

    def __init__(self, url):
        self.url = url
        self.database = urllib.parse.urlsplit(url).path.strip("/")

    def elsewhere(self, database):
        return urllib.parse.urlsplit(self.url)._replace(path="/" + database).geturl()

    def psql(self, script, url=None):
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url or self.url]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout

    def rows(self, sql):
        return json.loads(self.psql(f"SELECT coalesce(json_agg(t), '[]') FROM ({sql}) t"))

    def run(self, *statements):
        """As for SQLite: triggers and foreign keys are off."""
        self.execute(";".join(["SET session_replication_role = replica", *statements]))

    def execute(self, script):
        self.psql(script)

    def create(self):
        self.drop()
        self.psql(f'CREATE DATABASE "{self.database}"', self.elsewhere("postgres"))

    def copy(self, name):
        copy = Postgres(self.elsewhere(self.database + "_" + os.path.basename(name)[:30]))
        copy.drop()
        self.psql(f'CREATE DATABASE "{copy.database}" TEMPLATE "{self.database}"', self.elsewhere("postgres"))
        return copy

    def drop(self):
        self.psql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)', self.elsewhere("postgres"))

    def broken(self):
        """Foreign keys that point at nothing, and indexes that do not fit their tables."""
        keys = self.rows("""SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent, conname AS name,
            (SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1]) AS from_column,
            (SELECT attname FROM pg_attribute WHERE attrelid = confrelid AND attnum = confkey[1]) AS to_column
            FROM pg_constraint WHERE contype = 'f'""")
        count = """SELECT count(*) AS n FROM {child} c WHERE c.{from_column} IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE p.{to_column} = c.{from_column})"""
        bad = [(key["name"], self.rows(count.format(**key))[0]["n"]) for key in keys]
        return [f"{name}: {n} rows point at nothing" for name, n in bad if n] + self.damaged_indexes()

    def damaged_indexes(self):
        """With the extension amcheck, when the server has it."""
        if not self.rows("SELECT 1 AS n FROM pg_available_extensions WHERE name = 'amcheck'"):
            return []
        self.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
        try:
            self.rows("""SELECT bt_index_check(i.indexrelid, true)::text AS checked FROM pg_index i
                JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
                JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.amname = 'btree' AND n.nspname = 'public'""")
            return []
        except RuntimeError as error:
            return [str(error)]

    def schema(self):
        command = ["pg_dump", "--schema-only", "--no-owner", "-d", self.url]
        dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [line for line in dump.splitlines() if line.strip() and not line.startswith(("--", "\\"))]


def open_database(url):
    return Postgres(url) if url.startswith("postgres") else Sqlite(url.removeprefix("sqlite:"))
