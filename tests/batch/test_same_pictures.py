"""However the work is cut, into batches, shards or among processes, every picture is the same."""

import shutil

from batches import ALONE, EXAMPLES, BatchTest, check_sound, files_in, made_pictures, manifest_lines, prompts

SAMPLERS = ("ddim", "euler", "euler_a", "dpmpp_2m", "unipc", "heun", "pndm", "ddpm", "plms")


def mixed_jobs():
    """Of different samplers, steps, sizes and scales, with and without a picture to start from."""
    jobs = []
    for i, text in enumerate(prompts(18)):
        job = {"prompt": text, "sampler": SAMPLERS[i % len(SAMPLERS)], "steps": 4 + i % 3, "scale": (7.5, 1, 4)[i % 3]}
        if i % 6 == 4:
            job |= {"width": 96, "height": 32}
        if i % 6 == 5:
            job |= {"init_img": "red-circle.png", "strength": 0.7, "sampler": "ddim", "steps": 6}
        if i % 5 == 0:
            job |= {"negative_prompt": "white background", "seed": 100 + i, "clip_skip": i % 2}
        jobs.append(job)
    return jobs


class Batches(BatchTest):
    def paint_mixed(self, name, *flags):
        shutil.copy(EXAMPLES / "red-circle.png", self.folder(name))
        self.write(name, mixed_jobs())
        outcome = self.batch(name, *flags)
        return self.painted(outcome), outcome.err

    def test_a_picture_of_a_batch_is_that_made_one_by_one(self):
        one, _ = self.paint_mixed("one", "--batch-size", "1")
        self.assertEqual(len(one), 18)
        for size in ("4", "18"):
            with self.subTest(size):
                files, messages = self.paint_mixed(size, "--batch-size", size)
                self.assertIn(b" at once: ", messages)
                self.assert_same(files, one)

    def test_what_is_read_ahead_changes_no_picture(self):
        one, _ = self.paint_mixed("far", "--batch-size", "4")
        near, messages = self.paint_mixed("near", "--batch-size", "4", "--lookahead", "1")
        self.assertNotIn(b" at once: ", messages)
        self.assert_same(near, one)

    def test_a_picture_of_a_batch_is_that_of_txt2img(self):
        """And of img2img: byte for byte, since both say the same of how it was made."""
        files, _ = self.paint_mixed("batch", "--batch-size", "4")
        jobs = mixed_jobs()
        cases = {f"{i:05}.png": self.alone(i, jobs[i]) for i in (0, 1, 2, 4, 5, 13)}
        shutil.copy(EXAMPLES / "red-circle.png", self.folder("alone"))
        for file, arguments in cases.items():
            outcome = self.run_sd("alone", [*arguments, "-o", f"out/{file}"])
            self.assertEqual(outcome.code, 0, outcome.err)
        alone = files_in(self.folder("alone") / "out")
        self.assert_same({file: files[file] for file in cases}, alone)

    def alone(self, index, job):
        flags = {"seed": index + 1, "width": 64, "height": 64} | job
        command = "img2img" if "init_img" in job else "txt2img"
        return [command, *ALONE, *(word for key, value in flags.items() for word in (f"--{key}", value))]


class Shards(BatchTest):
    JOBS = [{"prompt": text} for text in prompts(11)] + [{"prompt": "many", "count": 3}]

    def test_shards_part_the_jobs(self):
        whole = self.copy_of_run("whole", self.JOBS)
        self.assertEqual(len(whole), 14)
        for count in (2, 3):
            shards = [self.paint(f"{i}-{count}", self.JOBS, "--shard", f"{i}/{count}") for i in range(count)]
            self.assertEqual(sum(map(len, shards)), 14)
            self.assertTrue(all(abs(len(shard) - 14 / count) < 1 for shard in shards))
            self.assert_same(dict(item for shard in shards for item in shard.items()), whole)

    def test_shards_may_have_one_folder(self):
        whole = self.copy_of_run("whole", self.JOBS)
        self.write("shared", self.JOBS)
        runs = [self.start_batch("shared", "--shard", f"{i}/2") for i in range(2)]
        for run in runs:
            outcome = self.finish(run)
            self.assertEqual(outcome.code, 0, outcome.err)
        out = self.folder("shared") / "out"
        self.assert_same(check_sound(out), whole)
        self.assertEqual(sorted(made_pictures(out)), list(range(14)))
        names = sorted(path.name for path in out.glob("manifest*"))
        self.assertEqual(names, ["manifest-00000-of-00002.jsonl", "manifest-00001-of-00002.jsonl"])
        merged = self.run_sd("shared", ["manifest", "merge", "out", "-o", "out/manifest.jsonl"])
        self.assertEqual(merged.code, 0, merged.err)
        verified = self.run_sd("shared", ["manifest", "verify", "out"])
        self.assertEqual((verified.code, verified.out), (0, b"out: 14 of 14 pictures were made, all of them are there and whole\n"))
        resumed = self.batch("shared", "--resume")
        self.assertEqual((resumed.code, resumed.out), (0, b""), resumed.err)

    def test_more_shards_than_pictures(self):
        files = self.paint("many", self.JOBS[:2], "--shard", "1/5")
        self.assertEqual(sorted(files), ["00001.png"])
        self.write("none", self.JOBS[:2])
        outcome = self.batch("none", "--shard", "4/5", out="out/new")
        self.assertEqual((outcome.code, outcome.out, outcome.files), (0, b"", []), outcome.err)

    def test_shards_from_the_environment(self):
        whole = self.copy_of_run("whole", self.JOBS)
        parts = {}
        for index in range(3):
            variables = {"OMPI_COMM_WORLD_RANK": str(index), "OMPI_COMM_WORLD_SIZE": "3"}
            self.write(f"rank-{index}", self.JOBS)
            outcome = self.batch(f"rank-{index}", env=variables)
            self.assertIn(f"shard {index} of 3".encode(), outcome.err)
            part = self.painted(outcome)
            self.assertEqual([int(file[:5]) % 3 for file in part], [index] * len(part))
            parts |= part
        self.assert_same(parts, whole)


class Claims(BatchTest):
    JOBS = [{"prompt": text} for text in prompts(30)]

    def test_three_processes_share_a_folder(self):
        whole = self.copy_of_run("whole", self.JOBS)
        self.write("shared", self.JOBS)
        outcomes = [self.finish(run) for run in [self.start_batch("shared", "--claim") for _ in range(3)]]
        self.assertEqual([outcome.code for outcome in outcomes], [0, 0, 0], [outcome.err for outcome in outcomes])
        out = self.folder("shared") / "out"
        self.assert_same(check_sound(out), whole)
        indexes = [line["index"] for line in manifest_lines(out) if line["kind"] == "image"]
        self.assertEqual(sorted(indexes), list(range(30)))
        printed = sorted(line for outcome in outcomes for line in outcome.out.decode().splitlines())
        self.assertEqual(printed, [f"out/{name}" for name in sorted(whole)])

    def test_what_a_dead_process_held_is_made_by_the_next(self):
        flags = ["--claim", "--batch-size", "4", "--steps", "6"]
        whole = self.paint("whole", self.JOBS, *flags)
        self.write("dead", self.JOBS)
        run = self.start_batch("dead", *flags)
        self.wait_until((run.folder / "out/00000.png").exists, run)
        run.kill()
        run.communicate()
        self.assertTrue(list((run.folder / "out/.sd-claims").glob("*.lease")))
        after = self.batch("dead", *flags)
        self.assertEqual(after.code, 0, after.err)
        self.assertEqual(sorted(made_pictures(run.folder / "out")), list(range(30)))
        self.assert_same(check_sound(run.folder / "out"), whole)

    def test_seeds_are_agreed_upon(self):
        """Without --seed the first process to come draws one for all."""
        self.write("drawn", self.JOBS[:8])
        command = ["batch", "jobs.jsonl", "-o", "out", *ALONE, "-W", "64", "-H", "64", "--steps", "2", "--claim"]
        outcomes = [self.finish(run) for run in [self.start("drawn", command) for _ in range(2)]]
        self.assertEqual([outcome.code for outcome in outcomes], [0, 0], [outcome.err for outcome in outcomes])
        made = made_pictures(self.folder("drawn") / "out")
        self.assertEqual(len({line["seed"] - index for index, line in made.items()}), 1)
        self.assertEqual(sorted(made), list(range(8)))

    def test_others_jobs_are_refused(self):
        self.paint("others", self.JOBS[:2], "--claim")
        self.write("others", self.JOBS[:3])
        outcome = self.batch("others", "--claim", "-q")
        self.assertEqual((outcome.code, outcome.out), (2, b""))
        self.assertRegex(outcome.err, rb"\Asd: error: --claim: the folder 'out' is shared by [^\n]* another job file than jobs.jsonl\n\Z")
        self.assertEqual(len(check_sound(self.folder("others") / "out")), 2)


if __name__ == "__main__":
    import unittest

    unittest.main()
