from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from shadow.config import Routing, load_routing
from shadow.domain.outcome import Answer
from shadow.domain.policy import Decision, Failure, Policy
from shadow.domain.snapshot import STATELESS, ModelState, Snapshot
from shadow.errors import ConfigError
from shadow.policies.guarded import PolicyResult
from shadow.policies.recipe import CodeRecipe
from shadow.recording.isolation import process
from shadow.recording.policy_runner import PolicyRunner
from shadow.recording.routing_version import RoutingVersion
from shadow.recording.shadow_counts import ShadowCounts
from shadow.recording.state_view import StateView
from shadow.runtime.containment import Containment
from shadow.runtime.import_order import prefer
from shadow.state.own import OwnState
from tests.support.groups import ROOT
from tests.support.isolated import Asked, Judged
from tests.support.remote_router import Reply, remote_router
from tests.support.routing_folder import write_folder
from tests.support.sdk import CATALOGUE, FunctionPolicy, complete, decision, request, routing

SLOW_MACHINE_S = 60.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a process however slow the machine is."""
    monkeypatch.setattr(process, "START_PATIENCE_S", SLOW_MACHINE_S)
    monkeypatch.setattr(process, "START_TIMEOUT_S", SLOW_MACHINE_S)


class Closed:
    """A closed request of a task."""

    def __init__(self, task: str = "", snapshot: Snapshot = STATELESS, text: str = "fine") -> None:
        self.request = request(task=task)
        self.snapshot = snapshot
        self.final = complete("small", answer=Answer(text=text, raw=lambda: "no pickle can hold it"))
        self.shed = False


def _no_own_state(policy: Policy) -> OwnState:
    raise AssertionError("no policy here wants one")


class Posted:
    """A runner with a policy in a process, and what its validators threw."""

    def __init__(self, policy: Policy, *, budget_s: float = SLOW_MACHINE_S, strikes: int = 3) -> None:
        self.containment = Containment()
        self.now = 0.0
        self.runner = PolicyRunner(
            policy,
            CATALOGUE,
            self.containment,
            StateView(policy, _no_own_state, self.containment),
            budget_s=budget_s,
            strikes=strikes,
            recipe=CodeRecipe.of(policy),
            tick=lambda: self.now,
        )

    def ask(self, *tasks: str) -> list[PolicyResult]:
        """One batch."""
        return self.judge([Closed(task) for task in tasks])

    def judge(self, batch: Sequence[Closed]) -> list[PolicyResult]:
        """One batch of other requests."""
        self.runner.begin(batch)
        return self.runner.finish(batch)

    def later(self, seconds: float) -> None:
        """Move the clock, once the threads of dead processes have ended, too."""
        for each in self.runner._left:
            each._thread.join(SLOW_MACHINE_S)
        self.now += seconds

    def end(self) -> None:
        """End the process and wait until it is gone."""
        worker = self.runner._worker
        self.runner.stop()
        if worker is not None:
            worker._thread.join(SLOW_MACHINE_S)
            assert not worker.is_alive()

    @property
    def pid(self) -> int:
        """Of the process that answers now."""
        (result,) = self.ask("")
        assert isinstance(result.decision, Decision), result
        return int(result.decision.reason)


@pytest.fixture
def runners() -> Iterator[list[Posted]]:
    """Runners whose processes are ended, and gone, after the test."""
    made: list[Posted] = []
    yield made
    for each in made:
        each.end()


@pytest.fixture
def asked(runners: list[Posted]) -> Posted:
    runners.append(Posted(Asked()))
    return runners[-1]


@pytest.fixture(scope="module")
def shared() -> Iterator[Posted]:
    """One process for the tests that leave it as it was; it runs before the first of them begins."""
    made = Posted(Asked())
    made.ask("")
    yield made
    made.end()


def error_types(results: Sequence[PolicyResult]) -> list[str]:
    return [each.decision.error_type if isinstance(each.decision, Failure) else "" for each in results]


def is_gone(pid: int, *, orphan: bool = False) -> bool:
    """Whether the process ends soon. Of a child of ours nothing may be left; an orphan is another's to clear away."""
    stat = Path(f"/proc/{pid}/stat")
    for _ in range(6000):
        try:
            if orphan and stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        if not stat.exists():
            return True
        time.sleep(0.01)
    return False


def is_busy(pid: int) -> bool:
    """Whether the process soon uses a tenth of a second of CPU time more than now."""
    used = [int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])]
    for _ in range(6000):
        used.append(int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]))
        if used[-1] - used[0] >= os.sysconf("SC_CLK_TCK") / 10:
            return True
        time.sleep(0.01)
    return False


def test_a_policy_decides_in_another_process_as_it_does_here(shared: Posted) -> None:
    """Batches in order, decisions whole, and the time that the policy took."""
    results = shared.ask(*["prints" if number == 3 else "" for number in range(100)])
    assert error_types(results) == [""] * 100
    made = [each.decision for each in results if isinstance(each.decision, Decision)]
    assert made[3] == decision("small", "asked", reason="printed")
    assert {each.reason for each in made} == {str(shared.pid), "printed"}
    assert shared.pid != os.getpid()
    assert all(each.duration_s is not None and each.duration_s >= 0 for each in results)


def test_what_a_policy_does_wrong_stays_in_its_row(shared: Posted) -> None:
    """The same reasons as in a thread, and the next request is asked as ever."""
    wrong = {
        "raises": "ValueError",
        "exits": "SystemExit",
        "mutates": "mutated_request",
        "unknown": "unknown_model",
        "huge": "invalid_decision",
        "nan": "invalid_decision",
        "nothing": "invalid_decision",
    }
    results = shared.ask(*wrong, "")
    assert error_types(results) == [*wrong.values(), ""]
    failure = results[0].decision
    assert isinstance(failure, Failure)
    assert failure.message.startswith("ValueError raised at isolated.py:")


@pytest.mark.parametrize("behaviour", ["loops", "blocks", "sleeps"])
def test_an_overrun_kills_the_process_and_the_next_one_takes_the_rest(behaviour: str, runners: list[Posted]) -> None:
    """Also a call into C that no exception reaches. Nothing of the killed process is left."""
    runners.append(Posted(Asked(), budget_s=2.0))
    first = runners[-1].pid
    results = runners[-1].ask("", behaviour, "")
    assert error_types(results) == ["", "timeout", ""]
    assert runners[-1].pid != first
    assert is_gone(first)


def test_a_process_that_ends_by_itself_is_a_strike(asked: Posted, caplog: pytest.LogCaptureFixture) -> None:
    """The row says how it ended; three of them switch the policy off."""
    results = asked.ask("ends", "", "ends", "ends", "")
    assert error_types(results) == ["process_ended", "", "process_ended", "process_ended", "switched_off"]
    failure = results[0].decision
    assert isinstance(failure, Failure)
    assert failure.message == "its process ended with exit code 3"
    assert caplog.text.count("shadow policy asked switched off (3 failures, the last one: its process ended") == 1


def test_a_policy_that_was_switched_off_is_probed_and_comes_back(asked: Posted) -> None:
    """One request after 30 s; if that fails, the next after 60 s. A decision in time brings it back."""
    assert error_types(asked.ask("ends", "ends", "ends", "")) == [*["process_ended"] * 3, "switched_off"]
    asked.now += 29
    assert error_types(asked.ask("")) == ["switched_off"]
    asked.later(1)
    assert error_types(asked.ask("ends", "")) == ["process_ended", "switched_off"]
    asked.now += 59
    assert error_types(asked.ask("", "")) == ["switched_off"] * 2
    asked.later(1)
    assert error_types(asked.ask("", "")) == ["", ""]
    assert asked.runner.off == ""


def test_validators_run_there_and_what_they_throw_is_counted_here(runners: list[Posted]) -> None:
    """They see the answer's text, which stays on this machine; the provider's own object does not cross the pipe."""
    runners.append(Posted(Judged("judged")))
    results = runners[-1].judge([Closed(text=text) for text in ("fine", "a bad one", "odd")])
    assert [each.escalated for each in results] == [False, True, None]
    assert runners[-1].containment.counts == {"accept_if of judged": 1}


def test_the_snapshot_is_the_same_on_the_other_side(shared: Posted) -> None:
    """With everything in it: a policy that changes its copy is found out by comparing them."""
    snapshot = Snapshot(
        mode="shared", models={"small": ModelState(latency_s=0.5)}, warm_tokens={"big": 7}, killed=frozenset({"other"})
    )
    assert error_types(shared.judge([Closed(snapshot=snapshot)])) == [""]


def test_a_policy_that_cannot_be_built_there_is_switched_off_with_the_reason(runners: list[Posted]) -> None:
    """A version that is not the service's would write rows under a wrong name."""
    runners.append(Posted(Asked()))
    runners[-1].runner._recipe = CodeRecipe.of(Asked(version="2222"))
    assert error_types(runners[-1].ask("", "", "", "")) == [*["process_ended"] * 3, "switched_off"]
    assert "policy asked must be version 1111, got 2222" in runners[-1].runner.off


@pytest.mark.parametrize("broken", [FunctionPolicy("local", lambda asked: decision()), Asked])
def test_a_policy_that_cannot_be_imported_is_refused(broken: Any) -> None:
    """At once, by name, and with what to do."""
    if broken is Asked:
        program = """
from tests.support.sdk import CATALOGUE, LIVE
from shadow.config import Routing
class Mine:
    name, version = "mine", "1"
    def decide(self, request, snapshot): ...
try:
    Routing.of(live=LIVE, shadows=[Mine()], isolated=["mine"])
except ValueError as error:
    print(error)
"""
        said = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
        ).stdout
    else:
        with pytest.raises(ConfigError) as refused:
            Routing.of(live=decision_host(), shadows=[broken], isolated=["local"])
        said = str(refused.value)
    assert "must be importable to run in a process of its own" in said
    assert "at the top of a module" in said


def decision_host() -> Any:
    return routing().live


def test_a_file_says_where_its_policy_runs_and_the_service_has_the_last_word(tmp_path: Path) -> None:
    """Where it runs changes no decision, and so no version."""
    shadow = "live: {name: host}\nshadows: [policies/counted.yaml, {file: policies/other.yaml, isolation: process}]\n"
    call = "choose: {call: 'tests.support.isolated:counts_words', version: '1'}\n"
    folder = write_folder(tmp_path, shadow=shadow, counted=f"policy: counted\n{call}", other=f"policy: other\n{call}")
    made = load_routing(folder / "shadow.yaml")
    assert set(made.recipes) == {"other"}
    versions = {each.name: each.version for each in made.shadows}
    write_folder(folder, models=None, counted=f"policy: counted\nisolation: process\n{call}")
    made = load_routing(folder / "shadow.yaml")
    assert set(made.recipes) == {"counted", "other"}
    assert {each.name: each.version for each in made.shadows} == versions
    write_folder(folder, models=None, shadow=shadow.replace("isolation: process", "isolation: thread"))
    assert set(load_routing(folder / "shadow.yaml").recipes) == {"counted"}


def test_a_file_is_built_as_it_was_loaded_whatever_lies_there_later(tmp_path: Path) -> None:
    """A worker that starts after an edit runs the policy that the service runs."""
    shadow = "live: {name: host}\nlimits: {budget_s: 60}\nshadows: [{file: policies/rules.yaml, isolation: process}]\n"
    rules = "policy: rules\nchoose: {rules: [{when: {matches: hello}, use: gpt-5-mini}, {otherwise: gpt-5}]}\n"
    folder = write_folder(tmp_path, shadow=shadow, rules=rules)
    made = load_routing(folder / "shadow.yaml")
    write_folder(folder, models=None, rules="policy: [\n")
    routing_version = RoutingVersion(made, containment=Containment("raise"), counts=ShadowCounts(), id_key="public")
    ((result,),) = routing_version.runner.evaluate([Closed()])
    routing_version.runner.end()
    assert isinstance(result.decision, Decision)
    assert (result.decision.model, result.decision.version) == ("gpt-5", made.shadows[0].version)


def test_the_user_s_modules_come_first_there_as_they_do_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In our commands they lie behind what is installed; a policy's function is the user's in both processes."""
    for place, model in (("installed", "gpt-5"), ("user", "gpt-5-mini")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "chooses_twice.py").write_text(f"def choose(_):\n    return {model!r}\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "installed"), str(tmp_path / "user")])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    prefer([str(tmp_path / "user")])
    shadow = "live: {name: host}\nlimits: {budget_s: 60}\nshadows: [{file: policies/own.yaml, isolation: process}]\n"
    own = "policy: own\nchoose: {call: 'chooses_twice:choose', version: '1'}\n"
    made = load_routing(write_folder(tmp_path, shadow=shadow, own=own) / "shadow.yaml")
    routing_version = RoutingVersion(made, containment=Containment("raise"), counts=ShadowCounts(), id_key="public")
    ((result,),) = routing_version.runner.evaluate([Closed()])
    routing_version.runner.end()
    sys.modules.pop("chooses_twice")
    assert isinstance(result.decision, Decision), result
    assert result.decision.model == "gpt-5-mini"
    assert made.shadows[0].decide(request(), STATELESS).model == "gpt-5-mini"


def test_another_process_may_ask_a_service(tmp_path: Path) -> None:
    """The policy `http` keeps its features, its answer and its failures on the way through two processes."""
    with remote_router() as service:
        service.script += [Reply(b'{"selected_roster_id": "gpt-5-mini"}'), Reply(b'{"selected_roster_id": "gpt-9"}')]
        remote = f"""
            policy: remote
            choose: {{http: {{url: '{service.url}', version: '1', among: [gpt-5, gpt-5-mini], timeout_s: 10}}}}
        """
        shadow = (
            "live: {name: host}\nlimits: {budget_s: 60}\nshadows: [{file: policies/remote.yaml, isolation: process}]\n"
        )
        made = load_routing(write_folder(tmp_path, shadow=shadow, remote=remote) / "shadow.yaml")
        routing_version = RoutingVersion(made, containment=Containment("raise"), counts=ShadowCounts(), id_key="public")
        ((first,),) = routing_version.runner.evaluate([Closed("extract")])
        ((second,),) = routing_version.runner.evaluate([Closed()])
        routing_version.runner.end()
    assert isinstance(first.decision, Decision)
    assert first.decision.model == "gpt-5-mini"
    assert isinstance(second.decision, Failure)
    assert (second.decision.status, second.decision.error_type) == ("invalid", "http_invalid")
    assert [question["features"].get("task") for question in service.questions] == ["extract", ""]


SERVICE = """
import os, sys, time, threading
from tests.support.isolated import Asked
from tests.support.sdk import complete, record, request, routing
from shadow.recording.isolation import process
from shadow.policies.recipe import CodeRecipe
from shadow.recording.recorder import Recorder
from dataclasses import replace
from shadow.testing import MemorySink
process.START_PATIENCE_S = process.START_TIMEOUT_S = 60
policy, sink = Asked(), MemorySink()
settings = replace(routing([policy], budget_s=60), recipes={"asked": CodeRecipe.of(policy)})
recorder = Recorder(settings, exporter=sink, on_error="raise")
def pids():
    record(recorder, request(), complete())
    assert recorder.flush(60)
    return [row["llm_router.decision.reason"] for row in sink.rows("shadow")]
"""


def python(program: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:.*fork.*:DeprecationWarning", "-c", SERVICE + program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    return finished.stdout


def test_parent_and_child_of_a_fork_have_processes_of_their_own() -> None:
    """As gunicorn does it, also with `preload`; the end of one takes nothing from the other."""
    said = python("""
before = pids()[-1]
child = os.fork()
if not child:
    sink.spans.clear()
    print(before, *pids(), flush=True)
    recorder.shutdown(60)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print(*pids())
""").splitlines()
    before, in_child = said[0].split()
    assert before != in_child
    assert said[1].split() == [before, before]


def test_an_exit_of_the_interpreter_ends_the_process_and_writes_what_it_said() -> None:
    """Without a word of the host."""
    (pid,) = python("print(pids()[-1])").split()
    assert is_gone(int(pid), orphan=True)


@pytest.mark.parametrize("behaviour", ["", "loops"])
def test_the_process_dies_with_a_parent_that_is_killed(behaviour: str) -> None:
    """It may be in the middle of a loop without an end."""
    program = f"""
print(pids()[-1], flush=True)
record(recorder, request(task={behaviour!r}), complete())
time.sleep(3600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE + program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        pid = int(service.stdout.readline())
        assert not behaviour or is_busy(pid)
        service.send_signal(signal.SIGKILL)
        service.wait()
    assert is_gone(pid, orphan=True)


def test_the_process_imports_nothing_heavy() -> None:
    """It is started in the middle of traffic, once per policy."""
    said = python("""
policy.decide = None
import subprocess
from shadow.recording.isolation.process import BOOT
code = BOOT.replace("main()", "import shadow.config.loading; print(*sorted(sys.modules))")
print(subprocess.run([sys.executable, "-c", code, *sys.path], capture_output=True, text=True).stdout)
""")
    roots = {name.partition(".")[0] for name in said.split()}
    assert {"shadow", "pydantic", "yaml"} <= roots
    heavy = {"numpy", "scipy", "pandas", "httpx", "aiohttp", "openai", "litellm", "multiprocessing", "opentelemetry"}
    assert heavy.isdisjoint(roots)
