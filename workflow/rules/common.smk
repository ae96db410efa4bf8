# What the rules share: the checked configuration, paths, fingerprints and how a stage is called.
import hashlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

PACKAGE_ROOT = str(Path(workflow.basedir) / "workflow")
sys.path.insert(0, PACKAGE_ROOT)

from landscape.config.study import validate_study
from landscape.data.sources.formats import require as require_copy
from landscape.report.captions import filled
from landscape.errors import UserError
from landscape.figures.registry import FIGURES
from landscape.figures.selection import wanted
from landscape.provenance.fingerprint import fingerprint
from landscape.provenance.run_fingerprint import training_code

try:
    STUDY = validate_study(config, "the configuration")
except UserError as error:
    raise WorkflowError(str(error))

RESULTS = STUDY.results
RUNS = {run.id: run for run in STUDY.all_runs}
RUN_IDS = {
    study: [run.id for run in RUNS.values() if run.study == study]
    for study in ("bands", "probe", "network")
}
STUDIES = [study for study, runs in RUN_IDS.items() if runs]
REPORT = f"{RESULTS}/report.pdf"
BENCH = f"{RESULTS}/bench/bench.json"
DATA = f"{RESULTS}/data"
ENVIRONMENT = "../../envs/environment.yaml"
TEMPLATES = sorted((Path(PACKAGE_ROOT) / "landscape/report/typst").glob("*.typ"))

# GPUs, or shares of them (of the CPU, where there is none), that jobs of this machine may hold at a
# time. On a cluster every job gets what its rule asks for.
PARALLEL = max(
    1,
    workflow.global_resources["gpu"].value if "gpu" in workflow.global_resources else 1,
)


def train_threads(wildcards):
    """The cores, shared out among the training jobs that run side by side."""
    return max(1, (workflow.cores or 1) // PARALLEL)


def one_of(values):
    """A wildcard constraint: exactly one of these."""
    return "|".join(re.escape(str(value)) for value in sorted(set(values)))


TABLES = {
    "bands": ["bands.parquet", "summary.csv", "epochs.csv", "runs.csv"],
    "probe": [
        "bands.parquet",
        "summary.csv",
        "epochs.csv",
        "runs.csv",
        "probe.parquet",
    ],
    "network": [
        "summary.csv",
        "comparisons.csv",
        "epochs.csv",
        "runs.csv",
        "layers.csv",
    ],
}
# What the aggregation reads of every run.
RUN_TABLES = {
    "bands": ["steps.parquet", "epochs.csv", "run.json"],
    "probe": ["steps.parquet", "epochs.csv", "run.json", "probe.parquet"],
    "network": ["epochs.csv", "run.json"],
}


def study_tables(study):
    return [f"{RESULTS}/{study}/{table}" for table in TABLES[study]]


def run_files(study):
    return expand(
        f"{RESULTS}/{{run}}/{{file}}", run=RUN_IDS[study], file=RUN_TABLES[study]
    )


def whole_study(study):
    """Tables and runs: a run whose files were deleted is trained again, not only when it is read."""
    if study not in STUDIES:
        raise WorkflowError(f"this configuration has no section {study}")
    models = expand(f"{RESULTS}/{{run}}/model.safetensors", run=RUN_IDS[study])
    return [*study_tables(study), *run_files(study), *models]


def figure_files(study=None):
    """Both formats of every figure that this configuration has, or of one study's."""
    names = [
        name for name in wanted(STUDY) if study is None or FIGURES[name].study == study
    ]
    return expand(
        f"{RESULTS}/figures/{{name}}{{suffix}}", name=names, suffix=[".png", ".pdf"]
    )


def bench_files():
    return [BENCH, *(f"{RESULTS}/figures/bench{suffix}" for suffix in (".png", ".pdf"))]


def figure_tables(name):
    return [
        f"{RESULTS}/{table}" for table in FIGURES[name].tables if not is_tensor(table)
    ]


def figure_tensors(name):
    return [f"{RESULTS}/{table}" for table in FIGURES[name].tables if is_tensor(table)]


def is_tensor(path):
    """The images: dataset.json has their checksums, so that their dates need not count."""
    return path.startswith("data/") and path.endswith(".safetensors")


def figure_code(name):
    """What draws this figure, and no other figure's family."""
    return fingerprint("figures.draw", FIGURES[name].module.removeprefix("landscape."))


def results_folder(wildcards):
    """Where a stage finds and leaves its files; their names below it are the contract."""
    return RESULTS


def sha256_file(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def bands_run(wildcards):
    return RUNS[f"bands/{wildcards.arch}/lr{wildcards.lr}/seed{wildcards.seed}"]


def probe_run(wildcards):
    return RUNS[f"probe/{wildcards.arch}/seed{wildcards.seed}"]


def network_run(wildcards):
    return RUNS[f"network/{wildcards.network}/seed{wildcards.seed}"]


def announce():
    """Before anything starts: how many runs are to do and about how long they take here."""
    planned = [
        str(Path(file).parent.relative_to(RESULTS))
        for job in workflow.dag.needrun_jobs()
        for file in job.output
        if Path(file).name == "run.json"
    ]
    if not planned or not workflow.local_exec:
        return  # nothing is trained, or not here
    command = [sys.executable, "-m", "landscape", "estimate", "--results", RESULTS]
    command += [
        "--settings",
        STUDY.model_dump_json(),
        "--threads",
        str(train_threads(None)),
    ]
    side_by_side = min(PARALLEL, (workflow.cores or 1) // train_threads(None) or 1)
    command += ["--parallel", str(side_by_side), "--", *planned]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": PACKAGE_ROOT})
    if done.returncode:
        raise WorkflowError("nothing was started; the line above says why")


def inspected(kind):
    """The files of the runs that are looked into."""
    runs = getattr(STUDY.inspected, kind)
    files = ["model.safetensors", "run.json"]
    return expand(f"{RESULTS}/{{run}}/{{file}}", run=runs, file=files)


def insight_settings():
    return STUDY.inspected.model_dump_json()


# Jobs run this checkout's package, and the interpreter that runs Snakemake unless conda brings one.
shell.prefix(
    f"set -euo pipefail; export PYTHONPATH={shlex.quote(PACKAGE_ROOT)}"
    + (
        ""
        if "conda"
        in {str(method) for method in workflow.deployment_settings.deployment_method}
        else f' PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"'
    )
    + "; "
)


wildcard_constraints:
    arch=one_of([*STUDY.bands.architectures, *STUDY.probe.architectures]),
    lr=one_of(map(repr, STUDY.bands.learning_rates)),
    seed=one_of(run.seed for run in RUNS.values()),
    network=one_of(
        Path(run).parent.relative_to("network") for run in RUN_IDS["network"]
    ),
    figure=one_of(FIGURES),
