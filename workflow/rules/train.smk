# One training job per run.
rule train:
    input:
        # By content, not by date: the checksums represent the tensors.
        data=prepared_images,
        tensors=ancient([f"{DATA}/train.safetensors", f"{DATA}/test.safetensors"]),
    output:
        steps=f"{RESULTS}/{{run}}/steps.parquet",
        epochs=f"{RESULTS}/{{run}}/epochs.csv",
        model=f"{RESULTS}/{{run}}/model.safetensors",
        run=f"{RESULTS}/{{run}}/run.json",
    log:
        f"{RESULTS}/logs/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{run}}.tsv"
    wildcard_constraints:
        run=one_of(set(RUNS) - set(RUN_IDS["probe"]) - set(path_ids())),
    conda:
        ENVIRONMENT
    threads: train_threads
    resources:
        gpu=1,
        # Not parameters, because neither changes the result.
        checkpoint_seconds=STUDY.checkpoint_seconds,
        parallel=PARALLEL,
        mem_mb=6000,
        runtime=240,
    params:
        python=python,
        title=run_title,
        results=results_folder,
        settings=run_settings,
        code=run_code,
    message:
        "train {params.title}"
    # exec: a SIGTERM to all processes of a job must not end the shell, and with it the job, while
    # the run saves its state.
    shell:
        "exec env {params.python} -m landscape train {wildcards.run} --results {params.results:q}"
        " --settings {params.settings:q} --threads {threads} --parallel {resources.parallel}"
        " --checkpoint-seconds {resources.checkpoint_seconds} &> {log:q}"


# The same, measured along the gradient.
use rule train as train_probe with:
    output:
        steps=f"{RESULTS}/{{run}}/steps.parquet",
        epochs=f"{RESULTS}/{{run}}/epochs.csv",
        probe=f"{RESULTS}/{{run}}/probe.parquet",
        model=f"{RESULTS}/{{run}}/model.safetensors",
        run=f"{RESULTS}/{{run}}/run.json",
    wildcard_constraints:
        run=one_of(RUN_IDS["probe"]),
    message:
        "train and probe {params.title}"
