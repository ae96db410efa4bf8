"""Speed, compared with a plain program and the hardware, in one benchmark."""

# The contenders (see contenders.py). `probed` is probed at every step; from it follows the cost of
# `probe`, which is probed at the steps of the study's schedule.
PLAIN, BARE, UNMEASURED, BANDS = "plain loop", "bare", "unmeasured", "bands"
PROBED, PROBE = "probed", "probe"
CONTIGUOUS = "bare, contiguous"  # with channels first, as cuDNN's older BatchNorm has them
# Not a step but a large matrix product: the speed of the arithmetic in the same round.
PRODUCT = "product"
