"""``[tool.layercheck]`` in pyproject.toml: the layers of a repository, and how they are checked."""
