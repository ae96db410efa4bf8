"""Page 1's sentence about the best network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landscape.notation.numbers import percent
from landscape.report.network_study.phrases import Images, called
from landscape.storage.tables import read_table
from landscape.tables.rows import outcomes


def network_answer(results: Path, dataset: Mapping[str, Any]) -> list[str]:
    """The most accurate final network, or the reason why there is none."""
    rows = outcomes(read_table(results / "network/summary.csv", {"run", "kind", "level"}))
    finals = [o for o in rows if o.kind == "final"]
    tested = [o for o in finals if o.has("test_accuracy")]
    if not finals:
        return ["No final network was trained, so none is best."]
    if not tested:
        return ["Every run of the final networks diverged, so none is best."]
    images = Images(int(dataset["test_images"]), 0, len(dataset["class_names"]))
    learned = [o for o in tested if not images.at_chance(o, "test_accuracy")]
    if not learned:
        return ["No final network learned: all are at chance."]
    best = max(learned, key=lambda o: o.known("test_accuracy"))
    accuracy = percent(best.known("test_accuracy"), images.test)
    if len(tested) == 1:
        return [
            f"The final network, “{called(best)}”, classifies {accuracy} of the test images "
            "correctly."
        ]
    surely = "" if best.seeds > 1 else ", with one seed,"
    return [
        f"The most accurate final network{surely} is “{called(best)}”: it classifies {accuracy} of "
        "the test images correctly."
    ]
