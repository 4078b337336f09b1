"""Messages and metadata to a frozen request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.domain.features import MESSAGES_AT_MOST, extract, output_limit
from shadow.domain.ids import KeyedHash
from shadow.domain.request import Message, Request

HASH = KeyedHash("p", key="secret")


def request_of(messages: Any, **facts: Any) -> Request:
    return extract(messages=messages, hash_id=HASH, time_us=1_700_000_000_000_000, **facts)


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_later_changes_do_not_reach_the_request() -> None:
    """The request shares nothing mutable with the caller."""
    part = {"type": "text", "text": "before"}
    messages = [user([part])]
    labels = {"team": "a"}
    request = request_of(messages, labels=labels, allowed_labels=frozenset({"team"}))
    part["text"] = "after"
    messages.append(user("more"))
    labels["team"] = "b"
    assert request.messages == (Message("user", "before"),)
    assert request.labels == {"team": "a"}
    with pytest.raises(TypeError):
        request.labels["team"] = "c"  # type: ignore[index]  # that it cannot be done is the rule


def test_objects_are_read_like_dicts() -> None:
    """Messages of the OpenAI client are objects; their parts too."""
    part = SimpleNamespace(type="text", text="two")
    message = SimpleNamespace(role="user", content=["one", part, {"type": "image_url", "image_url": {}}])
    assert request_of([message]).text == "one\ntwo"


def test_an_iterator_is_not_consumed() -> None:
    """What the caller passes on to its provider must still be whole."""
    messages = iter([user("hello")])
    assert request_of(messages).messages == ()
    assert len(list(messages)) == 1


def test_a_plain_text_is_one_user_message() -> None:
    """A prompt without roles is a user message, not a sequence of characters."""
    assert request_of("hello").messages == (Message("user", "hello"),)


def test_tokens_are_estimated_or_given() -> None:
    """A count by the host replaces the estimate and says so; a count that cannot be one does not."""
    estimated = request_of([user("x" * 400)])
    assert (estimated.input_tokens, estimated.input_tokens_known) == (104, False)
    given_count = request_of([user("x" * 400)], input_tokens=5_000)
    assert (given_count.input_tokens, given_count.input_tokens_known, given_count.input_band) == (5_000, True, "4k-16k")
    for wrong in (-1, True, 3.5, "7"):
        assert request_of([user("x" * 400)], input_tokens=wrong).input_tokens == 104


@pytest.mark.parametrize(
    ("tokens", "band"),
    [(0, "lt1k"), (999, "lt1k"), (1_000, "1k-4k"), (4_000, "4k-16k"), (16_000, "16k-128k"), (128_000, "gt128k")],
)
def test_input_bands_begin_at_their_edges(tokens: int, band: str) -> None:
    """A band includes its lower edge."""
    assert request_of([], input_tokens=tokens).input_band == band


def test_a_long_conversation_is_bounded() -> None:
    """The first and the last messages are kept; the estimate covers those in between."""
    messages = [user(f"{place:08d}" * 10) for place in range(10_000)]
    request = request_of(messages)
    assert len(request.messages) == MESSAGES_AT_MOST
    assert request.messages[0].text.startswith("00000000")
    assert request.text.startswith("00009999")
    assert request.input_tokens == pytest.approx(10_000 * 24, rel=0.01)


def test_complexity_orders_requests() -> None:
    """A greeting is low, a long analysis with code is high."""
    greeting = request_of([user("Hello there.")])
    analysis = request_of([user("Explain and compare why {a} == {b}?\n1. prove it\n2. debug `x`\n" * 60)])
    assert greeting.complexity < 0.1
    assert greeting.complexity_band == "low"
    assert analysis.complexity > 0.6
    assert analysis.complexity_band == "high"


def test_only_the_last_user_message_counts_for_complexity() -> None:
    """A demanding system prompt does not make every question demanding."""
    system = {"role": "system", "content": "explain prove compare {}=`\n" * 500}
    assert request_of([system, user("Hi.")]).complexity < 0.1


def test_ids_leave_only_as_keys() -> None:
    """User and session ids are hashed; without an id there is no key."""
    request = request_of([], user="u-1", session=17)
    assert request.user_key == HASH("u-1")
    assert request.session_key == HASH("17")
    assert request_of([], user=None).user_key == ""


def test_labels_are_allow_listed_and_cut() -> None:
    """Undeclared labels, empty ones and None are dropped; long values are cut at 64 characters."""
    labels = {"team": "t" * 100, "secret": "x", "empty": None, "paid": False}
    request = request_of([], labels=labels, allowed_labels=frozenset({"team", "empty", "paid", "absent"}))
    assert dict(request.labels) == {"paid": "False", "team": "t" * 64}


def test_a_request_id_of_the_host_is_kept() -> None:
    """The host's id is the join key as it is; without one a UUIDv7 of the decision time is made."""
    assert request_of([], request_id="order-7").request_id == "order-7"
    made = request_of([]).request_id
    assert made[14] == "7"
    assert int(made.replace("-", "")[:12], 16) == 1_700_000_000_000


def test_tools_and_json_are_noticed() -> None:
    """Whether there are tools and whether JSON is asked for, in every form the OpenAI client takes."""
    assert request_of([], tools=[{}]).has_tools
    assert not request_of([], tools=[]).has_tools
    assert request_of([], response_format={"type": "json_schema"}).wants_json
    assert request_of([], response_format=Request).wants_json
    assert not request_of([], response_format={"type": "text"}).wants_json


@pytest.mark.parametrize("kind", ["image_url", "input_image", "image"])
def test_images_are_noticed_and_counted(kind: str) -> None:
    """In the forms of chat completions, of the Responses API and of Anthropic; each is estimated as one of 1,024 px."""
    parts = [{"type": "text", "text": "what is it?"}, {"type": kind}, SimpleNamespace(type=kind)]
    with_images, without = request_of([user(parts)]), request_of([user(parts[:1])])
    assert with_images.has_images
    assert not without.has_images
    assert with_images.input_tokens - without.input_tokens == 2 * 765
    assert request_of(None, has_images=True).has_images
    assert request_of(None, unknown=frozenset({"messages"})).unknown >= {"has_images"}


@pytest.mark.parametrize(("told", "limit"), [(1, 1), (None, None), (0, None), (-1, None), (True, None), ("9", None)])
def test_the_limit_for_the_answer_is_a_count(told: Any, limit: int | None) -> None:
    """What is no count above 0 sets no limit."""
    assert request_of([], max_output_tokens=told).max_output_tokens == limit


def test_the_limit_for_the_answer_has_three_names() -> None:
    """Old and new chat completions, and the Responses API."""
    assert output_limit({"max_tokens": 5}) == 5
    assert output_limit({"max_completion_tokens": 6, "max_tokens": None}) == 6
    assert output_limit({"max_output_tokens": 7}) == 7
    assert output_limit({}) is None


class Hostile:
    """Fails at nearly everything that may be done to it; the test tool itself must be able to look at it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __bool__(self) -> bool:
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError


class Worst(Hostile):
    """Fails even when its class is asked for."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(Hostile),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "text", "type"]), children, max_size=3)
    ),
    max_leaves=8,
)


FACTS = (
    "request_id",
    "user",
    "session",
    "task",
    "user_tier",
    "labels",
    "prompt_version",
    "input_tokens",
    "tools",
    "response_format",
)


@given(messages=JUNK, facts=st.fixed_dictionaries(dict.fromkeys(FACTS, JUNK)))
def test_odd_input_never_raises(messages: Any, facts: dict[str, Any]) -> None:
    """Whatever the caller passes, a request comes back, and its texts are texts."""
    request = request_of(messages, allowed_labels=frozenset({"role"}), **facts)
    assert all(type(text) is str for message in request.messages for text in message)
    assert 0 <= request.complexity <= 1
    assert request.input_tokens >= 0


def test_the_worst_object_counts_as_absent() -> None:
    """Not even asking for an object's class may raise."""
    facts = dict.fromkeys(FACTS, Worst())
    for messages in (Worst(), [Worst()], [user(Worst())], [user([Worst()])]):
        request = request_of(messages, allowed_labels=frozenset({"role"}), **facts)
        assert (request.task, request.labels, request.user_key) == ("", {}, "")
