"""The page that `weir drift report` writes: what was told of one model version's drift, drawn, in a file of its own."""
