"""Known-answer vectors as data; each file says where its values come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def load(name: str) -> list[dict[str, Any]]:
    """The vectors of `name`.json."""
    content = json.loads((FOLDER / f"{name}.json").read_text())
    vectors: list[dict[str, Any]] = content["vectors"]
    return vectors
