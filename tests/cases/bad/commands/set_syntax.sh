vramledger estimate llama-3-8b --set batch.size:4
