printf "GGUF\003\000\000\000" > model.gguf
vramledger estimate model.gguf
