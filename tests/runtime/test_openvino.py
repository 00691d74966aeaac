"""What OpenVINO does to the process that it runs in."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

CODE = """
import faulthandler, gc, signal, subprocess, sys
faulthandler.enable()  # gives the thread a stack for signals, as test runners and debuggers do
from unbraid.runtime import openvino
from unbraid.runtime.facts import read_facts
from unbraid.zoo import bundled
facts = read_facts(bundled.facts_path())
first, second = openvino.load(facts), openvino.load(facts)
del first
gc.collect()
del second
gc.collect()
signal.signal(signal.SIGCHLD, lambda *_: None)
subprocess.run([sys.executable, "-c", ""], check=True)
print("alive")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGCHLD"), reason="elsewhere no signal tells of a child that ended")
def test_signals_are_heard_after_models_went_in_the_order_in_which_they_came() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["alive"])
