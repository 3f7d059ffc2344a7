"""Commands: one module a group; parse, call, render, and no logic."""
