"""Job files and options that are refused, each with a sentence, before anything is painted."""

import os
import shutil

from batches import EXAMPLES, QUICK, BatchTest, lines
from running import BAD_MODEL, LONGEST_LINE, USAGE

LAUNCHERS = ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SD_SHARD_COUNT")

GOOD = b'{"prompt": "a red circle"}\n'


class BadJobs(BatchTest):
    def refuse(self, name, content, *parts, file="jobs.jsonl", flags=(), code=USAGE, **options):
        """A job file that is refused as a whole leaves nothing behind, not even its folder."""
        if content is not None:
            self.write(name, content, file)
        outcome = self.batch(name, *flags, file=file, out=options.pop("out", "out/new"), **options)
        self.assert_refused_jobs(outcome, code, *parts)

    def assert_refused_jobs(self, outcome, code, *parts):
        """`parts` are in the first sentence; the last one sums up what was found in a job file."""
        self.assertEqual((outcome.code, outcome.out, outcome.files), (code, b"", []), outcome.err[:LONGEST_LINE])
        sentences = outcome.err.decode(errors="strict").splitlines()
        self.assertLess(len(outcome.err), LONGEST_LINE)
        if len(sentences) > 1:
            self.assertRegex(sentences[-1], r"\Asd: error: [^:]+: nothing was painted, because of this error\Z")
            self.assertEqual(len(sentences), 2, sentences)
        self.assertTrue(sentences[0].startswith("sd: error: "), sentences)
        for part in parts:
            self.assertIn(part, sentences[0])

    def refuse_each(self, cases):
        for name, (content, *parts) in cases.items():
            with self.subTest(name):
                self.refuse(name, content, *parts)


class Values(BadJobs):
    def test_lines_of_json(self):
        """The place is that of what is wrong: columns count characters from 1."""
        cases = {
            "unknown_key": (GOOD + b'{"prompt": "a", "stepz": 3}\n', "jobs.jsonl:2:17: expected a key such as prompt or steps, found 'stepz' (did you mean steps?)"),
            "web_ui": (b'{"prompt": "a", "subseed": 3}\n', "jobs.jsonl:1:17: subseed is of AUTOMATIC1111's web UI and has no equal here"),
            "text_for_number": (GOOD + b'\n{"prompt": "a", "steps": "many"}\n', "jobs.jsonl:3:", "steps expects a whole number from 1 to 1000, found \"many\""),
            "number_for_text": (b'{"prompt": 7}\n', "jobs.jsonl:1:", "prompt expects a text, found 7"),
            "list": (b'{"prompt": ["a"]}\n', "jobs.jsonl:1:", "prompt expects a text, found a list"),
            "true": (b'{"prompt": "a", "steps": true}\n', "jobs.jsonl:1:", "steps expects a whole number from 1 to 1000, found true"),
            "half_a_step": (b'{"prompt": "a", "steps": 2.5}\n', "jobs.jsonl:1:", "steps", "2.5"),
            "no_steps": (b'{"prompt": "a", "steps": 0}\n', "jobs.jsonl:1:", "steps", "from 1 to 1000", "found '0'"),
            "much_strength": (b'{"prompt": "a", "init_img": "b.png", "strength": 1.5}\n', "jobs.jsonl:1:", "strength", "from 0 to 1", "1.5"),
            "wide": (b'{"prompt": "a", "width": 100000}\n', "jobs.jsonl:1:", "width", "8 to 16384", "100000"),
            "odd_width": (b'{"prompt": "a", "width": 65}\n', "jobs.jsonl:1:", "width", "65"),
            "seed": (b'{"prompt": "a", "seed": 18446744073709551616}\n', "jobs.jsonl:1:", "seed"),
            "sampler": (b'{"prompt": "a", "sampler": "eular"}\n', "jobs.jsonl:1:", "sampler", "'eular'", "euler"),
            "twice": (b'{"prompt": "a", "steps": 2, "num_inference_steps": 3}\n', "jobs.jsonl:1:29: expected steps once, found it again as num_inference_steps"),
            "no_prompt": (b'{"steps": 2}\n', "jobs.jsonl:1:", "expected a prompt, found none"),
            "strength_alone": (b'{"prompt": "a", "strength": 0.5}\n', "jobs.jsonl:1:17: strength expects init_img or init_latents beside it"),
            "eta": (b'{"prompt": "a", "sampler": "euler", "eta": 0.5}\n', "jobs.jsonl:1:", "eta belongs to the sampler ddim, found euler"),
            "no_object": (b'{"prompt": "a"}\n["b"]\n', "jobs.jsonl:2:1: "),
            "not_closed": (GOOD + b'{"prompt": "a"\n', "jobs.jsonl:2:15: "),
            "two_on_a_line": (b'{"prompt": "a"} {"prompt": "b"}\n', "jobs.jsonl:1:17: "),
            "after_wide_text": ('{"prompt": "\u591c\u591c", "stepz": 3}\n'.encode(), "jobs.jsonl:1:18: "),
        }
        self.refuse_each(cases)

    def test_other_formats(self):
        cases = {
            "array": (b'[{"prompt": "a"},\n {"prompt": "b", "stepz": 3}]', "jobs.json", "jobs.json:2:18: expected a key"),
            "array_end": (b'[{"prompt": "a"},\n {"prompt": "b"}', "jobs.json", "jobs.json:2:17: expected , or ], found the end of the file"),
            "table_key": (b"prompt,stepz\na,3\n", "jobs.csv", "jobs.csv:1:8: expected a key"),
            "table_value": (b"prompt,steps\na,3\nb,many\n", "jobs.csv", "jobs.csv:3:3: steps expects a whole number"),
            "table_cells": (b"prompt,steps\na, b,3\n", "jobs.csv", "jobs.csv:2:6: expected 2 cells as in the first line, found 3"),
            "table_quote": (b'prompt,steps\n"a,3\n', "jobs.csv", "jobs.csv:2:1: expected a second quote"),
            "tabs": (b"prompt\tsteps\na\t0\n", "jobs.tsv", "jobs.tsv:2:3: steps"),
            "switch": (b"a red circle\na star --stepz 3\n", "jobs.txt", "jobs.txt:2:8: expected a key"),
            "switch_value": (b"a star --steps 0\n", "jobs.txt", "jobs.txt:1:8: steps"),
            "switch_alone": (b"a star --steps\n", "jobs.txt", "jobs.txt:1:8: --steps expects a value, found none"),
            "carriage": (b"a star\ra circle\n", "jobs.txt", "jobs.txt:1:7: expected a line feed"),
        }
        for name, (content, file, sentence) in cases.items():
            with self.subTest(name):
                self.refuse(name, content, sentence, file=file)

    def test_bytes(self):
        cases = {
            "utf8_text": (b"a circle\na caf\xe9\n", "jobs.txt", "jobs.txt:2:6: expected text in UTF-8, found a byte that is none"),
            "utf8_json": (GOOD + b'{"prompt": "caf\xe9"}\n', "jobs.jsonl", "jobs.jsonl:2:16: "),
            "utf8_csv": (b"prompt,steps\ncaf\xe9,3\n", "jobs.csv", "jobs.csv:2:4: "),
            "surrogate": (b"a \xed\xa0\x80\n", "jobs.txt", "jobs.txt:1:3: "),
            "nul_text": (b"a circle\na\0b\n", "jobs.txt", "jobs.txt:2:2: expected text, found a NUL character"),
            "nul_json": (b'{"prompt": "a\0b"}\n', "jobs.jsonl", "jobs.jsonl:1:14: "),
            "nul_escape": (b'{"prompt": "a\\u0000b"}\n', "jobs.jsonl", "jobs.jsonl:1:2: prompt expects text, found a NUL character in it"),
            "utf16": ("a red circle\n".encode("utf-16"), "jobs.txt", "jobs.txt:1:1: expected text in UTF-8, found UTF-16"),
            "utf16_le": ("a red circle\n".encode("utf-16-le"), "jobs.txt", "jobs.txt:1:1: expected text in UTF-8, found UTF-16"),
            "utf16_be": ('{"prompt": "a"}\n'.encode("utf-16-be"), "jobs.jsonl", "jobs.jsonl:1:1: expected text in UTF-8, found UTF-16"),
        }
        for name, (content, file, sentence) in cases.items():
            with self.subTest(name):
                self.refuse(name, content, sentence, file=file)

    def test_lines_without_an_end(self):
        long = b"a" * 10_000_000
        cases = {
            "text": (GOOD[:0] + b"a circle\n" + long + b"\n", "jobs.txt", "jobs.txt:2:"),
            "json_line": (GOOD + b'{"prompt": "' + long + b'"}\n', "jobs.jsonl", "jobs.jsonl:2:"),
            "json": (b'[{"prompt": "a"}, {"prompt": "' + long + b'"}]', "jobs.json", "jobs.json:1:19: "),
            "cell": (b'prompt,steps\n"' + b"a\n" * 5_000_000 + b'",3\n', "jobs.csv", "jobs.csv:2:1: "),
        }
        for name, (content, file, place) in cases.items():
            with self.subTest(name):
                self.refuse(name, content, place, "1048576 bytes", file=file)

    def test_every_error_of_a_file_is_told(self):
        jobs = [{"prompt": "a", "stepz": 1}, {"prompt": "b"}, {"prompt": "c", "steps": 0}, {"steps": 1}]
        self.write("all", jobs)
        outcome = self.batch("all", out="out/new")
        self.assertEqual((outcome.code, outcome.out, outcome.files), (USAGE, b"", []))
        sentences = outcome.err.decode().splitlines()
        self.assertEqual([sentence.split(":")[3] for sentence in sentences[:-1]], ["1", "3", "4"])
        self.assertEqual(sentences[-1], "sd: error: jobs.jsonl: nothing was painted, because of these 3 errors")

    def test_but_not_without_end(self):
        self.write("many", [{"prompt": "a", "stepz": 1}] * 1000)
        outcome = self.batch("many", out="out/new")
        self.assertEqual((outcome.code, outcome.files), (USAGE, []))
        self.assertEqual(outcome.err.count(b"\n"), 21)
        self.assertTrue(outcome.err.endswith(b"jobs.jsonl: nothing was painted, because of these and maybe more errors\n"))


class Files(BadJobs):
    def test_files_that_are_none(self):
        self.refuse("empty", b"", "jobs.jsonl: at least one job was expected, found none")
        self.refuse("blank", b"\n \n\n", "jobs.txt: at least one job was expected, found none", file="jobs.txt")
        self.refuse("comments", b"# a\n# b\n", "jobs.txt: at least one job was expected, found none", file="jobs.txt")
        self.refuse("header", b"prompt,steps\n", "jobs.csv: at least one job was expected, found none", file="jobs.csv")
        self.refuse("brackets", b"[]", "jobs.json: at least one job was expected, found none", file="jobs.json")
        self.refuse("missing", None, "cannot read the job file 'jobs.jsonl': there is no such file")
        self.folder("folder")
        self.refuse("folder", None, "cannot read the job file 'out': it is a folder", file="out")
        self.refuse("none", None, "cannot read the job file '/nonexistent/jobs.txt'", file="/nonexistent/jobs.txt")

    def test_start_pictures(self):
        folder = self.folder("start")
        (folder / "folder").mkdir()
        cases = {
            "missing": ("no.png", "jobs.jsonl:2:17: init_img: there is no file 'no.png'"),
            "folder": ("folder", "jobs.jsonl:2:17: init_img: there is no regular file 'folder'"),
            "device": ("/dev/zero", "jobs.jsonl:2:17: init_img: there is no regular file '/dev/zero'"),
            "stream": ("-", "jobs.jsonl:2:"),
        }
        for name, (path, sentence) in cases.items():
            with self.subTest(name):
                self.refuse("start", [{"prompt": "a"}, {"prompt": "b", "init_img": path}], sentence)

    def test_models(self):
        self.refuse("line", [{"prompt": "a"}, {"prompt": "b", "model": "./none"}], "jobs.jsonl:2:17: there is no model './none'")
        self.refuse("option", [{"prompt": "a"}] * 3, "sd: error: there is no model './none'", flags=["-m", "./none"], code=BAD_MODEL)
        self.write("stream", [])
        outcome = self.batch("stream", "-m", "./none", file="-", out="out/new", input=GOOD * 3)
        self.assert_refused_jobs(outcome, BAD_MODEL, "sd: error: there is no model './none'")


class Names(BadJobs):
    def test_two_pictures_of_one_name(self):
        one = "an earlier picture has the name 'a.png' already"
        self.refuse("option", [{"prompt": "x"}] * 2, "jobs.jsonl:2:", "an earlier picture has the name 'x.png' already", out="out/new/{prompt}")
        self.refuse("key", [{"prompt": "x", "output": "a.png"}, {"prompt": "y", "output": "a.png"}], "jobs.jsonl:2:", one)
        self.refuse("count", [{"prompt": "x", "output": "a.png", "count": 2}], "jobs.jsonl:1:", one)
        self.refuse("mixed", [{"prompt": "x", "output": "00001.png"}, {"prompt": "y"}], "jobs.jsonl:2:", "'00001.png'")
        self.refuse("seeds", [{"prompt": "x", "seed": 3}] * 2, "jobs.jsonl:2:", "'3.png'", out="out/new/{seed}")

    def test_names_that_leave_the_folder(self):
        for name, pattern in {"above": "../a.png", "within": "a/../../b", "absolute": "/tmp/a.png", "far": "{index}/../../../b"}.items():
            with self.subTest(name):
                self.refuse(name, [{"prompt": "x"}, {"prompt": "y", "output": pattern}], "jobs.jsonl:2:", "output", "below the output folder", pattern)
        self.refuse("option", GOOD, "--output", "..", out="out/new/{index}/../../../b")

    def test_a_prompt_makes_no_folder(self):
        self.write("prompt", [{"prompt": "../../x", "output": "{prompt}.png"}, {"prompt": "..", "output": "{prompt}/{index}"}])
        outcome = self.batch("prompt")
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertEqual([path.name for path in outcome.folder.iterdir() if path.suffix == ".png"], [])
        self.assertEqual(len([file for file in outcome.files if file.endswith(".png")]), 2)

    def test_patterns(self):
        cases = {
            "unknown": ("out/new/{indx}", "--output", "{indx}"),
            "open": ("out/new/{index", "--output", "{index"),
            "ending": ("out/new/{index}.gif", "--output", ".gif"),
            "empty": ("", "--output"),
            "stream": ("-", "--output of sd batch expects a folder, found - for standard output"),
        }
        for name, (out, *parts) in cases.items():
            with self.subTest(name):
                self.refuse(name, GOOD, *parts, out=out)
        self.refuse("key", [{"prompt": "x"}, {"prompt": "y", "output": "{indx}"}], "jobs.jsonl:2:", "{indx}")
        self.refuse("formats", GOOD, "--format", flags=["--format", "jpg"], out="out/new/{index}.png")


class Options(BadJobs):
    def setUp(self):
        super().setUp()
        for variable in LAUNCHERS:
            value = os.environ.pop(variable, None)
            if value is not None:
                self.addCleanup(os.environ.__setitem__, variable, value)

    def test_shards(self):
        cases = {
            "beyond": ("3/2", "the index of --shard expects", "from 0 to 1", "3"),
            "equal": ("2/2", "the index of --shard expects", "2"),
            "negative": ("-1/2", "--shard"),
            "none": ("0/0", "the count of --shard expects", "0"),
            "one_number": ("2", "--shard expects INDEX/COUNT"),
            "words": ("a/b", "--shard", "b"),
            "alone": ("*/2", "no launcher says which of them this is"),
        }
        for name, (shard, *parts) in cases.items():
            with self.subTest(name):
                self.refuse(name, GOOD, *parts, flags=["--shard", shard])

    def test_shards_of_the_environment(self):
        cases = {
            "rank_without_count": ({"SLURM_ARRAY_TASK_ID": "1"}, "SLURM_ARRAY_TASK_ID", "nothing says of how many: expected --shard */COUNT or SD_SHARD_COUNT"),
            "rank_outside_count": ({"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "2"}, "OMPI_COMM_WORLD_RANK of Open MPI", "2"),
            "rank_that_is_none": ({"OMPI_COMM_WORLD_RANK": "first", "OMPI_COMM_WORLD_SIZE": "2"}, "OMPI_COMM_WORLD_RANK of Open MPI", "'first'"),
            "count_without_rank": ({"SD_SHARD_COUNT": "2"}, "SD_SHARD_COUNT asks for 2 shards, but no launcher says which of them this is"),
        }
        for name, (variables, *parts) in cases.items():
            with self.subTest(name):
                self.refuse(name, GOOD, *parts, env=variables)

    def test_shards_that_disagree_are_a_warning(self):
        self.write("warn", GOOD)
        outcome = self.batch("warn", "--shard", "0/2", env={"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"})
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertIn(b"sd: warning: shard 0 of 2, of --shard, though there is shard 1 of 2, of Open MPI", outcome.err)

    def test_options_that_do_not_fit(self):
        cases = {
            "no_file": (["batch", "-o", "out/new"], "expects one file of jobs", "found none"),
            "two_files": (["batch", "jobs.jsonl", "jobs.jsonl", "-o", "out/new"], "expects one file of jobs", "found 2"),
            "no_output": (["batch", "jobs.jsonl"], "--output is needed"),
            "wildcards": (["batch", "jobs.jsonl", "-o", "out/new", "--wildcards", "w"], "--wildcards does nothing without --dynamic"),
            "claim_and_shard": (["batch", "jobs.jsonl", "-o", "out/new", "--claim", "--shard", "0/2"], "--claim and --shard cannot stand together"),
            "claim_a_stream": (["batch", "-", "-o", "out/new", "--claim"], "--claim expects a file of jobs that all can read, found standard input"),
            "lookahead": (["batch", "jobs.jsonl", "-o", "out/new", "--lookahead", "0"], "--lookahead"),
            "format": (["batch", "jobs.jsonl", "-o", "out/new", "--job-format", "yaml"], "--job-format", "yaml"),
            "batch_size": (["batch", "jobs.jsonl", "-o", "out/new", "--batch-size", "0"], "--batch-size"),
        }
        for name, (arguments, *parts) in cases.items():
            with self.subTest(name):
                self.write(name, GOOD)
                self.assert_refused_jobs(self.run_sd(name, [*arguments, *QUICK]), USAGE, *parts)

    def test_a_value_of_an_option_that_no_job_can_have(self):
        """It is told as that of the option, with the first line that takes it."""
        self.refuse("steps", GOOD, "--steps", "from 1 to 1000", flags=["--steps", "0"])
        self.refuse("width", GOOD, "jobs.jsonl:1", "width", "65", flags=["-W", "65"])

    def test_seeds_that_end(self):
        """None begins again at 0."""
        last = str(2**64 - 1)
        self.refuse("option", GOOD * 2, "jobs.jsonl:2", f"seed {last} is too large for picture 2", flags=["--seed", last])
        self.refuse("key", [{"prompt": "a", "seed": 2**64 - 1, "count": 2}], "jobs.jsonl:1:", f"seed {last} is too large for 2 images")
        self.painted(self.batch("key", "--seed", last, file=self.write("one", GOOD)))

    def test_dynamic_prompts(self):
        cases = {"open": "a {red|blue", "wildcard": "a __none__", "climbing": "a __../../etc/passwd__"}
        for name, prompt in cases.items():
            with self.subTest(name):
                self.refuse(name, [{"prompt": "x"}, {"prompt": prompt}], "jobs.jsonl:2:", flags=["--dynamic"])


class WhatIsThere(BadJobs):
    def test_a_wrong_file_changes_no_folder(self):
        """Neither its pictures nor its manifest, --resume or not."""
        self.paint("there", [{"prompt": "a"}])
        out = self.folder("there") / "out"
        before = {path.name: path.read_bytes() for path in out.iterdir()}
        self.write("there", lines([{"prompt": "a"}, {"prompt": "b", "steps": 0}]))
        for flags in ([], ["--resume"], ["--on-exist", "overwrite"]):
            with self.subTest(" ".join(flags)):
                outcome = self.batch("there", *flags)
                self.assertEqual((outcome.code, outcome.out), (USAGE, b""))
                self.assertEqual({path.name: path.read_bytes() for path in out.iterdir()}, before)

    def test_start_latents_that_are_a_picture(self):
        folder = self.folder("latents")
        shutil.copy(EXAMPLES / "red-circle.png", folder / "start.png")
        self.write("latents", [{"prompt": "a"}, {"prompt": "b", "init_latents": "start.png"}])
        outcome = self.batch("latents")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn(b"sd: error: picture 2: jobs.jsonl:2:17: ", outcome.err)


if __name__ == "__main__":
    import unittest

    unittest.main()
