"""Where the time of each hot path goes: microseconds a call by function, as cProfile sees them.

    python -m bench.profile_paths [--only TEXT] [--enctype 18]

Profiling itself costs about as much as a small function, so shares count here, not sums.
"""

from __future__ import annotations

import cProfile
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

import puregss
from bench import establishment, messages, transfer
from bench.driver import Side
from bench.pairs import realm, service_of

CALLS = 400
LINES = 14


def paths(service: str) -> Iterator[tuple[str, Side]]:
    """The hot paths by name."""
    yield "wrap 64 B", messages.wrap(puregss, service, 64)
    yield "unwrap 64 B", messages.unwrap(puregss, service, 64)
    yield "wrap 16 KiB", messages.wrap(puregss, service, 16384)
    yield "unwrap 16 KiB", messages.unwrap(puregss, service, 16384)
    yield "get_mic 64 B", messages.get_mic(puregss, service, 64)
    yield "verify_mic 64 B", messages.verify_mic(puregss, service, 64)
    yield "initiator first step", establishment.first_step(puregss, service)
    yield "acceptor step", establishment.acceptor_step(puregss, service)
    yield "initiator second step", establishment.second_step(puregss, service)
    yield "export + import, worker channel", transfer.through_channel(puregss, service)
    yield "export + import, dir:", transfer.through_domain(puregss, service, transfer.folder_domain())


def profile(side: Side) -> list[tuple[str, float, float, float]]:
    """Function, calls an operation, own and cumulative microseconds an operation; the most expensive first."""
    side(20)()
    work = side(CALLS)
    profiler = cProfile.Profile()
    profiler.runcall(work)
    profiler.create_stats()
    rows = [
        (f"{Path(file).name}:{name}" if line else name, calls / CALLS, own / CALLS * 1e6, total / CALLS * 1e6)
        for (file, line, name), (_, calls, own, total, _) in profiler.stats.items()
    ]
    return sorted(rows, key=lambda row: -row[2])


@click.command()
@click.option("--only", default="", help="Only paths whose name has this in it.")
@click.option("--enctype", default=18, show_default=True)
def main(only: str, enctype: int) -> None:
    """Print a table for each hot path."""
    console = Console(width=120)
    with realm((enctype,)):
        for name, side in paths(service_of(enctype)):
            if only not in name:
                continue
            view = Table("function", "calls", "own µs", "with callees µs", title=name, title_justify="left")
            for function, calls, own, total in profile(side)[:LINES]:
                view.add_row(function, f"{calls:.1f}", f"{own:.1f}", f"{total:.1f}")
            console.print(view)


if __name__ == "__main__":
    main()
