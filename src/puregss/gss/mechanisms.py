"""RFC 5587, RFC 2743 §2.4.2, §2.4.12: which mechanisms there are, and what each of them can do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NamedTuple

from puregss.base.errors import BadMechanismAttributeError, BadMechanismError
from puregss.base.names import KERBEROS_ALIASES, MechType, NameType
from puregss.base.oid import OID

_ARC: Final = "1.3.6.1.5.5.13."


@dataclass(frozen=True, slots=True)
class MechAttribute:
    """What RFC 5587 §3.2 says of one attribute: its number below the IANA arc, its names, its meaning."""

    number: int
    name: str
    short: str
    long: str

    @property
    def oid(self) -> OID:
        return OID.from_dotted(_ARC + str(self.number))


_KNOWN: Final = tuple(
    MechAttribute(number, f"GSS_C_MA_{name}", short, long)
    for number, name, short, long in (
        (1, "MECH_CONCRETE", "concrete-mech", "A mechanism that is neither a pseudo-mechanism nor a composite one."),
        (2, "MECH_PSEUDO", "pseudo-mech", "A pseudo-mechanism."),
        (3, "MECH_COMPOSITE", "composite-mech", "A mechanism made of others, where further elements may stack."),
        (4, "MECH_NEGO", "mech-negotiation-mech", "A mechanism that negotiates other mechanisms."),
        (5, "MECH_GLUE", "mech-glue", "The OID is not of a mechanism but of the GSS-API itself."),
        (6, "NOT_MECH", "not-mech", "The OID is known, but is not of a mechanism."),
        (7, "DEPRECATED", "mech-deprecated", "The mechanism, or this OID of it, should not be used any more."),
        (8, "NOT_DFLT_MECH", "mech-not-default", "The mechanism is used only where it is asked for by name."),
        (9, "ITOK_FRAMED", "initial-is-framed", "Initial context tokens have the framing of RFC 2743 section 3.1."),
        (10, "AUTH_INIT", "auth-init-princ", "Initiators authenticate to acceptors."),
        (11, "AUTH_TARG", "auth-targ-princ", "Acceptors authenticate to initiators."),
        (12, "AUTH_INIT_INIT", "auth-init-princ-initial", "Initiators may authenticate with initial credentials."),
        (13, "AUTH_TARG_INIT", "auth-targ-princ-initial", "Acceptors may authenticate with initial credentials."),
        (14, "AUTH_INIT_ANON", "auth-init-princ-anon", "Initiators may be anonymous."),
        (15, "AUTH_TARG_ANON", "auth-targ-princ-anon", "Acceptors may be anonymous."),
        (16, "DELEG_CRED", "deleg-cred", "Initiators can delegate credentials."),
        (17, "INTEG_PROT", "integ-prot", "Messages can be protected against alteration."),
        (18, "CONF_PROT", "conf-prot", "Messages can be kept confidential."),
        (19, "MIC", "mic", "Integrity tokens that do not contain the message."),
        (20, "WRAP", "wrap", "Tokens that contain the message."),
        (21, "PROT_READY", "prot-ready", "Messages can be protected before the context is fully established."),
        (22, "REPLAY_DET", "replay-detection", "Replayed messages are detected."),
        (23, "OOS_DET", "oos-detection", "Messages out of sequence are detected."),
        (24, "CBINDINGS", "channel-bindings", "Contexts can be bound to the channel under them."),
        (25, "PFS", "pfs", "Keys of a context do not help whoever learns the long-term keys later."),
        (26, "COMPRESS", "compress", "Messages are compressed."),
        (27, "CTX_TRANS", "context-transfer", "Contexts move between processes by export and import."),
    )
)
_BY_OID: Final = {attribute.oid: attribute for attribute in _KNOWN}
_BY_NUMBER: Final = {attribute.number: attribute.oid for attribute in _KNOWN}

KERBEROS_ATTRIBUTES: Final = frozenset(
    _BY_NUMBER[number] for number in (1, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23, 24, 27)
)
_DEPRECATED: Final = frozenset((_BY_NUMBER[7],))

_KERBEROS_NAME_TYPES: Final = frozenset(
    (
        NameType.hostbased_service,
        NameType.hostbased_service_x,
        NameType.user,
        NameType.machine_uid,
        NameType.string_uid,
        NameType.anonymous,
        NameType.export,
        NameType.kerberos_principal,
    )
)


class MechAttributes(NamedTuple):
    """What a mechanism offers, and which attributes it knows of at all."""

    offered: frozenset[OID]
    known: frozenset[OID]


def indicate_mechs() -> frozenset[OID]:
    """GSS_Indicate_mechs (RFC 2743 §2.4.2): the mechanisms contexts can be established with."""
    return frozenset((MechType.kerberos,))


def inquire_names_for_mech(mech: OID) -> frozenset[OID]:
    """GSS_Inquire_names_for_mech (RFC 2743 §2.4.12): the name types `mech` understands."""
    _offered_by(mech)
    return _KERBEROS_NAME_TYPES


def inquire_mechs_for_name_type(name_type: OID) -> frozenset[OID]:
    """GSS_Inquire_mechs_for_name (RFC 2743 §2.4.13), by the name's type."""
    return frozenset(mech for mech in indicate_mechs() if name_type in inquire_names_for_mech(mech))


def inquire_attrs_for_mech(mech: OID) -> MechAttributes:
    """GSS_Inquire_attrs_for_mech (RFC 5587 §3.4.3). BadMechanismError for a mechanism puregss lacks."""
    return MechAttributes(_offered_by(mech), frozenset(_BY_OID))


def indicate_mechs_by_attrs(
    desired: Collection[OID] = (), without: Collection[OID] = (), critical: Collection[OID] = ()
) -> frozenset[OID]:
    """GSS_Indicate_mechs_by_attrs (RFC 5587 §3.4.2): mechanisms that offer all of `desired` and none of `without`,
    and know what every attribute of `critical` means."""
    mechs = indicate_mechs() | KERBEROS_ALIASES
    if not (desired or without or critical):
        return indicate_mechs()
    return frozenset(
        mech
        for mech in mechs
        if _offered_by(mech) >= frozenset(desired)
        and not _offered_by(mech) & frozenset(without)
        and _BY_OID.keys() >= frozenset(critical)
    )


def display_mech_attr(attribute: OID) -> MechAttribute:
    """GSS_Display_mech_attr (RFC 5587 §3.4.4). BadMechanismAttributeError for an attribute nobody told us of."""
    try:
        return _BY_OID[attribute]
    except KeyError:
        raise BadMechanismAttributeError(f"{attribute} is not a mechanism attribute that puregss knows") from None


def _offered_by(mech: OID) -> frozenset[OID]:
    if mech == MechType.kerberos:
        return KERBEROS_ATTRIBUTES
    if mech in KERBEROS_ALIASES:
        return KERBEROS_ATTRIBUTES | _DEPRECATED
    raise BadMechanismError(f"puregss does not know the mechanism {mech}")
