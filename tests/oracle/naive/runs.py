"""Every run that a configuration's text asks for, as dictionaries with all of their settings."""

import copy

import yaml

OPTIMIZER = {
    "name": "adam",
    "momentum": 0.0,
    "nesterov": False,
    "weight_decay": 0.0,
    "sharpness_radius": 0.0,
    "vector_momentum": 0.85,
    "newton_schulz_steps": 5,
    "fixed_norm": False,
}
DEFAULTS = {
    "loss": {"name": "cross_entropy", "label_smoothing": 0.0, "focusing": 2.0, "l1": 0.0},
    "augmentation": {"flip": "none", "crop": 0, "cutout": 0, "mixup": 0.0},
    "schedule": {"warmup": 0.0, "decay": "constant", "final": 0.0},
    "small_images": None,
    "average_decay": 0.0,
    "test_time_augmentation": False,
    "lags": [],
    "same_batch_every_steps": None,
    "probe": None,
    "steps": None,
    "epochs": None,
    "tested": True,
}
ARCHITECTURES = {
    "mlp": {"neurons": 512, "hidden_layers": 2, "activation": "relu", "dropout": 0.0},
    "convnet": {
        "filters": 32, "neurons": 128, "normalization": "batch", "activation": "relu",
        "dropout": 0.0, "residual": False,
    },
    "compact": {
        "width": 1.0, "depthwise": True, "squeeze_excitation": True, "residual": True,
        "activation": "silu",
    },
    "fast": {"width": 1.0, "whitening": True, "residual": True, "activation": "gelu"},
    "accurate": {"width": 1.0, "blocks": 2, "activation": "gelu"},
    "speedrun": {},
    "resnet18": {},
}  # fmt: skip
RETRAINED = {  # a network of the mechanism study that is another one under another optimizer
    "vgg_a_bn_fixed_norm": ("vgg_a_bn", {"name": "sgd", "fixed_norm": True}),
}


def read(*paths):
    """Configuration files laid one over the other, mapping by mapping."""
    config = {}
    for path in paths:
        config = over(config, yaml.safe_load(path.read_text("utf-8")))
    return config


def runs(config):
    """{folder: settings} of every run, plain networks left out."""
    found = {}
    for part in (_bands, _probe, _mechanism, _network):
        for run in part(config):
            found[run["folder"]] = run
    return found


def _bands(config):
    study = config["bands"]
    for name in study["architectures"]:
        for rate in study["learning_rates"]:
            for seed in study["seeds"]:
                yield _run(
                    folder=f"bands/{name}/lr{float(rate)}/seed{seed}", study="bands", seed=seed,
                    architecture={"name": name, "width": study["width"]},
                    learning_rate=float(rate), optimizer=study["optimizer"],
                    batch_size=study["batch_size"], epochs=study["epochs"],
                    lags=sorted(study["gradient_lags"]), split=config["split"],
                    same_batch_every_steps=study["same_batch_every_steps"],
                )  # fmt: skip


def _probe(config):
    study = config["probe"]
    for name in study["architectures"]:
        for seed in study["seeds"]:
            yield _run(
                folder=f"probe/{name}/seed{seed}", study="probe", seed=seed,
                architecture={"name": name, "width": study["width"]},
                learning_rate=study["learning_rate"], optimizer=study["optimizer"],
                batch_size=study["batch_size"], steps=study["steps"], lags=[1],
                split=config["split"],
                probe={"every": study["every"], "sizes": study["relative_step_sizes"]},
            )  # fmt: skip


def _mechanism(config):
    study = config["mechanism"]
    for part in (study, study["slower"]) if study else ():
        for network, seeds in part["networks"].items():
            name, optimizer = RETRAINED.get(network, (network, {"name": "sgd"}))
            rate = part["learning_rate"]
            for seed in seeds or ():
                yield _run(
                    folder=f"mechanism/{network}/lr{float(rate)}/seed{seed}", study="mechanism",
                    seed=seed, architecture={"name": name, "width": study["width"]},
                    learning_rate=rate, optimizer=optimizer, batch_size=study["batch_size"],
                    steps=study["steps"], split=config["split"], tested=False,
                )  # fmt: skip


def _network(config, chosen=()):
    """`chosen`: {setting: factor of its learning rate}; a setting's own is in its place."""
    study = config["network"]
    for _, _, name, recipe in trials(study):
        yield _network_run(study, name, recipe, study["tune"]["seed"], tested=False)
    for kind, _, _, name, recipe in entries(study, chosen):
        for seed in study["final_seeds"] if kind == "final" else study["seeds"]:
            yield _network_run(study, name, recipe, seed, tested=kind == "final")


def _network_run(study, name, recipe, seed, tested):
    return _run(
        **recipe, folder=f"network/{name}/seed{seed}", study="network", seed=seed,
        split=study["split"], tested=tested,
    )  # fmt: skip


def network_runs(config, chosen):
    """{folder: settings} of the network study's runs where these factors are chosen."""
    return {run["folder"]: run for run in _network(config, chosen)}


def trials(study):
    """(setting, factor, name, recipe) of everything that is tried; a setting once."""
    if study.get("tune"):
        levels = {e[3]: e[4] for e in entries(study) if e[0] == "sweep"}
        for setting, recipe in levels.items():
            for factor in study["tune"]["factors"]:
                yield setting, factor, *_at(setting, recipe, factor)


def _at(setting, recipe, factor):
    """Where a setting lies at a multiple of its learning rates, and its recipe there."""
    if factor == 1:
        return setting, recipe
    recipe = copy.deepcopy(recipe)
    parts = recipe, recipe["optimizer"]
    for part in parts:
        for key in part:
            if key.endswith("learning_rate"):
                part[key] = float("%.6g" % (part[key] * factor))
    return f"{setting}/lr{recipe['learning_rate']}", recipe


def entries(study, chosen=()):
    """(kind, group, level, name, recipe) of each setting of the network study."""
    for kind, group, level, name, recipe in _entries(study):
        if kind == "sweep" and name in chosen:
            name, recipe = _at(name, recipe, chosen[name])
        yield kind, group, level, name, recipe


def _entries(study):
    base = study["base"]
    whole = {}
    for factor, levels in study["sweeps"].items():
        numbers = levels and all(level.isdecimal() for level in levels)
        for level in sorted(levels or {}, key=int) if numbers else levels or ():
            if levels[level] is not None:
                recipe = _changed(base, levels[level])
                same = _run(**recipe) == _run(**base)
                name = "base" if same else f"sweep/{factor}/{level.replace(' ', '_')}"
                yield "sweep", factor, level, name, recipe
    for final, changes in study["finals"].items():
        if changes is not None:
            whole[final] = _changed(base, changes)
            yield "final", final, final, f"final/{final.replace(' ', '_')}", whole[final]
    for final, without in study["ablations"].items():
        for level, changes in (without or {}).items():
            if changes is not None:
                name = f"ablation/{final.replace(' ', '_')}/{level.replace(' ', '_')}"
                yield "ablation", final, level, name, _changed(whole[final], changes)


def _run(**given):
    run = copy.deepcopy(DEFAULTS)
    for key, value in given.items():
        is_section = isinstance(run.get(key), dict) and isinstance(value, dict)
        run[key] = {**run[key], **value} if is_section else copy.deepcopy(value)
    run["optimizer"] = {**OPTIMIZER, **run["optimizer"]}
    name = run["architecture"]["name"]
    run["architecture"] = {**ARCHITECTURES.get(name, {"width": 1.0}), **run["architecture"]}
    return run


def _changed(base, changes):
    """A section with a `name` replaces the base's, one without is laid over it."""
    merged = copy.deepcopy(base)
    for key, value in changes.items():
        sections = isinstance(value, dict) and isinstance(merged.get(key), dict)
        replaces = not sections or "name" in value
        merged[key] = copy.deepcopy(value) if replaces else _changed(merged[key], value)
    return merged


def over(below, above):
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    merged = dict(below)
    for key, value in above.items():
        merged[key] = over(below.get(key), value)
    return merged
