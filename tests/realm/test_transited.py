"""RFC 4120 §3.3.3.2 on the published vectors."""

from __future__ import annotations

from typing import Any

import pytest

from puregss.base.errors import InvalidTokenError
from puregss.krb5.transited import expand_transited
from puregss.realm.transited import add_transited
from tests.vectors import load

VECTORS = load("transited")


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["function"] == "expand"], ids=lambda v: v["transited"])
def test_expands_as_published(vector: dict[str, Any]) -> None:
    field, client, server = vector["transited"], vector["client_realm"] or "", vector["server_realm"] or ""
    if vector.get("expect") == "reject":
        with pytest.raises(InvalidTokenError):
            expand_transited(field, client, server)
    else:
        realms = expand_transited(field, client, server)
        assert sorted(realms) == sorted(vector["realms_in_any_order"])


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["function"] == "add"], ids=lambda v: v["new_transited"])
def test_adds_the_same_realm_as_others_do(vector: dict[str, Any]) -> None:
    """The spelling is ours, the set of realms is theirs."""
    client, server = vector["client_realm"], vector["server_realm"]
    ours = expand_transited(add_transited(vector["old_transited"], vector["new_realm"]), client, server)
    theirs = expand_transited(vector["new_transited"], client, server)
    assert sorted(ours) == sorted(theirs)


@pytest.mark.parametrize("realm", ["A,B", "A\\B", "ENDS.", " LEADS", "/X500/STYLE", "A\\,", "ENDS\\."])
def test_odd_names_survive(realm: str) -> None:
    field = add_transited(add_transited("FIRST.EXAMPLE", realm), "LAST.EXAMPLE")
    assert expand_transited(field, "C", "S") == ["FIRST.EXAMPLE", realm, "LAST.EXAMPLE"]


def test_hostile_fields_stay_small() -> None:
    with pytest.raises(InvalidTokenError):
        expand_transited(",".join(f"R{n}" for n in range(100)), "C", "S")
    with pytest.raises(InvalidTokenError):
        expand_transited("," + "A." * 2000 + "B,", "C", "S")
