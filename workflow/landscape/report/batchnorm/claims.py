"""The claims about the second network that page 1 judges."""

from collections.abc import Mapping
from dataclasses import dataclass

from landscape.report.verdicts import (
    UNDECIDED,
    Decision,
    Direction,
    Verdict,
    decide,
    on_claim,
)
from landscape.tables.rows import Row

Tables = Mapping[str, Mapping[str, Row]]  # study → measure → row


@dataclass(frozen=True)
class Claim:
    """The claim that the second network's `measure` is `expected`, compared with the first's.

    `said` is page 1's sentence; the outcome chooses `less` or `more` for its {word}. `section`
    names the question with the details. A claim about the landscape means nothing if a network did
    not learn.
    """

    study: str
    measure: str
    expected: Direction
    text: str
    section: str
    said: str = ""
    less: str = "less"
    more: str = "more"
    landscape: bool = True


CLAIMS = (
    Claim(
        "bands",
        "test_accuracy_best",
        "larger",
        "reaches a higher test accuracy",
        "learning",
        landscape=False,
    ),
    Claim(
        "bands",
        "final_train_loss_lowest",
        "smaller",
        "reaches a lower training loss",
        "learning",
        landscape=False,
    ),
    Claim(
        "bands",
        "loss_band_width",
        "smaller",
        "depends less on the learning rate (band)",
        "band",
        "the loss of {second} depends {word} on the learning rate: its band is {ratio} times as "
        "wide as that of {first}",
        landscape=False,
    ),
    Claim(
        "probe",
        "loss_range_mean",
        "smaller",
        "has a smaller range of the loss along the gradient",
        "gradient",
        "along the gradient, the loss of {second} varies {word}: {ratio} times as much as that of "
        "{first}",
    ),
    Claim(
        "probe",
        "gradient_distance_mean",
        "smaller",
        "has a gradient that changes less over a step",
        "gradient",
        "the gradient of {second} changes {word} over a step: {ratio} times as much as that of "
        "{first}",
    ),
    Claim(
        "probe",
        "cosine_distance_mean",
        "smaller",
        "has a gradient that turns less over a step",
        "gradient",
        "the gradient of {second} turns {word} over a step: 1 − cosine is {ratio} times that of "
        "{first}",
    ),
    Claim(
        "probe",
        "beta_maximum_mean",
        "smaller",
        "has a lower effective β",
        "beta",
        "the effective β of {second} is {word}: {ratio} times that of {first}",
        "lower",
        "higher",
    ),
    Claim(
        "probe",
        "loss_range_first",
        "smaller",
        "has a smaller range of the loss at step 0",
        "course",
        "before any training, the loss of {second} varies {word} along the gradient: {ratio} times "
        "as much",
    ),
)


@dataclass(frozen=True)
class Judged:
    claim: Claim
    row: Row
    decision: Decision
    verdict: Verdict


def judged(tables: Tables, images: int, learned: Mapping[str, bool]) -> list[Judged]:
    """Every claim whose measure two architectures have; `learned`: study → whether both learned."""
    found = []
    for claim in CLAIMS:
        row = tables.get(claim.study, {}).get(claim.measure)
        if row is None or len(row.values) < 2:
            continue
        decision = decide(row, images)
        if claim.landscape and not learned[claim.study] and decision.decided:
            decision, verdict = Decision("undecided"), UNDECIDED
        else:
            verdict = on_claim(decision, claim.expected)
        found.append(Judged(claim, row, decision, verdict))
    return found
