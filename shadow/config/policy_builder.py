"""Builds a policy from its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from shadow.config.artifacts import load_function
from shadow.config.mechanisms.budget import build_budget
from shadow.config.mechanisms.capability import build_capability
from shadow.config.mechanisms.cascade import build_cascade
from shadow.config.mechanisms.http import build_http
from shadow.config.mechanisms.learned import build_learned
from shadow.config.mechanisms.policy import build_nested
from shadow.config.mechanisms.split import build_split
from shadow.config.mechanisms.static import build_static
from shadow.config.mechanisms.weighted import build_weighted
from shadow.config.policy_document import (
    ChooseDocument,
    FilterDocument,
    MechanismDocument,
    PolicyDocument,
    RuleDocument,
    WhenDocument,
)
from shadow.config.policy_version import policy_version
from shadow.config.source import Place, Source, read_source
from shadow.config.validation import validated
from shadow.config.validator_building import Materials, build_validator
from shadow.config.validator_document import ValidatorDocument
from shadow.errors import ConfigError
from shadow.policies.call import FunctionChooser
from shadow.policies.composed import Composed
from shadow.policies.conditions import Condition, between, flag, label, one_of, text_matches
from shadow.policies.plan import Chooser, Filter
from shadow.policies.rules import Rule, Rules
from shadow.policies.static import Static
from shadow.policies.validators import AnyValidator
from shadow.prices.catalogue import Catalogue

MECHANISMS: Final[Mapping[str, Callable[..., Chooser]]] = {
    "use": build_static,
    "cascade": build_cascade,
    "learned": build_learned,
    "weighted": build_weighted,
    "budget": build_budget,
    "policy": build_nested,
}
"""By the key in the file: builds the chooser from its document, its place and the reason."""

UNBUILT: Final = Static("unbuilt")
"""Replaces a chooser with a problem; its policy is never returned."""


class PolicyBuilder:
    """Builds the policy of one file, and collects all problems instead of stopping at the first.

    The version is a hash of the document's canonical form, of its files and functions, and of the
    models of its aliases. Prices and `isolation` are not part of it.

    Args:
        source: the file.
        catalogue: the allowed models.
        problems: collects the problems.
        labels: declared keys of labels; None = unknown, not checked.
        live: its decisions are executed.
        around: the outer policy files.
        validators: of the outer files; the outermost policy has all of them.
    """

    def __init__(
        self,
        source: Source,
        catalogue: Catalogue,
        problems: list[ConfigError],
        *,
        labels: frozenset[str] | None = None,
        live: bool = False,
        around: tuple[Path, ...] = (),
        validators: dict[str, AnyValidator] | None = None,
    ) -> None:
        self._source = source
        self._catalogue = catalogue
        self._problems = problems
        self._labels = labels
        self._is_live = live
        self._files = (*around, source.file)
        self._name = ""
        self._validators: dict[str, AnyValidator] = {} if validators is None else validators
        self._artifacts: dict[str, str] = {}

    def build(self, document: PolicyDocument) -> Composed | None:
        """The policy; None if it has problems."""
        before = len(self._problems)
        self._name = document.policy
        filters = [] if document.filter is None else [self._filter(document.filter)]
        chooser = self._chooser(document.choose, document.policy, ("choose",))
        fallback = self._fallback(document.fallback)
        if len(self._problems) > before:
            return None
        return Composed(
            name=document.policy,
            version=policy_version(document, self._artifacts),
            chooser=chooser,
            filters=filters,
            fallback=fallback,
            validators=self._validators.values(),
            why=document.why,
            state_mode=document.state or "shared",
        )

    def _fallback(self, names: Sequence[str]) -> list[str]:
        """The fallback models. A second entry of a model would never be called, because it has failed already."""
        models: list[str] = []
        for at, name in enumerate(names):
            model = self.model(name, ("fallback", at))
            if model in models:
                self.problem(f"fallback must name each model once, got {model} twice; remove one", ("fallback", at))
            models.append(model)
        return models

    def _filter(self, document: FilterDocument) -> Filter:
        return build_capability(self, document.capability, ("filter", "capability"))

    def _chooser(self, choose: ChooseDocument, policy: str, place: Place) -> Chooser:
        if choose.rules is not None:
            return Rules([self._rule(rule, (*place, "rules", at)) for at, rule in enumerate(choose.rules)])
        if choose.split is not None:
            return build_split(self, choose.split, (*place, "split"))
        if choose.http is not None:
            return build_http(self, choose.http, (*place, "http"))
        if choose.call is not None:
            try:
                return FunctionChooser(load_function(choose.call), name=policy)
            except ConfigError as error:
                self.problem(error.message, (*place, "call"))
                return UNBUILT
        return self.choice(choose, place, "")

    def _rule(self, rule: RuleDocument, place: Place) -> Rule:
        number = int(place[-1]) + 1
        conditions = self.conditions(rule.when, (*place, "when"))
        kind = f"rule {number}" if rule.otherwise is None else "otherwise"
        why = rule.choice.why or rule.why
        inner: Place = place if rule.otherwise is None else (*place, "otherwise")
        return Rule(number, conditions, self.choice(rule.choice, inner, f"{kind}: {why}" if why else kind))

    def choice(self, choice: MechanismDocument, place: Place, reason: str) -> Chooser:
        """The chooser of the given mechanism."""
        for key, build in MECHANISMS.items():
            document = getattr(choice, key)
            if document is not None:
                return build(self, document, (*place, key), reason)
        raise AssertionError("a checked document has one mechanism")

    def conditions(self, when: WhenDocument | None, place: Place) -> list[Condition]:
        """The conditions of a `when`; none if it is absent."""
        for key in (when.labels or {}) if when else ():
            self.label(key, (*place, "labels", key))
        return [] if when is None else list(conditions_of(when))

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    @property
    def is_live(self) -> bool:
        """Whether its decisions are executed."""
        return self._is_live

    @property
    def catalogue(self) -> Catalogue:
        """The allowed models."""
        return self._catalogue

    @property
    def folder(self) -> Path:
        """The folder of the file."""
        return self._source.file.parent

    def model(self, name: str, place: Place) -> str:
        """The model's own name, for a name or an alias; an unknown one is a problem."""
        model = self._catalogue.get(name)
        if model is None:
            self.problem(self._catalogue.objection(name), place)
            return name
        if model.name != name:
            self.artifact(f"model {name}", model.name)
        return model.name

    def validator(self, document: ValidatorDocument, place: Place) -> AnyValidator | None:
        """The validator, shared by the whole policy under its name; None if it has a problem."""
        try:
            validator = build_validator(
                document, Materials(self.folder, self.artifact, lambda name: self.model(name, place))
            )
        except ConfigError as error:
            self.problem(error.message, place)
            return None
        return self._validators.setdefault(validator.name, validator)

    def policy(self, file: str, place: Place) -> Composed | None:
        """The policy of another file of the same folder; None if it has a problem."""
        path = self.folder / file
        if path.name != file or not path.is_file():
            self.problem(f"policy must name a file of the same folder, got {file!r}; check the name", place)
            return None
        if path in self._files:
            self.problem(f"policy must not lead back to itself, got {file!r}; name another file", place)
            return None
        try:
            source = read_source(path)
        except ConfigError as error:
            self._problems.append(error)
            return None
        document = validated(source, PolicyDocument, "policy", self._problems)
        if document is None:
            return None
        inner = PolicyBuilder(
            source,
            self._catalogue,
            self._problems,
            labels=self._labels,
            live=self._is_live,
            around=self._files,
            validators=self._validators,
        )
        return inner.build(document)

    def label(self, key: str, place: Place) -> None:
        """Note that decisions depend on a label; an undeclared label is a problem."""
        if self._labels is not None and key not in self._labels:
            self.problem(f"label {key} must be declared, got none in shadow.yaml; add `labels: [{key}]` there", place)

    def artifact(self, what: str, digest: str) -> None:
        """Add the digest of an artifact to the version."""
        self._artifacts[what] = digest

    def problem(self, message: str, place: Place) -> None:
        """Add a problem at a place in the file."""
        self._problems.append(self._source.error(message, place))


def conditions_of(when: WhenDocument) -> Iterator[Condition]:
    """The conditions of a rule, cheap ones first."""
    for flag_name in ("has_tools", "has_images", "wants_json"):
        wanted = getattr(when, flag_name)
        if wanted is not None:
            yield flag(flag_name, wanted=wanted)
    for field, values in (("task", when.task), ("user_tier", when.user_tier)):
        if values is not None:
            yield one_of(field, values)
    for field, limits in (("input_tokens", when.input_tokens), ("complexity", when.complexity)):
        if limits is not None:
            yield between(field, limits.at_least, limits.at_most)
    labels: Mapping[str, list[str]] = when.labels or {}
    for key, values in labels.items():
        yield label(key, values)
    if when.matches is not None:
        yield text_matches(when.matches)
