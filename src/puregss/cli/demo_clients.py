"""Clients of `puregss demo`, a thread each: told their tasks on stdin, they tell on stdout how they fare, in JSON."""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from typing import Any

from puregss.acceptor.client import Client
from puregss.base.errors import GSSError
from puregss.base.flags import RequirementFlag
from puregss.base.names import NameType
from puregss.gss.context import SecurityContext
from puregss.gss.credentials import Credentials
from puregss.gss.name import Name

LONGEST_MESSAGE = 4096
TELL_EVERY = 0.1
"""Seconds between two reports of one client."""

FLAGS = (
    RequirementFlag.mutual_authentication
    | RequirementFlag.replay_detection
    | RequirementFlag.out_of_sequence_detection
    | RequirementFlag.confidentiality
)


def tell(**facts: Any) -> None:
    """One line to whoever started the demo; a single write, so that threads do not mix theirs."""
    os.write(1, json.dumps(facts).encode() + b"\n")


def run(number: int, task: dict[str, Any], port: int, go: threading.Event) -> None:
    """One client: connect, authenticate, exchange messages, and say how it went."""
    try:
        credentials = Credentials(usage="initiate", store={"ccache": task["ccache"]})
        target = Name(task["service"], NameType.hostbased_service)
        context = SecurityContext(name=target, creds=credentials, flags=FLAGS, usage="initiate")
        with Client(("127.0.0.1", port), context) as client:
            tell(client=number, state="connected", address="{}:{}".format(*client.address))
            client.establish()
            tell(client=number, state="established", principal=str(context.initiator_name))
            converse(number, client, task, go)
    except ConnectionError as error:
        tell(client=number, state="cut off", detail=str(error))
    except (GSSError, OSError) as error:
        tell(client=number, state="failed", detail=str(error))
    except Exception as error:
        tell(client=number, state="failed", detail=f"{type(error).__name__}: {error}")


def converse(number: int, client: Client, task: dict[str, Any], go: threading.Event) -> None:
    octets, told = 0, 0.0
    for count in range(task["messages"]):
        if count == task["pause_at"]:
            tell(client=number, state="waiting", messages=count, octets=octets)
            go.wait()
        message = os.urandom(random.randint(1, LONGEST_MESSAGE))
        if client.ask(message) != message:
            tell(client=number, state="failed", detail=f"message {count + 1} came back changed")
            return
        octets += len(message)
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            tell(client=number, state="talking", messages=count + 1, octets=octets)
    tell(client=number, state="done", messages=task["messages"], octets=octets)


def wait_for_word(go: threading.Event) -> None:
    sys.stdin.readline()
    go.set()


def main() -> None:
    tasks = json.loads(sys.stdin.readline())
    go = threading.Event()
    threads = [
        threading.Thread(target=run, args=(task["number"], task, tasks["port"], go), daemon=True)
        for task in tasks["clients"]
    ]
    for thread in threads:
        thread.start()
    threading.Thread(target=wait_for_word, args=(go,), daemon=True).start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
