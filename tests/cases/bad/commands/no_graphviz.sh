vramledger graph optimizer.bytes --format svg
