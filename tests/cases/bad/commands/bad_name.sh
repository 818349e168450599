vramledger new optimizer 'two moments'
