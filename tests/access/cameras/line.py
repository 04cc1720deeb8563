"""A network line that can be held up and cut, between a camera's server and whoever reads it."""

import socket
import threading
from types import TracebackType

POLL_S = 0.02


class Line:
    """Forwards TCP connections to a port of this machine. Use as a context manager.

    While it is held nothing is forwarded from the server, and nothing is lost: it comes afterwards, at once.

    Args:
        port: of the server, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._open = threading.Event()
        self._open.set()
        self._gone = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(POLL_S)
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> "Line":
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gone.set()
        self._open.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def hold(self) -> None:
        """Hold up what the server sends."""
        self._open.clear()

    def release(self) -> None:
        """Forward what was held up, and all that follows."""
        self._open.set()

    def _start(self, target, *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._gone.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                client.close()
                continue
            self._start(self._forward, client, server, False)
            self._start(self._forward, server, client, True)

    def _forward(self, source: socket.socket, target: socket.socket, held: bool) -> None:
        source.settimeout(POLL_S)
        while not self._gone.is_set():
            if held and not self._open.wait(POLL_S):
                continue
            try:
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
            except TimeoutError:
                continue
            except OSError:
                break
        for end in (source, target):
            end.close()
