"""Runs clang-tidy over the project's sources, leaving out those that were clean before.

    python tools/run_clang_tidy.py CLANG_TIDY BUILD_FOLDER KNOWN_CLEAN_FOLDER BASE [SOURCE...]

BUILD_FOLDER has a compile_commands.json without precompiled headers. A file counts as clean before
if KNOWN_CLEAN_FOLDER has an entry for the hash of its text, of the project's headers that it
includes, of its compiler command, of .clang-tidy and of clang-tidy's version; or if none of these
files, nor what sets clang-tidy up, has changed since the commit BASE, at which all were clean. An
empty BASE is none.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


@functools.cache
def included(path):
    """The project's headers that this file names."""
    places = (path.parent, ROOT / "src", ROOT / "include", ROOT)
    names = [name.decode() for name in INCLUDE.findall(path.read_bytes())]
    found = [next((p / n for p in places if (p / n).is_file()), None) for n in names]
    return [header.resolve() for header in found if header]


def with_headers(path):
    seen, waiting = set(), [path]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting += included(file)
    return sorted(seen)


def key(path, command, version):
    digest = hashlib.sha256(version + command.encode() + (ROOT / ".clang-tidy").read_bytes())
    for file in with_headers(path):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def changed_since(base):
    """Files that are not as they were at that commit; nothing where there is no such commit."""
    tracked = ["git", "diff", "--name-only", "-z", base, "--"]
    others = ["git", "ls-files", "-z", "--others", "--exclude-standard"]
    names = []
    for command in (tracked, others):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if not base or done.returncode != 0:
            return None
        names += done.stdout.split("\0")[:-1]
    changed = {(ROOT / name).resolve() for name in names}
    set_up = (".clang-tidy", "tools/requirements-lint.txt", "cmake/Dependencies.cmake", "cmake/Libtorch.cmake")
    return None if changed & {ROOT / name for name in set_up} else changed


def tidy(program, build, path):
    command = [program, "-p", str(build), "--quiet", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + (done.stderr if done.returncode and not done.stdout else "")


def main(program, build, known_clean, base, *only):
    known_clean = Path(known_clean)
    known_clean.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([program, "--version"], capture_output=True, check=True).stdout
    only = {Path(name).resolve() for name in only}
    keys = {}
    for entry in json.loads((Path(build) / "compile_commands.json").read_text()):
        path = Path(entry["file"]).resolve()
        ours = path.is_relative_to(ROOT) and not path.is_relative_to(Path(build).resolve())
        if ours and (not only or path in only):
            command = entry["command"].replace(str(Path(build).resolve()), "")
            keys[path] = known_clean / key(path, command.replace(str(ROOT), ""), version)
    changed = changed_since(base)
    todo = [
        path
        for path, clean in keys.items()
        if not clean.exists() and (changed is None or changed & set(with_headers(path)))
    ]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, (status, text) in zip(todo, pool.map(lambda p: tidy(program, build, p), todo)):
            if status == 0:
                keys[path].touch()
                continue
            bad += 1
            print(f"{path.relative_to(ROOT)}\n{text}", flush=True)
    print(f"clang-tidy: {len(keys)} files, {len(keys) - len(todo)} known to be clean, {bad} not clean")
    return 1 if bad or not keys else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
