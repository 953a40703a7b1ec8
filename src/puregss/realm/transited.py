"""RFC 4120 §3.3.3.2: writing the transited field. Reading it is every acceptor's business."""

from __future__ import annotations


def add_transited(field: str, realm: str) -> str:
    """The field with one more realm. Written in full, which every decoder must understand."""
    return f"{field},{_quote(realm)}" if field else _quote(realm)


def _quote(realm: str) -> str:
    quoted = realm.replace("\\", "\\\\").replace(",", "\\,")
    if quoted.endswith("."):
        quoted = f"{quoted[:-1]}\\."
    if quoted.startswith(" "):
        quoted = f"\\{quoted}"
    # A name that begins with "/" would be appended to the one before it: a space makes it stand by itself.
    return f" {quoted}" if quoted.startswith("/") else quoted
