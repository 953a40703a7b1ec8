"""krb5.conf's auth_to_local: whom each rule stands for, by MIT's library and by ours from one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from puregss.base.errors import BadNameError
from puregss.base.names import NameType
from puregss.gss.name import Name
from puregss.system.world import SystemWorld
from tests.interop.mit_realm import MitRealm
from tests.interop.party import PeerError, RemoteLibrary

pytestmark = pytest.mark.requires("krb5kdc", "python-gssapi")

NAMES = [
    "alice@HOME.TEST",
    "alice@OTHER.TEST",
    "alice@OTHERXTEST",
    "alice/admin@HOME.TEST",
    "alice/root@HOME.TEST",
    "alice/admin@OTHER.TEST",
    "banana@HOME.TEST",
    "a/b/c@HOME.TEST",
    "mapped@HOME.TEST",
    r"al\/ice@HOME.TEST",
    r"al\@ice@HOME.TEST",
    "Alice@HOME.TEST",
]


CONFIG = """\
[libdefaults]
    default_realm = HOME.TEST
[realms]
    HOME.TEST = {{
{rules}
        auth_to_local_names = {{
            mapped = somebody
        }}
    }}
"""


@pytest.mark.parametrize(
    "rules",
    [
        ["DEFAULT"],
        [r"RULE:[1:$1@$0](.*@OTHER\.TEST)s/@.*//"],
        [r"RULE:[2:$1;$2](^.*;admin$)s/;admin$//", "DEFAULT"],
        ["RULE:[2:$2](root)", r"RULE:[1:$1@$0](.*@OTHER\.TEST)s/@.*/-other/", "DEFAULT"],
        ["RULE:[1:$1]"],
        ["RULE:[1:x$1y$0]"],
        ["RULE:[3:$3$2$1]"],
        ["RULE:(alice@.*)s/@.*//"],
        ["RULE:(.*)"],
        ["RULE:s/a/o/g"],
        ["RULE:[1:$1](.*)s/a/b/"],
        ["RULE:[1:$1](.*)s/a/b/g"],
        ["RULE:[1:$1](ali)"],
        ["RULE:[1:$1](alice|banana)s/(ice|nana)//"],
        ["RULE:[1:$1](.*)s/.*//", "DEFAULT"],
    ],
    ids=" ".join,
)
def test_both_let_the_same_in(mit_realm: MitRealm, tmp_path: Path, rules: list[str]) -> None:
    config = tmp_path / "krb5.conf"
    config.write_text(CONFIG.format(rules="\n".join(f"        auth_to_local = {rule}" for rule in rules)))
    world = SystemWorld(config=str(config))
    with RemoteLibrary("tests.interop.c_peer", "mit", env=mit_realm.environment(config=config)) as mit:
        for text in NAMES:
            try:
                ours = Name(text, NameType.kerberos_principal).localname(world=world)
            except BadNameError:
                ours = None
            try:
                theirs = mit.call("localname", text) or None  # "" is nobody's account
            except PeerError:
                theirs = None
            assert (text, ours) == (text, theirs)


def test_a_stranger_of_a_mapped_name_is_not_let_in(mit_realm: MitRealm, tmp_path: Path) -> None:
    """MIT looks names of every realm up in auth_to_local_names. Ours are those of the section's own realm: a realm
    that is trusted to vouch for its users is not thereby trusted with this one's accounts."""
    config = tmp_path / "krb5.conf"
    config.write_text(CONFIG.format(rules="        auth_to_local = DEFAULT"))
    with RemoteLibrary("tests.interop.c_peer", "mit", env=mit_realm.environment(config=config)) as mit:
        assert mit.call("localname", "mapped@OTHER.TEST") == "somebody"
    with pytest.raises(BadNameError):
        Name("mapped@OTHER.TEST", NameType.kerberos_principal).localname(world=SystemWorld(config=str(config)))
