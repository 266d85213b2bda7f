"""The report and the live page in headless Chromium, without a network."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import xml.etree.ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))

from make_results import grid, make_results  # noqa: E402

from weightsweep import open_runs, report, watch  # noqa: E402
from weightsweep.report import data  # noqa: E402

EVIL = "</script><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
MESSAGE = f"no memory for größer {EVIL}"
SECONDS_TO_OPEN = 2


def thousand() -> list[dict[str, Any]]:
    runs = grid(unknowns=[15, 50], equation_ratio=[1.33, 2.0, 3.0, 4.0, 5.0], embed_dim=[32, 64, 128, 256], pooling=["mean", "max"], seed=list(range(1, 14)))[:1000]
    runs[3] |= {"status": "failed", "message": MESSAGE}
    runs[7] |= {"status": "diverged", "message": "the loss is not finite"}
    runs[9] |= {"status": "running"}
    return runs


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "thousand.h5"
    make_results(path, thousand())
    with h5py.File(path, "r+") as file:
        file.attrs.modify("resolved", f"name: {json.dumps(EVIL)}\naxes: {{}}\n")
    return path


@pytest.fixture(scope="module")
def page(results: Path) -> Path:
    """The page of a thousand runs; its figures have tests of their own."""
    return save(results)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    if not Path("/usr/bin/chromedriver").exists():
        pytest.skip("no Chromium with its driver here")
    options = webdriver.ChromeOptions()
    # No name is resolved and nothing is connected to but this machine: what the page needs must be inside it.
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1300,1400", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"):
        options.add_argument(word)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    yield driver
    driver.quit()


def column(browser: Any, name: str) -> list[str]:
    script = """const at = [...document.querySelectorAll('#table th')].findIndex((head) => head.textContent === arguments[0]);
                return [...document.querySelectorAll('#table tbody tr')].map((row) => row.cells[at].textContent);"""
    return browser.execute_script(script, name)


def headings(browser: Any) -> list[str]:
    return browser.execute_script("return [...document.querySelectorAll('#table th')].map((head) => head.textContent)")


def click(browser: Any, heading: str) -> None:
    browser.execute_script("document.getElementById('runs').scrollIntoView()")
    next(button for button in browser.find_elements("css selector", "#table th button") if button.text == heading).click()


def show(browser: Any, words: str) -> None:
    """Writes the filter at once; test_keyboard_reaches_the_filter types."""
    browser.execute_script("const field = document.getElementById('filter'); field.value = arguments[0]; field.dispatchEvent(new Event('input'))", words)


def save(results: Path) -> Path:
    """Writes the page of a results file, without figures."""
    page = results.with_suffix(".html")
    page.write_text(report.page(data.content(open_runs(results)), []), encoding="utf-8")
    return page


def choose(browser: Any, control: str, value: str) -> None:
    """Chooses an option of a control, as a reader would."""
    from selenium.webdriver.support.ui import Select

    Select(browser.find_element("id", control)).select_by_value(value)


def legend(browser: Any, chart: str = "plot") -> list[str]:
    return browser.execute_script("return [...document.querySelectorAll(`#${arguments[0]} .legend button`)].map((item) => item.textContent)", chart)


def opened(browser: Any, page: Path) -> float:
    """Opens it; seconds until everything, curves included, is there."""
    browser.get(f"file://{page}")
    assert browser.execute_script("return document.querySelectorAll('#plot .series .line').length") > 0
    return browser.execute_script("return performance.timing.loadEventEnd - performance.timing.navigationStart") / 1000


def test_page_opens_quickly_without_requests(browser: Any, page: Path) -> None:
    assert min(opened(browser, page) for _ in range(3)) < SECONDS_TO_OPEN
    assert len(column(browser, "run_id")) == 1000
    assert browser.find_element("id", "shown").text == "1,000 of 1,000 runs"
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_text_of_the_file_is_shown_and_not_run(browser: Any, page: Path) -> None:
    opened(browser, page)
    assert browser.title == EVIL and browser.find_element("id", "name").text == EVIL
    assert MESSAGE in column(browser, "message")
    failures = [item.text for item in browser.find_elements("css selector", "#failures li")]
    assert len(failures) == 2 and MESSAGE in failures[0] and "diverged after 10,000 steps" in failures[1]
    assert browser.execute_script("return document.querySelectorAll('img[src=x]').length") == 0


def test_sorts(browser: Any, page: Path) -> None:
    opened(browser, page)
    for sign in (-1, 1):  # the first click brings the best to the top
        click(browser, "r2")
        values = column(browser, "r2")
        known = [float(value) for value in values if value != "–"]
        assert known == sorted(known, reverse=sign < 0) and len(known) == 998
        assert values[-2:] == ["–", "–"]  # what is not known comes last both times
    for name in ("pooling", "loss_ema"):
        click(browser, name)
        assert column(browser, name) == sorted(column(browser, name), key=lambda value: (value == "–", value))


def test_filters_table_and_curves(browser: Any, page: Path) -> None:
    opened(browser, page)
    show(browser, "pooling=max embed_dim>=128 seed!=2")
    assert set(column(browser, "pooling")) == {"max"} and set(column(browser, "embed_dim")) == {"128", "256"}
    assert "2" not in column(browser, "seed")
    choose(browser, "colour", "embed_dim")
    assert legend(browser) == ["embed_dim 128", "embed_dim 256", "published"]
    show(browser, "GRÖSSER".replace("SS", "ß").lower())
    assert column(browser, "status") == ["failed"]
    show(browser, "nothing_of_the_kind>1")
    assert browser.find_element("id", "shown").text == "no column 'nothing_of_the_kind'"
    show(browser, "")
    assert len(column(browser, "run_id")) == 1000


def test_zooms(browser: Any, exact: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    opened(browser, exact)
    browser.execute_script("document.getElementById('curves').scrollIntoView()")
    plot = browser.find_element("css selector", "#plot svg")
    limits = "return chart.drawn(document.getElementById('plot')).xs"
    before = browser.execute_script(limits)
    ActionChains(browser).move_to_element_with_offset(plot, -100, -60).click_and_hold().move_by_offset(60, 60).move_by_offset(60, 40).release().perform()
    after = browser.execute_script(limits)
    assert before[0] < after[0] < after[1] < before[1]
    show(browser, "seed=2")  # a zoom outlives the filter
    assert browser.execute_script(limits) == after
    plot.send_keys("+", Keys.ARROW_LEFT)
    near = browser.execute_script(limits)
    assert near[0] < after[0] + 0.1 * (after[1] - after[0]) and near[1] - near[0] < after[1] - after[0]
    plot.send_keys("0")
    assert browser.execute_script(limits) == before
    ActionChains(browser).move_to_element_with_offset(plot, -100, -60).click_and_hold().move_by_offset(60, 60).move_by_offset(60, 40).release().double_click(plot).perform()
    assert browser.execute_script(limits) == before


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a sweep over widths and near rates, one of whose runs diverged."""
    path = tmp_path_factory.mktemp("exact") / "exact.h5"
    runs = grid(encoder=["128", "64,8", "16", "8"], learning_rate=[0.00123456, 0.00123457], seed=[1, 2])
    runs[0] |= {"status": "diverged", "message": "R^2 is -2e+27 at step 30000"}
    make_results(path, runs)
    with h5py.File(path, "r+") as file:
        file["r2"][0], file["curve_r2"][0, 5:], file["curve_loss"][0, 5:] = -2e27, -2e27, 1e26
    return save(path)


def test_lists_sort_by_their_numbers(browser: Any, exact: Path) -> None:
    opened(browser, exact)
    for sign in (1, -1):
        click(browser, "encoder")
        assert list(dict.fromkeys(column(browser, "encoder"))) == ["8", "16", "64,8", "128"][::sign]
    choose(browser, "colour", "encoder")
    assert legend(browser) == ["encoder 8", "encoder 16", "encoder 64,8", "encoder 128"]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("seed = 1", 8),
        ("seed=1,encoder=8", 2),
        ("encoder = [64, 8]", 4),
        ("encoder=64, 8 seed >= 2", 2),
        ("encoder<64,8", 8),
        ("encoder > 16", 8),
        ("learning_rate=0.00123456", 8),
        ("learning_rate = 1.23457e-3", 8),
        ("steps_done=30,000", 15),
        ("encoder!=8", 12),
        ("seed=1 OR encoder=8", 10),
        ("NOT encoder=8", 12),
        ("not (encoder=8 or encoder=[64, 8]) and seed=1", 4),
        ('message="R^2 is -2e+27 at step 30000"', 1),
        ('"at step"', 1),
        ('message=""', 15),
        ('r2!=""', 15),
        ("r2>98%", 15),
        ("batch=1024 optimizer=adam", 16),
        ("batch=256", 0),
    ],
)
def test_filters_take_numbers_lists_and_blanks(browser: Any, exact: Path, words: str, count: int) -> None:
    if browser.current_url != f"file://{exact}":
        opened(browser, exact)
    show(browser, words)
    assert browser.find_element("id", "shown").text == f"{count} of 16 runs"


def test_settings_are_exact_and_outcomes_match_as_shown(browser: Any, exact: Path) -> None:
    opened(browser, exact)
    assert set(column(browser, "learning_rate")) == {"0.00123456", "0.00123457"}
    shown = column(browser, "r2")[1]
    own = browser.execute_script("return JSON.stringify(table.cell(1, table.find('r2')))")
    for value in (shown, own):
        show(browser, f"r2={value}")
        assert shown in column(browser, "r2")
    for words, mistake in [("seed=one", "'seed=one': the value is not a number"), ("seed=", "'seed=': the value is missing"), ("(seed=1", "a bracket is not closed"), ("seed=1 OR", "a condition is missing at the end")]:
        show(browser, words)
        assert browser.find_element("id", "shown").text == mistake and not browser.execute_script("return document.getElementById('filter').checkValidity()")


def test_a_diverged_run_does_not_stretch_the_axes(browser: Any, exact: Path) -> None:
    opened(browser, exact)
    choose(browser, "lines", "runs")
    choose(browser, "best", "50")
    for vertical, scale, lowest, highest in (("loss", "natural", -4, 1), ("r2", "linear", -1.2, 1.1), ("r2", "natural", -0.1, 4)):
        choose(browser, "vertical", vertical)
        choose(browser, "yscale", scale)
        low, high = browser.execute_script("return chart.drawn(document.getElementById('plot')).ys")
        assert lowest < low < high < highest, (vertical, scale)
        assert ("cut off" if scale == "linear" or vertical == "loss" else "drawn at 0") in browser.find_element("id", "drawn").text
    assert column(browser, "r2")[0] == "–" and column(browser, "status")[0] == "diverged"


def test_nothing_is_lost_on_paper(browser: Any, results: Path, page: Path) -> None:
    """Every column is on paper, in parts that a page of A4 holds, for the runs that the filter shows."""
    opened(browser, page)
    show(browser, "seed=2 pooling=max embed_dim=32")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
        parts = browser.execute_script("return [...document.querySelectorAll('#paper table')].map((part) => [[...part.rows[0].cells].map((cell) => cell.textContent), part.rows.length, part.offsetWidth])")
        names = browser.execute_script("return [...document.querySelectorAll('#table th')].map((head) => head.textContent)")
        assert len(parts) > 1 and [name for heads, _, _ in parts for name in heads[1:]] == names[1:] and {heads[0] for heads, _, _ in parts} == {"run_id"}
        assert {rows for _, rows, _ in parts} == {1 + len(column(browser, "run_id"))} and all(width < 718 for _, _, width in parts)
        assert all(one[2] + 150 > 700 for one in parts[:-1])  # a part ends where the next column would not fit
        browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
        assert browser.execute_script("return document.querySelectorAll('#paper table').length") == 0
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_all_settings_are_on_paper(browser: Any, tmp_path: Path) -> None:
    make_results(tmp_path / "r.h5", grid(batch=[64 * place for place in range(1, 13)]))
    opened(browser, save(tmp_path / "r.h5"))
    count = "window.dispatchEvent(new Event(arguments[0])); return document.querySelectorAll('#cases tbody tr').length"
    assert [browser.execute_script(count, name) for name in ("beforeprint", "afterprint")] == [12, 10]


# ---- the answer, and what a reader does with a page ----


SCORES = {64: -1.0, 128: -1.4, 256: -1.41}  # log10(1 - R^2) of the widths


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a sweep of two cases, three widths and three seeds. Width 256 is best, and 128 is as good within the noise."""
    path = tmp_path_factory.mktemp("planted") / "planted.h5"
    runs = grid(unknowns=[15, 50], embed_dim=[64, 128, 256], seed=[1, 2, 3], equation_ratio=[2.0])
    make_results(path, [run | {"optimizer": "muon"} for run in runs])
    with h5py.File(path, "r+") as file:
        noise = [0.02 * ((run["seed"] + list(SCORES).index(run["embed_dim"])) % 3 - 1) for run in runs]  # its mean over the seeds is 0
        file["r2"][:] = [1 - 10 ** (SCORES[run["embed_dim"]] + noise[place] + run["unknowns"] / 100) for place, run in enumerate(runs)]
    return save(path)


def texts(browser: Any, selector: str) -> list[str]:
    return browser.execute_script("return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)", selector)


def test_answer_comes_first(browser: Any, planted: Path) -> None:
    opened(browser, planted)
    assert browser.execute_script("return document.querySelector('main section').id") == "answer"
    sentences = texts(browser, "#cases .sentence")
    assert texts(browser, "#cases h3") == ["unknowns 15", "unknowns 50"]
    assert all(each.startswith("Best: embed_dim 256: R² ") and "3 seeds" in each and "Not separable from: embed_dim 128." in each for each in sentences)
    assert texts(browser, "#cases div:first-child .scroll tbody td:last-child") == ["best", "not separable", "separable"]


def test_effect_of_an_axis(browser: Any, planted: Path) -> None:
    opened(browser, planted)
    assert browser.find_element("id", "effect-axis").get_property("value") == "embed_dim"
    assert legend(browser, "effect") == ["unknowns 15", "unknowns 50"]
    assert texts(browser, "#effect-table th") == ["embed_dim", "unknowns", "R² %", "95 % interval", "combinations", "seeds"]
    choose(browser, "effect-by", "")
    expected = [[str(width), f"{100 * (1 - 10 ** (score + 0.325)):.2f}"] for width, score in SCORES.items()]  # (15 + 50) / 2 / 100
    assert [row[:2] for row in rows(browser, "effect-table")] == expected
    assert "Averaged over unknowns" in browser.find_element("id", "effect-hint").text
    assert browser.execute_script("return document.querySelectorAll('#effect .interval').length") == 3


def rows(browser: Any, table: str) -> list[list[str]]:
    return browser.execute_script("return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map((row) => [...row.cells].map((cell) => cell.textContent))", table)


def test_values_below_the_axis_of_an_effect_are_written(browser: Any, tmp_path: Path) -> None:
    make_results(tmp_path / "low.h5", grid(learning_rate=[1e-3, 1.0], seed=[1, 2]))
    with h5py.File(tmp_path / "low.h5", "r+") as file:
        file["r2"][2:] = -0.058
    opened(browser, save(tmp_path / "low.h5"))
    assert texts(browser, "#effect text.below") == ["↓ −5.8 %"]


def test_curves_are_means_of_settings(browser: Any, planted: Path) -> None:
    opened(browser, planted)
    assert len(legend(browser)) == 6 and browser.execute_script("return document.querySelectorAll('#plot .band').length") == 6
    assert "Band of the line under the pointer: lowest to highest seed" in browser.find_element("id", "drawn").text
    visible = "return [...document.querySelectorAll('#plot .band')].filter((band) => getComputedStyle(band).visibility === 'visible').length"
    assert browser.execute_script(visible) == 0
    show(browser, "unknowns=15")
    assert browser.execute_script(visible) == 3
    show(browser, "")
    choose(browser, "best", "5")
    assert len(legend(browser)) == 5 and "The best 5 of 6 settings" in browser.find_element("id", "drawn").text
    choose(browser, "lines", "runs")
    choose(browser, "best", "50")
    assert browser.execute_script("return document.querySelectorAll('#plot .series').length") == 18


def test_tooltips_have_settings(browser: Any, planted: Path) -> None:
    from selenium.webdriver import ActionChains

    opened(browser, planted)
    browser.execute_script("document.getElementById('curves').scrollIntoView()")
    x, y = browser.execute_script("const svg = document.querySelector('#plot svg'), box = document.querySelector('#plot .line').getBoundingClientRect(), own = svg.getBoundingClientRect(); return [box.right - own.left - own.width / 2, box.bottom - own.top - own.height / 2]")
    ActionChains(browser).move_to_element_with_offset(browser.find_element("css selector", "#plot svg"), int(x), int(y)).perform()
    tip = browser.find_element("css selector", "#plot .tip").text
    assert re.match(r"unknowns \d+, embed_dim \d+\nstep 30,000: loss [\d.]+\n[\d.]+ to [\d.]+ over 3 seeds", tip), tip


def test_cases_of_one_setting_share_a_table(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    make_results(path, grid(equation_ratio=[1.33, 2.0, 3.0], seed=[1, 2]))
    opened(browser, save(path))
    assert texts(browser, "#cases th") == ["unknowns", "equations", "R² %", "95 % interval", "seeds", "published %", "difference"]  # as `table`
    assert texts(browser, "#cases tbody td:nth-child(2)") == ["20", "30", "45"]
    assert texts(browser, "#effect-by option") == ["one line"]


def test_importance_of_the_axes(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    runs = grid(embed_dim=[64, 256], batch=[256, 512, 1024], seed=[1, 2])
    make_results(path, runs)
    with h5py.File(path, "r+") as file:
        file["r2"][:] = [1 - 10 ** (-1 - 0.3 * (run["embed_dim"] == 256) - 0.01 * run["seed"] - run["batch"] / 1e4) for run in runs]
    opened(browser, save(path))
    assert texts(browser, "#cases .shares td:first-child")[0] == "embed_dim" and texts(browser, "#cases .shares td:last-child") == ["96 %", "4.3 %"]
    assert "Share of the variance" in browser.find_element("id", "cases").text


@pytest.mark.parametrize(("values", "least"), [([-0.7, -0.05], 3), ([-0.7, 0.6], 2)])
def test_ticks_of_r2_below_0_do_not_overlap(browser: Any, tmp_path: Path, values: list[float], least: int) -> None:
    path = tmp_path / "r.h5"
    make_results(path, grid(embed_dim=[64, 256], seed=[1]))
    with h5py.File(path, "r+") as file:
        file["r2"][:] = values
    opened(browser, save(path))
    script = "return [...document.querySelectorAll(arguments[0])].map((text) => text.getBoundingClientRect().y)"
    for texts_of_axis in ("#scatter .axes text[text-anchor=end]", "#parallel .axes:last-of-type text[text-anchor=end]"):
        heights = sorted(browser.execute_script(script, texts_of_axis))
        assert len(heights) >= least and all(high - low > 8 for low, high in zip(heights, heights[1:])), heights


@pytest.mark.parametrize("runs", [grid(seed=[1]), [run | {"status": "pending"} for run in grid(embed_dim=[1, 2], seed=[1, 2])], [run | {"status": "diverged"} for run in grid(pooling=["max", "mean"])]], ids=["one", "pending", "diverged"])
def test_pages_without_an_answer_have_no_errors(browser: Any, tmp_path: Path, runs: list[dict[str, Any]]) -> None:
    path = tmp_path / "r.h5"
    make_results(path, runs)
    browser.get_log("browser")
    browser.get(f"file://{save(path)}")
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert len(column(browser, "run_id")) == len(runs) and browser.find_element("css selector", ".sentence").text.startswith("Best: ")


def test_row_and_curve_are_linked(browser: Any, planted: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    opened(browser, planted)
    row = browser.find_elements("css selector", "#table tbody tr")[4]
    browser.execute_script("arguments[0].scrollIntoView()", row)
    ActionChains(browser).move_to_element(row).perform()
    lit = "return [...document.querySelectorAll('#plot .series.lit')].length + ' ' + document.querySelectorAll('#parallel .run.lit').length"
    assert browser.execute_script(lit) == "1 1"
    row.click()
    browser.find_element("id", "table").send_keys(Keys.ARROW_DOWN)
    marked = "return [...document.querySelectorAll('#table tr[aria-selected=true]')].map((row) => row.rowIndex - 1)"
    assert browser.execute_script(marked) == [5] and browser.execute_script(lit) == "1 1"
    browser.execute_script("document.querySelectorAll('#parallel .run')[0].dispatchEvent(new Event('click'))")
    place = browser.execute_script("return Number(document.querySelector('#parallel .run').dataset.place)")
    assert browser.execute_script(marked) == [place]


def test_columns_are_chosen_and_the_first_stays(browser: Any, planted: Path) -> None:
    opened(browser, planted)
    before = headings(browser)
    browser.execute_script("document.getElementById('chooser').open = true")
    for name in ("batch", "loss_ema"):
        next(label for label in browser.find_elements("css selector", "#columns label") if label.text == name).click()
    assert set(headings(browser)) == {*before, "batch"} - {"loss_ema"} and column(browser, "batch") == ["1024"] * 18
    left = "return document.querySelector('#table tbody td').getBoundingClientRect().left"
    browser.set_window_size(600, 1000)
    try:
        at = browser.execute_script(left)
        assert browser.execute_script("const box = document.querySelector('#runs .scroll'); box.scrollLeft = 200; return box.scrollLeft") > 100
        assert browser.execute_script(left) == at
    finally:
        browser.set_window_size(1300, 1400)


def test_address_holds_the_state(browser: Any, planted: Path) -> None:
    opened(browser, planted)
    show(browser, "seed=1 OR seed=2")
    click(browser, "r2")
    choose(browser, "vertical", "r2")
    choose(browser, "colour", "embed_dim")
    choose(browser, "effect-by", "")
    link, ids = browser.current_url, column(browser, "run_id")
    browser.get("about:blank")
    browser.get(link)
    assert column(browser, "run_id") == ids and len(ids) == 12
    assert [browser.find_element("id", name).get_property("value") for name in ("filter", "vertical", "colour", "effect-by")] == ["seed=1 OR seed=2", "r2", "embed_dim", ""]
    assert browser.find_element("css selector", "#table th[aria-sort=descending]").text.startswith("r2")


def test_one_setting_with_large_seeds(browser: Any, tmp_path: Path) -> None:
    make_results(tmp_path / "seeds.h5", grid(seed=[100_000_000, 200_000_000, 300_000_000]))
    opened(browser, save(tmp_path / "seeds.h5"))
    assert browser.find_element("id", "drawn").text.startswith("1 setting. ")
    inside = """const svg = document.querySelector("#parallel svg"), left = svg.getBoundingClientRect().left;
                return [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect().left >= left]);"""
    texts = browser.execute_script(inside)
    assert any(text.endswith("00,000,000") for text, _ in texts) and all(whole for _, whole in texts), texts


def test_scatter_and_parallel_coordinates(browser: Any, planted: Path) -> None:
    from selenium.webdriver import ActionChains

    opened(browser, planted)
    choose(browser, "scatter-x", "loss_ema")
    choose(browser, "scatter-colour", "r2")
    fills = browser.execute_script("return [...document.querySelectorAll('#scatter circle')].map((each) => each.style.fill)")
    assert len(fills) == 18 and len(set(fills)) > 10 and browser.find_element("id", "ramp").text.startswith("r2 0.")
    browser.execute_script("document.getElementById('parallel').scrollIntoView()")
    brush = browser.find_elements("css selector", "#parallel .brush")[1]  # embed_dim
    height = brush.size["height"]
    ActionChains(browser).move_to_element_with_offset(brush, 0, int(-height / 2) + 2).click_and_hold().move_by_offset(0, int(height * 0.7)).release().perform()
    assert re.fullmatch(r"embed_dim>=[\d.]+ embed_dim<=[\d.]+", browser.find_element("id", "filter").get_property("value"))
    assert set(column(browser, "embed_dim")) == {"128", "256"}


def test_tables_are_copied(browser: Any, planted: Path) -> None:
    opened(browser, planted)
    show(browser, "embed_dim=64 seed=1")
    form = "return copy.as(arguments[0], document.getElementById('table'))"
    lines = browser.execute_script(form, "CSV").splitlines()
    assert len(lines) == 3 and lines[0].split(",") == headings(browser)
    exact = dict(zip(headings(browser), lines[1].split(",")))
    with h5py.File(planted.with_suffix(".h5")) as file:
        assert float(exact["r2"]) == file["r2"][0] and exact["message"] == ""
    assert browser.execute_script(form, "Markdown").splitlines()[1].startswith("| --- | --- | ---: |")
    latex = browser.execute_script(form, "LaTeX").splitlines()
    assert latex[0].startswith("\\begin{tabular}{llrr") and "run\\_id & status" in latex[2] and latex[-1] == "\\end{tabular}"
    ranges = "const made = document.createElement('table'); for (const text of arguments[0]) made.insertRow().insertCell().textContent = text; return copy.as('LaTeX', made)"
    assert [line[:-3] for line in browser.execute_script(ranges, ["R", "-0.81 to 74.44", "20.37 to 79.81"]).splitlines()[4:6]] == ["$-0.81$ to $74.44$", "20.37--79.81"]
    browser.execute_script("window.copied = ''; navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    browser.find_element("css selector", "#cases .copy button").click()
    assert browser.execute_script("return window.copied").startswith("embed_dim,R² %,95 % interval,seeds,against the best\n256,")


def test_dark_mode_and_narrow_window(browser: Any, planted: Path) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    opened(browser, planted)
    assert browser.execute_script(background) == "rgb(255, 255, 255)"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True})
    try:
        assert browser.execute_script(background) == "rgb(21, 24, 27)"
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
        assert "gradient" in browser.execute_script("return getComputedStyle(document.querySelector('#cases .scroll')).backgroundImage")  # tells that it scrolls
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_keyboard_reaches_the_filter(browser: Any, planted: Path) -> None:
    opened(browser, planted)
    browser.find_element("css selector", "body").send_keys("/")
    field = browser.switch_to.active_element
    assert field.get_attribute("id") == "filter" and field.get_property("value") == ""
    field.send_keys("seed=2")
    assert set(column(browser, "seed")) == {"2"}


def test_chart_is_saved_as_svg(browser: Any, planted: Path) -> None:
    opened(browser, planted)
    svg = browser.execute_script("return chart.picture(document.getElementById('plot'))")
    root = xml.etree.ElementTree.fromstring(svg)
    lines = [each for each in root.iter("{http://www.w3.org/2000/svg}path") if each.get("class") == "line"]
    assert len(lines) == 6 and all("stroke:rgb(" in each.get("style") for each in lines)


@pytest.mark.parametrize(("embed_dim", "repeated"), [(128, True), (64, False)])
def test_published_curves_are_shown_where_the_training_is_repeated(browser: Any, tmp_path: Path, embed_dim: int, repeated: bool) -> None:
    path = tmp_path / "r.h5"
    make_results(path, grid(equation_ratio=[2.0], embed_dim=[embed_dim], seed=[1, 2]))
    opened(browser, save(path))
    box = browser.find_element("id", "published")
    assert box.is_selected() is repeated and ("published" in legend(browser)) is repeated
    box.click()
    assert ("published" in legend(browser)) is not repeated


def test_page_of_three_runs_is_small(tmp_path: Path) -> None:
    path = tmp_path / "three.h5"
    make_results(path, grid(equation_ratio=[1.33, 2.0, 3.0]), ranks=1)
    assert report.write(open_runs(path)).stat().st_size < 1.5e6


def test_report_command(tmp_path: Path) -> None:
    path = tmp_path / "small.h5"
    make_results(path, grid(equation_ratio=[1.33, 2.0], pooling=["mean", "max"]), ranks=2)
    done = weightsweep("report", path, "-o", tmp_path / "small.html")
    done.communicate(timeout=100)
    text = (tmp_path / "small.html").read_text()
    assert done.returncode == 0 and set(re.findall(r'<img alt="(\w+)"', text)) >= {"heatmap", "weights", "timeline", "shift"}
    assert not re.search(r'(src|href)="(?!data:|#)', text.partition('<script type="application/json"')[0])


# ---- watch ----


def weightsweep(*arguments: object) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "analysis")}
    return subprocess.Popen([sys.executable, "-m", "weightsweep", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_watch(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "growing.h5"
    make_results(path, [run | {"status": "running"} for run in grid(seed=[1, 2])])
    server = weightsweep("watch", path, "--port", 0)
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline()).group()
        browser.get(address)
        assert column(browser, "steps_done") == ["15,000", "15,000"]
        assert browser.find_element("id", "left").text == "50.0 % of the work done" and browser.find_element("id", "bar").get_property("value") == 0.5
        with h5py.File(path, "r+") as file:
            file["steps_done"][0] = 15500
            file["curve_step"][0, 30], file["curve_loss"][0, 30], file["curve_r2"][0, 30], file["curve_seconds"][0, 30] = 15500, 0.01, 0.98, 1000
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(browser, 20).until(lambda _: column(browser, "steps_done")[0] == "15,500")
        assert browser.execute_script("return chart.drawn(document.getElementById('plot')).series.some((series) => series.points.some((point) => point.step === 15000))")
        choose(browser, "lines", "runs")
        assert browser.execute_script("return chart.drawn(document.getElementById('plot')).series.some((series) => series.points.some((point) => point.step === 15500))")
        assert re.fullmatch(r"50\.8 % of the work done, about \d+ (second|minute|hour)s? left", browser.find_element("id", "left").text)
        for host in ("127.0.0.1", "localhost", "LOCALHOST:80"):  # a browser leaves port 80 out
            with urllib.request.urlopen(urllib.request.Request(address, headers={"Host": host}), timeout=20) as answer:
                assert answer.status == 200 and answer.read()
        for host in ("elsewhere.example:80", "elsewhere.example", "127.0.0.1.elsewhere.example", "localhost:80@elsewhere.example"):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(urllib.request.Request(address, headers={"Host": host}), timeout=20)
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=20)
        assert server.returncode == 0 and errors == ""
        WebDriverWait(browser, 20).until(lambda _: "The server has stopped" in browser.find_element("id", "notice").text)
    finally:
        server.kill()
        server.wait()


def test_time_left_follows_the_rate_of_the_last_minutes(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    make_results(path, [run | {"status": "running"} for run in grid(seed=[1, 2])])
    runs, progress = open_runs(path), watch.Progress()
    assert progress.of(runs, 0) == {"fraction": 0.5, "seconds_left": None}
    runs["steps_done"][:] = 18000
    assert progress.of(runs, 60) == {"fraction": 0.6, "seconds_left": pytest.approx(240)}
    runs["status"][0] = "failed"  # nothing of it is left
    assert progress.of(runs, 60)["fraction"] == pytest.approx(0.8)
    assert progress.of(runs, 60 + 2 * watch.WINDOW_SECONDS)["seconds_left"] is None


def test_ctrl_c_waits_for_a_thread_that_reads_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, done = tmp_path / "r.h5", []
    make_results(path, grid(seed=[1]))

    def interrupted(server: Any) -> None:
        server.reading.acquire()
        threading.Timer(0.2, lambda: (done.append("read"), server.reading.release())).start()
        raise KeyboardInterrupt

    monkeypatch.setattr(watch._Server, "serve_forever", interrupted)
    watch.serve(path, 0)
    assert done == ["read"]


def test_watch_shows_columns_as_they_appear(browser: Any, tmp_path: Path) -> None:
    """Headings and cells agree when the first value of a column appears; order and filter stay."""
    path = tmp_path / "growing.h5"
    make_results(path, [run | {"status": "running"} for run in grid(seed=[1, 2, 3])], ranks=1)
    with h5py.File(path, "r+") as file:
        for name in ("r2_uniform", "weight_match"):
            file[name][:] = float("nan")
    server = weightsweep("watch", path, "--port", 0)
    try:
        browser.get(re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline()).group())
        click(browser, "wall_seconds")
        show(browser, "seed<3")
        assert "r2_uniform" not in (heads := headings(browser))
        with h5py.File(path, "r+") as file:
            file["r2_uniform"][:], file["weight_match"][:] = [0.25, 0.5, 0.75], 0.125
            file["wall_seconds"][:] = [7, 3, 1]
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(browser, 20).until(lambda _: "r2_uniform" in headings(browser))
        assert len(headings(browser)) == len(heads) + 2
        assert column(browser, "r2_uniform") == ["0.5", "0.25"] and column(browser, "weight_match") == ["0.125"] * 2 and column(browser, "wall_seconds") == ["3", "7"]
        assert browser.execute_script("return [...document.querySelectorAll('#table tr')].every((row) => row.cells.length === arguments[0])", len(heads) + 2)
    finally:
        server.kill()
        server.wait()


def test_watch_refuses_missing_files(tmp_path: Path) -> None:
    server = weightsweep("watch", tmp_path / "none.h5", "--port", 0)
    _, errors = server.communicate(timeout=60)
    assert server.returncode == 3 and "no such file" in errors


def test_watch_on_a_port_that_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "small.h5"
    make_results(path, grid(seed=[1]))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = weightsweep("watch", path, "--port", taken.getsockname()[1])
        _, errors = server.communicate(timeout=60)
    assert server.returncode == 4 and "any free port with --port 0" in errors and "Traceback" not in errors
