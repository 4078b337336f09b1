"""The pages in Chromium, served by a real `shadowroute up` process over a fortnight of traffic.

`SHADOWROUTE_SCREENSHOTS=1` writes the pictures of docs/images.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.cli import Up, free_ports, running_up
from tests.support.groups import ROOT, need_browser

pytestmark = pytest.mark.browser

SCREENSHOTS = ROOT / "docs" / "images"
WAIT_MS = 60_000
expect.set_options(timeout=WAIT_MS)
FILL = """
import sys
from shadowroute.collector.store import open_store
from tests.support.page_verdicts import plan_content, record, run_answers
from tests.support.page_week import fill
with open_store(sys.argv[1], own=True) as store:
    fill(store, requests=3000, even_users=True)
    run_answers(store)
    record(store, plan_content("bold-2026-11"))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=need_browser(), args=["--disable-dev-shm-usage"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A platform over a filled store; another process fills it, because this one may have an engine of its own."""
    folder = tmp_path_factory.mktemp("browser")
    dsn = f"chdb://{folder / 'store'}"
    subprocess.run([sys.executable, "-c", FILL, dsn], cwd=ROOT, check=True)
    with running_up("--store", dsn, cwd=folder, ports=free_ports(3)) as running:
        yield running


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page; `@pytest.mark.parametrize("page", ["dark"], indirect=True)` gives a dark one."""
    scheme: Literal["light", "dark"] = getattr(request, "param", "light")
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


def show(page: Page, up: Up, path: str) -> None:
    """Open an address and wait until the page is drawn."""
    page.goto(up.ui_url + path)
    settled(page)


def settled(page: Page) -> None:
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    expect(page.locator("[data-testid=stSpinner]")).to_have_count(0, timeout=WAIT_MS)


def picture(page: Page, name: str) -> None:
    """Write a picture of the whole page for the documentation, where that is asked for."""
    if not os.environ.get("SHADOWROUTE_SCREENSHOTS"):
        return
    for _ in range(2):  # charts are drawn as they come into view, and make the page longer
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": 1280, "height": height + 10})
        page.wait_for_timeout(1500)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_overview_shows_a_card_per_policy(page: Page, up: Up, request: pytest.FixtureRequest) -> None:
    """A verdict where a plan judges, four measures else; the first number above the fold, in both themes."""
    show(page, up, "/")
    expect(page.get_by_text("Measured, not judged")).to_have_count(2)
    expect(page.get_by_role("heading", name=re.compile("SHIP.*bold"))).to_be_visible()
    expect(page.get_by_text("A/A control: the noise floor")).to_be_visible()
    first = page.locator("[data-testid=stMetricValue]").first
    expect(first).to_have_text(re.compile(r"^-?\d+\.\d( to -?\d+\.\d)? %$"))
    box = first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900
    picture(page, "overview" if request.node.callspec.params["page"] == "light" else "overview-dark")


@pytest.mark.parametrize(
    ("path", "heading", "name"),
    [
        ("/divergence?policy=cheap-first", "Where would requests go instead?", "divergence"),
        ("/cost?policy=cheap-first", "How often does it pay twice?", "cost"),
        ("/quality?policy=bold&signal=judge+(llm)", "How are the values distributed?", "quality"),
        ("/requests?policy=cheap-first", "Which requests are behind the figures?", "requests"),
        ("/trace?request=req-00100", "Choice of each policy", "request"),
    ],
)
def test_every_page_draws(page: Page, up: Up, path: str, heading: str, name: str) -> None:
    """Each page answers its question without an error, and asks nothing of another host."""
    foreign: list[str] = []
    page.on("request", lambda made: foreign.append(made.url) if not _is_local(made.url, up) else None)
    show(page, up, path)
    expect(page.get_by_text(heading)).to_be_visible()
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    picture(page, name)
    assert foreign == []


@pytest.mark.parametrize("width", [1200, 390])
def test_a_verdict_leads_to_the_bill_and_to_the_answers(page: Page, up: Up, width: int) -> None:
    """From the sentence to Cost and Quality of that shadow, on a desk and on a phone; no page is wider than it."""
    page.set_viewport_size({"width": width, "height": 900})
    show(page, up, "/")
    expect(page.get_by_text("Ship to 5 %.")).to_be_visible()
    expect(page.get_by_role("heading", name="Conditions of the plan").first).to_be_visible()
    page.locator("[class*=st-key-open-cost-bold]").get_by_role("button").click()
    expect(page.get_by_role("heading", name="Where the money goes, per month")).to_be_visible()
    settled(page)
    expect(page).to_have_url(re.compile(r"/cost\?.*policy=bold"))
    assert _overflow(page) == 0
    page.goto(page.url.replace("/cost?", "/quality?"))
    expect(page.get_by_role("heading", name="Answers of the shadow that were run")).to_be_visible()
    settled(page)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    assert _overflow(page) == 0


def test_the_evidence_packet_is_one_click(page: Page, up: Up, tmp_path: Path) -> None:
    """The button of a card gives the files that `shadowroute report --packet` writes."""
    show(page, up, "/")
    with page.expect_download() as download:
        page.locator("[class*=st-key-packet-bold]").get_by_role("button").click()
    path = tmp_path / "packet.zip"
    download.value.save_as(path)
    with ZipFile(path) as archive:
        assert "packet/packet.html" in archive.namelist()


def test_specialists_figures_open(page: Page, up: Up) -> None:
    """They are measured when the part is opened."""
    show(page, up, "/quality?policy=bold")
    page.get_by_text("For specialists").click()
    expect(page.get_by_role("heading", name="Between single models")).to_be_visible()
    settled(page)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)


def test_axis_labels_are_not_cut(page: Page, up: Up) -> None:
    """No chart ends a name with an ellipsis."""
    show(page, up, "/divergence?policy=cheap-first")
    charts = page.locator("[data-testid=stVegaLiteChart]")
    expect(charts).to_have_count(2)
    page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for()
    assert "…" not in " ".join(charts.all_inner_texts())


def test_filters_stay_in_the_address(page: Page, up: Up) -> None:
    """What is chosen stands in the address, survives another page and a reload, and can be sent."""
    show(page, up, "/")
    page.get_by_label("Shadow policy").click()
    page.get_by_role("option", name="bold").click()
    settled(page)
    expect(page).to_have_url(re.compile(r"policy=bold"))
    page.get_by_role("link", name="Cost").click()
    page.get_by_text("What would it have cost?").wait_for()
    expect(page).to_have_url(re.compile(r"/cost\?.*policy=bold"))
    page.reload()
    settled(page)
    expect(page.get_by_role("heading", name=re.compile("bold"))).to_be_visible()


def test_a_card_leads_to_its_pages(page: Page, up: Up) -> None:
    """A button of a card opens the page on that policy."""
    show(page, up, "/")
    page.locator("[class*=st-key-open-cost-cheap-first]").get_by_role("button").click()
    page.get_by_text("What would it have cost?").wait_for()
    settled(page)
    expect(page).to_have_url(re.compile(r"/cost\?.*policy=cheap-first"))


def test_a_click_on_a_request_opens_it_and_leads_back(page: Page, up: Up) -> None:
    """From the list to one decision, and back to the list with its filters."""
    show(page, up, "/requests?policy=bold")
    grid = page.locator("[data-testid=stDataFrame]").first
    grid.wait_for()
    page.wait_for_timeout(1000)
    grid.click(position={"x": 250, "y": 60})
    page.get_by_text("Choice of each policy").wait_for()
    expect(page).to_have_url(re.compile(r"/trace\?.*request=req-"))
    expect(page).to_have_url(re.compile(r"policy=bold"))
    page.get_by_role("button", name="Back to requests").click()
    page.get_by_text("Which requests are behind the figures?").wait_for()
    expect(page).to_have_url(re.compile(r"policy=bold"))


def test_the_download_holds_every_filtered_row(page: Page, up: Up, tmp_path: Path) -> None:
    """Not the 50 rows of the page: all 3,000."""
    show(page, up, "/requests")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    path = tmp_path / "requests.csv"
    download.value.save_as(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3000
    assert len({row["request"] for row in rows}) == 3000


def test_a_link_to_an_unknown_policy_shows_an_error(page: Page, up: Up) -> None:
    """And no figure of another policy under that address; the way back is one click."""
    show(page, up, "/?policy=deleted")
    expect(page.get_by_text("No policy is called 'deleted'.")).to_be_visible()
    expect(page.locator("[data-testid=stMetric]")).to_have_count(0)
    page.get_by_role("button", name="Clear the filters").click()
    settled(page)
    expect(page.locator("[data-testid=stMetric]").first).to_be_visible()


def test_an_empty_platform_says_what_to_do(page: Page, tmp_path: Path) -> None:
    """The first screen of a fresh store: where to send, and what to run."""
    with running_up(cwd=tmp_path, ports=free_ports(3)) as fresh:
        show(page, fresh, "/")
        expect(page.get_by_text("No request has arrived")).to_be_visible()
        expect(page.get_by_text(fresh.otlp_url).first).to_be_visible()
        picture(page, "empty")


def _overflow(page: Page) -> int:
    """Pixels by which the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def _is_local(url: str, up: Up) -> bool:
    return url.startswith((up.ui_url, up.ui_url.replace("http", "ws"), "data:", "blob:"))
