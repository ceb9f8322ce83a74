"""What is read: every format of job files, streams, and what becomes of names and of what is printed."""

import csv
import io
import json
import os
import shutil
import subprocess

from batches import ALONE, EXAMPLES, BatchTest, check_sound, files_in, lines, made_pictures, manifest_lines, prompts
from running import TIME_LIMIT, USAGE

JOBS = [
    {"prompt": "a red circle", "seed": 7},
    {"prompt": "a white star, \"large\"", "negative_prompt": "white background", "scale": 4},
    {"prompt": "a caf\u00e9 at night \u591c", "sampler": "euler_a", "steps": 3},
]


def as_text(jobs):
    """Prompts with the switches of A1111."""
    def value(text):
        return '"' + str(text).replace('"', r"\"") + '"'

    return "".join(
        " ".join(f"--{key} {value(text)}" for key, text in job.items()) + "\n" for job in jobs
    )


def as_table(jobs, separator):
    keys = list(dict.fromkeys(key for job in jobs for key in job))
    table = io.StringIO()
    writer = csv.DictWriter(table, keys, delimiter=separator, lineterminator="\n")
    writer.writeheader()
    writer.writerows(jobs)
    return table.getvalue()


FORMATS = {
    "txt": as_text(JOBS),
    "jsonl": lines(JOBS),
    "json": json.dumps(JOBS, indent=2),
    "csv": as_table(JOBS, ","),
    "tsv": as_table(JOBS, "\t"),
}


class JobFiles(BatchTest):
    def test_every_example_paints(self):
        counts = {}
        for path in sorted(EXAMPLES.iterdir()):
            if path.suffix in (".txt", ".jsonl", ".json", ".csv", ".tsv") and path.name != "CMakeLists.txt":
                with self.subTest(path.name):
                    outcome = self.batch(path.stem + path.suffix[1:], file=path)
                    counts[path.name] = len(self.painted(outcome))
        self.assertEqual(counts, {"jobs.csv": 3, "jobs.json": 4, "jobs.jsonl": 6, "jobs.tsv": 2, "prompts.txt": 6})

    def test_every_format_says_the_same(self):
        expected = self.paint("expected", JOBS)
        self.assertEqual(sorted(expected), ["00000.png", "00001.png", "00002.png"])
        for name, content in FORMATS.items():
            with self.subTest(name):
                self.assert_same(self.paint(name, content, file=f"jobs.{name}"), expected)
            with self.subTest(f"{name}, found by its content"):
                self.assert_same(self.paint(f"{name}-content", content, file="jobs"), expected)

    def test_what_editors_do_to_files(self):
        """A byte order mark, lines that end in CR LF, a last line that does not end."""
        expected = self.paint("expected", JOBS)
        for name, content in FORMATS.items():
            with self.subTest(name):
                odd = b"\xef\xbb\xbf" + content.rstrip("\n").replace("\n", "\r\n").encode()
                self.assert_same(self.paint(name, odd, file=f"jobs.{name}"), expected)

    def test_a_format_that_is_named(self):
        """A first line that looks like another format is a prompt where one says so."""
        self.write("named", "prompt,steps\n", "list")
        outcome = self.batch("named", "--job-format", "txt", file="list")
        self.painted(outcome)
        self.assertEqual(made_pictures(outcome.folder / "out")[0]["parameters"]["prompt"], "prompt,steps")

    def test_start_pictures_are_found_beside_the_job_file(self):
        folder = self.folder("beside")
        (folder / "lists").mkdir()
        shutil.copy(EXAMPLES / "red-circle.png", folder / "lists/start.png")
        self.write("beside", [{"prompt": "a star", "init_img": "start.png", "strength": 0.5}], "lists/jobs.jsonl")
        self.painted(self.batch("beside", file="lists/jobs.jsonl"))


class Streams(BatchTest):
    def test_the_first_picture_is_there_before_the_end_of_the_stream(self):
        expected = self.paint("expected", lines([{"prompt": text} for text in prompts(3)]))
        run = self.start_batch("stream", file="-", stdin=subprocess.PIPE)
        out = run.folder / "out"
        for index, text in enumerate(prompts(3)):
            run.stdin.write(json.dumps({"prompt": text}).encode() + b"\n")
            run.stdin.flush()
            self.wait_until((out / f"{index:05}.png").exists, run)
        self.assert_same(self.painted(self.finish(run)), expected)

    def test_a_pipe_with_a_name(self):
        """It is opened once: its writer would lose its reader in between."""
        expected = self.paint("expected", lines(JOBS))
        pipe = self.folder("pipe") / "jobs.jsonl"
        os.mkfifo(pipe)
        writer = subprocess.Popen(["sh", "-c", "cat ../expected/jobs.jsonl >jobs.jsonl"], cwd=pipe.parent)
        self.addCleanup(writer.wait)
        self.addCleanup(writer.kill)
        run = self.start_batch("pipe")
        self.assertEqual(writer.wait(TIME_LIMIT), 0)
        self.assert_same(self.painted(self.finish(run)), expected)

    def test_a_stream_may_be_text(self):
        expected = self.paint("expected", "".join(text + "\n" for text in prompts(2)), file="jobs.txt")
        outcome = self.batch("text", file="-", input="\n".join(prompts(2)).encode())
        self.assert_same(self.painted(outcome), expected)

    def test_a_job_that_is_wrong_fails_alone(self):
        """What came before is painted already, so the rest is, too."""
        jobs = [{"prompt": "a"}, {"prompt": "b", "stepz": 3}, {"prompt": "c"}]
        outcome = self.batch("wrong", file="-", input=lines(jobs).encode())
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertEqual(sorted(check_sound(outcome.folder / "out")), ["00000.png", "00002.png"])
        self.assertIn(b"standard input:2:17: expected a key", outcome.err)
        failure = made_pictures(outcome.folder / "out")[1]
        self.assertEqual((failure["kind"], failure["exit_code"]), ("failure", USAGE))
        self.assertIn("stepz", failure["error"])

    def test_nothing_at_all_is_no_error(self):
        outcome = self.batch("nothing", "-q", file="-", input=b"")
        self.assertEqual((outcome.code, outcome.out, outcome.err), (0, b"", b""))


class Pictures(BatchTest):
    def test_pictures_are_jobs(self):
        """Painted again they are the same, those that start from another picture too."""
        folder = self.folder("pictures")
        shutil.copy(EXAMPLES / "red-circle.png", folder / "start.png")
        jobs = [*JOBS, {"prompt": "a star", "init_img": "start.png", "strength": 0.7, "steps": 4, "width": 96}]
        files = self.paint("pictures", jobs)
        pictures = [f"out/{name}" for name in sorted(files)]
        outcome = self.run_sd("pictures", ["batch", *pictures, "-o", "out/again", *ALONE])
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assert_same(check_sound(folder / "out/again"), files)


class DryRuns(BatchTest):
    def test_it_names_what_a_run_writes(self):
        jobs = [{"prompt": "a", "count": 2}, {"prompt": "b", "output": "b/{seed}.webp"}, {"prompt": "c", "width": 128}]
        self.write("dry", jobs)
        plan = self.batch("dry", "--dry-run", "-q", out="out/new/{seed}-{prompt}")
        self.assertEqual((plan.code, plan.err, plan.files), (0, b"", []))
        rows = [line.split("\t") for line in plan.out.decode().splitlines()]
        run = self.batch("dry", "-q", out="out/new/{seed}-{prompt}")
        self.assertEqual([f"out/new/{row[0]}" for row in rows], run.out.decode().splitlines())
        self.assertEqual(sorted(row[0] for row in rows), sorted(check_sound(run.folder / "out/new")))
        self.assertEqual(rows[-1], ["4-c.png", "128x64", "2 steps", "ddim", "seed 4", "c"])

    def test_it_counts_and_sums_up(self):
        self.write("sum", [{"prompt": "a", "count": 2}, {"prompt": "c", "width": 128}])
        outcome = self.batch("sum", "--dry-run", out="nowhere")
        self.assertIn(b"dry run: 3 of 3 pictures would be painted (1 of 128x64, 2 of 64x64), into 'nowhere'\n", outcome.err)
        self.assertFalse((outcome.folder / "nowhere").exists())

    def test_it_estimates_with_all_that_the_steps_depend_on(self):
        # 1000 PLMS steps hold with trailing times alone: 0 would be passed with leading ones
        self.write("spaced", [{"prompt": "a", "steps": 1000, "sampler": "plms", "spacing": "trailing"}])
        outcome = self.batch("spaced", "--dry-run")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn(b"estimated to take ", outcome.err)

    def test_of_a_stream_it_reads_all(self):
        outcome = self.batch("stream", "--dry-run", "-q", file="-", out="out/new", input=lines(JOBS).encode())
        self.assertEqual((outcome.code, outcome.files), (0, []), outcome.err)
        self.assertEqual([line.split("\t")[0] for line in outcome.out.decode().splitlines()], ["00000.png", "00001.png", "00002.png"])

    def test_it_leaves_out_what_a_resumed_run_leaves_out(self):
        self.paint("resumed", [{"prompt": text} for text in prompts(3)])
        (self.folder("resumed") / "out/00001.png").unlink()
        outcome = self.batch("resumed", "--resume", "--dry-run")
        self.assertEqual(outcome.out.decode().split("\t")[0], "00001.png", outcome.err)
        self.assertEqual(outcome.out.count(b"\n"), 1)
        self.assertEqual(sorted(files_in(outcome.folder / "out")), ["00000.png", "00002.png"])


class Names(BatchTest):
    JOBS = [{"prompt": "a red circle", "seed": 4}, {"prompt": "b/c: d?", "sampler": "euler", "scale": 4}]

    def names(self, name, out, *flags):
        self.write(name, self.JOBS)
        outcome = self.batch(name, *flags, out=out)
        self.assertEqual(outcome.code, 0, outcome.err)
        folder = outcome.folder
        manifest = next(path for path in folder.rglob("manifest.jsonl"))
        return str(manifest.parent.relative_to(folder)), sorted(check_sound(manifest.parent))

    def test_patterns(self):
        cases = {
            "folder": ("out", "out", ["00000.png", "00001.png"]),
            "new": ("out/a/b.c/", "out/a/b.c", ["00000.png", "00001.png"]),
            "index": ("out/{index:02}-{seed}", "out", ["00-4.png", "01-2.png"]),
            "folders": ("out/{sampler}/{index}.png", "out", ["ddim/0.png", "euler/1.png"]),
            "web_ui": ("out/[seed]-[cfg]", "out", ["2-4.png", "4-7.5.png"]),
            "prompt": ("out/{prompt:40}", "out", ["a red circle.png", "b_c_ d_.png"]),
            "format": ("out/{seed}.webp", "out", ["2.webp", "4.webp"]),
            "braces": ("out/{{{index}}}", "out", ["{0}.png", "{1}.png"]),
        }
        for name, (out, folder, files) in cases.items():
            with self.subTest(name):
                self.assertEqual(self.names(name, out), (folder, files))

    def test_a_format_for_all(self):
        self.assertEqual(self.names("format", "out", "--format", "jpg"), ("out", ["00000.jpg", "00001.jpg"]))

    def test_a_path_that_is_absolute(self):
        folder = self.root / "elsewhere"
        self.write("absolute", self.JOBS)
        outcome = self.batch("absolute", "-q", out=folder)
        self.assertEqual(outcome.out.decode(), f"{folder}/00000.png\n{folder}/00001.png\n")
        self.assertEqual(sorted(check_sound(folder)), ["00000.png", "00001.png"])


class Results(BatchTest):
    def test_paths_are_printed_and_messages_are_not(self):
        self.write("paths", [{"prompt": text} for text in prompts(2)])
        outcome = self.batch("paths", "-q")
        self.assertEqual((outcome.out, outcome.err), (b"out/00000.png\nout/00001.png\n", b""))

    def test_json(self):
        jobs = [{"prompt": "a", "negative_prompt": "b", "seed": 5}, {"prompt": "c", "init_img": "none.png"}, {"prompt": "d", "steps": 3}]
        folder = self.folder("json")
        self.write("json", jobs)
        (folder / "none.png").write_bytes(b"no picture")
        outcome = self.batch("json", "--json", "-q")
        self.assertEqual(outcome.code, 1)
        objects = {line["index"]: line for line in map(json.loads, outcome.out.splitlines())}
        self.assertEqual(sorted(objects), [0, 1, 2])
        first = objects[0]
        self.assertEqual((first["schema"], first["file"], first["seed"], first["prompt"]), (1, "out/00000.png", 5, "a"))
        self.assertEqual((first["negative_prompt"], first["settings"]["steps"]), ("b", 2))
        self.assertEqual(objects[2]["settings"]["steps"], 3)
        self.assertIsNone(objects[1]["file"])
        self.assertIn("none.png", objects[1]["error"])
        self.assertEqual(sorted(check_sound(folder / "out")), ["00000.png", "00002.png"])

    def test_a_failed_job_may_end_the_run(self):
        folder = self.folder("fast")
        (folder / "none.png").write_bytes(b"no picture")
        self.write("fast", [{"prompt": "c", "init_img": "none.png"}, *({"prompt": text} for text in prompts(3))])
        outcome = self.batch("fast", "--fail-fast", "--batch-size", "1")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertEqual(check_sound(folder / "out"), {})
        self.assertEqual([line["kind"] for line in manifest_lines(folder / "out")], ["run", "failure"])

    def test_seeds_that_nobody_gave_are_kept(self):
        flags = [*ALONE, "-W", "64", "-H", "64", "--steps", "2"]
        self.write("random", [{"prompt": text} for text in prompts(2)])
        outcome = self.run_sd("random", ["batch", "jobs.jsonl", "-o", "out", *flags])
        self.painted(outcome)
        run, first, second = manifest_lines(outcome.folder / "out")
        self.assertIn(f"sd: seed {run['seed']}\n".encode(), outcome.err)
        self.assertEqual([first["seed"], second["seed"]], [run["seed"], run["seed"] + 1])


class Dynamic(BatchTest):
    TEMPLATE = "a {red|blue|green} {circle|star} __where__"

    def expanded(self, name, *flags):
        folder = self.folder(name) / "wildcards"
        folder.mkdir()
        (folder / "where.txt").write_text("on black\non white\n")
        files = self.paint(name, [{"prompt": self.TEMPLATE, "count": 8}], "--dynamic", *flags)
        return files, made_pictures(self.folder(name) / "out")

    def test_prompts_are_expanded_by_their_seeds(self):
        files, made = self.expanded("one")
        texts = [line["parameters"]["prompt"] for line in made.values()]
        for text in texts:
            self.assertRegex(text, r"\Aa (red|blue|green) (circle|star) on (black|white)\Z")
        self.assertGreater(len(set(texts)), 2)
        self.assertEqual({line["template"] for line in made.values()}, {self.TEMPLATE})
        again, _ = self.expanded("two", "--shard", "0/1", "--batch-size", "4")
        self.assert_same(again, files)
        plain = self.paint("plain", [{"prompt": text, "seed": 1 + i} for i, text in enumerate(texts)])
        self.assert_same_pixels(plain, files)

    def test_without_the_option_the_text_is_the_prompt(self):
        self.paint("literal", [{"prompt": self.TEMPLATE}])
        self.assertEqual(made_pictures(self.folder("literal") / "out")[0]["parameters"]["prompt"], self.TEMPLATE)


class Models(BatchTest):
    def test_jobs_may_name_their_models(self):
        self.model("models", {})
        folder = self.folder("models")
        (folder / "model").rename(folder / "other")
        jobs = [{"prompt": text, "seed": 3} | ({"model": "./other"} if i % 2 else {}) for i, text in enumerate(prompts(4))]
        files = self.paint("models", jobs)
        plain = self.paint("plain", [{"prompt": text, "seed": 3} for text in prompts(4)])
        self.assert_same_pixels(files, plain)
        self.assertIn(b"Model: other", files["00001.png"])
        self.assertNotIn(b"Model: other", files["00000.png"])

    def test_a_model_that_is_not_there_is_told_with_its_line(self):
        self.write("none", [{"prompt": "a"}, {"prompt": "b", "model": "./none"}])
        outcome = self.batch("none", out="out/new")
        self.assertEqual((outcome.code, outcome.out, outcome.files), (USAGE, b"", []))
        self.assertIn(b"sd: error: jobs.jsonl:2:17: there is no model './none': looked for ./none/model_index.json", outcome.err)


if __name__ == "__main__":
    import unittest

    unittest.main()
