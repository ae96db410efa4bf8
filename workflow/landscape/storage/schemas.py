"""Columns required of the tables in a results folder, so that an error names a table without them.

Keys are the last two parts of a path; other columns are allowed. All except `TEXT` are numbers.
"""

_BANDS = "arch seed measure step minimum maximum runs"
_RUNS = "seed status steps batch_size parameters test_accuracy train_seconds device precision"
_EPOCHS = "seed epoch train_loss train_accuracy validation_accuracy seconds"

COLUMNS: dict[str, set[str]] = {
    name: set(columns.split())
    for name, columns in {
        "bands/bands.parquet": _BANDS,
        "bands/epochs.csv": f"arch learning_rate {_EPOCHS}",
        "bands/runs.csv": f"arch learning_rate {_RUNS}",
        "bands/summary.csv": "measure seeds",
        "probe/bands.parquet": _BANDS,
        "probe/probe.parquet": (
            "arch seed step step_size relative_step_size loss loss_at_origin gradient_norm "
            "gradient_distance gradient_cosine beta"
        ),
        "probe/runs.csv": f"arch learning_rate {_RUNS}",
        "probe/summary.csv": "measure seeds",
        "mechanism/mechanism.parquet": ("arch learning_rate seed step loss quantity layer value"),
        "mechanism/spectrum.parquet": (
            "arch learning_rate seed step statistics probe size node weight"
        ),
        "mechanism/losses.parquet": "arch learning_rate seed step loss",
        "mechanism/range.csv": "arch learning_rate seed status final_loss trained",
        "mechanism/verdicts.csv": (
            "key explanation quantity first relation second value_first value_second "
            "diverged_first diverged_second ratio ratio_low ratio_high seeds verdict "
            "equal_loss_ratio equal_loss_ratio_low equal_loss_ratio_high equal_loss_seeds "
            "equal_loss_verdict source"
        ),
        "mechanism/summary.csv": "quantity arch seed value diverged",
        "mechanism/equal_loss.csv": "arch learning_rate seed quantity loss step value",
        "mechanism/runs.csv": "arch learning_rate seed name status device precision",
        "network/runs.csv": f"run name family {_RUNS}",
        "network/epochs.csv": f"run name family {_EPOCHS}",
        "network/tuning.csv": (
            "setting factor learning_rate run seed status validation_accuracy chosen"
        ),
        "network/summary.csv": "run kind group level family seeds diverged parameters",
        "network/comparisons.csv": "measure first second difference ratio pairs",
        "network/layers.csv": "network layer kind output_shape parameters flops",
    }.items()
}
TEXT = {
    *("arch", "measure", "status", "device", "precision", "run", "name", "family", "kind"),
    *("group", "level", "first", "second", "network", "layer", "output_shape"),
    *("quantity", "statistics", "key", "explanation", "relation", "verdict", "source"),
    *("equal_loss_verdict", "setting"),
}
