"""The page about failures: every row has tests that exist and assert, and names only codes that exist."""

import ast
import re
from functools import cache
from itertools import pairwise

import pytest

from models.domain import DenyReason
from models.events import OUTCOMES
from tests.conftest import ROOT
from tests.promises.reference import failures

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
TESTS_HEADING = "## Tests behind each row"
ROWS_PART, _, TESTS_PART = PAGE.partition(f"\n{TESTS_HEADING}\n")
TEST_NAME = r"`((?:[a-z_]+/)+test_[a-z_]+\.py)::(test_\w+)`"
CODES = {kind.code for kind in failures()} | {str(reason) for reason in DenyReason} | set(OUTCOMES)
EXCEPTIONS = {kind.__name__ for kind in failures()}


def rows_of(part: str) -> list[list[str]]:
    """The cells of every table row, without the heads."""
    lines = part.splitlines()
    heads = {line for line, following in pairwise(lines) if following.startswith("| ---")}
    return [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in lines
        if line.startswith("|") and line not in heads and not line.startswith("| ---")
    ]


ROWS = rows_of(ROWS_PART)
TESTS_OF = rows_of(TESTS_PART)


@cache
def module_of(name: str) -> ast.Module:
    """The parsed test file `name`, a path under tests/."""
    return ast.parse((ROOT / "tests" / name).read_text(encoding="utf-8"))


def called(node: ast.AST) -> str:
    """What a decorator, a call or a name spells: `pytest.mark.skip` for `@pytest.mark.skip(reason="...")`."""
    return ast.unparse(node.func if isinstance(node, ast.Call) else node)


def is_skipped(function: ast.FunctionDef, module: ast.Module) -> bool:
    """True when the test never runs: a mark of its own or of its file, or a call in its plain course."""
    marks: list[ast.expr] = list(function.decorator_list)
    for node in module.body:
        if isinstance(node, ast.Assign) and "pytestmark" in [called(target) for target in node.targets]:
            marks += node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    calls = [each.value for each in (*module.body, *function.body) if isinstance(each, ast.Expr)]
    return any(
        called(mark) == "pytest.mark.skip" or (called(mark) == "pytest.mark.skipif" and always_true(mark))
        for mark in marks
    ) or any(called(call) in {"pytest.skip", "pytest.importorskip"} for call in calls)


def always_true(mark: ast.expr) -> bool:
    """True for `skipif(True)`."""
    condition = mark.args[:1] if isinstance(mark, ast.Call) else []
    return any(isinstance(each, ast.Constant) and bool(each.value) for each in condition)


def asserts(function: ast.FunctionDef) -> bool:
    """True when the test has an `assert` or a `pytest.raises`."""
    return any(
        isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and called(node) == "pytest.raises")
        for node in ast.walk(function)
    )


def check_test(file: str, name: str) -> None:
    """Make sure that tests/`file` has the test `name`, that it runs and that it can fail.

    Raises:
        AssertionError: it does not.
    """
    module = module_of(file)
    found = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name]
    assert len(found) == 1, f"tests/{file} has no test {name}"
    assert not is_skipped(found[0], module), f"{file}::{name} is skipped"
    assert asserts(found[0]), f"{file}::{name} asserts nothing"


def test_every_row_has_exactly_one_entry_among_the_tests() -> None:
    assert len(ROWS) > 35
    assert all(len(row) == 4 and all(row) for row in ROWS)
    assert all(len(row) == 2 and all(row) for row in TESTS_OF)
    assert [row[0] for row in TESTS_OF] == [row[0] for row in ROWS]
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", TESTS_OF, ids=lambda row: row[0])
def test_every_row_is_held_true_by_tests_that_run_and_assert(row: list[str]) -> None:
    named = re.findall(TEST_NAME, row[1])
    assert row[1] == ", ".join(f"`{file}::{name}`" for file, name in named)
    assert len(set(named)) == len(named) > 0
    for file, name in named:
        check_test(file, name)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_code_of_a_row_exists_and_stands_for_its_class(row: list[str]) -> None:
    words = {word for cell in row for word in re.findall(r"`([A-Za-z_]+)`", cell)}
    codes = {word for word in words if "_" in word and word.islower()}
    assert codes <= CODES
    assert not {word for word in words if word.endswith("Error")}, (
        "users see the code of a failure, not its class"
    )
    # A code outside of backticks would escape the check above.
    bare = set(re.findall(r"\w+", re.sub(r"`[^`]*`|\]\([^)]*\)", "", " ".join(row))))
    assert not {word for word in bare if "_" in word or word in EXCEPTIONS}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def test_other(): assert f()", "has no test"),
        ("def test_it(): f()", "asserts nothing"),
        ("@pytest.mark.skip(reason='later')\ndef test_it(): assert f()", "is skipped"),
        ("@pytest.mark.skipif(True, reason='later')\ndef test_it(): assert f()", "is skipped"),
        ("pytestmark = [pytest.mark.slow, pytest.mark.skip]\ndef test_it(): assert f()", "is skipped"),
        ("def test_it():\n    pytest.skip('later')\n    assert f()", "is skipped"),
        ("class TestIt:\n    def test_it(self): assert f()", "has no test"),
    ],
)
def test_a_test_that_proves_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    monkeypatch.setitem(globals(), "module_of", lambda _name: ast.parse(source))
    with pytest.raises(AssertionError, match=reason):
        check_test("a/test_file.py", "test_it")


@pytest.mark.parametrize(
    "source",
    [
        "@pytest.mark.slow\ndef test_it(): assert f()",
        "@pytest.mark.skipif(no_gpu, reason='no GPU')\ndef test_it(): assert f()",
        "def test_it():\n    with pytest.raises(ValueError), other():\n        f()",
    ],
)
def test_a_test_that_can_fail_is_taken(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.setitem(globals(), "module_of", lambda _name: ast.parse(source))
    check_test("a/test_file.py", "test_it")
    assert asserts(next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)))
