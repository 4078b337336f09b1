"""`python -m shadow check`: the SDK's own command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shadow.__main__ import main
from shadow.config.check import check
from tests.support.groups import ROOT
from tests.support.routing_folder import ALWAYS, write_folder

GOOD = "service: api\nlive: {name: mine, version: '7'}\nshadows: [policies/always.yaml]\n"


def test_a_good_folder_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, and one line that says what would run."""
    folder = write_folder(tmp_path, shadow=GOOD, always=ALWAYS)
    assert main(["check", str(folder / "shadow.yaml")]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("service api, project default; live mine 7, observed; shadows always ")
    assert said.err == ""


def test_all_problems_of_all_files_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line per problem: a broken models file or setting does not hide the mistakes in policies."""
    shadow = "service: api\nlive: policies/live.yaml\nshadows: [policies/a.yaml, policies/none.yaml]\n"
    folder = write_folder(
        tmp_path,
        models="models:\n  gpt-5: {tier: big, prvider: x}\n",
        shadow=shadow,
        live="policy: live\nchoose: {use: gpt-5}\nfallbacks: []\n",
        a="policy: a\nchoose: {}\n",
    )
    assert main(["check", str(folder / "shadow.yaml")]) == 65
    lines = capsys.readouterr().err.splitlines()
    places = [line.removeprefix(f"{folder}/").split(": ")[0] for line in lines]
    assert places == ["models.yaml:2", "models.yaml:2", "policies/live.yaml:3", "policies/a.yaml:2", "shadow.yaml:3"]


def test_every_unknown_model_of_a_policy_is_reported(tmp_path: Path) -> None:
    """Not only the first one."""
    rules = "  rules:\n    - {when: {task: a}, use: gpt-4}\n    - {otherwise: gpt-6}\n"
    text = f"policy: p\nchoose:\n{rules}fallback: [gpt-7]\n"
    folder = write_folder(tmp_path, shadow=GOOD.replace("always", "p"), p=text)
    assert [problem.split(":")[1] for problem in check(folder / "shadow.yaml").problems] == ["4", "5", "6"]


def test_a_model_without_a_price_is_a_problem(tmp_path: Path) -> None:
    """It is named with its line in models.yaml and what to add."""
    models = "models:\n  gpt-5: {provider: openai}\n  llama-70b: {provider: onprem}\n"
    folder = write_folder(tmp_path, models=models, shadow=GOOD, always=ALWAYS)
    (problem,) = check(folder / "shadow.yaml").problems
    assert problem.startswith(f'{folder}/models.yaml:3: "llama-70b" has no price in book genai-prices-')
    assert problem.endswith("its requests are counted, never priced as 0; add price_usd_per_million")


def test_single_files_can_be_checked(tmp_path: Path) -> None:
    """A policy uses the models.yaml of its routing folder; a models file stands for itself."""
    folder = write_folder(tmp_path, always=ALWAYS)
    assert check(folder / "policies/always.yaml").summary.startswith("policy always ")
    assert check(folder / "models.yaml").summary.startswith("3 models, price book book-")


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    """The file is named and nothing else is said."""
    assert check(tmp_path / "no.yaml").problems == (f"{tmp_path}/no.yaml: file must exist; check the path",)


@pytest.mark.parametrize("arguments", [[], ["check"], ["chek", "x"], ["check", "a", "b"], ["check", "--json"]])
def test_wrong_usage_is_64(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line prints the right one."""
    assert main(arguments) == 64
    assert capsys.readouterr().err.startswith("usage: python -m shadow check FILE")


def test_the_module_runs() -> None:
    """The documented command line works on the folder that the documentation shows."""
    done = subprocess.run(
        [sys.executable, "-m", "shadow", "check", "examples/routing/shadow.yaml"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
