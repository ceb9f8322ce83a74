"""Makes the golden files of tests/data from the pinned diffusers, transformers and Pillow.

    python tools/make_fixtures.py [NAME...]      all of tools/fixtures, or those that are named

The scripts are seeded: made again with the same versions on the same kind of CPU, files do not change.
"""

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(names):
    known = sorted(path.stem for path in (ROOT / "tools" / "fixtures").glob("*.py") if path.stem != "__init__")
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"There are no fixtures named {', '.join(unknown)}; there are {', '.join(known)}.")
    sys.path.insert(0, str(ROOT / "tools" / "fixtures"))
    for name in names or known:
        print(f"== {name}", flush=True)
        importlib.import_module(name).main(ROOT / "tests" / "data")


if __name__ == "__main__":
    main(sys.argv[1:])
