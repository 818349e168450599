"""Llama-3-8B with LoRA on an H100 in NumPy, as somebody would write it who has worked the formulas out on paper.

All terms are collected to polynomials of b (batch size), s (sequence length) and r (rank), the constants are folded,
moments that can never be the peak are left out, and columns are reused where they are no longer needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]

FROZEN = 16060522496  # bytes of the model's own parameters
LORA = 10485760  # bytes of the adapter's parameters for each rank
SAVED, SAVED_RANK = 9441536, 896  # bytes saved for each token, and for each token and rank
LOSS = 128256 * 4 + 8  # bytes that the loss keeps for each token
NORM = 4096 * (2 + 2 + 2 + 4 + 2)  # bytes for each token where the last norm computes
OUTPUT, COPY = 128256 * 2, 128256 * 4  # the logits of a token, in bf16 and in fp32
OVERHEAD = (287047680, 666632192)
CAPACITY = 81089 * 2**20
SEGMENT, OPEN, WORKSPACES = 2 * 2**20, 22 * 2**20, 64 * 2**20


def by_hand(b: Column, s: Column, r: Column, accumulation: Column) -> dict[str, Any]:
    """The columns of the answer; of a range both ends, of `fits` whether it is certain and whether it is possible."""
    tokens = b * s
    gradients = r * LORA
    parameters = gradients + FROZEN
    optimizer = gradients * 2
    # activations = tokens * (SAVED + 896 r) + 512 s + 768; 7 adapters keep 4 r bytes in each of 32 layers
    activations = r * SAVED_RANK
    activations += SAVED
    activations *= tokens
    positions = s * 512
    positions += 768
    activations += positions
    logits = tokens * LOSS
    logits += 4
    logits += (b == 1) * 8
    # Of the moments all have in common: parameters, optimizer, token ids, the logits of the output. Beyond that either
    # the loss is the peak: gradients where they are kept, activations, logits, 2 * COPY;
    # or the step: gradients and as much again. All others lie below the loss or a weighted mean of the two.
    peak = tokens * (2 * COPY)
    peak += activations
    peak += logits
    persist = accumulation > 1
    peak += gradients * persist
    # what the allocator may have taken by the loss: beside it the last norm, and the logits of the micro-batch before
    taken = persist * OUTPUT
    taken += NORM
    taken *= tokens
    taken += peak
    # allocated, but for the workspaces, which are whole segments; the optimizer's state is twice the gradients
    tokens *= OUTPUT + 8
    tokens += parameters
    tokens += optimizer
    np.maximum(peak, optimizer, out=peak)
    np.maximum(taken, optimizer, out=taken)
    peak += tokens
    taken += tokens
    # total: whole segments and the overhead; at most 115 percent and what lies open more
    low = peak
    low += SEGMENT - 1
    low &= -SEGMENT
    low += WORKSPACES + OVERHEAD[0]
    taken *= 23
    taken += 23 * WORKSPACES + 19
    taken //= 20
    taken += SEGMENT - 1
    taken &= -SEGMENT
    taken += OPEN + OVERHEAD[1]
    return {
        "parameters.bytes": parameters,
        "gradients.bytes": gradients,
        "optimizer.bytes": optimizer,
        "activations.bytes": activations,
        "logits.bytes": logits,
        "overhead.bytes.low": OVERHEAD[0],
        "overhead.bytes.high": OVERHEAD[1],
        "total.bytes.low": low,
        "total.bytes.high": taken,
        "fits": (taken <= CAPACITY, low <= CAPACITY),
    }
