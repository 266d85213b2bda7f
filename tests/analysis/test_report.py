"""The report and the live page in headless Chromium, without a network."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))

from make_results import grid, make_results  # noqa: E402

from weightsweep import open_runs, report  # noqa: E402
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
    path = results.with_suffix(".html")
    path.write_text(report.page(data.content(open_runs(results)), []), encoding="utf-8")
    return path


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
    field = browser.find_element("id", "filter")
    field.clear()
    field.send_keys(words or " ")


def opened(browser: Any, page: Path) -> float:
    """Opens it; seconds until everything, curves included, is there."""
    browser.get(f"file://{page}")
    assert browser.execute_script("return document.querySelectorAll('#plot .scatterlayer .trace').length") > 0
    return browser.execute_script("return performance.timing.loadEventEnd - performance.timing.navigationStart") / 1000


def test_page_opens_quickly_without_requests(browser: Any, page: Path) -> None:
    assert min(opened(browser, page) for _ in range(3)) < SECONDS_TO_OPEN
    assert len(column(browser, "run_id")) == 1000
    assert browser.find_element("id", "shown").text == "1,000 of 1,000 runs"
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.execute_script("return document.querySelectorAll('#plot .modebar-btn').length") == 7  # none that sends anything anywhere
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
    for sign in (1, -1):
        click(browser, "r2")
        values = column(browser, "r2")
        known = [float(value) for value in values if value != "–"]
        assert known == sorted(known, reverse=sign < 0) and len(known) == 998
        assert values[-2:] == ["–", "–"]  # what is not known comes last both times
    click(browser, "pooling")
    assert column(browser, "pooling") == sorted(column(browser, "pooling"))


def test_filters_table_and_curves(browser: Any, page: Path) -> None:
    opened(browser, page)
    show(browser, "pooling=max embed_dim>=128 seed!=2")
    assert set(column(browser, "pooling")) == {"max"} and set(column(browser, "embed_dim")) == {"128", "256"}
    assert "2" not in column(browser, "seed")
    legend = browser.execute_script("return [...document.querySelectorAll('#plot .legendtext')].map((text) => text.textContent)")
    assert legend == ["embed_dim 128", "embed_dim 256", "published"]
    show(browser, "GRÖSSER".replace("SS", "ß").lower())
    assert column(browser, "status") == ["failed"]
    show(browser, "nothing_of_the_kind>1")
    assert browser.find_element("id", "shown").text == "no column 'nothing_of_the_kind'"
    show(browser, "")
    assert len(column(browser, "run_id")) == 1000


def test_zooms(browser: Any, page: Path) -> None:
    from selenium.webdriver import ActionChains

    opened(browser, page)
    browser.execute_script("document.getElementById('curves').scrollIntoView()")
    drag = browser.find_element("css selector", "#plot .nsewdrag")
    limits = "const axis = document.getElementById('plot')._fullLayout.xaxis; return [...axis.range]"
    before = browser.execute_script(limits)
    ActionChains(browser).move_to_element_with_offset(drag, -100, -60).click_and_hold().move_by_offset(60, 60).move_by_offset(60, 40).release().perform()
    after = browser.execute_script(limits)
    assert before[0] < after[0] < after[1] < before[1]
    show(browser, "pooling=max")  # a zoom outlives the filter
    assert browser.execute_script(limits) == after


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a sweep over widths and near rates, one of whose runs diverged."""
    path = tmp_path_factory.mktemp("exact") / "exact.h5"
    runs = grid(encoder=["128", "64,8", "16", "8"], learning_rate=[0.00123456, 0.00123457], seed=[1, 2])
    runs[0] |= {"status": "diverged", "message": "R^2 is -2e+27 at step 30000"}
    make_results(path, runs)
    with h5py.File(path, "r+") as file:
        file["r2"][0], file["curve_r2"][0, 5:], file["curve_loss"][0, 5:] = -2e27, -2e27, 1e26
    page = path.with_suffix(".html")
    page.write_text(report.page(data.content(open_runs(path)), []), encoding="utf-8")
    return page


def test_lists_sort_by_their_numbers(browser: Any, exact: Path) -> None:
    opened(browser, exact)
    for sign in (1, -1):
        click(browser, "encoder")
        assert list(dict.fromkeys(column(browser, "encoder"))) == ["8", "16", "64,8", "128"][::sign]
    browser.execute_script("const colour = document.getElementById('colour'); colour.value = 'encoder'; colour.dispatchEvent(new Event('change'))")
    legend = browser.execute_script("return [...document.querySelectorAll('#plot .legendtext')].map((text) => text.textContent)")
    assert legend[:4] == ["encoder 8", "encoder 16", "encoder 64,8", "encoder 128"]


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
    own = json.loads(browser.execute_script("return JSON.stringify(JSON.parse(document.getElementById('data').textContent).rows[1])"))
    for value in (shown, repr(own[browser.execute_script("return [...document.querySelectorAll('#table th')].findIndex((head) => head.textContent === 'r2')")])):
        show(browser, f"r2={value}")
        assert shown in column(browser, "r2")
    show(browser, "seed=one")
    assert browser.find_element("id", "shown").text == "'seed=one': the value is not a number"


def test_a_diverged_run_does_not_stretch_the_axes(browser: Any, exact: Path) -> None:
    opened(browser, exact)
    for vertical, highest in (("loss", 1), ("r2", 1.1)):
        browser.execute_script("const select = document.getElementById('vertical'); select.value = arguments[0]; select.dispatchEvent(new Event('change'))", vertical)
        low, high = browser.execute_script("return [...document.getElementById('plot')._fullLayout.yaxis.range]")
        assert -4 < low < high < highest and "cut off" in browser.find_element("id", "drawn").text
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
        assert browser.execute_script("return document.querySelector('#plot .main-svg').getBoundingClientRect().width") < 718
        browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
        assert browser.execute_script("return document.querySelectorAll('#paper table').length") == 0
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_report_command(tmp_path: Path) -> None:
    path = tmp_path / "small.h5"
    make_results(path, grid(equation_ratio=[1.33, 2.0], pooling=["mean", "max"]), ranks=2)
    done = weightsweep("report", path, "-o", tmp_path / "small.html")
    done.communicate(timeout=100)
    text = (tmp_path / "small.html").read_text()
    assert done.returncode == 0 and set(re.findall(r'<img alt="(\w+)"', text)) >= {"loss", "r2", "heatmap", "pooling", "timeline", "shift"}
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
        with h5py.File(path, "r+") as file:
            file["steps_done"][0] = 15500
            file["curve_step"][0, 30], file["curve_loss"][0, 30], file["curve_r2"][0, 30], file["curve_seconds"][0, 30] = 15500, 0.01, 0.98, 1000
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(browser, 20).until(lambda _: column(browser, "steps_done")[0] == "15,500")
        assert browser.execute_script("return document.getElementById('plot').data.some((trace) => trace.x.includes(15500))")
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
