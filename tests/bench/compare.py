#!/usr/bin/env python3
"""Compares Lyceum with a hand-written limit, both running, in turn.

usage: compare.py LYCEUM_URL LYCEUM_BODIES LIMIT_URL LIMIT_BODIES WRK_SCRIPT [SECONDS] [ROUNDS]

LYCEUM_BODIES is the folder that load.py wrote; LIMIT_BODIES holds the same
operations as the limit reads them. Both servers should be pinned to one core
and this to another (taskset). TOKEN is the access token for M1. Prints, for
each operation, requests a second of both and the median of the ratios.
"""
import json
import os
import statistics
import subprocess
import sys


def wrk(url, bodies, script, seconds, token, salt):
    base, path = url.rsplit("/", 1)
    env = dict(os.environ, BODIES=bodies, GQLPATH="/" + path, CHECK="1", SALT=str(salt),
               AUTH=f"Bearer {token}" if token else "")
    command = ["wrk", "-t2", "-c16", f"-d{seconds}s", "-s", script, base]
    out = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    line = next(text for text in out.stdout.splitlines() if text.startswith("JSON "))
    result = json.loads(line[5:])
    if result["bad"] or result["http_err"] or result["sock_err"]:
        raise SystemExit(f"{url} {bodies}: wrong answers: {result} {out.stderr}")
    return result["rps"]


def main(ours, our_bodies, limit, limit_bodies, script, seconds="5", rounds="3"):
    token, salt = os.environ.get("TOKEN", ""), os.getpid()
    print(f"{'':4}{'Lyceum':>10}{'limit':>10}{'ratio':>8}")
    for name in ("Q1", "Q2", "Q3", "M2", "M1"):
        pairs = []
        for _ in range(int(rounds)):
            salt += 1
            mine = wrk(ours, os.path.join(our_bodies, name), script, seconds, token if name == "M1" else "", salt)
            other = wrk(limit, os.path.join(limit_bodies, name), script, seconds, "", salt)
            pairs.append((mine, other))
        mine, other = (statistics.median(side) for side in zip(*pairs))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{name:4}{mine:10.0f}{other:10.0f}{ratio:8.2f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
