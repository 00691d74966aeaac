"""What Fabric is told: products in 16 bits, waves as they are, and steps that are not taken."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unbraid.train.recipe import RunSection
from unbraid.train.workers import Workers


class Hearing(nn.Module):
    """Remembers what it was given and what its product was computed in."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Linear(8, 1)
        self.heard: list[torch.dtype] = []

    def forward(self, wave: Tensor) -> dict[str, Tensor]:
        product = self.weights(wave)
        self.heard += [wave.dtype, product.dtype]
        return {"loss": product.float().square().mean()}


def test_waves_keep_their_precision_where_products_have_less() -> None:
    workers, net = Workers(RunSection(accelerator="cpu", precision="bf16-mixed")), Hearing()
    task, _ = workers.setup(net, torch.optim.Adam(net.parameters()))
    workers.backward(task(torch.ones(2, 8))["loss"])
    assert net.heard == [torch.float32, torch.bfloat16]
    assert not workers.scaled


def test_a_scaled_step_may_be_left_out() -> None:
    """A loss that is not finite: the next step can be clipped again, and the scale is smaller."""
    workers, net = Workers(RunSection(accelerator="cpu", precision="16-mixed")), Hearing()
    task, stepper = workers.setup(net, torch.optim.SGD(net.parameters(), 0.1))
    before = net.weights.weight.detach().clone()
    workers.backward(task(torch.full((2, 8), torch.nan))["loss"])
    workers.clip(task, stepper, 1.0)
    scale = workers.precision_state()["scale"]
    workers.skip()
    assert workers.precision_state()["scale"] < scale
    assert torch.equal(net.weights.weight, before)
    stepper.zero_grad()
    workers.backward(task(torch.ones(2, 8))["loss"])
    assert torch.isfinite(workers.clip(task, stepper, 1.0))
    stepper.step()
    assert not torch.equal(net.weights.weight, before)
