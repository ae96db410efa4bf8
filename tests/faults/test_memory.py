"""Out of memory: one sentence with run, step and batch; nothing changed by itself; goes on."""

import os
import subprocess
import sys

import pytest
import torch

from landscape import errors
from landscape.errors import UserError
from landscape.runtime import device
from landscape.training import job
from support.artefacts import ROOT, digests
from support.tiny import RUN

CUDA = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 3.94 GiB"
CPU = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"


def run_out(monkeypatch, error, at=6):
    """The forward pass of step `at` does not get its memory; `batches` says what it asked for."""
    keep, batches = job.Recorder.keep, []

    def kept(self, index):
        batches.append(self.run.batch_size)
        if index == at:
            raise error
        keep(self, index)

    monkeypatch.setattr(job.Recorder, "keep", kept)
    return batches


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError(CUDA), RuntimeError(CPU), MemoryError()],
    ids=["cuda", "cpu", "python"],
)
def test_f15_out_of_memory_is_a_sentence_and_the_run_goes_on(
    error, tiny, folder, undisturbed, monkeypatch, capsys
):
    with monkeypatch.context() as patch:
        batches = run_out(patch, error)
        with pytest.raises(UserError) as caught:
            job.train(tiny.run(RUN), folder, threads=1, checkpoint_seconds=0)
    assert "out of memory at step 6 of 10, with batches of 32 images" in str(caught.value)
    assert RUN in str(caught.value)
    assert len(batches) == 7  # once: no second try
    assert set(batches) == {32}  # and no other batch size
    assert not (folder / RUN / "run.json").exists()
    job.train(tiny.run(RUN), folder, threads=1)
    assert "resumes from step 6" in capsys.readouterr().err
    assert digests(folder / RUN) == digests(undisturbed / RUN)


def test_f15_control_not_recognized_it_is_a_traceback(tiny, folder, monkeypatch):
    run_out(monkeypatch, RuntimeError(CPU))
    monkeypatch.setattr("landscape.training.session.is_out_of_memory", lambda _: False)
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"):
        job.train(tiny.run(RUN), folder, threads=1)


def test_f15_another_error_is_not_taken_for_it(tiny, folder, monkeypatch):
    run_out(monkeypatch, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        job.train(tiny.run(RUN), folder, threads=1)
    assert not errors.is_out_of_memory(ValueError("out of memory"))


LIMITED = """
import resource, sys
from landscape.cli.main import main
from landscape.training import job
keep = job.Recorder.keep
def kept(self, index):
    keep(self, index)
    if index == 3:
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**20, used + 2**20))
        self.history.new_empty(10**9)  # the memory that is not there
job.Recorder.keep = kept
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_f15_with_a_real_limit_of_the_address_space(tiny, folder, undisturbed, capsys):
    """RLIMIT_AS in a process of its own: the allocator itself fails."""
    settings = tiny.run(RUN).model_dump_json()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "train", RUN, "--results", str(folder)]
        + ["--settings", settings, "--threads", "1", "--checkpoint-seconds", "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert f"error: {RUN}: out of memory at step 3 of 10, with batches of 32" in done.stderr
    assert "Traceback" not in done.stderr
    job.train(tiny.run(RUN), folder, threads=1)
    assert digests(folder / RUN) == digests(undisturbed / RUN)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_f15_on_a_gpu_with_a_real_limit(tiny, folder):
    torch.cuda.set_per_process_memory_fraction(1e-4)
    try:
        run = tiny.run(RUN).model_copy(update={"device": "cuda", "batch_size": 130})
        with pytest.raises(UserError, match="out of memory"):
            job.train(run, folder, threads=1)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        assert device.resolve("cuda").type == "cuda"
