"""Writes a routing folder for a test: models.yaml, shadow.yaml and policies, from texts."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

MODELS = """\
models:
  gpt-5: {provider: openai, tier: large, aliases: [azure/gpt-5-prod]}
  gpt-5-mini: {provider: openai, tier: small}
  llama-70b: {provider: onprem, tier: medium, price_usd_per_million: {input: 0.4, output: 0.8}}
"""
ALWAYS = "policy: always\nchoose: {use: gpt-5}\n"


def write_folder(folder: Path, *, models: str | None = MODELS, shadow: str | None = None, **policies: str) -> Path:
    """The folder, with `policies/<name>.yaml` for every further argument."""
    (folder / "policies").mkdir(parents=True, exist_ok=True)
    texts = {"models.yaml": models, "shadow.yaml": shadow}
    texts |= {f"policies/{name.replace('_', '-')}.yaml": text for name, text in policies.items()}
    for name, text in texts.items():
        if text is not None:
            (folder / name).write_text(dedent(text), encoding="utf-8")
    return folder
