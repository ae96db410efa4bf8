"""Random changes of the training images: a function of (seed, epoch, image), never of a state."""

import math

import torch

from landscape.config import recipes
from landscape.config.runs import CLASSES
from landscape.runtime.randomness import generator


class Augmenter:
    """Flips, shifts, cut-outs and mixtures, drawn for a whole epoch and applied batch by batch.

    The images stay resident; a shifted and flipped batch is gathered from a padded copy in one
    pass, in the layout [B, H, W, C] that convolutions are fastest with.
    """

    def __init__(
        self,
        settings: recipes.Augmentation,
        pixels: torch.Tensor,
        seed: int,
        grey: float = 127,
    ):
        """`pixels` [N, C, H, W] of any dtype; `grey`: their value where an image is cut out."""
        self.settings, self.seed, self.grey = settings, seed, grey
        self.side = pixels.shape[-1]
        pad = (settings.crop,) * 4
        padded = torch.nn.functional.pad(pixels.float(), pad, mode="reflect").to(pixels.dtype)
        self.padded = padded.permute(0, 2, 3, 1).contiguous()  # [N, H + 2p, W + 2p, C]
        count, device = len(pixels), pixels.device
        self.shifts = torch.zeros(count, 2, dtype=torch.int64, device=device)
        self.flips = torch.zeros(count, dtype=torch.bool, device=device)
        self.centres = torch.zeros(count, 2, dtype=torch.int64, device=device)
        self.partner_share = torch.zeros((), device=device)

    def pixels(self, chosen: torch.Tensor) -> torch.Tensor:
        """The images `chosen` [B] as they were last drawn: [B, C, H, W] of the pixels' dtype."""
        span = torch.arange(self.side, device=chosen.device)
        rows = self.shifts[chosen, 0, None] + span  # [B, H]
        columns = self.shifts[chosen, 1, None] + span
        columns = torch.where(self.flips[chosen, None], columns.flip(1), columns)
        images = self.padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]
        if self.settings.cutout:
            images = images.masked_fill(self._holes(chosen, span), self.grey)
        return images.permute(0, 3, 1, 2)

    def draw_mixture(self, step: int) -> None:
        """Draw the λ ~ Beta(α, α) of the batch of this step, if there is mixup."""
        alpha = self.settings.mixup
        if alpha:
            self.partner_share.fill_(1 - _beta(alpha, generator(self.seed, "mixup", step)))

    def mix(self, inputs: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """λ·batch + (1 − λ)·batch reversed, of inputs and one-hot labels (Zhang et al. 2018).

        λ is the one drawn last; batches are in random order already, so that the reversed one is a
        random partner. Without mixup: the arguments.
        """
        if not self.settings.mixup:
            return inputs, labels
        targets = torch.nn.functional.one_hot(labels, CLASSES).to(inputs.dtype)
        return (
            inputs.lerp(inputs.flip(0), self.partner_share),
            targets.lerp(targets.flip(0), self.partner_share),
        )

    def draw(self, epoch: int) -> None:
        """One draw per image and kind for an epoch; every kind has a generator of its own.

        In place: a CUDA graph captured on these tensors then reads the new epoch's values.
        """
        count, crop = len(self.padded), self.settings.crop
        coordinates = (count, 2)
        shifts = torch.randint(0, 2 * crop + 1, coordinates, generator=self._for("crop", epoch))
        centres = torch.randint(0, self.side, coordinates, generator=self._for("cutout", epoch))
        self.shifts.copy_(shifts)
        self.flips.copy_(self._flips(epoch, count))
        self.centres.copy_(centres)

    def _for(self, purpose: str, epoch: int) -> torch.Generator:
        return generator(self.seed, purpose, epoch)

    def _flips(self, epoch: int, count: int) -> torch.Tensor:
        """random: a coin for each epoch; alternating: one coin at first, then in turn, so that in
        any two epochs each image is seen both ways (Jordan 2024)."""
        match self.settings.flip:
            case "none":
                return torch.zeros(count, dtype=torch.bool)
            case "random":
                return torch.rand(count, generator=self._for("flip", epoch)) < 0.5
            case "alternating":
                first = torch.rand(count, generator=self._for("flip", 0)) < 0.5
                return first ^ bool(epoch % 2)

    def _holes(self, chosen: torch.Tensor, span: torch.Tensor) -> torch.Tensor:
        """Squares of the configured side around random centres (DeVries & Taylor 2017).

        They are cut at the image's edge, as there.
        """
        side = self.settings.cutout
        past = span - (self.centres[chosen, :, None] - side // 2)  # [B, 2, side of the image]
        inside = (past >= 0) & (past < side)
        return (inside[:, 0, :, None] & inside[:, 1, None, :])[..., None]


def _beta(alpha: float, source: torch.Generator) -> float:
    """One draw of Beta(α, α), from two uniforms: torch's own sampler takes no generator.

    t = √(U^(−1/α) − 1) cos 2πV is Student's t with 2α degrees of freedom, over √(2α) (Bailey 1994),
    and then (1 + t/√(1 + t²))/2 is Beta(α, α). No draw is rejected, however large or small α is.
    """
    u, v = torch.rand(2, generator=source, dtype=torch.float64)
    t = torch.expm1(-u.log() / alpha).sqrt() * torch.cos(2 * math.pi * v)
    return float((1 + t.atan().sin()) / 2)  # sin(atan t) is t/√(1 + t²), at t = ∞ too
