"""The desk in a real browser, where playwright is installed and a Chromium on PATH; elsewhere nothing is tested."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
import uvicorn

from tests.api.conftest import noise, write_song
from tests.api.fakes import pair
from unbraid.web.app import app_for
from unbraid.web.desk import Desk, Limits

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

# Every sound that is scheduled: when, from where in its piece, how long the piece is, and which context's clock.
LISTEN = """
window.scheduled = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when, offset) {
  window.scheduled.push([when, offset, this.buffer.duration, this.context.sampleRate]);
  return start.call(this, when, offset);
};
"""
SECONDS, PIECE_S = 12.0, 5.0


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A desk that is open."""
    desk = Desk(pair(), tmp_path / "desk", Limits(upload_mb=20))
    server = uvicorn.Server(uvicorn.Config(app_for(desk, {"127.0.0.1"}), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not come up"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
    desk.close()


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    """The page with nothing on it; what goes wrong in it fails the test, and so does a request to elsewhere."""
    wrong: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(address) else wrong.append(request.url))
        page.add_init_script(LISTEN)
        page.goto(address)
        yield page
        browser.close()
    assert not wrong


def until(page: Any, expression: str) -> None:
    """Until ``expression`` is true; playwright's own way evaluates strings in the page, which the desk forbids."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def put(page: Any, tmp_path: Path, seconds: float = SECONDS, name: str = "song.wav") -> None:
    """Upload a song, and wait until its stems are there."""
    page.set_input_files("#file", write_song(tmp_path / name, noise(seconds)))
    until(page, "document.querySelectorAll('.track').length >= 2")


def labels(page: Any) -> list[str]:
    return [label.inner_text().splitlines()[0] for label in page.query_selector_all(".track .label")]


def test_a_song_becomes_rows_and_stays_known(page: Any, tmp_path: Path) -> None:
    put(page, tmp_path)
    assert labels(page) == list(pair().spec.stems)
    assert page.inner_text("#clock").endswith("/ 0:12")
    painted = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    assert all(page.evaluate(painted, canvas) for canvas in page.query_selector_all(".track canvas"))
    page.reload()
    page.wait_for_selector(".track")
    assert page.inner_text("#songs .name") == "song.wav"
    page.click("#songs .away")
    until(page, "!document.querySelector('#songs li')")
    assert page.is_hidden("#desk")


def test_all_stems_sound_on_one_clock(page: Any, tmp_path: Path) -> None:
    put(page, tmp_path)
    stems = len(labels(page))
    page.click("#play")
    until(page, f"window.scheduled.length >= {2 * stems}")
    page.keyboard.press("ArrowRight")  # 5 s on, into the middle of a piece
    until(page, "document.querySelector('#play').ariaLabel === 'Play'")  # to the end
    starts = page.evaluate("window.scheduled")
    assert len(starts) % stems == 0
    pieces = [starts[first : first + stems] for first in range(0, len(starts), stems)]
    assert all(start == piece[0] for piece in pieces for start in piece), "some stem begins at another moment"
    assert {rate for _, _, _, rate in starts} == {44_100}
    last, end = pieces[-1], pieces[-2]
    assert last[0][0] == pytest.approx(end[0][0] + end[0][2] - end[0][1], abs=1e-6), "a piece begins where one ends"
    assert last[0][2] == pytest.approx(SECONDS - 2 * PIECE_S)


def test_the_clock_goes_and_stands_as_told(page: Any, tmp_path: Path) -> None:
    put(page, tmp_path, 30.0)
    place = "Number(document.querySelector('#place').value)"
    page.click("#play")
    until(page, f"{place} > 1")
    page.keyboard.press(" ")
    until(page, "document.querySelector('#play').ariaLabel === 'Play'")
    stood = page.evaluate(place)
    page.wait_for_timeout(500)
    assert page.evaluate(place) == pytest.approx(stood, abs=0.11)
    page.evaluate("Object.assign(document.querySelector('#place'), { value: 20 }).dispatchEvent(new Event('input'))")
    until(page, f"{place} >= 20")
    page.click("#play")
    until(page, f"{place} > 20.5")


def test_what_is_asked_comes_beside_and_the_mix_is_saved_as_set(page: Any, tmp_path: Path) -> None:
    put(page, tmp_path)
    before = labels(page)
    page.fill("#words", "the snare")
    page.keyboard.press("Enter")
    until(page, f"document.querySelectorAll('.track').length > {len(before)}")
    assert labels(page) == [*before, "the snare"]
    muted = [key.get_attribute("aria-pressed") for key in page.query_selector_all("[aria-label^=Mute]")]
    assert muted == ["false"] * len(before) + ["true"], "an asked sound is in a stem already"
    page.click(f"[aria-label='Only {before[0]}']")
    assert f"{before[0]}=1.00" in page.get_attribute("#mix", "href")
    assert before[1] not in page.get_attribute("#mix", "href")
    with page.expect_download() as download:
        page.click("#mix")
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    assert soundfile.info(saved).duration == pytest.approx(SECONDS, abs=0.1)


def test_what_is_no_song_is_told_and_the_desk_goes_on(page: Any, tmp_path: Path) -> None:
    words = tmp_path / "words.mp3"
    words.write_text("these are words, no sound")
    page.set_input_files("#file", words)
    until(page, "document.querySelector('#songs').innerText.includes('is not a sound file')")
    put(page, tmp_path)
    assert len(json.loads(page.evaluate("localStorage.getItem('unbraid-songs')"))) == 2
