"""Every sentence that compares turns where the two sides change places."""

import re

import pandas as pd
import pytest

from landscape.config.study import load_study
from landscape.report.batchnorm.course import narrower_from
from landscape.report.network_study import factors, finals
from landscape.report.network_study.phrases import Images
from landscape.storage.tables import read_table
from landscape.tables.network_study import aggregate_network
from landscape.tables.rows import outcomes
from support import synthetic_network
from support import synthetic_tables as synthetic
from support.artefacts import ROOT
from support.report import made

OPPOSITE = {"smaller": "larger", "lower": "higher", "worse": "better", "narrower": "wider"}
OPPOSITE |= {word: other for other, word in OPPOSITE.items()}
WORDS = re.compile(rf"\b({'|'.join(OPPOSITE)})\b")
NETWORK = load_study([ROOT / "config.yaml"]).network
IMAGES = Images(test=10_000, validation=1000, classes=10)
MEANS = {**synthetic.BANDS_SUMMARY, **synthetic.PROBE_SUMMARY}


def sentences(content):
    """Every sentence of a report's content."""
    if isinstance(content, str):
        yield from re.split(r"(?<=[.;])\s+(?=[A-Zβ])", content)
    elif isinstance(content, dict | list | tuple):
        for part in content.values() if isinstance(content, dict) else content:
            yield from sentences(part)


def comparing(folder, means):
    """Those that say by a word how the second network is to the first, numbers left out."""
    _, content = made(folder, **means)
    found = [
        re.sub(r"\d[\d.,]*", "#", sentence)
        for sentence in sentences(content)
        if WORDS.search(sentence) and re.search("for VGG-A|than VGG-A|compared with", sentence)
    ]
    return sorted(found)


def test_swapping_the_two_networks_numbers_turns_every_comparison(tmp_path):
    plain = comparing(tmp_path / "one", MEANS)
    turned = comparing(tmp_path / "two", {name: pair[::-1] for name, pair in MEANS.items()})
    assert len(plain) >= 8
    assert len({word for sentence in plain for word in WORDS.findall(sentence)}) >= 4
    expected = [WORDS.sub(lambda word: OPPOSITE[word[1]], sentence) for sentence in plain]
    assert turned == sorted(expected)


@pytest.mark.parametrize("second_wide", [True, False])
def test_the_narrower_band_is_the_second_network_s(second_wide):
    """At steps 2 and 3 the one network's band has a width of 1 and the other's of 2."""
    widths = {"vgg_a": 1.0, "vgg_a_bn": 2.0} if second_wide else {"vgg_a": 2.0, "vgg_a_bn": 1.0}
    rows = [
        {"arch": arch, "seed": 0, "measure": "loss", "step": step, "minimum": 0.0, "runs": 2}
        | {"maximum": width if step > 1 else 3 - width}
        for arch, width in widths.items()
        for step in range(4)
    ]
    table = pd.DataFrame(rows)
    wide, narrow = sorted(widths, key=widths.get, reverse=True)
    assert narrower_from(table, "loss", wide, narrow) == 2
    assert narrower_from(table, "loss", narrow, wide) is None


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    synthetic_network.write_runs(folder, NETWORK)
    aggregate_network(NETWORK, folder)
    return {name: read_table(folder / f"network/{name}.csv") for name in ("summary", "comparisons")}


SIDES = ("better", "worse")
NAMES = ("group", "level", "run", "family", "kind")


def exchanged(summary, one, other):
    """The table in which two rows have each other's numbers."""
    table = summary.copy()
    numbers = [name for name in summary if name not in NAMES]
    first, second = (table.index[chosen][0] for chosen in (one, other))
    table.loc[first, numbers] = summary.loc[second, numbers].to_numpy()
    table.loc[second, numbers] = summary.loc[first, numbers].to_numpy()
    return table.astype(summary.dtypes.to_dict())


def switched(text, one, other):
    return text.replace(one, "\0").replace(other, one).replace("\0", other)


@pytest.mark.parametrize("pair", [("accurate", "compact"), ("narrow", "compact")])
def test_two_final_networks_change_places_in_what_is_said_of_the_best(tables, pair):
    summary = tables["summary"]
    final = summary["kind"] == "final"
    table = exchanged(summary, *(final & (summary["level"] == name) for name in pair))
    before = finals.finals_paragraph(outcomes(summary), IMAGES)
    after = finals.finals_paragraph(outcomes(table), IMAGES)
    assert any(f"“{name}”" in before for name in pair)
    assert before != after
    assert after == switched(before, *(f"“{name}”" for name in pair))


def test_two_levels_change_places_in_what_is_better_and_worse(tables):
    summary = tables["summary"]
    of = {
        name: (summary["group"] == "filters") & (summary["level"] == name) for name in ("16", "64")
    }

    def effects(table):
        rows = [o for o in outcomes(table) if o.group == "filters"]
        found = factors.effects(rows, IMAGES)
        return {side: [name.rstrip(factors.SURVIVES) for name in found[side]] for side in SIDES}

    before, after = effects(summary), effects(exchanged(summary, *of.values()))
    assert (before["better"], before["worse"]) == (["64"], ["16"])
    assert (after["better"], after["worse"]) == (["16"], ["64"])


def test_a_difference_against_a_published_design_turns_with_its_sign(tables):
    rows, pairs = outcomes(tables["summary"]), tables["comparisons"]
    table = pairs.assign(difference=-pairs["difference"], low=-pairs["high"], high=-pairs["low"])
    said = [finals.against_table(rows, found, IMAGES)["body"] for found in (pairs, table)]
    words = [[cell.partition("\n")[0] for row in body for cell in row[1:3]] for body in said]
    assert {"better", "worse"} & set(words[0])
    assert words[1] == [OPPOSITE.get(word, word) for word in words[0]]
