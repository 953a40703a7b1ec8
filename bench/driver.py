"""The round-robin driver: two implementations take turns on the same work, so that both meet the same weather.

A machine's speed drifts by more than what is to be measured; a ratio within one round hardly does. So every
round times both sides once, in changing order, and what counts is the median of the rounds' ratios.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

Side = Callable[[int], Callable[[], object]]
"""`side(n)` prepares n operations, untimed, and returns what does them."""

BATCH_SECONDS = 0.02
MIN_BATCH, MAX_BATCH = 4, 4000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `least` and `goal` are the ratios that must and should be reached."""

    name: str
    ours: Side
    theirs: Side
    least: float | None = None
    goal: float | None = None
    most: int = MAX_BATCH  # operations a batch


@dataclass(frozen=True, slots=True)
class Result:
    """Medians in `unit`; `ratio` is the peer's figure divided by ours (above 1: we are quicker or smaller)."""

    name: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    least: float | None
    goal: float | None
    unit: str = "µs"

    @property
    def verdict(self) -> str:
        """Where the row stands."""
        if self.least is not None and self.ratio < self.least:
            return "short"
        if self.goal is not None and self.ratio >= self.goal:
            return "goal"
        return "" if self.least is None else "holds"

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "verdict": self.verdict}


def race(row: Row, rounds: int) -> Result:
    """Time both sides `rounds` times, in turns."""
    calls = _calibrate(row)
    samples = np.empty((rounds, 2))
    sides = (row.ours, row.theirs)
    for number in range(rounds):
        for index in (0, 1) if number % 2 else (1, 0):
            samples[number, index] = _microseconds(sides[index], calls)
    return summarize(row.name, samples, row.least, row.goal)


def summarize(
    name: str,
    samples: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    least: float | None,
    goal: float | None,
    unit: str = "µs",
) -> Result:
    """The figures of a row from one line per round: ours, theirs."""
    ratios = samples[:, 1] / samples[:, 0]
    low = high = float(np.median(ratios))
    if len(ratios) > 2 and np.ptp(ratios) > 0:
        interval = stats.bootstrap((ratios,), np.median, n_resamples=2000, method="percentile").confidence_interval
        low, high = float(interval.low), float(interval.high)
    ours, theirs = np.median(samples, axis=0)
    return Result(name, float(ours), float(theirs), float(np.median(ratios)), low, high, least, goal, unit)


def _calibrate(row: Row) -> int:
    """As many operations that the quicker side takes about BATCH_SECONDS; the first calls also warm both sides up."""
    figures = [_microseconds(side, min(row.most, MIN_BATCH)) for side in (row.ours, row.theirs)]
    figures = [_microseconds(side, min(row.most, 4 * MIN_BATCH)) for side in (row.ours, row.theirs)]
    return max(min(MIN_BATCH, row.most), min(row.most, int(BATCH_SECONDS * 1e6 / min(figures))))


def _microseconds(side: Side, calls: int) -> float:
    work = side(calls)
    gc.collect()
    gc.disable()
    try:
        begin = time.perf_counter_ns()
        work()
        elapsed = time.perf_counter_ns() - begin
    finally:
        gc.enable()
    return elapsed / calls / 1000
