"""The compiler's stand-in: optimizers work without it, and who needs it gets the real one."""

import subprocess
import sys

from artefacts import ROOT

STEP = """
import sys, torch
from landscape import lazy_compiler
if {install}: lazy_compiler.install()
model = torch.nn.Linear(3, 1)
kinds = [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop, torch.optim.Adagrad]
for kind in kinds:
    torch.manual_seed(0)
    optimizer = kind(model.parameters(), lr=0.1)
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
"""


def said(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_optimizers_step_without_the_compiler():
    program = STEP.format(install=True)
    count = 'print(sum(name.startswith("torch._dynamo.") for name in sys.modules))'
    assert said(program + count).split() == ["0"]
    without = STEP.format(install=False)
    assert int(said(without + count)) > 0  # the control: this is what it saves


def test_who_asks_for_more_gets_the_real_compiler():
    program = (
        "import sys, torch\nfrom landscape import lazy_compiler\nlazy_compiler.install()\n"
        "import torch._dynamo.config\n"
        "assert type(sys.modules['torch._dynamo']).__name__ == 'module'\n"
        "double = torch.compile(lambda x: 2 * x, backend='eager')\n"
        "print(double(torch.ones(1)).item())\n"
    )
    assert said(program).split() == ["2.0"]


COUNTED = """
import sys, torch
from landscape import lazy_compiler, models
from landscape.config.architectures import ConvNet
from landscape.measure import flops
lazy_compiler.install()
model = models.build(ConvNet(), 0)
if {meta}:
    model, image = model.to("meta"), torch.empty(1, 3, 32, 32, device="meta")
    flops.twin_and_image = lambda *_: (model, image)
print(flops.forward_flops(model), "sympy" in sys.modules)
"""


def test_operations_are_counted_without_symbols():
    count, symbols = said(COUNTED.format(meta=False)).split()
    assert symbols == "False"
    assert said(COUNTED.format(meta=True)).split() == [count, "True"]  # the control
