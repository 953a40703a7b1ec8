"""`puregss demo`, run as a user runs it, and the truth of what it tells."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from puregss.cli.demo_state import ClientRow, DemoState
from puregss.cli.demo_table import summary


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "puregss", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("topology", ["connection", "relay"])
def test_every_message_comes_back_from_another_process(topology: str) -> None:
    result = demo("--clients", "5", "--messages", "20", "--topology", topology)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "5 of 5 contexts established" in result.stdout
    assert "100 messages" in result.stdout
    rows = re.findall(
        r"(\w+)@EXAMPLE\.TEST +│ aes256-cts-hmac-sha1-96 │ (\d+) +│ (\d+) +│ +20 │ +[\d,]+ │ done", result.stdout
    )
    assert len(rows) == 5
    accepted, held = {row[1] for row in rows}, {row[2] for row in rows}
    assert len(accepted) == 1
    assert len(held) == 2
    assert not accepted & held


@pytest.mark.parametrize("topology", ["connection", "relay"])
def test_a_killed_worker_costs_what_it_held_and_nothing_else(topology: str) -> None:
    result = demo("--clients", "8", "--messages", "10", "--topology", topology, "--kill-worker")
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"worker \d+ was killed: 2 connections it held .* 2 contexts it had not", result.stdout)
    assert result.stdout.count("│ lost ") == 2
    assert result.stdout.count("│ done, reclaimed ") == 2
    assert "6 of 8 clients finished" in result.stdout
    assert "FAILED" not in result.stdout


def test_killing_the_only_worker_is_refused() -> None:
    result = demo("--workers", "1", "--kill-worker")
    assert result.returncode == 2
    assert "needs at least two --workers" in result.stderr


def state(**changes: object) -> DemoState:
    """One client with whom all went well, but for the changes."""
    row = ClientRow(1, 100, accepted_by=1, held_by=2, hand_offs=1, messages=100, octets=1000, state="done")
    for name, value in changes.items():
        setattr(row, name, value)
    return DemoState([row], front_pid=1)


def test_what_went_well_is_no_problem() -> None:
    assert state().problems == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"messages": 99}, "only 99 of 100"),
        ({"state": "failed", "detail": "message 3 came back changed"}, "message 3"),
        ({"state": "cut off", "detail": "reset"}, "cut off: reset"),
        ({"state": "talking"}, "ended while talking"),
        ({"held_by": 0}, "never left"),
        ({"held_by": 1}, "never left"),
    ],
)
def test_whatever_went_wrong_is_told(changes: dict[str, object], problem: str) -> None:
    (told,) = state(**changes).problems
    assert problem in told


def test_only_a_killed_worker_excuses_a_cut_connection() -> None:
    assert state(state="cut off", lost_with=2, held_by=0).problems == []
    assert len(state(state="failed", lost_with=2, held_by=0).problems) == 1


def test_the_front_may_tell_of_a_client_before_the_client_does() -> None:
    early = DemoState([ClientRow(1, 1)], front_pid=1)
    for what in ("established", "sent", "held"):
        early.on_front({"what": what, "address": "a:1", "worker": 7, "enctype": "e", "detail": ""})
    early.on_client({"client": 1, "state": "connected", "address": "a:1"})
    assert (early.rows[0].held_by, early.rows[0].accepted_by, early.rows[0].hand_offs) == (7, 1, 1)
    assert "1 of 1 contexts established by process 1, 1 handed over to worker processes 7" in summary(early, 1)[0]
