"""`python -m pairforge` is `pairforge`."""

import sys

from pairforge.cli.app import main

sys.exit(main())
