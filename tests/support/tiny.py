"""The tiny study that the fixtures make: its size, and one run of each part."""

RUN, PROBE = "bands/vgg_a_bn/lr0.001/seed0", "probe/vgg_a/seed0"
TRAIN_IMAGES, TEST_IMAGES = 200, 50
