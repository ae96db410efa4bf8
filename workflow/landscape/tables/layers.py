"""The layers of the final networks: shapes, parameters and operations. They need no training."""

from pathlib import Path

import pandas as pd

from landscape.config.network_study import NetworkStudy
from landscape.measure.layer_costs import layers
from landscape.models import registry as models
from landscape.storage.tables import write_table


def tabulate_structure(study: NetworkStudy, results: Path) -> Path:
    """Write network/layers.csv: `network, layer, kind, output_shape, parameters, flops`."""
    tables = []
    for entry in study.entries():
        if entry.kind == "final":
            table = layers(models.build(entry.recipe.architecture, seed=0))
            table.insert(0, "network", entry.level)
            tables.append(table)
    columns = ["network", "layer", "kind", "output_shape", "parameters", "flops"]
    joined = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    path = results / "network" / "layers.csv"
    write_table(path, joined)
    return path
