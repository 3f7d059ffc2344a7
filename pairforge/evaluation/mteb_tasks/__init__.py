"""Tasks and benchmarks of mteb, run by mteb itself: the one home of that library (extra `mteb`)."""
