# The one stage that may use the network: CIFAR-10 as verified uint8 tensors.
rule dataset:
    output:
        description=f"{DATA}/dataset.json",
        train=f"{DATA}/train.safetensors",
        test=f"{DATA}/test.safetensors",
    log:
        f"{RESULTS}/logs/dataset.log",
    benchmark:
        f"{RESULTS}/benchmarks/dataset.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        python=python,
        results=results_folder,
        settings=STUDY.data.model_dump_json(),
        code=fingerprint(
            "data.sources.registry",
            "data.sources.official",
            "data.sources.parquet",
            "data.sources.demo",
        ),
    message:
        f"prepare the images ({STUDY.data.source})"
    shell:
        "{params.python} -m landscape dataset --results {params.results:q} --settings {params.settings:q} &> {log:q}"
