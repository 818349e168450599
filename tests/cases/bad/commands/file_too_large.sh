head -c 9000000 /dev/zero > weights.yaml
vramledger lint --specs weights.yaml
