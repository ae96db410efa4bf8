# The one stage that may use the network: CIFAR-10 as verified uint8 tensors.
# A wrong path is refused here, before anything is touched or planned for it.
if workflow.is_main_process:
    try:
        require_copy(STUDY.data, Path(FOLDER, "data"))
    except UserError as error:
        raise WorkflowError(str(error))


# A checkpoint, after which it is seen what has to be trained: nothing, if the images are the same.
# What was prepared is updated: a job that fails leaves it as it was, but for the checksums, whose
# absence makes the next run prepare the data again.
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
    """The checksums of images and labels: what a network's training depends on of the data."""
    return checkpoints.dataset.get().output.images
