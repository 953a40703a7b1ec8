"""What `puregss demo` shows: a table while it runs, a summary at the end."""

from __future__ import annotations

from rich.table import Table

from puregss.cli.demo_state import ClientRow, DemoState


def table(state: DemoState) -> Table:
    """One row for each client."""
    title = f"front {state.front_pid}, port {state.port}" if state.port else "starting the front and its workers"
    result = Table(title=title, title_justify="left")
    for name in ("client", "principal", "enctype", "accepted\nby", "held\nby", "messages", "bytes", "state"):
        # On a narrow terminal the long texts give way; the numbers are what the demo is about.
        long = name in ("principal", "enctype", "state")
        number = name in ("client", "messages", "bytes")
        result.add_column(name, justify="right" if number else "left", no_wrap=not long, overflow="ellipsis")
    for row in state.rows:
        result.add_row(
            str(row.number),
            row.principal,
            row.enctype.partition(" ")[0],
            pid(row.accepted_by),
            pid(row.held_by) or ("front" if row.accepted_by and not row.lost_with else ""),
            str(row.messages),
            f"{row.octets:,}",
            describe(row),
        )
    return result


def describe(row: ClientRow) -> str:
    """How a client fares, in a word or two."""
    if row.lost_with:
        return "lost"
    if row.state == "failed":
        return f"failed: {row.detail}"
    return f"{row.state}, reclaimed" if row.reclaimed_from else row.state


def count(number: int, noun: str) -> str:
    """`1 connection`, `2 connections`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def pid(number: int) -> str:
    """A process id, or nothing."""
    return str(number) if number else ""


def summary(state: DemoState, seconds: float) -> list[str]:
    """The end of the story, told truthfully."""
    rows = state.rows
    done = [row for row in rows if row.state == "done"]
    holders = sorted({row.held_by for row in rows if row.held_by})
    messages, octets = sum(row.messages for row in rows), sum(row.octets for row in rows)
    established, hand_offs = sum(row.accepted_by != 0 for row in rows), sum(row.hand_offs for row in rows)
    lines = [
        f"{established} of {len(rows)} contexts established by process {state.front_pid}, "
        f"{hand_offs} handed over to worker processes {', '.join(map(str, holders)) or 'none'}",
        f"{messages} messages of {octets:,} bytes came back byte for byte in {seconds:.1f} s; "
        f"{len(done)} of {len(rows)} clients finished",
    ]
    if state.killed:
        reclaimed = sum(1 for row in rows if row.reclaimed_from == state.killed)
        lost = sum(1 for row in rows if row.lost_with == state.killed)
        lines.append(
            f"worker {state.killed} was killed: {count(lost, 'connection')} it held went down with it; "
            f"{count(reclaimed, 'context')} it had not acknowledged came back to the front and went to another worker"
        )
    return lines
