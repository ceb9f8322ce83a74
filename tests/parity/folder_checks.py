"""What tests of folders and requests that do not hold have in common: each ends with its exit code and
one sentence, and nothing is painted. The binary is $SD_BINARY.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

USAGE, BAD_MODEL = 2, 3


class FolderChecks(unittest.TestCase):
    """A family's tests say in `make` what `folder / "whole"` holds, a model that paints."""

    @classmethod
    def make(cls, folder: Path) -> None:
        raise unittest.SkipTest("the base of the families' tests")

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = Path(cls.temporary.name)
        cls.make(cls.folder)

    def run_sd(self, model, *flags):
        command = [os.environ["SD_BINARY"], "txt2img", "-m", str(model), "-p", "red", "--steps", "1", "--seed", "1", "-q"]
        command += ["--device", "cpu", "--threads", "1", "-o", str(self.folder / "a.png"), "--on-exist", "overwrite", *flags]
        return subprocess.run(command, capture_output=True, text=True)

    def assert_refused(self, done, code, *parts):
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        errors = [line for line in done.stderr.splitlines() if not line.startswith("sd: warning:")]
        self.assertEqual(len(errors), 1, done.stderr)
        for part in parts:
            self.assertIn(part, errors[0])
        self.assertFalse((self.folder / "a.png").exists())

    def changed(self, file, **keys):
        """A copy of the model with other keys in one of its JSON files; None takes a key away."""
        model = self.folder / "changed"
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(self.folder / "whole", model)
        config = json.loads((model / file).read_text()) | keys
        (model / file).write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
        return model

    def warnings_of(self, model, *flags, prompt="red", command="txt2img"):
        """What a run that paints warns of."""
        command = [os.environ["SD_BINARY"], command, "-m", str(model), "-p", prompt, "--steps", "1", *flags, "-o", "-"]
        done = subprocess.run(command, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertTrue(done.stdout.startswith(b"\x89PNG"))
        return [line for line in done.stderr.decode().splitlines() if line.startswith("sd: warning:")]
