"""What is hashed today has the same hash for ever: versions of policies, plans, steps and price books are recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import create_model

from shadow.config import policy_version as policies
from shadow.config.canonical import FirstKeys, canonical_form
from shadow.config.fields import Document
from shadow.config.policy_document import PolicyDocument
from shadow.config.policy_version import policy_version
from shadow.domain.ids import lasting_fields
from shadow.domain.policy import Decision, Step
from shadow.prices.registry import Price
from shadowroute.analysis.plan import load_plan, loading
from shadowroute.analysis.plan.document import PlanDocument, ReviewDocument
from shadowroute.analysis.plan.loading import Plan, plan_of
from shadowroute.analysis.plan.registration import differences
from tests.support.hashes import GOLDEN, document_files, hashes, plan_files, policy_document

ROOTS: Final[Mapping[type[Document], FirstKeys]] = {
    PolicyDocument: policies.FIRST_KEYS,
    PlanDocument: loading.FIRST_KEYS,
}
NOT_HASHED: Final = {"PolicyDocument.isolation"}


def document_types(annotation: Any) -> Iterator[type[Document]]:
    """Classes of documents in an annotation, and in those of their fields."""
    if isinstance(annotation, type) and issubclass(annotation, Document):
        yield annotation
        for field in annotation.model_fields.values():
            yield from document_types(field.annotation)
    for inner in get_args(annotation):
        yield from document_types(inner)


def documents_in(value: Any) -> Iterator[Document]:
    """A document and all inside of it."""
    if isinstance(value, Document):
        yield value
        for name in type(value).model_fields:
            yield from documents_in(getattr(value, name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from documents_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from documents_in(inner)


def golden_roots() -> list[tuple[Document, FirstKeys]]:
    """The golden files, which together hold every class of document."""
    plans = [load_plan(file).document for file in GOLDEN.glob("*_plan.yaml")]
    return [
        *((policy_document(file), policies.FIRST_KEYS) for file in document_files()),
        *((plan, loading.FIRST_KEYS) for plan in plans),
    ]


def one_of_each() -> list[tuple[Document, FirstKeys]]:
    """A document of each class."""
    found = [(each, first) for root, first in golden_roots() for each in documents_in(root)]
    return list({type(each): (each, first) for each, first in found}.values())


def with_key(document: Document, default: Any, value: Any) -> Document:
    """The same document in a later release, whose class has one more key."""
    cls = type(document)
    later = create_model(cls.__name__, __base__=cls, added_later=(Any, default))
    values = {field.alias or name: getattr(document, name) for name, field in cls.model_fields.items()}
    return later.model_construct(**values, added_later=value)


def test_every_document_has_the_hash_that_it_always_had(tmp_path: Path) -> None:
    """tests/golden/hashes.json only grows: its lines for files that were not edited must never change.

    A recorded plan would read "changed", and the traffic of a policy would fall apart into two versions.
    """
    assert hashes(tmp_path) == json.loads((GOLDEN / "hashes.json").read_text())


def test_a_first_key_that_is_lost_or_renamed_is_noticed() -> None:
    """Each of them, with its default, is in a golden file: without its line in the table a recorded hash changes."""
    unnoticed = []
    for root, first in ROOTS.items():
        documents = [each for each, _ in golden_roots() if isinstance(each, root)]
        before = [canonical_form(each, first) for each in documents]
        for name, keys in first.items():
            for key in keys:
                without = {**first, name: set(keys) - {key}}
                if [canonical_form(each, without) for each in documents] == before:
                    unnoticed.append(f"{name}.{key}")
    assert unnoticed == []


def test_every_class_of_document_is_in_a_golden_file() -> None:
    """So that the property below holds for all of them."""
    assert {cls for root in ROOTS for cls in document_types(root)} - {type(each) for each, _ in one_of_each()} == set()


def test_the_default_of_a_later_key_never_changes() -> None:
    """tests/golden/later_keys.json has a line for each key with a default that came after the first ones.

    It is no part of a hash while it has its default, so another default would change what a policy does and not its
    version. Add the line with the key; never edit one. Keys without a value need none.
    """
    later = {
        f"{cls.__name__}.{name}": field.get_default(call_default_factory=True, validated_data={})
        for root, first in ROOTS.items()
        for cls in document_types(root)
        for name, field in cls.model_fields.items()
        if not field.is_required() and name not in first.get(cls.__name__, ())
    }
    golden = json.loads((GOLDEN / "later_keys.json").read_text())
    assert {key: default for key, default in later.items() if default is not None and key not in NOT_HASHED} == golden


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2))


EACH: Final = one_of_each()


@given(each=st.sampled_from(EACH), default=VALUES, value=VALUES)
def test_a_new_key_changes_a_hash_only_where_it_is_set(
    each: tuple[Document, FirstKeys], default: Any, value: Any
) -> None:
    """In every kind of document that is hashed, whatever its default is."""
    document, first = each
    before = canonical_form(document, first)
    assert canonical_form(with_key(document, default, default), first) == before
    after = canonical_form(with_key(document, default, value), first)
    assert after == (before if value == default else before | {"added_later": value})


def later_plans() -> tuple[type[Document], type[Document]]:
    """Plans of a later release, with a key in an inner document and a document of its own kind."""
    review = create_model("ReviewDocument", __base__=ReviewDocument, two_persons=(bool, False))
    mirror = create_model("MirrorDocument", __base__=Document, share=(str, "1%"), days=(int, 7))
    plan = create_model("PlanDocument", __base__=PlanDocument, review=(review, review()), mirror=(mirror, mirror()))
    return plan, mirror


@pytest.mark.parametrize("name", ["README.md", "tests/golden/every_key_plan.yaml", "tests/golden/short_plan.yaml"])
def test_a_recorded_plan_is_unchanged_in_a_release_with_more_options(name: str, tmp_path: Path) -> None:
    """Its file reads as it was recorded; an option that is set then is an edit, said by its place."""
    recorded = load_plan(plan_files(tmp_path)[name])
    cls, _ = later_plans()
    later = Plan(cls.model_validate(recorded.content))  # type: ignore[arg-type]
    assert later.hash == recorded.hash
    assert later.content == recorded.content
    edited = {**recorded.content, "mirror": {"days": 14}, "review": {**recorded.content["review"], "two_persons": True}}
    changed = Plan(cls.model_validate(edited))  # type: ignore[arg-type]
    assert changed.hash != recorded.hash
    assert list(differences(recorded.content, changed.content)) == [
        ("review.two_persons", None, True),
        ("mirror", None, {"days": 14}),
    ]


def test_stored_content_of_a_plan_gives_its_hash_again(tmp_path: Path) -> None:
    """The first recorded content judges, read back from the store."""
    for file in plan_files(tmp_path).values():
        plan = load_plan(file)
        assert plan_of(plan.content).hash == plan.hash


def test_a_policy_keeps_its_version_where_it_runs_elsewhere() -> None:
    """Isolation is no part of a version; an artifact is."""
    for file in document_files():
        document = policy_document(file)
        elsewhere = document.model_copy(update={"isolation": "thread"})
        assert policy_version(elsewhere, {}) == policy_version(document, {})
        assert policy_version(document, {"json_schema schema.json": "0"}) != policy_version(document, {})


class LaterStep(Step):
    """A step of a later release, with one more thing that is recorded only where it is asked for."""

    def document(self) -> dict[str, Any]:
        return {**super().document(), "streams": True}


def test_a_later_value_of_a_step_does_not_pass_for_another(tmp_path: Path) -> None:
    """A step is hashed by its values: without names, `streams` alone would be `verifies` alone."""

    def steps_id(step: Step) -> str:
        return Decision(policy="p", version="1", steps=(step,)).steps_id

    assert steps_id(LaterStep(kind="escalation", model="m")) not in {
        steps_id(Step(kind="escalation", model="m")),
        steps_id(Step(kind="escalation", model="m", verifies=True)),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterPrice(Price):
    """A price of a later release."""

    batch_discount: float = 0.0


def test_a_new_part_of_a_price_renames_no_price_book() -> None:
    """Only one that uses it."""
    known = {"input_usd_per_mtok": 1.0, "cache_read_usd_per_mtok": 0.1, "cache_write_usd_per_mtok": 1.0}
    price = LaterPrice(**known, output_usd_per_mtok=2.0)
    assert lasting_fields(price) == lasting_fields(Price(**known, output_usd_per_mtok=2.0))
    discounted = LaterPrice(**known, output_usd_per_mtok=2.0, batch_discount=0.5)
    assert lasting_fields(discounted) == lasting_fields(price) | {"batch_discount": 0.5}
