"""How long a fresh interpreter takes to import each package, in processes that take turns."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from bench.driver import Result, summarize

_PROGRAM = "import time; begin = time.perf_counter(); import {}; print((time.perf_counter() - begin) * 1e6)"


def row(rounds: int) -> Result:
    """120 ms at most, and no slower than the peer if we can."""
    samples = np.array([[_import("puregss"), _import("gssapi")] for _ in range(rounds)])
    most = 120_000.0
    return summarize("import, cold", samples, float(np.median(samples[:, 1])) / most, 1.0)


def _import(module: str) -> float:
    command = [sys.executable, "-c", _PROGRAM.format(module)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
