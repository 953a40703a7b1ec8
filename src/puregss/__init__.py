"""A complete GSS-API (RFC 2743) with Kerberos 5 in Python, whose security contexts move between processes."""

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
from puregss.gss.credentials import Credentials
from puregss.gss.messages import IOVResult, PrfKey, UnwrapResult, WrapResult
from puregss.gss.name import Name
from puregss.gss.transfer import import_context, import_context_async, reclaim_context
from puregss.gss.world import install as _install
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
    "InvalidCredentialsError",
    "InvalidTokenError",
    "MechType",
    "MechanismNameRequiredError",
    "MissingContextError",
    "MissingCredentialsError",
    "Name",
    "NameType",
    "OperationUnavailableError",
    "PrfKey",
    "RequirementFlag",
    "SecurityContext",
    "SupplementaryError",
    "SystemWorld",
    "TokenTooEarlyError",
    "TokenTooLateError",
    "TransferDomain",
    "UnauthorizedError",
    "UnwrapResult",
    "WrapResult",
    "import_context",
    "import_context_async",
    "reclaim_context",
]

_install(SystemWorld())
