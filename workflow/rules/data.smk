# The one stage that may use the network: CIFAR-10 as verified uint8 tensors.
# A wrong path is refused here, before any job is planned.
if workflow.is_main_process:
    try:
        require_copy(STUDY.data, Path(FOLDER, "data"))
    except UserError as error:
        raise WorkflowError(str(error))


# A checkpoint, after which Snakemake decides what to train: nothing, if the images are the same. The
# outputs are updated in place: a job that fails leaves them unchanged except for the checksums, and
# without these the next start prepares the data again.
checkpoint dataset:
    output:
        description=update(f"{DATA}/dataset.json"),
        images=f"{DATA}/SHA256SUMS",
        train=update(f"{DATA}/train.safetensors"),
        test=update(f"{DATA}/test.safetensors"),
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
        code=fingerprint("data.sources.registry"),
    message:
        f"prepare the images ({STUDY.data.path or STUDY.data.source})"
    shell:
        "{params.python} -m landscape dataset --results {params.results:q}"
        " --settings {params.settings:q} &> {log:q}"


def prepared_images(wildcards):
    """The checksums of images and labels, the part of the data on which runs depend."""
    return checkpoints.dataset.get().output.images
