vramledger path kv_cache.bytes optimizer.bytes
