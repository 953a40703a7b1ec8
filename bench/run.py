"""`make bench`: every row of the comparison with python-gssapi over MIT krb5, in one run.

python -m bench.run [--enctype 18] [--rounds 25] [--only TEXT] [--json]
"""

from __future__ import annotations

import json
import os
import platform
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version

import click
import gssapi
from rich.console import Console
from rich.table import Table

import puregss
from bench import acceptor, establishment, growth, memory, messages, startup, transfer
from bench.driver import Result, race
from bench.growth import Curve
from bench.pairs import realm, service_of, use
from tests.interop.mit_realm import ENCTYPES

_COLOURS = {"short": "red", "holds": "yellow", "goal": "green", "": "white"}


def results(enctype: int, rounds: int, only: str) -> Iterator[Result]:
    """The rows that differ by enctype."""
    service = service_of(enctype)
    ours, theirs = puregss, gssapi
    for part in (messages, establishment, transfer):
        for row in part.rows(ours, theirs, service):
            if only in row.name:
                yield race(row, rounds)
    if only in "interprocess token":
        yield transfer.sizes(ours, theirs, service)
    if only in "memory of a context":
        yield from memory.rows(service)


def common(rounds: int, only: str) -> Iterator[Result]:
    """The rows that do not."""
    if only in "whole acceptor":
        yield from acceptor.rows(service_of(18))
    if only in "import, cold, and use":
        yield from startup.rows(rounds)


@click.command()
@click.option("--enctype", "enctypes", type=click.Choice([str(number) for number in ENCTYPES]), multiple=True)
@click.option("--rounds", default=25, show_default=True)
@click.option("--only", default="", help="Only rows whose name has this in it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def main(enctypes: tuple[str, ...], rounds: int, only: str, as_json: bool) -> None:
    """Compare puregss with python-gssapi over MIT krb5 on the same work."""
    numbers = tuple(int(number) for number in enctypes) or (18, 20)
    parts: dict[str, list[Result]] = {}
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else 120)
    with realm(tuple(dict.fromkeys((*numbers, 18)))) as running, console.status("") as status:
        for title, enctype, rows in [
            *((ENCTYPES[number], number, results(number, rounds, only)) for number in numbers),
            ("independent of the enctype", 18, common(rounds, only)),
        ]:
            use(running, enctype)
            parts[title] = []
            for result in rows:
                status.update(f"{title}: {result.name}")
                parts[title].append(result)
        curves = [curve for curve in growth.curves(puregss, service_of(18)) if only in curve.name]
    if as_json:
        json.dump(
            {"machine": machine(), "rows": _dicts(parts), "growth": list(map(asdict, curves))}, sys.stdout, indent=1
        )
        return
    for title, rows_of_part in parts.items():
        if rows_of_part:
            console.print(table(title, rows_of_part))
    for curve in curves:
        console.print(growth_table(curve))
    console.print("ratio: the peer's figure divided by ours, median of the rounds, with its 95 % interval")


def _dicts(parts: dict[str, list[Result]]) -> dict[str, list[dict[str, object]]]:
    return {title: [result.as_dict() for result in rows] for title, rows in parts.items()}


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    return {
        "python": f"{platform.python_version()} ({_build()})",
        "machine": platform.machine(),
        "system": platform.platform(),
        "puregss": version("puregss"),
    }


def _build() -> str:
    """Interpreters differ by a fifth in how they were compiled, and python-gssapi, being C, hardly feels it."""
    if os.path.realpath(sys.executable).startswith("/usr/bin/"):
        return "the system's own"  # Debian's is optimized, though its sysconfig does not say so
    optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return "built with --enable-optimizations" if optimized else "built without --enable-optimizations"


def table(title: str, rows: list[Result]) -> Table:
    """The rows as people read them."""
    view = Table(title=title, title_justify="left")
    view.add_column("work")
    for heading in ("puregss", "peer", "ratio", "95 %", "at least", "goal", ""):
        view.add_column(heading, justify="right")
    for row in rows:
        view.add_row(
            row.name,
            _figure(row.ours, row.unit),
            _figure(row.theirs, row.unit),
            f"{row.ratio:.2f}",
            f"{row.low:.2f}–{row.high:.2f}",
            "" if row.least is None else f"{row.least:.2f}",
            "" if row.goal is None else f"{row.goal:.2f}",
            f"[{_COLOURS[row.verdict]}]{row.verdict}",
        )
    return view


def growth_table(curve: Curve) -> Table:
    """One line of how many, one of microseconds."""
    view = Table(title=curve.name, title_justify="left")
    for count, _ in curve.points:
        view.add_column(f"{count:,}", justify="right")
    view.add_row(*(_figure(figure, "µs") for _, figure in curve.points))
    return view


def _figure(value: float, unit: str) -> str:
    digits = 0 if value >= 1000 else 1 if value >= 100 else 2
    return f"{value:,.{digits}f} {unit}"


if __name__ == "__main__":
    main()
