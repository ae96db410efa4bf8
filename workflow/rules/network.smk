# The best network, and why: tuning, layers, and what trained networks learned.
# Runs of one seed choose the learning rate of each level. After that, Snakemake knows which runs of the
# other seeds it needs. The choice decides which runs are made, not what a run is.
if IS_TUNED:

    checkpoint tune:
        input:
            trial_files(),
        output:
            listed(TUNING),
        log:
            f"{RESULTS}/logs/tune.log",
        benchmark:
            f"{RESULTS}/benchmarks/tune.tsv"
        conda:
            ENVIRONMENT
        resources:
            mem_mb=2000,
            runtime=10,
        params:
            python=python,
            results=results_folder,
            settings=tune_settings(),
            code=fingerprint("tables.tuning"),
        message:
            "choose the learning rates of the sweeps"
        shell:
            "{params.python} -m landscape tune --results {params.results:q}"
            " --settings {params.settings:q} &> {log:q}"


rule structure:
    output:
        listed(LAYERS),
    log:
        f"{RESULTS}/logs/structure.log",
    benchmark:
        f"{RESULTS}/benchmarks/structure.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        python=python,
        results=results_folder,
        settings=study_settings("network"),
        code=structure_code() if STUDY.network else "",
    message:
        "tabulate the layers of the final networks"
    shell:
        "{params.python} -m landscape structure --results {params.results:q}"
        " --settings {params.settings:q} &> {log:q}"


rule insight:
    input:
        models=lambda wildcards: inspected("runs"),
        data=prepared_images,
        tensors=ancient([f"{DATA}/train.safetensors", f"{DATA}/test.safetensors"]),
    output:
        arrays=f"{RESULTS}/network/insight.safetensors",
        numbers=f"{RESULTS}/network/insight.json",
    log:
        f"{RESULTS}/logs/insight.log",
    benchmark:
        f"{RESULTS}/benchmarks/insight.tsv"
    conda:
        ENVIRONMENT
    threads: train_threads
    resources:
        gpu=1,
        parallel=PARALLEL,
        mem_mb=6000,
        runtime=60,
    params:
        stage="insight",
        device=STUDY.device,
        python=python,
        results=results_folder,
        settings=lambda wildcards: insight_settings(),
        code=fingerprint("insight.run"),
    message:
        "inspect the trained networks"
    shell:
        "{params.python} -m landscape {params.stage} --results {params.results:q}"
        " --settings {params.settings:q}"
        " --device {params.device} --threads {threads} --parallel {resources.parallel} &> {log:q}"


use rule insight as surface with:
    input:
        models=lambda wildcards: inspected("surfaces"),
        data=prepared_images,
        tensors=ancient([f"{DATA}/train.safetensors", f"{DATA}/test.safetensors"]),
    output:
        f"{RESULTS}/network/surface.parquet",
    log:
        f"{RESULTS}/logs/surface.log",
    benchmark:
        f"{RESULTS}/benchmarks/surface.tsv"
    params:
        stage="surface",
        device=STUDY.device,
        python=python,
        results=results_folder,
        settings=lambda wildcards: insight_settings(),
        code=fingerprint("insight.run"),
    message:
        "measure the loss around the trained networks"
