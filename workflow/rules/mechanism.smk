# What BatchNorm changes: runs that keep their weights at some steps, and jobs that inspect these
# weights. Short runs over learning rates are in train.smk.
use rule train as train_mechanism with:
    output:
        steps=f"{RESULTS}/{{run}}/steps.parquet",
        epochs=f"{RESULTS}/{{run}}/epochs.csv",
        model=f"{RESULTS}/{{run}}/model.safetensors",
        snapshots=f"{RESULTS}/{{run}}/snapshots.safetensors",
        run=f"{RESULTS}/{{run}}/run.json",
    wildcard_constraints:
        run=one_of(path_ids()),
    message:
        "train {params.title}, keeping weights"


rule look:
    input:
        run=f"{RESULTS}/{{run}}/run.json",
        snapshots=f"{RESULTS}/{{run}}/snapshots.safetensors",
        data=prepared_images,
        tensors=ancient([f"{DATA}/train.safetensors", f"{DATA}/test.safetensors"]),
    output:
        rows=f"{RESULTS}/{{run}}/mechanism.parquet",
        nodes=f"{RESULTS}/{{run}}/spectrum.parquet",
    log:
        f"{RESULTS}/logs/{{run}}.look.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{run}}.look.tsv"
    wildcard_constraints:
        run=one_of(path_ids()),
    conda:
        ENVIRONMENT
    threads: train_threads
    resources:
        gpu=1,
        parallel=PARALLEL,
        mem_mb=8000,
        runtime=240,
    params:
        python=python,
        title=run_title,
        results=results_folder,
        settings=look_settings,
        code=fingerprint("insight.mechanism", "models.vgg"),
    message:
        "inspect the kept weights of {params.title}"
    shell:
        "exec env {params.python} -m landscape look {wildcards.run} --results {params.results:q}"
        " --settings {params.settings:q} --threads {threads} --parallel {resources.parallel}"
        " &> {log:q}"
