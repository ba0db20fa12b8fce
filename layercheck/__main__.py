"""``python -m layercheck``."""

from layercheck.cli import main

main()
