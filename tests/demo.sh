#!/bin/sh
# The main job on real input: the documents' figures, a real config.json, derivations, an optimizer nobody knows.
# An estimate that does not fit exits with 1; that is an answer here, not a failure.
set -eu
run=$1
say() { printf '\n== %s\n\n' "$*"; }
ask() { printf '$ vramledger %s\n\n' "$*"; "$run" "$@" || [ $? -eq 1 ]; }

say "The figures of the five documents, each under its document's own way of counting"
"$run" test -v specs/scenarios/*.yaml

say "One of them in full, with what the document contradicts"
ask estimate specs/scenarios/surprising-truths-llama-6b.yaml

say "How its total came"
ask explain specs/scenarios/surprising-truths-llama-6b.yaml --depth 6

say "A real config.json: Llama-3-8B, fully fine-tuned in bf16 with AdamW"
ask estimate examples/llama-3-8b --hardware h100-80gb

say "The same with LoRA on a smaller card"
ask estimate examples/llama-3-8b --adapter lora --checkpointing full --hardware rtx-4090

say "Down to one tensor: the state that AdamW keeps"
ask explain examples/llama-3-8b optimizer.bytes --depth 8 --row "q_proj / weight / exp_avg_sq"

say "An optimizer that nobody here has heard of, as a file of its own"
cat examples/one-and-a-half.yaml
ask estimate examples/llama-3-8b --optimizer one-and-a-half --specs examples/one-and-a-half.yaml --hardware h100-80gb

say "Many rows at once: what fits, and the largest context that does"
ask sweep examples/llama-3-8b --adapter lora --hardware h100-80gb --over checkpointing=none,full --over batch.size=1:3 \
  --select activations.bytes,total.bytes,fits
ask solve examples/llama-3-8b --adapter lora --hardware h100-80gb --max batch.sequence_length
