"""`accept_if` in policy files: its short forms, and what its mistakes say."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow.config import load_catalogue, load_policy
from shadow.domain.policy import Policy, Step
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import ConfigError
from tests.support.routing_folder import write_folder

POLICY = "policy: p\nchoose:\n  cascade:\n    try: gpt-5-mini\n    accept_if:\n      - {validator}\n    else: gpt-5\n"


def load(folder: Path, validator: str) -> Policy:
    write_folder(folder, policy=POLICY.replace("{validator}", validator))
    (folder / "policies/order.json").write_text('{"type": "object"}')
    (folder / "policies/words.txt").write_text("# never say\nsecret\n\n  internal only \n")
    (folder / "policies/rate.txt").write_text("Rate {answer} as JSON")
    (folder / "policies/none.txt").write_text("# nothing\n")
    (folder / "policies/latin.txt").write_bytes(b"caf\xe9\n")
    return load_policy(folder / "policies/policy.yaml", load_catalogue(folder / "models.yaml"))


@pytest.mark.parametrize(
    ("validator", "name"),
    [
        ("not_refusal", "not_refusal"),
        ("not_hedging", "not_hedging"),
        ("not_hedging: {at_most: 2}", "not_hedging(at most 2)"),
        ("cites", "cites(any)"),
        ("cites: {at_least: 2, form: url}", "cites(at least 2 url)"),
        ("cites: {pattern: 'KB-[0-9]+'}", "cites(KB-[0-9]+)"),
        ("tool_calls", "tool_calls"),
        ("tool_calls: {required: true, schemas: {find: order.json}}", "tool_calls(required, schema of find)"),
        ("tool_calls: {success: 'operator:eq'}", "tool_calls(operator:eq)"),
        ("json_schema: order.json", "json_schema(order.json)"),
        ("json_schema: {file: order.json, fenced: true}", "json_schema(order.json, fenced)"),
        ("required_fields: [a.b, c]", "required_fields(a.b, c)"),
        ("required_fields: {fields: [a], fenced: true}", "required_fields(a, fenced)"),
        ("matches: x", "matches(x)"),
        ("not_matches: x", "not_matches(x)"),
        ("length: {at_most: 9, unit: tokens}", "length(at most 9 tokens)"),
        ("not_containing: secret", "not_containing(secret)"),
        ("not_containing: [secret, internal only]", "not_containing(secret, internal only)"),
        ("not_containing: {file: words.txt}", "not_containing(words.txt~74ccb844)"),
        ("confidence: 0.7", "confidence(at least 0.7)"),
        ("confidence: {at_least: 0.7, field: sure}", "confidence(at least 0.7, sure)"),
        ("call: 'operator:truth'", "call(operator:truth)"),
        ("call: {function: 'operator:truth', slow: true}", "call(operator:truth)"),
        ("command: [ruff, check, '-']", "command(ruff check -)"),
        ("command: {run: [cc, '{file}'], file: a.c, part: code}", "command(cc a.c, code)"),
        ("judge: {model: gpt-5, rubric: Be kind.}", "judge(gpt-5 at least 0.5, rubric f774afd2)"),
        ("judge: {model: azure/gpt-5-prod, rubric: Be kind.}", "judge(gpt-5 at least 0.5, rubric f774afd2)"),
        ("judge: {model: gpt-5, rubric: Be kind., prompt: rate.txt}", "judge(gpt-5 at least 0.5, rubric 30c55a95)"),
        ("score_at_least: 0.5", "score_at_least(0.5)"),
    ],
)
def test_every_validator_has_a_form_in_the_file(tmp_path: Path, validator: str, name: str) -> None:
    """Its name in the recorded step says what was asked."""
    decision = load(tmp_path, validator).decide(Request(request_id="r", time_us=1), Snapshot())
    assert decision.steps[0].accept_if == (name,)


@pytest.mark.parametrize(
    ("validator", "message"),
    [
        ("not_refusing", "a validator must be one of json_schema, required_fields, matches,"),
        ("matches", "matches must have a value, got none; write {matches: ...}"),
        ("{matches: x, cites: {}}", "a validator must have exactly one of json_schema, "),
        ("length: {}", "length must have at_least, at_most or both, got none"),
        ("length: {at_least: 3, at_most: 2}", "at_least must not be above at_most, got 3 and 2"),
        ("length: {at_least: -1}", "at_least must be greater than or equal to 0, got -1"),
        ("length: {at_most: 9, unit: words}", "unit must be 'characters' or 'tokens', got 'words'"),
        ("cites: {at_least: 0}", "at_least must be greater than or equal to 1, got 0"),
        ("cites: {form: url, pattern: x}", "cites must have form or pattern, got both; remove form: url"),
        ("cites: {pattern: '('}", "matches must be a regular expression, got '('"),
        ("not_matches: '('", "matches must be a regular expression, got '('"),
        ("not_containing: {}", "not_containing must have exactly one of phrases, file, got none"),
        ("not_containing: {file: no.txt}", "not_containing must name a readable file, got "),
        ("not_containing: {file: none.txt}", "not_containing must name a file with one phrase per line, got none in "),
        ("not_containing: {file: latin.txt}", "not_containing must name a file in UTF-8, got "),
        ("not_refusal: {language: en}", 'unknown key "language" under not_refusal; known keys: '),
        ("tool_calls: {schemas: {find: no.json}}", "json_schema must name a readable file, got "),
        ("tool_calls: {success: 'operator:nothing'}", "call must name a function, got 'nothing'"),
        ("confidence: {at_least: 70}", "at_least must be less than or equal to 1, got 70"),
        ("confidence: {at_least: 0.7, field: a, pattern: b}", "confidence must have field or pattern, got both"),
        ("required_fields: []", "required_fields must be longer, got []; give at least one"),
        ("required_fields: ['.a']", "a path must be keys with dots between them, got '.a'"),
        ("json_schema: {fenced: true}", "file must be given under json_schema, got nothing"),
        ("command: ruff check -", "command must be a list, got"),
        ("command: ['ruff check -']", "run must be a program and its arguments as a list, got 'ruff check -'"),
        (
            "command: {run: [cc], file: ../a.c}",
            "a file name must be of letters, digits, dots, dashes and underscores, got '../a.c'",
        ),
        ("command: {run: [cc], timeout_s: 0}", "timeout_s must be greater than 0, got 0"),
        ("judge: {rubric: x}", "model must be given under judge, got nothing"),
        ("judge: {model: gpt-6, rubric: x}", 'no model "gpt-6" in models.yaml; nearest: gpt-5'),
        ("judge: {model: gpt-5, rubric: x, prompt: no.txt}", "prompt must name a readable file, got "),
        ("judge: {model: gpt-5, rubric: x, prompt: words.txt}", "prompt must have the place {answer}, got none in "),
        ("judge: {model: gpt-5, rubric: x, prompt: latin.txt}", "prompt must name a file in UTF-8, got "),
        ("call: {function: 'operator:truth', timeout_s: 3}", "timeout_s must have slow: true beside it"),
        ("score_at_least: 5", "score_at_least must be less than or equal to 1, got 5"),
    ],
)
def test_mistakes_in_a_validator_say_what_to_do(tmp_path: Path, validator: str, message: str) -> None:
    """At its line, in one sentence."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, validator)
    assert str(caught.value).removeprefix(f"{tmp_path}/policies/").startswith(f"policy.yaml:6: {message}")


def test_a_version_covers_the_restricted_phrases(tmp_path: Path) -> None:
    """Other phrases, another policy; the file is read when the policy is loaded."""
    first = load(tmp_path, "not_containing: {file: words.txt}").version
    (tmp_path / "policies/words.txt").write_text("other\n")
    policy = load_policy(tmp_path / "policies/policy.yaml", load_catalogue(tmp_path / "models.yaml"))
    assert policy.version != first


def refusal(folder: Path, policy: str) -> str:
    """What is said of a policy file that does not load."""
    write_folder(folder, policy=policy)
    with pytest.raises(ConfigError) as caught:
        load_policy(folder / "policies/policy.yaml", load_catalogue(folder / "models.yaml"))
    return str(caught.value).removeprefix(f"{folder}/policies/")


LONG = "policy: p\nchoose:\n  cascade:\n    try: gpt-5-mini\n    accept_if: [not_refusal]\n"


def test_a_cascade_may_have_many_models(tmp_path: Path) -> None:
    """Each with validators and retries of its own; the last one may do without."""
    text = (
        LONG
        + "    retry_same: 2\n    tell_why: true\n    else:\n"
        + "      - {try: llama-70b, accept_if: [not_hedging], retry_same: 1}\n      - gpt-5\n"
    )
    write_folder(tmp_path, policy=text)
    policy = load_policy(tmp_path / "policies/policy.yaml", load_catalogue(tmp_path / "models.yaml"))
    decision = policy.decide(Request(request_id="r", time_us=1), Snapshot())
    assert decision.steps == (
        Step(kind="primary", model="gpt-5-mini", accept_if=("not_refusal",), retry_same=2, tells_why=True),
        Step(kind="escalation", model="llama-70b", accept_if=("not_hedging",), retry_same=1),
        Step(kind="escalation", model="gpt-5"),
    )
    assert [candidate.rejected for candidate in decision.candidates] == [
        "", "only if gpt-5-mini is refused", "only if llama-70b is refused"
    ]  # fmt: skip


DRAFTS = "policy: p\nchoose:\n  cascade:\n    mode: draft-and-verify\n    try: gpt-5-mini\n"


def test_a_cascade_may_draft_and_verify(tmp_path: Path) -> None:
    """Then every answer goes on, so validators are not needed; a policy around it may still filter the models."""
    write_folder(tmp_path, policy=DRAFTS + "    else: gpt-5\n")
    policy = load_policy(tmp_path / "policies/policy.yaml", load_catalogue(tmp_path / "models.yaml"))
    decision = policy.decide(Request(request_id="r", time_us=1), Snapshot())
    assert decision.steps == (
        Step(kind="primary", model="gpt-5-mini"), Step(kind="escalation", model="gpt-5", verifies=True)
    )  # fmt: skip
    assert decision.reason == "a draft, then a check"
    assert [candidate.rejected for candidate in decision.candidates] == ["", "checks gpt-5-mini"]


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("    else: [llama-70b, gpt-5]\n", "3: else must be one model in mode draft-and-verify, got 2"),
        ("    accept_if: [not_refusal]\n    retry_same: 1\n    else: gpt-5\n",
         "3: retry_same must not be given in mode draft-and-verify, where else checks every draft"),
        ("    else: {try: gpt-5, accept_if: [not_refusal]}\n",
         "3: accept_if of gpt-5 must not be given in mode draft-and-verify, where else checks every draft"),
    ],
)  # fmt: skip
def test_mistakes_in_a_draft_say_what_to_do(tmp_path: Path, rest: str, message: str) -> None:
    """What the mode would never use is no silent wish."""
    assert refusal(tmp_path, DRAFTS + rest).startswith(f"policy.yaml:{message}")


def test_a_cascade_without_validators_is_told_of_the_other_mode(tmp_path: Path) -> None:
    """Nothing would ever be refused."""
    told = refusal(tmp_path, "policy: p\nchoose:\n  cascade:\n    try: gpt-5-mini\n    else: gpt-5\n")
    assert "gpt-5-mini must have accept_if" in told
    assert "add it, or set mode: draft-and-verify" in told


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            "    else: [llama-70b, gpt-5]\n",
            "3: llama-70b must have accept_if, because the models after it are never asked otherwise",
        ),
        ("    else: [gpt-5-mini]\n", "3: try and else must be different models, got gpt-5-mini twice"),
        ("    else: []\n", "6: else must be longer, got []; give at least one"),
        ("    retry_same: 4\n    else: gpt-5\n", "6: retry_same must be less than or equal to 3, got 4"),
        ("    tell_why: true\n    else: gpt-5\n", "3: tell_why of gpt-5-mini must have retry_same beside it"),
        ("    else: {try: gpt-5, retry_same: 1}\n", "6: retry_same of gpt-5 must have accept_if beside it"),
        ("    else:\n      - {try: gpt-6}\n", '7: no model "gpt-6" in models.yaml; nearest: gpt-5'),
        ("    else:\n      - try: gpt-5\n        accept_if: [{judge: {model: llama-70b, rubric: x}}]\n",
         "8: the last model of a cascade must not wait for judge(llama-70b at least 0.5, rubric"),
    ],
)  # fmt: skip
def test_mistakes_in_a_cascade_say_what_to_do(tmp_path: Path, rest: str, message: str) -> None:
    """Also what would never be refused, asked or told."""
    assert refusal(tmp_path, LONG + rest).startswith(f"policy.yaml:{message}")
