"""How named tuples are made where it counts."""

from __future__ import annotations

from typing import Final

made: Final = tuple.__new__
"""`made(Ticket, (server, enc_part))` is `Ticket(server, enc_part)`, without the Python function that a NamedTuple has
between the two, and without its defaults: a connection makes two dozen, and each takes twice as long with it."""
