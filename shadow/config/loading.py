"""Loads the YAML files of a routing folder. Each `read_*` notes all problems, each `load_*` raises the first.

A routing folder is `shadow.yaml`, `models.yaml` beside it, and one file per policy; paths in a file are relative to it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from shadow.config.artifacts import load_function
from shadow.config.execution_document import ExecutionDocument
from shadow.config.gateway_settings import GatewaySettings
from shadow.config.models_file import UnreadCatalogue, read_catalogue
from shadow.config.noted_files import note_absent, noted_files
from shadow.config.policy_file import FileRecipe, build_policy, read_policy
from shadow.config.routing import Export, Limits, Reload, Routing
from shadow.config.routing_document import ExportDocument, LiveDocument, RoutingDocument, ShadowDocument
from shadow.config.source import Place, Source, source_of
from shadow.config.state_document import spending_labels, spending_limits, state_settings
from shadow.config.validation import validated
from shadow.domain.policy import LiveSpec, Policy
from shadow.errors import ConfigError
from shadow.policies.composed import Composed
from shadow.policies.recipe import Recipe
from shadow.prices.catalogue import MODELS_FILE, Catalogue

T = TypeVar("T")
LABEL_SEGMENT: Final = "label:"


def load_catalogue(path: Path | None) -> Catalogue:
    """The models of a models.yaml. None = every model of the price registry.

    Raises:
        ConfigError: the file breaks a rule; carries file and line.
    """
    problems: list[ConfigError] = []
    return _first(Catalogue() if path is None else read_catalogue(Path(path), problems), problems)


def load_policy(path: Path, catalogue: Catalogue) -> Policy:
    """The policy of a file.

    Raises:
        ConfigError: the file breaks a rule or names an unknown model; carries file and line.
    """
    problems: list[ConfigError] = []
    return _first(read_policy(Path(path), catalogue, problems), problems)


def load_routing(path: Path, *, catalogue: Catalogue | None = None) -> Routing:
    """The settings of a shadow.yaml, with `${NAME}` read from the environment.

    Args:
        path: the file.
        catalogue: replaces the models.yaml beside it.

    Raises:
        ConfigError: one of its files breaks a rule; carries file and line.
    """
    problems: list[ConfigError] = []
    with noted_files() as files:
        routing = _first(read_routing(Path(path), problems, catalogue=catalogue), problems)
    return replace(routing, files=MappingProxyType(files))


def read_routing(path: Path, problems: list[ConfigError], *, catalogue: Catalogue | None = None) -> Routing | None:
    """The settings of a file and of all files it names; None if there are problems, which are added to `problems`."""
    source = source_of(path, problems)
    document = None if source is None else _routing_document(source, problems)
    before = len(problems)
    if catalogue is None:
        catalogue = _catalogue_beside(path, problems) or UnreadCatalogue()
    if source is None or document is None:
        return None
    segments = tuple(document.segments)
    gateway = GatewaySettings(**document.gateway.model_dump())
    named = (*segments, *document.from_request)
    labels = (frozenset(document.labels) | gateway.labels) | {
        each.removeprefix(LABEL_SEGMENT) for each in named if each.startswith(LABEL_SEGMENT)
    }
    problems += [_undeclared(source, *each) for each in spending_labels(document.spending) if each[0] not in labels]
    reader = _PolicyReader(source, catalogue, labels, problems)
    live = _live(document.live, reader)
    _check_models(document.execution, catalogue, source, problems)
    shadows = [reader.shadow(each, ("shadows", place)) for place, each in enumerate(document.shadows)]
    export = _export(document.export, source, problems)
    if live is None or len(problems) > before:
        return None
    try:
        return Routing(
            service=document.service,
            live=live,
            shadows=tuple(shadow for shadow in shadows if shadow is not None),
            catalogue=catalogue,
            project=document.project,
            origin=document.origin,
            from_request=MappingProxyType({str(key): path for key, path in document.from_request.items()}),
            labels=labels,
            segments=segments,
            export=export,
            limits=Limits(**document.limits.model_dump()),
            reload=Reload(**document.reload.model_dump()),
            state=state_settings(document.state, path.parent),
            spending=spending_limits(document.spending),
            execution=document.execution.settings(),
            gateway=gateway,
            recipes=MappingProxyType(reader.recipes),
            file=path,
        )
    except ConfigError as error:
        problems.append(source.error(error.message, ("shadows",)))
        return None


def _undeclared(source: Source, key: str, place: Place) -> ConfigError:
    return source.error(f"label {key} must be declared, got none in shadow.yaml; add `labels: [{key}]` there", place)


class _PolicyReader:
    """Reads the policy files that a shadow.yaml names.

    Attributes:
        recipes: of the shadows that run in processes of their own.
    """

    def __init__(
        self, source: Source, catalogue: Catalogue, labels: frozenset[str], problems: list[ConfigError]
    ) -> None:
        self._source = source
        self._catalogue = catalogue
        self._labels = labels
        self._problems = problems
        self.recipes: dict[str, Recipe] = {}

    def policy(self, file: str, place: Place, *, live: bool = False) -> Composed | None:
        source = self._read(file, place)
        if source is None:
            return None
        return build_policy(source, self._catalogue, self._problems, labels=self._labels, live=live)

    def shadow(self, document: ShadowDocument, place: Place) -> Composed | None:
        """The policy of a shadow; its recipe is kept if it runs in a process of its own."""
        source = self._read(document.file, place)
        if source is None:
            return None
        policy = build_policy(source, self._catalogue, self._problems, labels=self._labels)
        if policy is not None and (document.isolation or source.value.get("isolation")) == "process":
            self.recipes[policy.name] = FileRecipe(source)
        return policy

    def _read(self, file: str, place: Place) -> Source | None:
        path = self._source.file.parent / file
        if not path.is_file():
            note_absent(path)
            self._problems.append(self._source.error(f"no file {file} in {path.parent}; check the path", place))
            return None
        return source_of(path, self._problems)


def _live(live: str | LiveDocument, reader: _PolicyReader) -> Policy | LiveSpec | None:
    if isinstance(live, LiveDocument):
        return LiveSpec(name=live.name, version=live.version, decides=live.decides)
    return reader.policy(live, ("live",), live=True)


def _check_models(
    execution: ExecutionDocument, catalogue: Catalogue, source: Source, problems: list[ConfigError]
) -> None:
    for key in ("long_context", "content_policy"):
        name = getattr(execution, key)
        objection = catalogue.objection(name) if name else ""
        if objection:
            problems.append(source.error(objection, ("execution", key)))


def _export(document: ExportDocument, source: Source, problems: list[ConfigError]) -> Export:
    settings = document.model_dump()
    if document.redact is not None:
        try:
            settings["redact"] = load_function(document.redact)
        except ConfigError as error:
            problems.append(source.error(error.message.replace("call must", "redact must", 1), ("export", "redact")))
            settings["redact"] = None
    return Export(**settings)


def _routing_document(source: Source, problems: list[ConfigError]) -> RoutingDocument | None:
    resolved, unset = source.with_environment()
    problems.extend(unset)
    document = validated(resolved, RoutingDocument, "routing", problems)
    return None if unset else document


def _catalogue_beside(path: Path, problems: list[ConfigError]) -> Catalogue | None:
    models = path.parent / MODELS_FILE
    note_absent(models)
    return read_catalogue(models, problems) if models.exists() else Catalogue()


def _first(value: T | None, problems: list[ConfigError]) -> T:
    if problems:
        raise problems[0]
    if value is None:
        raise AssertionError("a file without problems gives a value")
    return value
