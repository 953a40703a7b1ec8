"""RFC 6680: attributes of names, and of those whose tickets hold authorization data."""

from __future__ import annotations

import pytest

from puregss.base.errors import InvalidTokenError
from puregss.krb5.messages.fields import encode_authorization_data
from puregss.krb5.name_attributes import BASE, PAC, NameAttribute, attributes_of
from puregss.krb5.principal import Principal

ALICE = Principal(("alice", "admin"), "EXAMPLE.TEST")


def test_a_name_tells_its_parts() -> None:
    assert attributes_of(ALICE, ()) == {
        BASE + "realm": NameAttribute((b"EXAMPLE.TEST",), True),
        BASE + "name-ncomp": NameAttribute((b"2",), True),
        BASE + "name-ncomp#0": NameAttribute((b"alice",), True),
        BASE + "name-ncomp#1": NameAttribute((b"admin",), True),
    }


def test_authorization_data_is_told_and_not_vouched_for() -> None:
    boxed = encode_authorization_data(((128, b"a PAC"), (97, b"indicator")))
    found = attributes_of(ALICE, ((1, boxed), (97, b"another")))
    assert found[PAC] == found[BASE + "authz-data#128"] == NameAttribute((b"a PAC",), False)
    assert found[BASE + "authz-data#97"] == NameAttribute((b"indicator", b"another"), False)


def test_malformed_authorization_data_is_a_status() -> None:
    with pytest.raises(InvalidTokenError):
        attributes_of(ALICE, ((1, b"no DER"),))
