"""Runs the unittest files test_*.py of some folders and closes with one line of counts.

    python tools/run_python_tests.py NAME FOLDER...

NAME stands before the counts. The tests find what was built by the environment: SD_BUILD, the build
folder; SD_BINARY, the program.
"""

import importlib.util
import signal
import sys
import unittest
from pathlib import Path


def load(path):
    """The tests of one file; a file that cannot be imported, or has none, counts as
    one failed test."""
    name = f"{path.parent.name}_{path.stem}"
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        tests = unittest.defaultTestLoader.loadTestsFromModule(module)
        if not tests.countTestCases():
            return failing_or_skipped(name, f"{path} holds no tests", unittest.TestCase.fail)
        return tests
    except unittest.SkipTest as skip:
        return failing_or_skipped(name, skip, unittest.TestCase.skipTest)
    except Exception as error:
        message = f"{path} cannot be imported: {type(error).__name__}: {error}"
        return failing_or_skipped(name, message, unittest.TestCase.fail)
    finally:
        sys.path.remove(str(path.parent))


def failing_or_skipped(name, message, outcome):
    test = type(name, (unittest.TestCase,), {"runTest": lambda self: outcome(self, str(message))})
    return unittest.TestSuite([test()])


def main(name, *folders):
    # What a shell starts in the background ignores SIGINT, and so would all that is tested here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    files = [path for folder in folders for path in sorted(Path(folder).glob("test_*.py"))]
    suite = unittest.TestSuite(load(path) for path in files)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    bad = {str(getattr(test, "test_case", test)) for test, _ in result.failures + result.errors}
    bad |= {str(test) for test in result.unexpectedSuccesses}
    skipped = {str(test) for test, _ in result.skipped} - bad
    passed = max(0, result.testsRun - len(bad) - len(skipped))
    print(f"{name}: {passed} passed, {len(bad)} failed, {len(skipped)} skipped")
    return 0 if passed and not bad else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
