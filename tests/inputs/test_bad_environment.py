"""What surrounds a run and fails it: disks, folders, limits, signals, streams and variables."""

import os
import resource
import shutil
import signal
import subprocess
import time
import unittest

from running import BAD_MODEL, BAD_OUTPUT, MEMORY, PAINT, SD, TIME_LIMIT, InputTest

NOBODY = 65534


def limited(kind, amount):
    return lambda: resource.setrlimit(kind, (amount, amount))


def as_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def closing(*descriptors):
    def close():
        for descriptor in descriptors:
            os.close(descriptor)

    return close


class Outputs(InputTest):
    def test_a_disk_that_is_full(self):
        folder = self.folder("full")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "sd-test", folder / "out"], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", folder / "out"], check=True)
        with self.assertRaises(OSError), open(folder / "out/filler", "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(1 << 16))
        outcome = self.run_sd("full", PAINT)
        self.assertEqual((outcome.code, outcome.out), (BAD_OUTPUT, b""))
        self.assertEqual(outcome.err, b"sd: error: cannot write 'out/a.png': the disk is full\n")
        self.assertEqual(outcome.files, ["filler"])

    def test_files_that_may_not_grow(self):
        for name, flags in (("picture", []), ("latents", ["--save-latents", "out/a.safetensors"]), ("log", ["--log-file", "log"])):
            with self.subTest(name):
                outcome = self.run_sd(name, [*PAINT, *flags], preexec_fn=limited(resource.RLIMIT_FSIZE, 1000))
                self.assert_refused(outcome, BAD_OUTPUT, "cannot write 'out/a.", "File too large")

    def test_a_folder_that_is_locked(self):
        self.root.chmod(0o755)
        folder = self.folder("locked")
        (folder / "out").chmod(0o555)
        outcome = self.run_sd("locked", PAINT, preexec_fn=as_nobody)
        self.assert_refused(outcome, BAD_OUTPUT, "cannot write 'out/a.png': the folder 'out' may not be written to")

    def test_a_folder_that_goes_while_it_is_painted(self):
        folder = self.folder("gone")
        arguments = [argument for argument in PAINT if argument != "-q"]
        run = self.start("gone", [*arguments, "--steps", "200"])
        self.wait_for(run, b"denoising")
        shutil.rmtree(folder / "out")
        out, err = run.communicate(timeout=TIME_LIMIT)
        self.assertEqual((run.returncode, out), (BAD_OUTPUT, b""))
        self.assertIn(b"sd: error: cannot write 'out/a.png': the folder 'out' does not exist\n", err)
        self.assertFalse((folder / "out").exists())


class Streams(InputTest):
    def test_closed(self):
        for name, descriptors in (("input", [0]), ("errors", [2]), ("input_and_errors", [0, 2])):
            with self.subTest(name):
                self.assert_painted(self.run_sd(name, PAINT, preexec_fn=closing(*descriptors)))
        for name, descriptors in (("output", [1]), ("all", [0, 1, 2])):
            with self.subTest(name):
                outcome = self.run_sd(name, PAINT, preexec_fn=closing(*descriptors))
                self.assertEqual((outcome.code, outcome.files), (BAD_OUTPUT, ["a.png"]))

    def test_full(self):
        with open("/dev/full", "wb") as full:
            self.assert_painted(self.run_sd("errors", PAINT, stderr=full))
            outcome = self.run_sd("refusal", [*PAINT, "-m", "nothing"], stderr=full)
            self.assertEqual((outcome.code, outcome.files), (BAD_MODEL, []))
            outcome = self.run_sd("output", [*PAINT[:-1], "-"], stdout=full)
            self.assert_refused(outcome, BAD_OUTPUT, "standard output cannot be written: No space left on device")

    def test_a_reader_that_leaves(self):
        read, write = os.pipe()
        os.close(read)
        with open(write, "wb") as pipe:
            for name, arguments, files in (("bytes", [*PAINT[:-1], "-"], []), ("paths", PAINT, ["a.png"])):
                with self.subTest(name):
                    outcome = self.run_sd(name, arguments, stdout=pipe)
                    self.assertEqual((outcome.code, outcome.err, outcome.files), (-signal.SIGPIPE, b"", files))

    def test_a_shell_that_ignores_broken_pipes(self):
        read, write = os.pipe()
        os.close(read)
        with open(write, "wb") as pipe:
            ignore = lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # noqa: E731
            outcome = self.run_sd("ignored", PAINT, stdout=pipe, preexec_fn=ignore, restore_signals=False)
        self.assertEqual((outcome.code, outcome.files), (-signal.SIGPIPE, ["a.png"]))


class Limits(InputTest):
    def test_memory(self):
        """Too little for the engine, which fails in different places of its start."""
        for megabytes in (100, 250, 400, 600):
            with self.subTest(megabytes):
                outcome = self.run_sd(f"{megabytes}", PAINT, preexec_fn=limited(resource.RLIMIT_AS, megabytes << 20))
                if outcome.code != 0:
                    self.assert_refused(outcome, outcome.code)
                    self.assertIn(outcome.code, (BAD_MODEL, MEMORY))

    def test_open_files(self):
        for count in (4, 6, 10):
            with self.subTest(count):
                outcome = self.run_sd(f"{count}", PAINT, preexec_fn=limited(resource.RLIMIT_NOFILE, count))
                if outcome.code != 0:
                    self.assert_refused(outcome, outcome.code)
                    self.assertIn(outcome.code, (BAD_MODEL, BAD_OUTPUT))

    def test_a_small_stack(self):
        self.assert_painted(self.run_sd("stack", PAINT, preexec_fn=limited(resource.RLIMIT_STACK, 256 << 10)))


class Signals(InputTest):
    def test_a_pause(self):
        run = self.start("pause", [argument for argument in PAINT if argument != "-q"] + ["--steps", "30"])
        self.wait_for(run, b"denoising")
        run.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, run.pid, os.WSTOPPED)
        time.sleep(0.2)
        self.assertIsNone(run.poll())
        run.send_signal(signal.SIGCONT)
        outcome = self.finish(run)
        self.assertEqual((outcome.code, outcome.files), (0, ["a.png"]), outcome.err)

    def test_signals_that_a_shell_told_to_ignore(self):
        """As under nohup."""
        run = self.start(
            "ignored",
            [argument for argument in PAINT if argument != "-q"] + ["--steps", "30"],
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
            restore_signals=False,
        )
        self.wait_for(run, b"denoising")
        run.send_signal(signal.SIGINT)
        outcome = self.finish(run)
        self.assertEqual((outcome.code, outcome.files), (0, ["a.png"]), outcome.err)


class Variables(InputTest):
    def test_odd_ones_are_painted_with(self):
        locked = self.root / "home"
        locked.mkdir()
        (locked / ".cache").write_text("a file")
        environments = {
            "no_home": {"HOME": None, "XDG_CACHE_HOME": None},
            "a_home_that_is_not_there": {"HOME": "/nonexistent", "XDG_CACHE_HOME": None},
            "a_home_that_takes_no_cache": {"HOME": str(locked), "XDG_CACHE_HOME": None},
            "a_cache_that_is_a_device": {"XDG_CACHE_HOME": "/dev/null"},
            "locale_c": {"LC_ALL": "C"},
            "locale_that_is_not_there": {"LC_ALL": "xx_XX.UTF-8", "LANG": "\udcff"},
            "no_variables": dict.fromkeys(os.environ),
            "models_nowhere": {"SD_MODELS": "/nonexistent"},
            "models_empty": {"SD_MODELS": ""},
            "no_gpu": {"CUDA_VISIBLE_DEVICES": ""},
        }
        red = [*PAINT[:2], "\u7ea2\u8272 caf\u00e9", *PAINT[3:]]
        self.run_all(
            {
                name: lambda name=name, values=values: (
                    self.run_sd(name, [os.fsencode(word).decode() for word in red], env=values),
                )
                for name, values in environments.items()
            },
            self.assert_painted,
        )

    def test_models_that_are_not_there(self):
        cases = {
            "name": ("no-such-model", {}),
            "folder": ("./no/such/folder", {}),
            "hub_name": ("no/such", {"HF_HUB_CACHE": "/nonexistent"}),
            "hub_name_without_home": ("no/such", {"HOME": None, "HF_HOME": None, "HF_HUB_CACHE": None, "XDG_CACHE_HOME": None}),
            "device": ("/dev/zero", {}),
            "empty_folder": ("out", {}),
            "climbing": ("../../../../../../etc", {}),
        }
        for name, (model, variables) in cases.items():
            with self.subTest(name):
                outcome = self.run_sd(name, [*PAINT, "-m", model], env=variables)
                self.assert_refused(outcome, BAD_MODEL, model, "model_index.json")


if __name__ == "__main__":
    unittest.main()
