"""The container: it builds from a bare Debian, and its kiosk watches a door as a user without rights."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.release.weights import WeightFiles
from tests.conftest import ROOT

BASE, IMAGE = "localhost/debian", "localhost/doorward"
USER = 990
BUILD_S = 900
NEEDED = ("buildah", "mmdebstrap")
PIP_CONF = "[global]\nno-index = true\nfind-links = /wheels\ndisable-pip-version-check = true\n"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * BUILD_S), pytest.mark.xdist_group("container")]


def run(*command: str | Path) -> str:
    """What a command writes to stdout; its stderr is the reason when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BUILD_S, cwd=ROOT)
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


class Buildah:
    """`buildah` with images of its own, without a daemon and without namespaces."""

    def __init__(self, folder: Path) -> None:
        self._storage = ("--root", folder / "store", "--runroot", folder / "run", "--storage-driver", "vfs")

    def command(self, name: str, *arguments: str | Path) -> list[str | Path]:
        isolation = ("--isolation", "chroot") if name in {"build", "run"} else ()
        return ["buildah", *self._storage, name, *isolation, *arguments]

    def __call__(self, name: str, *arguments: str | Path) -> str:
        return run(*self.command(name, *arguments)).strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where everything is made; removed at the end, for it is large."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    missing += [] if os.geteuid() == 0 else ["the rights of root"]
    if missing:
        if os.environ.get("DOORWARD_REQUIRE_SERVICES"):
            pytest.fail(f"DOORWARD_REQUIRE_SERVICES is set, but there is no {', no '.join(missing)}")
        pytest.skip(f"a container cannot be built here without {', '.join(missing)}")
    made = tmp_path_factory.mktemp("container")
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def buildah(folder: Path) -> Buildah:
    """With the image `IMAGE`, built by the Containerfile from a Debian of this machine's packages."""
    buildah = Buildah(folder)
    base, wheels = folder / "base", folder / "wheels"
    base.mkdir()
    run("mmdebstrap", "--variant=minbase", "--include=python3-venv", "bookworm", base / "root.tar")
    (base / "Containerfile").write_text("FROM scratch\nADD root.tar /\n")
    buildah("build", "--tag", BASE, base)
    shutil.rmtree(base)
    # Packages come from where pip is set up to take them here; the build then takes these files alone.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", wheels, *needed)
    (folder / "pip.conf").write_text(PIP_CONF)
    buildah(
        "build",
        *("--build-arg", f"BASE={BASE}"),
        *("--secret", f"id=pip,src={folder / 'pip.conf'}"),
        *("--volume", f"{wheels}:/wheels:ro"),
        *("--tag", IMAGE),
        *("--file", "deploy/Containerfile"),
        ROOT,
    )
    return buildah


@pytest.fixture(scope="module")
def container(buildah: Buildah) -> str:
    """A container of the image; copying it takes longer than any test."""
    return buildah("from", "--pull-never", IMAGE)


@pytest.fixture
def home(tmp_path: Path, weights: WeightFiles) -> Path:
    """The volume of a door, with the networks in it."""
    home = tmp_path / "home"
    shutil.copytree(weights.sface.parent, home / "weights")
    for path in [home, *home.rglob("*")]:
        os.chown(path, USER, USER)
    return home


def test_the_kiosk_in_the_container_watches_and_decides(buildah: Buildah, container: str, home: Path) -> None:
    command = buildah.command(
        "run",
        "--env",
        "DOORWARD_CAMERA__STALE_S=5",
        "--volume",
        f"{home}:/var/lib/doorward",
        container,
        "--",
        "doorward",
        "kiosk",
    )
    said = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if "denied" in line:
                break
        process.terminate()
        process.communicate(timeout=60)
    assert "the door is watched door=front" in said
    assert "denied  Nobody is enrolled" in said
    assert (home / "register.sqlite").stat().st_uid == USER


def test_the_image_runs_without_rights_and_keeps_no_trace_of_the_build(
    buildah: Buildah, container: str
) -> None:
    look = "id -u; ls /wheels /etc/pip.conf /opt/doorward/venv/bin/flask; pip list --format=freeze"
    found = buildah("run", container, "--", "sh", "-c", look + " 2>/dev/null; true").splitlines()
    assert found[0] == str(USER)
    assert not [line for line in found if "pip.conf" in line or "flask" in line or ".whl" in line]
    packages = {line.partition("==")[0] for line in found if "==" in line}
    assert {"doorward", "openvino"} <= packages
    assert not {"torch", "flask", "Flask"} & packages
    assert "PIP_" not in buildah("inspect", IMAGE)
