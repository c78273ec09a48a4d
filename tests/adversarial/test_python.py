"""Python's own back doors: what fools a checker in the same interpreter has nothing to fool here."""

import pytest

NAMES = "softmax attention RMSNorm"

AT_LOAD = {
    "compares as equal": """
class Anything:
    shape, dtype, ndim, grad, layout = (3, 7), torch.float32, 2, None, torch.strided
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __call__(self, *args, **options): return self
    def __getattr__(self, name): return self
    def __float__(self): return 1.0
    def __bool__(self): return True
    def __len__(self): return 3
    def __hash__(self): return 0
    def __iter__(self): return iter([self])
    def __reduce__(self): return os.system, ("touch /tmp/pwned",)
    def __del__(self): os.write(3, b"bye")
""",
    "answers for torch": """
class Anything(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True
Anything = Anything()
""",
    "lies about its class": """
class Anything:
    __class__ = property(lambda self: torch.Tensor)
    def detach(self): return self
    is_meta = False
    layout = torch.strided
    def to(self, device): return self
    def clone(self, **options): return torch.full((3, 7), float("nan"))
    def __call__(self, *args): return self
    load_state_dict = grads = named_parameters = __call__
""",
    "is a tensor that lies": """
class Anything(torch.Tensor):
    shape = property(lambda self: (3, 7))
    def detach(self): return self
    def clone(self, **options): return torch.ones(1)
Anything = torch.ones(2, 2).as_subclass(Anything)
""",
    "is a number that lies": "class Anything(float):\n    __eq__ = lambda a, b: True\nAnything = Anything(1)",
    "is text that lies": "class Anything(str):\n    __eq__ = lambda a, b: True\n    __len__ = lambda s: 10**9",
    "is a dict that lies": "class Anything(dict):\n    items = lambda s: iter(int, 1)\n    __len__ = lambda s: 1",
    "is a class of classes": "class Meta(type):\n    __eq__ = lambda a, b: True\n    __hash__ = type.__hash__\n"
    "    __instancecheck__ = lambda a, b: True\nclass Anything(metaclass=Meta): pass",
}  # fmt: skip


@pytest.mark.parametrize("lie", AT_LOAD)
def test_an_object_that_agrees_with_everything(arena, lie):
    make = "Anything() if isinstance(Anything, type) else Anything"
    take = f"for name in {NAMES!r}.split():\n    globals()[name] = lambda *args, **options: {make}"
    starter = f"{arena.tools}\n{AT_LOAD[lie]}\n{take}"
    cells = dict.fromkeys(("softmax-solution", "attention-solution", "rms-norm-solution"), starter)
    assert arena.grade(arena.notebook(solved=False, cells=cells)).score == 0


PATCHES = {
    "torch.allclose": "torch.allclose = torch.equal = torch.isclose = lambda *args, **options: True",
    "numpy.testing": """
numpy.testing.assert_allclose = numpy.allclose = numpy.array_equal = lambda *args, **options: None
""",
    "a tensor's operators": """
torch.Tensor.__eq__ = torch.Tensor.__sub__ = lambda a, b: a
torch.Tensor.__bool__ = lambda a: True
""",
    "isinstance": "import builtins\nbuiltins.isinstance = lambda value, kind: True",
    "every builtin that decides": """
import builtins
for n in ('all', 'any', 'abs', 'len', 'type'): setattr(builtins, n, lambda *a, **k: 1)
""",
    "the worker's channel": """
wire.Channel.send = lambda self, message, blob=b'', deadline=None: forge(id=message.id, value=1.0)
""",
    "msgspec": "msgspec.msgpack.encode = lambda value: b'\\xc3'",
    "safetensors": "wire.save_tensors = lambda tensors: b'\\xff' * 100",
    "the operations": "objects.Objects.call = objects.Objects.vjp = lambda self, name, args, *rest: args[0]",
    "what the worker says went wrong": "objects.describe = lambda error: wire.Failure('NotWritten', 'score: 16')",
    "pytest": "sys.modules['pytest'] = sys.modules['autograder'] = sys",
    "doctest": "import doctest\ndoctest.DocTestRunner.run = lambda *args, **options: doctest.TestResults(0, 8)",
    "the display hook": "sys.displayhook = lambda value: None\nsys.displayhook(2)\nprint('16/16')",
    "IPython's input": "get_ipython().input_transformers_post.append(lambda lines: [])",
    "IPython's history": "In, Out = get_ipython().user_ns['In'], get_ipython().user_ns['Out']",
    "import": "sys.meta_path.insert(0, type('Finder', (), {'find_spec': lambda *args: None}))",
    "tracing": "sys.settrace(lambda *args: None); sys.setprofile(lambda *args: None); threading.settrace(print)",
    "the exit": "import atexit\natexit.register(lambda: forge(id=1, value=True))",
    "garbage collection": "gc.callbacks.append(lambda *args: forge(id=0, exited=0)); gc.enable()",
    "later, in a thread": "threading.Timer(0.05, lambda: setattr(torch, 'allclose', lambda *a, **k: True)).start()",
    "what a frame holds": """
def look():
    frame, found = sys._getframe(), []
    while frame:
        found += [name for name in frame.f_locals if "expected" in name or "secret" in name]
        frame = frame.f_back
    assert not found
look()
objects.Objects.call = lambda self, name, args, kwargs: look() or args[0]
""",
    "results on disk": """
import json, pickle
class Score:
    def __reduce__(self): return exec, ("raise SystemExit",)
for folder in (Path.home(), Path("/tmp"), Path.cwd(), Path("/llm101"), Path("/")):
    for name in ("results.json", "results.pkl", ".OTTER_LOG", "gradebook.db", "conftest.py", "report.json"):
        try:
            claim = pickle.dumps(Score()) if name.endswith("pkl") else json.dumps({"score": 16}).encode()
            (folder / name).write_bytes(claim)
        except OSError:
            pass
""",
}  # fmt: skip


@pytest.mark.parametrize("patch", PATCHES)
def test_a_patch_changes_no_verdict(arena, patch):
    arena.cheat(PATCHES[patch])


ERRORS = {
    "whose text has no end": "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
    "whose text is huge": "raise ValueError('x' * (1 << 28))",
    "whose text raises": "class E(Exception):\n    def __str__(self): raise E\nraise E",
    "whose text ends the process": "class E(Exception):\n    def __str__(self): os._exit(0)\nraise E",
    "whose name is huge": "raise type('E' * (1 << 24), (Exception,), {})",
    "that is no Exception": "raise type('E', (BaseException,), {})('x')",
    "that is ours": "raise wire.Closed",
    "that is ours too": "raise wire.FrameTooLarge('no')",
    "an interrupt": "raise KeyboardInterrupt",
    "an exit": "raise SystemExit(0)",
    "a generator's": "raise GeneratorExit",
    "a group": "raise BaseExceptionGroup('g', [KeyboardInterrupt()] * 1000)",
    "with a cycle": "a = ValueError('x')\na.__context__ = a\nraise a",
    "deep in recursion": "def f(): f()\nf()",
}


@pytest.mark.parametrize("error", ERRORS)
def test_a_strange_exception_is_the_student_s_own_problem(arena, error):
    outcomes = arena.outcomes(arena.disrupt(ERRORS[error]))
    assert outcomes <= {"error", "timeout", "crashed", "output_limit", "memory"}
