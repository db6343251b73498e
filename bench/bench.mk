# What it costs: see bench/README.md.
