# Why does batch normalization help optimization? The whole study as one DAG:
# data → a training job per (architecture, learning rate, seed) → tables → figures → report.
from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/bands.smk"
include: "workflow/rules/probe.smk"
include: "workflow/rules/network.smk"
include: "workflow/rules/bench.smk"
include: "workflow/rules/report.smk"


localrules:
    all,
    bands,
    probe,
    network,
    figures,
    bench,


rule all:
    default_target: True
    input:
        REPORT,
        figure_files(),
        [whole_study(study) for study in STUDIES],


rule bands:
    input:
        whole_study("bands"),


rule probe:
    input:
        whole_study("probe"),


rule network:
    input:
        lambda wildcards: [*whole_study("network"), *figure_files("network")],


rule figures:
    input:
        figure_files(),


rule bench:
    input:
        bench_files(),


onstart:
    announce()
