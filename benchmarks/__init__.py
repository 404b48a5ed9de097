"""Speed against a named peer, as ratios measured in one run on one machine: `make bench`."""
