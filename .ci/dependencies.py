#!/usr/bin/env python3
"""Fails for a dependency that a Cargo.toml names and no source of its crate uses,
and for one of the workspace that no crate takes.

A dependency that is there for its features only says so on its line:
`# features only: why`.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

METADATA = ["cargo", "metadata", "--format-version", "1", "--locked"]


def sources(root):
    files = [file for folder in ("src", "tests", "benches", "examples", "fuzz") for file in (root / folder).rglob("*.rs")]
    # The crate of the tests has its files beside its manifest.
    files += [file for file in root.glob("*/*.rs")] + list(root.glob("*.rs"))
    return "\n".join(file.read_text() for file in files)


def unused(package, library_names):
    manifest = pathlib.Path(package["manifest_path"])
    text, lines = sources(manifest.parent), manifest.read_text().splitlines()
    for dependency in package["dependencies"]:
        named = dependency["rename"] or library_names.get(dependency["name"], dependency["name"])
        for_features = any(
            re.match(rf"{re.escape(dependency['name'])}\b.*# features only: ", line) for line in lines
        )
        if not for_features and not re.search(rf"\b{named.replace('-', '_')}\b", text):
            yield f"{manifest}: nothing uses {dependency['name']}. Remove it."


def not_taken(root, packages):
    named = tomllib.loads((root / "Cargo.toml").read_text())["workspace"]["dependencies"]
    taken = {dependency["name"] for package in packages for dependency in package["dependencies"]}
    return [f"Cargo.toml: no crate takes {name}. Remove it." for name in named if name not in taken]


def main():
    metadata = json.loads(subprocess.run(METADATA, check=True, capture_output=True, text=True).stdout)
    library_names = {
        package["name"]: target["name"]
        for package in metadata["packages"]
        for target in package["targets"]
        if {"lib", "rlib", "proc-macro"} & set(target["kind"])
    }
    members = [package for package in metadata["packages"] if package["id"] in metadata["workspace_members"]]
    faults = [fault for package in members for fault in unused(package, library_names)]
    faults += not_taken(pathlib.Path(metadata["workspace_root"]), members)
    print("\n".join(faults) or f"{len(members)} crates use all that they name")
    sys.exit(1 if faults else 0)


main()
