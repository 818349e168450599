printf '\065\0\0\0\0\0\0\0{"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}12345678' > one.safetensors
printf '{"weight_map": {"v": "one.safetensors"}}' > model.safetensors.index.json
vramledger estimate model.safetensors.index.json
