"""What surrounds a run of many pictures and fails it: disks, folders, other processes, signals."""

import os
import resource
import shutil
import signal
import subprocess
import time

from batches import FAILED, TEMPORARY, BatchTest, check_sound, files_in, lines, made_pictures, manifest_lines, prompts
from running import BAD_OUTPUT, TIME_LIMIT

JOBS = [{"prompt": text} for text in prompts(20)]
NOBODY = 65534


def as_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


class Environment(BatchTest):
    def setUp(self):
        super().setUp()
        self.whole = self.copy_of_run("whole", JOBS)

    def resume(self, name):
        """The folder of a run that ended early becomes that of one that did not."""
        outcome = self.batch(name, "--resume")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assert_same(check_sound(outcome.folder / "out"), self.whole)

    def assert_part(self, outcome):
        """What is there is whole, and some of what is asked for."""
        files = check_sound(outcome.folder / "out")
        self.assertLess(len(files), len(self.whole))
        self.assert_same(files, {name: self.whole[name] for name in files})
        return files


class Disks(Environment):
    def test_a_disk_that_fills(self):
        self.write("full", JOBS)
        out = self.folder("full") / "out"
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "sd-test", out], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", out], check=True)
        outcome = self.batch("full")
        self.assertEqual(outcome.code, BAD_OUTPUT, outcome.err)
        self.assertRegex(outcome.err, rb"sd: error: cannot write 'out/(\d{5}.png|manifest.jsonl)': the disk is full\n\Z")
        self.assertGreater(len(self.assert_left(out)), 2)
        again = self.batch("full", "--resume")
        self.assertEqual(again.code, BAD_OUTPUT, again.err)
        self.assert_left(out)
        subprocess.run(["mount", "-o", "remount,size=1m", out], check=True)
        self.resume("full")

    def assert_left(self, out):
        """Whole pictures; the line of the last one may have found no room."""
        files = files_in(out)
        self.assert_same(files, {name: self.whole[name] for name in files})
        told = {line["file"] for line in manifest_lines(out) if line["kind"] == "image"}
        self.assertLessEqual(len(set(files) - told), 1)
        self.assertLessEqual(told, set(files))
        return files

    def test_files_that_may_not_grow(self):
        """The manifest becomes the largest file, and then too large."""
        self.write("small", JOBS)
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))  # noqa: E731
        outcome = self.batch("small", preexec_fn=limit)
        self.assertEqual(outcome.code, BAD_OUTPUT, outcome.err)
        self.assertIn(b"sd: error: cannot write 'out/manifest.jsonl': File too large\n", outcome.err)
        self.assertGreater(len(self.assert_left(outcome.folder / "out")), 2)
        self.resume("small")

    def test_no_picture_fits(self):
        self.write("none", JOBS)
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # noqa: E731
        outcome = self.batch("none", preexec_fn=limit)
        self.assertEqual((outcome.code, outcome.out), (BAD_OUTPUT, b""), outcome.err)
        self.assertEqual(files_in(outcome.folder / "out"), {})
        self.resume("none")


class Folders(Environment):
    def test_a_folder_that_may_not_be_written_to(self):
        self.write("locked", JOBS)
        for folder in (self.root, self.folder("locked")):
            folder.chmod(0o755)
        (self.folder("locked") / "out").chmod(0o555)
        for out in ("out", "out/new"):
            outcome = self.batch("locked", "-q", out=out, preexec_fn=as_nobody)
            self.assert_refused(outcome, BAD_OUTPUT, f"'{out}'", "may not be written to")

    def test_a_file_system_that_is_read_only(self):
        self.write("read_only", JOBS)
        out = self.folder("read_only") / "out"
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "sd-test", out], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", out], check=True)
        outcome = self.batch("read_only", "-q")
        self.assert_refused(outcome, BAD_OUTPUT, "'out'", "may not be written to")

    def test_something_else_in_the_place_of_the_manifest(self):
        for name, make in {"folder": os.mkdir, "pipe": os.mkfifo}.items():
            with self.subTest(name):
                self.write(name, JOBS)
                make(self.folder(name) / "out/manifest.jsonl")
                outcome = self.batch(name, "-q")
                self.assertEqual((outcome.code, outcome.out), (BAD_OUTPUT, b""), outcome.err)
                self.assertRegex(outcome.err, rb"\Asd: error: cannot write 'out/manifest.jsonl': [^\n]+\n\Z")
                self.assertEqual(outcome.files, ["manifest.jsonl"])

    def test_a_file_in_the_place_of_the_folder(self):
        self.write("file", JOBS)
        (self.folder("file") / "out/pictures").write_bytes(b"")
        outcome = self.batch("file", "-q", out="out/pictures")
        self.assertEqual((outcome.code, outcome.out), (BAD_OUTPUT, b""), outcome.err)
        self.assertEqual(outcome.err, b"sd: error: cannot write into 'out/pictures': it is not a folder\n")

    def test_a_folder_that_goes_while_it_is_painted_into(self):
        self.write("gone", JOBS * 10)
        run = self.start_batch("gone")
        out = run.folder / "out"
        self.wait_until(lambda: (out / "00001.png").exists(), run)
        out.rename(run.folder / "moved")
        outcome = self.finish(run)
        self.assertEqual(outcome.code, BAD_OUTPUT, outcome.err)
        self.assertRegex(outcome.err, rb"sd: error: cannot write 'out/\d{5}.png': the folder 'out' does not exist\n\Z")
        self.assertFalse(out.exists())
        self.assertGreater(len(check_sound(run.folder / "moved")), 1)

    def test_a_folder_that_a_link_takes_elsewhere(self):
        self.write("link", [{"prompt": "a", "output": "sub/a.png"}])
        (self.folder("link") / "elsewhere").mkdir()
        (self.folder("link") / "out/sub").symlink_to("../elsewhere")
        outcome = self.batch("link", "-q")
        self.assertEqual((outcome.code, outcome.out), (BAD_OUTPUT, b""), outcome.err)
        self.assertIn(b"'out/sub' is a link that leads out of 'out'", outcome.err)
        self.assertEqual(list((outcome.folder / "elsewhere").iterdir()), [])


class OtherProcesses(Environment):
    def test_two_on_one_folder(self):
        self.write("two", JOBS)
        first = self.start_batch("two", file="-", stdin=subprocess.PIPE)
        out = first.folder / "out"
        self.wait_until((out / "manifest.jsonl").exists, first)
        refusal = rb"sd: error: 'out/manifest.jsonl' is in use by another process: [^\n]*\n\Z"
        for flags in ([], ["--resume"], ["--on-exist", "overwrite"]):
            with self.subTest(" ".join(flags) or "plain"):
                second = self.batch("two", *flags)
                self.assertEqual((second.code, second.out), (TEMPORARY, b""), second.err)
                self.assertRegex(second.err, refusal)
        first.stdin.write(lines(JOBS).encode())
        self.assert_same(self.painted(self.finish(first)), self.whole)

    def test_pictures_of_another_run_are_not_replaced(self):
        """Of two runs with manifests of their own the later one stops."""
        self.write("names", JOBS[:4])
        self.painted(self.batch("names", "--shard", "0/2"))
        outcome = self.batch("names")
        self.assertEqual((outcome.code, outcome.out), (BAD_OUTPUT, b""), outcome.err)
        self.assertIn(b"sd: error: 2 files are there already in 'out': '00000.png', '00002.png' (", outcome.err)


class Signals(Environment):
    def stop(self, name, number, *flags):
        self.write(name, JOBS)
        run = self.start_batch(name, "--batch-size", "2", *flags)
        self.wait_until((run.folder / "out/00001.png").exists, run)
        run.send_signal(number)
        return self.finish(run)

    def test_the_first_one_ends_the_run_in_order(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(number.name):
                outcome = self.stop(number.name, number)
                self.assertEqual(outcome.code, code, outcome.err)
                self.assertIn(b"sd: stopping as soon as the step at hand is done", outcome.err)
                self.assertRegex(outcome.err, rb"sd: \d+ of 20 pictures are done, in \d+ s\nsd: stopped by [^\n]*\n\Z")
                files = self.assert_part(outcome)
                self.assertEqual(sorted(outcome.out.decode().splitlines()), [f"out/{name}" for name in sorted(files)])
                self.resume(number.name)

    def test_long_steps_are_not_waited_for_twice(self):
        """The second one ends it at once, and leaves no broken file."""
        self.write("twice", JOBS)
        run = self.start_batch("twice", "-W", "512", "-H", "512", "--steps", "500")
        self.wait_for(run, b"denoising")
        run.send_signal(signal.SIGTERM)
        self.wait_for(run, b"sd: stopping")
        run.send_signal(signal.SIGTERM)
        start = time.monotonic()
        outcome = self.finish(run)
        self.assertEqual(outcome.code, 143, outcome.err)
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(files_in(outcome.folder / "out"), {})

    def test_at_the_very_beginning(self):
        """Whatever is under way then: reading, loading, the first picture."""
        self.write("early", JOBS)
        for delay in (0, 0.1, 0.2, 0.3, 0.4):
            with self.subTest(delay):
                run = self.start_batch("early")
                time.sleep(delay)
                run.send_signal(signal.SIGINT)
                outcome = self.finish(run)
                self.assertIn(outcome.code, (130, -signal.SIGINT), outcome.err)
                self.assert_part(outcome)
                self.resume("early")
                shutil.rmtree(run.folder / "out")

    def test_while_it_reads_a_long_file(self):
        self.write("long", "".join(f"number {i}\n" for i in range(500_000)), "jobs.txt")
        run = self.start_batch("long", "--dry-run", file="jobs.txt")
        run.stdout.readline()
        run.send_signal(signal.SIGTERM)
        outcome = self.finish(run)
        self.assertEqual((outcome.code, outcome.files), (143, []), outcome.err)

    def test_while_it_waits_for_jobs(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(number.name):
                run = self.start_batch(number.name, file="-", stdin=subprocess.PIPE)
                run.stdin.write(lines(JOBS[:1]).encode())
                run.stdin.flush()
                self.wait_until((run.folder / "out/00000.png").exists, run)
                run.send_signal(number)
                outcome = self.finish(run)
                self.assertEqual(outcome.code, code, outcome.err)
                self.assertEqual(sorted(check_sound(run.folder / "out")), ["00000.png"])

    def test_usr1_prints_the_state(self):
        self.write("state", JOBS)
        run = self.start_batch("state", "--steps", "20")
        for _ in range(3):
            run.send_signal(signal.SIGUSR1) if run.said else self.wait_for(run, b"denoising")
            run.send_signal(signal.SIGUSR1)
            self.wait_for(run, b" of 20 done")
        outcome = self.finish(run)
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertRegex(outcome.err, rb"sd: \d+ of 20 done[^\n]*: (encoding|decoding|denoising step \d+/20)[^\n]*, \d\.\d GB\n")
        self.assertEqual(len(check_sound(run.folder / "out")), 20)

    def test_usr1_while_it_waits_for_jobs(self):
        run = self.start_batch("waiting", file="-", stdin=subprocess.PIPE)
        run.stdin.write(lines(JOBS[:1]).encode())
        run.stdin.flush()
        self.wait_until((run.folder / "out/00000.png").exists, run)
        time.sleep(0.3)
        run.send_signal(signal.SIGUSR1)
        self.wait_for(run, b"sd: 1 picture is done; waiting for jobs")
        self.assertEqual(self.finish(run).code, 0)

    def test_those_who_share_the_work_stop_too(self):
        """Units that a stopped process had taken are free at once."""
        outcome = self.stop("claim", signal.SIGTERM, "--claim")
        self.assertEqual(outcome.code, 143, outcome.err)
        self.assert_part(outcome)
        again = self.batch("claim", "--claim")
        self.assertEqual(again.code, 0, again.err)
        self.assert_same(check_sound(outcome.folder / "out"), self.whole)


class Streams(Environment):
    def test_standard_output_that_is_closed(self):
        self.write("closed", JOBS)
        outcome = self.batch("closed", preexec_fn=lambda: os.close(1))
        self.assertEqual(outcome.code, BAD_OUTPUT, outcome.err)
        self.assertIn(b"sd: error: standard output cannot be written", outcome.err)
        self.assert_same_start(outcome)
        self.resume("closed")

    def assert_same_start(self, outcome):
        files = check_sound(outcome.folder / "out")
        self.assert_same(files, {name: self.whole[name] for name in files})

    def test_a_reader_that_leaves(self):
        self.write("left", JOBS)
        read, write = os.pipe()
        os.close(read)
        with open(write, "wb") as pipe:
            outcome = self.batch("left", stdout=pipe)
        self.assertEqual(outcome.code, -signal.SIGPIPE, outcome.err)
        files = files_in(outcome.folder / "out")
        whole = {name: content for name, content in files.items() if name.endswith(".png")}
        self.assert_same(whole, {name: self.whole[name] for name in whole})
        self.resume("left")

    def test_errors_that_nobody_can_read(self):
        self.write("full", JOBS)
        with open("/dev/full", "wb") as full:
            outcome = self.batch("full", stderr=full)
        self.assert_same(self.painted(outcome), self.whole)


class StartPictures(BatchTest):
    def test_one_that_goes_while_others_are_painted(self):
        """The job fails, and says where it stands; the rest is painted."""
        from batches import EXAMPLES

        folder = self.folder("gone")
        shutil.copy(EXAMPLES / "red-circle.png", folder / "start.png")
        jobs = [{"prompt": text, "steps": 20} for text in prompts(4)]
        jobs.append({"prompt": "a star", "init_img": "start.png", "width": 96})
        self.write("gone", jobs)
        run = self.start_batch("gone", "--batch-size", "1")
        self.wait_until((folder / "out/00000.png").exists, run)
        (folder / "start.png").unlink()
        outcome = self.finish(run)
        self.assertEqual(outcome.code, FAILED, outcome.err)
        self.assertIn(b"sd: error: picture 5: jobs.jsonl:5:22: cannot read 'start.png': there is no such file\n", outcome.err)
        self.assertEqual(len(check_sound(folder / "out")), 4)
        failure = made_pictures(folder / "out")[4]
        self.assertEqual((failure["kind"], failure["exit_code"]), ("failure", 4))


if __name__ == "__main__":
    import unittest

    unittest.main()
