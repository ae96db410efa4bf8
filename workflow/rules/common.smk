# Shared by the rules: the checked configuration, paths, fingerprints, and the call of a stage.
import hashlib
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

from landscape.config.study import validate_study
from landscape.config.yaml_files import read_yaml
from landscape.data.sources.formats import require as require_copy
from landscape.report.captions import filled
from landscape.report.listing import CATEGORIES, figure_label, table_label
from landscape.report.listing import TABLES as LISTED
from landscape.errors import UserError
from landscape.figures.registry import FIGURES
from landscape.figures.selection import wanted
from landscape.provenance.fingerprint import fingerprint
from landscape.provenance.run_fingerprint import training_code

# Settings from files, --config or a module's configuration are laid over config.yaml.
settings = {}
try:
    update_config(settings, read_yaml(PROJECT / "config.yaml"))
    for file in map(Path, workflow.configfiles):
        if file.is_file():
            read_yaml(file)  # refuses duplicate keys, which Snakemake drops silently
    update_config(settings, config)
    STUDY = validate_study(settings, "the configuration")
except UserError as error:
    raise WorkflowError(str(error))

RESULTS = STUDY.results
# The same folder for paths outside rules, with a module's prefix if it has one.
FOLDER = workflow.modifier.path_modifier.replace_prefix(f"{RESULTS}/").removesuffix("/")
RUNS = {run.id: run for run in STUDY.possible_runs}
# By study, without the runs that are known only after learning rates are chosen.
RUN_IDS = {
    study: [run.id for run in RUNS.values() if run.study == study]
    for study in ("bands", "probe", "mechanism")
}
RUN_IDS["network"] = STUDY.network.certain_ids if STUDY.network else []
STUDIES = [study for study, runs in RUN_IDS.items() if runs]
REPORT = f"{RESULTS}/report.pdf"
PAGE = f"{RESULTS}/report.html"
BENCH = f"{RESULTS}/bench/bench.json"
DATA = f"{RESULTS}/data"
ENVIRONMENT = "../../envs/environment.yaml"
IMAGE = "landscape.sif"  # the environment as a container, for --software-deployment-method apptainer
METHODS = set(map(str, workflow.deployment_settings.deployment_method))
if "apptainer" in METHODS and not Path(IMAGE).exists():
    raise WorkflowError(f"{IMAGE}: no such file; docs/running.md says how to build it")
# What the report is made from besides code; CITATION.cff has the authors on page 1.
REPORT_FOLDER = PROJECT / "workflow/landscape/report"
TEMPLATES = [*sorted(REPORT_FOLDER.glob("typst/*.typ")), *PROJECT.glob("CITATION.cff")]
PAGE_TEMPLATES = [
    *sorted(REPORT_FOLDER.glob("page/static/*")),
    *PROJECT.glob("CITATION.cff"),
]

# How many GPUs, or shares of them (or of the CPU, without a GPU), jobs of this machine may hold at the
# same time. On a cluster every job gets what its rule requests.
PARALLEL = max(
    1,
    workflow.global_resources["gpu"].value if "gpu" in workflow.global_resources else 1,
)
CORES = (
    workflow.resource_settings.cores or 1
)  # workflow.cores raises an error if no cores are given


def train_threads(wildcards):
    """The cores, divided among the training jobs that run at the same time."""
    return max(1, CORES // PARALLEL)


def one_of(values):
    """A wildcard constraint: exactly one of these; without values, nothing matches."""
    return "|".join(re.escape(str(value)) for value in sorted(set(values))) or "(?!)"


# The tables of each study, the files of a run that they are made from, and their code.
TABLES = {
    "bands": [
        "bands.parquet",
        "summary.csv",
        "by_learning_rate.csv",
        "epochs.csv",
        "runs.csv",
    ],
    "probe": [
        "bands.parquet",
        "summary.csv",
        "by_step_size.csv",
        "epochs.csv",
        "runs.csv",
        "probe.parquet",
    ],
    "mechanism": [
        "mechanism.parquet",
        "spectrum.parquet",
        "losses.parquet",
        "range.csv",
        "summary.csv",
        "equal_loss.csv",
        "verdicts.csv",
        "runs.csv",
    ],
    "network": ["summary.csv", "comparisons.csv", "epochs.csv", "runs.csv"],
}
RUN_TABLES = {
    "bands": ["steps.parquet", "epochs.csv", "run.json"],
    "probe": ["steps.parquet", "epochs.csv", "run.json", "probe.parquet"],
    "mechanism": ["steps.parquet", "epochs.csv", "run.json"],
    "network": ["epochs.csv", "run.json"],
}
TABLE_CODE = {
    "bands": "tables.bands_and_probe",
    "probe": "tables.bands_and_probe",
    "mechanism": "tables.mechanism",
    "network": "tables.network_study",
}
LAYERS = f"{RESULTS}/network/layers.csv"
TUNING = f"{RESULTS}/network/tuning.csv"
IS_TUNED = STUDY.network is not None and STUDY.network.is_tuned


def aggregated(study):
    return [f"{RESULTS}/{study}/{table}" for table in TABLES[study]]


def listed(path):
    """A table as an output; the short ones are also items of `snakemake --report`."""
    table = path.removeprefix(f"{RESULTS}/")
    if table not in LISTED:
        return path
    study = table.partition("/")[0]
    return report(
        path,
        category=CATEGORIES[study],
        subcategory="Tables",
        labels=table_label(table),
    )


def study_tables(study):
    """All tables of a study; the layers of its networks need no run."""
    if study != "network":
        return aggregated(study)
    return [*aggregated(study), LAYERS, *([TUNING] if IS_TUNED else [])]


def chosen_runs(file):
    """These files of the runs at the chosen learning rates, known once these are chosen."""

    def files(wildcards):
        from landscape.tables.tuning import chosen_rates

        checkpoints.tune.get()
        runs = STUDY.network.run_ids(chosen_rates(STUDY.network, Path(FOLDER)))
        return expand(f"{RESULTS}/{{run}}/{{file}}", run=runs, file=file)

    return [files] if IS_TUNED else []


def trial_files():
    trials = [trial.run_id for trial in STUDY.network.trials()]
    return expand(f"{RESULTS}/{{run}}/{{file}}", run=trials, file=RUN_TABLES["network"])


def path_ids():
    """The runs that keep their weights at moments."""
    return STUDY.mechanism.path_ids if STUDY.mechanism else []


def run_files(study):
    files = expand(
        f"{RESULTS}/{{run}}/{{file}}", run=RUN_IDS[study], file=RUN_TABLES[study]
    )
    looked = ["mechanism.parquet", "spectrum.parquet"] if study == "mechanism" else []
    chosen = chosen_runs(RUN_TABLES[study]) if study == "network" else []
    return [
        *files,
        *expand(f"{RESULTS}/{{run}}/{{file}}", run=path_ids(), file=looked),
        *chosen,
    ]


def whole_study(study):
    """Tables, runs and their images, so that any deleted file is made again.

    A study that is left out has an input that cannot be made, whose name Snakemake shows. An error
    raised here would have a traceback.
    """
    if study not in STUDIES:
        return [f"(this configuration has no section {study})"]
    models = expand(f"{RESULTS}/{{run}}/model.safetensors", run=RUN_IDS[study])
    models += chosen_runs("model.safetensors") if study == "network" else []
    images = f"{DATA}/SHA256SUMS"
    return [*study_tables(study), *run_files(study), *models, images]


def figure_files(study=None):
    """Both formats of every figure of this configuration, or of one study."""
    names = [
        name for name in wanted(STUDY) if study is None or FIGURES[name].study == study
    ]
    return expand(
        f"{RESULTS}/figures/{{name}}{{suffix}}", name=names, suffix=[".png", ".pdf"]
    )


CAN_BENCH = STUDY.bands is not None and STUDY.probe is not None


def bench_files():
    if not CAN_BENCH:
        return ["(bench needs both bands and probe, and one of them is null)"]
    return [BENCH, *(f"{RESULTS}/figures/bench{suffix}" for suffix in (".png", ".pdf"))]


def benched_files():
    """The benchmark's files for the report, if they have been made."""
    made = CAN_BENCH and Path(FOLDER, "bench/bench.json").exists()
    return bench_files() if made else []


def figure_tables(name):
    return [
        f"{RESULTS}/{table}" for table in FIGURES[name].tables if not is_tensor(table)
    ]


def figure_tensors(name):
    return [f"{RESULTS}/{table}" for table in FIGURES[name].tables if is_tensor(table)]


def is_tensor(path):
    """Whether a file holds images: dataset.json has their checksums, so their dates do not count."""
    return path.startswith("data/") and path.endswith(".safetensors")


def figure_code(name):
    """The code that draws this figure, without that of other families."""
    return fingerprint("figures.draw", FIGURES[name].module.removeprefix("landscape."))


def structure_code():
    """The code that tabulates the final networks, with these networks, imported by name."""
    finals = [entry for entry in STUDY.network.entries() if entry.kind == "final"]
    return fingerprint(
        "tables.layers", *(entry.recipe.architecture.module for entry in finals)
    )


def results_folder(wildcards):
    """The folder in which a stage reads and writes its files; their names in it are a contract."""
    return FOLDER


def sha256_file(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_settings(wildcards):
    return RUNS[wildcards.run].model_dump_json()


def run_code(wildcards):
    return training_code(RUNS[wildcards.run])


def look_settings(wildcards):
    return STUDY.mechanism.look(RUNS[wildcards.run]).model_dump_json()


def study_settings(study):
    section = getattr(STUDY, study)
    return section.model_dump_json() if section else ""


def inspected(kind):
    """The files of the runs that are inspected."""
    runs = getattr(STUDY.inspected, kind)
    files = ["model.safetensors", "run.json"]
    return expand(f"{RESULTS}/{{run}}/{{file}}", run=runs, file=files)


def tune_settings():
    return STUDY.network.tuned_part.model_dump_json()


def insight_settings():
    return STUDY.inspected.model_dump_json()


def python(wildcards, threads):
    """Runs this checkout's package, with Snakemake's interpreter unless a container or conda has one.

    This parameter depends on `threads`, so Snakemake does not compare it with that of the last
    execution: the location of the package changes no result.
    """
    provided = METHODS & {"conda", "apptainer"}
    interpreter = "python" if provided else shlex.quote(sys.executable)
    variables = [
        f"{name}={shlex.quote(value)}" for name, value in stage_variables().items()
    ]
    return " ".join([*variables, interpreter])


def stage_variables():
    """The variables with which a stage finds this checkout's package, and its worker.

    Jobs of this machine share a worker, which watches this process. Jobs on a cluster or in a
    container have none.
    """
    here = workflow.is_main_process and workflow.local_exec
    worker = here and "apptainer" not in METHODS
    return {
        "PYTHONPATH": PACKAGE_ROOT,
        **({"LANDSCAPE_WORKER": str(os.getpid())} if worker else {}),
    }


wildcard_constraints:
    figure=one_of([*wanted(STUDY), "bench"]),
