"""`python -m mediamesh` is the program `mediamesh`."""

import sys

from mediamesh.cli import main

sys.exit(main())
