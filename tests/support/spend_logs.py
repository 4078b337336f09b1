"""A synthetic table LiteLLM_SpendLogs with the columns and quirks of the proxy's own (schema.prisma of 2026-11).

Quirks: no call_type but chat is a chat call; a failure has zero tokens; a hit of the proxy's cache has an id with a
suffix, the tokens of the first answer and no cost; `prompt_tokens` holds the cached tokens; without a stream the first
chunk is the end; prompts are `{}` unless the proxy stores them; a client without a session gets one of its own.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FIRST = dt.datetime(2026, 11, 2, 8, 0, tzinfo=dt.UTC)
MODELS = {"gpt-5": (1.25, 10.0), "gpt-5-mini": (0.25, 2.0)}
COLUMNS = (
    "request_id", "call_type", "api_key", "spend", "total_tokens", "prompt_tokens", "completion_tokens", "startTime",
    "endTime", "request_duration_ms", "completionStartTime", "model", "model_id", "model_group", "custom_llm_provider",
    "api_base", "user", "metadata", "cache_hit", "cache_key", "request_tags", "team_id", "organization_id", "end_user",
    "requester_ip_address", "messages", "response", "session_id", "status", "mcp_namespaced_tool_name", "agent_id",
    "proxy_server_request",
)  # fmt: skip


@dataclass
class SpendLogs:
    """The rows, and what an importer must find in them, counted while they were made."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    embeddings: int = 0
    failures: int = 0
    cache_hits: int = 0
    fallbacks: int = 0
    streams: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    spend_usd: float = 0.0
    sessions: set[str] = field(default_factory=set)

    def parquet(self, file: Path, rows: Sequence[dict[str, Any]] | None = None) -> Path:
        """As a dump of the table by a warehouse: times as timestamps, JSON as text."""
        pq.write_table(pa.Table.from_pylist(list(self.rows if rows is None else rows)), file, row_group_size=500)
        return file

    def csv(self, file: Path, rows: Sequence[dict[str, Any]] | None = None) -> Path:
        """As PostgreSQL's COPY writes it."""
        with file.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, COLUMNS)
            writer.writeheader()
            for row in self.rows if rows is None else rows:
                writer.writerow({key: _postgres(value) for key, value in row.items()})
        return file

    def json_lines(self, file: Path, rows: Sequence[dict[str, Any]] | None = None) -> Path:
        """As the proxy's own API gives it, one object per line, its JSON columns as objects."""
        held = ("metadata", "request_tags", "messages", "response", "proxy_server_request")
        lines = []
        for row in self.rows if rows is None else rows:
            plain = {key: value.isoformat() if isinstance(value, dt.datetime) else value for key, value in row.items()}
            lines.append(json.dumps({**plain, **{name: json.loads(row[name]) for name in held}}))
        file.write_text("\n".join(lines) + "\n")
        return file


def spend_logs(
    calls: int, *, seed: int = 7, prompts: bool = False, sessions: bool = True, users: bool = False, days: int = 3
) -> SpendLogs:
    """Draws a table.

    Args:
        calls: chat calls.
        seed: the same seed gives the same table.
        prompts: the proxy stores prompts and answers.
        sessions: clients give session ids; otherwise the proxy makes one up for each call.
        users: clients name their customers.
        days: over how many days.
    """
    drawn = random.Random(seed)
    made = SpendLogs()
    step_s = days * 86_400 / calls
    for number in range(calls):
        start = FIRST + dt.timedelta(seconds=round(number * step_s, 3))
        if number % 50 == 49:
            made.rows.append(
                _row(drawn, f"emb-{number}", start, call_type="aembedding", model="text-embedding-3-small")
            )
            made.embeddings += 1
        _add_call(made, drawn, number, start, prompts=prompts, sessions=sessions, users=users)
    return made


def _add_call(
    made: SpendLogs,
    drawn: random.Random,
    number: int,
    start: dt.datetime,
    *,
    prompts: bool,
    sessions: bool,
    users: bool,
) -> None:
    model = "gpt-5" if drawn.random() < 0.8 else "gpt-5-mini"
    task = drawn.choice(["extract", "chat", "refund"])
    prompt, answer = drawn.randint(100, 6_000), drawn.randint(10, 800)
    cached = prompt // 2 if drawn.random() < 0.3 else 0
    failed, hit, fell_back = (drawn.random() < share for share in (0.02, 0.03, 0.02))
    hit, fell_back = hit and not failed, fell_back and not failed
    streamed = drawn.random() < 0.5 and not failed
    seconds = drawn.uniform(0.2, 4.0)
    session = f"sess-{number // 5}" if sessions else f"{drawn.getrandbits(128):032x}"
    spend = 0.0 if failed or hit else (prompt * MODELS[model][0] + answer * MODELS[model][1]) / 1e6
    usage = {"prompt_tokens": prompt, "completion_tokens": answer, "prompt_tokens_details": {"cached_tokens": cached}}
    row = _row(
        drawn,
        f"chatcmpl-{number:06d}" + (f"_cache_hit{start.timestamp()}" if hit else ""),
        start,
        model=model,
        seconds=seconds,
        prompt=0 if failed else prompt,
        answer=0 if failed else answer,
        spend=spend,
    )
    metadata = json.loads(row["metadata"])
    metadata |= {"attempted_fallbacks": int(fell_back), "attempted_retries": 0, "status": None}
    metadata["spend_logs_metadata"] = {"task": task, "thumb": drawn.choice(["up", "down", None])}
    if not failed:
        metadata["usage_object"] = usage
        metadata["additional_usage_values"] = {"prompt_tokens_details": usage["prompt_tokens_details"]}
    else:
        metadata |= {"status": "failure", "error_information": {"error_code": "429", "error_class": "RateLimitError"}}
    row |= {
        "metadata": json.dumps(metadata),
        "status": "failure" if failed else "success",
        "cache_hit": str(hit),
        "session_id": session,
        "end_user": f"customer-{number % 97}" if users else "",
        "request_tags": json.dumps([f"env:{drawn.choice(['prod', 'eu'])}", "User-Agent: openai"]),
    }
    if streamed:
        row["completionStartTime"] = start + dt.timedelta(seconds=seconds / 4)
    if prompts:
        row["proxy_server_request"] = json.dumps(
            {"model": model, "messages": [{"role": "user", "content": f"{task} invoice {number}"}], "stream": streamed}
        )
        row["response"] = json.dumps({} if failed else _completion(model, answer))
    made.rows.append(row)
    made.calls += 1
    made.failures += failed
    made.cache_hits += hit
    made.fallbacks += fell_back
    made.streams += streamed
    made.spend_usd += spend
    made.sessions.add(session)
    if not failed:
        made.tokens.update(input=prompt, cached=cached, output=answer)


def _row(
    drawn: random.Random,
    request_id: str,
    start: dt.datetime,
    *,
    call_type: str = "acompletion",
    model: str,
    seconds: float = 0.1,
    prompt: int = 8,
    answer: int = 0,
    spend: float = 0.0,
) -> dict[str, Any]:
    end = start + dt.timedelta(seconds=round(seconds, 3))
    return {
        "request_id": request_id,
        "call_type": call_type,
        "api_key": f"{drawn.getrandbits(256):064x}",
        "spend": spend,
        "total_tokens": prompt + answer,
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "startTime": start,
        "endTime": end,
        "request_duration_ms": int(seconds * 1000),
        "completionStartTime": end,
        "model": model,
        "model_id": f"{drawn.getrandbits(64):016x}",
        "model_group": "chat",
        "custom_llm_provider": "openai",
        "api_base": "https://api.openai.com/v1/",
        "user": "svc-support",
        "metadata": json.dumps({"user_api_key_alias": "support-api", "user_api_key_team_alias": "support"}),
        "cache_hit": "False",
        "cache_key": "Cache OFF",
        "request_tags": "[]",
        "team_id": "team-1",
        "organization_id": "",
        "end_user": "",
        "requester_ip_address": "10.0.0.9",
        "messages": "{}",
        "response": "{}",
        "session_id": f"{drawn.getrandbits(128):032x}",
        "status": "success",
        "mcp_namespaced_tool_name": None,
        "agent_id": None,
        "proxy_server_request": "{}",
    }


def _completion(model: str, answer: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Order 17: 4 items."}
    return {
        "id": "chatcmpl-x",
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"completion_tokens": answer},
    }


def _postgres(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return "" if value is None else value
