"""From the kept weights of a run to its mechanism.parquet: every quantity at every moment.

Hessians are computed on the curvature batch, one fixed, class-balanced batch of training images,
with that batch's statistics. Other quantities are measured on mini-batches of the run from that
moment on.

Quantities that cost few gradients are measured at every moment, sharpness and noise not between the
first moment and step 100. `in_depth` adds quantities of a few runs at three moments: the first, an
early one (the first from step 100 on) and the last.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
import torch
from torch.nn.functional import cross_entropy

from landscape.config.mechanism import InDepth, Look, network_of
from landscape.data import dataset
from landscape.data.batches import Batches
from landscape.errors import UserError
from landscape.measure.covariate_shift import covariate_shift
from landscape.measure.elementary import use_elementary_norms
from landscape.measure.gradient import loss_and_gradient
from landscape.measure.gradient_bound import gradient_bound
from landscape.measure.gradient_noise import gradient_noise
from landscape.measure.hessian import Hessian, Product
from landscape.measure.lanczos import extremes
from landscape.measure.scale_free import (
    block_sharpness,
    blocks,
    in_units,
    metric,
    scale_free_beta,
)
from landscape.measure.sharpness import batch_sharpness, curvature_along, sharpness
from landscape.measure.signal import signal
from landscape.measure.spectrum import spectrum
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters
from landscape.models.network import Network
from landscape.models.normalization import scale_free_layers
from landscape.provenance.fingerprint import fingerprint
from landscape.runtime import device as devices
from landscape.runtime.randomness import generator
from landscape.storage.files import read_json, require_recorded
from landscape.storage.tables import write_tables
from landscape.training import checkpoint

Batch = tuple[torch.Tensor, torch.Tensor]
Row = dict[str, Any]
IMAGES_SEED = 0  # of the choice of the curvature batch
SHARPNESS_BATCHES = 4  # mini-batches over which their sharpness is averaged
TOLERANCE = 0.05  # residual of a single eigenvalue, relative to it; its error is of second order
RELATIVE_STEPS = (1.0, 0.0625)  # of the scale-free probe, times the learning rate
EARLY = 100  # the step from which on sharpness is followed
ROWS = ["arch", "learning_rate", "seed", "step", "loss", "quantity", "layer", "value"]
NODES = ["arch", "learning_rate", "seed", "step", "statistics", "probe", "size", "node", "weight"]


def collect(look: Look, results: Path, threads: int | None = None) -> list[Path]:
    """Write mechanism.parquet and spectrum.parquet of one run; a kill loses at most one moment."""
    run = look.run
    device = devices.resolve(run.device)
    devices.prepare(device, "float32", threads)
    folder = results / run.id
    subject = Subject(look, results, device)
    saved = folder / "mechanism.state"
    identity = {
        "look": look.model_dump(mode="json"),
        "code": fingerprint("insight.mechanism", run.architecture.module),
        "weights": read_json(folder / "run.json")["files"]["snapshots.safetensors"],
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": devices.name(device),
    }
    done = checkpoint.load(saved, identity, device) or {"steps": [], "rows": [], "nodes": []}
    for step in subject.moments:
        if step in done["steps"]:
            continue
        with devices.measuring_precision(device):
            done["rows"] += subject.rows(step)
            done["nodes"] += subject.nodes(step)
        done["steps"].append(step)
        checkpoint.save(saved, done, identity)
        print(f"{run.id}: looked at step {step}", flush=True)
    rows, nodes = (
        pd.DataFrame(done["rows"], columns=ROWS),
        pd.DataFrame(done["nodes"], columns=NODES),
    )
    paths = write_tables(folder, {"mechanism.parquet": rows, "spectrum.parquet": nodes})
    checkpoint.delete(saved)
    return paths


class Subject:
    """A run's network at the moment that was loaded last, and the images to inspect it with."""

    def __init__(self, look: Look, results: Path, device: torch.device):
        self.look, self.run = look, look.run
        run = look.run
        self.network = network_of(str(run.name))
        folder = results / run.id
        facts = read_json(folder / "run.json")
        path = folder / "snapshots.safetensors"
        require_recorded(path, facts)
        self.kept = safetensors.torch.load_file(path)
        last = math.inf if facts["diverged_at_step"] is None else facts["diverged_at_step"]
        self.moments = [step for step in run.moments if step < last]
        self.deep = deep(self.moments)
        self.dear = self.deep | {step for step in self.moments if step >= EARLY}
        self.model: Network = models.build(run.architecture, run.seed).to(device).train()
        use_elementary_norms(self.model)
        self.flat = FlatParameters(self.model)
        images, _ = dataset.split(dataset.load(results / "data", "train"), run.split)
        self.batches = Batches(images, run.batch_size, run.seed, device)
        key, count = "mechanism.curvature_images", look.curvature_images
        chosen = images[dataset.class_balanced(images.labels, count, IMAGES_SEED, key)]
        self.inputs, self.labels = Batches(chosen, count, device=device).batch(0)

    def rows(self, step: int) -> list[Row]:
        """Every quantity at this moment, one row each; a quantity without a value has none."""
        self._load(step)
        hessian = Hessian(self.model, self.flat, self.inputs, self.labels, cross_entropy)
        loss = float(hessian.loss)
        return [
            {
                **self._names(step),
                "loss": loss,
                "quantity": quantity,
                "layer": layer,
                "value": value,
            }
            for layer, quantity, value in self._quantities(step, hessian)
            if math.isfinite(value)
        ]

    def nodes(self, step: int) -> list[Row]:
        """The spectral density at the start, early and at the end, there with population statistics
        too, if the network has them.
        """
        settings = self.look.in_depth
        if settings is None or step not in self.deep:
            return []
        found = self._spectrum(step, "batch", settings)
        if step == self.moments[-1] and any("running" in name for name in self.kept):
            found += self._spectrum(step, "population", settings)
        return found

    def _quantities(self, step: int, hessian: Hessian) -> Iterator[tuple[str, str, float]]:
        """(layer or "", quantity, value)."""
        rate, here = self.run.learning_rate, (self.model, self.flat)
        batches = [self.batches.batch(step + k) for k in range(self.look.noise_batches)]
        steepest, gradients = batch_sharpness(*here, batches[:SHARPNESS_BATCHES], cross_entropy)
        whole = {
            "two_over_lr": 2 / rate,
            "kappa": curvature_along(hessian, hessian.gradient),
            "batch_sharpness": steepest,
        }
        steps = [relative * rate for relative in RELATIVE_STEPS]
        betas = scale_free_beta(*here, *batches[0], cross_entropy, steps)
        for relative, beta in zip(RELATIVE_STEPS, betas, strict=True):
            whole[f"scale_free_beta_{relative:g}"] = beta
        by_layer = [
            blocks(*here, hessian.gradient, rate),
            covariate_shift(*here, *batches[0], cross_entropy, rate),
            _summed_up(gradient_bound(*here, *batches[0], cross_entropy)),
        ]
        if step == 0:
            by_layer.append(signal(*here, self.inputs, self.labels, cross_entropy))
        if step in self.dear:
            more = self.look.in_depth is not None and step in self.deep
            whole |= sharpness(hessian, self._start("lanczos", step), more)
            gradients += [self._gradient(batch) for batch in batches[SHARPNESS_BATCHES:]]
            whole |= gradient_noise(gradients)
            if more:
                whole |= self._further(step, hessian, batches[0])
                drawn = generator(self.run.seed, "blocks", step)
                by_layer.append(block_sharpness(*here, hessian, drawn, TOLERANCE))
        yield from (("", name, value) for name, value in whole.items())
        for found in by_layer:
            for layer, values in found.items():
                yield from ((layer, name, value) for name, value in values.items())

    def _further(self, step: int, hessian: Hessian, batch: Batch) -> dict[str, float]:
        """λ_max of a mini-batch's Hessian; the curvature batch's in scale-free coordinates."""
        products: dict[str, Product] = {
            "batch_lambda_max": Hessian(self.model, self.flat, *batch, cross_entropy)
        }
        if scale_free_layers(self.model):
            products["scaled_lambda_1"] = in_units(hessian, metric(self.model, self.flat))
        return {
            name: extremes(product, self._start(name, step), tolerance=TOLERANCE).largest[0]
            for name, product in products.items()
        }

    def _gradient(self, batch: Batch) -> torch.Tensor:
        point = self.flat.vector.detach()
        return loss_and_gradient(self.model, self.flat, point, *batch, cross_entropy)[1]

    def _start(self, name: str, step: int) -> torch.Tensor:
        """A random vector with which a Krylov space starts."""
        drawn = generator(self.run.seed, name, step)
        return torch.randn(self.flat.vector.shape, generator=drawn).to(self.flat.vector)

    def _spectrum(self, step: int, statistics: str, settings: InDepth) -> list[Row]:
        self._load(step)
        self.model.train(statistics == "batch")
        hessian = Hessian(self.model, self.flat, self.inputs, self.labels, cross_entropy)
        self.model.train()
        drawn = generator(self.run.seed, "spectrum", step)
        found = spectrum(hessian, self.flat.vector, settings.probes, settings.steps, drawn)
        return [
            {
                **self._names(step),
                "statistics": statistics,
                "probe": probe,
                "size": found.size,
                "node": float(node),
                "weight": float(weight),
            }
            for probe in range(settings.probes)
            for node, weight in zip(found.nodes[probe], found.weights[probe], strict=True)
            if weight > 0
        ]

    def _load(self, step: int) -> None:
        start = f"{step}/"
        state = {k.removeprefix(start): v for k, v in self.kept.items() if k.startswith(start)}
        if not state:
            raise UserError(
                f"{self.run.id}: its weights at step {step} were not kept; train it again"
            )
        self.model.load_state_dict(state)

    def _names(self, step: int) -> Row:
        rate, seed = self.run.learning_rate, self.run.seed
        return {"arch": self.network, "learning_rate": rate, "seed": seed, "step": step}


def deep(moments: Sequence[int]) -> set[int]:
    """The moments that are looked at in depth: the first, the first from `EARLY` on, the last."""
    return {moments[0], *[step for step in moments if step >= EARLY][:1], moments[-1]}


def _summed_up(sides: dict[str, dict[str, torch.Tensor]]) -> dict[str, dict[str, float]]:
    """Over a layer's channels: the extremes of left/right, medians of the bound's terms.

    Channels that no gradient reaches are left out.
    """
    found = {}
    for layer, values in sides.items():
        reached = values["right"] > 0
        if not reached.any():
            continue
        ratio = (values["left"] / values["right"])[reached]
        parts = ("amplification", "mean_share", "scale_share")
        found[layer] = {
            "bound_ratio_lowest": float(ratio.min()),
            "bound_ratio_highest": float(ratio.max()),
            **{name: float(values[name][reached].median()) for name in parts},
        }
    return found
