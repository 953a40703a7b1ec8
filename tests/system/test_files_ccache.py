"""Credential cache files as they lie on disk."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import pytest

from puregss.base.errors import MissingCredentialsError
from puregss.kcrypto.key import Key
from puregss.krb5.ccache import CachedTicket, ConfigEntry, CredentialCache, decode_ccache, encode_ccache
from puregss.krb5.principal import Principal, tgs_principal
from puregss.system.files_ccache import CcacheFile

CLIENT = Principal(("user",), "EXAMPLE.TEST")
SERVICE = Principal(("HTTP", "www.example.test"), "EXAMPLE.TEST")


def ticket(server: Principal, endtime: int, octets: bytes = b"ticket") -> CachedTicket:
    return CachedTicket(CLIENT, server, Key(17, bytes(16)), 1, 1, endtime, 0, 0, octets)


TGT = ticket(tgs_principal("EXAMPLE.TEST"), 5000)
CACHE = CredentialCache(CLIENT, (TGT,), (ConfigEntry("fast_avail", "", b"yes"),))


@pytest.fixture
def ccache(tmp_path: Path) -> CcacheFile:
    cache = CcacheFile(f"FILE:{tmp_path / 'cc'}")
    cache.save(CACHE)
    return cache


def test_what_was_saved_is_there(ccache: CcacheFile) -> None:
    assert ccache.default_principal == CLIENT
    assert ccache.load() == CACHE
    assert ccache.find(CLIENT, TGT.server) == TGT
    assert ccache.find(CLIENT, SERVICE) is None
    assert ccache.path.stat().st_mode & 0o777 == 0o600


def test_an_added_ticket_is_found_here_and_by_others(ccache: CcacheFile) -> None:
    before = ccache.find(CLIENT, TGT.server)
    ccache.add(ticket(SERVICE, 3000))
    assert ccache.find(CLIENT, SERVICE) == ticket(SERVICE, 3000)
    assert decode_ccache(ccache.path.read_bytes()).tickets == (TGT, ticket(SERVICE, 3000))
    assert ccache.find(CLIENT, TGT.server) is before, "keys stay, and what was derived from them"


def test_the_ticket_valid_for_longest_is_found(ccache: CcacheFile) -> None:
    for endtime in (3000, 4000, 2000):
        ccache.add(ticket(SERVICE, endtime, b"%d" % endtime))
    found = ccache.find(CLIENT, SERVICE)
    assert found is not None
    assert found.endtime == 4000


def test_a_change_by_another_program_is_seen(ccache: CcacheFile) -> None:
    assert ccache.default_principal == CLIENT
    other = Principal(("other",), "EXAMPLE.TEST")
    CcacheFile(str(ccache.path)).save(CredentialCache(other))
    assert ccache.default_principal == other
    assert ccache.find(CLIENT, TGT.server) is None


def test_many_add_at_once_and_nothing_is_lost(ccache: CcacheFile) -> None:
    def add(who: int) -> None:
        mine = CcacheFile(str(ccache.path))
        for number in range(20):
            mine.add(ticket(SERVICE, 1000 + number, b"%d/%d" % (who, number)))

    threads = [threading.Thread(target=add, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({found.ticket for found in ccache.load().tickets}) == 1 + 6 * 20


def test_a_full_disk_leaves_the_cache_as_it_was() -> None:
    """A file that may not grow stands for the disk; the kernel then writes what still fits."""
    script = textwrap.dedent("""\
        import resource, signal, sys
        from puregss.system.files_ccache import CcacheFile
        from tests.system.test_files_ccache import CACHE, SERVICE, ticket
        cache = CcacheFile(sys.argv[1])
        cache.save(CACHE)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = cache.path.stat().st_size + 10
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        cache.add(ticket(SERVICE, 3000))
        assert cache.load() == CACHE
        """)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", script, f"{folder}/cc"], check=True, cwd=Path(__file__).parents[2])


def test_adding_to_a_cache_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    CcacheFile(str(tmp_path / "none")).add(TGT)
    assert not list(tmp_path.iterdir())


def test_older_formats_are_not_appended_to(ccache: CcacheFile) -> None:
    octets = b"\x05\x03" + encode_ccache(CredentialCache(CLIENT))[16:]
    ccache.path.write_bytes(octets)
    ccache.add(TGT)
    assert ccache.path.read_bytes() == octets


def test_a_collection_in_a_directory(tmp_path: Path, ccache: CcacheFile) -> None:
    (tmp_path / "primary").write_text("tktABC\n")
    (tmp_path / "tktABC").write_bytes(ccache.path.read_bytes())
    assert CcacheFile(f"DIR:{tmp_path}").path == tmp_path / "tktABC"
    assert CcacheFile(f"DIR::{tmp_path}/tktABC").default_principal == CLIENT
    (tmp_path / "primary").write_text("../../etc/passwd\n")
    with pytest.raises(MissingCredentialsError, match="primary does not name"):
        CcacheFile(f"DIR:{tmp_path}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("KEYRING:persistent:0", "in the kernel.*kinit"),
        ("KCM:", "daemon"),
        ("API:x", "system"),
        ("STRANGE:x", "does not know"),
        ("FILE:%{unheard}", "cannot fill in"),
    ],
)
def test_caches_that_are_no_files(name: str, words: str) -> None:
    with pytest.raises(MissingCredentialsError, match=words):
        CcacheFile(name)


def test_errors_name_the_file_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingCredentialsError, match="none does not exist: run kinit"):
        CcacheFile(str(tmp_path / "none")).load()
    (tmp_path / "cut").write_bytes(encode_ccache(CACHE)[:-3])
    with pytest.raises(MissingCredentialsError, match=r"cut cannot be used: .*cut off.*run kinit again"):
        CcacheFile(str(tmp_path / "cut")).load()
    with pytest.raises(MissingCredentialsError, match="cannot be written"):
        CcacheFile(str(tmp_path / "nowhere" / "cc")).save(CACHE)
