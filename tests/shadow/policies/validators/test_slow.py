"""Validators that run programs, ask models or wait: within their time, beside the event loop, never for a shadow."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from shadow.domain.outcome import Answer
from shadow.domain.policy import ValidatorContext
from shadow.domain.request import Message
from shadow.errors import ShadowError, UnjudgedError
from shadow.policies.validators import Case, Command, Judge, ShadowValidatorContext, SlowCalls, SlowValidator
from shadow.policies.validators.judge import score_in
from shadow.policies.validators.waiting import Places, in_thread
from tests.support.sdk import request

PYTHON = sys.executable
PATIENT_S = 60.0
"""Long enough for a busy machine; nothing here waits for it to pass."""


class FakeContext:
    """Answers every question with the same text."""

    def __init__(self, reply: str = "", time_left_s: float = PATIENT_S) -> None:
        self.reply = reply
        self.left_s = time_left_s
        self.asked: list[tuple[str, str, float]] = []

    def time_left_s(self, at_most: float) -> float:
        return min(at_most, self.left_s)

    def ask(self, model: str, prompt: str, timeout_s: float) -> Answer:
        self.asked.append((model, prompt, timeout_s))
        return Answer(text=self.reply)

    async def aask(self, model: str, prompt: str, timeout_s: float) -> Answer:
        return self.ask(model, prompt, timeout_s)


def case(text: str = "") -> Case:
    return Case(request(messages=(Message("user", "Where is {answer}?"),)), Answer(text=text))


def both(validator: SlowValidator, text: str = "", context: ValidatorContext | None = None) -> bool:
    """The verdict, which is the same on an event loop."""
    given = context or FakeContext()
    verdict = validator.check(case(text), given)
    assert asyncio.run(validator.acheck(case(text), given)) is verdict
    return verdict


def unjudged(validator: SlowValidator, text: str = "", context: ValidatorContext | None = None) -> str:
    given = context or FakeContext()
    with pytest.raises(UnjudgedError) as caught:
        validator.check(case(text), given)
    with pytest.raises(UnjudgedError):
        asyncio.run(validator.acheck(case(text), given))
    return str(caught.value)


def python(code: str, *arguments: str, **options: Any) -> Command:
    return Command([PYTHON, "-c", code, *arguments], **{"timeout_s": PATIENT_S, **options})


def test_a_program_reads_the_answer_and_says_yes_or_no() -> None:
    """Exit code 0 accepts, another one refuses."""
    reads = python("import sys; sys.exit(sys.stdin.read() != 'fine \\u00e4')")
    assert both(reads, "fine \u00e4")
    assert not both(reads, "poor")


def test_a_program_may_get_a_file() -> None:
    """By its name, in an empty folder that is gone afterwards, and with the code of the answer only."""
    code = (
        "import os, sys; path = sys.argv[1]; text = open(path).read();"
        "sys.exit([os.path.basename(path), os.listdir('.'), text] != ['a.py', ['a.py'], 'print(1)\\n'])"
    )
    command = python(code, "{file}", file="a.py", part="code")
    assert both(command, "Here:\n```python\nprint(1)\n```\nDone.")
    assert both(command, "print(1)\n")
    assert not both(command, "print(2)\n")


def test_a_program_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the environment but PATH, and a home of its own."""
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    code = "import os, sys; sys.exit(not set(os.environ) <= {'PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_CTYPE'})"
    assert both(python(code))


def test_there_is_no_shell(tmp_path: Path) -> None:
    """What an answer holds is data, also where it looks like a command."""
    trace = tmp_path / "trace"
    assert both(
        python("import sys; sys.exit(not sys.stdin.read().startswith('$('))"), f"$(touch {trace}); `touch {trace}`"
    )
    assert not trace.exists()


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """The answer is unjudged: a slow machine is no bad answer."""
    beat = tmp_path / "beat"
    child = f"import time\nwhile True: open({str(beat)!r}, 'a').write('x'); time.sleep(0.01)"
    code = (
        f"import os, subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]);\n"
        f"while not os.path.exists({str(beat)!r}): time.sleep(0.01)\n"
        "time.sleep(600)"
    )
    message = ""
    # The time limit is found by trying: it must be long enough for the child to begin to write.
    for timeout_s in (1.0, 4.0, 16.0):
        with pytest.raises(UnjudgedError) as caught:
            python(code, timeout_s=timeout_s).check(case(), FakeContext())
        message = str(caught.value)
        if beat.exists():
            break
    assert "must end within" in message
    size = beat.stat().st_size
    time.sleep(0.2)
    assert beat.stat().st_size == size


def test_a_program_that_cannot_judge_leaves_the_answer_unjudged() -> None:
    """Not there, killed, or told by its launcher that the real program is missing."""
    assert "must name a program that can be started" in unjudged(Command(["no-such-program-of-ours"]))
    assert "its own exit code, got 127" in unjudged(python("import sys; sys.exit(127)"))
    assert "its own exit code, got -9" in unjudged(python("import os; os.kill(os.getpid(), 9)"))


def test_the_time_of_the_request_limits_a_program() -> None:
    """Whatever the file allows."""
    assert "must end within 0.05 s" in unjudged(
        python("import time; time.sleep(600)"), context=FakeContext(time_left_s=0.05)
    )


def test_an_event_loop_goes_on_while_a_program_runs(tmp_path: Path) -> None:
    """The program waits for something that only the loop can do."""
    flag = tmp_path / "flag"
    command = python(f"import os, time\nwhile not os.path.exists({str(flag)!r}): time.sleep(0.01)")

    async def run() -> bool:
        checking = asyncio.create_task(command.acheck(case(), FakeContext()))
        await asyncio.sleep(0)
        flag.touch()
        return await checking

    assert asyncio.run(run())


def test_a_caller_that_leaves_takes_its_program_with_it(tmp_path: Path) -> None:
    """A cancelled request burns no more time."""
    beat = tmp_path / "beat"
    command = python(f"import time\nwhile True: open({str(beat)!r}, 'a').write('x'); time.sleep(0.01)")

    async def run() -> None:
        checking = asyncio.create_task(command.acheck(case(), FakeContext()))
        while not beat.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await checking

    asyncio.run(run())
    for _ in range(1000):
        size = beat.stat().st_size
        time.sleep(0.05)
        if beat.stat().st_size == size:
            return
    pytest.fail("the program still runs")


def test_places_are_limited() -> None:
    """Who finds none in time is unjudged; a place is free again afterwards."""
    places = Places("command(x)", 1)
    with places.taken(0), pytest.raises(UnjudgedError, match=r"command\(x\) runs 1 times already"), places.taken(0):
        pass
    with places.taken(0):
        pass


def test_a_judge_is_asked_in_one_prompt() -> None:
    """With the rubric, the question and the answer, each once, whatever stands in them."""
    context = FakeContext('{"score": 0.8}')
    assert both(Judge("gpt-5", "No {question} insults.", at_least=0.8, timeout_s=7), "I {rubric} like you.", context)
    (model, prompt, timeout_s), _ = context.asked
    assert (model, timeout_s) == ("gpt-5", 7)
    assert "<rubric>\nNo {question} insults.\n</rubric>" in prompt
    assert "<question>\nWhere is {answer}?\n</question>" in prompt
    assert "<answer>\nI {rubric} like you.\n</answer>" in prompt
    assert not both(Judge("gpt-5", "No insults.", at_least=0.81), "", context)


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ('{"score": 1}', 1.0),
        ('```json\n{"score": 0.25, "reason": "rude"}\n```', 0.25),
        ('I rate it so: {"score": 0.5}. Bye.', 0.5),
        ('{"score": "high"}', None),
        ('{"score": true}', None),
        ('{"score": 7}', None),
        ('{"rating": 1}', None),
        ("0.9", None),
        ("", None),
        ("}{", None),
    ],
)
def test_a_judges_score_is_read_from_its_reply(reply: str, score: float | None) -> None:
    """Fenced or with words around it; what is no score in [0, 1] is none."""
    assert score_in(reply) == score


def test_a_judge_without_a_score_leaves_the_answer_unjudged() -> None:
    """It is not refused for what the judge could not do."""
    assert "must be answered with" in unjudged(Judge("gpt-5", "Be kind."), context=FakeContext("Looks fine to me."))


def test_a_shadow_asks_no_judge() -> None:
    """It may not spend."""
    with pytest.raises(UnjudgedError, match="a shadow must not ask gpt-5"):
        Judge("gpt-5", "Be kind.").check(case(), ShadowValidatorContext())
    assert not Judge("gpt-5", "Be kind.").in_shadows


def test_a_slow_function_runs_beside_the_loop() -> None:
    """In a thread of its own, where it may block; its verdict and its errors come back."""
    threads: list[str] = []

    def good(text: str) -> object:
        threads.append(threading.current_thread().name)
        return {"1": True, "0": False}.get(text, text)

    validator = SlowCalls(good, label="m:good", timeout_s=PATIENT_S)
    assert both(validator, "1")
    assert not both(validator, "0")
    assert threads[1] == "shadowroute-validator"
    with pytest.raises(ShadowError, match="must return True or False, got str"):
        asyncio.run(validator.acheck(case("x"), FakeContext()))


def test_a_slow_function_that_hangs_is_left_alone() -> None:
    """The caller goes on without its verdict."""
    release = threading.Event()
    validator = SlowCalls(lambda text: release.wait(), label="m:hang", timeout_s=0.05)
    with pytest.raises(TimeoutError):
        asyncio.run(validator.acheck(case(), FakeContext()))
    release.set()


def test_whatever_a_thread_raises_reaches_the_one_who_waits() -> None:
    """Also what a future cannot carry."""

    def stop() -> None:
        raise StopIteration

    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(in_thread(stop))
    with pytest.raises(SystemExit):
        asyncio.run(in_thread(leave))
