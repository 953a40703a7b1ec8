"""RFC 2743 §1.1: what of krb5.conf reaches the calls."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from puregss.base.errors import DuplicateTokenError, GSSError
from puregss.base.names import NameType
from puregss.gss.context import SecurityContext
from puregss.gss.name import Name
from puregss.kcrypto.enctypes import SUPPORTED
from puregss.krb5.principal import Principal
from puregss.realm import Realm
from puregss.realm.world import MemoryReplays, RealmWorld
from puregss.system.replay_cache import FileReplayCache
from puregss.system.world import SystemWorld

SERVICE = Name("host@www.example.com", NameType.hostbased_service)


def world(folder: Path, *lines: str) -> SystemWorld:
    (folder / "krb5.conf").write_text("\n".join(("[libdefaults]", *lines)))
    return SystemWorld(config=str(folder / "krb5.conf"))


def test_without_a_word_everything_is_permitted(tmp_path: Path) -> None:
    assert world(tmp_path).permitted_enctypes() == SUPPORTED


def test_permitted_enctypes_keep_their_order(tmp_path: Path) -> None:
    assert world(tmp_path, "permitted_enctypes = aes256-sha2 rc4 aes128-cts").permitted_enctypes() == (20, 17)
    with pytest.raises(GSSError, match="permitted_enctypes"):
        world(tmp_path, "permitted_enctypes = rc4").permitted_enctypes()


def test_an_acceptor_of_many_names_may_ignore_its_host(tmp_path: Path) -> None:
    assert SERVICE.acceptor_principal(world(tmp_path)) == Principal(("host", "www.example.com"), "")
    ignoring = world(tmp_path, "ignore_acceptor_hostname = true")
    assert SERVICE.acceptor_principal(ignoring) == Principal(("host", ""), "")


def test_another_replay_cache_can_stand_in(tmp_path: Path) -> None:
    """Such as one that several machines share."""
    realm = Realm("EXAMPLE.TEST")
    realm.add_user("alice")
    realm.add_service("host/localhost")
    keytab = realm.keytab(tmp_path / "keytab", "host/localhost")
    shared = MemoryReplays()
    acceptors = [
        SystemWorld(config=str(tmp_path / "krb5.conf"), keytab=f"FILE:{keytab}", replay_cache=cache)
        for cache in (shared, shared, MemoryReplays())
    ]
    token = SecurityContext(
        name=Name("host@localhost", NameType.hostbased_service), world=RealmWorld(realm, "alice")
    ).step()
    assert SecurityContext(usage="accept", world=acceptors[0]).step(token)
    with pytest.raises(DuplicateTokenError):
        SecurityContext(usage="accept", world=acceptors[1]).step(token)
    assert SecurityContext(usage="accept", world=acceptors[2]).step(token)


def test_clocks_may_differ_by_what_the_configuration_says(tmp_path: Path) -> None:
    assert world(tmp_path).clock_skew() == 300
    assert world(tmp_path, "clockskew = 2m").clock_skew() == 120


def test_the_replay_cache_is_one_object_for_each_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KRB5RCACHEDIR", str(tmp_path))
    world = SystemWorld(config=os.devnull)
    first = world.replay_cache()
    assert first is not None
    assert world.replay_cache() is first
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    second = world.replay_cache()
    assert isinstance(second, FileReplayCache)
    assert second.path == str(tmp_path / "krb5_4711.rcache2")
