"""What a worker does with messages: the built-in `echo`, or a function of yours.

A handler is a function of two arguments that returns bytes:

    def handler(message: bytes, peer: Peer) -> bytes: ...

`message` is what the client wrapped, opened; `peer` says who sent it; the returned bytes go back
to the client, protected as the question was. It runs in a worker, one call at a time in each, so
it should not wait for long. An exception closes the client's connection and nothing else.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from puregss.acceptor.peer import Peer

Handler = Callable[[bytes, Peer], bytes]


def echo(message: bytes, peer: Peer) -> bytes:
    """The message itself."""
    return message


BUILT_IN: dict[str, Handler] = {"echo": echo}


def load_handler(text: str) -> Handler:
    """The handler called `text`: a built-in name or `module:function`.

    ValueError with one sentence where there is no such handler; what the module itself raises while
    it is imported is told in that sentence.
    """
    if text in BUILT_IN:
        return BUILT_IN[text]
    module_name, colon, attribute = text.partition(":")
    if not (module_name and colon and attribute):
        raise ValueError(f"{text!r} is no handler: give {', '.join(BUILT_IN)} or module:function")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise ValueError(
            f"the handler's module {module_name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    handler: Any = module
    for part in attribute.split("."):
        handler = getattr(handler, part, None)
    if not callable(handler):
        raise ValueError(f"the module {module_name!r} has no function {attribute!r}")
    found: Handler = handler
    return found
