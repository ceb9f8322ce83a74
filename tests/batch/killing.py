"""Kills `sd batch` at random moments and lets it go on, until nothing is missing."""

import json
import shutil
import signal
import subprocess
import time
from typing import NamedTuple

from batches import check_sound, files_in, is_manifest


class Kill(NamedTuple):
    pictures: int  # that were there then
    temporaries: int  # that the dead process left
    untold: int  # pictures that no line of the manifest told of yet


def look_at(out, whole):
    """What a killed run left: every picture is one of an undisturbed run, every line of the manifest
    but the last one is whole, and tells of pictures that are there."""
    files = files_in(out) if out.exists() else {}
    pictures = {name: content for name, content in files.items() if not name.startswith(".sd-")}
    for name, content in pictures.items():
        assert content == whole.get(name), f"{name} is not that of an undisturbed run"
    told = set()
    for manifest in filter(is_manifest, out.iterdir() if out.exists() else ()):
        for line in manifest.read_bytes().split(b"\n")[:-1]:
            told.add(json.loads(line).get("file"))
    told.discard(None)
    assert told <= set(pictures), f"the manifest tells of {sorted(told - set(pictures))}, which is not there"
    return Kill(len(pictures), len(files) - len(pictures), len(set(pictures) - told))


def run_until_killed(command, folder, rng, longest):
    """Starts the command and kills it, before it paints or after some pictures. False where it was
    done before."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        if rng.random() < 0.25:
            time.sleep(rng.uniform(0, longest))
        else:
            for _ in range(rng.randrange(4)):
                process.stdout.readline()
            time.sleep(rng.uniform(0, 0.1))
    finally:
        process.kill()
    _, messages = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), f"exit {process.returncode}: {messages.decode()}"
    return process.returncode != 0


def kill_often(command, folder, whole, kills, rng, longest=0.8):
    """`command` paints into out/ of the folder, --resume is added. `whole`: what an undisturbed run
    makes. Returns the kills, and how often a run was whole on the way, which begins another one."""
    out = folder / "out"
    resume = [*command, "--resume"]
    seen = []
    finished = 0
    while len(seen) < kills:
        if run_until_killed(resume, folder, rng, longest):
            seen.append(look_at(out, whole))
        else:
            finished += 1
            check_whole(out, whole)
            shutil.rmtree(out)
    done = subprocess.run(resume, cwd=folder, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    check_whole(out, whole)
    return seen, finished + 1


def check_whole(out, whole):
    files = check_sound(out)  # with no temporaries, which no manifest names
    assert files == whole, [name for name in whole if files.get(name) != whole[name]]
