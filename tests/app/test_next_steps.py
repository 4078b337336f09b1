"""Every command that a message names exists, with its options; and prices reach every project."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

import shadowroute.app.prices as app_prices
from shadowroute.app.cli.root import app
from shadowroute.app.prices import PriceKeeper, routing_models
from shadowroute.collector.price_books import book_prices, current_book
from shadowroute.collector.serve import rollup_now
from shadowroute.collector.store import Store
from tests.support.decision_rows import insert

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"shadowroute ([a-z]+)([^`;,()\n]*)")
PROSE = {"and", "could"}
"""Words after the name of the distribution in a sentence about it."""


def messages() -> Iterator[tuple[str, str]]:
    """Every text of the code, docstrings too, with its file."""
    for folder in ("app", "analysis", "collector", "shadow"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield str(file.relative_to(ROOT)), node.value


def test_the_commands_that_messages_name_exist() -> None:
    """A next step that cannot be taken is none."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    named: set[str] = set()
    for file, text in messages():
        for name, rest in COMMAND.findall(text):
            if name in PROSE:
                continue
            command = root.commands.get(name)
            assert command is not None, f"{file}: shadowroute {name}"
            named.add(name)
            words = rest.split()
            given = [command]
            if isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
                given = [found for word in words[0].split("|") if (found := command.commands.get(word)) is not None]
                assert len(given) == len(words[0].split("|")), f"{file}: shadowroute {name} {words[0]}"
            known = {option for one in given for each in one.params for option in (*each.opts, *each.secondary_opts)}
            told = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
            assert told <= known, f"{file}: shadowroute {name}{rest}"
    assert named >= {"up", "import", "report", "gate", "rollup", "queue"}


def test_no_message_names_an_option_without_its_command() -> None:
    """`up --prices models.yaml` cannot be typed."""
    bare = [(file, text) for file, text in messages() if re.search(r"(?<!shadowroute )\bup --\w", text)]
    assert not bare
    assert not [file for file, text in messages() if re.search(r"pin prices: (?!shadowroute )", text)]


@pytest.mark.parametrize("project", ["shop", ""])
def test_prices_of_one_project_leave_none_to_the_others(tmp_path: Path, store: Store, project: str) -> None:
    """`up --project shop --prices F`: the file holds for shop, the registry for every other project without a book."""
    file = tmp_path / "models.yaml"
    file.write_text("models:\n  gpt-5: {provider: openai, price_usd_per_million: {input: 9, output: 9}}\n")
    client = store.client()
    paid: dict[str, Any] = {"live_model": "gpt-5", "served_model": "gpt-5", "model": "gpt-5", "served_provider": ""}
    paid |= {"attempts": [("primary", "", "gpt-5", "", 1000, 0, 0, 100, 0.5)], "cache_read_tokens": 0}
    roles = ({"role": "live"}, {"role": "shadow", "policy": "cheap"})
    insert(client, "decisions", [paid | role | {"project": each} for each in ("shop", "b") for role in roles])
    rollup_now(store)
    keeper = PriceKeeper(project, file)
    keeper.start(store)
    keeper.stop()
    for kept in keeper._kept:  # what its thread does every few seconds
        app_prices.pin_missing(client, kept.catalogue, project=kept.project, source=kept.source)
    asked = {}
    for each in ("shop", "b"):
        book = current_book(client, each)
        assert book is not None
        asked[each] = {row.price.input_usd_per_mtok for row in book_prices(client, book) if row.model == "gpt-5"}
    assert asked == {"shop": {9.0}, "b": {1.25} if project else {9.0}}


def test_up_reads_the_prices_of_the_routing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the router itself decides by; a models.yaml of anything else is not taken."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "routing"
    folder.mkdir()
    (folder / "models.yaml").write_text("models:\n  gpt-5: {}\n")
    assert routing_models() is None
    (folder / "shadow.yaml").write_text("service: shop\n")
    assert routing_models() == Path("routing/models.yaml")
