# Results copied without dates and without Snakemake's records. `snakemake --touch` only sets their
# dates, so they are checked by content here first.
def require_content():
    """Check files, settings and code of data and runs; an error if they differ."""
    from landscape.data import dataset
    from landscape.provenance.up_to_date import is_done
    from landscape.storage.files import read_json, require_recorded
    from landscape.tables.tuning import chosen_rates

    data = Path(FOLDER, "data")
    try:
        for part in ("train", "test"):
            dataset.load(data, part)
        images = dataset.describe(data)["sha256"]
        jobs = list(workflow.dag.jobs)
        runs = [job.wildcards.run for job in jobs if job.rule.name in TRAINING]
        if any(job.rule.name == "tune" for job in jobs):
            # The runs at chosen learning rates are known only after this check.
            runs += STUDY.network.run_ids(chosen_rates(STUDY.network, Path(FOLDER)))
        for run in map(RUNS.get, dict.fromkeys(runs)):
            record = Path(FOLDER, run.id, "run.json")
            if not is_done(run, Path(FOLDER)):
                raise UserError(f"{record}: has other settings or code than this study")
            content = read_json(record)
            if content["data"] != images:
                raise UserError(f"{record}: has other images than {data}/dataset.json")
            for name in content.get("files", {}):
                require_recorded(record.with_name(name), content)
    except UserError as error:
        refuse(f"nothing was adopted: {error}")
