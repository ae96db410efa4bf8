"""Why does batch normalization help optimization? Measured on VGG-A and CIFAR-10."""

import time

STARTED = time.monotonic()  # a job's total_seconds start here and include its imports
