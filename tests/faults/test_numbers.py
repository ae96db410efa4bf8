"""No wrong number gets through: divergence is data, everything else that is not finite stops."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from landscape.config.study import Figures, validate_study
from landscape.errors import UserError
from landscape.figures import draw
from landscape.figures.selection import wanted
from landscape.report import build
from landscape.report.content import content as report_content
from landscape.storage.tables import read_table, write_table
from landscape.tables import collect
from landscape.tables.bands_and_probe import aggregate_bands, aggregate_probe
from landscape.training import job
from landscape.training.recorder import MeasurementError, Recorder
from support import synthetic_tables as synthetic
from support.artefacts import digests, record_anew
from support.tiny import PROBE, RUN

STEPS = 10


@pytest.fixture
def small(tiny_content):
    """A study of two learning rates of one network, one of which is far too large."""
    content = json.loads(json.dumps(tiny_content))
    content["bands"] |= {
        "architectures": ["vgg_a_bn"],
        "learning_rates": [0.001, 1e30],
        "optimizer": {"name": "sgd"},
    }
    return validate_study(content)


def test_f13_a_run_that_diverges_is_a_result_and_the_others_are_untouched(
    small, folder, tmp_path, results
):
    good, bad = small.bands.run_ids
    for run_id in (good, bad):
        job.train(small.run(run_id), folder, threads=1)
    written = json.loads((folder / bad / "run.json").read_text("utf-8"))
    steps = pd.read_parquet(folder / bad / "steps.parquet")
    assert written["status"] == "diverged"
    assert 0 < written["diverged_at_step"] == len(steps) < STEPS
    assert written["test_accuracy"] is None
    assert steps["loss"].notna().all()
    # The other one is what it is alone.
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "data").symlink_to(results / "data")
    job.train(small.run(good), tmp_path / "alone", threads=1)
    assert digests(folder / good) == digests(tmp_path / "alone" / good)
    # The tables and the figure say where one run is missing.
    aggregate_bands(small.bands, folder)
    bands = read_table(folder / "bands/bands.parquet")
    loss = bands[bands["measure"] == "loss"].set_index("step")["runs"]
    assert (loss.loc[0], loss.loc[STEPS - 1]) == (2, 1)
    runs = read_table(folder / "bands/runs.csv")
    assert sorted(runs["status"]) == ["completed", "diverged"]
    png, pdf = tmp_path / "f.png", tmp_path / "f.pdf"
    draw.draw("loss_landscape", folder, small.figures, png, pdf)
    assert png.stat().st_size > 0


def far_too_large(tiny_content, folder, rates, probe_rate):
    """Both studies trained and their tables made, where rates and a step size are 1e30."""
    content = json.loads(json.dumps(tiny_content))
    content["bands"] |= {"learning_rates": rates, "optimizer": {"name": "sgd"}}
    sizes = [0.5, 1, 1e30]
    content["probe"] |= {"relative_step_sizes": sizes, "band_step_sizes": sizes}
    content["probe"]["learning_rate"] = probe_rate
    study = validate_study(content)
    for run in study.runs:
        job.train(run, folder, threads=1)
    aggregate_bands(study.bands, folder)
    aggregate_probe(study.probe, folder)
    return study


@pytest.mark.slow
def test_f13_where_runs_and_steps_diverge_there_are_figures_and_a_report(tiny_content, folder):
    study = far_too_large(tiny_content, folder, rates=[1e30, 0.001], probe_rate=0.1)
    for name in wanted(study):
        files = [folder / f"figures/{name}{suffix}" for suffix in (".png", ".pdf")]
        draw.draw(name, folder, study.figures, *files)
    build.build(folder, study, folder / "report.pdf")
    said = " ".join(paragraph["text"] for paragraph in report_content(folder, study)["questions"])
    assert re.search(r"diverged: .* at learning rate 1e\+30", said)
    probed = read_table(folder / "probe/summary.csv").set_index("measure")
    assert probed["seeds"].loc["final_loss"] == 1
    assert probed["vgg_a"].notna().loc["loss_range_mean"]  # over the sizes that are left to both


def test_f13_where_everything_diverges_the_tables_are_empty(tiny_content, folder):
    far_too_large(tiny_content, folder, rates=[1e30], probe_rate=1e30)
    for name in ("bands", "probe"):
        summary = read_table(folder / name / "summary.csv").set_index("measure")
        assert summary["vgg_a"].isna().filter(like="accuracy").all()
        assert (summary["seeds"].filter(like="accuracy") == 0).all()


def test_f13_control_without_the_look_it_ends_as_completed(small, folder, monkeypatch):
    """Not noticed, a run of NaN is written as if it were one: this is what `check` is for."""
    monkeypatch.setattr(Recorder, "check", lambda self: None)
    monkeypatch.setattr(job.Job, "scores", lambda self, batches: (1.0, 0.5))
    bad = small.bands.run_ids[1]
    job.train(small.run(bad), folder, threads=1)
    written = json.loads((folder / bad / "run.json").read_text("utf-8"))
    assert written["status"] == "completed"
    assert pd.read_parquet(folder / bad / "steps.parquet")["loss"].isna().any()


def spoil(monkeypatch, column, at=4):
    """One measurement is NaN; `count` says that it happened."""
    measure, count = Recorder._measure, []

    def spoiled(self, step):
        values = measure(self, step)
        if step.index == at:
            count.append(step.index)
            values[column] = values[column] * np.nan
        return values

    monkeypatch.setattr(Recorder, "_measure", spoiled)
    return count


@pytest.mark.parametrize("column", ["update_distance", "beta", "gradient_distance"])
def test_f14_a_measurement_that_is_nan_stops_the_run(column, tiny, folder, monkeypatch):
    count = spoil(monkeypatch, column)
    with pytest.raises(MeasurementError, match=f"{column} is not finite at step 4"):
        job.train(tiny.run(RUN), folder, threads=1)
    assert count == [4]
    assert not (folder / RUN / "run.json").exists()


def test_f14_written_all_the_same_it_stops_the_aggregation(tiny_content, folder, monkeypatch):
    """The second net: the run's own look is off, and the table says it by its name."""
    study = one_run(tiny_content)
    spoil(monkeypatch, "beta")
    monkeypatch.setattr(Recorder, "check", lambda self: None)
    job.train(study.run(RUN), folder, threads=1)
    assert pd.read_parquet(folder / RUN / "steps.parquet").loc[4:4, "beta"].isna().all()
    with pytest.raises(UserError, match=r"seed0/steps\.parquet: beta has no value at step 4"):
        aggregate_bands(study.bands, folder)
    assert not (folder / "bands/bands.parquet").exists()


def test_f14_control_with_both_nets_off_a_figure_is_drawn(
    tiny_content, folder, tmp_path, monkeypatch
):
    study = one_run(tiny_content)
    spoil(monkeypatch, "beta")
    monkeypatch.setattr(Recorder, "check", lambda self: None)
    monkeypatch.setattr(collect, "_require_steps", lambda *_: None)
    job.train(study.run(RUN), folder, threads=1)
    aggregate_bands(study.bands, folder)
    draw.draw("beta_smoothness", folder, study.figures, tmp_path / "f.png", tmp_path / "f.pdf")
    assert (tmp_path / "f.png").exists()


def one_run(tiny_content):
    content = json.loads(json.dumps(tiny_content))
    content["bands"] |= {"architectures": ["vgg_a_bn"], "learning_rates": [0.001]}
    return validate_study(content)


# --- tables that are damaged, foreign or of another run ---


def trained(tiny_content, undisturbed, folder):
    """The undisturbed run, copied to be damaged; returns the study of it alone."""
    import shutil

    shutil.copytree(undisturbed / RUN, folder / RUN)
    return one_run(tiny_content)


def rewrite(path, change):
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    write_table(path, change(table))


CHANGES = {
    "steps.parquet": lambda t: t.assign(loss=t["loss"] + 1e-6),
    "epochs.csv": lambda t: t.assign(train_accuracy=0.99),
}


@pytest.mark.parametrize("file", CHANGES)
def test_a_table_that_is_not_the_run_s_is_refused(file, tiny_content, undisturbed, folder):
    study = trained(tiny_content, undisturbed, folder)
    rewrite(folder / RUN / file, CHANGES[file])
    with pytest.raises(UserError, match=rf"seed0/{file}: damaged, its sha256 is"):
        aggregate_bands(study.bands, folder)


def test_control_without_the_checksum_a_changed_number_gets_through(
    tiny_content, undisturbed, folder, monkeypatch
):
    study = trained(tiny_content, undisturbed, folder)
    rewrite(folder / RUN / "epochs.csv", CHANGES["epochs.csv"])
    monkeypatch.setattr(collect, "require_recorded", lambda *_: None)
    aggregate_bands(study.bands, folder)
    assert (read_table(folder / "bands/epochs.csv")["train_accuracy"] == 0.99).all()


def test_a_number_changed_in_run_json_is_refused(tiny_content, undisturbed, folder):
    study = trained(tiny_content, undisturbed, folder)
    path = folder / RUN / "run.json"
    content = json.loads(path.read_text("utf-8"))
    content["test_accuracy"] = 0.99
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(UserError, match=r"run\.json: damaged or changed since it was written"):
        aggregate_bands(study.bands, folder)
    content.pop("seal")  # the control: unsealed, nobody can tell
    path.write_text(json.dumps(content), "utf-8")
    aggregate_bands(study.bands, folder)


def short(path):
    """Without its last step, and its checksum right: a table of fewer steps than run.json says."""
    rewrite(path, lambda table: table[:-1])
    record_anew(path)


def test_a_table_with_fewer_steps_than_the_run_made_is_refused(tiny_content, undisturbed, folder):
    study = trained(tiny_content, undisturbed, folder)
    short(folder / RUN / "steps.parquet")
    with pytest.raises(UserError, match="should have the steps 0 to 9, has 9 rows"):
        aggregate_bands(study.bands, folder)


FOREIGN = {
    "other columns": (lambda t: pd.DataFrame({"a": [1]}), r"lacks the columns \['arch'"),
    "text for numbers": (lambda t: t.assign(minimum="low"), "minimum must be numbers"),
    "an infinity": (lambda t: t.assign(maximum=np.inf), r"\['maximum'\] are not finite"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_table_stops_the_figure_with_its_name(kind, tmp_path):
    synthetic.write_results(tmp_path)
    change, said = FOREIGN[kind]
    rewrite(tmp_path / "bands/bands.parquet", change)
    png, pdf = tmp_path / "f.png", tmp_path / "f.pdf"
    with pytest.raises(UserError, match=rf"bands/bands\.parquet: {said}"):
        draw.draw("loss_landscape", tmp_path, Figures(smoothing_steps=3), png, pdf)
    assert not png.exists()


def test_a_bit_in_a_parquet_page_is_noticed(tmp_path):
    """Parquet checks nothing by itself: the control reads the changed number."""
    path = tmp_path / "bands/bands.parquet"
    synthetic.write_results(tmp_path)
    table = read_table(path)
    number = float(table["maximum"].dropna().iloc[7])
    whole = path.read_bytes()
    place = whole.find(np.float64(number).tobytes())
    if place < 0:
        pytest.skip("the page is compressed; the fuzzing covers it")
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(UserError, match=r"bands\.parquet: not readable as a table"):
        read_table(path)
    assert not pd.read_parquet(path).equals(table)


def test_a_probe_without_a_measure_is_refused(tiny_content, undisturbed, folder):
    import shutil

    shutil.copytree(undisturbed / PROBE, folder / PROBE)
    path = folder / PROBE / "probe.parquet"
    table = pd.read_parquet(path)
    table.loc[3, "beta"] = np.nan
    with pytest.raises(UserError, match=r"probe\.parquet: \['beta'\] have no value"):
        collect._require_probes(table, path)
