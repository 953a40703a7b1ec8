"""docs/rfc-map.md is read off the files' first lines, and stays true."""

from __future__ import annotations

import runpy
from pathlib import Path

TOP = Path(__file__).parent.parent


def test_the_map_knows_every_file() -> None:
    tool = runpy.run_path(str(TOP / "tools" / "rfc_map.py"))
    made, written = tool["render"](), (TOP / "docs" / "rfc-map.md").read_text()
    # The column of tests is for readers; a new test alone does not make the page untrue.
    assert _without_tests(written) == _without_tests(made), "run `python tools/rfc_map.py`"


def _without_tests(page: str) -> list[list[str]]:
    return [line.split(" | ")[:3] for line in page.splitlines()]
