# The landscape along the gradient: one training job per (architecture, seed).
use rule train_bands as train_probe with:
    output:
        steps=f"{RESULTS}/probe/{{arch}}/seed{{seed}}/steps.parquet",
        epochs=f"{RESULTS}/probe/{{arch}}/seed{{seed}}/epochs.csv",
        probe=f"{RESULTS}/probe/{{arch}}/seed{{seed}}/probe.parquet",
        model=f"{RESULTS}/probe/{{arch}}/seed{{seed}}/model.safetensors",
        run=f"{RESULTS}/probe/{{arch}}/seed{{seed}}/run.json",
    log:
        f"{RESULTS}/logs/probe/{{arch}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/probe/{{arch}}/seed{{seed}}.tsv"
    params:
        results=results_folder,
        run=lambda wildcards: probe_run(wildcards).id,
        settings=lambda wildcards: probe_run(wildcards).model_dump_json(),
        code=lambda wildcards: training_code(probe_run(wildcards)),


use rule aggregate_bands as aggregate_probe with:
    input:
        run_files("probe"),
    output:
        study_tables("probe"),
    log:
        f"{RESULTS}/logs/aggregate_probe.log",
    benchmark:
        f"{RESULTS}/benchmarks/aggregate_probe.tsv"
    params:
        results=results_folder,
        study="probe",
        settings=STUDY.probe.model_dump_json(),
        code=fingerprint("tables.bands_and_probe"),
