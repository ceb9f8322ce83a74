"""--resume makes what is missing or is not as it should be, and nothing else."""

import shutil

from batches import ALONE, EXAMPLES, BatchTest, check_sound, files_in, lines, made_pictures, manifest_lines, prompts
from running import BAD_INPUT, BAD_OUTPUT, MODEL, UNET, USAGE

JOBS = [{"prompt": text} for text in prompts(6)]


class Resume(BatchTest):
    def setUp(self):
        super().setUp()
        self.whole = self.copy_of_run("run", JOBS)
        self.out = self.folder("run") / "out"

    def resume(self, *flags, **options):
        return self.batch("run", "--resume", *flags, **options)

    def assert_made(self, outcome, *names):
        """The run made these pictures, and the folder is sound again."""
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertEqual(sorted(outcome.out.decode().splitlines()), [f"out/{name}" for name in sorted(names)])
        return check_sound(self.out)

    def test_a_whole_folder_is_left_as_it_is(self):
        manifest = (self.out / "manifest.jsonl").read_bytes()
        times = {path: path.stat().st_mtime_ns for path in self.out.iterdir()}
        for _ in range(2):
            outcome = self.resume()
            self.assert_same(self.assert_made(outcome), self.whole)
            self.assertIn(b"sd: --resume: 6 pictures are there already\nsd: nothing is left to paint\n", outcome.err)
        self.assertEqual((self.out / "manifest.jsonl").read_bytes(), manifest)
        self.assertEqual({path: path.stat().st_mtime_ns for path in self.out.iterdir()}, times)

    def test_without_it_a_used_folder_is_refused(self):
        outcome = self.batch("run", "-q")
        self.assertEqual((outcome.code, outcome.out), (BAD_OUTPUT, b""))
        self.assertEqual(
            outcome.err,
            b"sd: error: 6 files are there already in 'out': '00000.png', '00001.png', '00002.png', ... "
            b"(--resume goes on with a run, --on-exist says what else to do)\n",
        )
        self.assert_same(check_sound(self.out), self.whole)

    def test_an_empty_folder_is_a_plain_run(self):
        outcome = self.batch("plain", "--resume", file="../run/jobs.jsonl")
        self.assert_same(self.painted(outcome), self.whole)
        outcome = self.batch("plain", "--resume", file="../run/jobs.jsonl", out="out/new")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assert_same(check_sound(outcome.folder / "out/new"), self.whole)

    def test_what_is_deleted_or_damaged_is_made_again(self):
        (self.out / "00001.png").unlink()
        picture = bytearray(self.whole["00003.png"])
        picture[-30] ^= 1
        (self.out / "00003.png").write_bytes(picture)
        (self.out / "00005.png").write_bytes(self.whole["00005.png"][:100])
        outcome = self.resume()
        self.assertIn(b"warning: --resume: 3 pictures are made again, because the file is gone or is not what was written\n", outcome.err)
        self.assert_same(self.assert_made(outcome, "00001.png", "00003.png", "00005.png"), self.whole)
        self.assert_same(self.assert_made(self.resume()), self.whole)

    def test_files_that_were_swapped(self):
        """Whole pictures, but not those of their names."""
        (self.out / "00002.png").write_bytes(self.whole["00004.png"])
        self.assert_same(self.assert_made(self.resume(), "00002.png"), self.whole)

    def test_jobs_that_came_after(self):
        self.write("run", JOBS + [{"prompt": "one more"}])
        outcome = self.resume()
        self.assertNotIn(b"warning", outcome.err)
        files = self.assert_made(outcome, "00006.png")
        self.assert_same({name: files[name] for name in self.whole}, self.whole)

    def test_a_job_that_changed(self):
        changed = [*JOBS[:2], {"prompt": "another", "steps": 3}, *JOBS[3:]]
        self.write("run", changed)
        outcome = self.resume()
        self.assertRegex(
            outcome.err,
            rb"warning: --resume: 1 picture is made again, because another one was made then; "
            rb"jobs.jsonl:3, picture 3: [^\n]*prompt[^\n]*\n",
        )
        sentence = next(line for line in outcome.err.decode().splitlines() if "made again" in line)
        for part in ("'a green triangle, number 2'", "'another'", "steps"):
            self.assertIn(part, sentence.replace('"', "'"))
        self.assert_same(self.assert_made(outcome, "00002.png"), self.paint("changed", changed))

    def test_an_option_that_changed(self):
        """It is part of every job, so the folder holds another run."""
        outcome = self.resume("--steps", "3")
        self.assertEqual((outcome.code, outcome.out), (USAGE, b""))
        self.assertRegex(outcome.err.decode(), r"sd: error: --resume: the pictures in 'out' are of other jobs or of another model; jobs.jsonl:1, picture 1: steps[^\n]*2[^\n]*3")
        self.assert_same(check_sound(self.out), self.whole)

    def test_a_start_picture_that_changed(self):
        folder = self.folder("start")
        shutil.copy(EXAMPLES / "red-circle.png", folder / "start.png")
        self.paint("start", [JOBS[0], {"prompt": "a star", "init_img": "start.png"}])
        (folder / "start.png").write_bytes(self.whole["00000.png"])
        outcome = self.batch("start", "--resume")
        self.assertIn(b"1 picture is made again, because another one was made then; jobs.jsonl:2, picture 2: init_image", outcome.err)
        self.assertEqual((outcome.code, outcome.out), (0, b"out/00001.png\n"))
        check_sound(folder / "out")

    def test_another_job_file(self):
        self.write("run", [{"prompt": "quite another"}, {"prompt": "and this"}])
        outcome = self.resume("-q")
        self.assertEqual((outcome.code, outcome.out), (USAGE, b""))
        self.assertRegex(outcome.err.decode(), r"\Asd: error: --resume: the pictures in 'out' are of other jobs or of another model; jobs.jsonl:1, picture 1: prompt[^\n]*quite another[^\n]*\n\Z")
        self.assert_same(check_sound(self.out), self.whole)

    def test_another_model(self):
        weights = bytearray((MODEL / UNET).read_bytes())
        weights[-1] ^= 1
        model = self.model("run", {UNET: bytes(weights)})
        outcome = self.resume("-q", "-m", model)
        self.assertEqual((outcome.code, outcome.out), (USAGE, b""))
        self.assertRegex(outcome.err.decode(), r"\Asd: error: --resume: the pictures in 'out' are of other jobs or of another model; jobs.jsonl:1, picture 1: model[^\n]*\n\Z")
        self.assert_same(check_sound(self.out), self.whole)

    def test_the_same_model_elsewhere(self):
        """Its weights count, not its folder."""
        model = self.model("run", {})
        self.assert_same(self.assert_made(self.resume("-m", model)), self.whole)

    def test_a_seed_that_nobody_gave_is_found_again(self):
        command = ["batch", "jobs.jsonl", "-o", "out", *ALONE, "-W", "64", "-H", "64", "--steps", "2"]
        self.write("drawn", JOBS)
        whole = self.painted(self.run_sd("drawn", command))
        (self.folder("drawn") / "out/00004.png").unlink()
        outcome = self.run_sd("drawn", [*command, "--resume"])
        self.assertEqual((outcome.code, outcome.out), (0, b"out/00004.png\n"), outcome.err)
        self.assert_same(check_sound(outcome.folder / "out"), whole)

    def test_what_failed_is_tried_again(self):
        folder = self.folder("failed")
        (folder / "start.png").write_bytes(b"no picture")
        self.write("failed", [JOBS[0], {"prompt": "a star", "init_img": "start.png"}])
        for _ in range(2):
            outcome = self.batch("failed", "--resume")
            self.assertEqual(outcome.code, 1, outcome.err)
            self.assertIn(b"start.png", outcome.err)
            self.assertEqual([line["kind"] for line in made_pictures(folder / "out").values()], ["image", "failure"])
        shutil.copy(EXAMPLES / "red-circle.png", folder / "start.png")
        self.assertEqual(self.batch("failed", "--resume").out, b"out/00001.png\n")
        self.assertEqual(len(check_sound(folder / "out")), 2)

    def test_what_dead_writers_left_goes(self):
        """Temporary files, in sub-folders too; what users keep beside the pictures stays."""
        (self.out / "sub").mkdir()
        for name in (".sd-0123abcd.tmp", "sub/.sd-4567cdef.tmp", "sub/notes.txt", ".hidden.tmp"):
            (self.out / name).write_bytes(b"x")
        (self.out / "00001.png").unlink()
        outcome = self.resume()
        self.assertEqual((outcome.code, outcome.out), (0, b"out/00001.png\n"), outcome.err)
        self.assertEqual(sorted(set(files_in(self.out)) - set(self.whole)), [".hidden.tmp", "sub/notes.txt"])

    def test_a_manifest_whose_last_line_is_cut_off(self):
        manifest = self.out / "manifest.jsonl"
        manifest.write_bytes(manifest.read_bytes()[:-100])
        self.assert_same(self.assert_made(self.resume(), "00005.png"), self.whole)

    def test_a_manifest_that_is_gone(self):
        """The pictures say themselves that they are these very ones."""
        (self.out / "manifest.jsonl").unlink()
        self.assert_same(self.assert_made(self.resume(), *self.whole), self.whole)

    def test_a_manifest_with_a_damaged_line(self):
        manifest = self.out / "manifest.jsonl"
        text = manifest.read_bytes().splitlines(keepends=True)
        text[2] = text[2][:50] + b"\n"
        manifest.write_bytes(b"".join(text))
        outcome = self.resume("-q")
        self.assertEqual((outcome.code, outcome.out), (BAD_INPUT, b""))
        self.assertRegex(outcome.err, rb"\Asd: error: [^\n]*out/manifest.jsonl:3[^\n]*\n\Z")
        self.assert_same(files_in(self.out), self.whole)

    def test_a_file_of_somebody_else_is_not_replaced(self):
        manifest = self.out / "manifest.jsonl"
        text = manifest.read_bytes().splitlines(keepends=True)
        manifest.write_bytes(b"".join(text[:-1]))
        (self.out / "00005.png").write_bytes(b"mine")
        outcome = self.resume("-q")
        self.assertEqual((outcome.code, outcome.out), (BAD_OUTPUT, b""))
        self.assertIn(b"sd: error: cannot write 'out/00005.png': a file of that name exists\n", outcome.err)
        self.assertEqual((self.out / "00005.png").read_bytes(), b"mine")

    def test_a_job_that_takes_the_name_of_such_a_file(self):
        (self.out / "mine.png").write_bytes(b"mine")
        self.write("run", [*JOBS[:3], JOBS[3] | {"output": "mine.png"}, *JOBS[4:]])
        outcome = self.resume("-q")
        self.assertEqual((outcome.code, outcome.out), (BAD_OUTPUT, b""), outcome.err)
        self.assertIn(b"sd: error: cannot write 'out/mine.png': a file of that name exists\n", outcome.err)
        self.assertEqual((self.out / "mine.png").read_bytes(), b"mine")

    def test_jobs_that_change_places(self):
        """Each takes the other's name, and nothing is lost."""
        named = [job | {"output": f"{name}.png"} for name, job in zip("abc", JOBS)]
        self.paint("places", named)
        self.write("places", [named[0], *({"prompt": job["prompt"], "output": other["output"]} for job, other in ((named[1], named[2]), (named[2], named[1])))])
        outcome = self.batch("places", "--resume")
        self.assertEqual((outcome.code, outcome.out), (0, b"out/c.png\nout/b.png\n"), outcome.err)
        self.assertEqual(sorted(check_sound(outcome.folder / "out")), ["a.png", "b.png", "c.png"])

    def test_only_the_first_lines_of_a_run(self):
        """As after a shorter job file: what else is there is left alone."""
        self.write("run", JOBS[:3])
        self.assert_same(self.assert_made(self.resume()), self.whole)

    def test_a_stream_resumes_too(self):
        (self.out / "00001.png").unlink()
        outcome = self.batch("run", "--resume", file="-", input=lines(JOBS).encode())
        self.assert_same(self.assert_made(outcome, "00001.png"), self.whole)


class OnExist(BatchTest):
    def setUp(self):
        super().setUp()
        self.write("run", JOBS[:3])
        self.out = self.folder("run") / "out"
        (self.out / "00001.png").write_bytes(b"mine")

    def run_with(self, what):
        outcome = self.batch("run", "--on-exist", what)
        self.assertEqual(outcome.code, 0, outcome.err)
        return outcome.out.decode().split(), files_in(self.out)

    def test_skip(self):
        printed, files = self.run_with("skip")
        self.assertEqual(printed, ["out/00000.png", "out/00002.png"])
        self.assertEqual(files["00001.png"], b"mine")

    def test_overwrite(self):
        printed, files = self.run_with("overwrite")
        self.assertEqual(printed, ["out/00000.png", "out/00001.png", "out/00002.png"])
        check_sound(self.out)

    def test_rename_and_resume(self):
        printed, files = self.run_with("rename")
        self.assertEqual(printed, ["out/00000.png", "out/00001-1.png", "out/00002.png"])
        self.assertEqual(files["00001.png"], b"mine")
        outcome = self.batch("run", "--resume")
        self.assertEqual((outcome.code, outcome.out), (0, b""), outcome.err)
        self.assertEqual([line["kind"] for line in manifest_lines(self.out)], ["run", *["image"] * 3])


if __name__ == "__main__":
    import unittest

    unittest.main()
