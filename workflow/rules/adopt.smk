# Results copied without dates and without Snakemake's records: `snakemake --touch` makes them up to
# date by their dates alone, so here they are checked by content first.
def require_content():
    """Data and runs of the files, settings and code that they should have, or else an error."""
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
            # Those of the chosen learning rates are asked for only after this check.
            runs += STUDY.network.run_ids(chosen_rates(STUDY.network, Path(FOLDER)))
        for run in map(RUNS.get, dict.fromkeys(runs)):
            record = Path(FOLDER, run.id, "run.json")
            if not is_done(run, Path(FOLDER)):
                raise UserError(f"{record}: not of these settings and this code")
            content = read_json(record)
            if content["data"] != images:
                raise UserError(f"{record}: of other images than {data}/dataset.json")
            for name in content.get("files", {}):
                require_recorded(record.with_name(name), content)
    except UserError as error:
        refuse(f"nothing was adopted: {error}")
