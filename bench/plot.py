"""Draw what `python -m bench.run --json` measured.

python -m bench.plot results.json docs/performance
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter

_UNITS = {"B": 1, "KiB": 1024, "MiB": 1 << 20}
_OURS, _PEER = "#1f6fb2", "#b2461f"


@click.command()
@click.argument("results", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
def main(results: Path, folder: Path) -> None:
    """Write throughput.svg, growth.svg and figures.md."""
    measured = json.loads(results.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    matplotlib.rcParams.update({"svg.hashsalt": "puregss", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    throughput(measured["rows"], folder / "throughput.svg")
    growth(measured["growth"], folder / "growth.svg")
    (folder / "figures.md").write_text(figures(measured))


def figures(measured: dict[str, Any]) -> str:
    """All figures of a run as tables."""
    about = ", ".join(f"{key} {value}" for key, value in measured["machine"].items())
    lines = ["# Figures of one run", "", f"Made by `python -m bench.plot`. Measured on: {about}.", ""]
    for title, rows in measured["rows"].items():
        if rows:
            lines += [f"## {title}", "", "| work | puregss | peer | ratio | 95 % | at least | goal | |"]
            lines.append("|---|--:|--:|--:|--:|--:|--:|---|")
            lines += [_row(row) for row in rows] + [""]
    for curve in measured["growth"]:
        counts, values = zip(*curve["points"], strict=True)
        lines += [f"## {curve['name']}", "", "| " + " | ".join(f"{count:,}" for count in counts) + " |"]
        lines += ["|" + "--:|" * len(counts), "| " + " | ".join(f"{value:.1f} µs" for value in values) + " |", ""]
    return "\n".join(lines)


def _row(row: dict[str, Any]) -> str:
    least, goal = (("" if row[key] is None else f"{row[key]:.2f}") for key in ("least", "goal"))
    return (
        f"| {row['name']} | {row['ours']:,.1f} {row['unit']} | {row['theirs']:,.1f} {row['unit']} | {row['ratio']:.2f} "
        f"| {row['low']:.2f}–{row['high']:.2f} | {least} | {goal} | {row['verdict']} |"
    )


def throughput(parts: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Megabytes a second by the size of a message, one panel for each enctype and call."""
    titles = [title for title, rows in parts.items() if any(row["name"].startswith("wrap") for row in rows)]
    figure, panels = pyplot.subplots(len(titles), 2, figsize=(9, 3.2 * len(titles)), squeeze=False, sharey="row")
    for line, title in zip(panels, titles, strict=True):
        for panel, call in zip(line, ("wrap", "unwrap"), strict=True):
            points = [
                (size, row["ours"], row["theirs"])
                for row in parts[title]
                if (size := _size(row["name"], call)) is not None
            ]
            sizes = [size for size, _, _ in points]
            panel.plot(sizes, [size / ours for size, ours, _ in points], "o-", color=_OURS, label="puregss")
            panel.plot(sizes, [size / theirs for size, _, theirs in points], "s-", color=_PEER, label="python-gssapi")
            panel.set(xscale="log", yscale="log", title=f"{call}, {title}", xlabel="octets of a message", ylabel="MB/s")
            panel.legend()
    _save(figure, path)


def growth(curves: list[dict[str, Any]], path: Path) -> None:
    """Microseconds by how many there are."""
    figure, panels = pyplot.subplots(2, 2, figsize=(9, 6))
    for panel, curve in zip(panels.flat, curves, strict=False):
        counts = [max(1, count) for count, _ in curve["points"]]
        panel.plot(counts, [figure for _, figure in curve["points"]], "o-", color=_OURS)
        panel.set(xscale="log", ylim=(0, None), title=curve["name"], ylabel="µs")
        panel.xaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    _save(figure, path)


def _size(name: str, call: str) -> int | None:
    match = re.fullmatch(rf"{call} (\d+) (\w+)", name)
    return None if match is None else int(match[1]) * _UNITS[match[2]]


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()
