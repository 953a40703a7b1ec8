"""docs/rfc-map.md is read off the files' first lines by tools/rfc_map.py, and leads nobody astray."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

TOP = Path(__file__).parent.parent
PAGE = (TOP / "docs" / "rfc-map.md").read_text()


def test_every_file_on_the_map_is_there() -> None:
    for target in re.findall(r"\]\(\.\./([^)]+)\)", PAGE):
        assert (TOP / target).exists(), f"{target} is gone; run `python tools/rfc_map.py`"


def test_every_rfc_that_the_sources_cite_is_on_the_map() -> None:
    made: str = runpy.run_path(str(TOP / "tools" / "rfc_map.py"))["render"]()
    cited, listed = (set(re.findall(r"^\| (RFC \d+)", page, re.MULTILINE)) for page in (made, PAGE))
    assert cited == listed, "run `python tools/rfc_map.py`"
