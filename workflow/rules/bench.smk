# How fast this machine trains: only on request, and alone on all cores.
rule measure_speed:
    input:
        data=prepared_images,
        tensors=ancient([f"{DATA}/train.safetensors", f"{DATA}/test.safetensors"]),
    output:
        BENCH,
        f"{RESULTS}/bench/speed.md",
    log:
        f"{RESULTS}/logs/bench.log",
    benchmark:
        f"{RESULTS}/benchmarks/bench.tsv"
    conda:
        ENVIRONMENT
    threads: CORES
    resources:
        gpu=1,
        mem_mb=16000,
        runtime=60,
    params:
        python=python,
        results=results_folder,
        settings=STUDY.model_dump_json(),
        code=fingerprint(
            "bench.collect",
            "models.vgg",
            *(STUDY.bands.optimizer.modules if STUDY.bands else ()),
        ),
    message:
        "measure how fast this machine trains"
    shell:
        "{params.python} -m landscape bench --results {params.results:q} --settings {params.settings:q}"
        " --threads {threads} &> {log:q}"
