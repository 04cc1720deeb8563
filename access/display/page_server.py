"""`listen_on`, `serve`: a Flask app for the browser of this machine alone."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from waitress.server import create_server  # type: ignore[import-untyped]
from waitress.wasyncore import close_all  # type: ignore[import-untyped]

from models.errors import ConfigError

HOST = "127.0.0.1"
HOSTS = (HOST, "localhost")
"""The names under which the app answers: another site's name that was bent to this machine is none."""


@contextmanager
def listen_on(port: int, advice: str) -> Iterator[socket.socket]:
    """Take a port of this machine while inside; who connects waits until `serve` answers.

    Args:
        port: 0 takes a free one.
        advice: how to choose another port, for the error.

    Raises:
        ConfigError: the port is taken.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen()  # before it two programs could take the same port
        except OSError as error:
            raise ConfigError(f"port {port} cannot be used ({error.strerror}): {advice}") from error
        yield listener


@contextmanager
def serve(app: Flask, listener: socket.socket, *, threads: int = 4) -> Iterator[str]:
    """Serve the app to this machine alone while inside; yields its address.

    Args:
        app: whose `TRUSTED_HOSTS` are `HOSTS`.
        listener: of `listen_on`; closed at the end.
        threads: so many requests are answered at once; a stream of events takes one for itself.
    """
    channels: dict[int, Any] = {}
    server = create_server(app, map=channels, sockets=[listener], threads=threads)
    thread = threading.Thread(target=server.run, name="page-server", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        # The server's own thread must close its channels; it ends when none is left.
        server.trigger.pull_trigger(lambda: close_all(channels))
        thread.join(5.0)
        server.task_dispatcher.shutdown()
