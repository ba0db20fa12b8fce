"""Layers that take, print or leave behind more than they should."""

from __future__ import annotations

from faults.fault import RUNS, WHOLE, Fault, backward, predict

RESOURCES = (
    Fault(
        "deep recursion",
        """
        class Faulty(_Scale):
            def backward(self, x, z, dz, memory):
                return self.backward(x, z, dz, memory)
        """,
        r"backward\(\) raised RecursionError",
    ),
    Fault(
        "memory that grows without bound",
        backward("held = [np.ones(2**21) for _ in range(10**6)]"),
        r"backward\(\) made the process hold .* more than --memory allows|The memory ran out",
    ),
    Fault(
        "one allocation of all memory",
        backward("np.ones(2**45)"),
        r"The memory ran out in backward\(\)",
    ),
    Fault(
        "gigabytes printed",
        backward('for _ in range(100): print("x" * 2**20)'),
        "",
        WHOLE,
    ),
    Fault(
        "gigabytes printed from C",
        backward('os.write(1, b"y" * 2**20); [os.write(2, b"z" * 2**20) for _ in range(100)]'),
        "",
        WHOLE,
    ),
    Fault(
        "a million lines printed",
        backward("for number in range(10**5): print(number)"),
        "",
        WHOLE,
    ),
    Fault("stdout closed", predict('print("once"); sys.stdout.close()'), "", WHOLE),
    Fault(
        "stdout and stderr replaced",
        predict("sys.stdout = sys.stderr = None"),
        r"predict\(\) changes sys\.stdout",
        WHOLE,
    ),
    Fault("file descriptors 1 and 2 closed", predict("os.closerange(1, 3)"), "", WHOLE),
    Fault(
        "all file descriptors closed",
        backward("os.closerange(3, 4096)"),
        r"backward\(\) closed file descriptors that it had not opened",
    ),
    Fault(
        "files kept open until there are no more",
        """
        kept = []

        class Faulty(_Scale):
            def backward(self, x, z, dz, memory):
                try:
                    while True:
                        kept.append(os.dup(1))
                except OSError:
                    pass
                return super().backward(x, z, dz, memory)
        """,
        "",
        RUNS,
    ),
    Fault(
        "threads left behind",
        backward("threading.Thread(target=time.sleep, args=(1000,)).start()"),
        r"backward\(\) leaves threads running",
        WHOLE,
    ),
    Fault(
        "a thread that keeps the processor busy",
        """
        def spin():
            while True:
                pass

        threading.Thread(target=spin).start()

        class Faulty(_Scale):
            pass
        """,
        "",
        WHOLE,
    ),
    Fault(
        "child processes left behind",
        backward('subprocess.Popen(["sleep", "1000"])'),
        "the layer left child processes; they were ended",
        WHOLE,
    ),
    Fault(
        "fork in forward",
        predict("os.fork()"),
        "the layer forked this process; the copies were ended",
        WHOLE,
    ),
    Fault(
        "fork that crashes",
        predict("if os.fork() == 0: ctypes.string_at(0)"),
        "the layer forked this process",
        WHOLE,
    ),
    Fault(
        "files left behind",
        predict('open("left_behind.tmp", "w").close()'),
        "files appeared in the working folder while the layer ran: left_behind.tmp",
        WHOLE,
    ),
    Fault(
        "a storm of warnings",
        predict('for number in range(10**4): warnings.warn("careful")'),
        "it warns: UserWarning: careful",
        WHOLE,
    ),
    Fault(
        "a finalizer that hangs",
        """
        class Slow:
            def __del__(self):
                time.sleep(1000)

        class Faulty(_Scale):
            def backward(self, x, z, dz, memory):
                self.slow = Slow()
                return super().backward(x, z, dz, memory)
        """,
        "did not return within",
        RUNS,
    ),
    Fault(
        "garbage collection switched off",
        predict("gc.disable()"),
        "",
        WHOLE,
    ),
    Fault(
        "everything at exit",
        """
        atexit.register(os.abort)
        atexit.register(time.sleep, 1000)

        class Faulty(_Scale):
            pass
        """,
        "",
        WHOLE,
    ),
)
