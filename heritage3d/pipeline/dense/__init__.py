"""Dense stereo on the processor: which photographs to compare, a depth for every pixel, one cloud of all of them."""
