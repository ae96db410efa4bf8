# What the workflow prints while it runs.
import logging
import os
import re
import signal
import subprocess
import tempfile

from snakemake.logging import logger

from landscape.config.mechanism import network_of
from landscape.notation.names import label
from landscape.storage.files import read_json

INTERRUPTED = []  # by Ctrl-C: the number of its signal
TRAINING = ("train", "train_probe", "train_mechanism")


def run_title(wildcards, threads):
    """A run in words; like `python`, not compared with the last execution."""
    run = RUNS[wildcards.run]
    if run.study == "network":
        return f"{run.id.removeprefix('network/').rpartition('/')[0]}, seed {run.seed}"
    name, rate = label(run.architecture.name), run.learning_rate
    if run.study == "mechanism":
        name = label(network_of(run.name))
    return f"{name}, learning rate {rate:g}, seed {run.seed}"


def announce():
    """Before any job: how many runs remain and about how long they take on this machine."""
    jobs = list(workflow.dag.needrun_jobs())
    planned = [job.wildcards.run for job in jobs if job.rule.name in TRAINING]
    pending = {job.rule.name for job in jobs if job.is_checkpoint}
    if "dataset" in pending:
        # Finished runs are trained again only if the images turn out to differ.
        planned = unfinished(planned)
    if "tune" in pending:
        from landscape.tables.tuning import runs_in

        # Runs known once learning rates are chosen; their number does not depend on the choice.
        later = {
            run.id for run in runs_in(Path(FOLDER), STUDY) if run.study == "network"
        }
        planned += unfinished(later - set(planned))
    if not planned or not workflow.local_exec:
        return  # nothing is trained, or not on this machine
    threads = train_threads(None)
    side_by_side = min(PARALLEL, CORES // threads or 1)
    command = [sys.executable, "-m", "landscape", "estimate", "--results", FOLDER]
    command += ["--settings", STUDY.model_dump_json(), "--threads", str(threads)]
    command += ["--parallel", str(side_by_side), "--", *planned]
    done = subprocess.run(
        command,
        env={**os.environ, **as_a_job(threads), **stage_variables()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if INTERRUPTED:
        leave(130)
    if done.returncode:
        refuse(f"nothing was started: {done.stdout.strip()}")
    logger.info(done.stdout.strip())
    program = Path(sys.executable).with_name("landscape")
    if program.exists():  # not if the package is only unpacked
        logger.info("To watch it, in a second terminal, in this folder:")
        logger.info(f"  {status_command(program)}")


def as_a_job(threads):
    """The variables that Snakemake sets for a job of the main process.

    With the same ones, the worker that this starts serves the jobs too, its imports done.
    """
    counts = ["OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR"]
    variables = [f"{library}_NUM_THREADS" for library in counts]
    variables.append("VECLIB_MAXIMUM_THREADS")
    folders = dict.fromkeys(["TMPDIR", "TMP", "TEMPDIR", "TEMP"], tempfile.gettempdir())
    return dict.fromkeys(variables, str(threads)) | folders


def status_command(program):
    """The command that shows every run of this study, to type in this folder."""
    paths = [program, *workflow.configfiles]
    program, *files = (os.path.relpath(p) if os.path.isabs(p) else p for p in paths)
    options = [word for file in files for word in ("--config", str(file))]
    return shlex.join([program, "status", *options])


def unfinished(runs):
    return [run for run in runs if not (Path(FOLDER) / run / "run.json").exists()]


def refuse(reason):
    """Stop before any job; a WorkflowError would name lines of these files."""
    logger.error(reason)
    raise SystemExit(1)


def watch_for_ctrl_c():
    """Record the first Ctrl-C."""

    def interrupted(number, frame):
        INTERRUPTED.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupted)


def is_needed(record):
    """Whether to print a record: not that Ctrl-C ended jobs, nor a failed job's command."""
    if INTERRUPTED and record.levelno >= logging.ERROR:
        return False
    return not record.getMessage().startswith("RuleException:\nCalledProcessError")


def explain():
    """Print, last of all, how far the study is and why each failed job failed."""
    for path in workflow.logger_manager.get_logfile():
        logger.info(f"Log: {os.path.relpath(path)}")
    failed = [
        job
        for jobs in workflow.scheduler.failed
        for job in getattr(jobs, "jobs", [jobs])
    ]
    if INTERRUPTED or not failed:
        leave(130 if INTERRUPTED else 143)
    said = f"Failed. {progress()} They are kept. Once the cause is removed, the same command resumes."
    lines = [f"{job.message}: {last_words(job)}" for job in failed]
    logger.error("\n".join([said, *lines]))
    raise SystemExit(1)


def conclude():
    """Print where the report is and which runs diverged, which is a result and not a failure."""
    if any(job.rule.name == "report" for job in workflow.dag.jobs):
        logger.info(f"The report: {REPORT}; for a browser: {PAGE}")
    runs = [job for job in workflow.dag.jobs if job.rule.name in TRAINING]
    lost = [
        job.params.title
        for job in runs
        if read_json(Path(job.output.run))["status"] == "diverged"
    ]
    if lost:
        names = "; ".join(sorted(lost))
        logger.warning(
            f"{len(lost)} of {len(runs)} runs diverged, which is a result: {names}"
        )


def leave(code):
    logger.warning(f"Stopped. The same command resumes; {progress()}")
    raise SystemExit(code)


def progress():
    dag = workflow.dag
    runs = [job for job in dag.jobs if job.rule.name in TRAINING]
    done = [job for job in runs if dag.finished(job) or not dag.needrun(job)]
    return f"{len(done)} of {len(runs)} runs are done."


def last_words(job):
    """The error at the end of a job's log."""
    path = Path(job.log[0])
    lines = path.read_text("utf-8", "replace").split("\n") if path.exists() else []
    errors = [
        line for line in lines if re.match(r"error: |\w+(Error|Exception)\b", line)
    ]
    return errors[-1] if errors else f"the job ended without a message; see {path}"
