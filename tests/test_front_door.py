"""The public names: all there, all lazily fetched, and none loaded by importing the package alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

import puregss


@pytest.mark.parametrize("name", puregss.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(puregss, name).__module__.startswith("puregss.")
    assert name in dir(puregss)


def test_all_is_what_has_a_home() -> None:
    assert set(puregss.__all__) == set(puregss._HOMES)


def test_nothing_else_is() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = puregss.nonsense


def test_importing_the_package_loads_no_floor() -> None:
    program = "import puregss, sys; print(*(m for m in sys.modules if m.split('.')[0] in ('puregss', 'cryptography')))"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert "cryptography" not in loaded
    assert not [name for name in loaded if name.startswith(("puregss.gss", "puregss.krb5", "puregss.transfer"))]


def test_using_it_loads_no_event_loop() -> None:
    program = "import sys; from puregss import *; print('asyncio' in sys.modules, 'dns' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]
