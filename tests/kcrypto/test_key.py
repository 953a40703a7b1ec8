"""RFC 3961 §3: the operations of a key, on every published vector of the enctypes puregss speaks."""

from __future__ import annotations

import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import BadMICError, GSSError, OperationUnavailableError
from puregss.kcrypto import rfc6803
from puregss.kcrypto.cts import LARGE
from puregss.kcrypto.enctypes import SUPPORTED, EncType, enctype_name, enctype_number
from puregss.kcrypto.key import Key, fx_cf2, key_size, profile_of, random_key, string_to_key
from puregss.kcrypto.profile import MAXIMUM_ITERATIONS, MINIMUM_ITERATIONS, usage_constant
from tests.vectors import load


def ours(name: str) -> list[dict[str, Any]]:
    """The vectors of a file without those of DES, 3DES and RC4 and of unkeyed checksums."""
    return [v for v in load(name) if v.get("enctype") in SUPPORTED]


def octets(vector: dict[str, Any], field: str) -> bytes:
    return bytes.fromhex(vector[f"{field}_hex"])


def key_of(vector: dict[str, Any]) -> Key:
    return Key(vector["enctype"], octets(vector, "key"))


SIZES = {17: 16, 18: 32, 19: 16, 20: 32, 25: 16, 26: 32}
every_enctype = pytest.mark.parametrize("enctype", sorted(SUPPORTED), ids=enctype_name)
enctypes = st.sampled_from(sorted(SUPPORTED))


def make(enctype: int) -> Key:
    return Key(enctype, bytes(range(SIZES[enctype])))


@pytest.mark.parametrize("vector", ours("encrypt_decrypt"), ids=lambda v: f"{v['enctype']}-{v['usage']}")
def test_encrypt_decrypt(vector: dict[str, Any]) -> None:
    key, usage = key_of(vector), vector["usage"]
    plaintext, ciphertext = octets(vector, "plaintext"), octets(vector, "ciphertext")
    assert key.encrypt(usage, plaintext, lambda n: octets(vector, "confounder")[:n]) == ciphertext
    assert key.decrypt(usage, ciphertext) == plaintext
    assert key.decrypt(usage, ciphertext) == plaintext  # with what the first call has left behind


@pytest.mark.parametrize("vector", ours("checksum"), ids=lambda v: f"{v['checksum_name']}-{v['usage']}")
def test_checksum(vector: dict[str, Any]) -> None:
    key, data, checksum = key_of(vector), octets(vector, "data"), octets(vector, "checksum")
    assert key.checksum_type == vector["checksum_type"]
    assert key.checksum_size == len(checksum)
    for _ in range(2):
        assert key.checksum(vector["usage"], data) == checksum
    key.verify_checksum(vector["usage"], data, checksum)
    for wrong in (checksum[:-1], checksum + b"\0", b"", bytes(len(checksum))):
        with pytest.raises(BadMICError):
            key.verify_checksum(vector["usage"], data, wrong)


@pytest.mark.parametrize("vector", ours("prf"), ids=lambda v: f"{v['enctype']}-{v['input_hex']}")
def test_prf(vector: dict[str, Any]) -> None:
    assert key_of(vector).prf(octets(vector, "input")) == octets(vector, "output")


@pytest.mark.parametrize("vector", ours("string_to_key"), ids=lambda v: f"{v['enctype']}-{v['params_hex']}")
def test_string_to_key(vector: dict[str, Any]) -> None:
    password, salt = octets(vector, "password"), octets(vector, "salt")
    params = None if vector["params_hex"] is None else octets(vector, "params")
    if vector.get("expect") == "reject":
        with pytest.raises(OperationUnavailableError, match="PBKDF2 iterations"):
            string_to_key(vector["enctype"], password, salt, params)
        return
    # The published vectors go down to one iteration, which no peer gets from us by default.
    key = string_to_key(vector["enctype"], password, salt, params, minimum_iterations=1)
    assert key == key_of(vector)


@every_enctype
@pytest.mark.parametrize("count", [0, 1, MINIMUM_ITERATIONS - 1, MAXIMUM_ITERATIONS + 1, 2**32 - 1])
def test_iterations_from_a_peer_are_bounded(enctype: int, count: int) -> None:
    with pytest.raises(OperationUnavailableError, match=f"asks for {count} PBKDF2 iterations"):
        string_to_key(enctype, b"password", b"salt", count.to_bytes(4, "big"))


@pytest.mark.parametrize("params", [b"", b"\0\0\x10", b"\0\0\x10\0\0"])
def test_parameters_of_the_wrong_length(params: bytes) -> None:
    with pytest.raises(OperationUnavailableError, match=f"have {len(params)} octets"):
        string_to_key(18, b"password", b"salt", params)


@pytest.mark.parametrize(
    "vector",
    [v for v in load("fx_cf2") if {v["enctype1"], v["enctype2"]} <= set(SUPPORTED)],
    ids=lambda v: f"{v['enctype1']}-{v['enctype2']}-{v['output_enctype']}",
)
def test_fx_cf2(vector: dict[str, Any]) -> None:
    key1 = string_to_key(vector["enctype1"], vector["key1_password"].encode(), vector["key1_salt"].encode())
    key2 = string_to_key(vector["enctype2"], vector["key2_password"].encode(), vector["key2_salt"].encode())
    assert key1.dangerous_material() == octets(vector, "key1")
    assert key2.dangerous_material() == octets(vector, "key2")
    pepper1, pepper2 = vector["pepper1"].encode(), vector["pepper2"].encode()
    result = fx_cf2(key1, key2, pepper1, pepper2, vector["output_enctype"])
    assert (result.enctype, result.dangerous_material()) == (vector["output_enctype"], octets(vector, "output"))
    assert fx_cf2(key1, key2, pepper1, pepper2).enctype == vector["enctype1"]


@given(enctypes, st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_round_trip(enctype: int, plaintext: bytes, usage: int) -> None:
    key = make(enctype)
    for _ in range(3):
        assert key.decrypt(usage, key.encrypt(usage, plaintext, os.urandom)) == plaintext


@given(enctypes, st.binary(max_size=80), st.integers(0, 80))
def test_a_trailer_is_the_end_of_the_plaintext(enctype: int, text: bytes, cut: int) -> None:
    confounder = os.urandom(16)
    ciphertext = make(enctype).sealer(5).seal(lambda n: confounder[:n], b"prefix", text[:cut], text[cut:])
    assert ciphertext == b"prefix" + make(enctype).encrypt(5, text, lambda n: confounder[:n])


@every_enctype
def test_kept_ciphers_make_what_fresh_ones_make(enctype: int) -> None:
    """A key that has worked and one that never did read each other's output, and no confounder comes twice."""
    worked = make(enctype)
    seen = set()
    for size in (0, 1, 15, 16, 17, 33, 0, 64):
        ciphertext = worked.encrypt(9, bytes(size), os.urandom)
        seen.add(ciphertext[:16])
        assert make(enctype).decrypt(9, ciphertext) == bytes(size)
        assert worked.decrypt(9, make(enctype).encrypt(9, bytes(size), os.urandom)) == bytes(size)
    assert len(seen) == 8


@every_enctype
@pytest.mark.parametrize("size", [LARGE - 17, LARGE - 16, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE + 5, 1 << 20])
def test_large_messages(enctype: int, size: int) -> None:
    key = make(enctype)
    plaintext = os.urandom(size)
    for _ in range(2):
        ciphertext = key.encrypt(7, plaintext, os.urandom)
        assert len(ciphertext) == 16 + size + key.checksum_size
        assert key.decrypt(7, ciphertext) == plaintext
        assert key.decrypt(7, key.encrypt(7, b"small", os.urandom)) == b"small"
    for octet in (0, 16, LARGE, size // 2, size, len(ciphertext) - 1):
        altered = bytearray(ciphertext)
        altered[min(octet, len(altered) - 1)] ^= 1
        with pytest.raises(BadMICError):
            key.decrypt(7, bytes(altered))


@every_enctype
def test_every_flipped_bit_is_noticed(enctype: int) -> None:
    key = make(enctype)
    ciphertext = key.encrypt(7, b"nineteen octets, yes", os.urandom)
    for bit in range(len(ciphertext) * 8):
        altered = bytearray(ciphertext)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadMICError):
            key.decrypt(7, bytes(altered))
    assert key.decrypt(7, ciphertext) == b"nineteen octets, yes"


@every_enctype
def test_every_cut_is_noticed(enctype: int) -> None:
    key = make(enctype)
    ciphertext = key.encrypt(7, bytes(40), os.urandom)
    for size in range(len(ciphertext)):
        with pytest.raises(BadMICError):
            key.decrypt(7, ciphertext[:size])
    with pytest.raises(BadMICError):
        key.decrypt(7, ciphertext + b"\0")
    with pytest.raises(BadMICError):
        key.decrypt(8, ciphertext)


@given(enctypes, st.binary(max_size=150))
def test_noise_is_refused(enctype: int, noise: bytes) -> None:
    with pytest.raises(BadMICError):
        make(enctype).decrypt(3, noise)


def test_a_cipher_that_failed_is_thrown_away() -> None:
    """If entropy fails in the middle, nothing half-done stays behind for the next message."""
    key = make(18)
    key.encrypt(7, b"first", os.urandom)

    def broken(size: int) -> bytes:
        raise GSSError("no randomness left")

    with pytest.raises(GSSError, match="no randomness"):
        key.encrypt(7, b"second", broken)
    assert make(18).decrypt(7, key.encrypt(7, b"third", os.urandom)) == b"third"


def test_threads_share_a_key() -> None:
    key = make(20)

    def work(n: int) -> bool:
        text = bytes((n,)) * (n * 37)
        return all(key.decrypt(2, key.encrypt(2, text, os.urandom)) == text for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(32)))


@pytest.mark.parametrize("number", [1, 2, 3, 16, 23, 24])
def test_broken_enctypes_are_refused_by_name(number: int) -> None:
    with pytest.raises(OperationUnavailableError, match="puregss does not speak DES, 3DES or RC4") as caught:
        Key(number, bytes(16))
    assert enctype_name(number) in str(caught.value)


@pytest.mark.parametrize("number", [0, -133, 99, 2**31])
def test_unknown_enctypes_are_refused(number: int) -> None:
    with pytest.raises(OperationUnavailableError, match=f"enctype {number}: puregss does not know it"):
        Key(number, bytes(16))


def test_camellia_can_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("puregss.kcrypto.key.camellia_available", lambda: False)
    with pytest.raises(OperationUnavailableError, match="no Camellia"):
        Key(EncType.CAMELLIA128_CTS_CMAC, bytes(16))
    assert Key(17, bytes(16)).enctype == 17


def test_camellia_is_here() -> None:
    assert rfc6803.camellia_available(), "the vectors of RFC 6803 would prove nothing"


@every_enctype
def test_length_is_checked(enctype: int) -> None:
    for size in (0, SIZES[enctype] - 1, SIZES[enctype] + 1):
        with pytest.raises(GSSError, match=f"has {size} octets"):
            Key(enctype, bytes(size))


@every_enctype
def test_a_key_keeps_its_secret(enctype: int) -> None:
    key = Key(enctype, b"\xa5" * SIZES[enctype])
    assert repr(key) == str(key) == f"<Key {enctype_name(enctype)}>"
    assert not hasattr(key, "__dict__")
    for spill in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            spill(key)


def test_equality() -> None:
    assert Key(17, bytes(16)) == Key(17, bytes(16))
    assert hash(Key(17, bytes(16))) == hash(Key(17, bytes(16)))
    assert Key(17, bytes(16)) != Key(19, bytes(16))
    assert Key(17, bytes(16)) != Key(17, bytes(15) + b"\1")
    assert Key(17, bytes(16)) != bytes(16)


def test_bare_is_the_same_key() -> None:
    key = make(18)
    ciphertext = key.encrypt(2, b"text", os.urandom)
    assert key.bare() == key
    assert key.bare().decrypt(2, ciphertext) == b"text"


@every_enctype
def test_random_key(enctype: int) -> None:
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return b"\x5a" * size

    assert random_key(enctype, entropy).dangerous_material() == b"\x5a" * SIZES[enctype]
    assert asked == [SIZES[enctype]]


def test_encryption_uses_the_published_keys() -> None:
    """RFC 8009 appendix A prints Ke and Ki beside its samples."""
    vectors = [v for v in ours("encrypt_decrypt") if "ke_hex" in v]
    assert vectors
    for v in vectors:
        ke, ki = profile_of(v["enctype"]).derive(
            octets(v, "key"), usage_constant(v["usage"], 0xAA), usage_constant(v["usage"], 0x55)
        )
        assert (ke, ki) == (octets(v, "ke"), octets(v, "ki"))


def test_names_and_numbers() -> None:
    assert set(SUPPORTED) == set(EncType)
    assert enctype_name(18) == "aes256-cts-hmac-sha1-96 (18)"
    assert enctype_name(23) == "rc4-hmac (23)"
    assert enctype_name(99) == "enctype 99"
    assert enctype_number("aes256-cts") == enctype_number("AES256-CTS-HMAC-SHA1-96") == 18
    assert enctype_number("camellia256-cts") == 26
    assert enctype_number("idea") is None


@pytest.mark.parametrize("enctype", SUPPORTED)
def test_expected_usages_are_derived_as_unexpected_ones(enctype: int) -> None:
    material = os.urandom(key_size(enctype))
    key, other = Key(enctype, material), Key(enctype, material)
    key.expect(11, 12)
    assert key.decrypt(11, other.encrypt(11, b"one", os.urandom)) == b"one"
    assert other.decrypt(12, key.encrypt(12, b"two", os.urandom)) == b"two"
    assert key.bare() is key  # what was expected is gone once it was used
    assert key.decrypt(11, other.encrypt(11, b"again", os.urandom)) == b"again"
    assert key.decrypt(13, other.encrypt(13, b"three", os.urandom)) == b"three"
    assert key.bare() is not key
