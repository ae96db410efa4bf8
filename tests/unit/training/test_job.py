"""A training job: what it writes, and what it refuses. How it is killed: tests/faults."""

import json
import shutil

import pandas as pd
import pytest
from safetensors.torch import load_file

from landscape.config.runs import ProbeSchedule
from landscape.errors import UserError
from landscape.measure import probe as probes
from landscape.training import job, recorder
from support.tiny import PROBE, RUN

STEPS = 10


def test_files_are_the_contract_s(undisturbed, tiny):
    run = json.loads((undisturbed / RUN / "run.json").read_text("utf-8"))
    assert run["status"] == "completed"
    assert run["steps"] == STEPS
    assert run["run"] == json.loads(tiny.run(RUN).model_dump_json())
    assert run["train_images"] == 130
    assert (run["captured"], run["not_captured"]) == ("none", "not on a CUDA device")
    steps = pd.read_parquet(undisturbed / RUN / "steps.parquet")
    contract = ["step", "epoch", "loss", "gradient_norm", "gradient_distance"]
    contract += ["output_gradient_distance", "update_distance", "beta"]
    assert set(contract) <= set(steps.columns)
    assert list(steps["step"]) == list(range(STEPS))
    sometimes = ["same_batch_gradient_distance", "same_batch_beta"]
    assert steps.drop(columns=sometimes).loc[1:].notna().all().all()
    assert all(steps["step"][steps[name].notna()].tolist() == [3, 6, 9] for name in sometimes)
    epochs = pd.read_csv(undisturbed / RUN / "epochs.csv")
    assert list(epochs["epoch"]) == [1, 2]
    weights = load_file(undisturbed / RUN / "model.safetensors")
    learned = [v.numel() for k, v in weights.items() if "running" not in k and "num_" not in k]
    assert sum(learned) == run["parameters"]
    probe = pd.read_parquet(undisturbed / PROBE / "probe.parquet")
    assert sorted(probe["step"].unique()) == [0, 5, 10]
    assert len(probe) == 3 * 7
    assert not list(undisturbed.glob("**/*.tmp"))
    assert not list(undisturbed.glob("**/resume.state*"))


def test_epochs_add_up_to_the_steps(undisturbed):
    steps = pd.read_parquet(undisturbed / RUN / "steps.parquet")
    epochs = pd.read_csv(undisturbed / RUN / "epochs.csv")
    sizes = [32, 32, 32, 32, 2]
    first = steps[steps["epoch"] == 1]
    assert epochs.loc[0, "train_loss"] == pytest.approx(
        (first["loss"] * sizes).sum() / 130, rel=1e-5
    )
    assert epochs.loc[0, "train_accuracy"] == pytest.approx(first["correct"].sum() / 130)


def test_a_run_that_diverges_at_its_last_step_is_not_saved_as_if_it_went_on(tiny, folder):
    """Saving at every step, killed or not: it ends as diverged, not as completed with NaN."""
    run = tiny.run("bands/vgg_a/lr0.002/seed0").model_copy(
        update={"learning_rate": 1e6, "optimizer": tiny.probe.optimizer, "epochs": 1}
    )
    job.train(run, folder, threads=1, checkpoint_seconds=0)
    written = json.loads((folder / run.id / "run.json").read_text("utf-8"))
    assert written["status"] == "diverged"
    assert not list((folder / run.id).glob("resume.state*"))


def test_a_step_size_that_diverges_is_null_and_the_run_goes_on(tiny, folder):
    schedule = ProbeSchedule(every=5, relative_step_sizes=(1.0, 1e30))
    run = tiny.run(PROBE).model_copy(update={"probe": schedule})
    job.train(run, folder, threads=1)
    probe = pd.read_parquet(folder / PROBE / "probe.parquet").set_index("relative_step_size")
    assert probe.loc[1e30, list(probes.THERE)].isna().all().all()
    assert probe.loc[1.0].notna().all().all()
    assert probe["gradient_norm"].notna().all()


def test_a_step_so_long_that_only_the_gradient_overflows_has_diverged_too(
    tiny, folder, monkeypatch
):
    """float32 holds the loss there, but not the gradient's length."""

    measured = probes.probe

    def steep(*arguments):
        row = measured(*arguments)
        names = ("gradient_distance", "gradient_cosine", "beta")
        apart, cosine, beta = (probes.COLUMNS.index(name) for name in names)
        row[-1, [apart, beta]], row[-1, cosine] = float("inf"), float("nan")
        return row

    monkeypatch.setattr(recorder.probes, "probe", steep)
    job.train(tiny.run(PROBE), folder, threads=1)
    probe = pd.read_parquet(folder / PROBE / "probe.parquet").set_index("relative_step_size")
    assert probe.loc[4.0, list(probes.THERE)].isna().all().all()
    assert probe.loc[2.0].notna().all().all()


def test_tf32_on_a_cpu_is_refused(tiny, folder):
    run = tiny.run(RUN).model_copy(update={"precision": "tf32"})
    with pytest.raises(UserError, match="NVIDIA"):
        job.train(run, folder, threads=1)


def test_bfloat16_is_refused_where_it_is_slow(tiny, folder, monkeypatch):
    monkeypatch.setattr("landscape.runtime.device.cpu_bfloat16_slowdown", lambda: 20.0)
    run = tiny.run(RUN).model_copy(update={"precision": "bfloat16"})
    with pytest.raises(UserError, match="20.0 times as long"):
        job.train(run, folder, threads=1)


def test_results_can_be_moved(undisturbed, tmp_path):
    """Nothing inside an artefact names the folder that it was made in."""
    shutil.copytree(undisturbed / RUN, tmp_path / "moved")
    text = (tmp_path / "moved" / "run.json").read_text("utf-8")
    assert str(undisturbed) not in text
