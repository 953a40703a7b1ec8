"""What `puregss demo` knows of its clients, from the clients' own reports and from the front's. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class ClientRow:
    """One client, as its own process and the front tell of it."""

    number: int
    messages_wanted: int
    address: str = ""
    principal: str = ""
    enctype: str = ""
    accepted_by: int = 0
    sent_to: int = 0
    held_by: int = 0
    reclaimed_from: int = 0
    lost_with: int = 0
    hand_offs: int = 0
    messages: int = 0
    octets: int = 0
    state: str = "starting"
    detail: str = ""

    @property
    def excused(self) -> bool:
        """Cut off because the worker that held its context was killed: what the killing costs, and no failure."""
        return self.state == "cut off" and self.lost_with != 0

    @property
    def problem(self) -> str:
        """What went wrong, in a few words; empty if nothing did."""
        if self.excused:
            return ""
        if self.state != "done":
            return f"{self.state}: {self.detail}" if self.detail else f"ended while {self.state}"
        if self.messages != self.messages_wanted:
            return f"only {self.messages} of {self.messages_wanted} messages came back"
        if self.held_by in (0, self.accepted_by):
            return "its context never left the process that accepted it"
        return ""


@dataclass(slots=True)
class DemoState:
    """All clients, and the front."""

    rows: list[ClientRow]
    front_pid: int = 0
    port: int = 0
    killed: int = 0
    troubles: list[str] = field(default_factory=list)
    """What concerns no client in particular."""
    _by_address: dict[str, ClientRow] = field(default_factory=dict)
    _early: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def row(self, number: int) -> ClientRow:
        return self.rows[number - 1]

    def on_client(self, report: dict[str, Any]) -> None:
        """A line of a client process."""
        row = self.row(report["client"])
        row.state = report["state"]
        for name in ("address", "principal", "messages", "octets", "detail"):
            if name in report:
                setattr(row, name, report[name])
        if row.state == "connected":
            self._by_address[row.address] = row
            for early in self._early.pop(row.address, ()):
                self.on_front(early)

    def on_front(self, report: dict[str, Any]) -> None:
        """A line of the front. It may hear of a client before the client itself has come to tell its address."""
        if report["what"] == "listening":
            self.port, self.front_pid = report["port"], report["pid"]
            return
        row = self._by_address.get(report["address"])
        if row is None:
            self._early.setdefault(report["address"], []).append(report)
            return
        what, worker = report["what"], report["worker"]
        if what == "established":
            row.enctype, row.accepted_by = report["enctype"], self.front_pid
        elif what == "sent":
            row.sent_to = worker
        elif what == "held":
            row.held_by = worker
            row.hand_offs += 1
        elif what == "reclaimed":
            row.reclaimed_from = worker
        elif what == "lost":
            row.lost_with, row.held_by = worker, 0
        elif report["detail"]:
            row.detail = report["detail"]

    @property
    def problems(self) -> list[str]:
        """Everything that went wrong, one line each."""
        return [*self.troubles, *(f"client {row.number}: {row.problem}" for row in self.rows if row.problem)]
