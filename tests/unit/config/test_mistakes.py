"""Sentences about wrong settings: one for each mistake, with what was meant."""

import re

import pytest
import yaml

from landscape.config.runs import Run
from landscape.config.study import load_study, parse_settings, validate_study
from landscape.errors import UserError
from support.artefacts import ROOT
from support.runs import RUNS


def refused(tmp_path, text: str) -> list[str]:
    """The mistakes that are named when `text` is laid over config.yaml."""
    (tmp_path / "mine.yaml").write_text(text, "utf-8")
    with pytest.raises(UserError) as caught:
        load_study([ROOT / "config.yaml", tmp_path / "mine.yaml"])
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("bands: {learning_rate: 0.1}", "bands.learning_rate: .*`learning_rates`"),
        ("probes: null", "probes: .*`probe`"),
        ("bands: {optimizer: {momentun: 0.9}}", "bands.optimizer.momentun: .*`momentum`"),
        ("network: {base: {architecture: {filterz: 3}}}", "convnet.filterz: .*`filters`"),
        ("network: {insight: {finals: [], image: 20}}", "network.insight.image: .*`images`"),
        ("network: {finals: {fast: {epoch: 3}}}", "epoch: .*`epochs`"),
        ("bands: {zzz: 1}", "bands.zzz: no such setting; there are architectures, width"),
    ],
)
def test_a_misspelt_key_is_answered_with_the_one_that_was_meant(tmp_path, text, meant):
    said = refused(tmp_path, text)
    assert len(said) == 2 + ("finals: {fast" in text)  # a level's mistakes have a heading
    assert re.search(meant, said[-1]), said


@pytest.mark.parametrize("values", ["learning_rates: [-1]", f"seeds: [{2**31}]", "seeds: [x]"])
def test_a_wrong_item_is_one_mistake(tmp_path, values):
    said = refused(tmp_path, f"bands: {{{values}}}")
    assert len(said) == 2
    assert "at least" not in said[1]


def test_text_that_was_meant_as_nothing_is_told_how_to_say_so():
    content = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    with pytest.raises(UserError, match=r"network: null` in a file, or `--config network=`"):
        validate_study({**content, "network": "null"})


def test_a_section_written_twice_is_refused(tmp_path):
    said = "\n".join(refused(tmp_path, "bands: {epochs: 1}\nprobe: {steps: 9}\nbands: {width: 2}"))
    assert "mine.yaml" in said
    assert "'bands' is written twice" in said
    assert "line 3" in said
    assert "'steps' is written twice" in "\n".join(refused(tmp_path, "probe: {steps: 1, steps: 2}"))


def test_yaml_merges_are_no_repetition(tmp_path):
    text = "bands: &b {width: 0.5}\nprobe: {<<: *b, width: 0.25}\n"
    (tmp_path / "mine.yaml").write_text(text, "utf-8")
    study = load_study([ROOT / "config.yaml", tmp_path / "mine.yaml"])
    assert (study.bands.width, study.probe.width) == (0.5, 0.25)


def test_a_file_s_name_with_an_equals_sign_is_told_what_config_takes():
    with pytest.raises(UserError, match="--config needs a file"):
        load_study([ROOT / "config.yaml", ROOT / "network=null"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("split: {train_images: 60000}", r"split\.train_images: 60,000 .*50,000"),
        (
            "{data: {source: demo}, network: null, split: {train_images: 4000, "
            "validation_images: 1}}",
            r"split\.train_images: 4,000 and 1 for validation .*4,000",
        ),
        ("network: {split: {validation_images: 50000}}", r"network\.split\.validation_images"),
    ],
)
def test_more_images_than_the_source_has_are_refused(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        raise UserError("\n".join(refused(tmp_path, text)))


def test_a_last_batch_of_one_that_batchnorm_cannot_normalize_is_refused(tmp_path):
    """513 images in batches of 64 leave one; 16 pixels end in maps of one pixel."""
    recipe = "batch_size: 64, small_images: {size: %d}"
    text = "network: {split: {train_images: 513}, finals: {fast: {%s}}}"
    said = refused(tmp_path, text % (recipe % 16))
    assert "network/final/fast/seed0: batch_size 64" in "\n".join(said)
    for accepted in (text.replace("513", "514") % (recipe % 16), text % (recipe % 17)):
        (tmp_path / "mine.yaml").write_text(accepted, "utf-8")
        load_study([ROOT / "config.yaml", tmp_path / "mine.yaml"])


def test_settings_of_a_stage_are_checked_like_a_file():
    text = RUNS["bands"].model_dump_json().replace('"seed"', '"sead"')
    with pytest.raises(UserError, match=r"sead: no such setting; did you mean `seed`"):
        parse_settings(Run, text)


def test_a_rule_between_sections_says_its_keys_and_not_the_whole_configuration(tmp_path):
    said = refused(tmp_path, "data: {source: demo}\nsplit: {train_images: 60000}")
    assert said[1:] == ["  split.train_images: 60,000 are more than the 4,000 training images"]
