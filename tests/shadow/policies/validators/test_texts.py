"""Validators of the answer's text: what each accepts, refuses and cannot judge."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shadow.domain.outcome import Answer, Usage
from shadow.errors import ConfigError, ShadowError, UnjudgedError
from shadow.policies.validators import (
    Calls,
    Case,
    Cites,
    Confidence,
    JsonSchema,
    Length,
    Matches,
    NotContaining,
    NotHedging,
    NotMatches,
    NotRefusal,
    RequiredFields,
    ScoreAtLeast,
    Validator,
)
from tests.support.sdk import request

SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
FENCED = 'Here it is:\n```json\n{"id": 1}\n```\nDone.'


def verdict(validator: Validator, text: str = "", **answer: Any) -> bool:
    return validator.accepts(Case(request(), Answer(text=text, **answer)))


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ('{"id": 1}', True),
        ('{"id": "1"}', False),
        ("{}", False),
        ("not json", False),
        ("", False),
        (FENCED, False),
        ("[" * 100_000, False),
    ],
)
def test_a_json_schema_judges_the_text(text: str, accepted: bool) -> None:
    """Text that is no JSON, or too deep to be read, does not fit any schema."""
    assert verdict(JsonSchema(SCHEMA, label="order.json"), text) is accepted


def test_a_schema_may_look_into_a_fenced_block() -> None:
    """Only where the file says so: a program that reads the answer may not be able to."""
    validator = JsonSchema(SCHEMA, label="order.json", fenced=True)
    assert verdict(validator, FENCED)
    assert verdict(validator, '{"id": 2}')
    assert not verdict(validator, '```json\n{"id": 1}')
    assert validator.name == "json_schema(order.json, fenced)"


def test_a_schema_never_reaches_the_network() -> None:
    """A reference out of the schema is an error of the validator, not a download."""
    validator = JsonSchema({"$ref": "http://127.0.0.1:9/schema.json"}, label="remote.json")
    with pytest.raises(Exception, match=r"127\.0\.0\.1:9"):
        verdict(validator, json.dumps({}))


def test_a_wrong_schema_is_a_config_error() -> None:
    """It is found when the policy is loaded, not at the first answer."""
    with pytest.raises(ConfigError, match=r"order\.json must be a JSON schema"):
        JsonSchema({"type": "objekt"}, label="order.json")


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ({"order": {"id": 0, "items": [{"sku": "a"}]}}, True),
        ({"order": {"id": False, "items": [{"sku": "a"}]}}, True),
        ({"order": {"id": None, "items": [{"sku": "a"}]}}, False),
        ({"order": {"id": " ", "items": [{"sku": "a"}]}}, False),
        ({"order": {"id": 1, "items": []}}, False),
        ({"order": {"id": 1, "items": {"0": {"sku": "a"}}}}, True),
        ({"order": 1}, False),
        ([1], False),
    ],
)
def test_required_fields_must_be_filled(value: Any, accepted: bool) -> None:
    """0 and false are values; null and what is empty are none."""
    assert verdict(RequiredFields(["order.id", "order.items.0.sku"]), json.dumps(value)) is accepted


def test_required_fields_of_a_fenced_object() -> None:
    """As for a schema."""
    assert verdict(RequiredFields(["id"], fenced=True), FENCED)
    assert not verdict(RequiredFields(["id"]), FENCED)


def test_a_pattern_is_found_or_is_not() -> None:
    """`not_matches` is the opposite of `matches`."""
    for text, found in (("order 12", True), ("order", False), ("", False)):
        assert verdict(Matches(r"\d"), text) is found
        assert verdict(NotMatches(r"\d"), text) is not found


def test_length_counts_characters_or_the_providers_tokens() -> None:
    """Both limits are included; tokens that nobody counted are unknown."""
    characters = Length(at_least=2, at_most=3)
    assert [verdict(characters, text) for text in ("a", " ab ", "abc", "abcd")] == [False, True, True, False]
    tokens = Length(at_most=100, unit="tokens")
    assert verdict(tokens, "x", usage=Usage(output_tokens=100))
    assert not verdict(tokens, "x", usage=Usage(output_tokens=101))
    with pytest.raises(UnjudgedError, match=r"length\(at most 100 tokens\) must know the output tokens"):
        verdict(tokens, "x")


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I can\u2019t assist with that request.",
        "Sorry, I am unable to process this file.",
        "I cannot provide medical advice.",
        "As an AI language model, I don't have access to real-time data.",
        "I must respectfully decline to answer.",
        "I'm not able to generate that kind of content.",
        "We are unable to answer questions about other customers.",
        "That request violates OpenAI's usage policies.",
        "I won't help you with this.",
        "I'm not comfortable writing that.",
        "Es tut mir leid, aber das kann ich nicht beantworten.",
        "Ich kann Ihnen dabei leider nicht helfen.",
        "Je ne peux pas vous aider avec cette demande.",
        "Désolé, je ne peux pas répondre à cette question.",
        "Lo siento, no puedo ayudarte con eso.",
        "",
        "  \n ",
    ],
)
def test_a_refusal_is_seen(text: str) -> None:
    """Also with typographic apostrophes, and where nothing is said at all."""
    assert not verdict(NotRefusal(), text)


@pytest.mark.parametrize(
    "text",
    [
        "The order arrives on Monday.",
        "I can help with that: open Settings, then Billing.",
        "You can't return opened items; the policy is 30 days.",
        "I can't help but notice that the total is wrong: it should be 18.",
        "Customers who cannot log in should reset their password.",
        "I'm sorry to hear that! Your refund of $20 is on its way.",
        "42",
        "Der Artikel kann nicht geliefert werden; ich habe eine Gutschrift erstellt.",
        "The answer is 18. " * 60 + "Sorry, I can't help with anything else.",
    ],
)
def test_an_answer_is_no_refusal(text: str) -> None:
    """Words of refusals about other people, further down, or in other senses do not count."""
    assert verdict(NotRefusal(), text)


def test_an_empty_text_that_calls_a_tool_is_no_refusal() -> None:
    """Where nobody knows whether it does, the answer cannot be judged."""
    asked = request(has_tools=True, tools=("find",))
    assert NotRefusal().accepts(Case(asked, Answer(tool_calls=(("find", "{}"),))))  # type: ignore[arg-type]
    assert not NotRefusal().accepts(Case(asked, Answer(tool_calls=())))
    with pytest.raises(UnjudgedError, match="not_refusal must know"):
        NotRefusal().accepts(Case(asked, Answer()))


@pytest.mark.parametrize(
    ("text", "hedges"),
    [
        ("The capital is Paris.", 0),
        ("I think it is probably Paris.", 0),
        ("I'm not sure, but it may be Paris.", 1),
        ("I am unsure.", 1),
        ("I'm not entirely certain about this. As far as I know, it is Paris.", 2),
        ("It is hard to say; there is not enough information.", 2),
        ("I don\u2019t know. I could be wrong. It is unclear.", 3),
        ("She is not sure of the way, he does not know it.", 0),
    ],
)
def test_hedges_are_counted(text: str, hedges: int) -> None:
    """As many as are let pass are accepted, one more is not."""
    assert verdict(NotHedging(hedges), text)
    assert hedges == 0 or not verdict(NotHedging(hedges - 1), text)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("brackets", "It was in 1969 [3]."),
        ("brackets", "Several say so [1, 4-6]."),
        ("url", "See https://example.org/a."),
        ("doi", "doi:10.1000/182"),
        ("author_year", "as shown (Smith et al., 2020)"),
        ("author_year", "Smith (2020b) shows"),
    ],
)
def test_every_form_of_citation_is_found(form: Any, text: str) -> None:
    """Each by its own form and by `any`; none in text without one."""
    assert verdict(Cites(form=form), text)
    assert verdict(Cites(), text)
    assert not verdict(Cites(form=form), "It was in 1969 (a good year), see section 3.")


def test_citations_must_differ() -> None:
    """The same source twice is one source."""
    assert not verdict(Cites(at_least=2), "So [1] and again [1].")
    assert verdict(Cites(at_least=2), "So [1] and also [2].")
    assert verdict(Cites(pattern=r"\bKB-\d+"), "See KB-17.")


def test_restricted_phrases_are_whole_words() -> None:
    """Case and white space make no difference; part of a word is none, unless the file says so."""
    validator = NotContaining(["Internal Only", "ass"])
    assert not verdict(validator, "this is INTERNAL\n  only.")
    assert not verdict(validator, "kick-ass!")
    assert verdict(validator, "a class of its own, internally only")
    assert not verdict(validator, "class, ass")
    assert not verdict(NotContaining(["ass"], whole_words=False), "class")
    assert "ass" not in validator.asks


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("It is 18.\nConfidence: 85 %", 0.85),
        ("**Confidence score:** 8/10", 0.8),
        ('{"answer": 18, "confidence": 0.3}', 0.3),
        ("Confidence: 20%. Checked again. Confidence: 90%", 0.9),
        ("My confidence is 1", 1.0),
    ],
)
def test_a_rating_is_read_from_the_text(text: str, rating: float) -> None:
    """The last one counts; it may be a share, a percentage or a fraction."""
    assert verdict(Confidence(rating), text)
    assert rating == 1 or not verdict(Confidence(rating + 0.01), text)


@pytest.mark.parametrize("text", ["It is 18.", "Confidence: 85", "Confidence: high", "Confidence: 8/0", ""])
def test_an_answer_without_a_rating_is_not_refused(text: str) -> None:
    """Who does not say how sure he is may be right: unknown is never refused. 85 of nobody knows what is no rating."""
    with pytest.raises(UnjudgedError, match=r"confidence\(at least 0\.5\) must find a rating"):
        verdict(Confidence(0.5), text)


def test_a_rating_is_read_from_a_field() -> None:
    """Of an answer that is JSON, fenced or not."""
    validator = Confidence(0.7, field="self.sure")
    assert verdict(validator, '```json\n{"self": {"sure": "75 %"}}\n```')
    assert not verdict(validator, '{"self": {"sure": 0.5}}')
    for other in ('{"self": {"sure": true}}', '{"self": {"sure": 75}}', "Confidence: 90 %"):
        with pytest.raises(UnjudgedError):
            verdict(validator, other)


def test_a_user_function_must_say_yes_or_no() -> None:
    """A truthy object is not a verdict."""
    assert verdict(Calls(str.isdigit, label="m:f"), "12")
    with pytest.raises(ShadowError, match=r"call\(m:f\) must return True or False, got str"):
        verdict(Calls(str.upper, label="m:f"), "x")


def test_a_recorded_score_is_compared() -> None:
    """The limit is included; without a score there is nothing to judge by."""
    assert verdict(ScoreAtLeast(0.5), score=0.5)
    assert not verdict(ScoreAtLeast(0.5), score=0.4)
    with pytest.raises(UnjudgedError, match="must see a recorded score, got none"):
        verdict(ScoreAtLeast(0.5))


def test_validators_differ_by_what_they_test() -> None:
    """Names are part of the recorded steps: other tests, other names; long ones are cut but stay different."""
    assert ScoreAtLeast(0.5).name == "score_at_least(0.5)"
    long_one, other = Matches("a" * 300 + "b"), Matches("a" * 300 + "c")
    assert len(long_one.name) < 110
    assert long_one.name != other.name
    names = [
        each.name
        for each in (
            NotRefusal(), NotHedging(), NotHedging(1), Cites(), Cites(form="url"), Cites(at_least=2), Length(at_most=1),
            Length(at_least=1), Length(at_most=1, unit="tokens"), NotContaining(["a"]), NotContaining(["b"]),
            NotContaining(["a"], whole_words=False), NotContaining(["a"], label="f"), NotContaining(["b"], label="f"),
            Confidence(0.5), Confidence(0.6), Confidence(0.5, field="a"), RequiredFields(["a"]), RequiredFields(["b"]),
        )
    ]  # fmt: skip
    assert len(set(names)) == len(names)
