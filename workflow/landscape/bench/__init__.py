"""How fast it is, against what a plain program and the hardware do: measured in one run."""

# The ways to make a training step that race (see contenders.py); `probed` is probed at every step,
# and from it comes what `probe` costs, at every step that the study's schedule names.
PLAIN, BARE, UNMEASURED, BANDS = "plain loop", "bare", "unmeasured", "bands"
PROBED, PROBE = "probed", "probe"
# Not a step but a large matrix product: what the arithmetic can do in the same minute.
PRODUCT = "product"
