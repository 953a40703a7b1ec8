"""`puregss realm`."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from puregss.cli.realm import realm
from puregss.krb5.ccache import decode_ccache
from puregss.krb5.keytab import decode_keytab

SHOW = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('KRB5')}))"
IN_A_PROCESS = "from puregss.cli.realm import realm; realm()"
KEEP = """
import os, shutil, sys
for name in ("KRB5_CONFIG", "KRB5CCNAME", "KRB5_KTNAME"):
    source = os.environ[name].removeprefix("FILE:")
    if os.path.exists(source):
        shutil.copy(source, os.path.join(sys.argv[1], name))
"""


def run(
    *arguments: str, input: str | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", IN_A_PROCESS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, input=input, env=env)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(realm, arguments)


def test_a_command_finds_the_realm_and_the_realm_goes_with_it() -> None:
    result = run("--realm", "SHOP.TEST", "--", sys.executable, "-c", SHOW)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    shown = json.loads(result.stdout)
    assert {"KRB5_CONFIG", "KRB5CCNAME", "KRB5_KTNAME", "KRB5RCACHEDIR"} <= shown.keys()
    assert not Path(shown["KRB5_CONFIG"]).exists()
    assert not Path(shown["KRB5RCACHEDIR"]).exists()


def test_the_first_user_is_logged_in_and_services_are_in_the_keytab(tmp_path: Path) -> None:
    arguments = ["--user", "alice:secret", "--user", "bob:x:y", "--service", "HTTP/a.test", "--service", "imap/a.test"]
    result = run(*arguments, "--", sys.executable, "-c", KEEP, str(tmp_path))
    assert result.returncode == 0, result.stderr
    cache = decode_ccache((tmp_path / "KRB5CCNAME").read_bytes())
    assert str(cache.default_principal) == "alice@EXAMPLE.TEST"
    assert [str(ticket.server) for ticket in cache.tickets] == ["krbtgt/EXAMPLE.TEST@EXAMPLE.TEST"]
    keys = decode_keytab((tmp_path / "KRB5_KTNAME").read_bytes())
    assert [str(key.principal) for key in keys] == ["HTTP/a.test@EXAMPLE.TEST", "imap/a.test@EXAMPLE.TEST"]
    assert "a.test = EXAMPLE.TEST" in (tmp_path / "KRB5_CONFIG").read_text()


def test_enctypes(tmp_path: Path) -> None:
    arguments = ["--enctype", "aes128-cts-hmac-sha256-128", "--enctype", "aes256-sha1", "--user", "u"]
    assert run(*arguments, "--", sys.executable, "-c", KEEP, str(tmp_path)).returncode == 0
    assert [key.key_type for key in decode_keytab((tmp_path / "KRB5_KTNAME").read_bytes())] == [19, 18]
    refused = invoke("--enctype", "rc4-hmac", "--", "true")
    assert refused.exit_code == 2
    assert "aes256-cts-hmac-sha1-96" in refused.output


def test_a_shell_without_a_command() -> None:
    environment = {**os.environ, "SHELL": "/bin/sh"}
    result = run("--user", "alice:a", "--user", "bob:b", input="echo $KRB5_CONFIG; exit 3\n", env=environment)
    assert result.returncode == 3
    assert result.stdout.strip().endswith("krb5.conf")
    assert "You are alice. Also there: bob." in result.stderr
    assert re.search(r"port [1-9]\d*", result.stderr)
    assert "secret" not in result.stderr


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["false"], 1),
        (["sh", "-c", "exit 42"], 42),
        (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM),
        (["/nowhere/to/be/found"], 127),
        (["/"], 126),
    ],
)
def test_the_exit_status_is_the_commands(command: list[str], status: int) -> None:
    assert invoke("--", *command).exit_code == status


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        result = invoke("--port", str(port), "--", "true")
    assert result.exit_code == 1
    assert result.output.strip() == (
        f"Error: port {port} of 127.0.0.1 is in use by another program; leave the port out to get a free one"
    )


def test_a_name_twice_is_one_sentence() -> None:
    result = invoke("--user", "a", "--user", "a", "--", "true")
    assert result.exit_code == 1
    assert result.output.strip() == "Error: a@EXAMPLE.TEST is in the realm already"


def test_a_realm_told_to_go_takes_its_command_and_its_folder_along() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", IN_A_PROCESS, "--", "sh", "-c", "echo $KRB5_CONFIG; exec sleep 20"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    configuration = Path(process.stdout.readline().strip())
    assert configuration.exists()
    time.sleep(0.1)
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM
    assert not configuration.parent.exists()


def test_an_interrupt_is_for_the_command() -> None:
    """Ctrl-C reaches the whole group: the command decides, and the realm is there until it has."""
    script = "import signal, time\ntry:\n    print('ready', flush=True); time.sleep(20)\nexcept KeyboardInterrupt:\n"
    script += "    time.sleep(0.1); print('tidied up', flush=True); raise SystemExit(5)"
    process = subprocess.Popen(
        [sys.executable, "-c", IN_A_PROCESS, "--", sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=10)
    assert (output, errors, process.returncode) == ("tidied up\n", "", 5)
