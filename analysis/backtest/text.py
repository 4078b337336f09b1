"""A backtest as text for people: estimate from the log, truth from the table, and the miss, side by side."""

from __future__ import annotations

from collections.abc import Iterator

from shadowroute.analysis.backtest.result import (
    BacktestDocument,
    EstimateDocument,
    LeftOutDocument,
    QueriesDocument,
    RangeDocument,
    ShadowDocument,
    UndefinedDocument,
)

Shown = EstimateDocument | RangeDocument | UndefinedDocument

COLUMNS = (29, 33, 33, 10)
ALIKE_POINTS = 0.5
"""Smallest difference between two groups of live answers that is reported as one."""
UNSEEN = "not visible in the log"
NEVER_ALONE = "Decisions alone never give SHIP."
SAID_BY_FIGURES = {"about_live", "unseen_escalations", "unpriced", "no_signal"}
"""Caveats that are already in the figures and their reasons."""


def render(document: BacktestDocument) -> str:
    """The whole text; one block per shadow policy."""
    lines = [_queries_line(document.queries)]
    for shadow in document.shadows:
        lines += ["", *_block(shadow, document.live.name)]
    lines += [
        "",
        f"Measured, not judged. Prices: {document.price_book} ({document.price_source}). {document.seconds:.1f} s.",
    ]
    lines.append(f"Stored as project {document.project} in {document.store}")
    return "\n".join(lines)


def percent(share: float, *, signed: bool = False, digits: int = 1) -> str:
    """A share as a percentage, without a sign if it rounds to zero."""
    text = f"{share * 100:{'+' if signed else ''}.{digits}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def bounds(low: float, high: float, *, signed: bool = False) -> str:
    """Two ends as `low..high`; with more digits where one would make them look equal."""
    for digits in (1, 2, 3):
        ends = percent(low, signed=signed, digits=digits), percent(high, signed=signed, digits=digits)
        if ends[0] != ends[1]:
            break
    return "..".join(ends)


def shown(value: Shown, *, signed: bool = False) -> str:
    """A measure with its interval, without one where it is exact; bounds for a range; a word if it is undefined."""
    if isinstance(value, EstimateDocument):
        unit = "pt" if value.unit == "score" and signed else "%"
        exact = value.low == value.high
        ends = "" if exact else f" ({bounds(value.low, value.high, signed=signed)})"
        return f"{percent(value.value, signed=signed)} {unit}{ends}"
    if isinstance(value, RangeDocument):
        return f"{bounds(value.low, value.high, signed=signed)} % (range)"
    return "undefined"


def _queries_line(queries: QueriesDocument) -> str:
    left = sum(each.n for each in queries.left_out)
    why = f" ({', '.join(_left_out(each) for each in queries.left_out)})" if left else ""
    unit = "Each query is its own session." if queries.sessions == "each query" else "Sessions are the table's own."
    repeated = ""
    if queries.repeated_outcomes:
        repeated = f" {queries.repeated_outcomes:,} repeated outcome rows are not used (the first counts)."
    return f"{queries.total:,} queries; {left:,} left out{why}; {queries.used:,} used. {unit}{repeated}"


def _left_out(left: LeftOutDocument) -> str:
    whose = "a live" if left.role == "live" else f"{left.policy}'s"
    if left.reason == "no outcome":
        return f"{left.n:,} without {whose} outcome"
    return f"{left.n:,} because of {whose} outcome: {left.reason}"


def _block(shadow: ShadowDocument, live: str) -> Iterator[str]:
    name = f"{shadow.policy.name} {shadow.policy.version}"
    yield _row(f"{name} against {live}")
    yield _row("", "estimate from the log", "truth (outcomes table)", "miss")
    count = f"{shadow.differs.n:,} = " if isinstance(shadow.differs.model, EstimateDocument) else ""
    yield _row("differs (model)", count + shown(shadow.differs.model), "-", "-")
    yield _cost_row(shadow)
    if shadow.escalation.known_share is not None:
        yield _escalation_row(shadow)
    yield from _quality_rows(shadow)
    yield from _specialist_rows(shadow)
    yield from _notes(shadow)
    yield f"Read this: {reading(shadow)}"


def _cost_row(shadow: ShadowDocument) -> str:
    truth, cost = shadow.truth, shadow.cost
    known = "unknown"
    if truth.cost_change is not None:
        known = f"{percent(truth.cost_change, signed=True)} %  (${truth.live_usd or 0:.3f} live)"
    missed = _missed(cost.relative, shadow.miss.cost)
    return _row("cost", shown(cost.relative, signed=True), known, missed, _lengths(truth.output_ratio))


def _lengths(ratio: float | None) -> str:
    if ratio is None:
        return ""
    more = ratio - 1
    return f"same tokens assumed; the other model writes {abs(more) * 100:.0f} % {'more' if more >= 0 else 'less'}"


def _escalation_row(shadow: ShadowDocument) -> str:
    truth = shadow.truth.escalation
    known = "unknown" if truth is None else f"{percent(truth)} %"
    missed = _missed(shadow.escalation.shadow, shadow.miss.escalation)
    return _row("pays twice (of its cascade)", shown(shadow.escalation.shadow), known, missed)


def _quality_rows(shadow: ShadowDocument) -> Iterator[str]:
    quality, truth = shadow.live_quality, shadow.truth
    scores = ("-", "-")
    if truth.shadow_quality_downgraded is not None:
        scores = (f"the shadow scores {percent(truth.shadow_quality_downgraded)} %", UNSEEN)
    yield _row("live quality, downgraded", shown(quality.downgraded), *scores)
    yield _row("live quality, the rest", shown(quality.rest))
    if truth.quality_change is not None:
        yield _row(
            "quality change, overall",
            "-",
            f"{percent(truth.quality_change, signed=True)} pt",
            UNSEEN,
        )


def _specialist_rows(shadow: ShadowDocument) -> Iterator[str]:
    """Figures that need every model's answers; a refused figure has a note."""
    for label, value in _specialist_values(shadow).items():
        if isinstance(value, EstimateDocument):
            yield _row(label, "-", shown(value, signed=value.unit == "score"), UNSEEN)


def _specialist_values(shadow: ShadowDocument) -> dict[str, Shown]:
    if shadow.truth.quality_change is None:
        return {}
    found = shadow.specialists
    return {
        "against a same-spend coin": found.random_control.advantage,
        "of the possible saving": found.savings.share,
        "gap recovered (PGR)": found.frontier.gap_recovered,
    }


def reading(shadow: ShadowDocument) -> str:
    """One sentence with the suggestion of the live answers and the true effect of following the shadow."""
    truth, quality = shadow.truth, shadow.live_quality
    if truth.quality_change is None:
        return "the table holds no scores, so nothing is known about quality. " + NEVER_ALONE
    overall, there = truth.quality_change, truth.downgraded_quality_change
    if there is None:
        return (
            f"no request goes to a cheaper model; following the shadow {_change(overall)} overall, unseen by the log."
        )
    same_way = (overall < 0) == (there < 0)
    in_all = f"{_number(overall)} overall" if same_way else f"but {_change(overall)} overall"
    if not isinstance(quality.downgraded, EstimateDocument) or not isinstance(quality.rest, EstimateDocument):
        return f"following the shadow {_change(there)} on the requests to downgrade, {in_all}. {NEVER_ALONE}"
    gap = (quality.downgraded.value - quality.rest.value) * 100
    looked = "ALIKE" if abs(gap) < ALIKE_POINTS else "BETTER" if gap > 0 else "WORSE"
    link = "yet" if (gap > -ALIKE_POINTS) == (there < 0) else "and"
    seen = f"the live answers looked {looked} on the requests to downgrade"
    return f"{seen}, {link} downgrading them {_change(there)} there, {in_all}. {NEVER_ALONE}"


def _change(change: float) -> str:
    if _number(change) == "0.0":
        return "changes nothing"
    return f"{'loses' if change < 0 else 'gains'} {_number(change)} points"


def _number(change: float) -> str:
    return f"{abs(change) * 100:.1f}"


def _missed(value: Shown, miss: float | None) -> str:
    if miss is None:
        return "-"
    return "inside" if isinstance(value, RangeDocument) and miss == 0 else f"{percent(miss, signed=True)} pt"


def _notes(shadow: ShadowDocument) -> Iterator[str]:
    """Reasons for undefined figures and ranges, and other limits of the figures."""
    quality, escalation = shadow.live_quality, shadow.escalation
    values: dict[str, Shown] = {"differs": shadow.differs.model, "cost": shadow.cost.relative}
    if escalation.known_share is not None:
        values["pays twice"] = escalation.shadow
    values |= {"live quality, downgraded": quality.downgraded, "live quality, the rest": quality.rest}
    for name, value in values.items():
        if reason := _reason(value):
            yield f"note: {name}: {reason}"
    yield from _refused(shadow)
    for caveat in shadow.caveats:
        if caveat.code not in SAID_BY_FIGURES:
            yield f"note: {_sentence(caveat.text, caveat.next_step)}"


def _refused(shadow: ShadowDocument) -> Iterator[str]:
    """One note per reason. The next step for a sample of live traffic does not fit a table."""
    names: dict[str, list[str]] = {}
    for name, value in _specialist_values(shadow).items():
        if isinstance(value, UndefinedDocument):
            names.setdefault(value.reason, []).append(name)
    for reason, which in names.items():
        yield f"note: {', '.join(which)}: {reason}"
    if shadow.truth.quality_change is not None and (warning := shadow.specialists.savings.warning):
        yield f"note: of the possible saving: {warning}"


def _reason(value: Shown) -> str:
    if isinstance(value, UndefinedDocument):
        return _sentence(value.reason, value.next_step)
    return value.why if isinstance(value, RangeDocument) else ""


def _sentence(text: str, next_step: str) -> str:
    return f"{text.rstrip('.')}; {next_step}" if next_step else text


def _row(*cells: str) -> str:
    widths = (*COLUMNS, 0)
    return "".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)).rstrip()
