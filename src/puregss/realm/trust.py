"""RFC 4120 §1.2: which realms trust each other, and the way from one to another."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Neighbourhood:
    """A realm among those it shares keys with, and the hosts it serves.

    Embedded realms share one process, so each may look at the whole web of trust.
    """

    realm: str
    hosts: set[str] = field(default_factory=set)
    neighbours: dict[str, Neighbourhood] = field(default_factory=dict, repr=False)

    def path(self, target: str) -> list[str] | None:
        """The realms from this one (left out) to `target` (included), by the shortest way; None if there is none."""
        ways: dict[str, list[str]] = {self.realm: []}
        queue = [self]
        for here in queue:
            for neighbour in here.neighbours.values():
                if neighbour.realm not in ways:
                    ways[neighbour.realm] = [*ways[here.realm], neighbour.realm]
                    queue.append(neighbour)
        return ways.get(target)

    def realm_of_host(self, host: str) -> str | None:
        """The realm that serves `host` by its full name, or by the domain of that realm's name; the nearest first."""
        known, queue = {self.realm}, [self]
        for here in queue:
            if here.serves(host):
                return here.realm
            for neighbour in here.neighbours.values():
                if neighbour.realm not in known:
                    known.add(neighbour.realm)
                    queue.append(neighbour)
        return None

    def serves(self, host: str) -> bool:
        """Whether `host` is one of this realm's, or in the domain the realm is named after."""
        domain = self.realm.lower()
        return host in self.hosts or host == domain or host.endswith(f".{domain}")
