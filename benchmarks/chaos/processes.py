"""`Door`, `Sync`, `Broker`: the processes of a run, which can be killed and started again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from benchmarks.chaos.world import now, seconds

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 60.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Program:
    """A process that is started again after it was killed.

    Attributes:
        started, killed: when.
        failures: what it did wrong: it ended by itself, or not when it was asked to.
    """

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name = name
        self._command, self._log = command, log
        self._process: subprocess.Popen[bytes] | None = None
        self.started: list[datetime] = []
        self.killed: list[datetime] = []
        self.failures: list[str] = []

    def start(self) -> None:
        """Start it."""
        self.started.append(now())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def check(self) -> None:
        """Note that it has ended by itself, and start it again."""
        if self._process is not None and self._process.poll() is not None:
            self.failures.append(f"{self.name} ended by itself, status {self._process.returncode}")
            self.killed.append(now())
            self.start()

    def kill(self) -> None:
        """Kill it, and start it again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(STOP_S)
            self.killed.append(now())
        self.start()

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            status = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait(STOP_S)
        # A process that has not begun yet has no handler: the signal itself ends it.
        young = status == -signal.SIGTERM and now() - self.started[-1] < seconds(STOP_S)
        if status and not young:
            self.failures.append(f"{self.name} was asked to end, status {status}")
        self._process = None
        self.killed.append(now())

    def rss_bytes(self) -> int | None:
        """Its resident memory; None while it does not run."""
        if self._process is not None:
            with contextlib.suppress(OSError, IndexError):
                text = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii")
                return int(text.split()[1]) * PAGE_BYTES
        return None


class Door(Program):
    """The process of a door; each life has its own random numbers.

    Attributes:
        rss: samples of each life: seconds since its start, bytes.
    """

    def __init__(self, home: Path, door: str, seed: int) -> None:
        self._arguments = [sys.executable, "-m", "benchmarks.chaos.door", str(home), door]
        self._seed = seed
        super().__init__(door, [], home / f"{door}.log")
        self.rss: list[list[tuple[float, int]]] = []

    def start(self) -> None:
        """Start it."""
        self._seed += 1
        self._command = [*self._arguments, str(self._seed)]
        self.rss.append([])
        super().start()

    def sample(self) -> None:
        """Note how much memory it has now."""
        found = self.rss_bytes()
        if found:
            self.rss[-1].append(((now() - self.started[-1]).total_seconds(), found))


def sync_program(home: Path) -> Program:
    """`doorward sync` of a home."""
    command = [sys.executable, "-m", "models.cli.app", "--home", str(home), "sync"]
    return Program("sync", command, home / "sync.log")


def find_mosquitto() -> str | None:
    """The broker's program; None where it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Broker(Program):
    """A mosquitto that keeps over a restart what it holds for its subscribers."""

    def __init__(self, program: str, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        config = folder / "mosquitto.conf"
        user = f"user {'root' if os.geteuid() == 0 else 'mosquitto'}\n"
        config.write_text(
            f"{user}listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
            f"persistence true\npersistence_location {folder}/\n",
            encoding="utf-8",
        )
        super().__init__("mosquitto", [program, "-c", str(config)], folder / "log")

    def start(self) -> None:
        """Start it; on return it listens."""
        super().start()
        ends_s = time.monotonic() + STOP_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if time.monotonic() > ends_s:
                raise TimeoutError("the broker does not listen")
            time.sleep(0.05)
