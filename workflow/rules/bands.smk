# The loss landscape over learning rates: one training job per (architecture, learning rate, seed).
rule train_bands:
    input:
        # By content, not by date: the checksums stand for the tensors.
        data=prepared_images,
        tensors=ancient([f"{DATA}/train.safetensors", f"{DATA}/test.safetensors"]),
    output:
        steps=f"{RESULTS}/bands/{{arch}}/lr{{lr}}/seed{{seed}}/steps.parquet",
        epochs=f"{RESULTS}/bands/{{arch}}/lr{{lr}}/seed{{seed}}/epochs.csv",
        model=f"{RESULTS}/bands/{{arch}}/lr{{lr}}/seed{{seed}}/model.safetensors",
        run=f"{RESULTS}/bands/{{arch}}/lr{{lr}}/seed{{seed}}/run.json",
    log:
        f"{RESULTS}/logs/bands/{{arch}}/lr{{lr}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/bands/{{arch}}/lr{{lr}}/seed{{seed}}.tsv"
    conda:
        ENVIRONMENT
    threads: train_threads
    resources:
        gpu=1,
        # Not parameters: neither how often a run is saved nor what runs beside it changes what it makes.
        checkpoint_seconds=STUDY.checkpoint_seconds,
        parallel=PARALLEL,
        mem_mb=6000,
        runtime=240,
    params:
        results=results_folder,
        run=lambda wildcards: bands_run(wildcards).id,
        settings=lambda wildcards: bands_run(wildcards).model_dump_json(),
        code=lambda wildcards: training_code(bands_run(wildcards)),
    # exec: a SIGTERM to all of a job's processes must not end the shell, and with it the job, while
    # the training is saving its state.
    shell:
        "exec python -m landscape train {params.run} --results {params.results:q}"
        " --settings {params.settings:q} --threads {threads} --parallel {resources.parallel}"
        " --checkpoint-seconds {resources.checkpoint_seconds} &> {log:q}"


rule aggregate_bands:
    input:
        run_files("bands"),
    output:
        study_tables("bands"),
    log:
        f"{RESULTS}/logs/aggregate_bands.log",
    benchmark:
        f"{RESULTS}/benchmarks/aggregate_bands.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        results=results_folder,
        study="bands",
        settings=STUDY.bands.model_dump_json(),
        code=fingerprint("tables.bands_and_probe"),
    shell:
        "python -m landscape aggregate {params.study}"
        " --results {params.results:q} --settings {params.settings:q} &> {log:q}"
