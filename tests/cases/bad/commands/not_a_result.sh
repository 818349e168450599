echo '{"model_type": "llama", "hidden_size": 64}' > config.json
vramledger verify config.json
