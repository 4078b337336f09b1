"""`shadowroute import litellm|otel|csv|parquet`: day 0, judged from a log of another tool."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from shadowroute.app.cli.backtest import renames
from shadowroute.app.cli.importing import imports
from shadowroute.app.cli.options import DEFAULT_STORE, JsonOption, StoreOption
from shadowroute.app.cli.progress import call_progress

if TYPE_CHECKING:
    from shadow.config import LiveSpec
    from shadowroute.collector.replay.job import Wanted
    from shadowroute.collector.replay.readers.reading import Reading, SignalColumn
    from shadowroute.collector.replay.record import Log

__all__ = ["imports"]

LiveOption = Annotated[str, typer.Option(help="NAME or NAME@VERSION of the policy that served these calls.")]
ShadowOption = Annotated[list[Path], typer.Option(help="Policy file of a shadow policy; may be given several times.")]
PricesOption = Annotated[
    Path | None,
    typer.Option(help="Models and prices. Default: models.yaml beside the policy or one folder above, else registry."),
]
ImportProjectOption = Annotated[
    str, typer.Option("--project", envvar="SHADOWROUTE_PROJECT", help="Project for the imported requests.")
]
DaysOption = Annotated[int, typer.Option(min=1, max=3660, help="Days back from the newest call of the log.")]
RenameOption = Annotated[
    list[str] | None,
    typer.Option(help="THEIRS=OURS: a column, attribute or path in a JSON column, as metadata.kind=task. Repeatable."),
]
SignalOption = Annotated[
    list[str] | None,
    typer.Option(help="COLUMN=NAME or COLUMN=NAME:LOW..HIGH: a column that rates the answer. Repeatable."),
]
LabelOption = Annotated[list[str] | None, typer.Option(help="A label to keep as a segment, as team. Repeatable.")]
AbsentOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A feature that the service lacks, as task or label:team: rules see none instead of unknown. Repeatable."
    ),
]
CacheOption = Annotated[
    Literal["inside", "outside"] | None,
    typer.Option(
        help="Whether the input contains the cached tokens, in every record of the log. Default: as the numbers tell."
    ),
]
SIGNAL = re.compile(r"(?P<column>[^=]+)=(?P<name>[^=:]+)(?::(?P<low>-?[\d.]+)\.\.(?P<high>-?[\d.]+))?")
EXPORT_POSTGRES = """psql "$DATABASE_URL" -c '\\copy "LiteLLM_SpendLogs" TO spend_logs.csv CSV HEADER'"""
EXPORT_CLICKHOUSE = 'clickhouse-client -q "SELECT * FROM spend_logs FORMAT Parquet" > spend_logs.parquet'
DSN = re.compile(r"[a-z]+(?:\+[a-z]+)?://")


def _command(name: str, kind: str, text: str, source: Any) -> None:
    """Add the command for logs of one kind; `source` is the annotation of its argument."""

    def load(
        source: Any,
        *,
        live: LiveOption,
        shadow: ShadowOption,
        prices: PricesOption = None,
        project: ImportProjectOption = "default",
        days: DaysOption = 30,
        rename: RenameOption = None,
        signal: SignalOption = None,
        label: LabelOption = None,
        absent: AbsentOption = None,
        cache_tokens: CacheOption = None,
        store: StoreOption = DEFAULT_STORE,
        as_json: JsonOption = False,
    ) -> None:
        reading = reading_of(rename, signal, cache_tokens)
        wanted = wanted_of(
            live=live, shadow=shadow, prices=prices, project=project, days=days, label=label, absent=absent
        )
        _import(log_of(kind, source, reading), wanted, store, as_json=as_json)

    load.__doc__ = text
    load.__annotations__["source"] = source
    imports.command(name)(load)


def log_of(kind: str, source: Path | str, reading: Reading) -> Log:
    """The log of a file.

    Raises:
        typer.BadParameter: it is the address of a database.
        ConfigError: the file cannot be read, or lacks a needed column.
    """
    if kind == "litellm":
        from shadowroute.collector.replay.readers.litellm import LiteLLMLog

        return LiteLLMLog(spend_logs_file(str(source)), reading)
    if kind == "otel":
        from shadowroute.collector.replay.readers.otel import OtelLog

        return OtelLog(Path(source), reading)
    from shadowroute.collector.replay.readers.table import TableLog

    return TableLog(Path(source), reading)


_FILE = Annotated[Path, typer.Argument(help="The file.", show_default=False, metavar="file")]
_SPEND_LOGS = "LiteLLM_SpendLogs, or spend_logs of its ClickHouse callback, as Parquet, CSV or JSON lines."
_TABLE = "Load a table of calls (time, model, tokens, more columns), let shadow policies decide on them, and report."
_command(
    "litellm",
    "litellm",
    "Load the spend logs of a LiteLLM proxy, let shadow policies decide on them, and report.",
    Annotated[str, typer.Argument(help=_SPEND_LOGS, show_default=False)],
)
_command(
    "otel",
    "otel",
    "Load model calls of OTLP traces (JSON or protobuf), each once, let shadow policies decide on them, and report.",
    _FILE,
)
_command("csv", "table", _TABLE, _FILE)
_command("parquet", "table", _TABLE, _FILE)


def reading_of(
    rename: list[str] | None, signal: list[str] | None, cache_tokens: Literal["inside", "outside"] | None = None
) -> Reading:
    """How the log is to be read, as the options say.

    Raises:
        typer.BadParameter: an option of another form.
    """
    from shadow.errors import ConfigError
    from shadowroute.collector.replay.readers.reading import Reading

    try:
        return Reading(
            rename=renames(rename or []),
            signals=tuple(signal_of(text) for text in signal or ()),
            cache_tokens=cache_tokens or "",
        )
    except ConfigError as error:
        raise typer.BadParameter(error.message) from None


def signal_of(text: str) -> SignalColumn:
    """The column written as COLUMN=NAME or COLUMN=NAME:LOW..HIGH.

    Raises:
        typer.BadParameter: it is of another form.
    """
    from shadowroute.collector.replay.readers.reading import SignalColumn

    found = SIGNAL.fullmatch(text)
    if found is None:
        raise typer.BadParameter(
            f"--signal must be COLUMN=NAME or COLUMN=NAME:LOW..HIGH, got {text!r}; as stars=csat:1..5"
        )
    low, high = found["low"], found["high"]
    return SignalColumn(
        column=found["column"], name=found["name"], low=float(low) if low else 0.0, high=float(high) if high else 1.0
    )


def live_of(text: str) -> LiveSpec:
    """The policy written as NAME or NAME@VERSION.

    Raises:
        typer.BadParameter: there is no name.
    """
    from shadow.config import LiveSpec

    name, _, version = text.partition("@")
    if not name.strip():
        raise typer.BadParameter(f"--live must be NAME or NAME@VERSION, got {text!r}")
    return LiveSpec(name=name.strip(), version=version.strip())


def spend_logs_file(source: str) -> Path:
    """The path of a file.

    Raises:
        typer.BadParameter: the address of a database; the text has the command to export it.
    """
    if DSN.match(source):
        export = EXPORT_CLICKHOUSE if source.startswith("clickhouse") else EXPORT_POSTGRES
        raise typer.BadParameter(f"SOURCE must be a file, got the address of a database; export its table: {export}")
    return Path(source)


def wanted_of(
    *,
    live: str,
    shadow: list[Path],
    prices: Path | None,
    project: str,
    days: int,
    label: list[str] | None,
    absent: list[str] | None,
) -> Wanted:
    """The settings of the import from the options.

    Raises:
        typer.BadParameter: there is no live name, or a feature cannot be absent.
    """
    from shadow.domain.request import LABEL
    from shadowroute.collector.replay.job import Wanted
    from shadowroute.collector.replay.record import MAY_BE_ABSENT

    for feature in absent or ():
        if feature not in MAY_BE_ABSENT and not feature.startswith(LABEL):
            raise typer.BadParameter(
                f"--absent must be one of {', '.join(MAY_BE_ABSENT)} or label:KEY, got {feature!r}"
            )
    return Wanted(
        live=live_of(live),
        shadows=tuple(shadow),
        project=project,
        prices=prices,
        days=days,
        labels=tuple(label or ()),
        absent=frozenset(absent or ()),
    )


def _import(log: Log, wanted: Wanted, store: str, *, as_json: bool) -> None:
    from shadowroute.analysis.as_json import to_json
    from shadowroute.analysis.queries import Queries
    from shadowroute.analysis.report import SCHEMA, project_report
    from shadowroute.analysis.selection import Window
    from shadowroute.analysis.study import Study
    from shadowroute.app.import_text import document_of, summary_text
    from shadowroute.app.text_report import report_text
    from shadowroute.collector.replay.job import run
    from shadowroute.collector.store import open_store

    with call_progress() as progress, open_store(store) as used:
        done = run(log, wanted, used, progress)
        queries = Queries(used.reader(), wanted.project)
        made = project_report(Study(queries, Window(done.first, done.last), book=done.book))
    if as_json:
        print(json.dumps(document_of(done) | {"report": to_json(made, SCHEMA)}, indent=2))
    else:
        print(summary_text(done, used.dsn))
        print()
        print(report_text(made))
