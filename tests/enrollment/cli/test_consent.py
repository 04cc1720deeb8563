"""The commands `consent show`, `record` and `withdraw`, in a shell of their own."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from enrollment.cli.consent import app
from models.cli.output import Console
from models.errors import ConsentError, RegisterAbsentError, UnknownPersonError
from models.register.records import Purpose
from models.settings.load import load_settings
from models.site import open_register
from tests.models.register.faces import face


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which Ada is enrolled, with consent to recognition and training."""
    with open_register(load_settings(tmp_path / "home"), create=True) as register:
        register.add_person("Ada", [face(1, "sface-2021dec")], "signed [file 12]", frozenset(Purpose))
    return tmp_path / "home"


def doorward(home: Path, *words: str, as_json: bool = True, answer: str | None = None) -> str:
    """Run a command; give its standard output, or raise what it raised."""
    shell = typer.Typer()

    @shell.callback()
    def options(ctx: typer.Context) -> None:
        ctx.obj = Console(home=home, config=None, json=as_json)

    shell.registered_groups += app.registered_groups
    result = CliRunner().invoke(shell, ["consent", *words], input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in io.StringIO(text)]


def test_a_recorded_consent_is_shown_last_and_in_force(home: Path) -> None:
    (recorded,) = lines(doorward(home, "record", "ada", "--text", "signed, file 14"))
    shown = lines(doorward(home, "show", "Ada"))
    assert [(one["text"], one["purposes"], one["in_force"]) for one in shown] == [
        ("signed [file 12]", ["recognition", "training"], False),
        ("signed, file 14", ["recognition"], True),
    ]
    assert recorded == shown[-1]
    assert set(recorded) == {"type", "person_id", "name", "text", "purposes", "given_at", "in_force"}
    assert (recorded["type"], recorded["name"]) == ("consent", "Ada")


def test_training_can_be_agreed_to_and_withdrawn(home: Path) -> None:
    (withdrawn,) = lines(doorward(home, "withdraw", "Ada", "--training"))
    assert (withdrawn["purposes"], withdrawn["in_force"]) == (["recognition"], True)
    with open_register(load_settings(home)) as register:
        assert register.crops(Purpose.TRAINING) == []
    (agreed,) = lines(doorward(home, "record", "Ada", "--text", "yes", "--allow-training"))
    assert agreed["purposes"] == ["recognition", "training"]
    with open_register(load_settings(home)) as register:
        assert len(register.crops(Purpose.TRAINING)) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "as_json", "answer", "left"),
    [
        (["Ada"], False, "n\n", 1),
        (["Ada"], False, "y\n", 0),
        (["Ada", "--yes"], False, None, 0),
        (["Ada"], True, None, 0),
    ],
)
def test_withdrawing_recognition_asks_and_erases_the_person(
    home: Path, words: list[str], as_json: bool, answer: str | None, left: int
) -> None:
    out = doorward(home, "withdraw", *words, as_json=as_json, answer=answer)
    assert ("delete all that is kept of Ada for good?" in out) == (answer is not None)
    assert ('"type": "erasure"' in out) == as_json
    with open_register(load_settings(home)) as register:
        assert len(register.people()) == left


def test_people_read_when_what_and_the_text(home: Path) -> None:
    doorward(home, "record", "Ada", "--text", "signed, file 14")
    first, first_text, second, second_text = doorward(home, "show", "Ada", as_json=False).splitlines()
    assert "recognition, training" in first
    assert "in force" not in first
    assert first_text.strip() == "signed [file 12]"
    assert second.endswith("recognition  (in force)")
    assert second_text.strip() == "signed, file 14"
    said = doorward(home, "withdraw", "Ada", "--training", as_json=False)
    assert said == "The consent of Ada covers recognition now.\n"


def test_what_cannot_be_recorded_is_a_typed_error(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConsentError):
        doorward(home, "record", "Ada", "--text", " ")
    with pytest.raises(UnknownPersonError, match=r"did you mean Ada\?"):
        doorward(home, "show", "Adda")
    with pytest.raises(RegisterAbsentError):
        doorward(tmp_path / "typo", "show", "Ada")
    assert not (tmp_path / "typo").exists()
