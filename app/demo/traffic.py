"""A week of synthetic requests: user, time, length, difficulty, and the answer of each model.

Nothing here is measured from real traffic. The shapes are those that make routing figures hard in production: users who
come back with several sessions, sessions of very unequal length, log-normal prompts that grow with the conversation,
a load that follows the day and the week, and a difficulty that no policy can see. For every turn the answer of every
model is drawn, so that the truth of any policy is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from shadow.domain.outcome import Usage
from shadowroute.app.demo.scenario import CLAUSES, MODELS, TASKS, USER_TIER_SHARES, USER_TIERS
from shadowroute.collector.replay.record import Record, said

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WEEK_S = 7 * 86_400
REQUESTS_PER_SESSION = 40_000 / 3_100
SESSIONS_PER_USER = 1.7
SYSTEM_PROMPT_TOKENS = 420
HISTORY_LIMIT_TOKENS = 2_000


@dataclass(frozen=True, slots=True)
class Draw:
    """The answer of one model to one turn."""

    output_tokens: int
    good: bool
    well_formed: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of the week.

    Attributes:
        prefix_tokens: system prompt and conversation so far, which a warm prompt cache may hold.
        fresh_tokens: what this turn adds.
        draws: model -> its answer.
        thumb_roll, thumb_delay_s, thumb_flipped, thumb_by_response: chance, delay, honesty and id of the
            user's rating; the roll is compared with a rate that depends on how good the served answer was.
    """

    request_id: str
    time_us: int
    user: str
    session: str
    task: str
    user_tier: str
    prompt: str
    prefix_tokens: int
    fresh_tokens: int
    draws: Mapping[str, Draw]
    thumb_roll: float
    thumb_delay_s: float
    thumb_flipped: bool
    thumb_by_response: bool

    @property
    def input_tokens(self) -> int:
        """The whole prompt."""
        return self.prefix_tokens + self.fresh_tokens

    @property
    def record(self) -> Record:
        """The input of the router for the turn."""
        return Record(
            request_id=self.request_id,
            time_us=self.time_us,
            messages=said(self.prompt),
            user=self.user,
            session=self.session,
            task=self.task,
            user_tier=self.user_tier,
            usage=Usage(input_tokens=self.input_tokens),
        )


@dataclass(frozen=True)
class Traffic:
    """A week in the order of its requests."""

    turns: tuple[Turn, ...]
    sessions: int
    users: int
    seed: int
    first_day: date

    @property
    def last_day(self) -> date:
        """Last UTC day of the week."""
        return self.first_day + timedelta(days=6)

    @property
    def end_us(self) -> int:
        """End of the week, epoch microseconds."""
        return _start_us(self.first_day) + WEEK_S * 1_000_000


def simulate(requests: int, seed: int, first_day: date) -> Traffic:
    """Draws a week.

    Args:
        requests: their number, at least 100.
        seed: the same seed gives the same week.
        first_day: UTC day on which the week starts.

    Raises:
        ValueError: fewer than 100 requests, too few for a session structure.
    """
    if requests < 100:
        raise ValueError(f"requests must be at least 100, got {requests}")
    random = np.random.default_rng(seed)
    sessions = max(20, round(requests / REQUESTS_PER_SESSION))
    users = max(10, round(sessions / SESSIONS_PER_USER))
    user_of_session = random.choice(users, sessions, p=_shares(random.lognormal(0.0, 0.8, users)))
    turns_of_session = 1 + random.multinomial(requests - sessions, _shares(random.lognormal(0.0, 1.1, sessions)))
    session = np.repeat(np.arange(sessions), turns_of_session)
    task = _tasks(random, session, sessions)
    tier_of_user = random.choice(len(USER_TIERS), users, p=USER_TIER_SHARES)
    difficulty = _difficulty(random, task, random.normal(0.0, 0.07, users)[user_of_session[session]])
    fresh = _fresh_tokens(random, task, difficulty)
    columns = _Columns(
        time_s=_times(random, session, turns_of_session),
        user=user_of_session[session],
        session=session,
        task=task,
        tier=tier_of_user[user_of_session[session]],
        difficulty=difficulty,
        prefix=_prefix_tokens(session, fresh + np.array([TASKS[t].answer_tokens for t in task])),
        fresh=fresh,
    )
    turns = tuple(_turns(random, columns, seed, first_day))
    return Traffic(turns=turns, sessions=sessions, users=len(set(user_of_session)), seed=seed, first_day=first_day)


def past_week(today: date) -> date:
    """First day of the seven full UTC days before `today`."""
    return today - timedelta(days=7)


@dataclass(frozen=True)
class _Columns:
    time_s: Floats
    user: Integers
    session: Integers
    task: Integers
    tier: Integers
    difficulty: Floats
    prefix: Integers
    fresh: Integers


def _shares(weights: Floats) -> Floats:
    return np.asarray(weights / weights.sum())


def _tasks(random: np.random.Generator, session: Integers, sessions: int) -> Integers:
    """A session is mostly about one thing."""
    shares = [task.share for task in TASKS]
    usual = random.choice(len(TASKS), sessions, p=shares)[session]
    other = random.choice(len(TASKS), len(session), p=shares)
    return np.asarray(np.where(random.random(len(session)) < 0.85, usual, other))


def _difficulty(random: np.random.Generator, task: Integers, user_effect: Floats) -> Floats:
    easy = np.array([TASKS[t].easy for t in task])
    return np.clip(random.beta(easy, 3.0) + user_effect, 0.0, 1.0)


def _fresh_tokens(random: np.random.Generator, task: Integers, difficulty: Floats) -> Integers:
    """Heavy-tailed, and longer where it is harder."""
    median = np.array([TASKS[t].prompt_tokens for t in task])
    tokens = median * np.exp(0.8 * (difficulty - 0.4) + random.normal(0.0, 0.9, len(task)))
    return np.asarray(np.clip(tokens, 8, 60_000), dtype=np.int64)


def _prefix_tokens(session: Integers, added: Integers) -> Integers:
    """System prompt plus the earlier turns of the session, cut where the history is cut."""
    before = np.cumsum(added) - added
    starts = np.flatnonzero(np.diff(session, prepend=-1))
    since_start = before - np.repeat(before[starts], np.diff(np.append(starts, len(session))))
    return np.asarray(SYSTEM_PROMPT_TOKENS + np.minimum(since_start, HISTORY_LIMIT_TOKENS))


def _times(random: np.random.Generator, session: Integers, turns_of_session: Integers) -> Floats:
    """Seconds since the week's start: sessions by the hour of the week, turns minutes after each other."""
    hours = np.arange(7 * 24)
    load = 1.0 + 0.8 * np.sin((hours % 24 - 8) / 24 * 2 * np.pi)
    load[5 * 24 :] *= 0.55
    hour = random.choice(len(hours), len(turns_of_session), p=_shares(load))
    start = hour * 3600 + random.uniform(0, 3600, len(hour))
    gap = np.exp(np.log(45.0) + random.normal(0.0, 1.0, len(session)))
    after = np.cumsum(gap) - gap
    first = np.cumsum(turns_of_session) - turns_of_session
    offset = after - np.repeat(after[first], turns_of_session)
    length = np.repeat(np.maximum.reduceat(offset, first), turns_of_session)
    room = WEEK_S - 1.0 - np.repeat(start, turns_of_session)
    return np.asarray(np.repeat(start, turns_of_session) + offset * np.minimum(1.0, room / np.maximum(length, 1.0)))


def _draws(random: np.random.Generator, columns: _Columns) -> list[dict[str, Draw]]:
    """Every model's answer to every turn. Length and luck are shared, so that two models' answers are alike."""
    n = len(columns.task)
    median = np.array([TASKS[t].answer_tokens for t in columns.task])
    length, luck, form = random.normal(0.0, 0.6, n), random.random(n), random.random(n)
    draws: list[dict[str, Draw]] = [{} for _ in range(n)]
    for model in MODELS:
        weak = np.array([model.weak_tasks.get(TASKS[t].name, 0.0) for t in columns.task])
        good = luck < 1.0 / (1.0 + np.exp(-(model.skill - weak - 5.0 * (columns.difficulty - 0.5))))
        tokens = np.maximum(1, np.round(median * model.wordiness * np.exp(length + random.normal(0.0, 0.3, n))))
        well_formed = form < np.where(good, 0.985, 0.40)
        for draw, count, is_good, is_well_formed in zip(draws, tokens, good, well_formed, strict=True):
            draw[model.name] = Draw(int(count), bool(is_good), bool(is_well_formed))
    return draws


def _turns(random: np.random.Generator, columns: _Columns, seed: int, first_day: date) -> Iterator[Turn]:
    n = len(columns.task)
    draws = _draws(random, columns)
    roll, flipped, by_response = random.random(n), random.random(n) < 0.05, random.random(n) < 0.4
    delay = np.exp(np.log(2.0 * 3600) + random.normal(0.0, 1.2, n))
    start_us = _start_us(first_day)
    for place, at in enumerate(np.argsort(columns.time_s, kind="stable")):
        task = TASKS[columns.task[at]]
        yield Turn(
            request_id=f"sim-{seed}-{place:06d}",
            time_us=start_us + int(columns.time_s[at] * 1e6),
            user=f"user-{columns.user[at]}",
            session=f"session-{columns.session[at]}",
            task=task.name,
            user_tier=USER_TIERS[columns.tier[at]],
            prompt=" ".join((task.text, *CLAUSES[: int(columns.difficulty[at] * (len(CLAUSES) + 1))])),
            prefix_tokens=int(columns.prefix[at]),
            fresh_tokens=int(columns.fresh[at]),
            draws=draws[at],
            thumb_roll=float(roll[at]),
            thumb_delay_s=float(delay[at]),
            thumb_flipped=bool(flipped[at]),
            thumb_by_response=bool(by_response[at]),
        )


def _start_us(day: date) -> int:
    return int(datetime.combine(day, datetime.min.time(), UTC).timestamp()) * 1_000_000
