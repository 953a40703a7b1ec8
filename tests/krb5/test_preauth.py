"""Salts, recipes and encrypted timestamps."""

from __future__ import annotations

import os

import pytest

from puregss.base.errors import MissingCredentialsError, OperationUnavailableError
from puregss.kcrypto.key import Key, string_to_key
from puregss.krb5.memory import MemoryKeys
from puregss.krb5.messages.fields import DerEncryptedData, decode_encrypted_data
from puregss.krb5.messages.padata import (
    EtypeInfo2Entry,
    PaData,
    PaDataType,
    decode_pa_enc_ts_enc,
    encode_etype_info,
    encode_etype_info2,
)
from puregss.krb5.ports import ServiceKey
from puregss.krb5.preauth import ClientKeys, Hints, Password, default_salt, preauthenticate, read_hints
from puregss.krb5.principal import Principal
from puregss.wire.der import decode

ALICE = Principal(("alice", "admin"), "EXAMPLE.TEST")
RECIPES = (EtypeInfo2Entry(18, b"salt", b"\0\0\x20\0"), EtypeInfo2Entry(17))


def test_default_salt() -> None:
    assert default_salt(ALICE) == b"EXAMPLE.TESTaliceadmin"


def test_hints_prefer_the_newer_form() -> None:
    hints = read_hints(
        (
            PaData(PaDataType.ETYPE_INFO, encode_etype_info((EtypeInfo2Entry(23, b"old"),))),
            PaData(PaDataType.ETYPE_INFO2, encode_etype_info2(RECIPES)),
            PaData(PaDataType.ENC_TIMESTAMP, b""),
            PaData(PaDataType.FX_COOKIE, b"cookie"),
        )
    )
    assert hints.recipes == RECIPES
    assert hints.cookie == PaData(PaDataType.FX_COOKIE, b"cookie")
    assert hints.recipe(18, ALICE) == RECIPES[0]
    assert hints.recipe(17, ALICE).salt == default_salt(ALICE), "no salt said: the default one"
    assert hints.recipe(20, ALICE) == EtypeInfo2Entry(20, default_salt(ALICE))


def test_older_hints() -> None:
    older = read_hints((PaData(PaDataType.ETYPE_INFO, encode_etype_info((EtypeInfo2Entry(18, b"old"),))),))
    assert older.recipe(18, ALICE).salt == b"old"
    oldest = read_hints((PaData(PaDataType.PW_SALT, b"oldest"),))
    assert oldest.recipe(18, ALICE).salt == b"oldest"


def test_the_timestamp_can_be_opened() -> None:
    hints = Hints((PaDataType.ENC_TIMESTAMP,), RECIPES, None, PaData(PaDataType.FX_COOKIE, b"cookie"))
    cookie, sent = preauthenticate(hints, ALICE, Password("secret"), (17, 18), 1000.25, os.urandom)
    assert cookie.padata_value == b"cookie"
    sealed = decode_encrypted_data(decode(DerEncryptedData, sent.padata_value))
    assert sealed.etype == 18, "the KDC's order decides"
    key = string_to_key(18, b"secret", b"salt", b"\0\0\x20\0")
    assert decode_pa_enc_ts_enc(key.decrypt(1, sealed.cipher)) == (1000, 250000)


def test_no_enctype_in_common() -> None:
    hints = Hints((PaDataType.ENC_TIMESTAMP,), (EtypeInfo2Entry(23), EtypeInfo2Entry(3)))
    with pytest.raises(OperationUnavailableError, match=r"only keys of rc4-hmac \(23\), des-cbc-md5 \(3\)"):
        preauthenticate(hints, ALICE, Password("secret"), (17, 18), 0, os.urandom)


def test_a_hostile_number_of_iterations_is_refused() -> None:
    hints = Hints((PaDataType.ENC_TIMESTAMP,), (EtypeInfo2Entry(18, b"salt", b"\xff\xff\xff\xff"),))
    with pytest.raises(OperationUnavailableError, match="iterations"):
        preauthenticate(hints, ALICE, Password("secret"), (18,), 0, os.urandom)


def test_keys_of_a_keytab() -> None:
    old, new = Key(18, bytes(32)), Key(18, bytes(range(32)))
    source = MemoryKeys([ServiceKey(ALICE, 1, old), ServiceKey(ALICE, 2, new)])
    keys = ClientKeys(source, ALICE)
    assert list(keys.enctypes()) == [18]
    assert keys.key(EtypeInfo2Entry(18), None) == new
    assert keys.key(EtypeInfo2Entry(18), 1) == old
    assert keys.key(EtypeInfo2Entry(18), 7) == new, "a KDC may count key versions in its own way"
    with pytest.raises(MissingCredentialsError, match="aes128-cts-hmac-sha1-96"):
        keys.key(EtypeInfo2Entry(17), None)


def test_a_password_with_half_a_surrogate_pair_is_a_wrong_one() -> None:
    """Python's own complaint about it carries the whole password into whatever logs it."""
    recipe = EtypeInfo2Entry(18, b"salt", (4096).to_bytes(4))
    assert Password("secret\ud800").key(recipe, None) != Password("secret").key(recipe, None)
