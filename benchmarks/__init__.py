"""How fast bagkit is, beside dask.bag, Polars and programs written by hand. Run `python -m benchmarks --help`."""
