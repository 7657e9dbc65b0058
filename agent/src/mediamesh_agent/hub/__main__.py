"""`python -m mediamesh_agent.hub`."""

import sys

from mediamesh_agent.hub.main import main

sys.exit(main())
