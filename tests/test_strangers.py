"""A test that needs a stranger is skipped aloud where it is missing, and fails where everything must be tried."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent

CONFTEST = """
from tests import peers
peers._CHECKS["krb5kdc"] = lambda: False
from tests.conftest import *
"""
TESTS = """
import pytest

@pytest.mark.requires("krb5kdc")
def test_with_a_stranger(): pass

def test_alone(): pass
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    return tmp_path


def run(suite: Path, ci: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(suite)],
        env=os.environ | {"CI": ci, "PYTHONPATH": str(TOP)},
        cwd=suite,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_at_home_the_last_lines_say_what_did_not_run(suite: Path) -> None:
    done = run(suite, "", "-n", "1")  # as make test runs it
    assert done.returncode == 0, done.stdout
    *_, told, file, advice, closing = [
        line for line in done.stdout.splitlines() if not line.startswith(("SKIPPED", "="))
    ]
    assert told == "1 interop tests did not run; not installed: krb5kdc"
    assert file.endswith("test_it.py: 1")
    assert "tools/peers.sh" in advice
    assert closing.startswith("1 passed, 1 skipped")


def test_in_ci_it_is_a_failure(suite: Path) -> None:
    done = run(suite, "true")
    assert done.returncode == 1
    assert "peer not installed: krb5kdc" in done.stdout
    assert "1 passed, 1 error" in done.stdout
