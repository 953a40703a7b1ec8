"""How long a fresh interpreter takes to import each package, in processes that take turns."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np

from bench.driver import Result, summarize

MOST = 120_000.0  # microseconds
_PROGRAM = "import time; begin = time.perf_counter(); {}; print((time.perf_counter() - begin) * 1e6)"


def rows(rounds: int) -> Iterator[Result]:
    """120 ms at most, and no slower than the peer if we can.

    Our front door loads what is behind a name when the name is used, so the second row asks for one.
    """
    for name, statement in (
        ("import, cold", "import {0}"),
        ("import, cold, and use", "import {0}; {0}.SecurityContext"),
    ):
        samples = np.array([[_microseconds(statement, side) for side in ("puregss", "gssapi")] for _ in range(rounds)])
        yield summarize(name, samples, float(np.median(samples[:, 1])) / MOST, 1.0)


def _microseconds(statement: str, module: str) -> float:
    command = [sys.executable, "-c", _PROGRAM.format(statement.format(module))]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
