"""Devices: NumPy, CuPy and the arrays of the rehearsal behind one small face."""
