"""The options of training and of fresh models, a module for each thing that they say."""

from pairforge.training.options.fresh import InitModelOptions
from pairforge.training.options.hardware import Precision
from pairforge.training.options.losses import LossName
from pairforge.training.options.rates import FindLearningRateOptions
from pairforge.training.options.training import TrainOptions

__all__ = ["FindLearningRateOptions", "InitModelOptions", "LossName", "Precision", "TrainOptions"]
