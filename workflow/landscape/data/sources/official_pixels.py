"""Whether images are CIFAR-10's official ones, decided by the pixels themselves.

Published checksums prove only the authors' files. Other lossless copies are compared with the known
pixels of 59,908 of the 60,000 images, by one checksum. The other 92, listed here, are not known; a
public data set has them re-encoded as JPEG.
"""

import hashlib
from typing import Any, NamedTuple

import numpy as np

from landscape.data.cifar10 import TEST_IMAGES, TRAIN_IMAGES
from landscape.data.sources.copies import Part

SHA256 = "8a44d592cf4cc9d2fd66b17153ae23631d8dec814d83225fdb143796d4d7ad06"
WITH_REENCODED = "ddd5fede3a19c3c53beb3ed5c953973c50b77b5529925ee199209daeb2e57443"  # of all 60,000
NOT_KNOWN: dict[str, tuple[int, ...]] = {
    "train": (
        *(4298, 5949, 7066, 7237, 7248, 7630, 8006, 8831, 8968, 9415, 12762, 12834, 13546, 21493),
        *(25728, 26098, 26927, 27621, 28435, 28728, 29694, 29747, 31367, 31462, 31625, 31663),
        *(32777, 33641, 33661, 34067, 34276, 34387, 34825, 35160, 35646, 36733, 37329, 37474),
        *(37567, 38384, 38925, 39358, 39385, 39613, 39840, 39888, 39971, 41779, 42004, 42389),
        *(42611, 43357, 43883, 44882, 45168, 45240, 46175, 46435, 46538, 46624, 47393, 47597),
        *(48081, 48124, 48333, 48821, 48836, 49321, 49429, 49631, 49830, 49857),
    ),
    "test": (
        *(1259, 1369, 1422, 2245, 2737, 2935, 3695, 3718, 4085, 4496, 5791, 5896, 6286, 7580),
        *(7707, 7724, 7832, 8117, 8551, 9254),
    ),
}
KNOWN = TRAIN_IMAGES + TEST_IMAGES - sum(map(len, NOT_KNOWN.values()))
SHARE = KNOWN / (TRAIN_IMAGES + TEST_IMAGES)


class Pixels(NamedTuple):
    """`official`: all of them, not all of them, or unknown; `share` that is known to be."""

    official: bool | None
    share: float | None
    words: str  # after the data's name


def told(train: Part, test: Part, official: bool | None) -> Pixels:
    """What is known about the pixels, beyond what a copy's format says (`official`)."""
    if official:
        return Pixels(True, 1.0, "")
    parts = {"train": train, "test": test}
    if (len(train[1]), len(test[1])) == (TRAIN_IMAGES, TEST_IMAGES):
        known = {
            part: np.setdiff1d(np.arange(len(labels)), NOT_KNOWN[part])
            for part, (_, labels) in parts.items()
        }
        if _sha256(parts, known) == SHA256:
            if _sha256(parts, None) == WITH_REENCODED:
                return Pixels(
                    False, SHARE, f", official pixels of all but {100 * (1 - SHARE):.2f} %"
                )
            return Pixels(None, SHARE, f", official pixels of at least {100 * SHARE:.2f} %")
    return Pixels(official, None, " with re-encoded pixels" if official is False else "")


def _sha256(parts: dict[str, Part], chosen: dict[str, Any] | None) -> str:
    digest = hashlib.sha256()
    for part, (pixels, labels) in parts.items():
        rows = slice(None) if chosen is None else chosen[part]
        digest.update(np.ascontiguousarray(pixels[rows]).data)
        digest.update(np.ascontiguousarray(labels[rows].astype(np.int64)).data)
    return digest.hexdigest()
