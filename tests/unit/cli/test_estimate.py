"""What is said before a study starts: how many runs are to do, and how long they take."""

import re

import pytest

from landscape.cli import estimate
from landscape.config.runs import Split
from landscape.errors import UserError
from landscape.notation.units import about
from landscape.training import job


def test_an_estimate_from_timed_steps_then_from_finished_runs(tiny, results, tmp_path, capsys):
    (tmp_path / "data").symlink_to(results / "data")
    few = [run for run in tiny.runs if run.id.startswith("bands/vgg_a/")]
    estimate.announce(few, tmp_path, threads=1, parallel=1)
    said = capsys.readouterr().err
    assert "4 of 4 training runs are to do" in said
    assert "timed steps" in said
    job.train(few[0], tmp_path, threads=1)
    capsys.readouterr()
    estimate.announce(few, tmp_path, threads=1, parallel=1)
    said = capsys.readouterr().err
    assert "3 of 4" in said
    assert "finished runs" in said
    estimate.announce(few, tmp_path, threads=1, parallel=1, planned=[few[2].id])
    assert "1 of 4 training runs are to do" in capsys.readouterr().err


def test_a_long_study_says_how_to_ask_for_less(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(estimate, "measure_seconds_per_step", lambda run, threads: 10.0)
    estimate.announce(tiny.runs, tmp_path, threads=1, parallel=1)
    assert "split.train_images" in capsys.readouterr().err


def test_runs_side_by_side_share_out_the_time(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(estimate, "measure_seconds_per_step", lambda run, threads: 86_400.0 * 9)
    monkeypatch.setattr(estimate, "_start_seconds", lambda finished, results: 0.0)
    days = []
    for parallel in (1, 4):
        estimate.announce(tiny.runs[:2], tmp_path, threads=1, parallel=parallel)
        said = capsys.readouterr().err
        days.append(int(re.search(r"about (\d+) days here", said)[1]))
    assert days[0] == pytest.approx(4 * days[1], abs=2)
    assert days[1] > 0


def test_nothing_is_said_when_nothing_is_to_do(tmp_path, capsys):
    estimate.announce([], tmp_path, threads=1, parallel=1)
    assert capsys.readouterr().err == ""


def test_the_starts_of_the_jobs_count(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(estimate, "measure_seconds_per_step", lambda run, threads: 1e-9)
    monkeypatch.setattr(estimate, "_start_seconds", lambda finished, results: 60.0)
    estimate.announce(tiny.runs[:4], tmp_path, threads=1, parallel=2)
    assert "about 2 minutes here" in capsys.readouterr().err


def test_more_images_than_are_prepared_are_refused_before_anything_starts(tiny, results, tmp_path):
    """The prepared data of the tests have 200 training images, whatever the source's name."""
    (tmp_path / "data").symlink_to(results / "data")
    run = tiny.runs[0].model_copy(update={"split": Split(train_images=201)})
    with pytest.raises(UserError, match=r"split\.train_images: 201 are more than the 200"):
        estimate.announce([run], tmp_path, threads=1, parallel=1)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 second"),
        (59, "59 seconds"),
        (116, "116 seconds"),
        (120, "2 minutes"),
        (3 * 3600, "3 hours"),
        (620 * 3600 + 43 * 60 + 44, "26 days"),
    ],
)
def test_times_are_said_as_roughly_as_they_are_known(seconds, said):
    assert about(seconds) == said
