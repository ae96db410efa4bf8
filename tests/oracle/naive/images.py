"""The prepared images of a results folder, and what a batch of them looks like."""

import math

import torch
from safetensors.torch import load_file

from oracle.naive.chance import generator, order, split


class Images:
    """Those that a run trains on, those held out, and those it is tested on."""

    def __init__(self, results, settings):
        train, test = (
            load_file(results / f"data/{part}.safetensors") for part in ("train", "test")
        )
        chosen, held_out = split(train["labels"].tolist(), settings)
        self.train = train["pixels"][chosen], train["labels"][chosen]
        self.validation = train["pixels"][held_out], train["labels"][held_out]
        self.test = test["pixels"], test["labels"]


def inputs_of(pixels):
    """Pixels 0…255 → float64 inputs from -1 to 1, in the layout that the workflow computes with."""
    inputs = (pixels.float() / 255 - 0.5) / 0.5
    return inputs.double().contiguous(memory_format=torch.channels_last)


def batches_per_epoch(run, count):
    return math.ceil(count / run["batch_size"])


def chosen(run, step, count):
    """(epoch from 0, which images are in the batch of this step)."""
    epoch, place = divmod(step, batches_per_epoch(run, count))
    size = run["batch_size"]
    return epoch, order(run["seed"], epoch, count)[place * size : (place + 1) * size]


def batch(run, images, step):
    """(inputs, labels or probabilities) of a step, augmented as the run says."""
    pixels, labels = images.train
    epoch, members = chosen(run, step, len(labels))
    settings, seed = run["augmentation"], run["seed"]
    draws = _draws(settings, seed, epoch, len(labels))
    inputs = inputs_of(torch.stack([_changed(pixels[k], settings, draws, k) for k in members]))
    targets = labels[members]
    if settings["mixup"]:
        share = _beta(settings["mixup"], generator(seed, "mixup", step))
        one_hot = torch.eye(10, dtype=torch.float64)[targets]
        inputs = share * inputs + (1 - share) * inputs.flip(0)
        targets = share * one_hot + (1 - share) * one_hot.flip(0)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    return inputs, targets


def _draws(settings, seed, epoch, count):
    crop = settings["crop"]
    if settings["flip"] == "random":
        flips = torch.rand(count, generator=generator(seed, "flip", epoch)) < 0.5
    elif settings["flip"] == "alternating":
        first = torch.rand(count, generator=generator(seed, "flip", 0)) < 0.5
        flips = first if epoch % 2 == 0 else ~first
    else:
        flips = torch.zeros(count, dtype=torch.bool)
    shifts = torch.randint(0, 2 * crop + 1, (count, 2), generator=generator(seed, "crop", epoch))
    centres = torch.randint(0, 32, (count, 2), generator=generator(seed, "cutout", epoch))
    return flips, shifts, centres


def _changed(image, settings, draws, index):
    """One image [3, 32, 32] shifted, mirrored and cut out."""
    flips, shifts, centres = draws
    crop, hole = settings["crop"], settings["cutout"]
    padded = torch.nn.functional.pad(image[None].float(), (crop,) * 4, mode="reflect")[0].byte()
    down, right = shifts[index].tolist()
    image = padded[:, down : down + 32, right : right + 32].clone()
    if flips[index]:
        image = image.flip(2)
    if hole:
        row, column = (int(centre) - hole // 2 for centre in centres[index])
        image[:, max(0, row) : row + hole, max(0, column) : column + hole] = 127
    return image


def _beta(alpha, source):
    """Beta(α, α) from two uniforms by way of Student's t (Bailey 1994)."""
    u, v = torch.rand(2, generator=source, dtype=torch.float64).tolist()
    t = math.sqrt(u ** (-1 / alpha) - 1) * math.cos(2 * math.pi * v)
    return (1 + t / math.sqrt(1 + t * t)) / 2
