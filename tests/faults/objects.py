"""Layers whose objects, arrays and names are not what they seem."""

from __future__ import annotations

from faults.fault import BUILT, WHOLE, Fault, predict

OBJECTS = (
    Fault(
        "__eq__ that raises",
        """
        class Faulty(_Scale):
            def __eq__(self, other):
                raise ValueError("not comparable")

            __hash__ = None
        """,
        "",
        WHOLE,
    ),
    Fault(
        "__repr__ that raises",
        """
        class Faulty(_Scale):
            def __repr__(self):
                raise ValueError("no name")
        """,
        "",
        WHOLE,
    ),
    Fault(
        "__getattr__ that answers everything",
        """
        class Faulty(_Scale):
            def __getattr__(self, name):
                return lambda *_: None
        """,
        r"Faulty answers for every name \(__getattr__\)",
        (),
    ),
    Fault(
        "__getattr__ that raises something else",
        """
        class Faulty(_Scale):
            def __getattr__(self, name):
                raise OSError(f"no {name}")
        """,
        "raised OSError: no",
        (),
    ),
    Fault(
        "__getattr__ that never ends",
        """
        class Faulty(_Scale):
            def __getattr__(self, name):
                return getattr(self, name)
        """,
        "RecursionError",
        (),
    ),
    Fault(
        "__getattribute__ that raises",
        """
        class Faulty(_Scale):
            def __getattribute__(self, name):
                raise MemoryError(name)
        """,
        "",
        (),
    ),
    Fault(
        "__deepcopy__ that raises",
        """
        class Faulty(_Scale):
            def __deepcopy__(self, memo):
                raise ValueError("no copy")
        """,
        "cannot be copied as a deep copy: ValueError: no copy",
        WHOLE,
    ),
    Fault(
        "__deepcopy__ that returns itself",
        """
        class Faulty(_Scale):
            def __deepcopy__(self, memo):
                return self
        """,
        "",
        WHOLE,
    ),
    Fault(
        "__reduce__ that exits",
        """
        class Faulty(_Scale):
            def __reduce_ex__(self, protocol):
                sys.exit(1)
        """,
        "SystemExit",
    ),
    Fault(
        "__bool__ and __len__ that raise",
        """
        class Faulty(_Scale):
            def __bool__(self):
                raise ValueError("neither")

            def __len__(self):
                raise ValueError("no end")
        """,
        "",
        WHOLE,
    ),
    Fault(
        "__class__ that lies",
        """
        class Faulty(_Scale):
            __class__ = property(lambda self: np.ndarray)
        """,
        "",
    ),
    Fault(
        "an attribute that holds a lock, a file and a generator",
        """
        class Faulty(_Scale):
            def __init__(self):
                super().__init__()
                self.held = [threading.Lock(), open(os.devnull), (n for n in range(3))]
        """,
        "",
        WHOLE,
    ),
    Fault(
        "an attribute that holds itself",
        """
        class Faulty(_Scale):
            def __init__(self):
                super().__init__()
                self.me = self
                self.deep = []
                for _ in range(10**4):
                    self.deep = [self.deep]
        """,
        "What the layer holds is nested too deeply to be copied",
        (),
    ),
    Fault(
        "a name with markup, newlines and escapes",
        """
        NAME = "[red]w\\n\\x1b[31m\\u202e<b>"

        class Faulty(_Scale):
            learnables = (NAME,)

            def __init__(self):
                super().__init__()
                vars(self)[NAME] = self.w

        Faulty.__name__ = Faulty.__qualname__ = "[bold]\\x1b]0;title\\x07\\n"
        """,
        r"\[red\]w",
        BUILT,
    ),
)

ARRAYS = (
    Fault(
        "outputs of a subclass of ndarray",
        """
        class Odd(np.ndarray):
            def __array_finalize__(self, other):
                self.unit = getattr(other, "unit", None)

            def __eq__(self, other):
                raise ValueError("not comparable")

        class Faulty(_Scale):
            def predict(self, x):
                return super().predict(x).view(Odd)
        """,
        "",
        BUILT,
    ),
    Fault(
        "object arrays",
        """
        class Faulty(_Scale):
            def predict(self, x):
                return super().predict(x).astype(object)
        """,
        r"predict\(\) returned an array of dtype object where numbers are expected",
        BUILT,
    ),
    Fault(
        "masked arrays",
        """
        class Faulty(_Scale):
            def predict(self, x):
                return np.ma.masked_greater(super().predict(x), 0.5)
        """,
        r"predict\(\) returned a masked array",
        BUILT,
    ),
    Fault(
        "outputs that are views of the input",
        """
        class Faulty(_Scale):
            def predict(self, x):
                x *= self.w
                return x[...]
        """,
        "input x|changes|writes",
        BUILT,
    ),
    Fault(
        "a generator as output",
        """
        class Faulty(_Scale):
            def predict(self, x):
                yield self.w * x
        """,
        "generator",
        BUILT,
    ),
    Fault(
        "None as output", "class Faulty(_Scale):\n    def predict(self, x): return\n", "None", BUILT
    ),
    Fault(
        "NaN everywhere",
        "class Faulty(_Scale):\n    def predict(self, x): return np.full_like(x, np.nan)\n",
        "NaN|nan|finite",
        BUILT,
    ),
    Fault(
        "infinity everywhere",
        "class Faulty(_Scale):\n    def predict(self, x): return np.full_like(x, np.inf)\n",
        "inf|finite",
        BUILT,
    ),
    Fault(
        "a structured array",
        """
        class Faulty(_Scale):
            def predict(self, x):
                return np.zeros(x.shape, dtype=[("a", float), ("b", int)])
        """,
        r"predict\(\) returned an array of dtype \[",
        BUILT,
    ),
    Fault(
        "an array without elements",
        "class Faulty(_Scale):\n    def predict(self, x): return x[:0]\n",
        "",
        BUILT,
    ),
    Fault(
        "an array whose memory is gone",
        predict("x.resize((0,), refcheck=False) if x.flags.owndata else None"),
        "",
        BUILT,
    ),
    Fault(
        "text as output",
        'class Faulty(_Scale):\n    def predict(self, x): return np.full(x.shape, "a")\n',
        r"predict\(\) returned an array of dtype <U1",
        BUILT,
    ),
)
