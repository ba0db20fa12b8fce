"""The checks of the suite ``torch``, which import PyTorch."""
