"""The reports say what was measured, and nothing else."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from unbraid.errors import MissingExtra, UsageError
from unbraid.evaluate.entrants import Entrant
from unbraid.evaluate.files import write_reports
from unbraid.evaluate.report import to_csv, to_json, to_markdown
from unbraid.evaluate.run import Evaluation
from unbraid.evaluate.score import MEASURES, Scores


def figures(sdr: float | None) -> dict[str, float | None]:
    return dict.fromkeys(MEASURES, 1.0) | {"sdr": sdr}


@pytest.fixture
def evaluation() -> Evaluation:
    plain = Entrant("plain", "1", lambda _: {})
    seen = Entrant("seen", "1", lambda _: {}, trained_on_test="the MUSDB18 test set")
    result = Evaluation((plain, seen), ("a", "b", "c"))
    for song, sdr in (("a", 1.0), ("b", 2.0), ("c", 9.0)):
        result.scores["plain", song] = Scores({"vocals": figures(sdr), "bass": figures(None)})
    result.scores["seen", "a"] = Scores({"vocals": figures(5.0)}, left_out={"bass": "missing in the data"})
    result.failed["seen", "b"] = "b/mixture.wav: is empty"
    return result


def test_json_has_songs_medians_and_means(evaluation: Evaluation) -> None:
    told = json.loads(to_json(evaluation, "songs/"))
    plain, seen = told["models"]["plain"], told["models"]["seen"]
    assert plain["songs"]["b"]["vocals"]["sdr"] == 2.0
    assert plain["median"]["vocals"]["sdr"] == 2.0
    assert plain["mean"]["vocals"]["sdr"] == 4.0
    assert plain["median"]["bass"]["sdr"] is None
    assert list(plain["songs"]["a"]["vocals"]) == list(MEASURES)
    assert seen["trained_on_test"] == "the MUSDB18 test set"
    assert seen["left_out"] == {"a": {"bass": "missing in the data"}}
    assert seen["failed"] == {"b": "b/mixture.wav: is empty"}


def test_a_stem_without_a_song_does_not_count_there(evaluation: Evaluation) -> None:
    evaluation.scores["plain", "c"] = Scores({"bass": figures(3.0)}, left_out={"vocals": "silent in the data"})
    plain = json.loads(to_json(evaluation, "songs/"))["models"]["plain"]
    assert plain["median"]["vocals"]["sdr"] == 1.5
    assert plain["mean"]["bass"]["sdr"] == 3.0


def test_csv_has_one_line_for_each_model_song_and_stem(evaluation: Evaluation) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(evaluation))))
    assert [(row["model"], row["song"], row["stem"]) for row in rows][:2] == [
        ("plain", "a", "vocals"),
        ("plain", "a", "bass"),
    ]
    assert len(rows) == 7
    assert rows[0]["sdr"] == "1.0"
    assert rows[1]["sdr"] == ""


def test_the_table_names_its_figures_and_flags_models_that_saw_the_test(evaluation: Evaluation) -> None:
    text = to_markdown(evaluation, "songs/")
    assert "3 songs of `songs/`" in text
    assert "median over 1 s frames, then median over songs" in text
    assert "| plain | 2.00 | - | - |" in text
    assert "| seen† | 5.00 | - | - |" in text
    assert "| songs | 1-3 | 0-3 |" in text
    assert "† seen was trained on the MUSDB18 test set" in text
    assert "bass left out (missing in the data) in 1 of the songs: a" in text
    assert "b: seen failed, b/mixture.wav: is empty" in text


def test_asked_sounds_have_a_table_of_their_own(evaluation: Evaluation) -> None:
    asked = {"snare": {"usdr": 3.0, "usdr_improvement": 9.0, "si_sdr": 2.0, "si_sdr_improvement": 8.0}}
    evaluation.scores["plain", "a"] = Scores({"vocals": figures(1.0)}, asked)
    assert "| plain | snare | 3.00 | 9.00 | 2.00 | 8.00 | 1 |" in to_markdown(evaluation, "songs/")
    told = json.loads(to_json(evaluation, "songs/"))["models"]["plain"]["asked"]
    assert told["median"]["snare"]["usdr_improvement"] == 9.0


@pytest.mark.parametrize(("name", "magic"), [("box.png", b"\x89PNG"), ("box.svg", b"<?xml"), ("box.PDF", b"%PDF")])
def test_all_reports_are_written(evaluation: Evaluation, tmp_path: Path, name: str, magic: bytes) -> None:
    pytest.importorskip("matplotlib")
    paths = {"json": tmp_path / "s.json", "csv": tmp_path / "s.csv", "markdown": tmp_path / "s.md"}
    write_reports(evaluation, "songs/", plot=tmp_path / name, **paths)
    assert (tmp_path / name).read_bytes().startswith(magic)
    assert json.loads(paths["json"].read_text("utf-8"))["songs"] == 3
    assert {path.name for path in tmp_path.iterdir()} == {"s.json", "s.csv", "s.md", name}


def test_a_plot_of_an_unknown_kind_is_refused(evaluation: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="png, svg, pdf"):
        write_reports(evaluation, "songs/", plot=tmp_path / "box.docx")


def test_without_matplotlib_it_says_what_to_install(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"unbraid\[plot\]"):
        write_reports(evaluation, "songs/", plot=tmp_path / "box.png")
    assert not list(tmp_path.iterdir())
