"""Configurations: meant, or refused with the key's name, before any job starts."""

import copy
import json
import math
import random
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, create_model

from landscape.config.study import Study, load_study, validate_study
from landscape.errors import UserError
from landscape.figures.selection import wanted
from landscape.report import captions
from support.artefacts import ROOT, told

CONTENT = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))

MISTAKES = {
    "an unknown key": ("bands: {batchsize: 64}", "bands.batchsize"),
    "a misspelt section": ("optimiser: adam", "optimiser"),
    "a number that is none": ("bands: {width: .nan}", "bands.width"),
    "an infinite rate": ("probe: {learning_rate: .inf}", "probe.learning_rate"),
    "a negative rate": ("bands: {learning_rates: [-1e-3]}", "bands.learning_rates.0"),
    "an empty list": ("bands: {learning_rates: []}", "bands.learning_rates"),
    "a rate twice": ("bands: {learning_rates: [0.001, 1e-3]}", "bands.learning_rates"),
    "a seed twice": ("bands: {seeds: [1, 1]}", "bands.seeds"),
    "a switch for a name": ("bands: {bn: off}", "bands.bn"),
    "a truth for a number": ("bands: {seeds: [on]}", "bands.seeds.0"),
    "a word for a number": ("bands: {epochs: many}", "bands.epochs"),
    "nothing for a section": ("figures:", "figures"),
    "an unknown network": ("bands: {architectures: [vgg_b]}", "bands.architectures.0"),
    "a level without a recipe": (
        "network: {sweeps: {activation: {loud: {architecture: {activation: loud}}}}}",
        "activation",
    ),
}


def laid_over(tmp_path: Path, text: str) -> Study:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    return load_study([ROOT / "config.yaml", path])


@pytest.mark.parametrize("kind", MISTAKES)
def test_f19_a_mistake_is_named_by_its_key(kind, tmp_path):
    text, key = MISTAKES[kind]
    with pytest.raises(UserError) as caught:
        laid_over(tmp_path, text)
    assert key in str(caught.value)
    assert "mine.yaml" in str(caught.value)


def test_f19_what_was_meant_is_accepted(tmp_path):
    """YAML reads 1e-3 as text: it means a number all the same."""
    assert yaml.safe_load("1e-3") == "1e-3"
    assert laid_over(tmp_path, "bands: {learning_rates: [1e-3]}").bands.learning_rates == (0.001,)


def test_f19_control_a_looser_schema_lets_the_misspelt_key_through():
    content = {**CONTENT, "optimiser": "adam"}
    with pytest.raises(UserError, match="optimiser"):
        validate_study(content)
    loose = create_model("Loose", __base__=Study)
    loose.model_config = ConfigDict(**{**Study.model_config, "extra": "ignore"})
    loose.model_rebuild(force=True)
    loose.model_validate(content)


def test_aliases_that_grow_without_end_do_not(tmp_path):
    """A few lines of YAML that stand for billions of values, and one that contains itself."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise("abcdefghi")]
    for text in ("\n".join([*lines, "bands: *i"]), "bands: &b {width: *b}", "split: &s [*s]"):
        with pytest.raises(UserError, match="mine.yaml"):
            laid_over(tmp_path, text)


# --- fuzzing ---

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        [
            0,
            -1,
            1,
            2**31,
            10**30,
            1e308,
            "1e-3",
            "on",
            "vgg_a",
            "adam",
            "../x",
            "{x}",
            "\0",
            "é",
            "",
        ]
    )
)
KEYS = sorted(
    {key for part in (CONTENT, CONTENT["bands"], CONTENT["network"]) for key in part}
    | {"name", "base", "x", "learning_rate", "architecture"}
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=3)
        | st.dictionaries(st.integers() | st.booleans() | st.none(), inner, max_size=2)
    ),
    max_leaves=10,
)


def places(content, at=()):
    """Every path in a tree of dictionaries and lists."""
    if at:
        yield at
    parts = content.items() if isinstance(content, dict) else enumerate(content)
    if isinstance(content, dict | list):
        for key, value in parts:
            yield from places(value, (*at, key)) if isinstance(value, dict | list) else [(*at, key)]


PLACES = sorted(places(CONTENT), key=repr)


def accepted(content) -> bool:
    """Whether a configuration is; refused, it is with a sentence and nothing else."""
    study, said = told(lambda: validate_study(content))
    if said is not None:
        assert said.startswith("the configuration")
        return False
    assert list(study.all_runs)
    assert study.inspected is None or study.inspected.surface_points
    return True


def mutated(place, value, how):
    """The real configuration with one thing changed, left out, or put beside it."""
    content = copy.deepcopy(CONTENT)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    if how == "without":
        del inner[place[-1]]
    elif how == "beside" and isinstance(inner, dict):
        inner[f"{place[-1]}x"] = value
    else:
        inner[place[-1]] = value
    return content


def fuzz(examples, strategy, check):
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    limits = settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=quiet
    )
    limits(given(strategy)(check))()


MUTATIONS = st.tuples(
    st.sampled_from(PLACES), TREES, st.sampled_from(["instead", "without", "beside"])
)


def check_mutation(mutation):
    place, value, how = mutation
    content = mutated(place, value, how)
    if not accepted(content):
        _, said = told(lambda: validate_study(content))
        assert any(key in said for key in place if isinstance(key, str)), (mutation, said)


@pytest.mark.parametrize(
    "examples", [60, *(pytest.param(850, marks=pytest.mark.slow, id=f"850-{n}") for n in range(4))]
)
def test_fuzz_one_change_of_the_real_configuration(examples):
    fuzz(examples, MUTATIONS, check_mutation)


# What a leaf of the real configuration may be changed to, by what it is now: meant, or not.
MEANT = {int: [2, 3, "4"], float: [0.25, 0.5, "1e-2"], bool: [True, False]}
WRONG = {
    # A whole number may be written where any is allowed, so that neither 0.5 nor 10**30 is here.
    int: [-1, "many", True, math.nan, [], {}, [1], {"a": 1}],
    float: [-1.0, "much", False, math.nan, math.inf, [], {}, [0.5], 10**400],
    bool: ["perhaps", 2, 0.5, [], {}, None],
    str: [0, 1.5, True, [], {}, ["x"], "\0", "no such name"],
}
FREE = {"results", "name"}  # texts of one's own; a level's `name` makes it a section of its own


def leaves(content, at=()):
    """Every path to a value that is no section, list or nothing."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        if isinstance(value, dict | list):
            yield from leaves(value, (*at, key))
        elif value is not None:
            yield (*at, key), value


LEAVES = list(leaves(CONTENT))


def changed_leaf(draw: random.Random):
    """A leaf of the configuration, what it is changed to, and whether that can be meant."""
    at, old = draw.choice(LEAVES)
    kind = type(old)
    meant = kind in MEANT and draw.random() < 0.5
    return at, draw.choice((MEANT if meant else WRONG)[kind]), meant


@pytest.mark.parametrize("count", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_fuzz_every_leaf_is_accepted_if_meant_and_refused_by_its_key_if_not(count):
    """Seeded. Of meant values some are refused for a rule between settings; wrong ones always."""
    draw = random.Random(count)
    accepted_ones = 0
    for _ in range(count):
        at, value, meant = changed_leaf(draw)
        content = mutated(at, value, "instead")
        study, said = told(lambda content=content: validate_study(content))
        if study is not None:
            assert meant or at[-1] in FREE, (at, value)
            accepted_ones += 1
            again = validate_study(json.loads(study.model_dump_json()))
            assert again == study, at
            assert again.all_runs == study.all_runs
            assert all(captions.filled(name, study).text for name in wanted(study))
        else:
            assert any(key in said for key in at if isinstance(key, str)), (at, value, said)
    assert accepted_ones > count / 5


@pytest.mark.slow
def test_fuzz_arbitrary_trees():
    def check(tree):
        assert not accepted(tree)

    fuzz(1000, TREES, check)


@pytest.mark.parametrize("examples", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_fuzz_arbitrary_text(examples, tmp_path):
    """Lines of the real file, shuffled, cut, and with foreign characters between them."""
    text = (ROOT / "config.yaml").read_text("utf-8")
    lines = text.splitlines(keepends=True)
    path = tmp_path / "config.yaml"

    def check(seed, inserted):
        draw = random.Random(seed)
        kind = draw.randrange(4)
        if kind == 0:
            broken = text[: draw.randrange(len(text))]
        elif kind == 1:
            place = draw.randrange(len(text))
            broken = text[:place] + inserted + text[place + draw.randrange(3) :]
        elif kind == 2:
            broken = "".join(draw.sample(lines, draw.randrange(len(lines))))
        else:
            broken = inserted
        path.write_text(broken, "utf-8", errors="surrogatepass")
        _, said = told(lambda: load_study([path]))
        assert said is None or "config.yaml" in said

    everything = st.text(max_size=8) | st.sampled_from(
        ["\t", "&a *a", "!!python/none ", "- [", "{", "%", "\0"]
    )
    fuzz(examples, st.tuples(st.integers(0, 2**32), everything), lambda pair: check(*pair))
