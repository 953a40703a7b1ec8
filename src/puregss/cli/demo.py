"""`puregss demo`: the programming guide's Figure 1-10 on an embedded realm, live."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.live import Live

from puregss.cli.demo_stage import Stage
from puregss.cli.demo_state import ClientRow, DemoState
from puregss.cli.demo_table import summary, table
from puregss.realm.embedded import Realm

PLAIN_WIDTH = 140
ENDED = ("done", "failed", "cut off")
LONGEST_RUN = 600.0
"""Seconds for the clients to come to their ends."""


@click.command(short_help="Watch live contexts move between processes; nothing to set up.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 32), help="Worker processes.")
@click.option("--clients", default=8, show_default=True, type=click.IntRange(1, 512), help="Clients, each on TCP.")
@click.option("--messages", default=100, show_default=True, type=click.IntRange(1), help="Messages of each client.")
@click.option(
    "--topology",
    default="connection",
    show_default=True,
    type=click.Choice(["connection", "relay"]),
    help="Give workers the socket with the context, or keep it and relay.",
)
@click.option("--kill-worker", is_flag=True, help="Kill a worker while clients are with it and on their way to it.")
def demo(workers: int, clients: int, messages: int, topology: str, kill_worker: bool) -> None:
    """An embedded realm, an acceptor with worker processes, and clients that check every answer.

    One process (the front) authenticates each client, exports the established context sealed for one
    worker, and hands it over; the worker imports it and answers the client's confidential messages.
    The exit status is 1 if a single message or hand-off failed, not counting the connections that a
    worker killed by --kill-worker held.
    """
    if kill_worker and workers < 2:
        raise click.UsageError("--kill-worker needs at least two --workers: one is to survive")
    state = DemoState([ClientRow(number, messages) for number in range(1, clients + 1)])
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    started = time.monotonic()
    with (
        Realm() as realm,
        Stage(state, realm, workers, topology) as stage,
        showing(console, state) as stage.refresh,
    ):
        play(stage, messages, kill_worker)
    for line in summary(state, time.monotonic() - started):
        console.print(line, highlight=False, soft_wrap=True)
    for problem in state.problems:
        console.print(f"FAILED {problem}", highlight=False, soft_wrap=True, markup=False)
    if state.problems:
        sys.exit(1)


@contextmanager
def showing(console: Console, state: DemoState) -> Iterator[Callable[[], None]]:
    """The table, live on a terminal, once at the end elsewhere."""
    if console.is_terminal:
        with Live(table(state), console=console, refresh_per_second=10) as live:
            yield lambda: live.update(table(state))
            live.update(table(state))
    else:
        yield lambda: None
        console.print(table(state))


def play(stage: Stage, messages: int, kill_worker: bool) -> None:
    """The plot."""
    state = stage.state
    if not stage.wait(lambda: state.port != 0):
        state.troubles.append("the front did not start")
        return
    if not kill_worker:
        stage.start_clients(state.rows, None)
    else:
        kill_one(stage, messages)
    stage.wait(lambda: all(row.state in ENDED for row in state.rows), LONGEST_RUN)
    stage.end()


def kill_one(stage: Stage, messages: int) -> None:
    """Kill a worker that holds the contexts of some clients while others are on their way to it.

    The workers that hold contexts are stopped first, so that what the front hands to them stays
    unacknowledged; then one of them is killed, and the others go on.
    """
    state = stage.state
    half = (len(state.rows) + 1) // 2
    first, second = state.rows[:half], state.rows[half:]
    stage.start_clients(first, messages // 2)
    if not stage.wait(lambda: all(row.state == "waiting" and row.held_by for row in first)):
        state.troubles.append("the clients did not come to the middle of their messages, so no worker was killed")
        return
    stopped = {row.held_by for row in first}
    try:
        signal_all(stopped, signal.SIGSTOP)
        stage.start_clients(second, None)
        stage.wait(lambda: all(row.sent_to or row.state in ENDED for row in second))
        victim = max(stopped, key=lambda pid: sum(row.sent_to == pid for row in second))
        os.kill(victim, signal.SIGKILL)
    finally:
        signal_all(stopped, signal.SIGCONT)
    state.killed = victim
    stage.wait(lambda: not any(row.held_by == victim for row in state.rows))
    stage.go()


def signal_all(pids: set[int], number: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
