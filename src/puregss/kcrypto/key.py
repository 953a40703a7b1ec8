"""RFC 3961 §3: a protocol key and the operations it offers."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from cryptography.hazmat.primitives.ciphers.algorithms import AES128, AES256
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from puregss.base.errors import BadMICError, GSSError, OperationUnavailableError
from puregss.base.ports import Entropy
from puregss.kcrypto.enctypes import WITHDRAWN, enctype_name
from puregss.kcrypto.profile import KC, KE, KI, MINIMUM_ITERATIONS, Mac, Opener, Profile, Sealer, sealing_constants
from puregss.kcrypto.rfc3962 import AesSha1Profile
from puregss.kcrypto.rfc6803 import CamelliaProfile, camellia_available
from puregss.kcrypto.rfc8009 import AesSha2Profile

_PROFILES: Final[dict[int, Profile]] = {
    17: AesSha1Profile(17, 16, AES128, checksum_type=15),
    18: AesSha1Profile(18, 32, AES256, checksum_type=16),
    19: AesSha2Profile(19, b"aes128-cts-hmac-sha256-128", 16, AES128, 19, 16, SHA256()),
    20: AesSha2Profile(20, b"aes256-cts-hmac-sha384-192", 32, AES256, 20, 24, SHA384()),
}
_CAMELLIA: Final[dict[int, Profile]] = {
    25: CamelliaProfile(25, b"camellia128-cts-cmac", 16, checksum_type=17),
    26: CamelliaProfile(26, b"camellia256-cts-cmac", 32, checksum_type=18),
}


_NOTHING: Final[dict[int, Any]] = {}  # stands for a dict not made yet: most keys of most contexts never need one


def profile_of(enctype: int) -> Profile:
    """The encryption type's profile. OperationUnavailableError, with the reason, for those puregss lacks."""
    profile = _PROFILES.get(enctype)
    if profile is not None:
        return profile
    if enctype not in _CAMELLIA:
        reason = (
            "puregss does not speak DES, 3DES or RC4, which are broken; have the KDC issue an AES key"
            if enctype in WITHDRAWN
            else "puregss does not know it"
        )
        raise OperationUnavailableError(f"a key has the encryption type {enctype_name(enctype)}: {reason}")
    if not camellia_available():
        raise OperationUnavailableError(
            f"a key has the encryption type {enctype_name(enctype)}: the OpenSSL under this Python's cryptography "
            "package has no Camellia; have the KDC issue an AES key"
        )
    return _CAMELLIA[enctype]


def key_size(enctype: int) -> int:
    """Octets of a key. OperationUnavailableError for enctypes puregss lacks."""
    return (_PROFILES.get(enctype) or profile_of(enctype)).key_size


class Key:
    """A key of one encryption type. Immutable, safe for threads, and shy: nothing prints its octets."""

    __slots__ = ("_kept", "_material", "_profile", "enctype")

    enctype: Final[int]

    def __init__(self, enctype: int, material: bytes) -> None:
        """OperationUnavailableError for an enctype puregss lacks; GSSError if `material` has the wrong length."""
        self.enctype = enctype
        self._profile = profile = _PROFILES.get(enctype) or profile_of(enctype)
        if len(material) != profile.key_size:
            raise GSSError(
                f"a key of the encryption type {enctype_name(enctype)} has {len(material)} octets; "
                f"{profile.key_size} are right"
            )
        self._material = material if type(material) is bytes else bytes(material)
        self._kept: dict[int, Any] = _NOTHING

    @property
    def checksum_type(self) -> int:
        """The number of the mandatory checksum type."""
        return self._profile.checksum_type

    @property
    def checksum_size(self) -> int:
        """Octets of the mandatory checksum, which are also the octets of E()'s integrity tag."""
        return self._profile.checksum_size

    def encrypt(self, usage: int, plaintext: bytes, entropy: Entropy) -> bytes:
        """E(): confounder, ciphertext and integrity tag."""
        if usage << 8 in self._kept:
            return self.sealer(usage).seal(entropy, b"", plaintext, b"")
        place = usage << 8 | KE
        sealer = self._take(place) or self.sealer(usage)
        ciphertext: bytes = sealer.seal(entropy, b"", plaintext, b"")
        self._kept[place] = sealer
        return ciphertext

    def decrypt(self, usage: int, ciphertext: bytes) -> bytes:
        """D(). BadMICError if the ciphertext was altered or belongs to another key or usage."""
        if usage << 8 in self._kept:
            return self.opener(usage).open(ciphertext, 0, 0)[0]
        place = usage << 8 | KI
        opener = self._take(place) or self.opener(usage)
        plaintext: bytes = opener.open(ciphertext, 0, 0)[0]
        self._kept[place] = opener
        return plaintext

    def expect(self, first: int, second: int) -> None:
        """Derive what encryption or decryption for two usages will need, at once: half the work of one by one.

        Each is for one sealer, opener or message; behind that nothing is left of it, and the key is bare again.
        """
        ke1, ki1, ke2, ki2 = self._profile.derive(self._material, *sealing_constants(first, second))
        self._kept = {first << 8: (ke1, ki1), second << 8: (ke2, ki2)}

    def _sealing_keys(self, usage: int) -> Sequence[bytes]:
        """Ke and Ki."""
        kept = self._kept
        expected: Sequence[bytes] | None = kept.pop(usage << 8, None) if kept else None
        if expected is None:
            return self._profile.derive(self._material, *sealing_constants(usage))
        if not kept:
            self._kept = {}  # an emptied dict holds on to its memory, for as long as a context lives
        return expected

    def _take(self, place: int) -> Any:
        """What an earlier call left: taken out while it is in use, put back if nothing was raised.

        So no two threads ever hold the same one, without a lock.
        """
        if self._kept is _NOTHING:
            self._kept = {}
        return self._kept.pop(place, None)

    def checksum(self, usage: int, data: bytes) -> bytes:
        """get_mic() with the mandatory checksum type."""
        place = usage << 8 | KC
        mac = self._take(place) or self._profile.checksum_mac(self._material, usage)
        self._kept[place] = mac
        mac = mac.copy()
        mac.update(data)
        tag: bytes = mac.finalize()[: self._profile.checksum_size]
        return tag

    def verify_checksum(self, usage: int, data: bytes, checksum: bytes) -> None:
        """BadMICError unless `checksum` is that of `data`."""
        if not hmac.compare_digest(self.checksum(usage, data), checksum):
            raise BadMICError("the checksum does not belong to the data")

    def prf(self, octets: bytes) -> bytes:
        """pseudo-random(): 16, 32 or 48 octets, as the encryption type has it."""
        return self._profile.prf(self._material, octets)

    def sealer(self, usage: int) -> Sealer:
        """An object that encrypts message after message; it belongs to the caller, who locks it."""
        ke, ki = self._sealing_keys(usage)
        return self._profile.sealer(ke, ki)

    def opener(self, usage: int) -> Opener:
        """An object that decrypts message after message; it belongs to the caller, who locks it."""
        ke, ki = self._sealing_keys(usage)
        return self._profile.opener(ke, ki)

    def checksum_mac(self, usage: int) -> Mac:
        """The MAC whose first `checksum_size` octets are the checksum. To be copied, never updated."""
        return self._profile.checksum_mac(self._material, usage)

    def bare(self) -> Key:
        """The same key without what earlier calls left with it: what a context of many thousands holds."""
        return Key(self.enctype, self._material) if self._kept else self

    def dangerous_material(self) -> bytes:
        """The key's octets."""
        return self._material

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        return self.enctype == other.enctype and hmac.compare_digest(self._material, other._material)

    def __hash__(self) -> int:
        return hash((self.enctype, self._material))

    def __repr__(self) -> str:
        return f"<Key {enctype_name(self.enctype)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled: its octets would lie about in clear")


def random_key(enctype: int, entropy: Entropy) -> Key:
    """RFC 3961 §3, random-to-key over fresh octets."""
    return Key(enctype, entropy(profile_of(enctype).key_size))


def string_to_key(
    enctype: int,
    password: bytes,
    salt: bytes,
    params: bytes | None = None,
    *,
    minimum_iterations: int = MINIMUM_ITERATIONS,
) -> Key:
    """RFC 3961 §3: the key of a password. `params` is s2kparams as the KDC sent them, None for the default.

    OperationUnavailableError if the parameters ask for fewer iterations than `minimum_iterations` or for absurdly many.
    """
    return Key(enctype, profile_of(enctype).string_to_key(password, salt, params, minimum_iterations))


def fx_cf2(key1: Key, key2: Key, pepper1: bytes, pepper2: bytes, enctype: int | None = None) -> Key:
    """RFC 6113 §5.1, KRB-FX-CF2: one key out of two; of the first one's encryption type if none is named."""
    enctype = key1.enctype if enctype is None else enctype
    size = profile_of(enctype).key_size
    left, right = _prf_plus(key1, pepper1, size), _prf_plus(key2, pepper2, size)
    return Key(enctype, bytes(a ^ b for a, b in zip(left, right, strict=True)))


def _prf_plus(key: Key, pepper: bytes, size: int) -> bytes:
    output = b""
    for n in range(1, 256):
        output += key.prf(bytes((n,)) + pepper)
        if len(output) >= size:
            break
    return output[:size]
