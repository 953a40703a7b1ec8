"""What all tests share: the marker that says which stranger a test needs, and what happens where it is missing."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests import peers

_MISSING = "peer not installed: "

# Machines that run tests are slow and shared: a deadline would only measure the neighbours.
settings.register_profile("puregss", deadline=None)
settings.load_profile("puregss")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "requires(*peers): skip without these strangers (names in tests/peers.py); under CI=true that is a failure",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    needed = [peer for marker in item.iter_markers("requires") for peer in marker.args]
    missing = sorted({peer for peer in needed if not peers.present(peer)})
    if not missing:
        return
    reason = _MISSING + ", ".join(missing)
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (tools/peers.sh installs it as root on Debian)", pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and _MISSING in report.longrepr[2]
    ]
    if not skipped:
        return
    absent = sorted({report.longrepr[2].split(_MISSING)[1] for report in skipped})
    files = sorted({report.nodeid.split("::")[0] for report in skipped})
    terminalreporter.section("strangers not met", yellow=True)
    terminalreporter.line(f"{len(skipped)} interop tests did not run; not installed: {'; '.join(absent)}")
    for file in files:
        terminalreporter.line(f"  {file}: {sum(report.nodeid.split('::')[0] == file for report in skipped)}")
    terminalreporter.line("tools/peers.sh installs them as root on Debian.")
