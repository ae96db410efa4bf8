# Results copied without dates and without Snakemake's records: `snakemake --touch` makes them up to
# date by their dates alone, so here they are checked by content first.
def require_content():
    """Data and runs of the files, settings and code that they should have, or else an error."""
    from landscape.data import dataset
    from landscape.provenance.up_to_date import is_done
    from landscape.storage.files import read_json, require_recorded

    data = Path(FOLDER, "data")
    try:
        for part in ("train", "test"):
            dataset.load(data, part)
        images = dataset.describe(data)["sha256"]
        for job in workflow.dag.jobs:
            if job.rule.name not in TRAINING:
                continue
            run = RUNS[job.wildcards.run]
            record = Path(FOLDER, run.id, "run.json")
            if not is_done(run, Path(FOLDER)):
                raise UserError(f"{record}: not of these settings and this code")
            content = read_json(record)
            if content["data"] != images:
                raise UserError(f"{record}: of other images than {data}/dataset.json")
            for file in job.output:
                require_recorded(Path(file), content)
    except UserError as error:
        refuse(f"nothing was adopted: {error}")
