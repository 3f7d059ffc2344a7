"""The kinds of model that are trained, each as the shared part of a training sees it."""
