"""Killed at random moments and resumed, a run makes what one makes that nobody disturbs."""

import random
import unittest

from batches import QUICK, SD, BatchTest, prompts
from killing import kill_often

JOBS = [{"prompt": text} for text in prompts(30)]


class Kills(BatchTest):
    def kill(self, name, *flags):
        whole = self.copy_of_run("whole", JOBS)
        self.write(name, JOBS)
        command = [SD, "batch", "jobs.jsonl", "-o", "out", *QUICK, *flags]
        kills, finished = kill_often(command, self.folder(name), whole, 8, random.Random(name))
        self.assertEqual(len(kills), 8)
        self.assertGreater(max(kill.pictures for kill in kills), 0)

    def test_one_by_one(self):
        self.kill("one", "--batch-size", "1")

    def test_batches(self):
        self.kill("four", "--batch-size", "4")

    def test_those_who_share_a_folder(self):
        """Each process has a manifest of its own, and what a dead one held is taken over."""
        self.kill("claim", "--claim")


if __name__ == "__main__":
    unittest.main()
