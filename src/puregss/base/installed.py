"""What the front door puts in for the floors below it, which may not look up to where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

make_world: Callable[[], Any] | None = None
"""Makes the `gss.world.World` that is used where none is given. Called once, when it is first needed."""
