"""auth_to_local: the rules of krb5.conf(5), each with what it must and must not let in."""

from __future__ import annotations

import pytest

from puregss.base.errors import GSSError
from puregss.krb5.name_local import local_name
from puregss.krb5.principal import parse_principal

HOME = "EXAMPLE.COM"


def local(name: str, *rules: str) -> str | None:
    return local_name(parse_principal(name, None), HOME, rules or ("DEFAULT",))


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("alice@EXAMPLE.COM", "alice"),
        ("alice@OTHER.COM", None),
        ("alice/admin@EXAMPLE.COM", None),
        ("host/www.example.com@EXAMPLE.COM", None),
        ("@EXAMPLE.COM", None),
    ],
)
def test_by_default_users_of_the_home_realm_are_let_in(name: str, account: str | None) -> None:
    assert local(name) == account


@pytest.mark.parametrize(
    ("rule", "name", "account"),
    [
        ("RULE:[1:$1@$0](.*@OTHER\\.COM)s/@.*//", "alice@OTHER.COM", "alice"),
        ("RULE:[1:$1@$0](.*@OTHER\\.COM)s/@.*//", "alice@OTHERXCOM", None),
        ("RULE:[1:$1@$0](.*@OTHER\\.COM)s/@.*//", "alice/admin@OTHER.COM", None),
        ("RULE:[2:$1;$2](^.*;admin$)s/;admin$//", "alice/admin@EXAMPLE.COM", "alice"),
        ("RULE:[2:$1;$2](^.*;admin$)s/;admin$//", "alice/root@EXAMPLE.COM", None),
        ("RULE:[2:$2](root)", "alice/root@EXAMPLE.COM", "root"),
        ("RULE:[1:$1]", "alice@ANYWHERE.COM", "alice"),
        ("RULE:[1:x$1y$0]", "a@B", "xayB"),
        ("RULE:(ali.*)s/ce/cia/", "alice@ANYWHERE.COM", "alicia"),
        ("RULE:(alice@.*)s/@.*//", "alice@EXAMPLE.COM", None),
        ("RULE:(.*)", "al\\@ice\\/x@B", "al@ice\\/x"),
        ("RULE:[1:$1](.*)s/a/b/", "banana@B", "bbnana"),
        ("RULE:[1:$1](.*)s/a/b/g", "banana@B", "bbnbnb"),
        ("RULE:[1:$1](.*)s/a/b/gs/n/m/", "banana@B", "bbmbnb"),
        ("RULE:[1:$1](.*)s/a/\\1/", "abc@B", "\\1bc"),
        ("RULE:[1:$1](.*)s/x\\/y/z/", "x\\/y@B", "z"),
        ("RULE:[1:$1](.*)s/.*//", "alice@B", None),
        ("RULE:[1:$1](ali)", "alice@B", None),
        ("RULE:[1:$1]((a|b)lice)s/lice//", "alice@B", "a"),
    ],
)
def test_rules(rule: str, name: str, account: str | None) -> None:
    assert local(name, rule) == account


def test_the_first_rule_that_fits_decides() -> None:
    rules = ("RULE:[2:$2](root)", "RULE:[1:$1@$0](.*@OTHER\\.COM)s/@.*/-other/", "DEFAULT")
    assert local("alice/root@EXAMPLE.COM", *rules) == "root"
    assert local("alice@OTHER.COM", *rules) == "alice-other"
    assert local("alice@EXAMPLE.COM", *rules) == "alice"
    assert local("alice@THIRD.COM", *rules) is None


def test_a_rule_that_leaves_nothing_shuts_out() -> None:
    rules = ("RULE:[1:$1](root)s/.*//", "DEFAULT")
    assert local("root@EXAMPLE.COM", *rules) is None
    assert local("alice@EXAMPLE.COM", *rules) == "alice"


def test_names_go_before_rules_and_are_of_the_home_realm() -> None:
    names = {"alice": "wonder", "bob/admin": "root"}
    for name, account in (("alice@EXAMPLE.COM", "wonder"), ("bob/admin@EXAMPLE.COM", "root"), ("alice@B", None)):
        assert local_name(parse_principal(name, None), HOME, names=names) == account


@pytest.mark.parametrize(
    "rule", ["", "default", "RULE", "RULE:[1:$2]", "RULE:[1:$1](()", "RULE:[1:$1]s/a", "RULE:[x:$1]", "DB:/etc/aname"]
)
def test_a_rule_that_cannot_be_read_lets_nobody_in(rule: str) -> None:
    with pytest.raises(GSSError, match="auth_to_local"):
        local("alice@EXAMPLE.COM", rule, "DEFAULT")
