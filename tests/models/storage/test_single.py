"""One process at a time: refused while another holds the lock, free again when that one is gone."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import AlreadyRunningError, ConfigError
from models.storage.single import single_run_lock

HOLD = """
import sys, time
from pathlib import Path
from models.storage.single import single_run_lock
with single_run_lock(Path(sys.argv[1]), "mine"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_refused_with_the_message_and_the_first_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "home" / "door.lock"
    with single_run_lock(path, "first"):
        with (
            pytest.raises(AlreadyRunningError, match="stop the other one"),
            single_run_lock(path, "stop the other one"),
        ):
            pytest.fail("the lock is held twice")
        with single_run_lock(tmp_path / "other.lock", "another file is another lock"):
            pass
    with single_run_lock(path, "free again"):
        assert path.exists()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "door.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunningError), single_run_lock(path, "held by a process"):
            pytest.fail("two processes hold the lock")
        holder.send_signal(signal.SIGKILL)
        holder.wait(timeout=10)
    with single_run_lock(path, "free again"):
        assert path.exists()


def test_a_lock_file_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match=r"file/door\.lock.*owner"),
        single_run_lock(tmp_path / "file" / "door.lock", "unused"),
    ):
        pytest.fail("there is no such folder")
