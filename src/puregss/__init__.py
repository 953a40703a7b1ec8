"""A complete GSS-API (RFC 2743) with Kerberos 5 in Python, whose security contexts move between processes.

A name is fetched when it is first used, so that whoever needs one corner of the package (a worker, a
pytest plugin) does not load the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from puregss.base import installed as _installed
from puregss.system import fork as _fork  # noqa: F401  # from here on a forked child has no contexts

if TYPE_CHECKING:
    from puregss.base.bindings import ChannelBindings
    from puregss.base.errors import (
        BadChannelBindingsError,
        BadMechanismAttributeError,
        BadMechanismError,
        BadMICError,
        BadNameError,
        BadNameTypeError,
        BadQoPError,
        BadStatusError,
        DuplicateCredentialsElementError,
        DuplicateTokenError,
        ExpiredContextError,
        ExpiredCredentialsError,
        ExpiredTokenError,
        GSSError,
        InvalidCredentialsError,
        InvalidTokenError,
        MechanismNameRequiredError,
        MissingContextError,
        MissingCredentialsError,
        OperationUnavailableError,
        SupplementaryError,
        TokenTooEarlyError,
        TokenTooLateError,
        UnauthorizedError,
    )
    from puregss.base.flags import RequirementFlag
    from puregss.base.iov import IOVBufferType
    from puregss.base.names import MechType, NameType
    from puregss.base.oid import OID
    from puregss.gss.context import SecurityContext
    from puregss.gss.credentials import Credentials, InquireCredByMechResult, InquireCredResult, StoreCredResult
    from puregss.gss.display import display_major, display_minor
    from puregss.gss.initial import (
        acquire_with_keytab,
        acquire_with_keytab_async,
        acquire_with_password,
        acquire_with_password_async,
    )
    from puregss.gss.inquiry import InquireContextResult
    from puregss.gss.mechanisms import (
        MechAttribute,
        MechAttributes,
        display_mech_attr,
        indicate_mechs,
        indicate_mechs_by_attrs,
        inquire_attrs_for_mech,
        inquire_mechs_for_name_type,
        inquire_names_for_mech,
    )
    from puregss.gss.messages import IOVResult, PrfKey, UnwrapResult, WrapResult
    from puregss.gss.name import Name
    from puregss.gss.transfer import import_context, import_context_async, reclaim_context
    from puregss.gss.world import World
    from puregss.krb5.kdc_exchange import TicketOptions
    from puregss.krb5.name_attributes import NameAttribute
    from puregss.krb5.ports import ReplayCache
    from puregss.system.domains import TransferDomain
    from puregss.system.world import SystemWorld

__all__ = [
    "OID",
    "BadChannelBindingsError",
    "BadMICError",
    "BadMechanismAttributeError",
    "BadMechanismError",
    "BadNameError",
    "BadNameTypeError",
    "BadQoPError",
    "BadStatusError",
    "ChannelBindings",
    "Credentials",
    "DuplicateCredentialsElementError",
    "DuplicateTokenError",
    "ExpiredContextError",
    "ExpiredCredentialsError",
    "ExpiredTokenError",
    "GSSError",
    "IOVBufferType",
    "IOVResult",
    "InquireContextResult",
    "InquireCredByMechResult",
    "InquireCredResult",
    "InvalidCredentialsError",
    "InvalidTokenError",
    "MechAttribute",
    "MechAttributes",
    "MechType",
    "MechanismNameRequiredError",
    "MissingContextError",
    "MissingCredentialsError",
    "Name",
    "NameAttribute",
    "NameType",
    "OperationUnavailableError",
    "PrfKey",
    "ReplayCache",
    "RequirementFlag",
    "SecurityContext",
    "StoreCredResult",
    "SupplementaryError",
    "SystemWorld",
    "TicketOptions",
    "TokenTooEarlyError",
    "TokenTooLateError",
    "TransferDomain",
    "UnauthorizedError",
    "UnwrapResult",
    "World",
    "WrapResult",
    "acquire_with_keytab",
    "acquire_with_keytab_async",
    "acquire_with_password",
    "acquire_with_password_async",
    "display_major",
    "display_mech_attr",
    "display_minor",
    "import_context",
    "import_context_async",
    "indicate_mechs",
    "indicate_mechs_by_attrs",
    "inquire_attrs_for_mech",
    "inquire_mechs_for_name_type",
    "inquire_names_for_mech",
    "reclaim_context",
]

_HOMES = {
    "BadChannelBindingsError": "base.errors",
    "BadMICError": "base.errors",
    "BadMechanismAttributeError": "base.errors",
    "BadMechanismError": "base.errors",
    "BadNameError": "base.errors",
    "BadNameTypeError": "base.errors",
    "BadQoPError": "base.errors",
    "BadStatusError": "base.errors",
    "ChannelBindings": "base.bindings",
    "Credentials": "gss.credentials",
    "DuplicateCredentialsElementError": "base.errors",
    "DuplicateTokenError": "base.errors",
    "ExpiredContextError": "base.errors",
    "ExpiredCredentialsError": "base.errors",
    "ExpiredTokenError": "base.errors",
    "GSSError": "base.errors",
    "IOVBufferType": "base.iov",
    "IOVResult": "gss.messages",
    "InquireContextResult": "gss.inquiry",
    "InquireCredByMechResult": "gss.credentials",
    "InquireCredResult": "gss.credentials",
    "InvalidCredentialsError": "base.errors",
    "InvalidTokenError": "base.errors",
    "MechAttribute": "gss.mechanisms",
    "MechAttributes": "gss.mechanisms",
    "MechType": "base.names",
    "MechanismNameRequiredError": "base.errors",
    "MissingContextError": "base.errors",
    "MissingCredentialsError": "base.errors",
    "Name": "gss.name",
    "NameAttribute": "krb5.name_attributes",
    "NameType": "base.names",
    "OID": "base.oid",
    "OperationUnavailableError": "base.errors",
    "PrfKey": "gss.messages",
    "ReplayCache": "krb5.ports",
    "RequirementFlag": "base.flags",
    "SecurityContext": "gss.context",
    "StoreCredResult": "gss.credentials",
    "SupplementaryError": "base.errors",
    "SystemWorld": "system.world",
    "TicketOptions": "krb5.kdc_exchange",
    "TokenTooEarlyError": "base.errors",
    "TokenTooLateError": "base.errors",
    "TransferDomain": "system.domains",
    "UnauthorizedError": "base.errors",
    "UnwrapResult": "gss.messages",
    "World": "gss.world",
    "WrapResult": "gss.messages",
    "acquire_with_keytab": "gss.initial",
    "acquire_with_keytab_async": "gss.initial",
    "acquire_with_password": "gss.initial",
    "acquire_with_password_async": "gss.initial",
    "display_major": "gss.display",
    "display_mech_attr": "gss.mechanisms",
    "display_minor": "gss.display",
    "import_context": "gss.transfer",
    "import_context_async": "gss.transfer",
    "indicate_mechs": "gss.mechanisms",
    "indicate_mechs_by_attrs": "gss.mechanisms",
    "inquire_attrs_for_mech": "gss.mechanisms",
    "inquire_mechs_for_name_type": "gss.mechanisms",
    "inquire_names_for_mech": "gss.mechanisms",
    "reclaim_context": "gss.transfer",
}


def _make_world() -> Any:
    return import_module("puregss.system.world").SystemWorld()


_installed.make_world = _make_world


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
