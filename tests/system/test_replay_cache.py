"""RFC 4120 §3.2.3 and the file2 format: nothing passes twice, whoever asks, whatever the file holds."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from puregss.base.errors import DuplicateTokenError, GSSError
from puregss.krb5.messages.error import KrbErrorCode
from puregss.system import replay_cache
from puregss.system.replay_cache import FileReplayCache, replay_cache_from_environment
from puregss.system.siphash import SipHash24, in_lanes, siphash24
from puregss.system.world import SystemWorld
from tests.descriptors import open_descriptors

both_hashes = pytest.mark.parametrize(
    "hashes", list(dict.fromkeys((in_lanes, siphash24))), ids=lambda hashes: hashes.__name__
)
NOW = 1_750_000_000
SEED = bytes(range(16))


def cache_at(folder: Path, **options: bool) -> FileReplayCache:
    return FileReplayCache(str(folder / "rcache"), owned=options.pop("owned", True), entropy=lambda n: SEED[:n])


def mac_of(number: int) -> bytes:
    return (number + 1).to_bytes(4, "big") * 4  # never all zeros, as an empty slot is


def refused(cache: FileReplayCache, mac: bytes, now: int = NOW) -> bool:
    try:
        cache.store(mac, now, now)
    except DuplicateTokenError:
        return True
    return False


# The format


def test_the_first_record_lies_where_mit_puts_it(tmp_path: Path) -> None:
    cache_at(tmp_path).store(b"twelve octetsand more", NOW, NOW)
    octets = (tmp_path / "rcache").read_bytes()
    place = 16 + SipHash24([SEED]).hash(b"twelve octet")[0] % 1023 * 16
    assert octets[:16] == SEED
    assert octets[place:] == b"twelve octet" + NOW.to_bytes(4, "big")
    assert not any(octets[16:place])


def test_a_short_checksum_is_filled_with_zeros(tmp_path: Path) -> None:
    cache_at(tmp_path).store(b"short", NOW, NOW)
    assert b"short" + bytes(7) + NOW.to_bytes(4, "big") in (tmp_path / "rcache").read_bytes()


def test_an_authenticator_from_ahead_is_kept_as_long_as_it_is_good(tmp_path: Path) -> None:
    """It passes the acceptor's clock check until its own time and the skew are over, not 300 seconds from now."""
    cache = cache_at(tmp_path)
    cache.store(mac_of(1), NOW, NOW + 299)
    assert (NOW + 299).to_bytes(4, "big") in (tmp_path / "rcache").read_bytes()
    cache.store(mac_of(2), NOW, NOW - 299)
    assert NOW.to_bytes(4, "big") in (tmp_path / "rcache").read_bytes()


def test_the_file_is_nobody_elses(tmp_path: Path) -> None:
    cache_at(tmp_path).store(mac_of(1), NOW, NOW)
    assert (tmp_path / "rcache").stat().st_mode & 0o777 == 0o600


# Replays


def test_the_second_time_is_a_duplicate(tmp_path: Path) -> None:
    cache_at(tmp_path).store(mac_of(1), NOW, NOW)
    with pytest.raises(DuplicateTokenError, match="presented before") as caught:
        cache_at(tmp_path).store(mac_of(1), NOW + 1, NOW)
    assert caught.value.minor == KrbErrorCode.KRB_AP_ERR_REPEAT.minor


@both_hashes
def test_many_records_fill_table_after_table_and_none_is_lost(
    tmp_path: Path, hashes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_cache, "siphash24", hashes)
    cache = cache_at(tmp_path)
    for number in range(6000):
        assert not refused(cache, mac_of(number))
    assert (tmp_path / "rcache").stat().st_size > 114688, "the fourth table has begun"
    assert all(refused(cache, mac_of(number)) for number in range(6000))


def test_places_of_expired_records_are_used_again(tmp_path: Path) -> None:
    cache = cache_at(tmp_path)
    for number in range(1500):
        cache.store(mac_of(number), NOW, NOW)
    size = (tmp_path / "rcache").stat().st_size
    for number in range(1500, 2500):
        cache.store(mac_of(number), NOW + 301, NOW + 301)
    assert (tmp_path / "rcache").stat().st_size == size
    assert all(refused(cache, mac_of(number), NOW + 301) for number in range(1500, 2500))


def test_records_within_the_skew_are_not_overwritten(tmp_path: Path) -> None:
    cache = cache_at(tmp_path)
    for number in range(1500):
        cache.store(mac_of(number), NOW, NOW)
    for number in range(1500, 3000):
        cache.store(mac_of(number), NOW + 300, NOW + 300)
    assert all(refused(cache, mac_of(number), NOW + 300) for number in range(3000))


def test_of_racing_threads_one_wins(tmp_path: Path) -> None:
    """Record locks of POSIX would let threads of one process pass each other."""
    wins: list[int] = []
    start = threading.Barrier(8)

    def race() -> None:
        cache = cache_at(tmp_path)
        start.wait()
        for number in range(100):
            if not refused(cache, mac_of(number)):
                wins.append(number)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == list(range(100))


RACER = """
import sys
from puregss.base.errors import DuplicateTokenError
from puregss.system.replay_cache import FileReplayCache
cache = FileReplayCache(sys.argv[1], owned=True)
sys.stdin.readline()
for number in range(500):
    try:
        cache.store((number + 1).to_bytes(4, "big") * 4, 1750000000, 1750000000)
    except DuplicateTokenError:
        continue
    print(number)
"""


def test_of_racing_processes_one_wins(tmp_path: Path) -> None:
    path = str(tmp_path / "rcache")
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    wins = [int(line) for racer in racers for line in racer.communicate()[0].split()]
    assert sorted(wins) == list(range(500))


def test_a_removed_file_is_made_anew(tmp_path: Path) -> None:
    cache = cache_at(tmp_path)
    cache.store(mac_of(1), NOW, NOW)
    (tmp_path / "rcache").unlink()
    cache.store(mac_of(2), NOW, NOW)
    assert refused(cache_at(tmp_path), mac_of(2))


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    cache = cache_at(tmp_path)
    before = open_descriptors()
    for number in range(10):
        cache.store(mac_of(number % 5), NOW, NOW) if number < 5 else refused(cache, mac_of(number % 5))
    assert open_descriptors() == before


# Hostile surroundings


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / "rcache").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GSSError, match=r"replay cache .*/rcache cannot be used"):
        cache_at(tmp_path).store(mac_of(1), NOW, NOW)
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rcache")
    with pytest.raises(GSSError, match="is not a file"):
        cache_at(tmp_path).store(mac_of(1), NOW, NOW)


def test_a_missing_folder_lets_nobody_in(tmp_path: Path) -> None:
    with pytest.raises(GSSError, match="KRB5RCACHENAME") as caught:
        cache_at(tmp_path / "missing").store(mac_of(1), NOW, NOW)
    assert not isinstance(caught.value, DuplicateTokenError)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused_where_everyone_may_write(tmp_path: Path) -> None:
    (tmp_path / "rcache").write_bytes(b"")
    os.chown(tmp_path / "rcache", 12345, 12345)
    with pytest.raises(GSSError, match="belongs to the user 12345"):
        cache_at(tmp_path).store(mac_of(1), NOW, NOW)
    cache_at(tmp_path, owned=False).store(mac_of(1), NOW, NOW)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 33, 16384, 16385, 49152])
@pytest.mark.parametrize("octet", [0x00, 0x7F, 0xFF])
def test_whatever_the_file_holds_a_replay_is_refused(tmp_path: Path, size: int, octet: int) -> None:
    (tmp_path / "rcache").write_bytes(bytes((octet,)) * size)
    cache = cache_at(tmp_path)
    for number in range(50):
        assert not refused(cache, mac_of(number))
    assert all(refused(cache, mac_of(number)) for number in range(50))


@both_hashes
def test_a_full_file_lets_nobody_in(tmp_path: Path, hashes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """2 GiB of records that never expire: a hole costs no disk, and reading it stops at the first table."""
    monkeypatch.setattr(replay_cache, "siphash24", hashes)
    path = tmp_path / "rcache"
    live = pack(">I", NOW)
    with path.open("wb") as file:
        file.write(SEED)
        tag = mac_of(1)[:12]
        offset, slots = 16, 1023
        keys = [bytes((SEED[0] + number,)) + SEED[1:] for number in range(17)]
        for hashed in SipHash24(keys).hash(tag):
            file.seek(offset + hashed % slots * 16)
            file.write((b"another tag!" + live) * 2)
            offset += slots * 16
            slots = 2048 if slots == 1023 else slots * 2
            if offset + slots * 16 > 2**31 - 1:
                break
        file.truncate(2**31 - 1)
    with pytest.raises(GSSError, match="it is full"):
        cache_at(tmp_path).store(mac_of(1), NOW, NOW)


@both_hashes
def test_a_file_that_grows_before_it_is_locked_is_searched_to_its_end(
    tmp_path: Path, hashes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another acceptor fills our place in the first table and begins the second one, with our very record."""
    monkeypatch.setattr(replay_cache, "siphash24", hashes)
    tag = mac_of(1)[:12]
    first, second = SipHash24([SEED, bytes((SEED[0] + 1,)) + SEED[1:]]).hash(tag)
    measure = os.fstat

    def measure_then_grow(descriptor: int) -> os.stat_result:
        status = measure(descriptor)
        os.pwrite(descriptor, SEED, 0)
        os.pwrite(descriptor, (b"another tag!" + pack(">I", NOW)) * 2, 16 + first % 1023 * 16)
        os.pwrite(descriptor, tag + pack(">I", NOW), 16 + 1023 * 16 + second % 2048 * 16)
        return status

    monkeypatch.setattr(os, "fstat", measure_then_grow)
    assert refused(cache_at(tmp_path), mac_of(1))


def test_a_record_that_fits_in_part_lets_nobody_in(tmp_path: Path) -> None:
    """The system writes what still fits and calls that success; the rest would be zeros: a slot never used."""
    cache = cache_at(tmp_path)
    slot = 16 + SipHash24([SEED]).hash(mac_of(1)[:12])[0] % 1023 * 16
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (8, slot + 1, slot + 12):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            with pytest.raises(GSSError, match="cannot be used"):
                cache.store(mac_of(1), NOW, NOW)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_second_name_of_a_file_of_ours_is_not_written_to(tmp_path: Path) -> None:
    """Where everyone may write, a stranger can give any file a name that he chooses."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"of ours")
    (tmp_path / "rcache").hardlink_to(precious)
    with pytest.raises(GSSError, match="cannot be used"):
        cache_at(tmp_path).store(mac_of(1), NOW, NOW)
    assert precious.read_bytes() == b"of ours"


# Which cache


def test_the_skew_that_acceptors_grant_is_the_caches_too(tmp_path: Path) -> None:
    """Else a record is overwritten while its authenticator is still good."""
    path = tmp_path / "krb5.conf"
    path.write_text(f"[libdefaults]\n clockskew = 1h\n default_rcache_name = file2:{tmp_path / 'rcache'}\n")
    cache = SystemWorld(config=str(path)).replay_cache()
    assert cache is not None
    cache.store(mac_of(1), NOW, NOW)
    octets = bytearray((tmp_path / "rcache").read_bytes())
    octets[-16:-12] = b"othr"  # another record of the same place
    (tmp_path / "rcache").write_bytes(octets)
    cache.store(mac_of(1), NOW + 3000, NOW)
    assert octets in (tmp_path / "rcache").read_bytes(), "it is good for ten more minutes"


def test_the_default_is_mits(tmp_path: Path) -> None:
    user = os.geteuid()
    places = {
        f"/var/tmp/krb5_{user}.rcache2": {},
        f"/a/krb5_{user}.rcache2": {"TMPDIR": "/a"},
        f"/b/krb5_{user}.rcache2": {"TMPDIR": "/a", "KRB5RCACHEDIR": "/b"},
        f"/c/krb5_{user}.rcache2": {"KRB5RCACHENAME": "dfl:", "KRB5RCACHEDIR": "/c", "KRB5RCACHETYPE": "none"},
        "/d/file": {"KRB5RCACHENAME": "file2:/d/file", "KRB5RCACHEDIR": "/c"},
    }
    for path, environment in places.items():
        cache = replay_cache_from_environment(environment)
        assert cache is not None
        assert cache.path == path


def test_the_configuration_is_asked_after_the_environment() -> None:
    cache = replay_cache_from_environment({}, "file2:/configured")
    assert cache is not None
    assert cache.path == "/configured"
    assert replay_cache_from_environment({"KRB5RCACHENAME": "none:"}, "file2:/configured") is None


@pytest.mark.parametrize("environment", [{"KRB5RCACHENAME": "none:"}, {"KRB5RCACHETYPE": "none"}], ids=str)
def test_it_can_be_switched_off(environment: dict[str, str]) -> None:
    assert replay_cache_from_environment(environment) is None


@pytest.mark.parametrize("name", ["memory:", "file2:", "file2", "/path"])
def test_a_name_that_means_nothing_is_an_error(name: str) -> None:
    with pytest.raises(GSSError, match="KRB5RCACHENAME may say"):
        replay_cache_from_environment({"KRB5RCACHENAME": name})
