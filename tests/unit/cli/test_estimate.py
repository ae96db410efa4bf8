"""What is said before a study starts: how many runs remain, and how long they take."""

import pytest

from landscape.cli import costs, estimate
from landscape.config.recipes import SmallImages
from landscape.config.runs import Split
from landscape.config.study import load_study
from landscape.errors import UserError
from landscape.figures.registry import FIGURES
from landscape.figures.selection import wanted
from landscape.notation.units import about
from landscape.storage.files import write_json
from landscape.training import job
from support.artefacts import ROOT

IMAGES = costs.Counts(train=200, test=50)


@pytest.fixture
def few(tiny):
    """Four runs over learning rates of one network, and nothing else."""
    bands = tiny.bands.model_copy(update={"architectures": ("vgg_a",)})
    return tiny.model_copy(update={"bands": bands, "probe": None})


def test_an_estimate_from_timed_steps_then_from_finished_runs(few, results, tmp_path, capsys):
    (tmp_path / "data").symlink_to(results / "data")
    estimate.announce(few, tmp_path, threads=1, parallel=1)
    said = capsys.readouterr().err
    assert "4 of 4 runs remain" in said
    assert "timed steps" in said
    job.train(few.runs[0], tmp_path, threads=1)
    capsys.readouterr()
    estimate.announce(few, tmp_path, threads=1, parallel=1)
    said = capsys.readouterr().err
    assert "3 of 4" in said
    assert "finished runs" in said
    estimate.announce(few, tmp_path, threads=1, parallel=1, planned=[few.runs[2].id])
    assert "1 of 4 runs remain" in capsys.readouterr().err


def test_a_long_study_says_how_to_ask_for_less(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(costs, "measure_seconds_per_step", lambda run, threads: 10.0)
    estimate.announce(tiny, tmp_path, threads=1, parallel=1)
    assert "split.train_images" in capsys.readouterr().err


def test_nothing_is_said_when_nothing_is_to_do(tiny, tmp_path, capsys):
    estimate.announce(tiny, tmp_path, threads=1, parallel=1, planned=["bands/of another study"])
    assert capsys.readouterr().err == ""


def test_the_whole_is_said(few, tmp_path, capsys, monkeypatch):
    """1,300 s of training and 4 + 1 + 4 + 1 jobs that start in 20 s, two at a time, by hand."""
    monkeypatch.setattr(costs.Costs, "training", lambda self, waiting: 1300.0)
    monkeypatch.setattr(costs.Costs, "start", lambda self: 20.0)
    estimate.announce(few, tmp_path, threads=1, parallel=2)
    assert (
        "about 13 minutes on this machine" in capsys.readouterr().err
    )  # (1300 + 9 · 20) / 2 + 20 = 760 s


def test_jobs_side_by_side_share_out_the_time_but_the_report_is_the_last():
    assert estimate.in_all(training=100.0, start=3.0, jobs=11, parallel=1) == 133.0
    assert estimate.in_all(training=100.0, start=3.0, jobs=11, parallel=2) == 68.0


def test_the_jobs_that_follow_are_counted(tiny):
    probes = [run for run in tiny.runs if run.study == "probe"]
    # Tables, 5 figures of the probe (the overview is of the bands), the report.
    assert estimate.following(tiny, probes) == 1 + 5 + 1
    assert estimate.following(tiny, tiny.runs) == 2 + 5 + 5 + 1
    whole = load_study([ROOT / "config.yaml"])
    figures = [name for name in wanted(whole) if FIGURES[name].study == "network"]
    networks = [run for run in whole.all_runs if run.study == "network"]
    # Learning rates, tables, layers, insight and surfaces, the report.
    assert estimate.following(whole, networks) == len(figures) + 6
    looked = [run for run in whole.runs if run.moments]
    assert estimate.following(whole, looked) == 1 + len(looked) + 4 + 1


def test_a_run_is_its_steps_and_a_third_of_its_evaluations(tiny):
    bands, probe = tiny.runs[0], tiny.run("probe/vgg_a/seed0")
    assert costs.steps_of(bands, IMAGES) == 2 * 5  # epochs · ⌈130 / 32⌉
    # 2 · 20 validation images and 50 test images in batches of 32, at a third of a step.
    assert costs.work_of(bands, IMAGES) == pytest.approx(10 + (40 + 50) / 32 / 3)
    assert costs.work_of(probe, IMAGES) == pytest.approx(12 + (12 / 5 * 20 + 50) / 32 / 3)
    rest = bands.model_copy(update={"split": Split(validation_images=40)})
    assert costs.steps_of(rest, IMAGES) == 2 * 5  # of the 160 that are left
    small = {"small_images": SmallImages(size=24, share=0.5), "test_time_augmentation": True}
    fast = bands.model_copy(update={**small, "split": Split(train_images=128)})
    # Half of 8 steps on 24² of 32² pixels; each test image once as it is and six times augmented.
    assert costs.work_of(fast, IMAGES) == pytest.approx(8 * (1 - 0.5 * 7 / 16) + 350 / 32 / 3)
    untested = fast.model_copy(update={"tested": False})
    assert costs.work_of(untested, IMAGES) == 8 * (1 - 0.5 * 7 / 16)
    assert costs.passes_of(bands) == 1 + 2 / 3
    assert costs.passes_of(probe) == 1 + (1 + 4 + 7) / 5


def test_the_costliest_kind_is_timed_and_others_follow_by_their_operations(
    tiny, tmp_path, monkeypatch
):
    """Each kind 2 s for 10⁶ operations a step, if it is timed; without time for it, the first."""
    asked = []

    def timed(run, threads):
        asked.append(run.architecture.name)
        return 2e-6 * costs.step_flops(run)

    monkeypatch.setattr(costs, "measure_seconds_per_step", timed)
    monkeypatch.setattr(costs, "TIMING_SECONDS", 0.0)
    runs = tiny.runs
    seconds = costs.Costs([], tmp_path, 1, IMAGES).training(runs)
    work = [costs.work_of(run, IMAGES) * costs.step_flops(run) for run in runs]
    assert seconds == pytest.approx(2e-6 * sum(work))
    assert len(asked) == 1
    monkeypatch.setattr(costs, "TIMING_SECONDS", 60.0)
    costs.Costs([], tmp_path, 1, IMAGES).training(runs)
    assert len(asked) == 1 + len({costs.kind_of(run) for run in runs})


def test_sharpness_aware_steps_cost_two(tiny):
    run = tiny.runs[0]
    aware = run.optimizer.model_copy(update={"sharpness_radius": 0.05})
    twice = run.model_copy(update={"optimizer": aware})
    assert costs.step_flops(twice) == 2 * costs.step_flops(run)
    assert costs.kind_of(twice) != costs.kind_of(run)


def test_a_start_is_what_finished_jobs_took_beside_steps_and_evaluations(few, tmp_path):
    """10 steps of 0.5 s each, evaluations as of (40 + 50) / 96 steps, and 3 s beside."""
    run = few.runs[0]
    record = {"status": "completed", "steps": 10, "train_seconds": 5.0}
    record["total_seconds"] = 5.0 + 0.5 * 90 / 96 + 3.0
    write_json(tmp_path / run.id / "run.json", record)
    known = costs.Costs([run], tmp_path, 1, IMAGES)
    assert known.start() == pytest.approx(3.0)
    assert known.training([few.runs[1]]) == pytest.approx(0.5 * (10 + 90 / 96))
    assert not known.timed


def test_more_images_than_are_prepared_are_refused_before_anything_starts(tiny, results, tmp_path):
    """The prepared data of the tests have 200 training images, whatever the source's name."""
    (tmp_path / "data").symlink_to(results / "data")
    more = tiny.model_copy(update={"split": Split(train_images=201)})
    with pytest.raises(UserError, match=r"split\.train_images: 201 are more than the 200"):
        estimate.announce(more, tmp_path, threads=1, parallel=1)


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
