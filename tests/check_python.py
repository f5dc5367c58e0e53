#!/usr/bin/env python3
"""The Python package's methods and types say what the operation table says.

    tests/check_python.py            fails when they do not
    tests/check_python.py --write    writes them anew
"""

import json
import os
import pathlib
import subprocess
import sys

from python_methods import methods_page, methods_room
from python_types import CLASSES, PROGRESS, Types, types_page, types_room

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = pathlib.Path(os.environ.get("PYRO_TEST_BUILD", ROOT / "build")) / "pyro"
PACKAGE = ROOT / "python" / "pyro_mcp"


def pages_of(operations):
    """What the package has of the table, by path."""
    types = Types(operations)
    pages = {"types/progress.py": PROGRESS}
    for family in CLASSES:
        pages[f"types/{family}.py"] = types_page(family, operations, types)
        pages[f"_operations/{family}.py"] = methods_page(family, operations, types, False)
        pages[f"_async_operations/{family}.py"] = methods_page(family, operations, types, True)
    pages["types/__init__.py"] = types_room(pages)
    pages["_operations/__init__.py"] = methods_room(False)
    pages["_async_operations/__init__.py"] = methods_room(True)
    return pages


def main():
    table = subprocess.run([PROGRAM, "help", "--json"], capture_output=True, check=True).stdout
    operations = [o for o in json.loads(table)["operations"] if o["python"]]
    pages = pages_of(operations)
    if "--write" in sys.argv[1:]:
        for name, text in pages.items():
            (PACKAGE / name).parent.mkdir(exist_ok=True)
            (PACKAGE / name).write_text(text)
    rooms = {pathlib.Path(name).parent for name in pages}
    found = {str(path.relative_to(PACKAGE)): path.read_text() for room in rooms for path in PACKAGE.glob(f"{room}/*.py")}
    wrong = sorted(name for name in pages.keys() | found.keys() if pages.get(name) != found.get(name))
    print(f"python/pyro_mcp/{wrong[0]} is not what the table says: tests/check_python.py --write" if wrong
          else f"python: {len(operations)} methods as the table has them")  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
