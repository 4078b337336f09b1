"""`shadowroute policy`: files are checked, explained and compared without a store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadowroute.app.cli.root import run
from tests.support.routing_folder import ALWAYS, write_folder

SHADOW = "service: api\nlive: policies/always.yaml\nshadows: [policies/mixed.yaml]\n"
MIXED = """\
policy: mixed
choose:
  rules:
    - {when: {task: [extract, classify]}, cascade: {try: gpt-5-mini, accept_if: [{matches: x}], else: gpt-5}, why: ok}
    - {when: {input_tokens: {at_most: 100}}, use: gpt-5-mini}
    - {otherwise: gpt-5}
fallback: [llama-70b]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path, shadow=SHADOW, always=ALWAYS, mixed=MIXED)


def test_a_good_folder_is_summed_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file of it, exit 0."""
    assert run(["policy", "lint", str(folder)]) == 0
    said = capsys.readouterr()
    assert [line.split(": ")[0].removeprefix(f"{folder}/") for line in said.out.splitlines()] == [
        "shadow.yaml", "models.yaml", "policies/always.yaml", "policies/mixed.yaml",
    ]  # fmt: skip
    assert said.err == ""


def test_a_broken_file_says_file_line_and_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 65; the same sentence as when the SDK loads it, once although two files lead to it."""
    (folder / "policies/mixed.yaml").write_text(MIXED.replace("fallback", "fallbacks"))
    assert run(["policy", "lint", str(folder)]) == 65
    assert capsys.readouterr().err.splitlines() == [
        f'{folder}/policies/mixed.yaml:7: unknown key "fallbacks" under policy; did you mean "fallback"?'
    ]


@pytest.mark.parametrize(
    ("earlier", "later", "warns"),
    [
        ("task: [a, b]", "task: a", True),
        ("task: a", "task: [a, b]", False),
        ("input_tokens: {at_most: 100}", "{input_tokens: {at_most: 50}, task: a}", True),
        ("input_tokens: {at_least: 10, at_most: 100}", "input_tokens: {at_most: 50}", False),
        ("labels: {team: [x, y]}", "labels: {team: x, site: z}", True),
        ("labels: {site: z}", "labels: {team: x}", False),
        ("matches: abc", "matches: abc", True),
        ("has_tools: true", "has_tools: false", False),
    ],
)
def test_a_rule_that_can_never_decide_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], earlier: str, later: str, warns: bool
) -> None:
    """An earlier rule that applies wherever it would; a warning, because it does no harm."""
    later = later.strip("{}") if later.startswith("{") else later
    rules = f"    - {{when: {{{earlier}}}, use: gpt-5}}\n    - {{when: {{{later}}}, use: gpt-5-mini}}\n"
    write_folder(tmp_path, p=f"policy: p\nchoose:\n  rules:\n{rules}    - {{otherwise: gpt-5}}\n")
    assert run(["policy", "lint", str(tmp_path / "policies/p.yaml")]) == 0
    said = capsys.readouterr().err
    assert ("p.yaml:5: rule 2 can never decide: rule 1 applies wherever it would" in said) is warns


def test_a_decision_explains_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Steps, reason, and why each model was not chosen."""
    request = '{"task": "extract", "input_tokens": 900}'
    assert run(["policy", "explain", str(folder / "policies/mixed.yaml"), "--request", request]) == 0
    said = capsys.readouterr().out
    assert "primary gpt-5-mini if matches(x), then escalation gpt-5, then fallback llama-70b" in said
    assert "rule 1: ok" in said
    assert "only if gpt-5-mini is refused" in said
    assert "task extract, input_tokens 900, complexity unknown" in said


def test_a_decision_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts, with everything that the text says."""
    arguments = [
        "policy",
        "explain",
        str(folder / "policies/mixed.yaml"),
        "--request",
        '{"input_tokens": 900}',
        "--json",
    ]
    assert run(arguments) == 0
    decision = json.loads(capsys.readouterr().out)
    assert decision["steps"][0] == {"kind": "primary", "model": "gpt-5", "accept_if": []}
    assert decision["candidates"][1]["rejected"] == "rule 2: input_tokens at most 100"


def test_two_policies_are_compared_in_words_and_decisions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What changed in the document, and on how many of the requests it matters."""
    before, after = (str(folder / f"policies/{name}.yaml") for name in ("always", "mixed"))
    requests = ['{"task": "extract", "input_tokens": 9}', '{"input_tokens": 9}', '{"input_tokens": 900}']
    assert run(["policy", "diff", before, after, *(f"--request={each}" for each in requests)]) == 0
    said = capsys.readouterr().out
    assert "-policy: always" in said
    assert "+fallback:" in said
    assert "3 requests: another first model on 2 (66.7%), other steps on 3." in said
    assert "2  gpt-5 -> gpt-5-mini" in said


def test_the_same_policy_in_another_layout_is_no_difference(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Comments, order of keys and defaults that are written out change nothing."""
    (folder / "policies/again.yaml").write_text("# a comment\nchoose:\n  use: gpt-5\nfallback: []\npolicy: always\n")
    before, after = (str(folder / f"policies/{name}.yaml") for name in ("always", "again"))
    assert run(["policy", "diff", before, after]) == 0
    assert capsys.readouterr().out == "Both documents are equal.\n"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--request", "{task: x}"], "--request must be JSON"),
        (["--request", "[]"], "--request must be a JSON object, got list"),
        (["--request", '{"taks": "x"}'], "got taks"),
        (["--request", '{"labels": ["a"]}'], "labels of --request must be a JSON object"),
        (["--request", "{}", "--state", '{"gpt-5": {"latency": 1}}'], "got latency"),
        (["--request", "{}", "--state", '{"gpt-5": 1}'], "--state of gpt-5 must be a JSON object"),
        (
            ["--request", '{"task": "x"}'],
            "needs input_tokens, which is unknown for this request; add it to --request",
        ),
    ],
)
def test_a_wrong_sample_says_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    """Exit 65 for a value, never a trace."""
    assert run(["policy", "explain", str(folder / "policies/mixed.yaml"), *options]) == 65
    assert says in capsys.readouterr().err
