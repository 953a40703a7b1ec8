"""RFC 5587 §3, RFC 2743 §2.4: what the mechanisms say of themselves, against the table of the RFC."""

from __future__ import annotations

import pytest

from puregss.base.errors import BadMechanismAttributeError, BadMechanismError
from puregss.base.names import KERBEROS_ALIASES, MechType, NameType
from puregss.base.oid import OID
from puregss.gss.mechanisms import (
    display_mech_attr,
    indicate_mechs,
    indicate_mechs_by_attrs,
    inquire_attrs_for_mech,
    inquire_mechs_for_name_type,
    inquire_names_for_mech,
)


def attribute(number: int) -> OID:
    return OID.from_dotted(f"1.3.6.1.5.5.13.{number}")


def test_kerberos_offers_what_rfc_5587_expects_of_it() -> None:
    offered, known = inquire_attrs_for_mech(MechType.kerberos)
    assert offered == {attribute(n) for n in (1, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23, 24, 27)}
    assert known == {attribute(n) for n in range(1, 28)}
    for alias in KERBEROS_ALIASES:
        assert inquire_attrs_for_mech(alias).offered == offered | {attribute(7)}


def test_choice_by_attributes() -> None:
    assert indicate_mechs_by_attrs() == indicate_mechs() == {MechType.kerberos}
    assert indicate_mechs_by_attrs([attribute(27)], [attribute(7)]) == {MechType.kerberos}
    assert indicate_mechs_by_attrs([attribute(7)]) == KERBEROS_ALIASES
    assert indicate_mechs_by_attrs([attribute(25)]) == frozenset()
    assert indicate_mechs_by_attrs(critical=[attribute(99)]) == frozenset()
    offered, known = inquire_attrs_for_mech(MechType.kerberos)
    assert indicate_mechs_by_attrs(offered, critical=known) == {MechType.kerberos} | KERBEROS_ALIASES
    assert indicate_mechs_by_attrs(without=[attribute(7)]) == {MechType.kerberos}


def test_attributes_explain_themselves() -> None:
    assert display_mech_attr(attribute(27)).name == "GSS_C_MA_CTX_TRANS"
    assert display_mech_attr(attribute(27)).short == "context-transfer"
    with pytest.raises(BadMechanismAttributeError):
        display_mech_attr(attribute(99))


def test_name_types() -> None:
    assert NameType.hostbased_service in inquire_names_for_mech(MechType.kerberos)
    assert inquire_mechs_for_name_type(NameType.kerberos_principal) == {MechType.kerberos}
    assert inquire_mechs_for_name_type(NameType.composite_export) == frozenset()
    with pytest.raises(BadMechanismError):
        inquire_names_for_mech(OID.from_dotted("1.2.3"))
