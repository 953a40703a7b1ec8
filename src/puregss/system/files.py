"""Which keytab and which credential cache are meant, and how their files are read and written."""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import stat
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from puregss.base.errors import MissingCredentialsError
from puregss.system.config import Krb5Config

DEFAULT_KEYTAB: Final = "FILE:/etc/krb5.keytab"
DEFAULT_CLIENT_KEYTAB: Final = "FILE:/var/lib/krb5/user/%{euid}/client.keytab"
DEFAULT_CCACHE: Final = "FILE:/tmp/krb5cc_%{uid}"
_LARGEST: Final = 16 << 20
_TYPE: Final = re.compile(r"([A-Za-z][A-Za-z0-9]+):(.*)", re.DOTALL)
_TOKEN: Final = re.compile(r"%\{(\w+)\}")
_ELSEWHERE: Final = {
    "KEYRING": "in the kernel",
    "KCM": "by the daemon kcm or sssd-kcm",
    "API": "by the system's credential service",
    "MSLSA": "by Windows",
    "MEMORY": "in another program's memory",
}


class Stamp(NamedTuple):
    """What tells one state of a file from the next."""

    device: int
    inode: int
    size: int
    changed: int


def keytab_name(config: Krb5Config, environ: Mapping[str, str] = os.environ) -> str:
    """The default keytab of acceptors: KRB5_KTNAME, default_keytab_name, /etc/krb5.keytab."""
    return environ.get("KRB5_KTNAME") or config.setting("default_keytab_name") or DEFAULT_KEYTAB


def client_keytab_name(config: Krb5Config, environ: Mapping[str, str] = os.environ) -> str:
    """The default keytab of initiators: KRB5_CLIENT_KTNAME, default_client_keytab_name, the user's own."""
    return environ.get("KRB5_CLIENT_KTNAME") or config.setting("default_client_keytab_name") or DEFAULT_CLIENT_KEYTAB


def ccache_name(config: Krb5Config, environ: Mapping[str, str] = os.environ) -> str:
    """The default credential cache: KRB5CCNAME, default_ccache_name, /tmp/krb5cc_UID."""
    return environ.get("KRB5CCNAME") or config.setting("default_ccache_name") or DEFAULT_CCACHE


def expand(name: str) -> str:
    """The tokens MIT allows in names: %{uid}, %{euid}, %{username}, %{TEMP}, %{null}. Unknown ones are an error."""

    def replacement(match: re.Match[str]) -> str:
        match match[1].lower():
            case "uid" | "userid":
                return str(os.getuid())
            case "euid":
                return str(os.geteuid())
            case "username":
                return _user_name()
            case "temp":
                return os.environ.get("TMPDIR") or "/tmp"
            case "null":
                return ""
        raise MissingCredentialsError(f"{name!r} holds {match[0]}, which puregss cannot fill in: write the path out")

    return _TOKEN.sub(replacement, name)


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def keytab_path(name: str) -> Path:
    """The file of a keytab name. MissingCredentialsError for types that are not files."""
    kind, residual = _split(name)
    if kind not in ("FILE", "WRFILE"):
        raise MissingCredentialsError(f"the keytab {name} is of the type {kind}; puregss reads files: FILE:/path")
    return Path(residual)


def ccache_path(name: str) -> Path:
    """The file of a cache name: of the types FILE and DIR. MissingCredentialsError for caches kept elsewhere."""
    kind, residual = _split(name)
    if kind == "FILE":
        return Path(residual)
    if kind == "DIR":
        return _primary(residual)
    where = _ELSEWHERE.get(kind, "in a way puregss does not know")
    raise MissingCredentialsError(
        f"the credential cache {name} is kept {where}; puregss reads FILE and DIR caches: "
        f"run KRB5CCNAME=FILE:/tmp/krb5cc_{os.getuid()} kinit, and set KRB5CCNAME to the same"
    )


def _split(name: str) -> tuple[str, str]:
    expanded = expand(name)
    match = _TYPE.fullmatch(expanded)
    return (match[1].upper(), match[2]) if match else ("FILE", expanded)


def _primary(residual: str) -> Path:
    """The cache a collection in a directory stands for: `:path` names it, else the file `primary` does."""
    if residual.startswith(":"):
        return Path(residual[1:])
    folder = Path(residual)
    name = "tkt"
    if stamp_of(folder / "primary") is not None:
        octets = read_file(folder / "primary", "the name of the primary credential cache in", "run kinit again")
        name = octets.decode("utf-8", "surrogateescape").strip()
    if not name.startswith("tkt") or "/" in name:
        raise MissingCredentialsError(f"{folder / 'primary'} does not name a credential cache: run kinit again")
    return folder / name


def stamp_of(path: Path | str) -> Stamp | None:
    """None where there is no such file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # a NUL in the name
        return None
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting: a fifo put in the file's place has no writer."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def read_file(path: Path, what: str, advice: str) -> bytes:
    """The whole of a regular file. MissingCredentialsError that says what is wrong with `what` and gives `advice`."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise MissingCredentialsError(f"{what} {path} is no file: {advice}")
            lock(file.fileno(), fcntl.F_RDLCK)
            octets = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise MissingCredentialsError(f"{what} {path} does not exist: {advice}") from None
    except PermissionError:
        raise MissingCredentialsError(f"{what} {path} may not be read by the user {_user_name()}: {advice}") from None
    except (OSError, ValueError) as error:
        reason = str(error.strerror).lower() if isinstance(error, OSError) else "its name holds a NUL"
        raise MissingCredentialsError(f"{what} {path} cannot be read ({reason}): {advice}") from None
    if len(octets) > _LARGEST:
        raise MissingCredentialsError(f"{what} {path} is larger than {_LARGEST >> 20} MiB, which none is: {advice}")
    return octets


def lock(descriptor: int, kind: int) -> None:
    """Wait for the lock other Kerberos programs take on keytabs and caches; it goes when the file is closed.

    A lock of the open file, not of the process: closing another descriptor of the file does not drop it.
    """
    flock = struct.pack("@hhqqi0q", kind, os.SEEK_SET, 0, 0, 0)
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, flock)


def write_file(path: Path, octets: bytes, what: str) -> None:
    """Replace a file in one step, readable by its owner alone. MissingCredentialsError if that is not possible."""
    # A name nobody can foresee, made by us or not at all: nothing put there before is written to.
    temporary = path.parent / f".{path.name}.{os.urandom(8).hex()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(octets)
        os.replace(temporary, path)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            temporary.unlink()
        reason = error.strerror if isinstance(error, OSError) else "its name holds a NUL"
        raise MissingCredentialsError(
            f"{what} {path} cannot be written ({reason}): check the folder's rights and the space left"
        ) from None
