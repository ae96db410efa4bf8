# Figures from tables, and the report from tables and figures.
rule figure:
    input:
        tables=lambda wildcards: figure_tables(wildcards.figure),
        tensors=lambda wildcards: ancient(figure_tensors(wildcards.figure)),
    output:
        png=report(
            f"{RESULTS}/figures/{{figure}}.png",
            caption="../caption.rst",
            category=lambda wildcards: CATEGORIES[FIGURES[wildcards.figure].study],
            subcategory="Figures",
            labels=lambda wildcards: figure_label(wildcards.figure),
        ),
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
    log:
        f"{RESULTS}/logs/figures/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/{{figure}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        python=python,
        results=results_folder,
        settings=STUDY.figures.model_dump_json(),
        caption=lambda wildcards: filled(wildcards.figure, STUDY).text,
        code=lambda wildcards: figure_code(wildcards.figure),
    message:
        "draw {wildcards.figure}"
    shell:
        "{params.python} -m landscape figure {wildcards.figure}"
        " --results {params.results:q} --settings {params.settings:q} &> {log:q}"


# It includes the benchmark if `bench` has been made, and never starts it.
rule report:
    input:
        figures=figure_files(),
        bench=benched_files(),
        tables=[study_tables(study) for study in STUDIES],
        data=f"{DATA}/dataset.json",
    output:
        report(
            REPORT,
            category=CATEGORIES["report"],
            labels={"document": "Question, method, answer and limits, as PDF"},
        ),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        python=python,
        results=results_folder,
        settings=STUDY.model_dump_json(),
        code=fingerprint("report.build"),
        # By content: as inputs they would have this folder's name, and a moved project would be stale.
        templates=[sha256_file(path) for path in TEMPLATES],
    message:
        "typeset the report"
    shell:
        "{params.python} -m landscape report --results {params.results:q} --settings {params.settings:q} &> {log:q}"


# The report for a browser: interactive plots and sortable tables.
rule report_page:
    input:
        figures=figure_files(),
        bench=benched_files(),
        tables=[study_tables(study) for study in STUDIES],
        surface=figure_tables("loss_surface") if "loss_surface" in wanted(STUDY) else [],
        data=f"{DATA}/dataset.json",
    output:
        report(
            PAGE,
            category=CATEGORIES["report"],
            labels={"document": "The same answer, with interactive plots"},
        ),
    log:
        f"{RESULTS}/logs/report_page.log",
    benchmark:
        f"{RESULTS}/benchmarks/report_page.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        python=python,
        results=results_folder,
        settings=STUDY.model_dump_json(),
        code=fingerprint("report.page.build"),
        templates=[sha256_file(path) for path in PAGE_TEMPLATES],
    message:
        "make the page for a browser"
    shell:
        "{params.python} -m landscape report-page --results {params.results:q}"
        " --settings {params.settings:q} &> {log:q}"
