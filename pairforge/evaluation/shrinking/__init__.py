"""How small an encoder's vectors and weights can be made, and what each size costs in quality."""
