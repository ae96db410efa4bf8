"""Page 1's sentence about the explanations, in a report that is about nothing else."""

from pathlib import Path

from landscape.report.phrases import counted, several
from landscape.storage.tables import read_table


def mechanism_answer(results: Path) -> list[str]:
    """How many of the explanations' predictions hold."""
    verdicts = read_table(results / "mechanism/verdicts.csv")["verdict"]
    held, failed = ((verdicts == word).sum() for word in ("supported", "contradicted"))
    return [
        f"Of the {several(len(verdicts), 'prediction')} that explanations of batch normalization "
        f"make here, {counted(held)} {'is' if held == 1 else 'are'} supported and "
        f"{counted(failed)} {'is' if failed == 1 else 'are'} contradicted."
    ]
