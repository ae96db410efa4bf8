"""The page in a real browser: it draws, obeys its controls, fits a phone and works in the dark."""

import time

import pytest

from landscape.figures.colors import color, on_dark
from support.chromium import Tab, chromium
from support.page import Page, whole_page

pytestmark = pytest.mark.slow

PANELS = "document.querySelectorAll('.js-plotly-plot').length"
PATIENCE = 120  # seconds, on a busy machine


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    return whole_page(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def tab():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def desktop(page):
    """The page in a wide window of its own; whoever changes it changes it back."""
    with chromium() as found:
        yield opened(found, page, width=1280)


def opened(tab: Tab, page: Page, **window) -> Tab:
    """The page with all its pictures drawn."""
    tab.errors.clear()
    tab.addresses.clear()
    tab.open((page.results / "report.html").as_uri(), **window)
    expected = sum(len(plot["choices"][0]["panels"]) for plot in page.plots.values())
    wait(tab, f"{PANELS} === {expected}")
    return tab


def wait(tab: Tab, condition: str) -> None:
    end = time.monotonic() + PATIENCE
    while not tab.run(condition):
        assert time.monotonic() < end, (condition, tab.errors)
        time.sleep(0.05)


def test_it_draws_without_an_error_or_another_file_and_fits(desktop, page):
    check(desktop, page, 1280)


def check(tab: Tab, page: Page, width: int) -> None:
    """Drawn as it was loaded, and nothing wider than the window."""
    assert tab.errors == []
    own = (page.results / "report.html").as_uri()
    assert {a for a in tab.addresses if not a.startswith(("data:", "blob:"))} == {own}
    tab.run("document.querySelectorAll('details').forEach((part) => part.open = true)")
    assert tab.run("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('.panel, img, select, input')]"
    edges = tab.run(f"{wide}.map((part) => part.getBoundingClientRect().right)")
    assert max(edges) <= width
    drawn = tab.run(
        "[...document.querySelectorAll('.panel')].map((panel) =>"
        " panel.querySelector('.main-svg').getBoundingClientRect().width - panel.clientWidth)"
    )
    assert max(map(abs, drawn)) <= 1


def test_the_slider_moves_the_curves(desktop, page):
    curves = "document.querySelector('#step_sizes .panel').data.map((trace) => trace.y)"
    slide = (
        "(() => { const range = document.querySelector('#step_sizes input'); range.value = %d;"
        " range.dispatchEvent(new Event('input'));"
        " return document.querySelector('#step_sizes output').textContent })()"
    )
    plot = page.plots["step_sizes"]
    moving = plot["choices"][0]["panels"][0]["moving"]
    assert desktop.run(curves) == [trace["y"] for trace in moving[plot["slider"]["start"]]]
    assert desktop.run(slide % 0) == "lr/64"
    assert desktop.run(curves) == [trace["y"] for trace in moving[0]]
    assert moving[0] != moving[plot["slider"]["start"]]
    desktop.run(slide % plot["slider"]["start"])


def test_a_choice_shows_another_measure(desktop):
    choose = (
        "(() => { const select = document.querySelector('#bands select');"
        " select.selectedIndex = %d; select.dispatchEvent(new Event('input'));"
        " return [...document.querySelectorAll('#bands .panel')]"
        ".map((panel) => panel.layout.yaxis.title.text) })()"
    )
    assert desktop.run(choose % 3) == ["effective β"] * 2
    assert desktop.run(choose % 2) == ["gradient distance, output layer"]
    assert desktop.run(choose % 0) == ["mini-batch loss (nats)"] * 2
    assert desktop.errors == []


def test_the_scheme_of_the_system_is_followed_at_once(desktop):
    colour = "getComputedStyle(document.body).backgroundColor"
    line = "document.querySelector('#bands .panel').data[3].line.color"
    for dark, background, tint in (
        (True, "rgb(22, 24, 27)", on_dark(color("vgg_a_bn"))),
        (False, "rgb(255, 255, 255)", color("vgg_a_bn")),
    ):
        desktop.scheme(dark)
        wait(desktop, f"{line} === '{tint}'")
        assert desktop.run(colour) == background
    assert on_dark(color("vgg_a_bn")) != color("vgg_a_bn")


def test_a_table_is_sorted_by_its_heads_within_its_groups(desktop):
    column = (
        "(() => { const table = document.querySelector('#table-verdicts table');"
        " table.tHead.rows[0].cells[2].querySelector('button').click();"
        " return [...table.tBodies].map((group) => [...group.rows].map((row) =>"
        " row.cells.length > 2 ? Number(row.cells[2].dataset.value) : row.textContent)) })()"
    )
    up, down = desktop.run(column), desktop.run(column)
    assert [group[0] for group in up] == ["over learning rates", "along the gradient"]
    for rising, falling in zip(up, down, strict=True):
        assert rising[1:] == sorted(rising[1:])
        assert falling[1:] == sorted(falling[1:], reverse=True)
    assert up != down


def test_on_a_phone_it_draws_and_fits_too(tab, page):
    check(opened(tab, page, width=390), page, 390)


def test_without_javascript_there_are_words_and_pictures(tab, page):
    tab.errors.clear()
    tab.open((page.results / "report.html").as_uri(), width=390, scripts=False)
    shown = tab.run(
        "[...document.querySelectorAll('noscript img')].map((picture) => picture.naturalWidth)"
    )
    assert len(shown) == len(page.plots)
    assert min(shown) > 300
    assert tab.run("document.getElementById('answer').innerText") == " ".join(page.said["answer"])
    assert tab.run("document.documentElement.scrollWidth") <= 390
    assert tab.run(f"{PANELS}") == 0
    assert tab.run("document.querySelectorAll('button').length") == 0
