"""CIFAR-10: ten classes of 32x32 RGB images (Krizhevsky 2009)."""

from landscape.config.runs import CLASSES as CLASSES

CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
IMAGE_SHAPE = (3, 32, 32)
PARTS = ("train", "test")
TRAIN_IMAGES, TEST_IMAGES = 50_000, 10_000
