"""config.schema.json: current, and of one mind with the program about the project's own files."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from landscape.config.json_schema import json_schema
from landscape.config.study import load_study
from landscape.errors import UserError
from support.artefacts import ROOT

CONFIG = ROOT / "config.yaml"
OVERLAYS = sorted([*ROOT.glob("studies/*.yaml"), *ROOT.glob("profiles/*/study.yaml")])
SCHEMA = ROOT / "config.schema.json"


def mistakes(content):
    schema = json.loads(SCHEMA.read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(content)]


def test_the_committed_file_is_current():
    """If not: python -m landscape schema > config.schema.json"""
    assert json.loads(SCHEMA.read_text("utf-8")) == json_schema()


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", [CONFIG, *OVERLAYS], ids=lambda path: str(path.relative_to(ROOT)))
def test_the_project_s_own_settings_satisfy_it_and_name_it(path):
    text = path.read_text("utf-8")
    assert mistakes(yaml.safe_load(text)) == []
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named, "an editor finds the schema by the first line"
    assert (path.parent / named[1]).resolve() == SCHEMA


def test_there_are_overlays_to_check():
    assert {"demo", "laptop", "small"} <= {
        path.stem if path.parent.name == "studies" else path.parent.name for path in OVERLAYS
    }


WRONG = {
    "a misspelt key": {"bands": {"learning_rate": 0.1}},
    "a negative rate": {"bands": {"learning_rates": [-0.1]}},
    "no rate": {"bands": {"learning_rates": []}},
    "a rate that is a text": {"probe": {"learning_rate": "fast"}},
    "an unknown architecture": {"bands": {"architectures": ["vgg_b"]}},
    "a share above 1": {"network": {"base": {"average_decay": 1.5}}},
    "a factor that no figure draws": {"network": {"sweeps": {"colour": {"red": {}}}}},
    "a misspelt key of a level": {"network": {"sweeps": {"loss": {"focal": {"los": {}}}}}},
    "a misspelt key of a final": {"network": {"finals": {"fast": {"epoch": 3}}}},
    "a setting of another architecture": {
        "network": {"base": {"architecture": {"name": "mlp", "filters": 3}}}
    },
    "a name with a slash": {"network": {"ablations": {"fast": {"a/b": {}}}}},
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_what_the_program_refuses_an_editor_marks(content, tmp_path):
    assert mistakes(content)
    overlay = Path(tmp_path / "wrong.yaml")
    overlay.write_text(yaml.safe_dump(content), "utf-8")
    with pytest.raises(UserError):
        load_study([CONFIG, overlay])


PARTS = {
    "a section left out": {"network": None},
    "all sweeps left out": {"network": {"sweeps": None}},
    "a factor left out": {"network": {"sweeps": {"loss": None}}},
    "a level left out": {"network": {"sweeps": {"loss": {"focal": None}}}},
    "a part of an architecture": {"network": {"base": {"architecture": {"filters": 4}}}},
    "an ablation left out": {"network": {"ablations": {"fast": {"no residual": None}}}},
}


@pytest.mark.parametrize("content", PARTS.values(), ids=PARTS)
def test_a_part_of_the_settings_is_enough(content, tmp_path):
    assert mistakes(content) == []
    overlay = Path(tmp_path / "part.yaml")
    overlay.write_text(yaml.safe_dump(content), "utf-8")
    load_study([CONFIG, overlay])
