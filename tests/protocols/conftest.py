"""Tables of docs/results/protocols: compared with what is measured here, or written anew."""

from collections.abc import Callable, Sequence

import pandas as pd
import pytest

from support.artefacts import ROOT

PUBLISHED = ROOT / "docs/results/protocols"
Compare = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write", action="store_true", help=f"write the tables of {PUBLISHED}")


@pytest.fixture(scope="session")
def published(request: pytest.FixtureRequest) -> Compare:
    """`compare(name, table, named, steps)`: the columns `named` equal those of the published table,
    and at the first `steps` steps all the others do, to one per cent.

    Later ones need not: descent at the edge of stability takes rounding, which differs between
    machines, to per cents within some tens of steps.
    """

    def compare(name: str, table: pd.DataFrame, named: Sequence[str], steps: int = 0) -> None:
        path = PUBLISHED / f"{name}.csv"
        if request.config.getoption("--write"):
            table.to_csv(path, index=False, float_format="%.6g")
            return
        expected = pd.read_csv(path)
        assert list(table) == list(expected)
        early = table["step"].lt(steps) if steps else pd.Series(False, table.index)
        for rows, columns in ((early | True, list(named)), (early, list(table))):
            found, there = (part.loc[rows, columns] for part in (table, expected))
            pd.testing.assert_frame_equal(found, there, rtol=0.01, check_dtype=False)

    return compare
