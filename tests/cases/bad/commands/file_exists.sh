vramledger new optimizer two-moments > /dev/null &&
vramledger new optimizer two-moments
