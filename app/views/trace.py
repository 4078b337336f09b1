"""One request: the choice of the model, the outcome, and the decision of each shadow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from shadowroute.analysis.format import UNKNOWN, count, plain, usd
from shadowroute.analysis.queries.requests import AttemptRow, DecisionRow, RequestTrace
from shadowroute.app import data, filters, parts
from shadowroute.app.tables import Cell


def render() -> None:
    """The page."""
    scope = filters.current()
    if st.button("Back to requests", icon=":material/arrow_back:", type="tertiary"):
        filters.go_to("requests")
    request_id = st.query_params.get("request", "")
    if not request_id:
        st.info("No request is named in the address. Choose one on Requests.", icon=":material/info:")
        return
    trace = data.trace(scope.project, request_id)
    if trace is None:
        st.error(
            f"Request {request_id!r} is not stored in project {scope.project}: sampled out, older than the store keeps"
            " rows, or an id of another project."
        )
        return
    _head(trace)
    decisions = [*([trace.live] if trace.live else []), *trace.shadows]
    _compare(decisions)
    if trace.live:
        _served(trace.live)
    _content(trace)
    for decision in decisions:
        _decision(decision)
    _signals(trace)


def _head(trace: RequestTrace) -> None:
    st.subheader(f"Request {trace.request_id}", anchor=False)
    row = trace.live or trace.shadows[0]
    facts = {
        "task": row.task, "user tier": row.user_tier, "complexity": row.complexity_band, "input": row.input_band,
        **row.labels, "prompt version": row.prompt_version, "origin": row.origin, "sdk": row.sdk_version,
    }  # fmt: skip
    given = "  ·  ".join(f"{name}: {value}" for name, value in facts.items() if value)
    st.caption(f"{row.ts:%Y-%m-%d %H:%M:%S} UTC  ·  {given}")
    if trace.live is None:
        st.warning(
            "Only shadow decisions of this request are stored; the live one did not arrive.", icon=":material/info:"
        )


def _compare(decisions: list[DecisionRow]) -> None:
    st.markdown("##### Choice of each policy")
    header = ("policy", "version", "role", "names", "tier", "else", "reason", "status", "confidence", "decided in ms")
    parts.table(header, [_choice(row) for row in decisions], name="decisions")


def _choice(row: DecisionRow) -> tuple[Cell, ...]:
    status = row.status if not row.error_type else f"{row.status}: {row.error_type}"
    milliseconds = UNKNOWN if row.eval_s is None else f"{row.eval_s * 1000:.3f}"
    confidence = UNKNOWN if row.confidence is None else f"{row.confidence:.2f}"
    return (
        row.policy.name, row.policy.version, row.role, row.model, row.tier, row.escalation_model, row.reason,
        status, confidence, milliseconds,
    )  # fmt: skip


def _served(live: DecisionRow) -> None:
    st.markdown("##### Served answer")
    cells = st.columns(4)
    cells[0].metric("Answered by", live.served_model or "not reported")
    cells[1].metric("Tokens in / out", f"{_tokens(live.input_tokens)} / {_tokens(live.output_tokens)}")
    cells[2].metric("Latency", "unknown" if live.latency_s is None else f"{live.latency_s:.2f} s")
    cells[3].metric("Outcome", live.outcome_status)
    notes = [
        f"provider: {live.served_provider}" if live.served_provider else "",
        f"response id: {live.response_id}" if live.response_id else "",
        f"cached tokens: {count(live.cache_read_tokens)}" if live.cache_read_tokens else "",
        f"provider's own cost: {usd(live.reported_cost_usd)}" if live.reported_cost_usd is not None else "",
        f"trace id: {live.trace_id}" if live.trace_id else "",
    ]
    st.caption("  ·  ".join(note for note in notes if note).replace("$", r"\$"))
    if live.contamination:
        st.warning(
            "Differs from the live policy's choice: "
            + ", ".join(live.contamination)
            + ". Left out of cost and quality.",
            icon=":material/info:",
        )
    if live.attempts:
        parts.table(
            ("attempt", "kind", "provider", "model", "error", "input", "cached", "output", "latency s"),
            [_attempt(number, attempt) for number, attempt in enumerate(live.attempts, 1)],
            name="attempts",
        )


def _content(trace: RequestTrace) -> None:
    """Prompt and answer, if the service sends them: as plain text, because their content is not trusted."""
    messages = [*_items(trace.prompt), *_items(trace.answer)]
    if not messages:
        return
    with st.expander("Prompt and answer"):
        for message in messages:
            said = message.get("parts")
            texts = (
                [part.get("content", "") for part in said if isinstance(part, Mapping)]
                if isinstance(said, list)
                else []
            )
            st.caption(plain(str(message.get("role", ""))))
            st.text("\n".join(map(str, texts)))


def _attempt(number: int, attempt: AttemptRow) -> tuple[Cell, ...]:
    return (
        number, attempt.kind, attempt.provider, attempt.model, attempt.error_type, attempt.input_tokens,
        attempt.cache_read_tokens, attempt.output_tokens, attempt.latency_s,
    )  # fmt: skip


def _decision(row: DecisionRow) -> None:
    """Candidates and plan of one policy, folded: the table above answers the first question."""
    with st.expander(f"Why {row.policy.name} ({row.role}) names {row.model or 'nothing'}", expanded=row.role == "live"):
        if row.reason:
            st.markdown(f"Reason: {plain(row.reason)}")
        candidates = _items(row.candidates)
        if candidates:
            parts.table(
                ("candidate", "score", "terms", "rejected because"),
                [
                    (
                        str(c.get("model", "")),
                        _score(c.get("score")),
                        _terms(c.get("terms")),
                        str(c.get("rejected") or ""),
                    )
                    for c in candidates
                ],
                name=f"candidates-{row.role}-{row.policy.name}-{row.policy.version}",
            )
        plan = plan_text(_items(row.steps))
        if plan:
            st.markdown(f"Plan: {plain(plan)}")
        if row.escalated is not None:
            st.caption(
                "Its check refused the first answer: it would pay twice."
                if row.escalated
                else "Its check passed the first answer."
            )


def plan_text(steps: Sequence[Mapping[str, Any]]) -> str:
    """The steps in order: `gpt-5-mini if json_schema passes, else gpt-5; fallback llama-70b`."""
    text = ""
    for step in steps:
        model, kind = str(step.get("model", "")), step.get("kind")
        link = {"escalation": ", else ", "fallback": "; fallback "}.get(str(kind), "") if text else ""
        checks = step.get("accept_if") or []
        passes = f" if {' and '.join(map(str, checks))} passes" if isinstance(checks, list) and checks else ""
        text += f"{link}{model}{passes}"
    return text


def _signals(trace: RequestTrace) -> None:
    st.markdown("##### Signals")
    if not trace.signals:
        st.caption("None has arrived for this request.")
        return
    parts.table(
        ("time (UTC)", "name", "source", "scorer", "value", "label", "explanation"),
        [
            (s.at.strftime("%Y-%m-%d %H:%M:%S"), s.name, s.source, s.scorer, s.value, s.label, s.explanation)
            for s in trace.signals
        ],
        name="signals",
    )


def _score(score: object) -> str:
    return f"{score:.3g}" if isinstance(score, (int, float)) else "no score"


def _tokens(tokens: int | None) -> str:
    return UNKNOWN if tokens is None else count(tokens)


def _items(text: str) -> list[Mapping[str, Any]]:
    """The objects of a JSON list; another SDK may have sent something else, which is not shown."""
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _terms(terms: object) -> str:
    if not isinstance(terms, Mapping):
        return ""
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in terms.items()
    )


render()
