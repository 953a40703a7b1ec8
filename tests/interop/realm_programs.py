"""Other people's programs inside an embedded realm, unmodified: environment and nothing else leads them there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from puregss.realm import Realm
from tests.peers import HEIMDAL_PROGRAMS, program

PASSWORD = "alice's password"


def environment(realm: Realm, **more: str) -> dict[str, str]:
    """The realm's variables over this process's, and no other of Kerberos."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KRB5")}
    return plain | realm.environment() | {"LC_ALL": "C.UTF-8", "TZ": "UTC"} | more


def attempt(realm: Realm, *command: str, input: str = "") -> subprocess.CompletedProcess[str]:
    """Run one of MIT's programs."""
    path = program(command[0])
    assert path is not None
    return _run([path, *command[1:]], environment(realm), input)


def attempt_heimdal(realm: Realm, *command: str) -> subprocess.CompletedProcess[str]:
    """Run one of Heimdal's programs."""
    library = next((HEIMDAL_PROGRAMS / "lib").glob("*-linux-gnu*"))
    path = str(HEIMDAL_PROGRAMS / "bin" / command[0])
    return _run([path, *command[1:]], environment(realm, LD_LIBRARY_PATH=str(library)), "")


def _run(command: Sequence[str], env: dict[str, str], input: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, input=input, capture_output=True, text=True, timeout=30, check=False)


def run(realm: Realm, *command: str, input: str = "") -> str:
    """The output of one of MIT's programs that must succeed."""
    done = attempt(realm, *command, input=input)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def log_in(realm: Realm, *options: str) -> None:
    """MIT's kinit as alice."""
    run(realm, "kinit", *options, "alice", input=f"{PASSWORD}\n")


def password_file(realm: Realm, password: str = PASSWORD) -> Path:
    """What Heimdal's kinit reads the password from."""
    path = realm.directory / "password"
    path.write_text(f"{password}\n")
    return path
