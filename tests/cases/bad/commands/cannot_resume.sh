vramledger sweep gpt2 --over batch.size=1:4 -o grid/ --format csv
vramledger sweep gpt2 --over batch.size=1:8 -o grid/ --format csv --resume
