"""RFC 4120 §3.1.4, §7.5.9: why a KDC says no. Becomes a KRB-ERROR; never leaves the realm's floor."""

from __future__ import annotations


class Refusal(Exception):
    """`code` is a KRB-ERROR code, `text` its e-text, `e_data` its e-data.

    `client_realm` is where the client should ask instead (KDC_ERR_WRONG_REALM, RFC 6806 §7).
    """

    def __init__(self, code: int, text: str, e_data: bytes = b"", client_realm: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.e_data = e_data
        self.client_realm = client_realm
