# The tables of each study, from its runs.
for study in STUDIES:

    rule:
        name:
            f"aggregate_{study}"
        input:
            run_files(study),
        output:
            [listed(table) for table in aggregated(study)],
        log:
            f"{RESULTS}/logs/aggregate_{study}.log",
        benchmark:
            f"{RESULTS}/benchmarks/aggregate_{study}.tsv"
        conda:
            ENVIRONMENT
        resources:
            mem_mb=4000,
            runtime=30,
        params:
            python=python,
            results=results_folder,
            study=study,
            settings=study_settings(study),
            code=fingerprint(TABLE_CODE[study]),
        message:
            f"tabulate the runs of {study}"
        shell:
            "{params.python} -m landscape aggregate {params.study}"
            " --results {params.results:q} --settings {params.settings:q} &> {log:q}"
