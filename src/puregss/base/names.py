"""RFC 2743 §4, RFC 2744 Appendix A, RFC 1964 §2.1: the OIDs of mechanisms and name types."""

from __future__ import annotations

from typing import Final

from puregss.base.oid import OID


class MechType:
    """The mechanisms puregss speaks."""

    kerberos: Final = OID.from_dotted("1.2.840.113554.1.2.2")
    spnego: Final = OID.from_dotted("1.3.6.1.5.5.2")


KERBEROS_ALIASES: Final = frozenset(
    (
        OID.from_dotted("1.3.5.1.5.2"),  # the draft's OID, still sent by old peers
        OID.from_dotted("1.2.840.48018.1.2.2"),  # what Windows 2000 sent by mistake and others copied
    )
)
"""OIDs that name the Kerberos mechanism too; accepted, never sent on our own account."""


class NameType:
    """The name types (python-gssapi's names)."""

    hostbased_service: Final = OID.from_dotted("1.2.840.113554.1.2.1.4")
    hostbased_service_x: Final = OID.from_dotted("1.3.6.1.5.6.2")
    user: Final = OID.from_dotted("1.2.840.113554.1.2.1.1")
    machine_uid: Final = OID.from_dotted("1.2.840.113554.1.2.1.2")
    string_uid: Final = OID.from_dotted("1.2.840.113554.1.2.1.3")
    anonymous: Final = OID.from_dotted("1.3.6.1.5.6.3")
    export: Final = OID.from_dotted("1.3.6.1.5.6.4")
    composite_export: Final = OID.from_dotted("1.3.6.1.5.6.6")
    kerberos_principal: Final = OID.from_dotted("1.2.840.113554.1.2.2.1")
