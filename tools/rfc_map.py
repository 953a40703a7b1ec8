"""Write docs/rfc-map.md: which section of which RFC is in which file, and which test proves it.

The first line of every file cites the sections it implements, so the map is read off the files:

    python tools/rfc_map.py        write it
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
SOURCE, TESTS = TOP / "src" / "puregss", TOP / "tests"
MAP = TOP / "docs" / "rfc-map.md"

_CITATION = re.compile(r"(RFC \d{4})((?:(?:,| and|;)? ?(?:§\w+(?:\.\w+)*|Appendix \w(?:\.\d+)*|appendix \w))*)")

HEAD = """\
# Where each RFC lives

Made by `python tools/rfc_map.py` from the first line of each source file; run it after adding one.

| RFC | sections | file | tests |
|---|---|---|---|
"""


def render() -> str:
    """The whole page."""
    rows = []
    for path in sorted(SOURCE.rglob("*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        for rfc, sections in _CITATION.findall(docstring.split("\n")[0]):
            rows.append((int(rfc[4:]), rfc, sections.strip(" ,;.") or "–", path))
    rows.sort(key=lambda row: (row[0], row[3]))
    return HEAD + "".join(
        f"| {rfc} | {sections} | {_link(path)} | {_tests(path)} |\n" for _, rfc, sections, path in rows
    )


def _tests(path: Path) -> str:
    """The tests of the same floor that carry the file's name, or else those that import it."""
    relative = path.relative_to(SOURCE)
    module = ".".join(("puregss", *relative.with_suffix("").parts)).removesuffix(".__init__")
    candidates = sorted((TESTS / relative.parts[0]).rglob("test_*.py"))
    named = [test for test in candidates if test.stem == f"test_{path.stem}"]
    found = named or [test for test in candidates if module in _imports(test)]
    return ", ".join(map(_link, found)) or "–"


@cache
def _imports(path: Path) -> frozenset[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return frozenset(node.module or "" for node in nodes if isinstance(node, ast.ImportFrom))


def _link(path: Path) -> str:
    relative = path.relative_to(TOP)
    return f"[{relative.name if relative.parts[0] == 'tests' else relative.relative_to('src/puregss')}](../{relative})"


if __name__ == "__main__":
    MAP.write_text(render())
