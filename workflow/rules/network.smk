# The best network, and why: sweeps, ablations and final models, one training job per run.
use rule train_bands as train_network with:
    output:
        steps=f"{RESULTS}/network/{{network}}/seed{{seed}}/steps.parquet",
        epochs=f"{RESULTS}/network/{{network}}/seed{{seed}}/epochs.csv",
        model=f"{RESULTS}/network/{{network}}/seed{{seed}}/model.safetensors",
        run=f"{RESULTS}/network/{{network}}/seed{{seed}}/run.json",
    log:
        f"{RESULTS}/logs/network/{{network}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/network/{{network}}/seed{{seed}}.tsv"
    params:
        results=results_folder,
        run=lambda wildcards: network_run(wildcards).id,
        settings=lambda wildcards: network_run(wildcards).model_dump_json(),
        code=lambda wildcards: training_code(network_run(wildcards)),


use rule aggregate_bands as aggregate_network with:
    input:
        run_files("network"),
    output:
        [table for table in study_tables("network") if not table.endswith("layers.csv")],
    log:
        f"{RESULTS}/logs/aggregate_network.log",
    benchmark:
        f"{RESULTS}/benchmarks/aggregate_network.tsv"
    params:
        results=results_folder,
        study="network",
        settings=STUDY.network.model_dump_json() if STUDY.network else "",
        code=fingerprint("tables.network_study"),


# What the final networks are made of; it needs their settings only.
rule structure:
    output:
        f"{RESULTS}/network/layers.csv",
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
        results=results_folder,
        settings=STUDY.network.model_dump_json() if STUDY.network else "",
        code=fingerprint("tables.layers"),
    shell:
        "python -m landscape structure --results {params.results:q}"
        " --settings {params.settings:q} &> {log:q}"


# What trained networks learned, seen in a few of them.
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
        results=results_folder,
        settings=lambda wildcards: insight_settings(),
        code=fingerprint("insight.run"),
    shell:
        "python -m landscape {params.stage} --results {params.results:q}"
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
        results=results_folder,
        settings=lambda wildcards: insight_settings(),
        code=fingerprint("insight.run"),
