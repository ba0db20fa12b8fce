"""What other checkers get wrong, as layers: wrong ones that they pass, right ones they accuse."""
