"""YAML files: what they mean, and what their mistakes say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from shadow.config import Limits, LiveSpec, Routing, load_catalogue, load_policy, load_routing
from shadow.config.gateway_settings import GatewaySettings
from shadow.config.source import read_source
from shadow.domain.policy import Policy
from shadow.domain.request import Request
from shadow.domain.snapshot import Snapshot
from shadow.errors import ConfigError
from tests.support.routing_folder import ALWAYS, write_folder

SHADOW = """\
service: support-api
live: {name: litellm-prod, version: "${GIT_SHA}", decides: repeatably}
shadows: [policies/always.yaml]
from_request: {session: metadata.session_id, task: metadata.task}
labels: [region]
segments: [task, "label:team"]
export: {to: "http://127.0.0.1:4319/", token_env: OTLP_TOKEN}
limits: {sample_rate: 0.25, budget_s: 1}
"""


RULE = "policy: p\nchoose:\n  rules:\n    - "
CASCADE = "policy: p\nchoose:\n  cascade:\n    "
NAMED = "live: {name: x}\nshadows: []\n"


def policy_error(folder: Path, text: str) -> str:
    """First error of a policy file, from its file name on."""
    write_folder(folder, broken=text)
    with pytest.raises(ConfigError) as caught:
        load_policy(folder / "policies/broken.yaml", load_catalogue(folder / "models.yaml"))
    return str(caught.value).removeprefix(f"{folder}/policies/")


def routing_error(folder: Path, text: str) -> str:
    """First error of a routing file, from its file name on."""
    write_folder(folder, shadow=text, always=ALWAYS)
    with pytest.raises(ConfigError) as caught:
        load_routing(folder / "shadow.yaml")
    return str(caught.value).removeprefix(f"{folder}/")


def models_error(folder: Path, text: str) -> str:
    """First error of a models file, from its file name on."""
    write_folder(folder, models=text)
    with pytest.raises(ConfigError) as caught:
        load_catalogue(folder / "models.yaml")
    return str(caught.value).removeprefix(f"{folder}/")


def version_of(folder: Path, text: str) -> str:
    write_folder(folder, policy=text)
    return load_policy(folder / "policies/policy.yaml", load_catalogue(folder / "models.yaml")).version


def test_a_routing_file_says_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key arrives; the environment is read; a label segment declares its label."""
    monkeypatch.setenv("GIT_SHA", "9f3c1e")
    routing = load_routing(write_folder(tmp_path, shadow=SHADOW, always=ALWAYS) / "shadow.yaml")
    assert routing.live == LiveSpec(name="litellm-prod", version="9f3c1e", decides="repeatably")
    assert [shadow.name for shadow in routing.shadows] == ["always"]
    assert routing.from_request == {"session": "metadata.session_id", "task": "metadata.task"}
    assert routing.labels == {"region", "team"}
    assert routing.segments == ("task", "label:team")
    assert (routing.export.to, routing.export.token_env) == ("http://127.0.0.1:4319", "OTLP_TOKEN")
    assert routing.limits == Limits(sample_rate=0.25, budget_s=1)
    assert "azure/gpt-5-prod" in routing.catalogue


def test_the_gateways_section_and_labels_of_the_arguments_declare_their_labels(tmp_path: Path) -> None:
    """A policy may ask for `api_key` as soon as keys are named, and for a label that `from_request` leads to."""
    text = NAMED + 'from_request: {"label:team": headers.x-team}\ngateway: {keys: {web: WEB_KEY}, max_requests: 5}\n'
    routing = load_routing(write_folder(tmp_path, shadow=text, always=ALWAYS) / "shadow.yaml")
    assert routing.gateway == GatewaySettings(keys={"web": "WEB_KEY"}, max_requests=5)
    assert routing.labels == {"team", "api_key"}


def test_defaults_of_a_routing_file(tmp_path: Path) -> None:
    """`live` and `shadows` are all that must be given; without models.yaml the price registry knows the models."""
    folder = write_folder(tmp_path, models=None, shadow="live: policies/always.yaml\nshadows: []\n", always=ALWAYS)
    routing = load_routing(folder / "shadow.yaml")
    assert isinstance(routing.live, Policy)
    assert (routing.project, routing.origin) == ("default", "production")
    assert routing.export.to == "http://127.0.0.1:4318"
    assert routing.limits == Limits()
    assert "gpt-4o" in routing.catalogue


def test_the_live_policy_may_be_its_own_shadow(tmp_path: Path) -> None:
    """The A/A control names one file twice, in different roles."""
    text = "live: policies/always.yaml\nshadows: [policies/always.yaml]\n"
    routing = load_routing(write_folder(tmp_path, shadow=text, always=ALWAYS) / "shadow.yaml")
    assert routing.live.version == routing.shadows[0].version


def test_values_are_read_as_yaml_1_2(tmp_path: Path) -> None:
    """`no` is a text, a date stays a text, quoted digits stay text, and 012 is a number, not octal."""
    file = tmp_path / "x.yaml"
    file.write_text('a: [no, on, 2026-11-01, "12", 012, 1e3, .5, ~, true, .inf, 1_000]\n', encoding="utf-8")
    expected = ["no", "on", "2026-11-01", "12", 12, 1000.0, 0.5, None, True, float("inf"), "1_000"]
    assert read_source(file).value == {"a": expected}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("policy: p\nchoose: {use: gpt-5}\n\nfallbacks: [gpt-5]\n",
         'broken.yaml:4: unknown key "fallbacks" under policy; did you mean "fallback"?'),
        ("policy: p\nchoose:\n  use: gpt5-mini\n",
         'broken.yaml:3: no model "gpt5-mini" in models.yaml; nearest: gpt-5-mini'),
        ("policy: p\nchoose: {use: gpt-5}\nfallback:\n  - gpt-5-mini\n  - gpt-6\n",
         'broken.yaml:5: no model "gpt-6" in models.yaml; nearest: gpt-5'),
        ("policy: p\n", "broken.yaml:1: choose must be given under policy, got nothing"),
        ("policy: P\nchoose: {use: gpt-5}\n",
         "broken.yaml:1: a name must be of lower-case letters, digits and dashes, at most 64, got 'P'"),
        ("policy: p\nchoose: {use: gpt-5, call: 'a:b', version: '1'}\n",
         "broken.yaml:2: choose must have exactly one of use, cascade, "),
        ("policy: p\nchoose: {call: 'os.path:join'}\n", "broken.yaml:2: version must be given with call"),
        ("policy: p\nchoose: {call: 'os.path:nothing', version: '1'}\n",
         "broken.yaml:2: call must name a function, got 'nothing', which os.path does not have"),
        ("policy: p\nchoose: {call: 'no_such_module:f', version: '1'}\n",
         "broken.yaml:2: call must name a module that can be imported, got 'no_such_module'"),
        ("policy: p\nchoose: {call: 'os.path:join', version: 1.0}\n",
         "broken.yaml:2: version must be text, got 1.0; put it in quotes"),
        (RULE + "{when: {task: a}, use: gpt-5}\n",
         "broken.yaml:2: rules must end with one otherwise; put it last, and only there"),
        (RULE + "{when: {}, use: gpt-5}\n    - {otherwise: gpt-5}\n",
         "broken.yaml:4: when must have at least one condition, got none"),
        (RULE + "when: {input_tokens: {at_least: 9, at_most: 3}}\n      use: gpt-5\n    - {otherwise: gpt-5}\n",
         "broken.yaml:4: at_least must not be above at_most, got 9 and 3"),
        (RULE + "when:\n        matches: '('\n      use: gpt-5\n    - {otherwise: gpt-5}\n",
         "broken.yaml:5: matches must be a regular expression, got '('"),
        ("policy: p\nchoose:\n  cascade: {try: gpt-5, accept_if: [{matches: x}], else: azure/gpt-5-prod}\n",
         "broken.yaml:3: try and else must be different models, got gpt-5 under two names"),
        (CASCADE + "try: gpt-5\n    accept_if:\n      - {json_schema: no.json}\n    else: gpt-5-mini\n",
         "broken.yaml:6: json_schema must name a readable file, got "),
        ("policy: p\npolicy: q\n", 'broken.yaml:2: key "policy" must appear once; remove one of them'),
        ("policy: [\n", "broken.yaml:2: file must be YAML; "),
        ("", "broken.yaml: file must not be empty"),
        ("- p\n", "broken.yaml:1: policy must be a mapping, got ['p']; write it as key: value"),
    ],
)  # fmt: skip
def test_mistakes_in_a_policy_say_file_line_and_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    """One clear sentence per mistake, at its line."""
    assert policy_error(tmp_path, text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("live: {nme: x}\nshadows: []\n", 'shadow.yaml:1: unknown key "nme" under live; did you mean "name"?'),
        ("live: 3\nshadows: []\n", "shadow.yaml:1: live must be a mapping, got 3"),
        ("live: {name: x, decides: always}\nshadows: []\n",
         "shadow.yaml:1: decides must be 'repeatably', 'randomly' or 'unknown', got 'always'"),
        ("live: {name: x}\nshadows: [policies/nope.yaml]\n", "shadow.yaml:2: no file policies/nope.yaml in "),
        ("live: {name: x}\nshadows:\n  - policies/always.yaml\n  - policies/always.yaml\n",
         "shadow.yaml:2: shadows must have distinct names, got 'always' twice"),
        (NAMED + "segments: [team]\n",
         "shadow.yaml:3: a segment must be task, user_tier, complexity, input_band or label:NAME, got 'team'"),
        (NAMED + "export: {to: 'localhost:4318'}\n",
         "shadow.yaml:3: an address must start with http:// or https:// and name a host, got 'localhost:4318'"),
        (NAMED + "export: {content: some}\n",
         "shadow.yaml:3: content must be 'none', 'redacted' or 'full', got 'some'"),
        (NAMED + "limits: {sample_rate: 0}\n", "shadow.yaml:3: sample_rate must be greater than 0, got 0"),
        (NAMED + "gateway: {max_requests: 0}\n", "shadow.yaml:3: max_requests must be greater than 0, got 0"),
        (NAMED + "limits: {budget_s: .nan}\n", "shadow.yaml:3: budget_s must be a finite number, got nan"),
        ("live: {name: x, version: '${NO_SUCH_VARIABLE}'}\nshadows: []\n",
         "shadow.yaml:1: environment variable NO_SUCH_VARIABLE must be set; export it, or write "),
    ],
)  # fmt: skip
def test_mistakes_in_a_routing_file(tmp_path: Path, text: str, message: str) -> None:
    """One clear sentence per mistake, at its line."""
    assert routing_error(tmp_path, text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models:\n  a:\n    price_usd_per_million: {input: -1, output: 1}\n",
         "models.yaml:3: input must be greater than or equal to 0, got -1"),
        ("models:\n  a:\n    price_usd_per_million:\n      input: 1\n      output: .inf\n",
         "models.yaml:5: output must be a finite number, got inf"),
        ("models:\n  a: {price_usd_per_million: {input: 1}}\n",
         "models.yaml:2: output must be given under price_usd_per_million"),
        ("models:\n  a: {tier: big}\n", "models.yaml:2: tier must be 'small', 'medium' or 'large', got 'big'"),
        ("models:\n  a: {quality: 1.5}\n", "models.yaml:2: quality must be less than or equal to 1, got 1.5"),
        ("models:\n  a: {supports: [sound]}\n",
         "models.yaml:2: supports must be 'tools', 'vision' or 'json', got 'sound'"),
        ("models:\n  a: {aliases: [b]}\n  b: {}\n", 'models.yaml:1: "b" must name one model, got a and b'),
        ("models: {}\n", "models.yaml:1: models must be longer, got {}; give at least one"),
        ("modles:\n  a: {}\n", 'models.yaml:1: unknown key "modles" under models; did you mean "models"?'),
    ],
)  # fmt: skip
def test_mistakes_in_a_models_file(tmp_path: Path, text: str, message: str) -> None:
    """Negative and endless prices are errors like any other."""
    assert models_error(tmp_path, text).startswith(message)


def test_what_a_model_can_do_is_read(tmp_path: Path) -> None:
    """Not said is not the same as none: an empty list says that it supports nothing."""
    (tmp_path / "models.yaml").write_text(
        "models:\n"
        "  a: {context_tokens: 8000, output_tokens: 300, quality: 0.8,"
        " supports: [tools], languages: de, regions: [eu]}\n"
        "  b: {supports: []}\n  c:\n"
    )
    models = load_catalogue(tmp_path / "models.yaml").models
    first = models["a"]
    assert (first.context_tokens, first.output_tokens, first.quality) == (8000, 300, 0.8)
    assert (first.supports, first.languages, first.regions) == ({"tools"}, {"de"}, {"eu"})
    assert (models["b"].supports, models["c"].supports) == (frozenset(), None)


def test_a_default_of_the_environment_is_used(tmp_path: Path) -> None:
    """`${NAME:-default}` needs no variable."""
    text = "live: {name: x, version: '${NO_SUCH_VARIABLE:-dev}'}\nshadows: []\n"
    routing = load_routing(write_folder(tmp_path, shadow=text) / "shadow.yaml")
    assert routing.live.version == "dev"


def test_a_rule_on_an_undeclared_label_is_an_error(tmp_path: Path) -> None:
    """Labels that are not declared never reach a request, so such a rule could never hold."""
    rules = (
        "policy: p\nchoose:\n  rules:\n    - when: {labels: {team: a}}\n      use: gpt-5\n    - {otherwise: gpt-5}\n"
    )
    folder = write_folder(tmp_path, shadow="live: {name: x}\nshadows: [policies/p.yaml]\n", p=rules)
    with pytest.raises(ConfigError, match=r"p\.yaml:4: label team must be declared, got none in shadow\.yaml"):
        load_routing(folder / "shadow.yaml")
    (folder / "shadow.yaml").write_text("live: {name: x}\nshadows: [policies/p.yaml]\nlabels: [team]\n")
    assert load_routing(folder / "shadow.yaml").labels == {"team"}


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    """A binary file, a folder and a missing file each say what they are."""
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for name, message in (
        ("binary.yaml", "file must be UTF-8 text"),
        (".", "file must be readable; Is a directory"),
        ("none.yaml", "file must exist; check the path"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_catalogue(tmp_path / name)


def test_a_yaml_bomb_is_refused(tmp_path: Path) -> None:
    """Aliases that multiply, or hold themselves, do not fill the memory."""
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    for text in (bomb, "a: &a [*a]\n", "[" * 5000):
        (tmp_path / "bomb.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match="file must"):
            read_source(tmp_path / "bomb.yaml")


def test_a_version_is_the_hash_of_what_decides(tmp_path: Path) -> None:
    """Layout and comments change nothing; any value does, and so do defaults that are written out."""
    version = version_of(tmp_path, "policy: p\nchoose: {use: gpt-5}\n")
    assert len(version) == 12
    assert version_of(tmp_path, "# note\nchoose:\n  use: gpt-5\npolicy: p\nfallback: []\nwhy: ''\n") == version
    assert version_of(tmp_path, "policy: p\nchoose: {use: gpt-5-mini}\n") != version
    assert version_of(tmp_path, "policy: p\nchoose: {use: gpt-5}\nfallback: [gpt-5-mini]\n") != version


def test_a_version_sees_through_aliases(tmp_path: Path) -> None:
    """An alias that comes to mean another model makes another version."""
    text = "policy: p\nchoose: {use: prod}\n"
    models = "models:\n  a: {{aliases: [{}]}}\n  b: {{aliases: [{}]}}\n"
    versions: list[str] = []
    for aliases in (("prod", "other"), ("other", "prod")):
        write_folder(tmp_path, models=models.format(*aliases), policy=text)
        policy = load_policy(tmp_path / "policies/policy.yaml", load_catalogue(tmp_path / "models.yaml"))
        assert policy.decide(Request(request_id="r", time_us=1), Snapshot()).model == "ab"[len(versions)]
        versions.append(policy.version)
    assert versions[0] != versions[1]


def test_a_version_covers_schemas_and_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed schema file or validator function is a changed policy."""
    text = (
        "policy: p\nchoose:\n  cascade:\n    try: gpt-5-mini\n    else: gpt-5\n"
        "    accept_if: [{json_schema: order.json}, {call: 'validators_under_test:ok'}]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    module, schema = tmp_path / "validators_under_test.py", tmp_path / "policies/order.json"
    schema.parent.mkdir()

    def version(schema_text: str, body: str) -> str:
        schema.write_text(schema_text)
        module.write_text(f"def ok(text):\n    return {body}\n")
        sys.modules.pop("validators_under_test", None)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return version_of(tmp_path, text)

    first = version('{"type": "object"}', "True")
    assert version('{"type": "object"}', "True") == first
    assert version('{"type": "array"}', "True") != first
    assert version('{"type": "object"}', "bool(text)") != first


def test_a_price_does_not_change_a_version(tmp_path: Path) -> None:
    """The price book is no part of a policy."""
    versions = set()
    for usd in (1, 2):
        write_folder(
            tmp_path, models=f"models:\n  gpt-5: {{price_usd_per_million: {{input: {usd}, output: 1}}}}\n", p=ALWAYS
        )
        versions.add(load_policy(tmp_path / "policies/p.yaml", load_catalogue(tmp_path / "models.yaml")).version)
    assert len(versions) == 1


def test_a_routing_made_in_code_keeps_the_same_rules(tmp_path: Path) -> None:
    """Twins and impossible limits are refused there too."""
    write_folder(tmp_path, always=ALWAYS)
    policy = load_policy(tmp_path / "policies/always.yaml", load_catalogue(tmp_path / "models.yaml"))
    with pytest.raises(ConfigError, match="shadows must have distinct names"):
        Routing.of(live=policy, shadows=[policy, policy])
    with pytest.raises(ConfigError, match=r"limits\.budget_s must be above 0"):
        Limits(budget_s=0)
    assert Routing.of(live=policy, shadows=[policy]).catalogue.book_id.startswith("genai-prices-")
