"""`shadowroute init`: files that load as they are written, also from a LiteLLM proxy's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow.config import LiveSpec, load_routing
from shadowroute.analysis.plan import load_plan
from shadowroute.app.cli.root import run

pytestmark = pytest.mark.dates

PROXY = """\
model_list:
  - model_name: chat
    litellm_params: {model: azure/gpt-5-prod, api_base: "https://acme.example.com/", api_key: os.environ/AZURE_KEY}
  - model_name: chat
    litellm_params: {model: openai/gpt-5, api_key: os.environ/OPENAI_API_KEY}
  - model_name: gpt-5-mini
    litellm_params: {model: openai/gpt-5-mini, api_key: sk-canary-123}
  - model_name: "llama 3"
    litellm_params: {model: hosted_vllm/llama-70b, api_base: os.environ/LLAMA_URL}
  - model_name: "openai/*"
    litellm_params: {model: openai/*}
"""


def test_the_example_set_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All five files, with a plan for the policy that is in it."""
    folder = tmp_path / "routing"
    assert run(["init", str(folder), "--service", "my api: 2"]) == 0
    routing = load_routing(folder / "shadow.yaml")
    assert routing.service == "my api: 2"
    assert [shadow.name for shadow in routing.shadows] == ["cheap-first"]
    assert load_plan(folder / "plans/cheap-first.yaml").document.policy == "cheap-first"
    assert "to do" not in capsys.readouterr().out
    assert run(["policy", "lint", str(folder)]) == 0


def test_a_proxy_becomes_a_routing_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Groups are models, deployments their aliases; the dearer one is live's, the cheaper one is tried first."""
    (tmp_path / "config.yaml").write_text(PROXY)
    folder = tmp_path / "routing"
    assert run(["init", str(folder), "--litellm", str(tmp_path / "config.yaml")]) == 0
    routing = load_routing(folder / "shadow.yaml")
    assert isinstance(routing.live, LiveSpec)
    assert (routing.live.name, routing.live.decides) == ("litellm-prod", "randomly")
    models = routing.catalogue.models
    assert list(models) == ["chat", "gpt-5-mini", "llama 3"]
    assert models["chat"].aliases == ("azure/gpt-5-prod", "gpt-5-prod", "openai/gpt-5", "gpt-5")
    assert models["chat"].price is not None  # of gpt-5, its deployment
    assert models["chat"].base_url == "https://acme.example.com"
    assert models["chat"].api_key_env == "AZURE_KEY"
    assert (models["chat"].tier, models["gpt-5-mini"].tier) == ("large", "small")
    assert models["llama 3"].base_url == ""
    assert routing.shadows[0].models == ("gpt-5-mini", "chat")  # type: ignore[attr-defined]
    assert '"llama 3" has no price' in capsys.readouterr().out


def test_no_key_reaches_a_file_and_the_version_does_not_depend_on_one(tmp_path: Path) -> None:
    """A key that stands in the proxy's configuration is neither written nor hashed."""
    texts = []
    for place, key in enumerate(("sk-canary-123", "sk-canary-456")):
        (tmp_path / "config.yaml").write_text(PROXY.replace("sk-canary-123", key))
        folder = tmp_path / str(place)
        assert run(["init", str(folder), "--litellm", str(tmp_path / "config.yaml")]) == 0
        texts.append("".join(file.read_text() for file in sorted(folder.rglob("*.yaml"))))
    assert texts[0] == texts[1]
    assert "canary" not in texts[0]


def test_existing_files_are_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is lost: one existing file stops all of them, unless forced."""
    (tmp_path / "models.yaml").write_text("mine")
    assert run(["init", str(tmp_path)]) == 65
    assert "move it away, or write over it with --force" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models.yaml"]
    assert run(["init", str(tmp_path), "--force"]) == 0
    assert (tmp_path / "models.yaml").read_text() != "mine"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\n", "model_list must list at least one model"),
        ("model_list: [{model_name: x}]\n", "config.yaml:1: an entry must have model_name and litellm_params.model"),
        ("model_list: [{model_name: '*', litellm_params: {model: '*'}}]\n", "got only wildcards"),
        ("model_list: [{model_name: x, litellm_params: {model: y}}]\n", "must hold two models to choose between"),
    ],
)
def test_a_configuration_without_a_choice_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    """Exit 65, and no file is written."""
    (tmp_path / "config.yaml").write_text(text)
    assert run(["init", str(tmp_path / "routing"), "--litellm", str(tmp_path / "config.yaml")]) == 65
    assert says in capsys.readouterr().err
    assert not (tmp_path / "routing").exists()


def test_a_folder_called_shadow_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would hide the SDK from everything that runs beside it."""
    assert run(["init", str(tmp_path / "shadow")]) == 64
    assert "must not be called shadow" in capsys.readouterr().err
